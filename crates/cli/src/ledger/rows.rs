//! Reads and writes the rows of the tables.

use purge_core::run::{Asked, ChunkRun, Outcome};
use purge_core::time::Timestamp;
use purge_driver::ledger::{ChunkRow, Lease, LedgerError, MessageState, OutboxRow, RecordRow, RunRow};
use rusqlite::Row;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The columns that a [`RawRun`] is made of.
pub(super) const RUN_COLUMNS: &str = "order_json, plan_file, cancel_asked, cancel_asked_by, created_at, updated_at, \
     (select count(*) from chunks where chunks.run_id = runs.run_id and outcome is null)";
/// The columns that a [`RawChunk`] is made of.
pub(super) const CHUNK_COLUMNS: &str = "number, state_json, version, lease_owner, lease_until";
/// The columns that a [`RawMessage`] is made of.
pub(super) const OUTBOX_COLUMNS: &str = "id, body, attempts, state_json";

/// The word of a person from its two columns. Without a name it is still their word.
pub(super) fn read_asked(at: Option<i64>, by: Option<String>) -> Option<Asked> {
    let at = Timestamp::from_millis(at?);
    Some(by.map_or_else(|| Asked::by_unknown(at), |by| Asked { by, at }))
}

/// A row of `runs` as SQLite returns it.
pub(super) struct RawRun {
    order: String,
    plan_file: String,
    cancel_asked: Option<i64>,
    cancel_asked_by: Option<String>,
    created_at: i64,
    updated_at: i64,
    open: u32,
}

impl RawRun {
    pub(super) fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        Self::after(row, 0)
    }

    /// Reads the columns that follow `others` other columns.
    pub(super) fn after(row: &Row<'_>, others: usize) -> rusqlite::Result<Self> {
        Ok(Self {
            order: row.get(others)?,
            plan_file: row.get(others + 1)?,
            cancel_asked: row.get(others + 2)?,
            cancel_asked_by: row.get(others + 3)?,
            created_at: row.get(others + 4)?,
            updated_at: row.get(others + 5)?,
            open: row.get(others + 6)?,
        })
    }

    pub(super) fn read(self) -> Result<RunRow, LedgerError> {
        Ok(RunRow {
            order: parse("the order of a run", &self.order)?,
            plan_file: self.plan_file,
            open: self.open,
            cancel_asked: read_asked(self.cancel_asked, self.cancel_asked_by),
            created_at: Timestamp::from_millis(self.created_at),
            updated_at: Timestamp::from_millis(self.updated_at),
        })
    }
}

/// A row of `chunks` as SQLite returns it.
pub(super) struct RawChunk {
    index: u32,
    state: String,
    version: i64,
    lease_owner: Option<String>,
    lease_until: Option<i64>,
}

impl RawChunk {
    pub(super) fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            index: row.get(0)?,
            state: row.get(1)?,
            version: row.get(2)?,
            lease_owner: row.get(3)?,
            lease_until: row.get(4)?,
        })
    }

    pub(super) fn read(self) -> Result<ChunkRow, LedgerError> {
        let lease = self.lease_owner.zip(self.lease_until);
        Ok(ChunkRow {
            index: self.index,
            run: parse("the state of a chunk", &self.state)?,
            version: unsigned(self.version),
            lease: lease.map(|(owner, until)| Lease { owner, until: Timestamp::from_millis(until) }),
        })
    }
}

/// A row of `outbox` as SQLite returns it.
pub(super) struct RawMessage {
    id: String,
    body: String,
    attempts: u32,
    state: String,
}

impl RawMessage {
    pub(super) fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { id: row.get(0)?, body: row.get(1)?, attempts: row.get(2)?, state: row.get(3)? })
    }

    pub(super) fn read(self) -> Result<OutboxRow, LedgerError> {
        let state = parse("the state of a message", &self.state)?;
        Ok(OutboxRow { id: self.id, body: self.body, attempts: self.attempts, state })
    }
}

/// Reads a row of `records`: its position and its line.
pub(super) fn read_record((position, line): (i64, String)) -> Result<RecordRow, LedgerError> {
    Ok(RecordRow { position: unsigned(position), record: parse("an audit record", &line)? })
}

/// The outcome of a chunk as it is stored in its column.
pub(super) fn outcome(run: &ChunkRun) -> Option<&'static str> {
    run.outcome().map(Outcome::as_str)
}

/// When a message is to be sent, as it is stored in its column; `None` once the message is settled.
pub(super) fn due(state: &MessageState) -> Option<i64> {
    match state {
        MessageState::Pending { due, .. } => Some(due.millis()),
        MessageState::Delivered { .. } | MessageState::Dead { .. } => None,
    }
}

/// Canonical JSON, so that an audit line has the same bytes here and in the evidence.
pub(super) fn json<T: Serialize>(value: &T) -> String {
    purge_core::json::canonical(value)
}

/// Reads JSON that the ledger has written.
pub(super) fn parse<T: DeserializeOwned>(what: &str, text: &str) -> Result<T, LedgerError> {
    serde_json::from_str(text).map_err(|why| LedgerError::Corrupt(format!("{what}: {why}")))
}

/// A number for SQLite. Versions and positions count up from 0 one by one and never reach the sign bit.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Reads a number that [`signed`] has written.
pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
