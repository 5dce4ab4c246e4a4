//! Waking every chunk of a run, within the time of an invocation and across deaths, without losing a chunk.

use std::collections::BTreeSet;
use std::time::Duration;

use purge_core::audit::Event;
use purge_core::wake::WakeUp;
use purge_driver::{Clock as _, Ledger as _};
use serde_json::json;

use super::fakes::{Sent, TRACE, World, asked, event, in_virtual_time, no_webhook, sent};
use crate::evidence::records;
use crate::wake::{Errand, ErrandKind};

const CHUNKS: u32 = 8_760;
const TIME: Duration = Duration::from_secs(60);

fn fan_out(run_id: &str) -> Sent {
    sent(serde_json::to_string(&Errand::new(run_id, ErrandKind::FanOut { after: 0 })).unwrap())
}

fn woken(messages: &[Sent]) -> BTreeSet<u32> {
    messages.iter().map(|message| serde_json::from_str::<WakeUp>(&message.body).unwrap().chunk).collect()
}

/// Runs this errand and all that follow from it, and returns how many invocations that took.
async fn run_errand_to_end(world: &World, first: Sent) -> u32 {
    let (functions, mut errands, mut invocations) = (world.functions(), vec![first], 0);
    while let Some(errand) = errands.pop() {
        let invocation = world.invocation(TIME);
        let answer = functions.run_errands(&event(&[errand]), &no_webhook, &invocation).await.unwrap();
        assert_eq!(answer, json!({"batchItemFailures": []}));
        assert!(world.clock.now() < invocation.deadline, "no invocation is cut off");
        errands.extend(world.errands.take());
        invocations += 1;
    }
    invocations
}

#[test]
fn a_courier_that_runs_out_of_time_hands_the_rest_to_the_next_one() {
    in_virtual_time(async |world| {
        let run_id = world.run(CHUNKS).await;
        world.chunks.takes.set(Duration::from_secs(26));
        assert_eq!(run_errand_to_end(world, fan_out(&run_id)).await, 3, "two pages in each");
        let messages = world.chunks.take();
        assert_eq!(woken(&messages), (1..=CHUNKS).collect());
        assert_eq!(messages.len(), 8_760, "and each of them once");
        assert!(messages.iter().all(|message| message.traceparent.as_deref() == Some(TRACE)), "all in one trace");
    });
}

#[test]
fn a_courier_with_time_needs_no_other() {
    in_virtual_time(async |world| {
        let run_id = world.run(CHUNKS).await;
        assert_eq!(run_errand_to_end(world, fan_out(&run_id)).await, 1);
        assert_eq!(woken(&world.chunks.take()), (1..=CHUNKS).collect());
    });
}

#[test]
fn a_fan_out_that_died_half_way_is_done_again_and_loses_no_chunk() {
    in_virtual_time(async |world| {
        let run_id = world.run(CHUNKS).await;
        for taken in [0, 1, 1_999, 2_000, 7_000] {
            world.chunks.breaks_after.set(Some(taken));
            let answer =
                world.functions().run_errands(&event(&[fan_out(&run_id)]), &no_webhook, &world.invocation(TIME)).await;
            assert_eq!(answer.unwrap(), json!({"batchItemFailures": [{"itemIdentifier": "m0"}]}), "it comes again");
            assert_eq!(world.chunks.take().len(), taken);
        }
        world.chunks.breaks_after.set(None);
        assert_eq!(run_errand_to_end(world, fan_out(&run_id)).await, 1);
        assert_eq!(woken(&world.chunks.take()), (1..=CHUNKS).collect());
    });
}

#[test]
fn a_planner_that_died_before_it_sent_for_the_courier_is_invoked_again() {
    in_virtual_time(async |world| {
        let (functions, invocation) = (world.functions(), world.invocation(TIME));
        let run = world.approved(48).await;
        world.errands.breaks_after.set(Some(0));
        assert!(functions.plan(&run, &invocation).await.is_err(), "there is no answer that would say it is done");
        world.errands.breaks_after.set(None);
        let answer = functions.plan(&run, &invocation).await.unwrap();
        assert_eq!((&answer["new"], &answer["chunks"]), (&json!(false), &json!(48)), "{answer}");
        let errands = world.errands.take();
        assert_eq!(errands.len(), 1);
        assert_eq!(errands[0].traceparent.as_deref(), Some(TRACE));
        run_errand_to_end(world, errands[0].clone()).await;
        assert_eq!(woken(&world.chunks.take()), (1..=48).collect());
    });
}

/// Ends all chunks of the run as failed, and forgets the messages that this sends.
async fn fail_all(world: &World, run_id: &str, chunks: u32) {
    for chunk in 1..=chunks {
        let attempt = world.ledger.chunk(run_id, chunk).await.unwrap().map(|row| row.run.attempt());
        let dead = sent(WakeUp { attempt, ..WakeUp::new(run_id, chunk) }.text());
        world.functions().bury(&event(&[dead]), &world.invocation(TIME)).await.unwrap();
    }
    world.errands.take();
    world.chunks.take();
    // So that these ends can be distinguished from later ones.
    world.clock.sleep_until(world.clock.now().plus(TIME)).await;
}

async fn retry(world: &World, run_id: &str, time: Duration) -> Option<serde_json::Value> {
    let cancel_asked = world.ledger.cancel_asked(run_id).await.unwrap().map(|asked| asked.at);
    let retry = json!({"action": "retry", "runId": run_id, "askedBy": "a@example.com", "cancelAsked": cancel_asked});
    world.functions().plan(&retry, &world.invocation(time)).await.ok()
}

/// Runs all errands that were sent, the oldest first.
async fn run_all_errands(world: &World) {
    for errand in world.errands.take() {
        run_errand_to_end(world, errand).await;
    }
}

const FAILED: u32 = 2_500;

#[test]
fn a_retry_without_time_leaves_the_rest_to_the_courier() {
    in_virtual_time(async |world| {
        let run_id = world.run(FAILED).await;
        fail_all(world, &run_id, FAILED).await;
        world.ledger.ask_cancel(&run_id, &asked(world.clock.now())).await.unwrap();
        let retried = Event::Retried { asked_by: "a@example.com".to_owned(), asked_at: world.clock.now() };
        let answer = retry(world, &run_id, Duration::from_secs(5)).await.unwrap();
        assert_eq!(answer, json!({"runId": run_id, "queued": 100, "busy": 0, "later": 2_400}), "one page");
        // At this speed a courier has time for two pages.
        world.chunks.takes.set(Duration::from_secs(26));
        run_all_errands(world).await;
        assert_eq!(woken(&world.chunks.take()), (1..=FAILED).collect());
        let attempts = world.ledger.chunks(&run_id, 0, FAILED).await.unwrap();
        assert!(attempts.iter().all(|row| row.run.attempt() == 2 && row.run.outcome().is_none()));
        // Planner and courier put on record who asked, and when they did.
        let log = records(&world.ledger, &run_id).await.unwrap();
        let asked_for: Vec<_> = log.into_iter().map(|record| record.event).filter(|event| *event == retried).collect();
        assert_eq!(asked_for.len(), FAILED as usize);
    });
}

#[test]
fn a_retry_that_dies_anywhere_is_done_again_and_tries_nothing_twice() {
    in_virtual_time(async |world| {
        let run_id = world.run(FAILED).await;
        fail_all(world, &run_id, FAILED).await;
        // The planner dies before it can send an errand: a thousand chunks are queued, and none is woken.
        world.errands.breaks_after.set(Some(0));
        assert_eq!(retry(world, &run_id, TIME * 2).await, None);
        world.errands.breaks_after.set(None);
        let answer = retry(world, &run_id, TIME * 2).await.unwrap();
        assert_eq!(answer, json!({"runId": run_id, "queued": 1_000, "busy": 0, "later": 500}));
        let errands = world.errands.take();
        assert_eq!(errands.len(), 2);
        // The courier dies in the middle of the wake-ups for a page.
        world.chunks.breaks_after.set(Some(150));
        let died =
            world.functions().run_errands(&event(&errands[..1]), &no_webhook, &world.invocation(TIME)).await.unwrap();
        assert_eq!(died, json!({"batchItemFailures": [{"itemIdentifier": "m0"}]}));
        world.chunks.breaks_after.set(None);
        // Meanwhile one of the queued chunks has failed again.
        let dead = sent(WakeUp { attempt: Some(2), ..WakeUp::new(&run_id, 2_001) }.text());
        world.functions().bury(&event(&[dead]), &world.invocation(TIME)).await.unwrap();
        world.errands.take();
        for errand in errands {
            run_errand_to_end(world, errand).await;
        }
        assert_eq!(woken(&world.chunks.take()), (1..=FAILED).collect());
        let rows = world.ledger.chunks(&run_id, 0, FAILED).await.unwrap();
        assert!(rows.iter().all(|row| row.run.attempt() == 2), "nothing was tried twice");
        assert_eq!(rows.iter().filter(|row| row.run.outcome().is_some()).count(), 1);
    });
}

#[test]
fn a_cancel_ends_a_retry_that_is_under_way() {
    in_virtual_time(async |world| {
        let run_id = world.run(FAILED).await;
        fail_all(world, &run_id, FAILED).await;
        assert_eq!(retry(world, &run_id, TIME * 2).await.unwrap()["later"], 1_500);
        world.ledger.ask_cancel(&run_id, &asked(world.clock.now())).await.unwrap();
        run_all_errands(world).await;
        assert_eq!(world.ledger.run(&run_id).await.unwrap().unwrap().open, 1_000);
        assert!(world.ledger.cancel_asked(&run_id).await.unwrap().is_some(), "nobody takes it back");
    });
}

#[test]
fn nothing_is_retried_for_nobody_but_the_kill_switch_always_works() {
    in_virtual_time(async |world| {
        let run_id = world.run(3).await;
        fail_all(world, &run_id, 2).await;
        let ask = async |event| world.functions().plan(&event, &world.invocation(TIME)).await.unwrap();
        let by = |action: &str, name: &str| json!({"action": action, "runId": run_id, "askedBy": name});
        let unnamed = |action: &str| json!({"action": action, "runId": run_id});
        for (event, code) in [
            (unnamed("retry"), "asked.nobody"),
            (by("retry", " "), "asked.nobody"),
            (by("retry", "a\u{200b}c"), "asked.name"),
        ] {
            let refused = ask(event).await;
            assert_eq!(refused["findings"][0]["code"], code, "{refused}");
            assert_eq!(refused["findings"][0]["pointer"], "#/askedBy");
        }
        assert_eq!(world.ledger.run(&run_id).await.unwrap().unwrap().open, 1);
        for (event, name) in
            [(unnamed("cancel"), "unknown"), (by("cancel", "a\u{200b}c"), "unknown"), (by("cancel", " Ann "), "Ann")]
        {
            assert_eq!(ask(event).await["cancelAskedBy"], name);
            assert_eq!(world.ledger.cancel_asked(&run_id).await.unwrap().map(|asked| asked.by).as_deref(), Some(name));
        }
    });
}

#[test]
fn a_retry_that_lambda_repeats_does_not_take_a_later_cancel_back() {
    in_virtual_time(async |world| {
        let run_id = world.run(3).await;
        fail_all(world, &run_id, 3).await;
        let ask = async |event: serde_json::Value| world.functions().plan(&event, &world.invocation(TIME)).await;
        let retry = json!({"action": "retry", "runId": run_id, "askedBy": "a@example.com"});
        // Everything is queued again, but the errand that would wake the chunks cannot be sent.
        world.errands.breaks_after.set(Some(0));
        assert!(ask(retry.clone()).await.is_err());
        world.errands.breaks_after.set(None);
        fail_all(world, &run_id, 3).await;
        let cancelled = ask(json!({"action": "cancel", "runId": run_id, "askedBy": "a@example.com"})).await.unwrap();
        world.clock.sleep(TIME).await;

        // Lambda gives the same event again.
        let refused = ask(retry).await.unwrap();
        assert_eq!(refused["findings"][0]["code"], "run.cancelled", "{refused}");
        assert!(world.ledger.cancel_asked(&run_id).await.unwrap().is_some());
        // A retry takes back only the cancellation that it names.
        let named = |asked: &serde_json::Value| json!({"action": "retry", "runId": run_id, "askedBy": "a@example.com", "cancelAsked": asked});
        let other = ask(named(&json!(world.clock.now()))).await.unwrap();
        assert_eq!(other["findings"][0]["code"], "run.cancelled", "{other}");
        let help = other["findings"][0]["help"].as_str().unwrap();
        assert!(help.contains(cancelled["cancelAsked"].as_str().unwrap()), "{help}");
        for queued in [3, 0] {
            let answer = ask(named(&cancelled["cancelAsked"])).await.unwrap();
            assert_eq!(answer["queued"], queued, "{answer}");
        }
        assert!(world.ledger.cancel_asked(&run_id).await.unwrap().is_none());
    });
}
