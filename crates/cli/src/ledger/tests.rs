use std::future::Future;
use std::pin::pin;

use futures_util::poll;
use purge_core::chunk::{Age, Chunk};
use purge_core::plan::{CheckContext, check};
use purge_core::run::{Approval, Asked, ChunkRun, Context, Input, Order, Pace};
use purge_core::time::Timestamp;
use purge_driver::ledger::{
    Claim, Claimed, Commit, Committed, Lease, Ledger, LedgerError, NewRun, RunRow, conformance,
};
use tempfile::TempDir;

use super::{ChunkKind, MIGRATIONS, Mark, OpenError, SqliteLedger};
use crate::carry::stored;
use crate::exit::Exit;

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
    assert!(matches!(SqliteLedger::open(folder.path()), Err(OpenError::Newer(99))));

    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("ledger.sqlite3"), "this is no database, it is a letter".repeat(100)).unwrap();
    assert!(matches!(SqliteLedger::open(folder.path()), Err(OpenError::Ledger(LedgerError::Corrupt(_)))));
}

#[test]
fn a_ledger_that_somebody_keeps_locked_is_not_waited_for_for_ever() {
    let folder = TempDir::new().unwrap();
    drop(SqliteLedger::open(folder.path()).unwrap());
    // Other users may lock the file if they may look into the folder.
    let held = std::fs::File::open(folder.path().join("ledger.lock")).unwrap();
    held.lock_shared().unwrap();
    let refused = SqliteLedger::open_within(folder.path(), std::time::Duration::from_millis(50)).unwrap_err();
    let OpenError::Ledger(LedgerError::Unavailable(why)) = refused else { panic!("{refused:?}") };
    assert!(why.contains("ledger.lock") && why.contains("another process has held it"), "{why}");
    drop(held);
    assert!(SqliteLedger::open(folder.path()).is_ok());
}

fn new_run(total: u32, now: Timestamp) -> NewRun {
    let request = include_str!("../../../../examples/q1-2023.json");
    let context = CheckContext::at(now);
    let plan = check(request, None, &context).plan.unwrap();
    let approval = Approval { digest: plan.digest().to_owned(), approved_by: "somebody".to_owned(), approved_at: now };
    let order = Order::new(&plan, &approval, "https://api.example.com", false).unwrap();
    let window = plan.request().range;
    let chunk = |index| ChunkRun::new(&order, Chunk { index, total, window, age: Age::Recent });
    NewRun { chunks: (1..=total).map(chunk).collect(), order, plan_file: String::new() }
}

/// Claims the chunk and commits one step, as a worker does.
fn step(ledger: &SqliteLedger, run: &NewRun, index: u32, now: Timestamp) {
    let lease = Lease { owner: "test".to_owned(), until: now };
    let run_id = run.order.run_id.as_str();
    let claim = Claim { run_id, index, lease, now, take_over: true };
    let Claimed::Granted(row) = wait(ledger.claim(claim)).unwrap() else { panic!("not granted") };
    let cx = Context { order: &run.order, pace: Pace::default(), now };
    let stepped = row.run.step(cx, Input::Tick);
    let commit = Commit { records: &stepped.records, ..Commit::of(run_id, row.version, &stepped.run, now) };
    // Other futures run between two commits, however many there are. What was written is already durable.
    let committed = wait(async {
        let mut committing = pin!(ledger.commit(commit));
        assert!(poll!(committing.as_mut()).is_pending());
        assert!(ledger.chunk(run_id, index).await.unwrap().unwrap().version > row.version);
        committing.await
    });
    assert!(matches!(committed.unwrap(), Committed::Version(_)));
}

#[test]
fn whoever_watches_sees_every_change_once_and_in_order() {
    let now = Timestamp::parse("2026-01-01T00:00:00Z").unwrap();
    let folder = TempDir::new().unwrap();
    let (writer, reader) = (SqliteLedger::open(folder.path()).unwrap(), SqliteLedger::open(folder.path()).unwrap());
    let run = new_run(5, now);
    let run_id = run.order.run_id.as_str();
    assert_eq!(reader.mark(run_id).unwrap(), None);
    wait(writer.create(&run, now)).unwrap();
    assert_eq!(reader.mark(run_id).unwrap(), Some(Mark::default()));

    let seen = |after| -> Vec<(u64, u32)> {
        let rows = reader.changed_chunks(run_id, after, 10).unwrap();
        rows.into_iter().map(|(changed, run)| (changed, run.chunk().index)).collect()
    };
    step(&writer, &run, 2, now);
    step(&writer, &run, 4, now);
    assert_eq!(seen(0), [(1, 2), (2, 4)]);
    // A chunk that changes again moves to the end. A reader that saw it before sees only the new change.
    step(&writer, &run, 2, now);
    assert_eq!((seen(0), seen(2)), (vec![(2, 4), (3, 2)], vec![(3, 2)]));
    // A request to cancel changes the run but no chunk.
    wait(writer.ask_cancel(run_id, &Asked { by: "a@example.com".to_owned(), at: now })).unwrap();
    let mark = reader.mark(run_id).unwrap().unwrap();
    let records = reader.latest_records(run_id, 100).unwrap();
    assert_eq!((mark.changes, seen(3)), (4, vec![]));
    assert_eq!(mark.records, records.last().unwrap().position);
    assert_eq!(reader.latest_records(run_id, 1).unwrap(), records[records.len() - 1..]);
    let of = |kind| {
        let chunks = reader.chunks_of(run_id, kind, 0, 10).unwrap();
        chunks.into_iter().map(|run| run.chunk().index).collect::<Vec<_>>()
    };
    assert_eq!((of(ChunkKind::All).len(), of(ChunkKind::UnderWay), of(ChunkKind::Attention)), (5, vec![2, 4], vec![]));
}

#[test]
fn a_ledger_of_the_first_version_is_brought_up_to_date() {
    let now = Timestamp::parse("2026-01-01T00:00:00Z").unwrap();
    let folder = TempDir::new().unwrap();
    let run = new_run(3, now);
    let run_id = run.order.run_id.as_str();
    {
        let old = rusqlite::Connection::open(folder.path().join("ledger.sqlite3")).unwrap();
        old.execute_batch(include_str!("migrations/1-ledger.sql")).unwrap();
        old.pragma_update(None, "user_version", 1).unwrap();
        let order = serde_json::to_string(&run.order).unwrap();
        old.execute("insert into runs values (?1, ?2, '', null, 1, 1)", [run_id, order.as_str()]).unwrap();
        for (chunk, version) in run.chunks.iter().zip(["0", "7", "0"]) {
            let (number, state) = (chunk.chunk().index.to_string(), serde_json::to_string(chunk).unwrap());
            let row = [run_id, number.as_str(), state.as_str(), version];
            old.execute("insert into chunks values (?1, ?2, ?3, null, ?4, null, null)", row).unwrap();
        }
    }
    let ledger = SqliteLedger::open(folder.path()).unwrap();
    let changed = ledger.changed_chunks(run_id, 0, 10).unwrap();
    assert_eq!(changed.iter().map(|(at, run)| (*at, run.chunk().index)).collect::<Vec<_>>(), [(1, 2)]);
    step(&ledger, &run, 1, now);
    assert_eq!(ledger.changed_chunks(run_id, 1, 10).unwrap().len(), 1);
    assert_eq!(wait(ledger.run(run_id)).unwrap().unwrap().open, 3);
    // No evidence folder had been given before; from now on it is kept.
    assert_eq!(ledger.evidence(run_id).unwrap(), None);
    for place in ["/proof", "/elsewhere", "/elsewhere"] {
        ledger.remember_evidence(run_id, place).unwrap();
        assert_eq!(ledger.evidence(run_id).unwrap(), Some(place.into()));
    }
    assert_eq!(ledger.evidence("run-nobody").unwrap(), None);
}

/// A run that had an address is not to lose it, and a rehearsal had its own receiver.
#[test]
fn a_ledger_that_kept_no_addresses_knows_which_real_runs_had_one() {
    let now = Timestamp::parse("2026-01-01T00:00:00Z").unwrap();
    let folder = TempDir::new().unwrap();
    let order = new_run(1, now).order;
    let runs = [("run-told", false, true), ("run-silent", false, false), ("run-rehearsed", true, true)];
    {
        let old = rusqlite::Connection::open(folder.path().join("ledger.sqlite3")).unwrap();
        MIGRATIONS[..5].iter().for_each(|sql| old.execute_batch(sql).unwrap());
        old.pragma_update(None, "user_version", 5).unwrap();
        for (run_id, simulated, told) in runs {
            let order = Order { run_id: run_id.to_owned(), simulated, ..order.clone() };
            let sql =
                "insert into runs (run_id, order_json, plan_file, created_at, updated_at) values (?1, ?2, '', 1, 1)";
            old.execute(sql, [run_id, &serde_json::to_string(&order).unwrap()]).unwrap();
            let sql = "insert into outbox (run_id, id, body, attempts, state_json) select ?1, 'm', '', 1, '' where ?2";
            old.execute(sql, rusqlite::params![run_id, told]).unwrap();
        }
    }
    let ledger = SqliteLedger::open(folder.path()).unwrap();
    let addressed = runs.map(|(run_id, ..)| ledger.was_addressed(run_id).unwrap());
    assert_eq!(addressed, [true, false, false]);
}

#[test]
fn a_run_of_very_many_chunks_is_noted_whole() {
    let now = Timestamp::parse("2026-01-01T00:00:00Z").unwrap();
    let total = 20_000;
    let run = new_run(total, now);
    let order = &run.order;
    let folder = TempDir::new().unwrap();
    let ledger = SqliteLedger::open(folder.path()).unwrap();
    wait(ledger.create(&run, now)).unwrap();
    assert_eq!(wait(ledger.run(&order.run_id)).unwrap().unwrap().open, total);
    assert_eq!(wait(ledger.open_chunks(&order.run_id, total - 2, 10)).unwrap(), [total - 1, total]);
}

#[test]
fn a_run_that_cannot_be_read_does_not_hide_the_others() {
    let now = Timestamp::parse("2026-01-01T00:00:00Z").unwrap();
    let folder = TempDir::new().unwrap();
    let ledger = SqliteLedger::open(folder.path()).unwrap();
    let good = new_run(1, now);
    let mut bad = good.clone();
    bad.order.run_id = "run-0000000000000bad".to_owned();
    wait(ledger.create(&good, now)).unwrap();
    wait(ledger.create(&bad, now)).unwrap();
    let spoilt = r#"update runs set order_json = replace(order_json, '"chunkDeadlineSeconds":14400', '"chunkDeadlineSeconds":1e19')
        where run_id = 'run-0000000000000bad'"#;
    assert_eq!(ledger.connection().execute(spoilt, []).unwrap(), 1);

    let (rows, unreadable) = ledger.list_runs().unwrap();
    let ids = |rows: &[RunRow]| rows.iter().map(|row| row.order.run_id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&rows), [good.order.run_id.as_str()]);
    assert_eq!(ids(&wait(ledger.runs()).unwrap()), ids(&rows));
    let said = unreadable.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    assert!(said.contains("`run-0000000000000bad`") && said.contains("the order of a run"), "{said}");

    // Finding a run by its name reads no other run.
    let find = |name: &str| wait(stored::find_run(&ledger, name));
    assert_eq!(find(&good.order.run_id).unwrap().order.run_id, good.order.run_id);
    assert_eq!(find("run-0000000000000bad").unwrap_err().exit, Exit::Internal);
    assert_eq!(find("run-").unwrap_err().findings[0].code, "run.unknown", "several begin so");
}
