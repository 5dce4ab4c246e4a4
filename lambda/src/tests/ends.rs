//! What follows the end of chunks. The governance system is told, the evidence is written, and an alarm calls a person if
//! necessary: never less than once whoever dies, and not for every message that comes afterwards.

use std::time::Duration;

use purge_core::evidence::FILES;
use purge_core::http::HttpResponse;
use purge_core::url::webhook_url;
use purge_core::wake::WakeUp;
use purge_driver::ledger::{Claim, Claimed, Lease, MessageState};
use purge_driver::{Clock as _, Ledger as _};
use serde_json::{Value, json};

use super::fakes::{Sent, World, ask, delivered, event, in_virtual_time, no_webhook, policy, sent, take_metrics};
use crate::evidence::{Latest, Proof, records};
use crate::ledger::canned::refusing;
use crate::login::Webhook;
use crate::wake::{Errand, ErrandKind};

const TIME: Duration = Duration::from_secs(120);
/// How long evidence waits for messages.
const PATIENCE: Duration = Duration::from_secs(900);

fn kinds(errands: &[Sent]) -> Vec<ErrandKind> {
    errands.iter().map(|errand| serde_json::from_str::<Errand>(&errand.body).unwrap().errand).collect()
}

fn evidence_among(errands: &[Sent]) -> usize {
    kinds(errands).iter().filter(|kind| **kind == ErrandKind::Evidence).count()
}

fn evidence(run_id: &str) -> Sent {
    sent(serde_json::to_string(&Errand::new(run_id, ErrandKind::Evidence)).unwrap())
}

async fn work(world: &World, messages: &[Sent]) {
    for five in messages.chunks(5) {
        let answer = world.functions().work(&event(five), &world.invocation(TIME)).await.unwrap();
        assert_eq!(answer, json!({"batchItemFailures": []}));
    }
}

/// Runs these errands.
async fn run_errands(world: &World, errands: &[Sent]) {
    for errand in errands {
        let batch = event(std::slice::from_ref(errand));
        let answer = world.functions().run_errands(&batch, &no_webhook, &world.invocation(TIME)).await.unwrap();
        assert_eq!(answer, json!({"batchItemFailures": []}));
    }
}

/// Ends the chunk as failed, and returns the errands that this sends.
async fn fail_chunk(world: &World, run_id: &str, chunk: u32) -> Vec<Sent> {
    let attempt = world.ledger.chunk(run_id, chunk).await.unwrap().map(|row| row.run.attempt());
    let dead = sent(WakeUp { attempt, ..WakeUp::new(run_id, chunk) }.text());
    world.functions().bury(&event(&[dead]), &world.invocation(TIME)).await.unwrap();
    assert!(world.ledger.chunk(run_id, chunk).await.unwrap().unwrap().run.outcome().is_some());
    world.for_couriers()
}

/// Notes all messages of the run as delivered.
async fn note_delivered(world: &World, run_id: &str) {
    for message in world.ledger.outbox_pending(run_id, 9_999).await.unwrap() {
        let delivered = MessageState::Delivered { at: world.clock.now() };
        assert!(world.ledger.outbox_settle(run_id, &message.id, message.attempts, &delivered).await.unwrap());
    }
}

fn latest(world: &World, run_id: &str) -> Latest {
    serde_json::from_str(&world.evidence.kept.borrow()[&format!("{run_id}/latest.json")]).unwrap()
}

#[test]
fn the_wake_ups_that_a_cancel_leaves_behind_send_for_nothing() {
    const CHUNKS: u32 = 200;
    in_virtual_time(async |world| {
        let run_id = world.run_under(CHUNKS, &json!({"version": 1, "limits": {"requestsPerMinute": 30}})).await;
        let first: Vec<_> = (1..=CHUNKS).map(|chunk| sent(WakeUp::new(&run_id, chunk).text())).collect();
        work(world, &first).await;
        let mut under_way = world.chunks.take();
        assert_eq!(under_way.len(), 200, "all wait for the request budget");
        world.clock.sleep(Duration::from_secs(5)).await;
        ask(world, "cancel", &run_id).await;
        run_errands(world, &world.for_couriers()).await;
        work(world, &world.chunks.take()).await;
        assert_eq!(world.ledger.run(&run_id).await.unwrap().unwrap().open, 0);
        let errands = world.for_couriers();
        assert_eq!((errands.len(), evidence_among(&errands)), (201, 1), "a message for each, and the evidence");
        while !under_way.is_empty() {
            world.clock.sleep(PATIENCE).await;
            work(world, &under_way).await;
            assert_eq!(world.for_couriers().len(), 0);
            under_way = world.chunks.take();
        }
    });
}

/// The wake-up that a worker sends when it does not learn what became of its commit.
fn wake_up_after_no_answer(run_id: &str) -> Sent {
    let world = World::new();
    let ledger = refusing(500, "InternalServerError", &[]);
    let (functions, wake) = (world.functions_over(&ledger), event(&[sent(WakeUp::new(run_id, 1).text())]));
    let invocation = world.invocation(TIME);
    let worked = functions.work(&wake, &invocation);
    let answer = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(worked);
    assert_eq!(answer, Ok(json!({"batchItemFailures": []})));
    world.chunks.take().pop().unwrap()
}

#[test]
fn an_end_of_which_perhaps_nobody_has_told_is_told() {
    in_virtual_time(async |world| {
        let run_id = world.run(1).await;
        assert_eq!(fail_chunk(world, &run_id, 1).await.len(), 2);
        assert_eq!(take_metrics("ChunksNeedSomebody").len(), 1);
        let after_no_answer = [wake_up_after_no_answer(&run_id)];
        // While many messages wait, it comes much later than it was sent for.
        for late in [30, 3_600] {
            world.clock.sleep(Duration::from_secs(late)).await;
            work(world, &after_no_answer).await;
            assert_eq!((world.for_couriers().len(), take_metrics("ChunksNeedSomebody").len()), (2, 1), "{late}");
        }
        // The second delivery may follow the death of the worker that ended the chunk.
        let wake = [sent(WakeUp::new(&run_id, 1).text())];
        world.functions().work(&delivered(&wake, 2), &world.invocation(TIME)).await.unwrap();
        assert_eq!(world.for_couriers().len(), 2);
        let lines = take_metrics("ChunksNeedSomebody");
        assert_eq!(lines.len(), 1);
        // An alarm looks at the last minutes, and the delivery comes long after the end.
        assert_eq!(lines[0]["_aws"]["Timestamp"], world.clock.now().millis());
    });
}

/// A queue may deliver a message twice. While one delivery is worked on, the other finds its chunk under lease, is sent on and done,
/// and with it the message: it is not delivered again if the worker dies.
#[test]
fn the_end_of_a_worker_that_was_found_at_work_is_told() {
    in_virtual_time(async |world| {
        let run_id = world.run(1).await;
        let now = world.clock.now();
        let lease = Lease { owner: "it".to_owned(), until: now.plus(Duration::from_secs(10)) };
        let claim = Claim { run_id: &run_id, index: 1, lease, now, take_over: false };
        assert!(matches!(world.ledger.claim(claim).await, Ok(Claimed::Granted(_))));
        work(world, &[sent(WakeUp::new(&run_id, 1).text())]).await;
        let sent_on = world.chunks.take();
        world.clock.sleep(Duration::from_secs(10)).await;
        fail_chunk(world, &run_id, 1).await;
        for late in [1, 3_600] {
            world.clock.sleep(Duration::from_secs(late)).await;
            work(world, &sent_on).await;
            assert_eq!(world.for_couriers().len(), 2, "{late}");
        }
    });
}

#[test]
fn an_end_that_was_somebody_elses_is_not_told() {
    in_virtual_time(async |world| {
        let run_id = world.run(1).await;
        let before = WakeUp { not_before: Some(world.clock.now()), ..WakeUp::new(&run_id, 1) };
        world.clock.sleep(Duration::from_secs(1)).await;
        fail_chunk(world, &run_id, 1).await;
        take_metrics("ChunksNeedSomebody");
        let long_after = world.clock.now().plus(Duration::from_secs(180));
        let after = WakeUp { not_before: Some(long_after), ..WakeUp::new(&run_id, 1) };
        world.clock.sleep_until(long_after).await;
        for wake in [WakeUp::new(&run_id, 1), before, after] {
            work(world, &[sent(wake.text())]).await;
            assert_eq!(kinds(&world.for_couriers()), [], "{wake:?}");
            assert_eq!(take_metrics("ChunksNeedSomebody"), Vec::<Value>::new());
        }
    });
}

#[test]
fn a_run_that_has_its_evidence_is_not_looked_at_again() {
    in_virtual_time(async |world| {
        let run_id = world.run(1).await;
        fail_chunk(world, &run_id, 1).await;
        note_delivered(world, &run_id).await;
        run_errands(world, &[evidence(&run_id)]).await;
        assert!(world.ledger.unfinished().is_empty() && !world.evidence.written.take().is_empty());
        world.evidence.reads.set(0);
        run_errands(world, &[evidence(&run_id), evidence(&run_id)]).await;
        assert_eq!((world.evidence.reads.get(), world.for_couriers().len()), (0, 0));
    });
}

#[test]
fn evidence_waits_for_messages_in_one_errand_and_is_sent_for_after_the_last() {
    in_virtual_time(async |world| {
        let run_id = world.run(2).await;
        fail_chunk(world, &run_id, 1).await;
        let mut errands = fail_chunk(world, &run_id, 2).await;
        let waits = errands.pop().unwrap();
        assert_eq!((evidence_among(std::slice::from_ref(&waits)), waits.delay_seconds), (1, 900));
        world.clock.sleep(Duration::from_secs(100)).await;
        run_errands(world, &[evidence(&run_id)]).await;
        let again = world.for_couriers();
        assert_eq!((again.len(), again[0].delay_seconds), (1, 800), "nobody looks meanwhile");

        *world.http.answer.borrow_mut() = HttpResponse::json(200, &json!({}));
        let url = webhook_url("https://governance.example.com/hook").unwrap();
        let webhook = async || Ok(Some(Webhook { url: url.clone(), secrets: None }));
        let messages = world.ledger.outbox_pending(&run_id, 9).await.unwrap();
        for (message, sends) in messages.into_iter().zip([0, 1]) {
            let deliver = Errand::new(&run_id, ErrandKind::Deliver { message: message.id });
            let deliver = event(&[sent(serde_json::to_string(&deliver).unwrap())]);
            world.functions().run_errands(&deliver, &webhook, &world.invocation(TIME)).await.unwrap();
            assert_eq!(kinds(&world.for_couriers()), vec![ErrandKind::Evidence; sends]);
            // The same delivery again, as if the courier had died before it could send an errand.
            world.functions().run_errands(&deliver, &webhook, &world.invocation(TIME)).await.unwrap();
            assert_eq!(kinds(&world.for_couriers()), vec![ErrandKind::Evidence; sends]);
        }
    });
}

#[test]
fn evidence_that_waited_in_vain_is_written_once_and_again_when_all_is_delivered() {
    in_virtual_time(async |world| {
        let run_id = world.run(1).await;
        fail_chunk(world, &run_id, 1).await;
        world.clock.sleep(PATIENCE).await;
        run_errands(world, &[evidence(&run_id)]).await;
        let first = latest(world, &run_id);
        world.evidence.reads.set(0);
        run_errands(world, &[evidence(&run_id), evidence(&run_id)]).await;
        assert_eq!((world.evidence.reads.get(), world.for_couriers().len()), (2, 0), "only where the newest is");
        note_delivered(world, &run_id).await;
        run_errands(world, &[evidence(&run_id)]).await;
        assert_ne!(latest(world, &run_id).folder, first.folder);
        assert!(world.ledger.unfinished().is_empty());
    });
}

/// Two couriers write the evidence of two states of a run. The one with the older state is slow and writes the pointer last.
#[test]
fn a_slow_courier_does_not_leave_an_older_state_as_the_newest() {
    in_virtual_time(async |world| {
        let slow = Duration::from_secs(10);
        let run_id = world.run(1).await;
        fail_chunk(world, &run_id, 1).await;
        note_delivered(world, &run_id).await;
        world.evidence.takes.set(slow);
        let older = async {
            run_errands(world, &[evidence(&run_id)]).await;
        };
        let newer = async {
            // By now the older state's files and manifest are there, and its pointer is being written.
            world.clock.sleep(slow * u32::try_from(FILES.len() + 1).unwrap() + slow / 2).await;
            world.evidence.takes.set(Duration::ZERO);
            assert_eq!(ask(world, "retry", &run_id).await["queued"], 1);
            fail_chunk(world, &run_id, 1).await;
            note_delivered(world, &run_id).await;
            run_errands(world, &[evidence(&run_id)]).await;
            assert!(world.ledger.unfinished().is_empty(), "that is done");
            latest(world, &run_id)
        };
        let ((), newest) = futures_util::future::join(older, newer).await;
        assert_ne!(latest(world, &run_id).folder, newest.folder, "the older one came last");
        run_errands(world, &world.for_couriers()).await;
        assert_eq!(latest(world, &run_id).folder, newest.folder);
        assert!(world.ledger.unfinished().is_empty());
    });
}

#[test]
fn a_run_that_is_not_verified_calls_somebody_once() {
    in_virtual_time(async |world| {
        let run_id = world.run(1).await;
        let ends = async |messages: bool| {
            world.clock.sleep(PATIENCE).await;
            fail_chunk(world, &run_id, 1).await;
            if messages {
                note_delivered(world, &run_id).await;
            }
            world.clock.sleep(PATIENCE).await;
            run_errands(world, &[evidence(&run_id)]).await;
        };
        ends(false).await;
        let lines = take_metrics("RunsNotVerified");
        assert_eq!(lines.len(), 1);
        let line = |name: &str| lines[0][name].as_str().unwrap();
        assert_eq!((line("runId"), line("runOutcome"), line("Simulated")), (run_id.as_str(), "failed", "true"));

        note_delivered(world, &run_id).await;
        world.clock.sleep(PATIENCE).await;
        run_errands(world, &[evidence(&run_id), evidence(&run_id)]).await;
        assert!(world.ledger.unfinished().is_empty());
        assert_eq!(take_metrics("RunsNotVerified").len(), 0, "only the messages are others");

        assert_eq!(ask(world, "retry", &run_id).await["queued"], 1);
        ends(true).await;
        assert_eq!(take_metrics("RunsNotVerified").len(), 1, "it has failed again");
    });
}

/// Where the pointer is, the next courier finds nothing to do: it cannot call anybody in place of one that died right after it.
#[test]
fn somebody_is_called_before_the_evidence_is_pointed_to() {
    in_virtual_time(async |world| {
        let run_id = world.run(1).await;
        fail_chunk(world, &run_id, 1).await;
        note_delivered(world, &run_id).await;
        world.evidence.breaks_after.set(Some(FILES.len() + 1));
        let batch = event(&[evidence(&run_id)]);
        world.functions().run_errands(&batch, &no_webhook, &world.invocation(TIME)).await.unwrap();
        let kept = world.evidence.kept.borrow();
        let of_run = kept.keys().filter(|key| key.starts_with(&run_id));
        assert_eq!(of_run.count(), FILES.len() + 1, "all but the pointer");
        assert_eq!(take_metrics("RunsNotVerified").len(), 1);
    });
}

#[test]
fn a_run_that_somebody_cancelled_calls_nobody() {
    in_virtual_time(async |world| {
        let run_id = world.run_under(1, &policy()).await;
        ask(world, "cancel", &run_id).await;
        work(world, &[sent(WakeUp::new(&run_id, 1).text())]).await;
        note_delivered(world, &run_id).await;
        run_errands(world, &[evidence(&run_id)]).await;
        assert_eq!(latest(world, &run_id).outcome.as_str(), "cancelled");
        assert_eq!(take_metrics("RunsNotVerified"), Vec::<Value>::new());
    });
}

#[test]
fn only_the_first_evidence_of_an_end_is_the_first() {
    in_virtual_time(async |world| {
        let run_id = world.run(1).await;
        fail_chunk(world, &run_id, 1).await;
        let write = async || {
            let row = world.ledger.run(&run_id).await.unwrap().unwrap();
            let records = records(&world.ledger, &run_id).await.unwrap();
            let outbox = world.ledger.outbox(&run_id).await.unwrap();
            let proof = Proof::of(&row, &records, &outbox, &[], world.clock.now()).unwrap();
            let stored = proof.store(&&world.evidence, world.clock.now()).await.unwrap();
            stored.publish(&&world.evidence).await.unwrap();
            (stored.is_new(), stored.is_first(row.updated_at))
        };
        assert_eq!(write().await, (true, true));
        assert_eq!(write().await, (false, false));
        note_delivered(world, &run_id).await;
        assert_eq!(write().await, (true, false));
    });
}
