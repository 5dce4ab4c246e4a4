//! The page's engine.

use std::time::Duration;

use purge_core::time::Timestamp;
use purge_sim::DryRun;

use crate::{Given, Made};

/// More events than any run here has.
const MOST: u32 = 1_000_000;

/// Rehearses the run to its end, with a cancel if one is asked for. Also returns when the cancel came: at the first whole second
/// from `cancel_at` on at which nothing else happens, because the order of events at the same instant is undefined.
pub(crate) fn rehearse(given: &Given, cancel_at: Option<Timestamp>) -> (Made, Option<Timestamp>) {
    let mut dry_run = DryRun::new(&given.plan, given.order.clone(), given.scenario.clone(), given.start);
    let cancelled = cancel_at.map(|asked| {
        let mut at = asked;
        loop {
            assert!(dry_run.run_until(at.minus(Duration::from_millis(1)), MOST), "it does not end");
            if at == given.start || dry_run.next_at() != Some(at) {
                break;
            }
            at = at.plus(Duration::from_secs(1));
        }
        if at > given.start {
            dry_run.run_until(at, MOST);
        }
        dry_run.cancel();
        at
    });
    assert!(dry_run.run_until(Timestamp::LATEST, MOST), "it does not end");
    (Made { report: dry_run.report(), records: dry_run.records().to_vec() }, cancelled)
}
