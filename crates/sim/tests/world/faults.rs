use std::time::Duration;

use purge_core::http::Method;
use purge_core::json::FromJson;
use purge_sim::{Call, Delivery};
use serde_json::{Value, json};

use crate::client::{Client, body, code, deletion, id};

const SUBMIT: &str = "/api/v2/data/deletion/requests";
const DAY: (&str, &str) = ("2023-01-10T00:00:00Z", "2023-01-10T23:59:59.999Z");

fn with(fault: &Value) -> Client {
    Client::new(json!({ "faults": [fault] }))
}

fn submit(client: &mut Client) -> Delivery {
    client.send(Method::Post, SUBMIT, deletion(DAY.0, DAY.1, &["conversation"]).to_string()).delivery
}

fn accepted(client: &Client) -> u64 {
    client.tenant.truth(client.now).submits_accepted
}

#[test]
fn the_adversity_of_the_contract_can_be_written_down() {
    let mut client = Client::new(json!({ "faults": [
        { "on": "submit", "every": 4, "do": { "kind": "rateLimited", "retryAfter": "1" } },
        { "on": "status", "every": 5, "do": { "kind": "error", "status": 503 } },
        { "on": "count", "every": 6, "do": { "kind": "rateLimited" } },
        { "on": "webhook", "every": 3, "do": { "kind": "error", "status": 500 } },
    ] }));
    let submits: Vec<u16> = (0..8).map(|_| client.submit(DAY.0, DAY.1).status).collect();
    assert_eq!(submits, [202, 202, 202, 429, 202, 202, 202, 429]);
    let statuses: Vec<u16> = (0..5).map(|_| client.get(&format!("{SUBMIT}/x")).status).collect();
    assert_eq!(statuses, [404, 404, 404, 404, 503]);
    assert_eq!(accepted(&client), 6);
    let calls = client.tenant.truth(client.now).calls;
    assert_eq!((calls[&Call::Submit], calls[&Call::Status], calls[&Call::Any]), (8, 5, 14));
}

#[test]
fn a_rate_limit_carries_the_header_that_the_scenario_writes() {
    for (written, sent) in [
        (json!("1"), Some("1")),
        (json!("-5"), Some("-5")),
        (json!("1m3"), Some("1m3")),
        (json!("date+30"), Some("Sat, 01 Jun 2024 12:00:30 GMT")),
        (Value::Null, None),
    ] {
        let mut client = with(&json!({ "on": "submit", "do": { "kind": "rateLimited", "retryAfter": written } }));
        let refused = client.submit(DAY.0, DAY.1);
        assert_eq!((refused.status, code(&refused).as_str()), (429, "too.many.requests"));
        assert_eq!(refused.header("retry-after"), sent);
        assert_eq!(accepted(&client), 0);
    }
    let code_of = "too.many.requests.retry.after";
    let mut client = with(&json!({ "on": "submit", "do": { "kind": "rateLimited", "code": code_of } }));
    let refused = client.submit(DAY.0, DAY.1);
    assert_eq!(code(&refused), code_of);
    assert!(refused.body.contains("Retry the request in ["));
}

#[test]
fn an_answer_may_be_lost_before_or_after_the_effect() {
    for (kind, effect) in [("dropBefore", 0), ("dropAfter", 1)] {
        let mut client = with(&json!({ "on": "submit", "nth": [1], "do": { "kind": kind } }));
        assert_eq!(submit(&mut client), Delivery::Dropped);
        assert_eq!(accepted(&client), effect, "{kind}");
        assert!(matches!(submit(&mut client), Delivery::Answer(_)));
    }
}

#[test]
fn an_answer_may_be_spoilt_after_the_effect() {
    let mut slow = with(&json!({ "on": "submit", "do": { "kind": "slow", "ms": 31_000 } }));
    let reply = slow.send(Method::Post, SUBMIT, deletion(DAY.0, DAY.1, &["message"]).to_string());
    assert_eq!(reply.after, Duration::from_millis(31_002));
    let mut garbage = with(&json!({ "on": "submit", "do": { "kind": "garbage" } }));
    let answer = garbage.submit(DAY.0, DAY.1);
    assert!(serde_json::from_str::<Value>(&answer.body).is_err());
    assert_eq!(answer.status, 202);
    let mut truncated = with(&json!({ "on": "submit", "do": { "kind": "truncated" } }));
    let Delivery::Truncated(answer, bytes) = submit(&mut truncated) else { panic!("not truncated") };
    assert!(0 < bytes && bytes < answer.body.len());
    let mut nameless = with(&json!({ "on": "submit", "do": { "kind": "missingId" } }));
    assert_eq!(body(&nameless.submit(DAY.0, DAY.1)), json!({}));
    for client in [slow, garbage, truncated, nameless] {
        assert_eq!(accepted(&client), 1);
    }
}

#[test]
fn a_job_may_never_end_fail_or_leave_something() {
    let mut stuck = with(&json!({ "on": "submit", "nth": [1], "do": { "kind": "stuck" } }));
    let first = id(&stuck.submit(DAY.0, DAY.1));
    let second = id(&stuck.submit(DAY.0, DAY.1));
    stuck.wait(86_000);
    assert_eq!((stuck.status(&first).as_str(), stuck.status(&second).as_str()), ("processing", "completed"));

    let mut fails = with(&json!({ "on": "submit", "do": { "kind": "failJob" } }));
    let before = fails.count("conversation", DAY.0, DAY.1);
    let request = id(&fails.submit(DAY.0, DAY.1));
    fails.wait(2);
    assert_eq!(fails.status(&request), "failed");
    assert_eq!(fails.count("conversation", DAY.0, DAY.1), before);

    let mut leaves = with(&json!({ "on": "submit", "limit": 1, "do": { "kind": "leave", "records": 5 } }));
    let request = id(&leaves.submit(DAY.0, DAY.1));
    leaves.wait(2);
    assert_eq!(leaves.status(&request), "completed");
    assert_eq!(leaves.count("conversation", DAY.0, DAY.1), 5);
    leaves.submit(DAY.0, DAY.1);
    leaves.wait(2);
    assert_eq!(leaves.count("conversation", DAY.0, DAY.1), 0);
}

#[test]
fn a_status_may_be_a_word_that_nobody_knows() {
    let mut client = with(&json!({ "on": "status", "do": { "kind": "unknownStatus", "status": "cancelled" } }));
    let request = id(&client.submit(DAY.0, DAY.1));
    assert_eq!(client.status(&request), "cancelled");
}

#[test]
fn a_revoked_token_is_refused_from_then_on() {
    let mut client = with(&json!({ "on": "status", "nth": [1], "do": { "kind": "revokeToken" } }));
    for _ in 0..2 {
        assert_eq!(client.get(&format!("{SUBMIT}/x")).status, 401);
    }
    client.login();
    assert_eq!(client.get(&format!("{SUBMIT}/x")).status, 404);
}

#[test]
fn rules_may_fire_by_chance_and_a_limited_number_of_times() {
    let mut chance = Client::new(json!({
        "rateLimit": { "perMinute": null },
        "faults": [{ "on": "status", "perMille": 200, "do": { "kind": "error", "status": 500, "body": "no" } }],
    }));
    let failures = (0..1000).filter(|_| chance.get(&format!("{SUBMIT}/x")).body == "no").count();
    assert!((150..250).contains(&failures), "{failures}");
    let mut limited =
        with(&json!({ "on": "any", "limit": 2, "nth": [2, 4, 5], "do": { "kind": "error", "status": 500 } }));
    let statuses: Vec<u16> = (0..4).map(|_| limited.get("/api/v2/organizations/me").status).collect();
    assert_eq!(statuses, [500, 200, 500, 200], "the login was the first call");
}

#[test]
fn a_rule_that_is_not_understood_is_refused() {
    for fault in [
        json!({ "on": "submits", "do": { "kind": "garbage" } }),
        json!({ "on": "submit", "do": { "kind": "explode" } }),
        json!({ "on": "submit", "every": 0, "do": { "kind": "garbage" } }),
        json!({ "on": "submit", "evry": 3, "do": { "kind": "garbage" } }),
        json!({ "on": "submit", "do": { "kind": "slow", "seconds": 3 } }),
        json!({ "on": "submit" }),
        json!({ "on": "submit", "perMille": 1001, "do": { "kind": "garbage" } }),
    ] {
        assert!(purge_sim::Fault::from_json(&fault).is_err(), "{fault}");
    }
}
