//! What one process learns about how long deletions take, every other process knows.

use std::time::Duration;

use purge_core::http::HttpResponse;
use purge_core::run::{Context, Input, Next, Outcome, Pace};
use purge_driver::ledger::{Claim, Claimed, Commit, Committed, Lease};
use purge_driver::{Clock as _, Ledger as _};
use serde_json::json;

use super::fakes::{World, in_virtual_time};

const TEN_MINUTES: Duration = Duration::from_secs(600);

/// Has a worker elsewhere carry the chunk to its end, with a deletion that takes ten minutes.
async fn delete_in_ten_minutes(world: &World, run_id: &str, index: u32) {
    let order = world.ledger.run(run_id).await.unwrap().unwrap().order;
    let lease = Lease { owner: "elsewhere".to_owned(), until: world.clock.now().plus(TEN_MINUTES * 2) };
    let claim = Claim { run_id, index, lease, now: world.clock.now(), take_over: false };
    let Claimed::Granted(row) = world.ledger.claim(claim).await.unwrap() else { panic!("nobody else has it") };
    let (mut run, mut input, mut records) = (row.run, Input::Tick, Vec::new());
    let mut done_at = None;
    loop {
        let now = world.clock.now();
        let is_done = done_at.is_some_and(|at| at <= now);
        let step = run.step(Context { order: &order, pace: Pace::default(), now }, input);
        run = step.run;
        records.extend(step.records);
        let answer = |body| Input::Response(HttpResponse::json(200, &body));
        input = match step.next {
            Next::Send(request) if request.path.ends_with("/query") => {
                answer(json!({"results": [{"count": if is_done { 0 } else { 9 }}]}))
            }
            Next::Send(request) if request.path.ends_with("/requests") => {
                done_at = Some(now.plus(TEN_MINUTES));
                answer(json!({"id": "1"}))
            }
            Next::Send(_) => answer(json!({"id": "1", "status": if is_done { "completed" } else { "processing" }})),
            Next::WaitUntil { at, .. } => {
                world.clock.sleep_until(at).await;
                Input::Tick
            }
            Next::TakeSlot => panic!("a deletion needs no slot"),
            Next::Done(outcome) => {
                assert_eq!(outcome, Outcome::Verified);
                break;
            }
        };
    }
    let now = world.clock.now();
    let commit = Commit { records: &records, ..Commit::of(run_id, row.version, &run, now) };
    assert!(matches!(world.ledger.commit(commit).await, Ok(Committed::Version(_))));
}

#[test]
fn a_process_that_has_seen_no_deletion_knows_how_long_others_took() {
    in_virtual_time(async |world| {
        let run_id = world.run(3).await;
        let order = world.ledger.run(&run_id).await.unwrap().unwrap().order;
        let (early, slowest) = (world.functions(), |pace: Pace| Duration::from_millis(pace.and(pace).slowest_ms));
        assert_eq!(early.pace(&order).await, Ok(Pace::default()), "nobody knows");
        delete_in_ten_minutes(world, &run_id, 2).await;
        for functions in [early, world.functions()] {
            let pace = functions.pace(&order).await.unwrap();
            assert!(slowest(pace) >= TEN_MINUTES, "{pace:?}");
            assert_eq!(functions.pace(&order).await, Ok(pace), "it is not asked again at once");
        }
    });
}
