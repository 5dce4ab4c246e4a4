//! Sums over the chunks.

use super::{ChunkReport, Totals};
use crate::outcome::{Outcome, WaitReason};
use crate::sorted::SortedMap;

const RATE_LIMITED: &str = "rateLimited";

pub(super) fn totals(chunks: &[ChunkReport], waits: SortedMap<String, u64>) -> Totals {
    let mut totals = Totals {
        chunks: u32::try_from(chunks.len()).unwrap_or(u32::MAX),
        by_outcome: Outcome::ALL.into_iter().map(|outcome| (outcome, 0)).collect(),
        requests: Some(0),
        records_deleted: Some(0),
        remaining: Some(0),
        rate_limited: waits.get(RATE_LIMITED).copied().unwrap_or(0),
        waits,
        ..Totals::default()
    };
    for chunk in chunks {
        match chunk.outcome {
            Some(outcome) => {
                totals.by_outcome.change(outcome, |count| *count += 1);
            }
            None => totals.open += 1,
        }
        totals.submits = totals.submits.saturating_add(chunk.submits);
        totals.requests = add_measured(totals.requests, chunk.requests);
        totals.measured_chunks += u32::from(chunk.records_deleted.is_some());
        // Where nothing was submitted, nothing was deleted and nothing had to be measured. Everything is still there, though.
        if chunk.submits > 0 || chunk.records_deleted.is_some() {
            totals.records_deleted = add_measured(totals.records_deleted, chunk.records_deleted);
        }
        totals.remaining = add_measured(totals.remaining, chunk.remaining);
        totals.protected = totals.protected.saturating_add(chunk.protected.unwrap_or(0));
    }
    totals
}

fn add_measured(sum: Option<u64>, part: Option<u64>) -> Option<u64> {
    Some(sum?.saturating_add(part?))
}

/// The kind of a wait, without its details.
pub(super) fn wait_kind(reason: WaitReason) -> &'static str {
    match reason {
        WaitReason::RateLimited { .. } => RATE_LIMITED,
        WaitReason::Backoff { .. } => "backoff",
        WaitReason::JobPending { .. } => "jobPending",
        WaitReason::RequestBudget => "requestBudget",
        WaitReason::SlotBusy => "slotBusy",
        WaitReason::ConfirmingSubmit => "confirmingSubmit",
        WaitReason::IndexLag => "indexLag",
        WaitReason::CoolOff => "coolOff",
        WaitReason::InFlight => "inFlight",
    }
}
