//! The policy that applies now, and what must not be deleted once it has changed.

use std::fmt;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{LocalBoxFuture, ready};
use purge_core::chunk::Chunk;
use purge_core::request::DeletionApi;
use purge_core::run::Order;
use purge_core::time::Timestamp;
use purge_core::window::Window;
use purge_driver::{Clock as _, PolicyInForce, VirtualClock};
use purge_sim::Truth;

use crate::scenario::Case;

/// How long a request may be under way that left right before a change of policy or a cancel.
pub(crate) const UNDER_WAY: Duration = Duration::from_secs(60);

/// The policy port of the case.
pub(crate) struct Kept<'a> {
    pub(crate) case: &'a Case,
    pub(crate) clock: &'a VirtualClock,
}

impl fmt::Debug for Kept<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kept")
    }
}

impl PolicyInForce for Kept<'_> {
    fn read(&self) -> LocalBoxFuture<'_, Result<String, String>> {
        let later = self.case.later.as_ref().filter(|(from, _)| *from <= self.clock.now());
        ready(Ok(later.map_or(&self.case.policy, |(_, policy)| policy).to_string())).boxed_local()
    }
}

/// When a deletion of that chunk was accepted although a hold that had come by then keeps some of it, if that happened.
pub(crate) fn comes_too_late(case: &Case, order: &Order, chunk: Chunk, truth: &Truth) -> Option<Timestamp> {
    let (from, policy) = case.later.as_ref()?;
    let newest = policy["holds"].as_array().unwrap().last().unwrap();
    let held: Window = serde_json::from_value(newest["range"].clone()).unwrap();
    if !chunk.window.overlaps(held) {
        return None;
    }
    accepted(order, chunk, truth).into_iter().find(|at| *at > from.plus(UNDER_WAY))
}

/// When the deletions of that chunk that were carried out were accepted.
pub(crate) fn accepted(order: &Order, chunk: Chunk, truth: &Truth) -> Vec<Timestamp> {
    match order.request.api {
        DeletionApi::DataDeletion => {
            truth.executed.iter().filter(|e| chunk.window.contains(e.first)).map(|e| e.created).collect()
        }
        DeletionApi::RecordingJobs => {
            let of = truth.jobs.iter().filter(|job| chunk.window.contains(job.interval.start()));
            of.filter_map(|job| job.executed).collect()
        }
    }
}
