//! `verify`: whether evidence holds.

use purge_core::evidence::{Summary, Verdict};
use purge_core::json::is_unseen;

use crate::args::VerifyArgs;
use crate::evidence::verify::verify;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::terminal::words::{count, plural};
use crate::terminal::{BAD, CARE, DIM, GOOD, STRONG, paint, say};

/// Columns of a line, where its words allow it.
const WIDTH: usize = 80;

/// Columns in front of what belongs to a label.
const INDENT: usize = 10;

/// Checks and prints; an answer to the question is the result, also when it is no.
pub(crate) fn run(args: &VerifyArgs) -> Result<Exit, Failure> {
    let verdict = verify(&args.evidence, args.manifest.as_deref())?;
    if args.json {
        let text = serde_json::to_string_pretty(&verdict).map_err(|why| Failure::machine("write the verdict", why))?;
        say(&text);
    } else {
        show(&verdict, args.manifest.is_some());
    }
    Ok(if verdict.holds { Exit::Fine } else { Exit::Doubtful })
}

fn show(verdict: &Verdict, compared: bool) {
    about("run", &verdict.run_id);
    about("plan", &verdict.plan_digest);
    about("manifest", &verdict.evidence_digest);
    if let Some(summary) = &verdict.summary {
        summarise(summary);
    }
    if verdict.simulated {
        say(&format!("{:INDENT$}{}", "", paint(CARE, "SIMULATED: nothing real was deleted")));
    }
    say("");
    for check in &verdict.checks {
        let mark = if check.holds { paint(GOOD, "   holds") } else { paint(BAD, "  BROKEN") };
        let indent = INDENT + 9;
        say(&format!("{mark}  {:<8} {}", check.name, wrapped(&check.detail, indent)));
    }
    say("");
    match (verdict.holds, verdict.outcome) {
        (true, Some(outcome)) => say(&paint(STRONG, &format!("the evidence holds: the run is {outcome}"))),
        (true, None) => say(&paint(STRONG, "the evidence holds")),
        (false, _) => say(&paint(BAD, "the evidence does not hold")),
    }
    if verdict.holds && !compared {
        let what =
            "to find out whether the whole folder was replaced, pass `--manifest` with the digest that `run` printed";
        say(&paint(DIM, &wrapped(what, 0)));
    }
}

/// What a reader wants to know first.
fn summarise(summary: &Summary) {
    about("tenant", &format!("{}, in {} as the request says", summary.tenant, summary.jurisdiction));
    about("approved", &format!("by {} at {}", summary.approved_by, summary.approved_at));
    if let (Some(from), Some(until)) = (summary.started_at, summary.last_at) {
        about("ran", &format!("from {from} to {until}"));
    }
    let ended = summary.by_outcome.iter().filter(|(_, chunks)| **chunks > 0);
    let mut how: Vec<String> = ended.map(|(outcome, chunks)| format!("{chunks} {}", outcome.as_str())).collect();
    if summary.open > 0 {
        how.push(format!("{} open", summary.open));
    }
    about("chunks", &format!("{}: {}", plural(summary.chunks.into(), "chunk"), how.join(", ")));
    about("deleted", &count(summary.records_deleted));
    about("left", &count(summary.remaining));
    if summary.protected > 0 {
        about("kept", &format!("{} by the platform's legal holds", count(Some(summary.protected))));
    }
}

fn about(label: &str, text: &str) {
    say(&format!("{}  {}", paint(DIM, &format!("{label:>8}")), wrapped(text, INDENT)));
}

/// The text in lines of [`WIDTH`] columns, all but the first indented. A folder may come from anywhere: what is in it must not write
/// anything else on the terminal than what it says.
fn wrapped(text: &str, indent: usize) -> String {
    let mut out = String::new();
    let mut column = indent;
    for word in text.split(' ').map(visible) {
        let length = word.chars().count();
        if column > indent && column + 1 + length > WIDTH {
            out.push_str(&format!("\n{:indent$}", ""));
            column = indent;
        } else if !out.is_empty() {
            out.push(' ');
            column += 1;
        }
        column += length;
        out.push_str(&word);
    }
    out
}

/// With everything that is not seen but moves the cursor, or turns the direction of writing, written as its escape.
fn visible(word: &str) -> String {
    word.chars().map(|c| if is_unseen(c) { c.escape_default().to_string() } else { c.to_string() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_folder_says_stays_in_its_place() {
        assert_eq!(wrapped("a \r\n b\u{1b}[2J \u{202e}c", 0), "a \\r\\n b\\u{1b}[2J \\u{202e}c");
        assert_eq!(wrapped("\u{ad}\u{feff}\u{e0041} \u{3164}", 0), "\\u{ad}\\u{feff}\\u{e0041} \\u{3164}");
        let long = "word ".repeat(40);
        let lines: Vec<String> = wrapped(&long, INDENT).lines().map(str::to_owned).collect();
        assert!(lines.len() == 3 && lines.iter().all(|line| line.len() <= WIDTH), "{lines:#?}");
        assert!(lines[1].starts_with("          word"), "{lines:#?}");
    }
}
