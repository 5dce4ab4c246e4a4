//! Waking every chunk of a run: in the time that there is, and over deaths, without losing one.

use std::collections::BTreeSet;
use std::time::Duration;

use purge_core::wake::WakeUp;
use purge_driver::Clock as _;
use serde_json::json;

use super::fakes::{Sent, TRACE, World, event, in_virtual_time, policy, request, sent};
use crate::wake::{Errand, ErrandKind};

const CHUNKS: u32 = 8_760;
const TIME: Duration = Duration::from_secs(60);

fn fan_out(run_id: &str) -> Sent {
    sent(serde_json::to_string(&Errand::new(run_id, ErrandKind::FanOut { after: 0 })).unwrap())
}

fn woken(messages: &[Sent]) -> BTreeSet<u32> {
    messages.iter().map(|message| serde_json::from_str::<WakeUp>(&message.body).unwrap().chunk).collect()
}

/// Lets couriers handle errands until there are none, and gives how many invocations that took.
async fn courier(world: &World, first: Sent) -> u32 {
    let (functions, mut errands, mut invocations) = (world.functions(), vec![first], 0);
    while let Some(errand) = errands.pop() {
        let invocation = world.invocation(TIME);
        let answer = functions.run_errands(&event(&[errand]), None, &invocation).await.unwrap();
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
        assert_eq!(courier(world, fan_out(&run_id)).await, 3, "two pages in each");
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
        assert_eq!(courier(world, fan_out(&run_id)).await, 1);
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
                world.functions().run_errands(&event(&[fan_out(&run_id)]), None, &world.invocation(TIME)).await;
            assert_eq!(answer.unwrap(), json!({"batchItemFailures": [{"itemIdentifier": "m0"}]}), "it comes again");
            assert_eq!(world.chunks.take().len(), taken);
        }
        world.chunks.breaks_after.set(None);
        assert_eq!(courier(world, fan_out(&run_id)).await, 1);
        assert_eq!(woken(&world.chunks.take()), (1..=CHUNKS).collect());
    });
}

#[test]
fn a_planner_that_died_before_it_sent_for_the_courier_is_invoked_again() {
    in_virtual_time(async |world| {
        let (functions, invocation) = (world.functions(), world.invocation(TIME));
        let (request, policy) = (request(48), policy());
        let preview = json!({"action": "preview", "request": request, "policy": policy});
        let digest = functions.plan(&preview, &invocation).await.unwrap()["plan"]["planDigest"].clone();
        let approval = json!({"digest": digest, "approvedBy": "b@example.com"});
        let run = json!({"action": "run", "request": request, "policy": policy, "approval": approval});
        world.errands.breaks_after.set(Some(0));
        assert!(functions.plan(&run, &invocation).await.is_err(), "there is no answer that would say it is done");
        world.errands.breaks_after.set(None);
        let answer = functions.plan(&run, &invocation).await.unwrap();
        assert_eq!((&answer["new"], &answer["chunks"]), (&json!(false), &json!(48)), "{answer}");
        let errands = world.errands.take();
        assert_eq!(errands.len(), 1);
        assert_eq!(errands[0].traceparent.as_deref(), Some(TRACE));
        courier(world, errands[0].clone()).await;
        assert_eq!(woken(&world.chunks.take()), (1..=48).collect());
    });
}
