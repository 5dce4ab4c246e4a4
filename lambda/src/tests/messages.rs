//! Wake-ups and dead letters.

use std::time::Duration;

use purge_core::outcome::Outcome;
use purge_core::wake::WakeUp;
use purge_core::webhook::WebhookEvent;
use purge_driver::ledger::{Claim, Claimed, Lease};
use purge_driver::{Clock as _, Ledger as _};
use serde_json::{Value, json};

use super::fakes::{Sent, TRACE, World, asked, delivered, event, in_virtual_time, sent};
use crate::batch::{Handled, Received};
use crate::wake::{Errand, ErrandKind};

const TIME: Duration = Duration::from_secs(120);

fn wake(run_id: &str, chunk: u32) -> Sent {
    sent(serde_json::to_string(&WakeUp::new(run_id, chunk)).unwrap())
}

#[test]
fn a_wait_is_a_message_that_comes_later_in_the_same_trace() {
    in_virtual_time(async |world| {
        let run_id = world.run(3).await;
        let answer = world.functions().work(&event(&[wake(&run_id, 2)]), &world.invocation(TIME)).await.unwrap();
        assert_eq!(answer, json!({"batchItemFailures": []}), "waiting uses up no delivery");
        let next = world.chunks.take();
        assert_eq!(next.len(), 1, "{next:?}");
        let said: WakeUp = serde_json::from_str(&next[0].body).unwrap();
        assert_eq!((said.run_id.as_str(), said.chunk), (run_id.as_str(), 2));
        assert!((1..=900).contains(&next[0].delay_seconds), "{next:?}");
        assert_eq!(next[0].traceparent.as_deref(), Some(TRACE));
    });
}

#[test]
fn what_cannot_be_a_wake_up_comes_again_until_it_is_a_dead_letter() {
    in_virtual_time(async |world| {
        let run_id = world.run(3).await;
        let batch = [sent("poison"), wake(&run_id, 1), wake(&run_id, 4), wake("run-unknown", 1)];
        let answer = world.functions().work(&event(&batch), &world.invocation(TIME)).await.unwrap();
        let failed = ["m0", "m2", "m3"].map(|id| json!({"itemIdentifier": id}));
        assert_eq!(answer, json!({"batchItemFailures": failed}));
    });
}

/// A run of three chunks, of which the second has been begun and waits.
async fn with_a_waiting_chunk(world: &World) -> String {
    let run_id = world.run(3).await;
    world.functions().work(&event(&[wake(&run_id, 2)]), &world.invocation(TIME)).await.unwrap();
    world.chunks.take();
    run_id
}

#[test]
fn of_two_wake_ups_that_find_a_chunk_waiting_one_ends() {
    in_virtual_time(async |world| {
        let run_id = with_a_waiting_chunk(world).await;
        let waiting = world.ledger.chunk(&run_id, 2).await.unwrap().unwrap();
        let (due, _) = waiting.run.due().unwrap();
        let both = event(&[wake(&run_id, 2), wake(&run_id, 2)]);
        // The second time, the queue delivers both again: the one that stands by is recognised by its id.
        for _ in 0..2 {
            let answer = world.functions().work(&both, &world.invocation(TIME)).await.unwrap();
            assert_eq!(answer, json!({"batchItemFailures": []}));
            let sent = world.chunks.take();
            assert_eq!(sent.len(), 1, "one of them is sent on: {sent:?}");
            let next: WakeUp = serde_json::from_str(&sent[0].body).unwrap();
            assert_eq!((next.chunk, next.not_before), (2, Some(due)));
        }
        assert_eq!(world.ledger.chunk(&run_id, 2).await.unwrap().unwrap(), waiting, "neither of them changed anything");
    });
}

/// Has the undertaker handle a dead letter.
async fn bury(world: &World, letter: &Sent) {
    let letters = std::slice::from_ref(letter);
    let buried = world.functions().bury(&delivered(letters, 6), &world.invocation(TIME)).await.unwrap();
    assert_eq!(buried, json!({"batchItemFailures": []}));
}

#[test]
fn a_chunk_whose_wake_ups_died_fails_with_its_cause_and_the_webhook_is_told() {
    in_virtual_time(async |world| {
        let run_id = with_a_waiting_chunk(world).await;
        // The chunk waits, and this may be a late message that was no longer needed, so another one replaces it.
        bury(world, &wake(&run_id, 2)).await;
        let replacements = world.chunks.take();
        assert_eq!(replacements.len(), 1, "{replacements:?}");
        assert_eq!(world.ledger.open_chunks(&run_id, 0, 9).await.unwrap(), [1, 2, 3], "nothing has ended");
        assert!(world.evidence.kept.borrow().is_empty(), "nobody need read of it");

        // The replacement is dead as well.
        bury(world, &replacements[0]).await;
        let view = world.ledger.chunk(&run_id, 2).await.unwrap().unwrap().run.view();
        assert_eq!(view.outcome, Some(Outcome::Failed), "nothing was submitted");
        assert_eq!(view.cause.as_ref().map(|cause| cause.code.as_str()), Some("message.dead"));
        assert_eq!(view.cause.as_ref().and_then(|cause| cause.context_id.as_deref()), Some("ctx-1"));
        assert_eq!(world.ledger.open_chunks(&run_id, 0, 9).await.unwrap(), [1, 3], "and no other chunk is touched");

        let outbox = world.ledger.outbox(&run_id).await.unwrap();
        assert_eq!(outbox.len(), 1);
        let told: WebhookEvent = serde_json::from_str(&outbox[0].body).unwrap();
        assert_eq!((told.chunk.index, told.outcome, &told.cause), (2, Outcome::Failed, &view.cause));
        let errands = world.for_couriers();
        let deliver = Errand::new(&run_id, ErrandKind::Deliver { message: outbox[0].id.clone() });
        assert_eq!(errands.len(), 1, "{errands:?}");
        assert_eq!(serde_json::from_str::<Errand>(&errands[0].body).unwrap(), deliver);
        assert_eq!(errands[0].traceparent.as_deref(), Some(TRACE));

        let letter: Value = serde_json::from_str(&world.evidence.kept.borrow()["dead-letters/m0.json"]).unwrap();
        assert_eq!(letter["receives"], 6);
        let fate = letter["fate"].as_str().unwrap();
        assert!(fate.starts_with("chunk 2 is failed in attempt 1: its wake-ups were delivered in vain"), "{fate}");
        // The letter names the server's last error, with the id that its support asks for.
        assert!(fate.contains("service.unavailable") && fate.ends_with("contextId ctx-1"), "{fate}");

        // The letter is delivered once more: nothing more happens to the chunk, and the governance system is not told twice.
        bury(world, &replacements[0]).await;
        assert_eq!(world.ledger.chunk(&run_id, 2).await.unwrap().unwrap().run.view(), view);
        assert_eq!(world.ledger.outbox(&run_id).await.unwrap().len(), 1);
    });
}

#[test]
fn a_letter_of_an_earlier_attempt_does_not_end_one_that_nobody_has_tried() {
    in_virtual_time(async |world| {
        let run_id = with_a_waiting_chunk(world).await;
        let standing = async || {
            let view = world.ledger.chunk(&run_id, 2).await.unwrap().unwrap().run.view();
            (view.attempt, view.outcome)
        };
        bury(world, &wake(&run_id, 2)).await;
        bury(world, &world.chunks.take()[0]).await;
        assert_eq!(standing().await, (1, Some(Outcome::Failed)));
        let order = world.ledger.run(&run_id).await.unwrap().unwrap().order;
        let asked = asked(world.clock.now());
        let queued = purge_driver::redrive(&world.ledger, &order, 2, "planner", &asked, asked.at).await;
        assert_eq!(queued, Ok(purge_driver::Redriven::Queued));

        // Other letters of the first attempt, such as `resume` and `cancel` leave behind, with and without the number of an
        // attempt.
        for attempt in [None, Some(1)] {
            let letter = WakeUp { attempt, ..WakeUp::new(&run_id, 2) };
            bury(world, &sent(letter.text())).await;
            assert_eq!(standing().await, (2, None), "nobody has tried it");
            let replacement: WakeUp = serde_json::from_str(&world.chunks.take()[0].body).unwrap();
            assert_eq!(replacement, WakeUp { attempt: Some(2), ..WakeUp::new(&run_id, 2) });
        }
        bury(world, &sent(WakeUp { attempt: Some(2), ..WakeUp::new(&run_id, 2) }.text())).await;
        assert_eq!(standing().await, (2, Some(Outcome::Failed)), "its own wake-up is dead");
    });
}

#[test]
fn dead_letters_that_are_no_chunks_are_kept_where_a_person_reads_them() {
    in_virtual_time(async |world| {
        let run_id = world.run(1).await;
        let evidence = serde_json::to_string(&Errand::new(&run_id, ErrandKind::Evidence)).unwrap();
        let letters = [sent("poison"), sent(evidence), wake("run-unknown", 1), wake(&run_id, 9)];
        let buried = world.functions().bury(&event(&letters), &world.invocation(TIME)).await.unwrap();
        assert_eq!(buried, json!({"batchItemFailures": []}));
        assert_eq!(world.ledger.open_chunks(&run_id, 0, 9).await.unwrap(), [1]);
        let kept = world.evidence.kept.borrow();
        let fates: Vec<String> = kept
            .values()
            .map(|text| serde_json::from_str::<Value>(text).unwrap()["fate"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(fates.len(), 4);
        for (fate, says) in fates.iter().zip(["no wake-up", "resume", "no run", "no chunk 9"]) {
            assert!(fate.contains(says), "{fate}");
        }
    });
}

#[test]
fn a_letter_whose_chunk_somebody_works_on_waits_and_has_not_failed() {
    in_virtual_time(async |world| {
        let run_id = world.run(1).await;
        let (now, a_while) = (world.clock.now(), Duration::from_secs(60));
        let lease = Lease { owner: "somebody".to_owned(), until: now.plus(a_while) };
        let claim = Claim { run_id: &run_id, index: 1, lease, now, take_over: false };
        assert!(matches!(world.ledger.claim(claim).await, Ok(Claimed::Granted(_))));
        let body = WakeUp::new(&run_id, 1).text();
        let letter = Received { id: "m".to_owned(), place: 0, body, receives: 6, traceparent: None };
        let handled = async || world.functions().handle_dead_letter(letter.clone(), &world.invocation(TIME)).await;
        assert_eq!(handled().await, Ok(Handled::NotYet("chunk 1 is being worked on".to_owned())));
        assert_eq!(world.ledger.open_chunks(&run_id, 0, 9).await.unwrap(), [1]);
        world.clock.sleep(a_while).await;
        assert_eq!(handled().await, Ok(Handled::Done));
        assert!(world.ledger.open_chunks(&run_id, 0, 9).await.unwrap().is_empty(), "nobody works on it any more");
    });
}
