//! Problems with runs that are carried out here which are not in the ledger.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use purge_core::finding::{Finding, Severity};
use purge_core::run::{Cause, ChunkRun};
use purge_core::time::Timestamp;
use purge_driver::{Clock as _, SystemClock, Watch};

use crate::terminal::policy_unread::{AN_HOUR, PolicyUnread, UNNOTICED};
use crate::terminal::{CARE, paint, print_err_news};

/// What is tried every hour and takes up to a minute works again if nothing is heard of it for longer than this.
const FORGOTTEN_AFTER: Duration = AN_HOUR.saturating_add(Duration::from_mins(2));

/// The known problems, by run.
#[derive(Debug, Default)]
pub(crate) struct Trouble {
    runs: Mutex<BTreeMap<String, Known>>,
}

#[derive(Debug)]
struct Known {
    findings: Vec<Finding>,
    /// When it was last tried, if it is retried by itself.
    tried: Option<Timestamp>,
}

impl Trouble {
    /// What is wrong with that run now.
    pub(crate) fn of(&self, run_id: &str, now: Timestamp) -> Vec<Finding> {
        let runs = self.runs();
        let known = runs.get(run_id).filter(|known| known.tried.is_none_or(|tried| now.since(tried) < FORGOTTEN_AFTER));
        known.map(|known| known.findings.clone()).unwrap_or_default()
    }

    /// The last attempt to carry the run out failed.
    pub(crate) fn note_failed(&self, run_id: &str, findings: Vec<Finding>) {
        self.runs().insert(run_id.to_owned(), Known { findings, tried: None });
    }

    /// Nothing is known to be wrong with the run any more.
    pub(crate) fn clear(&self, run_id: &str) {
        self.runs().remove(run_id);
    }

    fn note_unread_policy(&self, run_id: &str, why: &Cause, now: Timestamp) {
        let finding = Finding::new(Severity::Warning, &why.code, "", &why.message, UNNOTICED);
        self.runs().insert(run_id.to_owned(), Known { findings: vec![finding], tried: Some(now) });
    }

    fn runs(&self) -> MutexGuard<'_, BTreeMap<String, Known>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Watches a run that is carried out here, for what cannot be read from the ledger.
#[derive(Debug)]
pub(crate) struct PolicyWatch<'a> {
    run_id: &'a str,
    trouble: &'a Trouble,
    policy_unread: PolicyUnread,
}

impl<'a> PolicyWatch<'a> {
    /// Watches that run.
    pub(crate) fn new(run_id: &'a str, trouble: &'a Trouble) -> Self {
        Self { run_id, trouble, policy_unread: PolicyUnread::default() }
    }
}

impl Watch for PolicyWatch<'_> {
    /// Ignored, because changes are read from the ledger.
    fn changed(&self, _run: &ChunkRun) {}

    fn policy_unread(&self, _run: &ChunkRun, why: &Cause) {
        let now = SystemClock.now();
        self.trouble.note_unread_policy(self.run_id, why, now);
        if let Some(news) = self.policy_unread.news(why, now) {
            print_err_news(&paint(CARE, &format!("{}: {news}", self.run_id)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_that_could_not_be_asked_is_trouble_until_it_should_have_been_asked_again() {
        let trouble = Trouble::default();
        let start = Timestamp::parse("2026-01-01T10:00:00Z").unwrap();
        let of = |run: &str, seconds| trouble.of(run, start.plus(Duration::from_secs(seconds))).len();
        trouble.note_unread_policy(
            "run-1",
            &Cause::new("policy.unreadable", "the policy that applies now cannot be read"),
            start,
        );
        trouble.note_failed("run-2", vec![Finding::new(Severity::Error, "login.refused", "", "", "")]);
        assert_eq!([of("run-1", 0), of("run-1", 3_660), of("run-1", 3_720), of("run-2", 90_000)], [1, 1, 0, 1]);
        trouble.clear("run-2");
        assert_eq!(of("run-2", 0), 0);
    }
}
