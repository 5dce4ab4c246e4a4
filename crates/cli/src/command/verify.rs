//! `verify`: checks whether evidence holds.

use purge_core::evidence::{Summary, Verdict};
use purge_core::json::is_unseen;

use crate::args::VerifyArgs;
use crate::evidence::verify::verify;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::terminal::words::{count, plural};
use crate::terminal::{BAD, CARE, DIM, GOOD, STRONG, paint, print_out};

/// Columns of a line, where its words allow it.
const WIDTH: usize = 80;

/// Columns taken by a label.
const INDENT: usize = 10;

/// Checks and prints. A negative verdict is a result, not a failure.
pub(crate) fn run(args: &VerifyArgs) -> Result<Exit, Failure> {
    let verdict = verify(&args.evidence, args.manifest.as_deref())?;
    if args.json {
        let text = serde_json::to_string_pretty(&verdict).map_err(|why| Failure::machine("write the verdict", why))?;
        print_out(&text);
    } else {
        show(&verdict, args.manifest.is_some());
    }
    Ok(if verdict.holds { Exit::Fine } else { Exit::Doubtful })
}

fn show(verdict: &Verdict, compared: bool) {
    print_labelled("run", &verdict.run_id);
    print_labelled("plan", &verdict.plan_digest);
    print_labelled("manifest", &verdict.evidence_digest);
    if let Some(summary) = &verdict.summary {
        summarise(summary);
    }
    if verdict.simulated {
        print_out(&format!("{:INDENT$}{}", "", paint(CARE, "SIMULATED: nothing real was deleted")));
    }
    print_out("");
    for check in &verdict.checks {
        let mark = if check.holds { paint(GOOD, "   holds") } else { paint(BAD, "  BROKEN") };
        let indent = INDENT + 9;
        print_out(&format!("{mark}  {:<8} {}", check.name, wrap(&check.detail, indent)));
    }
    print_out("");
    match (verdict.holds, verdict.outcome) {
        (true, Some(outcome)) => print_out(&paint(STRONG, &format!("the evidence holds: the run is {outcome}"))),
        (true, None) => print_out(&paint(STRONG, "the evidence holds")),
        (false, _) => print_out(&paint(BAD, "the evidence does not hold")),
    }
    if verdict.holds && !compared {
        let what =
            "to find out whether the whole folder was replaced, pass `--manifest` with the digest that `run` printed";
        print_out(&paint(DIM, &wrap(what, 0)));
    }
}

/// Prints what a reader wants to know first.
fn summarise(summary: &Summary) {
    print_labelled("tenant", &format!("{}, in {} as the request says", summary.tenant, summary.jurisdiction));
    print_labelled("approved", &format!("by {} at {}", summary.approved_by, summary.approved_at));
    if let (Some(from), Some(until)) = (summary.started_at, summary.last_at) {
        print_labelled("ran", &format!("from {from} to {until}"));
    }
    let ended = summary.by_outcome.iter().filter(|(_, chunks)| **chunks > 0);
    let mut how: Vec<String> = ended.map(|(outcome, chunks)| format!("{chunks} {}", outcome.as_str())).collect();
    if summary.open > 0 {
        how.push(format!("{} open", summary.open));
    }
    print_labelled("chunks", &format!("{}: {}", plural(summary.chunks.into(), "chunk"), how.join(", ")));
    print_labelled("deleted", &sum(summary.records_deleted));
    print_labelled("left", &sum(summary.remaining));
    if summary.protected > 0 {
        print_labelled("kept", &format!("{} by the platform's legal holds", count(Some(summary.protected))));
    }
}

/// A sum over all chunks, or where to find what is known of it.
fn sum(total: Option<u64>) -> String {
    let all = || "no sum over all chunks; report.json has what is known of each".to_owned();
    total.map_or_else(all, |total| count(Some(total)))
}

fn print_labelled(label: &str, text: &str) {
    print_out(&format!("{}  {}", paint(DIM, &format!("{label:>8}")), wrap(text, INDENT)));
}

/// Wraps the text at [`WIDTH`] columns and indents all lines but the first. A folder may come from anywhere, so its text must not
/// be able to do anything to the terminal but appear on it.
fn wrap(text: &str, indent: usize) -> String {
    let mut out = String::new();
    let mut column = indent;
    for word in text.split(' ').map(escape_unseen) {
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

/// Replaces invisible characters, which may move the cursor or change the writing direction, with their escapes.
fn escape_unseen(word: &str) -> String {
    word.chars().map(|c| if is_unseen(c) { c.escape_default().to_string() } else { c.to_string() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_folder_says_stays_in_its_place() {
        assert_eq!(wrap("a \r\n b\u{1b}[2J \u{202e}c", 0), "a \\r\\n b\\u{1b}[2J \\u{202e}c");
        assert_eq!(wrap("\u{ad}\u{feff}\u{e0041} \u{3164}", 0), "\\u{ad}\\u{feff}\\u{e0041} \\u{3164}");
        let long = "word ".repeat(40);
        let lines: Vec<String> = wrap(&long, INDENT).lines().map(str::to_owned).collect();
        assert!(lines.len() == 3 && lines.iter().all(|line| line.len() <= WIDTH), "{lines:#?}");
        assert!(lines[1].starts_with("          word"), "{lines:#?}");
    }
}
