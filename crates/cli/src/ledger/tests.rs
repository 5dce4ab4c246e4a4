use std::future::Future;

use purge_core::chunk::{Age, Chunk};
use purge_core::plan::{CheckContext, check};
use purge_core::run::{Approval, ChunkRun, Order};
use purge_core::time::Timestamp;
use purge_driver::ledger::{Ledger, LedgerError, NewRun, conformance};
use tempfile::TempDir;

use super::SqliteLedger;

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

#[test]
fn keeps_every_promise_of_a_ledger_over_two_connections() {
    let folder = TempDir::new().unwrap();
    let (a, b) = (SqliteLedger::open(folder.path()).unwrap(), SqliteLedger::open(folder.path()).unwrap());
    assert_eq!(wait(conformance::check(&a, &b)), Ok(()));
}

#[test]
fn audit_records_can_be_neither_changed_nor_deleted_whoever_asks() {
    let folder = TempDir::new().unwrap();
    let ledger = SqliteLedger::open(folder.path()).unwrap();
    wait(conformance::check(&ledger, &ledger)).unwrap();
    let connection = ledger.connection();
    let count = || connection.query_row("select count(*) from records", [], |row| row.get::<_, i64>(0)).unwrap();
    let before = count();
    assert!(before > 0);
    for sql in [
        "update records set line = ''",
        "update records set seq = seq + 1",
        "delete from records",
        "insert or replace into records select * from records",
    ] {
        let refused = connection.execute_batch(sql).unwrap_err().to_string();
        assert!(refused.contains("audit records are never"), "{sql}: {refused}");
    }
    assert_eq!(count(), before);
}

#[test]
fn a_ledger_of_another_format_is_refused() {
    let folder = TempDir::new().unwrap();
    drop(SqliteLedger::open(folder.path()).unwrap());
    let file = rusqlite::Connection::open(folder.path().join("ledger.sqlite3")).unwrap();
    file.pragma_update(None, "user_version", 99).unwrap();
    drop(file);
    assert!(matches!(SqliteLedger::open(folder.path()), Err(LedgerError::Corrupt(_))));

    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("ledger.sqlite3"), "this is no database, it is a letter".repeat(100)).unwrap();
    assert!(matches!(SqliteLedger::open(folder.path()), Err(LedgerError::Corrupt(_))));
}

#[test]
fn a_run_of_very_many_chunks_is_noted_quickly() {
    let request = include_str!("../../../../examples/q1-2023.json");
    let now = Timestamp::parse("2026-01-01T00:00:00Z").unwrap();
    let context = CheckContext { now, tenant_jurisdiction: None, default_jurisdiction: None };
    let plan = check(request, None, &context).plan.unwrap();
    let approval = Approval { digest: plan.digest().to_owned(), approved_by: "somebody".to_owned(), approved_at: now };
    let order = Order::new(&plan, &approval, "https://api.example.com", false).unwrap();
    let window = plan.request().range;
    let total = 20_000;
    let chunk = |index| ChunkRun::new(&order, Chunk { index, total, window, age: Age::Recent });
    let run = NewRun { chunks: (1..=total).map(chunk).collect(), order: order.clone(), plan_file: String::new() };

    let folder = TempDir::new().unwrap();
    let ledger = SqliteLedger::open(folder.path()).unwrap();
    let began = std::time::Instant::now();
    wait(ledger.create(&run, now)).unwrap();
    assert!(began.elapsed().as_secs() < 10, "{:?}", began.elapsed());
    assert_eq!(wait(ledger.open_chunks(&order.run_id, total - 2, 10)).unwrap(), [total - 1, total]);
}
