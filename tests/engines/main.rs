//! Compares the two engines, which must agree to the millisecond and to the byte. The page rehearses with an engine of its own
//! ([`purge_sim::DryRun`]), which is not asynchronous, so that the page can stop it between any two events. The driver carries out
//! real runs and `simulate`. Here both carry out the same plans on the same simulated tenants.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]

mod case;
mod driven;
mod rehearsed;
#[path = "../schedules/rng.rs"]
mod rng;
mod vectors;

use purge_core::audit::AuditRecord;
use purge_core::order::{Approval, Order};
use purge_core::outcome::Outcome;
use purge_core::plan::Plan;
use purge_core::report::Report;
use purge_core::time::Timestamp;
use purge_sim::Scenario;

/// A run to carry out, and the tenant.
pub(crate) struct Given {
    pub(crate) plan: Plan,
    pub(crate) order: Order,
    pub(crate) scenario: Scenario,
    pub(crate) start: Timestamp,
}

impl Given {
    /// A run of the plan, approved at `start`.
    pub(crate) fn new(plan: Plan, approved_by: &str, scenario: Scenario, start: Timestamp) -> Self {
        let approval =
            Approval { digest: plan.digest().to_owned(), approved_by: approved_by.to_owned(), approved_at: start };
        let order = Order::new(&plan, &approval, "SIMULATED tenant", true).unwrap();
        Self { plan, order, scenario, start }
    }
}

/// The results of one engine.
pub(crate) struct Made {
    pub(crate) report: Report,
    pub(crate) records: Vec<AuditRecord>,
}

impl Made {
    /// The audit log as it would be in its file.
    pub(crate) fn log(&self) -> String {
        self.records.iter().map(|record| record.line() + "\n").collect()
    }
}

/// Compares random runs; more with `PURGE_ENGINES=n`, starting at another with `PURGE_ENGINES_FROM=n`.
#[test]
fn random_runs_are_the_same_to_the_byte() {
    let number = |name, usual| std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(usual);
    let (from, count) = (number("PURGE_ENGINES_FROM", 0), number("PURGE_ENGINES", 300));
    let mut outcomes = std::collections::BTreeSet::new();
    for seed in from..from + count {
        let (given, cancel) = case::random(seed);
        let (rehearsed, cancelled) = rehearsed::rehearse(&given, cancel);
        let driven = driven::drive(&given, cancelled);
        assert_same(seed, &rehearsed, &driven);
        assert_eq!(rehearsed.report, driven.report, "run {seed}");
        outcomes.extend(driven.report.chunks.iter().filter_map(|chunk| chunk.outcome).map(Outcome::as_str));
    }
    assert!(outcomes.len() > 6 || count < 300, "too much alike: {outcomes:?}");
}

fn assert_same(seed: u64, rehearsed: &Made, driven: &Made) {
    let (rehearsed, driven) = (rehearsed.log(), driven.log());
    let same = rehearsed.lines().zip(driven.lines()).take_while(|(a, b)| a == b).count();
    let line = |log: &str| log.lines().nth(same).unwrap_or("nothing more").to_owned();
    let difference = format!("rehearsed {}\ndriven    {}", line(&rehearsed), line(&driven));
    assert!(rehearsed == driven, "run {seed} differs from line {} on\n{difference}", same + 1);
}
