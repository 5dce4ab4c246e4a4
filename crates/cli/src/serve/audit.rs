//! Pages of a run's audit log.

use purge_core::audit::AuditRecord;
use purge_driver::ledger::{Ledger, RecordRow};
use serde::{Deserialize, Serialize};

use super::pool::wait;
use crate::carry::stored;
use crate::failure::Failure;
use crate::ledger::SqliteLedger;

/// The most records in one answer.
const MAX_RECORDS: u32 = 2_000;

/// Selects records.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    /// Records after this position, in order.
    after: Option<u64>,
    /// The latest records, this many, in order; replaces `after`.
    last: Option<u32>,
    /// At most this many.
    limit: Option<u32>,
}

/// A record and its position in the ledger.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Line<'a> {
    position: u64,
    record: &'a AuditRecord,
}

impl<'a> Line<'a> {
    /// The line for a row of the ledger.
    pub(crate) fn of(row: &'a RecordRow) -> Self {
        Self { position: row.position, record: &row.record }
    }
}

/// The records as JSON, with the position after which the next page begins.
pub(crate) fn page(ledger: &SqliteLedger, run_id: &str, which: Which) -> Result<serde_json::Value, Failure> {
    let rows = match which.last {
        Some(last) => ledger.latest_records(run_id, last.min(MAX_RECORDS)).map_err(stored::ledger_failure)?,
        None => {
            let limit = which.limit.unwrap_or(MAX_RECORDS).clamp(1, MAX_RECORDS);
            wait(ledger.records(run_id, which.after.unwrap_or(0), limit)).map_err(stored::ledger_failure)?
        }
    };
    let lines: Vec<Line<'_>> = rows.iter().map(Line::of).collect();
    Ok(serde_json::json!({ "records": lines, "next": rows.last().map(|row| row.position) }))
}
