//! The audit log of a run, in pages.

use purge_core::audit::AuditRecord;
use purge_driver::ledger::{Ledger, RecordRow};
use serde::{Deserialize, Serialize};

use super::desk::wait;
use crate::carry::stored;
use crate::failure::Failure;
use crate::ledger::SqliteLedger;

/// Records at once, at most.
const MOST: u32 = 2_000;

/// Which records.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    /// Those after this position, in order.
    after: Option<u64>,
    /// The latest so many, in order; instead of `after`.
    last: Option<u32>,
    /// At most so many.
    limit: Option<u32>,
}

/// A record, and where it stands in the ledger.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Line<'a> {
    position: u64,
    record: &'a AuditRecord,
}

impl<'a> Line<'a> {
    /// Of a row.
    pub(crate) fn of(row: &'a RecordRow) -> Self {
        Self { position: row.position, record: &row.record }
    }
}

/// The records as JSON, with the position from which the next page goes on.
pub(crate) fn page(ledger: &SqliteLedger, run_id: &str, which: Which) -> Result<serde_json::Value, Failure> {
    let rows = match which.last {
        Some(last) => ledger.latest_records(run_id, last.min(MOST)).map_err(stored::failed)?,
        None => {
            let limit = which.limit.unwrap_or(MOST).clamp(1, MOST);
            wait(ledger.records(run_id, which.after.unwrap_or(0), limit)).map_err(stored::failed)?
        }
    };
    let lines: Vec<Line<'_>> = rows.iter().map(Line::of).collect();
    Ok(serde_json::json!({ "records": lines, "next": rows.last().map(|row| row.position) }))
}
