//! Standing requests. Each firing has its own range, and together the ranges contain every day once.

use std::time::Duration;

use purge_core::window::Window;
use purge_driver::{Clock as _, Ledger as _};
use serde_json::{Value, json};

use super::fakes::{World, in_virtual_time, request};
use super::logs::Log;

const TIME: Duration = Duration::from_secs(120);

/// Puts a standing request for data of thirteen months ago into the bucket.
fn put_standing_request(world: &World, span_days: u32) {
    let mut standing = request(1);
    standing.as_object_mut().unwrap().remove("range");
    standing["chunking"] = json!({"days": 1});
    let text =
        json!({"request": standing, "olderThanMonths": 13, "spanDays": span_days, "approvedBy": "c@example.com"});
    world.plans.kept.borrow_mut().insert("schedule.json".to_owned(), text.to_string());
}

async fn fire(world: &World, day: &str) -> Value {
    let event = json!({"action": "schedule", "scheduledAt": format!("{day}T03:00:00Z"), "requestKey": "schedule.json"});
    world.functions().plan(&event, &world.invocation(TIME)).await.unwrap()
}

async fn range(world: &World, answer: &Value) -> Window {
    let run = world.ledger.run(answer["runId"].as_str().unwrap()).await.unwrap().unwrap();
    run.order.request.range
}

#[test]
fn no_day_is_lost_at_the_end_of_a_month() {
    in_virtual_time(async |world| {
        put_standing_request(world, 1);
        let mut end = None;
        for day in ["2025-04-29", "2025-04-30", "2025-05-01", "2025-05-02"] {
            let answer = fire(world, day).await;
            assert_eq!(answer["new"], true, "{answer}");
            let range = range(world, &answer).await;
            assert!(end.is_none_or(|end| end == range.start()), "{day}: {range}");
            end = Some(range.end());
        }
        assert_eq!(end.unwrap().date(), "2024-04-02");
        assert_eq!(fire(world, "2025-05-01").await["new"], false, "the same firing is the same run");
    });
}

#[test]
fn a_firing_stays_the_run_that_it_was_whatever_changes() {
    in_virtual_time(async |world| {
        put_standing_request(world, 1);
        let first = fire(world, "2025-12-20").await;
        assert_eq!(first["new"], true, "{first}");
        let same = async || {
            world.errands.take();
            let again = fire(world, "2025-12-20").await;
            let told = |answer: &Value| ["runId", "planDigest", "shortCode", "chunks"].map(|name| answer[name].clone());
            assert_eq!((told(&again), &again["new"]), (told(&first), &json!(false)));
            assert_eq!(world.errands.take().len(), 1, "perhaps nobody has woken it");
        };
        let hold = json!({"id": "H-1", "range": {"start": "2020-01-01T00:00:00Z", "end": "2020-02-01T00:00:00Z"}});
        world.plans.put("policy.json", &json!({"version": 1, "holds": [hold]}).to_string());
        same().await;
        put_standing_request(world, 7);
        same().await;
        world.plans.kept.borrow_mut().clear();
        same().await;
        assert_eq!(world.ledger.runs().await.unwrap().len(), 1);

        // Another firing is another run, of the standing request that is there now.
        put_standing_request(world, 2);
        world.plans.put("policy.json", &super::fakes::policy().to_string());
        assert_eq!(fire(world, "2025-12-22").await["new"], true);
    });
}

/// The person who put the standing request there approved no single plan, so the approval has the time at which it was acted on.
#[test]
fn a_standing_approval_is_of_the_time_when_it_was_acted_on() {
    in_virtual_time(async |world| {
        put_standing_request(world, 1);
        let acted = world.clock.now();
        let first = fire(world, "2025-12-20").await;
        world.clock.sleep(Duration::from_secs(60)).await;
        let again = fire(world, "2025-12-20").await;
        assert_eq!((&again["runId"], &again["new"]), (&first["runId"], &json!(false)));
        let order = world.ledger.run(first["runId"].as_str().unwrap()).await.unwrap().unwrap().order;
        assert_eq!((order.approved_by.as_str(), order.approved_at), ("c@example.com", acted));
    });
}

#[test]
fn a_firing_with_nothing_due_says_so_and_starts_nothing() {
    in_virtual_time(async |world| {
        put_standing_request(world, 1);
        let answer = fire(world, "2025-05-31").await;
        assert!(answer["nothingDue"].is_string() && answer.get("findings").is_none(), "{answer}");
        assert_eq!(world.ledger.runs().await.unwrap(), []);
        assert!(world.errands.take().is_empty());
    });
}

/// The answer goes nowhere, so the log has what a person needs: the run's id, or why there is none.
#[test]
fn what_came_of_a_firing_is_in_the_log() {
    in_virtual_time(async |world| {
        put_standing_request(world, 1);
        let log = Log::begin();
        let run_id = fire(world, "2025-05-30").await["runId"].as_str().unwrap().to_owned();
        fire(world, "2025-05-31").await;
        world.plans.kept.borrow_mut().clear();
        fire(world, "2025-06-01").await;
        let lines = log.lines();
        let fired: Vec<_> = lines.iter().map(|line| &line["fields"]).collect();
        let told = [run_id.as_str(), "nothingDue", "schedule.missing"];
        assert_eq!(fired.len(), told.len(), "{fired:?}");
        for (line, (day, told)) in fired.iter().zip(["2025-05-30", "2025-05-31", "2025-06-01"].into_iter().zip(told)) {
            assert_eq!(line["scheduledAt"], format!("{day}T03:00:00.000Z"), "{line}");
            assert!(line["answer"].as_str().unwrap().contains(told), "{line}");
        }
    });
}

#[test]
fn a_schedule_has_a_period() {
    in_virtual_time(async |world| {
        put_standing_request(world, 0);
        let answer = fire(world, "2025-05-01").await;
        assert_eq!(answer["findings"][0]["code"], "schedule.invalid", "{answer}");
    });
}
