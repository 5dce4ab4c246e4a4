//! The sweep sets going what is stalled, once, and leaves alone what only waits.

use std::time::Duration;

use purge_core::time::Timestamp;
use purge_core::wake::WakeUp;
use purge_driver::ledger::{Claim, Lease, MessageState};
use purge_driver::{Clock as _, Ledger as _};
use serde_json::{Value, json};

use super::fakes::{Sent, TRACE, World, event, in_virtual_time, no_webhook, sent};
use crate::store::{Store as _, conformance};
use crate::sweep::{ERRAND_MARGIN, ERRANDS_IN_TIME, WAKE_UP_MARGIN, WAKE_UPS_IN_TIME};
use crate::wake::{Errand, ErrandKind};

const TIME: Duration = Duration::from_secs(120);
const SECOND: Duration = Duration::from_secs(1);
/// After how long a chunk that was never woken counts as stalled.
const NEVER_WOKEN: Duration = ERRAND_MARGIN.saturating_add(WAKE_UP_MARGIN);

async fn sleep_until(world: &World, at: Timestamp) {
    world.clock.sleep_until(at).await;
}

async fn sleep(world: &World, time: Duration) {
    sleep_until(world, world.clock.now().plus(time)).await;
}

async fn run_errand(world: &World, errand: &Sent) {
    let batch = event(std::slice::from_ref(errand));
    let answer = world.functions().run_errands(&batch, &no_webhook, &world.invocation(TIME)).await;
    assert_eq!(answer.unwrap(), json!({"batchItemFailures": []}));
}

async fn ask(world: &World, asked: &Value) -> Value {
    world.functions().plan(asked, &world.invocation(TIME)).await.unwrap()
}

/// Carries out a sweep. Returns the planner's answer, the chunks that were woken, and the errands that were sent again.
async fn sweep_asked(world: &World, asked: &Value) -> (Value, Vec<u32>, Vec<ErrandKind>) {
    assert!(world.chunks.take().is_empty() && world.for_couriers().is_empty(), "the test forgot messages");
    let answer = ask(world, asked).await;
    let mut late = Vec::new();
    for _ in 0..100 {
        let errands = world.for_couriers();
        if errands.is_empty() {
            break;
        }
        for errand in errands {
            assert_eq!(errand.traceparent.as_deref(), Some(TRACE));
            match serde_json::from_str::<Errand>(&errand.body).unwrap().errand {
                ErrandKind::Sweep(_) => run_errand(world, &errand).await,
                other @ (ErrandKind::FanOut { .. }
                | ErrandKind::Deliver { .. }
                | ErrandKind::Retry(_)
                | ErrandKind::Evidence) => {
                    late.push(other);
                }
            }
        }
    }
    let woken = world.chunks.take();
    let woken = woken.iter().map(|message| serde_json::from_str::<WakeUp>(&message.body).unwrap().chunk).collect();
    (answer, woken, late)
}

async fn sweep(world: &World) -> (Vec<u32>, Vec<ErrandKind>) {
    let (_, woken, late) = sweep_asked(world, &json!({"action": "sweep"})).await;
    (woken, late)
}

fn nothing() -> (Vec<u32>, Vec<ErrandKind>) {
    (Vec::new(), Vec::new())
}

/// Wakes a chunk whose tenant answers 503, so that the chunk waits, and loses its next wake-up. Returns the end of the wait.
async fn make_wait(world: &World, run_id: &str, chunk: u32) -> Timestamp {
    let wake = sent(serde_json::to_string(&WakeUp::new(run_id, chunk)).unwrap());
    world.functions().work(&event(&[wake]), &world.invocation(TIME)).await.unwrap();
    assert_eq!(world.chunks.take().len(), 1, "the chunk waits");
    world.ledger.chunk(run_id, chunk).await.unwrap().unwrap().run.due().unwrap().0
}

/// Ends the chunk, and forgets the messages that this sends.
async fn end_chunk(world: &World, run_id: &str, chunk: u32) {
    let dead = sent(serde_json::to_string(&WakeUp::new(run_id, chunk)).unwrap());
    world.functions().bury(&event(&[dead]), &world.invocation(TIME)).await.unwrap();
    assert!(world.ledger.chunk(run_id, chunk).await.unwrap().unwrap().run.outcome().is_some());
    world.for_couriers();
}

#[test]
fn the_store_conforms() {
    in_virtual_time(async |world| conformance::check(&world.ledger, &world.ledger).await.unwrap());
}

#[test]
fn chunks_that_were_never_woken_are_woken_once_nobody_can_do_it_any_more() {
    in_virtual_time(async |world| {
        let run_id = world.run(3).await;
        sleep(world, NEVER_WOKEN.saturating_sub(SECOND)).await;
        assert_eq!(sweep(world).await, nothing(), "the errand that wakes them may still be under way");
        sleep(world, SECOND).await;
        assert_eq!(sweep(world).await, (vec![1, 2, 3], vec![]));
        // Their wake-ups are under way now. If these are lost as well, it takes less time to notice.
        sleep(world, WAKE_UP_MARGIN.saturating_sub(SECOND)).await;
        assert_eq!(sweep(world).await, nothing());
        sleep(world, SECOND).await;
        assert_eq!(sweep(world).await, (vec![1, 2, 3], vec![]));
        assert_eq!(world.ledger.open_chunks(&run_id, 0, 9).await.unwrap(), [1, 2, 3]);
    });
}

#[test]
fn a_chunk_that_waits_is_left_alone_until_its_wake_up_cannot_come_any_more() {
    in_virtual_time(async |world| {
        let run_id = world.run(2).await;
        let due = make_wait(world, &run_id, 2).await;
        sleep_until(world, due.plus(WAKE_UP_MARGIN).minus(SECOND)).await;
        assert_eq!(sweep(world).await, nothing(), "its message may have been delivered in vain four times");
        sleep(world, SECOND).await;
        assert_eq!(sweep(world).await, (vec![2], vec![]), "exactly the one that is overdue");
    });
}

#[test]
fn a_long_wait_is_no_standing_still() {
    in_virtual_time(async |world| {
        let run_id = world.run(1).await;
        // The chunk goes from one wait into the next, each longer than the one before.
        let mut due = make_wait(world, &run_id, 1).await;
        for _ in 0..6 {
            sleep_until(world, due).await;
            assert_eq!(sweep(world).await, nothing());
            due = make_wait(world, &run_id, 1).await;
        }
        assert!(due > world.clock.now());
    });
}

#[test]
fn a_chunk_that_somebody_works_on_is_left_alone() {
    in_virtual_time(async |world| {
        let run_id = world.run(1).await;
        let until_then = world.clock.now().plus(NEVER_WOKEN * 2);
        let lease = Lease { owner: "somebody".to_owned(), until: until_then };
        let claim = Claim { run_id: &run_id, index: 1, lease, now: world.clock.now(), take_over: false };
        world.ledger.claim(claim).await.unwrap();
        sleep(world, NEVER_WOKEN + WAKE_UP_MARGIN).await;
        assert_eq!(sweep(world).await, nothing());
        sleep_until(world, until_then.plus(WAKE_UP_MARGIN)).await;
        assert_eq!(sweep(world).await, (vec![1], vec![]), "they are gone, and so is their message");
    });
}

#[test]
fn while_messages_pile_up_nothing_can_be_said_to_be_lost() {
    in_virtual_time(async |world| {
        let run_id = world.run(2).await;
        sleep(world, NEVER_WOKEN).await;
        for (wake_ups, errands, looks) in [
            (WAKE_UPS_IN_TIME + 1, 0, false),
            (0, ERRANDS_IN_TIME + 1, false),
            (WAKE_UPS_IN_TIME, ERRANDS_IN_TIME, true),
        ] {
            world.chunks.waits.set(wake_ups);
            world.errands.waits.set(errands);
            let (answer, woken, _) = sweep_asked(world, &json!({"action": "sweep"})).await;
            assert_eq!(answer["waiting"], json!({"wakeUps": wake_ups, "errands": errands}));
            assert_eq!(answer["lookedAt"], if looks { json!([run_id]) } else { Value::Null });
            assert_eq!(answer["unfinished"], json!([run_id]), "whoever asks which runs are open is told in any case");
            assert_eq!(woken, if looks { vec![1, 2] } else { vec![] });
        }
    });
}

/// These messages may be hours late while the governance system does not answer, so what seems lost may be among them.
#[test]
fn while_messages_to_the_webhook_pile_up_everything_else_is_looked_at() {
    in_virtual_time(async |world| {
        let run_id = world.run(2).await;
        end_chunk(world, &run_id, 1).await;
        let message = world.ledger.outbox(&run_id).await.unwrap().remove(0);
        sleep(world, NEVER_WOKEN).await;
        world.webhooks.waits.set(ERRANDS_IN_TIME + 1);
        assert_eq!(sweep(world).await, (vec![2], vec![]));
        sleep(world, NEVER_WOKEN).await;
        world.webhooks.waits.set(ERRANDS_IN_TIME);
        assert_eq!(sweep(world).await, (vec![2], vec![ErrandKind::Deliver { message: message.id }]));
    });
}

#[test]
fn a_person_who_knows_that_messages_are_gone_need_not_wait() {
    in_virtual_time(async |world| {
        let run_id = world.run(2).await;
        sleep(world, SECOND * 30).await;
        let due = make_wait(world, &run_id, 1).await;
        let asked = json!({"action": "sweep", "overdueSeconds": 60});
        sleep_until(world, due.plus(SECOND * 59)).await;
        assert_eq!(sweep_asked(world, &asked).await.1, [2], "it should have been woken a minute and a half ago");
        sleep(world, SECOND * 59).await;
        assert!(sweep_asked(world, &asked).await.1.is_empty());
        sleep(world, SECOND).await;
        assert_eq!(sweep_asked(world, &asked).await.1, [1, 2]);
    });
}

#[test]
fn a_sweep_that_runs_out_of_time_hands_the_rest_to_the_next_courier() {
    in_virtual_time(async |world| {
        world.run(8_760).await;
        sleep(world, NEVER_WOKEN).await;
        world.chunks.takes.set(Duration::from_secs(70));
        let begun = world.clock.now();
        let (woken, late) = sweep(world).await;
        assert_eq!((woken, late), ((1..=8_760).collect(), vec![]), "all, in order, and each once");
        assert!(world.clock.now().since(begun) > TIME * 2, "which is more than one courier can do");
        world.chunks.takes.set(Duration::ZERO);
        assert_eq!(sweep(world).await, nothing());
    });
}

/// A courier that sends them one by one would run out of time with every delivery, and never be done.
#[test]
fn many_lost_messages_to_the_webhook_are_sent_for_in_no_more_time_than_a_few() {
    in_virtual_time(async |world| {
        const ENDED: u32 = 400;
        let run_id = world.run(ENDED + 1).await;
        for chunk in 1..=ENDED {
            end_chunk(world, &run_id, chunk).await;
        }
        sleep(world, NEVER_WOKEN).await;
        world.webhooks.takes.set(SECOND);
        let begun = world.clock.now();
        let (woken, late) = sweep(world).await;
        assert_eq!((woken, late.len()), (vec![ENDED + 1], 400));
        assert!(world.clock.now().since(begun) < TIME, "{:?}", world.clock.now().since(begun));
    });
}

#[test]
fn a_run_that_ended_without_its_evidence_gets_it_and_is_then_left_alone() {
    in_virtual_time(async |world| {
        let run_id = world.run(1).await;
        end_chunk(world, &run_id, 1).await;
        let message = world.ledger.outbox(&run_id).await.unwrap().remove(0);
        sleep(world, ERRAND_MARGIN.saturating_sub(SECOND)).await;
        assert_eq!(sweep(world).await, nothing());
        sleep(world, SECOND).await;
        let deliver = ErrandKind::Deliver { message: message.id.clone() };
        assert_eq!(sweep(world).await, (vec![], vec![deliver]), "first the governance system");
        assert_eq!(sweep(world).await, nothing());

        let delivered = MessageState::Delivered { at: world.clock.now() };
        assert!(world.ledger.outbox_settle(&run_id, &message.id, 0, &delivered).await.unwrap());
        sleep(world, ERRAND_MARGIN).await;
        assert_eq!(sweep(world).await, (vec![], vec![ErrandKind::Evidence]), "and then the evidence");
        run_errand(world, &sent(serde_json::to_string(&Errand::new(&run_id, ErrandKind::Evidence)).unwrap())).await;
        assert!(!world.evidence.kept.borrow().is_empty());
        assert!(world.ledger.unfinished().is_empty(), "nobody has to look after it any more");
        sleep(world, NEVER_WOKEN * 2).await;
        let (answer, ..) = sweep_asked(world, &json!({"action": "sweep"})).await;
        assert_eq!((&answer["unfinished"], &answer["lookedAt"]), (&json!([]), &json!([])));

        // It is looked after once more when it is opened again.
        assert_eq!(
            ask(world, &json!({"action": "retry", "runId": run_id, "askedBy": "a@example.com"})).await["queued"],
            1
        );
        world.for_couriers();
        assert_eq!(sweep(world).await, nothing());
        sleep(world, NEVER_WOKEN).await;
        assert_eq!(sweep(world).await, (vec![1], vec![]));
    });
}

#[test]
fn evidence_that_did_not_wait_for_a_message_keeps_the_run_unfinished() {
    in_virtual_time(async |world| {
        let run_id = world.run(1).await;
        end_chunk(world, &run_id, 1).await;
        let evidence = sent(serde_json::to_string(&Errand::new(&run_id, ErrandKind::Evidence)).unwrap());
        sleep(world, Duration::from_secs(16 * 60)).await;
        run_errand(world, &evidence).await;
        assert!(!world.evidence.kept.borrow().is_empty(), "it does not wait for ever");
        assert_eq!(world.ledger.unfinished().len(), 1, "but somebody is still to be told");
    });
}

#[test]
fn resume_has_a_run_looked_after() {
    in_virtual_time(async |world| {
        let run_id = world.run(2).await;
        let seen = world.ledger.unfinished_run(&run_id).await.unwrap().unwrap();
        assert!(world.ledger.finish(&seen), "as a run is of a version that knew no sweeps");
        assert_eq!(ask(world, &json!({"action": "resume", "runId": run_id})).await["open"], 2);
        assert_eq!(world.for_couriers().len(), 1);
        sleep(world, NEVER_WOKEN).await;
        assert_eq!(sweep(world).await, (vec![1, 2], vec![]));
    });
}
