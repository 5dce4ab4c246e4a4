//! The real binary over real HTTP against a server that shares no code with it. Each scenario is a mistake of the first program of
//! this kind.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test that cannot go on has failed"
)]

mod binary;
mod mock;
#[path = "../program.rs"]
mod program;
mod proxied;
mod proxy;

use std::time::{Duration, Instant};

use binary::{Run, purge, request};
use mock::{CLIENT_SECRET, CREDENTIALS, Fault, Knobs, Mock, SECRET};
use serde_json::{Value, json};

const START: &str = "2023-01-01T00:00:00.000Z";

/// 12 chunks of 30 days.
const YEAR_END: &str = "2023-12-27T00:00:00.000Z";

fn three() -> Value {
    request(START, "2023-04-01T00:00:00.000Z", 30)
}

fn one_day() -> Value {
    request(START, "2023-01-02T00:00:00.000Z", 30)
}

fn json_answer(status: u16, body: &Value) -> Option<Fault> {
    Some(Fault::Answer(status, vec![], body.to_string()))
}

fn limited(seconds: &str) -> Option<Fault> {
    let body = json!({ "code": "too.many.requests", "message": "slow down", "status": 429 }).to_string();
    Some(Fault::Answer(429, vec![("retry-after", seconds.to_owned())], body))
}

fn on(wanted: &'static str, which: impl Fn(usize) -> bool + Send + Sync + 'static, fault: Option<Fault>) -> Knobs {
    let faults = move |kind: &str, n: usize| if kind == wanted && which(n) { fault.clone() } else { None };
    Knobs { faults: Box::new(faults), ..Knobs::default() }
}

#[test]
fn a_calm_run_deletes_exactly_the_range() {
    let mock = Mock::start(Knobs::default());
    let run = Run::to_the_end(&mock, &three(), &[]);
    run.all_verified(3);
    let state = mock.state.lock().unwrap();
    assert_eq!(state.left(START, "2023-04-01T00:00:00Z"), 0);
    assert_eq!(state.left("2023-04-01T00:00:00Z", "2024-01-01T00:00:00Z"), 52_925 - 13_050);
    assert_eq!(run.report["totals"]["recordsDeleted"], 13_050);
    assert_eq!(state.accepted.len(), 3, "each chunk once");
    // The chunks start together, so their submits may arrive in any order.
    let mut accepted = state.accepted.clone();
    accepted.sort_unstable();
    assert!(accepted.windows(2).all(|pair| pair[0].1 < pair[1].0), "no instant is asked for twice");
    assert_eq!(state.without_length, 0, "every body has its length");
    assert_eq!((state.hooks.len(), state.unsigned_hooks), (3, 0));
    for (_, body) in state.hooks.values() {
        let event: Value = serde_json::from_str(body).unwrap();
        assert_eq!(event["event"], "data.purge.chunk.completed");
        assert_eq!(event["metrics"]["storageRecoveredMB"], Value::Null, "never measured, never said");
        assert!(event["recordsProcessed"].as_u64().unwrap() > 4_000);
        assert!(event["metrics"]["throughputRecordsPerSecond"].as_f64().unwrap() > 0.0);
    }
}

#[test]
fn the_measured_adversity_loses_nothing() {
    let faults = |kind: &str, n: usize| match kind {
        "submit" if n.is_multiple_of(4) => limited("1"),
        "status" if n.is_multiple_of(5) => json_answer(503, &json!({ "code": "service.unavailable" })),
        "query" if n.is_multiple_of(6) => limited("1"),
        "hook" if n.is_multiple_of(3) => json_answer(500, &json!({})),
        _ => None,
    };
    let mock = Mock::start(Knobs { faults: Box::new(faults), ..Knobs::default() });
    let run = Run::to_the_end(&mock, &request(START, YEAR_END, 30), &[]);
    run.all_verified(12);
    let state = mock.state.lock().unwrap();
    assert_eq!(state.left(START, YEAR_END), 0);
    assert_eq!(state.accepted.len(), 12);
    assert_eq!((state.hooks.len(), state.unsigned_hooks), (12, 0));
    assert!(state.most_open_connections < 32, "connections are reused and closed");
}

#[test]
fn every_attempt_at_a_submit_carries_the_same_bytes() {
    let mock = Mock::start(on("submit", |n| n < 3, limited("1")));
    // `answer` never sees refused attempts, so the accepted body must be whole.
    Run::to_the_end(&mock, &one_day(), &[]).all_verified(1);
    assert_eq!((mock.calls("submit"), mock.state.lock().unwrap().accepted.len()), (3, 1));
}

#[test]
fn a_lost_answer_is_looked_for_before_anything_is_posted_again() {
    for fault in [
        Fault::DropAfter,
        Fault::Cut(4),
        Fault::Body("{\"status\":\"accepted\"}".to_owned()),
        Fault::Body("<html>".to_owned()),
    ] {
        let mock = Mock::start(on("submit", |n| n == 1, Some(fault)));
        let run = Run::to_the_end(&mock, &one_day(), &[]);
        run.all_verified(1);
        assert_eq!(mock.state.lock().unwrap().accepted.len(), 1, "one deletion, not two");
        assert_eq!(run.report["chunks"][0]["submits"], 1);
    }
}

#[test]
fn a_submit_that_never_arrived_is_posted_again_once_that_is_certain() {
    let mock = Mock::start(on("submit", |n| n == 1, Some(Fault::DropBefore)));
    let policy = json!({ "version": 1, "limits": { "confirmSubmitSeconds": 3 } });
    Run::with_policy(&mock, &one_day(), &policy, &[]).all_verified(1);
    assert_eq!((mock.calls("submit"), mock.state.lock().unwrap().accepted.len()), (2, 1));
}

#[test]
fn not_being_able_to_see_is_not_failing() {
    for fault in [
        Fault::DropBefore,
        Fault::Body("garbage".to_owned()),
        Fault::Cut(3),
        Fault::Answer(500, vec![], String::new()),
        Fault::Answer(404, vec![], String::new()),
        Fault::Answer(429, vec![("retry-after", "-5".to_owned())], String::new()),
        Fault::Answer(429, vec![("retry-after", "1m3".to_owned())], String::new()),
    ] {
        let mock = Mock::start(on("status", |n| n < 4, Some(fault)));
        Run::to_the_end(&mock, &one_day(), &[]).all_verified(1);
        assert_eq!(mock.state.lock().unwrap().accepted.len(), 1);
    }
}

#[test]
fn an_answer_in_the_real_shape_is_read_and_a_strange_one_is_not_zero() {
    let mock = Mock::start(Knobs { total_hits: true, ..Knobs::default() });
    Run::to_the_end(&mock, &one_day(), &[]).all_verified(1);
    let mock = Mock::start(on("query", |n| n > 1, Some(Fault::Body("{\"conversations\":[]}".to_owned()))));
    let run = Run::to_the_end(&mock, &one_day(), &["--chunk-deadline", "6"]);
    assert_eq!((run.code, run.chunk(0)["outcome"].as_str()), (5, Some("unknown")));
    assert_eq!(run.chunk(0)["remaining"], Value::Null);
}

#[test]
fn residue_is_said_and_nothing_is_called_completed() {
    let mock = Mock::start(Knobs { leave: 5, ..Knobs::default() });
    let policy = json!({ "version": 1, "limits": { "verifySeconds": 2 } });
    let run = Run::with_policy(&mock, &one_day(), &policy, &[]);
    assert_eq!(
        (run.code, run.chunk(0)["outcome"].as_str(), &run.chunk(0)["remaining"]),
        (5, Some("residual"), &json!(5))
    );
    let state = mock.state.lock().unwrap();
    let event: Value = serde_json::from_str(&state.hooks.values().next().unwrap().1).unwrap();
    assert_eq!(event["event"], "data.purge.chunk.residual");
    let records = run.audit.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let statuses: Vec<_> = records.map(|record| record["status"].clone()).collect();
    assert!(!statuses.contains(&json!("completed")) && !statuses.contains(&json!("verified")), "{statuses:?}");
}

#[test]
fn a_lagging_index_is_waited_for() {
    let mock = Mock::start(Knobs { lag: Duration::from_secs(3), ..Knobs::default() });
    Run::to_the_end(&mock, &one_day(), &[]).all_verified(1);
}

#[test]
fn what_is_on_hold_stays() {
    // The server has a hold that our policy does not have.
    let noon = purge_core::time::Timestamp::parse("2023-02-10T12:00:00Z").unwrap().millis();
    let mock = Mock::start(Knobs { hold: Some((noon, noon)), ..Knobs::default() });
    let run = Run::to_the_end(&mock, &three(), &[]);
    assert_eq!((run.code, run.chunk(1)["outcome"].as_str()), (4, Some("held")));
    assert!(run.audit.contains("ctx-hold"), "what support asks for is kept");
    assert_eq!(mock.state.lock().unwrap().accepted.len(), 2);

    // Our policy has a hold that the server does not have.
    let mock = Mock::start(Knobs::default());
    let range = json!({ "start": "2023-02-10T00:00:00.000Z", "end": "2023-02-11T00:00:00.000Z" });
    let policy = json!({ "version": 1, "holds": [{ "id": "H-1", "range": range }] });
    let run = Run::with_policy(&mock, &three(), &policy, &[]);
    run.all_verified(4);
    let state = mock.state.lock().unwrap();
    assert_eq!(state.left("2023-02-10T00:00:00Z", "2023-02-11T00:00:00Z"), 145);
    assert_eq!(state.left(START, "2023-04-01T00:00:00Z"), 145);
}

#[test]
fn milliseconds_at_the_edges_are_exact() {
    let mock = Mock::start(Knobs::default());
    // The record at 23:59:59.500 is deleted, the one at midnight stays, and nothing before 12:00:00.001 is touched.
    let request = request("2023-05-01T12:00:00.001Z", "2023-05-02T00:00:00.000Z", 1);
    Run::to_the_end(&mock, &request, &[]).all_verified(1);
    let state = mock.state.lock().unwrap();
    assert_eq!(state.left("2023-05-01T12:00:00Z", "2023-05-01T12:00:00.001Z"), 1);
    assert_eq!(state.left("2023-05-01T12:00:00.001Z", "2023-05-02T00:00:00Z"), 0);
    assert_eq!(state.left("2023-05-02T00:00:00Z", "2023-05-02T00:00:00.001Z"), 1);
}

#[test]
fn a_job_that_never_ends_and_a_status_nobody_knows_end_at_the_deadline() {
    let mock = Mock::start(Knobs { job: Duration::from_secs(3600), ..Knobs::default() });
    let begin = Instant::now();
    let run = Run::to_the_end(&mock, &one_day(), &["--chunk-deadline", "4"]);
    assert_eq!((run.code, run.chunk(0)["outcome"].as_str()), (5, Some("unknown")));
    assert!(begin.elapsed() < Duration::from_secs(12));
    let mock = Mock::start(Knobs { final_status: "cancelled", ..Knobs::default() });
    let run = Run::to_the_end(&mock, &one_day(), &["--chunk-deadline", "6"]);
    assert_eq!((run.code, run.chunk(0)["outcome"].as_str()), (5, Some("unknown")));
    assert!(run.audit.contains("cancelled"));
}

#[test]
fn one_stuck_chunk_does_not_stop_the_others() {
    // The status of the first job is always `processing`.
    let stuck = |kind: &str, n: usize| match (kind, n) {
        ("submit", 2) => Some(Fault::Body("{\"id\":\"nobody-knows-this-one\"}".to_owned())),
        _ => None,
    };
    let mock = Mock::start(Knobs { faults: Box::new(stuck), ..Knobs::default() });
    let run = Run::to_the_end(&mock, &request(START, YEAR_END, 30), &["--chunk-deadline", "8"]);
    let verified = (0..12).filter(|n| run.chunk(*n)["outcome"] == "verified").count();
    assert_eq!((run.code, verified), (5, 11));
}

#[test]
fn tokens_are_cached_refreshed_and_renewed_once_when_refused() {
    let mock = Mock::start(Knobs::default());
    Run::to_the_end(&mock, &three(), &[]).all_verified(3);
    assert_eq!(mock.calls("token"), 1);
    let mock = Mock::start(Knobs { token_seconds: 60, ..Knobs::default() });
    Run::to_the_end(&mock, &three(), &[]).all_verified(3);
    assert_eq!(mock.calls("token"), 1, "a token of a minute is cached too");
    let revoked = json_answer(401, &json!({ "code": "bad.credentials" }));
    let mock = Mock::start(on("status", |n| n == 2, revoked));
    Run::to_the_end(&mock, &one_day(), &[]).all_verified(1);
    assert_eq!(mock.calls("token"), 2);
}

#[test]
fn a_login_that_is_refused_says_so_and_deletes_nothing() {
    let mock =
        Mock::start(on("token", |_| true, json_answer(401, &json!({ "error": "invalid_client", "description": "x" }))));
    let place = binary::Place::new(&one_day(), None);
    let digest = place.digest(&mock);
    let output = purge(&mock, &place, &digest, &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("login.invalid_client") && said.contains("GENESYS_CLIENT_ID"), "{said}");
    assert_eq!((mock.calls("submit"), mock.calls("query")), (0, 0));
    assert!(mock.calls("token") <= 2, "asked {} times", mock.calls("token"));
}

#[test]
fn a_refusal_keeps_its_reason_and_stops_only_its_chunk() {
    let refused =
        json!({ "code": "missing.permissions", "message": "you may not", "contextId": "ctx-403", "status": 403 });
    let mock = Mock::start(on("submit", |n| n == 1, json_answer(403, &refused)));
    let run = Run::to_the_end(&mock, &three(), &[]);
    assert_eq!(run.code, 4);
    let rejected: Vec<_> = (0..3).filter(|n| run.chunk(*n)["outcome"] == "rejected").collect();
    assert_eq!(rejected.len(), 1);
    assert!(run.report.to_string().contains("missing.permissions"));
    assert!(run.audit.contains("ctx-403"));
}

#[test]
fn an_hour_of_retry_after_does_not_hold_up_the_end() {
    let mock = Mock::start(on("submit", |_| true, limited("3600")));
    let begin = Instant::now();
    let run = Run::to_the_end(&mock, &one_day(), &["--chunk-deadline", "3"]);
    assert_eq!((run.code, run.chunk(0)["outcome"].as_str()), (4, Some("timedOut")));
    assert!(begin.elapsed() < Duration::from_secs(10));
    assert_eq!(mock.calls("submit"), 1, "nobody hammers");
}

#[test]
fn a_slow_webhook_does_not_slow_the_purge() {
    let mock = Mock::start(on("hook", |_| true, Some(Fault::Slow(Duration::from_secs(2)))));
    let run = Run::to_the_end(&mock, &request(START, YEAR_END, 30), &[]);
    run.all_verified(12);
    assert!(run.report_after < Duration::from_secs(7), "{:?}", run.report_after);
    assert_eq!(mock.state.lock().unwrap().hooks.len(), 12);
}

#[test]
fn a_base_address_with_a_slash_is_the_same_address() {
    let mock = Mock::start(Knobs::default());
    let base = format!("{}/", mock.base);
    let run = Run::with_env(&mock, &one_day(), &[("GENESYS_BASE_URL", &base)], &[]);
    run.all_verified(1);
}

#[test]
fn killed_at_any_moment_it_goes_on_where_it_was() {
    for after in [150_u64, 400, 900, 1300] {
        let mock = Mock::start(Knobs { job: Duration::from_millis(600), ..Knobs::default() });
        let request = request(START, YEAR_END, 30);
        let place = binary::Place::new(&request, None);
        let digest = place.digest(&mock);
        let mut child = purge(&mock, &place, &digest, &[]).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(after));
        child.kill().unwrap();
        child.wait().unwrap();
        let run = Run::finish(purge(&mock, &place, &digest, &[]), &place);
        run.all_verified(12);
        let state = mock.state.lock().unwrap();
        assert_eq!(state.accepted.len(), 12, "killed after {after} ms");
        assert_eq!(state.left(START, YEAR_END), 0);
        assert_eq!(state.hooks.len(), 12);
    }
}

#[test]
fn two_at_once_do_everything_once() {
    let mock = Mock::start(Knobs::default());
    let request = request(START, YEAR_END, 30);
    let place = binary::Place::new(&request, None);
    let digest = place.digest(&mock);
    let first = purge(&mock, &place, &digest, &[]).spawn().unwrap();
    let second = purge(&mock, &place, &digest, &[]).spawn().unwrap();
    // Read both outputs at the same time, or a full pipe stops one of the processes.
    let waiting = [first, second].map(|child| std::thread::spawn(move || child.wait_with_output().unwrap()));
    let ends = waiting.map(|thread| thread.join().unwrap());
    assert!(ends.iter().all(|end| end.status.code() == Some(0)), "{ends:?}");
    assert_eq!(mock.state.lock().unwrap().accepted.len(), 12);
    let again = Run::finish(purge(&mock, &place, &digest, &[]), &place);
    again.all_verified(12);
    assert_eq!(mock.state.lock().unwrap().accepted.len(), 12, "what is done is not done again");
}

#[test]
fn an_interrupt_leaves_a_checkpoint() {
    let mock = Mock::start(Knobs::default());
    let request = request(START, YEAR_END, 30);
    let place = binary::Place::new(&request, None);
    let digest = place.digest(&mock);
    let child = purge(&mock, &place, &digest, &[]).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(700));
    let interrupt = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupt.success());
    let end = child.wait_with_output().unwrap();
    assert_eq!(end.status.code(), Some(75), "{}", String::from_utf8_lossy(&end.stderr));
    Run::finish(purge(&mock, &place, &digest, &[]), &place).all_verified(12);
    assert_eq!(mock.state.lock().unwrap().accepted.len(), 12);
}

#[test]
fn nothing_is_sent_without_approval_or_with_a_wrong_setting() {
    let mock = Mock::start(Knobs::default());
    let place = binary::Place::new(&three(), None);
    let wrong = format!("sha256:{}", "0".repeat(64));
    assert_eq!(purge(&mock, &place, &wrong, &[]).output().unwrap().status.code(), Some(7));
    for (name, value) in [
        ("GENESYS_BASE_URL", "http://api.example.com"),
        ("GENESYS_BASE_URL", "not a url"),
        ("GENESYS_CLIENT_SECRET", ""),
        ("GOVERNANCE_WEBHOOK_URL", "http://127.0.0.1:1/\u{7}"),
        ("GOVERNANCE_WEBHOOK_URL", "http://example.com/hook"),
        ("GOVERNANCE_WEBHOOK_SECRET", "short"),
        ("DATA_JURISDICTION", "mars"),
    ] {
        let mut command = purge(&mock, &place, &wrong, &[]);
        command.env(name, value);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{name}={value}: {}", String::from_utf8_lossy(&output.stderr));
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(name), "{name} is named: {said}");
    }
    assert_eq!(mock.state.lock().unwrap().calls.len(), 0, "not one request left");
}

#[test]
fn secrets_are_nowhere() {
    let mock = Mock::start(Knobs::default());
    let run = Run::to_the_end(&mock, &one_day(), &[]);
    run.all_verified(1);
    let files = run.place.files().into_iter().map(|file| {
        let bytes = std::fs::read(&file).unwrap();
        (file.display().to_string(), String::from_utf8_lossy(&bytes).into_owned())
    });
    let said = [("stdout".to_owned(), run.stdout.clone()), ("stderr".to_owned(), run.stderr.clone())];
    for (name, text) in files.chain(said) {
        for secret in [CLIENT_SECRET, CREDENTIALS, "token-0", SECRET.trim_start_matches("whsec_")] {
            assert!(!text.contains(secret), "`{secret}` is in {name}");
        }
    }
}
