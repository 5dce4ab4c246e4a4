//! Further queries of the SQLite ledger: for lists, and for watching a run.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use purge_core::run::{ChunkRun, Outcome};
use purge_core::time::Timestamp;
use purge_driver::ledger::{LedgerError, MessageState, RecordRow, RunRow};
use rusqlite::params;
use serde::Deserialize;

use super::SqliteLedger;
use super::rows::{OUTBOX_COLUMNS, RUN_COLUMNS, RawMessage, RawRun, due, json, parse, read_record, signed, unsigned};

/// How far a run has come. Both numbers only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    /// How often the run and its chunks have changed.
    pub(crate) changes: u64,
    /// Position of its last record.
    pub(crate) records: u64,
}

/// Selects chunks of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum ChunkKind {
    /// All chunks.
    All,
    /// Chunks that have been taken up and have not ended.
    UnderWay,
    /// Chunks that ended other than verified.
    Attention,
}

/// A run in the ledger that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unreadable {
    /// The run's id.
    pub(crate) run_id: String,
    /// Why it cannot be read.
    pub(crate) why: LedgerError,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "run `{}` is left out: {}", self.run_id, self.why)
    }
}

impl SqliteLedger {
    /// All runs, newest first, and those that cannot be read, which must not hide the others.
    pub(crate) fn list_runs(&self) -> Result<(Vec<RunRow>, Vec<Unreadable>), LedgerError> {
        let sql = format!("select run_id, {RUN_COLUMNS} from runs order by created_at desc, run_id");
        let rows = self.query_all(&sql, params![], |row| Ok((row.get::<_, String>(0)?, RawRun::after(row, 1)?)))?;
        let (mut runs, mut unreadable) = (Vec::new(), Vec::new());
        for (run_id, raw) in rows {
            match raw.read() {
                Ok(row) => runs.push(row),
                Err(why) => unreadable.push(Unreadable { run_id, why }),
            }
        }
        Ok((runs, unreadable))
    }

    /// The ids of all runs, readable or not, newest first.
    pub(crate) fn run_ids(&self) -> Result<Vec<String>, LedgerError> {
        self.query_all("select run_id from runs order by created_at desc, run_id", params![], |row| row.get(0))
    }

    /// How many chunks of a run ended with each outcome.
    pub(crate) fn outcomes(&self, run_id: &str) -> Result<BTreeMap<Outcome, u64>, LedgerError> {
        let sql = "select outcome, count(*) from chunks where run_id = ?1 and outcome is not null group by outcome";
        let rows = self.query_all(sql, params![run_id], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))?;
        let known = |word: &str| Outcome::ALL.into_iter().find(|outcome| outcome.as_str() == word);
        rows.into_iter()
            .map(|(word, number)| match known(&word) {
                Some(outcome) => Ok((outcome, unsigned(number))),
                None => Err(LedgerError::Corrupt(format!("`{word}` is not an outcome"))),
            })
            .collect()
    }

    /// Makes every pending message due now.
    pub(crate) fn make_messages_due(&self, run_id: &str, now: Timestamp) -> Result<(), LedgerError> {
        let sql = format!("select {OUTBOX_COLUMNS} from outbox where run_id = ?1 and due > ?2");
        for raw in self.query_all(&sql, params![run_id, now.millis()], RawMessage::of)? {
            let row = raw.read()?;
            let MessageState::Pending { why, .. } = row.state else { continue };
            let state = MessageState::Pending { due: now, why };
            // If another process has just tried it, the attempts differ and its new due time stands.
            let sql = "update outbox set due = ?4, state_json = ?5 where run_id = ?1 and id = ?2 and attempts = ?3";
            self.execute(sql, params![run_id, row.id, row.attempts, due(&state), json(&state)])?;
        }
        Ok(())
    }

    /// How many messages of a run the receiver does not have: those still pending, and those given up.
    pub(crate) fn undelivered(&self, run_id: &str) -> Result<u64, LedgerError> {
        let sql = "select count(*) from outbox where run_id = ?1 and json_extract(state_json, '$.kind') <> 'delivered'";
        let number = self.query_first(sql, params![run_id], |row| row.get::<_, i64>(0))?;
        Ok(number.map_or(0, unsigned))
    }

    /// The hash of the record at that place in the chunk's chain, if there is one.
    pub(crate) fn record_hash(&self, run_id: &str, chunk: u32, seq: u64) -> Result<Option<String>, LedgerError> {
        let sql = "select position, line from records where run_id = ?1 and chunk = ?2 and seq = ?3";
        let found = self.query_first(sql, params![run_id, chunk, signed(seq)], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(found.map(read_record).transpose()?.map(|row| row.record.hash))
    }

    /// The evidence folder that was given for a run, if one was.
    pub(crate) fn evidence(&self, run_id: &str) -> Result<Option<PathBuf>, LedgerError> {
        let sql = "select evidence from runs where run_id = ?1 and evidence is not null";
        Ok(self.query_first(sql, params![run_id], |row| row.get::<_, String>(0))?.map(PathBuf::from))
    }

    /// Keeps the evidence folder that was given for a run.
    pub(crate) fn remember_evidence(&self, run_id: &str, folder: &str) -> Result<(), LedgerError> {
        let sql = "update runs set evidence = ?2 where run_id = ?1 and evidence is not ?2";
        self.execute(sql, params![run_id, folder]).map(|_| ())
    }

    /// Whether the run was ever carried on with the address of a governance system.
    pub(crate) fn was_addressed(&self, run_id: &str) -> Result<bool, LedgerError> {
        let sql = "select addressed from runs where run_id = ?1";
        Ok(self.query_first(sql, params![run_id], |row| row.get(0))?.unwrap_or(false))
    }

    /// Keeps that the run is carried on with the address of a governance system. What the simulated receiver of a rehearsal was told
    /// before is to be sent there as well.
    pub(crate) fn remember_addressed(&self, run_id: &str, now: Timestamp) -> Result<(), LedgerError> {
        if self.was_addressed(run_id)? {
            return Ok(());
        }
        let unsent = MessageState::Pending { due: now, why: None };
        let sql = "update outbox set attempts = 0, due = ?2, state_json = ?3 where run_id = ?1";
        self.execute(sql, params![run_id, due(&unsent), json(&unsent)])?;
        self.execute("update runs set addressed = 1 where run_id = ?1", params![run_id]).map(|_| ())
    }

    /// The names of the chunks that hold the tenant's job slots.
    pub(crate) fn slot_holders(&self, tenant: &str) -> Result<Vec<String>, LedgerError> {
        self.query_all("select holder from slots where tenant = ?1 order by holder", params![tenant], |row| row.get(0))
    }

    /// How far the run has come, if it exists.
    pub(crate) fn mark(&self, run_id: &str) -> Result<Option<Mark>, LedgerError> {
        let sql = "select changes, (select coalesce(max(position), 0) from records where records.run_id = ?1) \
                   from runs where run_id = ?1";
        let mark = self.query_first(sql, params![run_id], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?;
        Ok(mark.map(|(changes, records)| Mark { changes: unsigned(changes), records: unsigned(records) }))
    }

    /// At most `limit` chunks that changed after change number `after` of the run, latest last, each with the number of its change.
    pub(crate) fn changed_chunks(
        &self,
        run_id: &str,
        after: u64,
        limit: u32,
    ) -> Result<Vec<(u64, ChunkRun)>, LedgerError> {
        // `changed > 0` is always true here, but only with it can SQLite use the partial index.
        let sql = "select changed, state_json from chunks \
                   where run_id = ?1 and changed > 0 and changed > ?2 order by changed limit ?3";
        let rows = self.query_all(sql, params![run_id, signed(after), limit], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
        })?;
        rows.into_iter()
            .map(|(changed, state)| Ok((unsigned(changed), parse("the state of a chunk", &state)?)))
            .collect()
    }

    /// At most `limit` chunks of that kind with an index above `after`, in order.
    pub(crate) fn chunks_of(
        &self,
        run_id: &str,
        kind: ChunkKind,
        after: u32,
        limit: u32,
    ) -> Result<Vec<ChunkRun>, LedgerError> {
        let which = match kind {
            ChunkKind::All => "true",
            ChunkKind::UnderWay => "outcome is null and changed > 0",
            ChunkKind::Attention => "outcome is not null and outcome <> 'verified'",
        };
        let sql = format!(
            "select state_json from chunks where run_id = ?1 and number > ?2 and {which} order by number limit ?3"
        );
        let rows = self.query_all(&sql, params![run_id, after, limit], |row| row.get::<_, String>(0))?;
        rows.into_iter().map(|state| parse("the state of a chunk", &state)).collect()
    }

    /// The records of one chunk, in the order of its chain.
    pub(crate) fn records_of(&self, run_id: &str, chunk: u32) -> Result<Vec<RecordRow>, LedgerError> {
        let sql = "select position, line from records where run_id = ?1 and chunk = ?2 order by seq";
        let rows =
            self.query_all(sql, params![run_id, chunk], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))?;
        rows.into_iter().map(read_record).collect()
    }

    /// The latest `limit` records of a run, in order.
    pub(crate) fn latest_records(&self, run_id: &str, limit: u32) -> Result<Vec<RecordRow>, LedgerError> {
        let sql = "select position, line from records where run_id = ?1 order by position desc limit ?2";
        let mut rows =
            self.query_all(sql, params![run_id, limit], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))?;
        rows.reverse();
        rows.into_iter().map(read_record).collect()
    }
}
