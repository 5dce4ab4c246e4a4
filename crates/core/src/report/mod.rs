//! The report: a fold over audit records that says what was deleted, what was not, and whether it adds up.

mod attempt;
mod checks;
mod fold;
mod rules;
mod totals;
mod verdict;

use serde::{Deserialize, Serialize};

use crate::audit::AuditRecord;
use crate::chunk::Chunk;
use crate::order::Order;
use crate::outcome::{Cause, Outcome};
use crate::plan::{Disposition, Part, Plan};
use crate::sorted::SortedMap;
use crate::time::Timestamp;
use crate::window::Window;

use fold::Folded;

pub use fold::Fold;
pub use verdict::{RunOutcome, exit_code};

/// The version of the report format.
pub const REPORT_VERSION: u32 = 1;

/// What a report needs besides the records: what was ordered.
#[derive(Clone, Copy, Debug)]
pub struct Ordered<'a> {
    /// What the chunks of the run share.
    pub order: &'a Order,
    /// Every chunk of the plan.
    pub chunks: &'a [Chunk],
    /// What the plan does with every millisecond of the requested range.
    pub parts: &'a [Part],
}

impl<'a> Ordered<'a> {
    /// What was ordered by running this plan.
    #[must_use]
    pub fn of(order: &'a Order, plan: &'a Plan) -> Self {
        Self { order, chunks: plan.chunks(), parts: plan.parts() }
    }
}

/// Everything that a run did, according to its records. `run --json` prints it as its last line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename = "report", rename_all = "camelCase")]
pub struct Report {
    /// [`REPORT_VERSION`].
    pub version: u32,
    /// The run.
    pub run_id: String,
    /// The digest of its plan.
    pub plan_digest: String,
    /// [`Order::tenant`]: the API's address and the OAuth client, or the simulated tenant's name.
    pub tenant: String,
    /// Whether the tenant is the simulated one.
    pub simulated: bool,
    /// How the run ended, in one word.
    pub outcome: RunOutcome,
    /// Time of the first record; null without records.
    pub started_at: Option<Timestamp>,
    /// Time of the last record; null without records.
    pub last_at: Option<Timestamp>,
    /// Every chunk of the plan, in order.
    pub chunks: Vec<ChunkReport>,
    /// Sums over the chunks.
    pub totals: Totals,
    /// Where the milliseconds of the requested range went.
    pub accounting: Accounting,
    /// Everything that does not add up; empty in a sound report.
    pub problems: Vec<Problem>,
}

/// One chunk: how its last attempt went, and what all attempts did together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChunkReport {
    /// From 1.
    pub index: u32,
    /// What it covers.
    pub window: Window,
    /// How the last attempt ended; null while the chunk is open.
    pub outcome: Option<Outcome>,
    /// The cause; null when it is verified.
    pub cause: Option<Cause>,
    /// Whether a `rejected` comes from the API and not from a guard of this program.
    pub refused_by_api: bool,
    /// The remote job or deletion request of the last attempt.
    pub request_id: Option<String>,
    /// Attempts begun; 0 when the chunk was never begun.
    pub attempts: u32,
    /// Submits of all attempts that the API accepted or may have accepted.
    pub submits: u64,
    /// Requests of all attempts that left; null while an attempt is open.
    pub requests: Option<u64>,
    /// Records counted before the first attempt deleted anything; null when not counted.
    pub before: Option<u64>,
    /// Records measured as deleted, over all attempts that submitted; null when one of them was not measured, or when two may have
    /// deleted the same records. An attempt whose job was called off before it ran counts 0.
    pub records_deleted: Option<u64>,
    /// Records still there that should not be; null when not measured.
    pub remaining: Option<u64>,
    /// Records that the platform keeps because of a hold; null when not measured.
    pub protected: Option<u64>,
    /// Milliseconds that the last attempt took; null when there was none.
    pub duration_ms: Option<u64>,
    /// When the last attempt ended; null while the chunk is open.
    pub ended_at: Option<Timestamp>,
}

/// Sums over the chunks. A sum with an unmeasured part is null.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    /// Chunks of the plan.
    pub chunks: u32,
    /// Chunks by outcome, every outcome named.
    pub by_outcome: SortedMap<Outcome, u32>,
    /// Chunks that have not ended.
    pub open: u32,
    /// Submits that the API accepted or may have accepted.
    pub submits: u64,
    /// Requests that left; null while a chunk is open.
    pub requests: Option<u64>,
    /// Records measured as deleted; null when a chunk that submitted was not measured, or when two chunks may have deleted the same
    /// records.
    pub records_deleted: Option<u64>,
    /// Chunks whose deleted records were measured.
    pub measured_chunks: u32,
    /// Records still there that should not be; null when a chunk was not measured.
    pub remaining: Option<u64>,
    /// Records that the platform was seen to keep because of a hold, in the chunks that were checked for this.
    pub protected: u64,
    /// Waits for a pause that the server asked for.
    pub rate_limited: u64,
    /// Waits other than for the next poll, by reason.
    pub waits: SortedMap<String, u64>,
}

/// Where the milliseconds of the requested range went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Accounting {
    /// The whole range.
    pub requested_ms: i64,
    /// In chunks.
    pub chunks_ms: i64,
    /// Kept by a legal hold.
    pub held_ms: i64,
    /// Kept by a retention rule.
    pub retained_ms: i64,
    /// Too recent for the provider's data to be complete.
    pub too_recent_ms: i64,
    /// Not addressable by the deletion API.
    pub refused_ms: i64,
}

impl Accounting {
    /// Accounts for the parts that a check made of a range; `None` without parts.
    #[must_use]
    pub fn of_parts(parts: &[Part]) -> Option<Self> {
        let range = Window::new(parts.first()?.window.start(), parts.last()?.window.end())?;
        Some(Self::of(range, parts))
    }

    fn of(requested: Window, parts: &[Part]) -> Self {
        let sum = |disposition| {
            let of_it = parts.iter().filter(|part| part.disposition == disposition);
            of_it.fold(0_i64, |sum, part| sum.saturating_add(part.window.millis()))
        };
        Self {
            requested_ms: requested.millis(),
            chunks_ms: sum(Disposition::Chunk),
            held_ms: sum(Disposition::Held),
            retained_ms: sum(Disposition::Retained),
            too_recent_ms: sum(Disposition::TooRecent),
            refused_ms: sum(Disposition::Refused),
        }
    }

    /// The sum of the parts, which must be [`Self::requested_ms`].
    #[must_use]
    pub fn accounted_ms(&self) -> i64 {
        [self.held_ms, self.retained_ms, self.too_recent_ms, self.refused_ms]
            .into_iter()
            .fold(self.chunks_ms, i64::saturating_add)
    }
}

/// Something that does not add up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// A stable, dotted code.
    pub code: String,
    /// The chunk, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub chunk: Option<u32>,
    /// What is wrong, in one line.
    pub message: String,
}

impl Problem {
    fn new(code: &str, chunk: impl Into<Option<u32>>, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), chunk: chunk.into(), message: message.into() }
    }
}

impl Report {
    /// Folds the records of a run. Those of a chunk must be in the order of its chain; the chunks may be interleaved.
    #[must_use]
    pub fn of<'a>(ordered: Ordered<'_>, records: impl IntoIterator<Item = &'a AuditRecord>) -> Self {
        let mut fold = Fold::new(ordered.chunks);
        for record in records {
            fold.record(ordered.order, record);
        }
        Self::from_fold(ordered, fold)
    }

    /// Makes the report from records that were folded one at a time.
    #[must_use]
    pub fn from_fold(ordered: Ordered<'_>, fold: Fold) -> Self {
        let api = ordered.order.request.api;
        let Folded { chunks, totals, span, mut problems, may_have_deleted } = fold.finish(api);
        let accounting = Accounting::of(ordered.order.request.range, ordered.parts);
        problems.extend(checks::plan_problems(ordered, &accounting));
        problems.extend(chunks.iter().flat_map(|chunk| checks::chunk_problems(api, chunk)));
        Self {
            version: REPORT_VERSION,
            run_id: ordered.order.run_id.clone(),
            plan_digest: ordered.order.plan_digest.clone(),
            tenant: ordered.order.tenant.clone(),
            simulated: ordered.order.simulated,
            outcome: RunOutcome::of(&chunks, may_have_deleted),
            started_at: span.map(|(first, _)| first),
            last_at: span.map(|(_, last)| last),
            chunks,
            totals,
            accounting,
            problems,
        }
    }

    /// The report as one line of JSON.
    #[must_use]
    pub fn line(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}
