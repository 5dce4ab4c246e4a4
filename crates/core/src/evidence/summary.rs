//! The evidence in brief: what a reader wants to know first.

use serde::Serialize;

use crate::order::Order;
use crate::outcome::Outcome;
use crate::report::Report;
use crate::sorted::SortedMap;
use crate::time::Timestamp;

/// What the records and the approval say about a run, once they are trusted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// [`Order::tenant`]: the API's address and the OAuth client, or the simulated tenant's name.
    pub tenant: String,
    /// Where the data lives, as the request says.
    pub jurisdiction: String,
    /// Who approved it.
    pub approved_by: String,
    /// When they approved it.
    pub approved_at: Timestamp,
    /// Time of the first record; absent without records.
    pub started_at: Option<Timestamp>,
    /// Time of the last record; absent without records.
    pub last_at: Option<Timestamp>,
    /// The number of chunks of the plan.
    pub chunks: u32,
    /// The number of chunks with each outcome, every outcome named.
    pub by_outcome: SortedMap<Outcome, u32>,
    /// The number of chunks that have not ended.
    pub open: u32,
    /// Records measured as deleted; null when a chunk that submitted was not measured, or when two chunks may have deleted the same
    /// records.
    pub records_deleted: Option<u64>,
    /// Records still there that should not be; null when a chunk was not measured.
    pub remaining: Option<u64>,
    /// Records that the platform was seen to keep because of a hold.
    pub protected: u64,
}

impl Summary {
    pub(super) fn of(order: &Order, report: &Report) -> Self {
        let totals = &report.totals;
        Self {
            tenant: order.tenant.clone(),
            jurisdiction: order.request.jurisdiction.clone(),
            approved_by: order.approved_by.clone(),
            approved_at: order.approved_at,
            started_at: report.started_at,
            last_at: report.last_at,
            chunks: totals.chunks,
            by_outcome: totals.by_outcome.clone(),
            open: totals.open,
            records_deleted: totals.records_deleted,
            remaining: totals.remaining,
            protected: totals.protected,
        }
    }
}
