//! Random policies, and random changes of a policy while the run is under way.

use purge_core::time::Timestamp;
use purge_core::window::Window;
use serde_json::{Value, json};

use crate::case::{DAY, RECORD_TYPES, below, pick, shifted, some, window};
use crate::rng::Rng;

pub(crate) fn random(request: &Value, scenario: &Value, now: Timestamp, start: i64, end: i64, rng: &mut Rng) -> Value {
    let holds = if rng.chance(600) { rng.below(4) } else { 0 };
    let holds: Vec<_> = (0..holds).map(|n| hold(&format!("H-{n}"), scenario, start, end, rng)).collect();
    let rules = if rng.chance(350) { 1 + rng.below(2) } else { 0 };
    let rules: Vec<_> = (0..rules).map(|_| rule(now, start, end, rng)).collect();
    let mut limits = json!({
        "confirmSubmitSeconds": 400,
        "chunkDeadlineSeconds": pick(rng, &[3600, 14_400, 14_400, 1800]),
        "verifySeconds": pick(rng, &[120, 900, 30, 0]),
        "concurrency": 1 + rng.below(4),
        "verifyConversations": pick(rng, &[10, 1_000, 1_000, 1, 150]),
        "maxRecords": pick(rng, &[json!(100_000), json!(100_000), json!(null), json!(30)]),
        "requestsPerMinute": pick(rng, &[300, 300, 60, 20]),
    });
    if request["recordTypes"].as_array().unwrap().contains(&json!("conversation")) && rng.chance(500) {
        limits["spanningConversations"] = json!(true);
    }
    if scenario["dataDeletion"]["rangeEnd"] == "exclusive" {
        limits["rangeEnd"] = json!("exclusive");
    }
    json!({ "version": 1, "holds": holds, "retention": rules, "limits": limits })
}

/// A change of policy and when it comes: one more hold or rule, one hold fewer, or a policy that cannot be read.
pub(crate) fn later(
    policy: &Value,
    scenario: &Value,
    now: Timestamp,
    start: i64,
    end: i64,
    rng: &mut Rng,
) -> (Timestamp, Option<Value>) {
    let mut next = policy.clone();
    match rng.below(5) {
        0 => next["retention"].as_array_mut().unwrap().push(rule(now, start, end, rng)),
        1 if !next["holds"].as_array().unwrap().is_empty() => drop(next["holds"].as_array_mut().unwrap().pop()),
        _ => next["holds"].as_array_mut().unwrap().push(hold("H-new", scenario, start, end, rng)),
    }
    let longest = if rng.chance(500) { 60_000 } else { 600_000 };
    (shifted(now, below(rng, longest)), (!rng.chance(100)).then_some(next))
}

/// A rule whose edge lies near or in the range.
fn rule(now: Timestamp, start: i64, end: i64, rng: &mut Rng) -> Value {
    let edge = start + below(rng, end - start + 20 * DAY);
    let age = (now.start_of_day().millis() - edge) / DAY;
    json!({ "recordTypes": some(rng, &RECORD_TYPES), "minAgeDays": age.clamp(1, 36_000), "basis": "law",
            "jurisdiction": pick(rng, &["us-east-1", "us-east-1", "eu-west-1"]) })
}

/// A hold on a window near or in the range, or on conversations of the range and one that does not exist.
fn hold(id: &str, scenario: &Value, start: i64, end: i64, rng: &mut Rng) -> Value {
    let mut hold = json!({ "id": id });
    let from = start - 5 * DAY + below(rng, end - start + 30 * DAY);
    let range = window(from, from + 1 + below(rng, 3 * DAY));
    if rng.chance(250) {
        hold["recordTypes"] = json!(some(rng, &RECORD_TYPES));
    }
    if rng.chance(350) {
        let tenant = purge_sim::Tenant::new(serde_json::from_value(scenario.clone()).unwrap());
        let around = Window::new(Timestamp::from_millis(start - 2 * DAY), Timestamp::from_millis(end)).unwrap();
        let ids = tenant.conversations_in(around);
        let named = if ids.is_empty() { 0 } else { 1 + rng.below(3) };
        let mut named: Vec<_> = (0..named).map(|_| pick(rng, &ids).clone()).collect();
        named.push("0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9".to_owned());
        hold["conversationIds"] = json!(named);
        if rng.chance(300) {
            hold["range"] = range;
        }
    } else {
        hold["range"] = range;
        if rng.chance(150) {
            hold["query"] = json!("who:me");
        }
    }
    hold
}
