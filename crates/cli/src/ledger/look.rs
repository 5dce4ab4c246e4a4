//! What else is asked of the ledger on one machine: for lists, and for whoever watches a run.

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

/// How far a run has come: both numbers only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Changes of the run and its chunks.
    pub(crate) changes: u64,
    /// Position of its last record.
    pub(crate) records: u64,
}

/// Which chunks of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum ChunkKind {
    /// Every one.
    All,
    /// Those that have been taken up and have not ended.
    UnderWay,
    /// Those that have ended other than verified.
    Attention,
}

/// A run that is there and cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unreadable {
    /// Which.
    pub(crate) run_id: String,
    /// Why not.
    pub(crate) why: LedgerError,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "run `{}` is left out: {}", self.run_id, self.why)
    }
}

impl SqliteLedger {
    /// All runs, the youngest first, and those that cannot be read: one of them must not hide the others.
    pub(crate) fn listed(&self) -> Result<(Vec<RunRow>, Vec<Unreadable>), LedgerError> {
        let sql = format!("select run_id, {RUN_COLUMNS} from runs order by created_at desc, run_id");
        let rows = self.all(&sql, params![], |row| Ok((row.get::<_, String>(0)?, RawRun::after(row, 1)?)))?;
        let (mut runs, mut unreadable) = (Vec::new(), Vec::new());
        for (run_id, raw) in rows {
            match raw.read() {
                Ok(row) => runs.push(row),
                Err(why) => unreadable.push(Unreadable { run_id, why }),
            }
        }
        Ok((runs, unreadable))
    }

    /// The ids of all runs, readable or not, the youngest first.
    pub(crate) fn run_ids(&self) -> Result<Vec<String>, LedgerError> {
        self.all("select run_id from runs order by created_at desc, run_id", params![], |row| row.get(0))
    }

    /// How many chunks of a run ended how.
    pub(crate) fn outcomes(&self, run_id: &str) -> Result<BTreeMap<Outcome, u64>, LedgerError> {
        let sql = "select outcome, count(*) from chunks where run_id = ?1 and outcome is not null group by outcome";
        let rows = self.all(sql, params![run_id], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))?;
        let known = |word: &str| Outcome::ALL.into_iter().find(|outcome| outcome.as_str() == word);
        rows.into_iter()
            .map(|(word, number)| match known(&word) {
                Some(outcome) => Ok((outcome, unsigned(number))),
                None => Err(LedgerError::Corrupt(format!("`{word}` is no outcome"))),
            })
            .collect()
    }

    /// Makes every message that is still to be sent due now.
    pub(crate) fn hurry(&self, run_id: &str, now: Timestamp) -> Result<(), LedgerError> {
        let sql = format!("select {OUTBOX_COLUMNS} from outbox where run_id = ?1 and due > ?2");
        for raw in self.all(&sql, params![run_id, now.millis()], RawMessage::of)? {
            let row = raw.read()?;
            let MessageState::Pending { why, .. } = row.state else { continue };
            let state = MessageState::Pending { due: now, why };
            // Whoever has just tried it has written when it is due again.
            let sql = "update outbox set due = ?4, state_json = ?5 where run_id = ?1 and id = ?2 and attempts = ?3";
            self.change(sql, params![run_id, row.id, row.attempts, due(&state), json(&state)])?;
        }
        Ok(())
    }

    /// How many messages of a run its receiver has not got: those that are still to be sent, and those that were given up.
    pub(crate) fn undelivered(&self, run_id: &str) -> Result<u64, LedgerError> {
        let sql = "select count(*) from outbox where run_id = ?1 and json_extract(state_json, '$.kind') <> 'delivered'";
        let number = self.one(sql, params![run_id], |row| row.get::<_, i64>(0))?;
        Ok(number.map_or(0, unsigned))
    }

    /// The hash of a record, if there is one at that place in the chain of that chunk.
    pub(crate) fn record_hash(&self, run_id: &str, chunk: u32, seq: u64) -> Result<Option<String>, LedgerError> {
        let sql = "select position, line from records where run_id = ?1 and chunk = ?2 and seq = ?3";
        let found = self.one(sql, params![run_id, chunk, signed(seq)], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(found.map(read_record).transpose()?.map(|row| row.record.hash))
    }

    /// Where somebody said that the evidence of a run is to be, if somebody did.
    pub(crate) fn evidence(&self, run_id: &str) -> Result<Option<PathBuf>, LedgerError> {
        let sql = "select evidence from runs where run_id = ?1 and evidence is not null";
        Ok(self.one(sql, params![run_id], |row| row.get::<_, String>(0))?.map(PathBuf::from))
    }

    /// Remembers where somebody said that the evidence of a run is to be.
    pub(crate) fn remember_evidence(&self, run_id: &str, folder: &str) -> Result<(), LedgerError> {
        let sql = "update runs set evidence = ?2 where run_id = ?1 and evidence is not ?2";
        self.change(sql, params![run_id, folder]).map(|_| ())
    }

    /// Who has one of the tenant's job slots, by name.
    pub(crate) fn slot_holders(&self, tenant: &str) -> Result<Vec<String>, LedgerError> {
        self.all("select holder from slots where tenant = ?1 order by holder", params![tenant], |row| row.get(0))
    }

    /// How far the run has come, if there is one.
    pub(crate) fn mark(&self, run_id: &str) -> Result<Option<Mark>, LedgerError> {
        let sql = "select changes, (select coalesce(max(position), 0) from records where records.run_id = ?1) \
                   from runs where run_id = ?1";
        let mark = self.one(sql, params![run_id], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?;
        Ok(mark.map(|(changes, records)| Mark { changes: unsigned(changes), records: unsigned(records) }))
    }

    /// At most `limit` chunks that have changed after so many changes of the run, the latest change last, each with its own.
    pub(crate) fn changed(&self, run_id: &str, after: u64, limit: u32) -> Result<Vec<(u64, ChunkRun)>, LedgerError> {
        // What every number fulfils is said, because the index is of those alone.
        let sql = "select changed, state_json from chunks \
                   where run_id = ?1 and changed > 0 and changed > ?2 order by changed limit ?3";
        let rows = self.all(sql, params![run_id, signed(after), limit], |row| {
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
        let rows = self.all(&sql, params![run_id, after, limit], |row| row.get::<_, String>(0))?;
        rows.into_iter().map(|state| parse("the state of a chunk", &state)).collect()
    }

    /// The records of one chunk, in the order of its chain.
    pub(crate) fn records_of(&self, run_id: &str, chunk: u32) -> Result<Vec<RecordRow>, LedgerError> {
        let sql = "select position, line from records where run_id = ?1 and chunk = ?2 order by seq";
        let rows =
            self.all(sql, params![run_id, chunk], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))?;
        rows.into_iter().map(read_record).collect()
    }

    /// The latest `limit` records of a run, in order.
    pub(crate) fn latest_records(&self, run_id: &str, limit: u32) -> Result<Vec<RecordRow>, LedgerError> {
        let sql = "select position, line from records where run_id = ?1 order by position desc limit ?2";
        let mut rows =
            self.all(sql, params![run_id, limit], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))?;
        rows.reverse();
        rows.into_iter().map(read_record).collect()
    }
}
