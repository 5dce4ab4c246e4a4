//! The ledger's operations, each one statement or one transaction.

use std::collections::BTreeMap;
use std::fmt;

use purge_core::rate::RateBudget;
use purge_core::run::{ChunkRun, Outcome};
use purge_core::time::Timestamp;
use purge_driver::ledger::{
    ChunkRow, Claim, Claimed, Commit, Committed, Created, Lease, Ledger, LedgerError, MessageState, NewRun, OutboxRow,
    RecordRow, RunRow, Slot, StoredBudget, Swapped,
};
use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{SqliteLedger, told};

const RUN_COLUMNS: &str = "order_json, plan_file, cancel_asked, created_at, updated_at, \
     (select count(*) from chunks where chunks.run_id = runs.run_id and outcome is null)";
const CHUNK_COLUMNS: &str = "number, state_json, version, lease_owner, lease_until";
const OUTBOX_COLUMNS: &str = "id, body, attempts, state_json";

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

impl Ledger for SqliteLedger {
    async fn create(&self, run: &NewRun, now: Timestamp) -> Result<Created, LedgerError> {
        let mut connection = self.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(told)?;
        let run_id = &run.order.run_id;
        if let Some(existing) = read_run(&transaction, run_id)? {
            return if existing.order.plan_digest == run.order.plan_digest {
                Ok(Created::Existing)
            } else {
                Err(LedgerError::Conflict(format!("run `{run_id}` is of plan `{}`", existing.order.plan_digest)))
            };
        }
        transaction
            .prepare_cached(
                "insert into runs (run_id, order_json, plan_file, created_at, updated_at) values (?1, ?2, ?3, ?4, ?4)",
            )
            .and_then(|mut s| s.execute(params![run_id, json(&run.order), run.plan_file, now.millis()]))
            .map_err(told)?;
        {
            let mut insert = transaction
                .prepare_cached(
                    "insert into chunks (run_id, number, state_json, outcome, version) values (?1, ?2, ?3, ?4, 0)",
                )
                .map_err(told)?;
            for chunk in &run.chunks {
                let row = params![run_id, chunk.chunk().index, json(chunk), outcome(chunk)];
                insert.execute(row).map_err(told)?;
            }
        }
        transaction.commit().map_err(told)?;
        Ok(Created::New)
    }

    async fn run(&self, run_id: &str) -> Result<Option<RunRow>, LedgerError> {
        read_run(&self.connection(), run_id)
    }

    async fn runs(&self) -> Result<Vec<RunRow>, LedgerError> {
        let (rows, unreadable) = self.listed()?;
        unreadable.iter().for_each(|run| tracing::warn!("{run}"));
        Ok(rows)
    }

    async fn ask_cancel(&self, run_id: &str, now: Timestamp) -> Result<bool, LedgerError> {
        let sql = "update runs set cancel_asked = ?2, changes = changes + 1 where run_id = ?1";
        Ok(self.change(sql, params![run_id, now.millis()])? > 0)
    }

    async fn withdraw_cancel(&self, run_id: &str, asked_at: Timestamp, now: Timestamp) -> Result<bool, LedgerError> {
        let sql = "update runs set cancel_asked = null, updated_at = ?3, changes = changes + 1 \
                   where run_id = ?1 and (cancel_asked is null or cancel_asked = ?2)";
        Ok(self.change(sql, params![run_id, asked_at.millis(), now.millis()])? > 0)
    }

    async fn cancel_asked(&self, run_id: &str) -> Result<bool, LedgerError> {
        let sql = "select cancel_asked is not null from runs where run_id = ?1";
        Ok(self.one(sql, params![run_id], |row| row.get(0))?.unwrap_or(false))
    }

    async fn chunk(&self, run_id: &str, index: u32) -> Result<Option<ChunkRow>, LedgerError> {
        read_chunk(&self.connection(), run_id, index)
    }

    async fn chunks(&self, run_id: &str, after: u32, limit: u32) -> Result<Vec<ChunkRow>, LedgerError> {
        let sql =
            format!("select {CHUNK_COLUMNS} from chunks where run_id = ?1 and number > ?2 order by number limit ?3");
        let rows = self.all(&sql, params![run_id, after, limit], RawChunk::of)?;
        rows.into_iter().map(RawChunk::read).collect()
    }

    async fn open_chunks(&self, run_id: &str, after: u32, limit: u32) -> Result<Vec<u32>, LedgerError> {
        let sql =
            "select number from chunks where run_id = ?1 and outcome is null and number > ?2 order by number limit ?3";
        self.all(sql, params![run_id, after, limit], |row| row.get(0))
    }

    async fn claim(&self, claim: Claim<'_>) -> Result<Claimed, LedgerError> {
        let mut connection = self.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(told)?;
        let Some(row) = read_chunk(&transaction, claim.run_id, claim.index)? else { return Ok(Claimed::Absent) };
        if let Some(lease) = &row.lease
            && lease.owner != claim.lease.owner
            && lease.until > claim.now
            && !claim.take_over
        {
            return Ok(Claimed::Busy { until: lease.until });
        }
        let version = row.version.saturating_add(1);
        transaction
            .prepare_cached(
                "update chunks set version = ?3, lease_owner = ?4, lease_until = ?5 where run_id = ?1 and number = ?2",
            )
            .and_then(|mut s| {
                let lease = &claim.lease;
                s.execute(params![claim.run_id, claim.index, signed(version), lease.owner, lease.until.millis()])
            })
            .map_err(told)?;
        transaction.commit().map_err(told)?;
        Ok(Claimed::Granted(Box::new(ChunkRow { version, lease: Some(claim.lease), ..row })))
    }

    async fn commit(&self, commit: Commit<'_>) -> Result<Committed, LedgerError> {
        let committed = self.committed(&commit);
        // SQLite never makes anybody wait: without this, whoever carries very many chunks would hear of nothing else, such as an
        // interrupt, before all of them were done.
        tokio::task::yield_now().await;
        committed
    }

    async fn records(&self, run_id: &str, after: u64, limit: u32) -> Result<Vec<RecordRow>, LedgerError> {
        let sql = "select position, line from records where run_id = ?1 and position > ?2 order by position limit ?3";
        let rows = self.all(sql, params![run_id, signed(after), limit], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
        })?;
        rows.into_iter().map(read_record).collect()
    }

    async fn take_slot(&self, slot: Slot<'_>, limit: u32) -> Result<bool, LedgerError> {
        let mut connection = self.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(told)?;
        transaction
            .prepare_cached(
                "insert into slots (tenant, holder) select ?1, ?2 \
                 where (select count(*) from slots where tenant = ?1) < ?3 on conflict do nothing",
            )
            .and_then(|mut s| s.execute(params![slot.tenant, slot.holder, limit]))
            .map_err(told)?;
        let held = transaction
            .prepare_cached("select count(*) from slots where tenant = ?1 and holder = ?2")
            .and_then(|mut s| s.query_row(params![slot.tenant, slot.holder], |row| row.get::<_, bool>(0)))
            .map_err(told)?;
        transaction.commit().map_err(told)?;
        Ok(held)
    }

    async fn release_slot(&self, slot: Slot<'_>) -> Result<(), LedgerError> {
        release(&self.connection(), slot).map_err(told)
    }

    async fn swap_budget(&self, tenant: &str, expected: u64, budget: &RateBudget) -> Result<Swapped, LedgerError> {
        let mut connection = self.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(told)?;
        let there: Option<(i64, String)> = transaction
            .prepare_cached("select version, budget from budgets where tenant = ?1")
            .and_then(|mut s| s.query_row(params![tenant], |row| Ok((row.get(0)?, row.get(1)?))).optional())
            .map_err(told)?;
        if let Some((version, text)) = there.filter(|(version, _)| *version != signed(expected)) {
            let budget = parse("the request budget", &text)?;
            return Ok(Swapped::Behind(StoredBudget { version: unsigned(version), budget }));
        }
        let version = expected.saturating_add(1);
        transaction
            .prepare_cached("insert or replace into budgets (tenant, version, budget) values (?1, ?2, ?3)")
            .and_then(|mut s| s.execute(params![tenant, signed(version), json(budget)]))
            .map_err(told)?;
        transaction.commit().map_err(told)?;
        Ok(Swapped::Version(version))
    }

    async fn outbox(&self, run_id: &str) -> Result<Vec<OutboxRow>, LedgerError> {
        let sql = format!("select {OUTBOX_COLUMNS} from outbox where run_id = ?1 order by position");
        let rows = self.all(&sql, params![run_id], RawMessage::of)?;
        rows.into_iter().map(RawMessage::read).collect()
    }

    async fn outbox_pending(&self, run_id: &str, limit: u32) -> Result<Vec<OutboxRow>, LedgerError> {
        let sql = format!(
            "select {OUTBOX_COLUMNS} from outbox where run_id = ?1 and due is not null order by due, position limit ?2"
        );
        let rows = self.all(&sql, params![run_id, limit], RawMessage::of)?;
        rows.into_iter().map(RawMessage::read).collect()
    }

    async fn outbox_settle(
        &self,
        run_id: &str,
        id: &str,
        attempts: u32,
        state: &MessageState,
    ) -> Result<bool, LedgerError> {
        let sql = "update outbox set attempts = attempts + 1, due = ?4, state_json = ?5 \
                   where run_id = ?1 and id = ?2 and attempts = ?3";
        Ok(self.change(sql, params![run_id, id, attempts, due(state), json(state)])? > 0)
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

    fn committed(&self, commit: &Commit<'_>) -> Result<Committed, LedgerError> {
        let mut connection = self.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(told)?;
        let version = commit.expected_version.saturating_add(1);
        let written = write_chunk(&transaction, commit, version).map_err(told)?;
        if written == 0 {
            return Ok(Committed::Lost);
        }
        append(&transaction, commit).map_err(told)?;
        if let Some(slot) = commit.release_slot {
            release(&transaction, slot).map_err(told)?;
        }
        transaction
            .prepare_cached("update runs set updated_at = ?2, changes = changes + 1 where run_id = ?1")
            .and_then(|mut s| s.execute(params![commit.run_id, commit.now.millis()]))
            .map_err(told)?;
        transaction.commit().map_err(told)?;
        Ok(Committed::Version(version))
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

    /// The latest `limit` records of a run, in order.
    pub(crate) fn latest_records(&self, run_id: &str, limit: u32) -> Result<Vec<RecordRow>, LedgerError> {
        let sql = "select position, line from records where run_id = ?1 order by position desc limit ?2";
        let mut rows =
            self.all(sql, params![run_id, limit], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))?;
        rows.reverse();
        rows.into_iter().map(read_record).collect()
    }

    fn all<T>(
        &self,
        sql: &str,
        values: impl rusqlite::Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, LedgerError> {
        let connection = self.connection();
        let mut statement = connection.prepare_cached(sql).map_err(told)?;
        let rows = statement.query_map(values, read).map_err(told)?;
        rows.collect::<Result<_, _>>().map_err(told)
    }

    fn one<T>(
        &self,
        sql: &str,
        values: impl rusqlite::Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, LedgerError> {
        one(&self.connection(), sql, values, read)
    }

    fn change(&self, sql: &str, values: impl rusqlite::Params) -> Result<usize, LedgerError> {
        self.connection().prepare_cached(sql).and_then(|mut s| s.execute(values)).map_err(told)
    }
}

fn one<T>(
    connection: &Connection,
    sql: &str,
    values: impl rusqlite::Params,
    read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Option<T>, LedgerError> {
    connection.prepare_cached(sql).and_then(|mut s| s.query_row(values, read).optional()).map_err(told)
}

fn read_record((position, line): (i64, String)) -> Result<RecordRow, LedgerError> {
    Ok(RecordRow { position: unsigned(position), record: parse("an audit record", &line)? })
}

fn read_run(connection: &Connection, run_id: &str) -> Result<Option<RunRow>, LedgerError> {
    let sql = format!("select {RUN_COLUMNS} from runs where run_id = ?1");
    one(connection, &sql, params![run_id], RawRun::of)?.map(RawRun::read).transpose()
}

fn read_chunk(connection: &Connection, run_id: &str, index: u32) -> Result<Option<ChunkRow>, LedgerError> {
    let sql = format!("select {CHUNK_COLUMNS} from chunks where run_id = ?1 and number = ?2");
    one(connection, &sql, params![run_id, index], RawChunk::of)?.map(RawChunk::read).transpose()
}

/// Writes the chunk if it still has the expected version.
fn write_chunk(connection: &Connection, commit: &Commit<'_>, version: u64) -> rusqlite::Result<usize> {
    let lease = commit.lease.as_ref();
    connection
        .prepare_cached(
            "update chunks set state_json = ?4, outcome = ?5, version = ?6, lease_owner = ?7, lease_until = ?8, \
             changed = (select changes + 1 from runs where runs.run_id = ?1) \
             where run_id = ?1 and number = ?2 and version = ?3",
        )?
        .execute(params![
            commit.run_id,
            commit.index,
            signed(commit.expected_version),
            json(commit.run),
            outcome(commit.run),
            signed(version),
            lease.map(|l| &l.owner),
            lease.map(|l| l.until.millis()),
        ])
}

/// Appends the commit's records and messages.
fn append(connection: &Connection, commit: &Commit<'_>) -> rusqlite::Result<()> {
    let mut record =
        connection.prepare_cached("insert into records (run_id, chunk, seq, line) values (?1, ?2, ?3, ?4)")?;
    for new in commit.records {
        record.execute(params![commit.run_id, new.chunk, signed(new.seq), json(new)])?;
    }
    let mut message = connection.prepare_cached(
        "insert into outbox (run_id, id, body, attempts, due, state_json) values (?1, ?2, ?3, 0, ?4, ?5) \
         on conflict do nothing",
    )?;
    for new in commit.outbox {
        let pending = MessageState::Pending { due: new.due, why: None };
        message.execute(params![commit.run_id, new.id, new.body, new.due.millis(), json(&pending)])?;
    }
    Ok(())
}

fn release(connection: &Connection, slot: Slot<'_>) -> rusqlite::Result<()> {
    connection
        .prepare_cached("delete from slots where tenant = ?1 and holder = ?2")?
        .execute(params![slot.tenant, slot.holder])
        .map(|_| ())
}

/// A row of `runs` as SQLite has it.
struct RawRun {
    order: String,
    plan_file: String,
    cancel_asked: Option<i64>,
    created_at: i64,
    updated_at: i64,
    open: u32,
}

impl RawRun {
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        Self::after(row, 0)
    }

    /// From the columns after so many others.
    fn after(row: &Row<'_>, others: usize) -> rusqlite::Result<Self> {
        Ok(Self {
            order: row.get(others)?,
            plan_file: row.get(others + 1)?,
            cancel_asked: row.get(others + 2)?,
            created_at: row.get(others + 3)?,
            updated_at: row.get(others + 4)?,
            open: row.get(others + 5)?,
        })
    }

    fn read(self) -> Result<RunRow, LedgerError> {
        Ok(RunRow {
            order: parse("the order of a run", &self.order)?,
            plan_file: self.plan_file,
            open: self.open,
            cancel_asked: self.cancel_asked.map(Timestamp::from_millis),
            created_at: Timestamp::from_millis(self.created_at),
            updated_at: Timestamp::from_millis(self.updated_at),
        })
    }
}

/// A row of `chunks` as SQLite has it.
struct RawChunk {
    index: u32,
    state: String,
    version: i64,
    lease_owner: Option<String>,
    lease_until: Option<i64>,
}

impl RawChunk {
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            index: row.get(0)?,
            state: row.get(1)?,
            version: row.get(2)?,
            lease_owner: row.get(3)?,
            lease_until: row.get(4)?,
        })
    }

    fn read(self) -> Result<ChunkRow, LedgerError> {
        let lease = self.lease_owner.zip(self.lease_until);
        Ok(ChunkRow {
            index: self.index,
            run: parse("the state of a chunk", &self.state)?,
            version: unsigned(self.version),
            lease: lease.map(|(owner, until)| Lease { owner, until: Timestamp::from_millis(until) }),
        })
    }
}

/// A row of `outbox` as SQLite has it.
struct RawMessage {
    id: String,
    body: String,
    attempts: u32,
    state: String,
}

impl RawMessage {
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { id: row.get(0)?, body: row.get(1)?, attempts: row.get(2)?, state: row.get(3)? })
    }

    fn read(self) -> Result<OutboxRow, LedgerError> {
        let state = parse("the state of a message", &self.state)?;
        Ok(OutboxRow { id: self.id, body: self.body, attempts: self.attempts, state })
    }
}

fn outcome(run: &ChunkRun) -> Option<&'static str> {
    run.outcome().map(Outcome::as_str)
}

fn due(state: &MessageState) -> Option<i64> {
    match state {
        MessageState::Pending { due, .. } => Some(due.millis()),
        MessageState::Delivered { .. } | MessageState::Dead { .. } => None,
    }
}

/// Canonical, so that an audit line is the same bytes here and in the evidence.
fn json<T: Serialize>(value: &T) -> String {
    String::from_utf8_lossy(&purge_core::json::canonical(value)).into_owned()
}

fn parse<T: DeserializeOwned>(what: &str, text: &str) -> Result<T, LedgerError> {
    serde_json::from_str(text).map_err(|why| LedgerError::Corrupt(format!("{what}: {why}")))
}

/// Versions and positions count up from 0 one by one and never reach the sign bit.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
