//! Random purges, judged by the documents and not by the code. What a hold or a rule keeps stays. Nothing is deleted that was not
//! asked for. What is called verified is gone. The report's numbers are the tenant's own, the evidence holds, and every run ends.
//! `case` makes the request and what happens meanwhile, `run` carries it out, and `judge` compares.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]

mod case;
mod conversations;
mod judge;
#[path = "../schedules/ledger.rs"]
mod ledger;
mod lies;
mod partition;
mod policy;
#[path = "../schedules/rng.rs"]
mod rng;
mod run;
mod tenant;

use std::collections::{BTreeMap, BTreeSet};

use case::Case;
use purge_core::outcome::Outcome;

/// Judges 300 cases; more with `ORACLE_CASES=n`, others with `ORACLE_FROM=n`, and a single one, which is shown, with
/// `ORACLE_SEED=n`.
#[test]
fn random_purges_do_what_the_documents_say() {
    let number = |name, usual| std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(usual);
    let only = number("ORACLE_SEED", u64::MAX);
    let (from, count) = match only {
        u64::MAX => (number("ORACLE_FROM", 0), number("ORACLE_CASES", 300)),
        seed => (seed, 1),
    };
    let mut outcomes = BTreeSet::new();
    let mut wrong = BTreeMap::<&str, Vec<(u64, String)>>::new();
    for seed in from..from + count {
        match std::panic::catch_unwind(|| one(seed)) {
            Ok(verdict) => {
                outcomes.extend(verdict.outcomes.into_iter().map(Outcome::as_str));
                verdict.wrong.into_iter().for_each(|(what, how)| wrong.entry(what).or_default().push((seed, how)));
            }
            Err(_) => wrong.entry("panic").or_default().push((seed, "see above".to_owned())),
        }
    }
    let kinds = wrong.iter().map(|(what, found)| {
        let seeds: Vec<_> = found.iter().map(|(seed, _)| *seed).collect();
        format!("\n{what} with each ORACLE_SEED of {seeds:?}, and first: {}", found[0].1)
    });
    let kinds: String = kinds.collect();
    let shown = if count == 1 { format!("{:#?}", Case::random(from)) } else { String::new() };
    assert!(wrong.is_empty(), "{kinds}\n{shown}");
    assert!(outcomes.len() > 6 || count < 300, "too much alike: {outcomes:?}");
}

/// A deviation from the documents: its kind, and a description.
type Wrong = (&'static str, String);

/// The results of one case.
#[derive(Default)]
struct Verdict {
    wrong: Vec<Wrong>,
    outcomes: Vec<Outcome>,
}

fn one(seed: u64) -> Verdict {
    let case = Case::random(seed);
    let Some(done) = run::carry_out(&case) else {
        return Verdict { wrong: partition::nothing_to_do(&case), ..Verdict::default() };
    };
    let outcomes = done.report.chunks.iter().filter_map(|chunk| chunk.outcome).collect();
    Verdict { wrong: judge::judge(&case, &done), outcomes }
}
