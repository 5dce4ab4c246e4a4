//! `verify`: whether evidence holds.

use purge_core::evidence::Verdict;

use crate::args::VerifyArgs;
use crate::evidence::verify::verify;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::terminal::{BAD, CARE, DIM, GOOD, STRONG, paint, say};

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
    let label = |name: &str| paint(DIM, &format!("{name:>8}"));
    say(&format!("{}  {}", label("run"), verdict.run_id));
    say(&format!("{}  {}", label("plan"), verdict.plan_digest));
    say(&format!("{}  {}", label("manifest"), verdict.evidence_digest));
    if verdict.simulated {
        say(&format!("{}  {}", label("tenant"), paint(CARE, "SIMULATED: nothing real was deleted")));
    }
    say("");
    for check in &verdict.checks {
        let mark = if check.holds { paint(GOOD, "   holds") } else { paint(BAD, "  BROKEN") };
        say(&format!("{mark}  {:<8} {}", check.name, check.detail));
    }
    say("");
    match (verdict.holds, verdict.outcome) {
        (true, Some(outcome)) => say(&paint(STRONG, &format!("the evidence holds: the run is {outcome}"))),
        (true, None) => say(&paint(STRONG, "the evidence holds")),
        (false, _) => say(&paint(BAD, "the evidence does not hold")),
    }
    if verdict.holds && !compared {
        say(&paint(
            DIM,
            "whether the folder was replaced as a whole shows `--manifest` with the digest that `run` printed",
        ));
    }
}
