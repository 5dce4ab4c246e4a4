//! The operations of the ledger, each in one statement or one transaction.

use purge_core::rate::RateBudget;
use purge_core::run::{Asked, InForce};
use purge_core::time::Timestamp;
use purge_driver::ledger::{
    ChunkRow, Claim, Claimed, Commit, Committed, Created, Ledger, LedgerError, MessageState, NewRun, OutboxRow,
    RecordRow, RunRow, Slot, StoredBudget, Swapped,
};
use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};

use super::rows::{
    CHUNK_COLUMNS, OUTBOX_COLUMNS, RUN_COLUMNS, RawChunk, RawMessage, RawRun, due, json, outcome, parse, read_asked,
    read_record, signed, unsigned,
};
use super::{SqliteLedger, ledger_error};

impl Ledger for SqliteLedger {
    async fn create(&self, run: &NewRun, now: Timestamp) -> Result<Created, LedgerError> {
        let mut connection = self.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(ledger_error)?;
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
            .map_err(ledger_error)?;
        {
            let mut insert = transaction
                .prepare_cached(
                    "insert into chunks (run_id, number, state_json, outcome, version) values (?1, ?2, ?3, ?4, 0)",
                )
                .map_err(ledger_error)?;
            for chunk in &run.chunks {
                let row = params![run_id, chunk.chunk().index, json(chunk), outcome(chunk)];
                insert.execute(row).map_err(ledger_error)?;
            }
        }
        transaction.commit().map_err(ledger_error)?;
        Ok(Created::New)
    }

    async fn run(&self, run_id: &str) -> Result<Option<RunRow>, LedgerError> {
        read_run(&self.connection(), run_id)
    }

    async fn runs(&self) -> Result<Vec<RunRow>, LedgerError> {
        let (rows, unreadable) = self.list_runs()?;
        unreadable.iter().for_each(|run| tracing::warn!("{run}"));
        Ok(rows)
    }

    async fn ask_cancel(&self, run_id: &str, asked: &Asked) -> Result<bool, LedgerError> {
        let sql = "update runs set cancel_asked = ?2, cancel_asked_by = ?3, changes = changes + 1 where run_id = ?1";
        Ok(self.execute(sql, params![run_id, asked.at.millis(), asked.by])? > 0)
    }

    async fn withdraw_cancel(&self, run_id: &str, asked_at: Timestamp, now: Timestamp) -> Result<bool, LedgerError> {
        let sql = "update runs set cancel_asked = null, cancel_asked_by = null, updated_at = ?3, changes = changes + 1 \
                   where run_id = ?1 and (cancel_asked is null or cancel_asked = ?2)";
        Ok(self.execute(sql, params![run_id, asked_at.millis(), now.millis()])? > 0)
    }

    async fn cancel_asked(&self, run_id: &str) -> Result<Option<Asked>, LedgerError> {
        let sql = "select cancel_asked, cancel_asked_by from runs where run_id = ?1";
        let asked = self.query_first(sql, params![run_id], |row| Ok(read_asked(row.get(0)?, row.get(1)?)))?;
        Ok(asked.flatten())
    }

    async fn keep_policy(&self, run_id: &str, policy: &InForce) -> Result<(), LedgerError> {
        let sql = "insert into policies (run_id, digest, body) values (?1, ?2, ?3) on conflict do nothing";
        self.execute(sql, params![run_id, policy.digest, policy.text]).map(drop)
    }

    async fn policies(&self, run_id: &str) -> Result<Vec<String>, LedgerError> {
        let sql = "select body from policies where run_id = ?1 order by digest";
        self.query_all(sql, params![run_id], |row| row.get(0))
    }

    async fn chunk(&self, run_id: &str, index: u32) -> Result<Option<ChunkRow>, LedgerError> {
        read_chunk(&self.connection(), run_id, index)
    }

    async fn chunks(&self, run_id: &str, after: u32, limit: u32) -> Result<Vec<ChunkRow>, LedgerError> {
        let sql =
            format!("select {CHUNK_COLUMNS} from chunks where run_id = ?1 and number > ?2 order by number limit ?3");
        let rows = self.query_all(&sql, params![run_id, after, limit], RawChunk::of)?;
        rows.into_iter().map(RawChunk::read).collect()
    }

    async fn open_chunks(&self, run_id: &str, after: u32, limit: u32) -> Result<Vec<u32>, LedgerError> {
        let sql =
            "select number from chunks where run_id = ?1 and outcome is null and number > ?2 order by number limit ?3";
        self.query_all(sql, params![run_id, after, limit], |row| row.get(0))
    }

    async fn claim(&self, claim: Claim<'_>) -> Result<Claimed, LedgerError> {
        let mut connection = self.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(ledger_error)?;
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
            .map_err(ledger_error)?;
        transaction.commit().map_err(ledger_error)?;
        Ok(Claimed::Granted(Box::new(ChunkRow { version, lease: Some(claim.lease), ..row })))
    }

    async fn commit(&self, commit: Commit<'_>) -> Result<Committed, LedgerError> {
        let committed = self.write_commit(&commit);
        // SQLite never yields. Without this, a process that carries very many chunks would notice nothing else, such as an
        // interrupt, before all of them were done.
        tokio::task::yield_now().await;
        committed
    }

    async fn records(&self, run_id: &str, after: u64, limit: u32) -> Result<Vec<RecordRow>, LedgerError> {
        let sql = "select position, line from records where run_id = ?1 and position > ?2 order by position limit ?3";
        let rows = self.query_all(sql, params![run_id, signed(after), limit], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
        })?;
        rows.into_iter().map(read_record).collect()
    }

    async fn take_slot(&self, slot: Slot<'_>, limit: u32) -> Result<bool, LedgerError> {
        let mut connection = self.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(ledger_error)?;
        transaction
            .prepare_cached(
                "insert into slots (tenant, holder) select ?1, ?2 \
                 where (select count(*) from slots where tenant = ?1) < ?3 on conflict do nothing",
            )
            .and_then(|mut s| s.execute(params![slot.tenant, slot.holder, limit]))
            .map_err(ledger_error)?;
        let held = transaction
            .prepare_cached("select count(*) from slots where tenant = ?1 and holder = ?2")
            .and_then(|mut s| s.query_row(params![slot.tenant, slot.holder], |row| row.get::<_, bool>(0)))
            .map_err(ledger_error)?;
        transaction.commit().map_err(ledger_error)?;
        Ok(held)
    }

    async fn release_slot(&self, slot: Slot<'_>) -> Result<(), LedgerError> {
        release(&self.connection(), slot).map_err(ledger_error)
    }

    async fn swap_budget(&self, tenant: &str, expected: u64, budget: &RateBudget) -> Result<Swapped, LedgerError> {
        let mut connection = self.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(ledger_error)?;
        let there: Option<(i64, String)> = transaction
            .prepare_cached("select version, budget from budgets where tenant = ?1")
            .and_then(|mut s| s.query_row(params![tenant], |row| Ok((row.get(0)?, row.get(1)?))).optional())
            .map_err(ledger_error)?;
        if let Some((version, text)) = there.filter(|(version, _)| *version != signed(expected)) {
            let budget = parse("the request budget", &text)?;
            return Ok(Swapped::Behind(StoredBudget { version: unsigned(version), budget }));
        }
        let version = expected.saturating_add(1);
        transaction
            .prepare_cached("insert or replace into budgets (tenant, version, budget) values (?1, ?2, ?3)")
            .and_then(|mut s| s.execute(params![tenant, signed(version), json(budget)]))
            .map_err(ledger_error)?;
        transaction.commit().map_err(ledger_error)?;
        Ok(Swapped::Version(version))
    }

    async fn outbox(&self, run_id: &str) -> Result<Vec<OutboxRow>, LedgerError> {
        let sql = format!("select {OUTBOX_COLUMNS} from outbox where run_id = ?1 order by position");
        let rows = self.query_all(&sql, params![run_id], RawMessage::of)?;
        rows.into_iter().map(RawMessage::read).collect()
    }

    async fn outbox_pending(&self, run_id: &str, limit: u32) -> Result<Vec<OutboxRow>, LedgerError> {
        let sql = format!(
            "select {OUTBOX_COLUMNS} from outbox where run_id = ?1 and due is not null order by due, position limit ?2"
        );
        let rows = self.query_all(&sql, params![run_id, limit], RawMessage::of)?;
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
        Ok(self.execute(sql, params![run_id, id, attempts, due(state), json(state)])? > 0)
    }
}

impl SqliteLedger {
    fn write_commit(&self, commit: &Commit<'_>) -> Result<Committed, LedgerError> {
        let mut connection = self.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(ledger_error)?;
        let version = commit.expected_version.saturating_add(1);
        let written = write_chunk(&transaction, commit, version).map_err(ledger_error)?;
        if written == 0 {
            return Ok(Committed::Lost);
        }
        append(&transaction, commit).map_err(ledger_error)?;
        if let Some(slot) = commit.release_slot {
            release(&transaction, slot).map_err(ledger_error)?;
        }
        transaction
            .prepare_cached("update runs set updated_at = ?2, changes = changes + 1 where run_id = ?1")
            .and_then(|mut s| s.execute(params![commit.run_id, commit.now.millis()]))
            .map_err(ledger_error)?;
        transaction.commit().map_err(ledger_error)?;
        Ok(Committed::Version(version))
    }

    /// All rows of the statement's result.
    pub(super) fn query_all<T>(
        &self,
        sql: &str,
        values: impl rusqlite::Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, LedgerError> {
        let connection = self.connection();
        let mut statement = connection.prepare_cached(sql).map_err(ledger_error)?;
        let rows = statement.query_map(values, read).map_err(ledger_error)?;
        rows.collect::<Result<_, _>>().map_err(ledger_error)
    }

    /// The first row of the statement's result.
    pub(super) fn query_first<T>(
        &self,
        sql: &str,
        values: impl rusqlite::Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, LedgerError> {
        query_first(&self.connection(), sql, values, read)
    }

    /// Executes the statement and returns how many rows it changed.
    pub(super) fn execute(&self, sql: &str, values: impl rusqlite::Params) -> Result<usize, LedgerError> {
        self.connection().prepare_cached(sql).and_then(|mut s| s.execute(values)).map_err(ledger_error)
    }
}

fn query_first<T>(
    connection: &Connection,
    sql: &str,
    values: impl rusqlite::Params,
    read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Option<T>, LedgerError> {
    connection.prepare_cached(sql).and_then(|mut s| s.query_row(values, read).optional()).map_err(ledger_error)
}

fn read_run(connection: &Connection, run_id: &str) -> Result<Option<RunRow>, LedgerError> {
    let sql = format!("select {RUN_COLUMNS} from runs where run_id = ?1");
    query_first(connection, &sql, params![run_id], RawRun::of)?.map(RawRun::read).transpose()
}

fn read_chunk(connection: &Connection, run_id: &str, index: u32) -> Result<Option<ChunkRow>, LedgerError> {
    let sql = format!("select {CHUNK_COLUMNS} from chunks where run_id = ?1 and number = ?2");
    query_first(connection, &sql, params![run_id, index], RawChunk::of)?.map(RawChunk::read).transpose()
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
