//! Chunks that wait for a job slot: the more there are, the later each asks again.

use std::time::Duration;

use purge_core::outcome::WaitReason;
use purge_core::time::Timestamp;
use purge_core::wake::WakeUp;
use purge_driver::ledger::Slot;
use purge_driver::worker::JOB_SLOTS;
use purge_driver::{Clock as _, Ledger as _};
use serde_json::json;

use super::fakes::{World, event, in_virtual_time, no_webhook, policy, request, sent};
use crate::sweep::WAKE_UP_MARGIN;
use crate::wake::LONGEST_DELAY;

const TIME: Duration = Duration::from_secs(120);

/// How many chunks are woken.
const WOKEN: u32 = 200;

/// The delays, in seconds, with which the first chunks of a run of `days` days ask again while other holders have both slots.
async fn delays_without_slots(world: &World, days: u32) -> Vec<i32> {
    let end = Timestamp::parse("2020-01-01T00:00:00Z").unwrap();
    let mut asked = request(1);
    asked["api"] = json!("recordingJobs");
    asked["recordTypes"] = json!(["recording"]);
    asked["chunking"] = json!({"days": 1});
    asked["range"] = json!({"start": end.minus(Duration::from_secs(86_400 * u64::from(days))), "end": end});
    let run_id = world.run_of(&asked, &policy()).await;
    let tenant = world.ledger.run(&run_id).await.unwrap().unwrap().order.tenant;
    for holder in ["other/1", "other/2"] {
        assert!(world.ledger.take_slot(Slot { tenant: &tenant, holder }, JOB_SLOTS).await.unwrap());
    }
    for chunk in 1..=WOKEN {
        let wake = sent(WakeUp::new(&run_id, chunk).text());
        world.functions().work(&event(&[wake]), &world.invocation(TIME)).await.unwrap();
        let due = world.ledger.chunk(&run_id, chunk).await.unwrap().unwrap().run.due();
        assert_eq!(due.map(|(_, reason)| reason), Some(WaitReason::SlotBusy));
    }
    let wakes = world.chunks.take();
    assert_eq!(wakes.len(), usize::try_from(WOKEN).unwrap());
    wakes.iter().map(|wake| wake.delay_seconds).collect()
}

#[test]
fn the_more_chunks_wait_for_a_slot_the_later_each_asks_again() {
    in_virtual_time(async |world| {
        let few = delays_without_slots(world, WOKEN).await;
        assert!(few.iter().all(|seconds| *seconds <= 6), "{few:?}");
    });
    in_virtual_time(async |world| {
        // Together they ask at most a hundred times a second. So each asks at most a minute later, and half a minute later on
        // average.
        let many = delays_without_slots(world, 3_000).await;
        let sum: i32 = many.iter().sum();
        assert!((25 * 200..=37 * 200).contains(&sum), "{sum}");
        assert!(many.iter().all(|seconds| *seconds <= 62), "{many:?}");
        assert!(many.iter().any(|seconds| *seconds <= 5), "one of them always asks soon");
    });
}

#[test]
fn a_chunk_whose_wake_up_may_come_later_than_its_wait_is_over_does_not_stand_still_yet() {
    in_virtual_time(async |world| {
        delays_without_slots(world, WOKEN).await;
        let sweeps = async || {
            let sweep = json!({"action": "sweep"});
            world.functions().plan(&sweep, &world.invocation(TIME)).await.unwrap();
            for errand in world.errands.take() {
                world.functions().run_errands(&event(&[errand]), &no_webhook, &world.invocation(TIME)).await.unwrap();
            }
            world.chunks.take().len()
        };
        world.clock.sleep((WAKE_UP_MARGIN + LONGEST_DELAY).saturating_sub(Duration::from_secs(1))).await;
        assert_eq!(sweeps().await, 0);
        world.clock.sleep(Duration::from_secs(7)).await;
        assert_eq!(sweeps().await, 200);
    });
}
