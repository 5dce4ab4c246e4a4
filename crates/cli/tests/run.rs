//! `run` from beginning to end, undisturbed and disturbed.

#![cfg(test)]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use purge_core::plan::{CheckContext, PlanFile, check};
use purge_core::time::Timestamp;
use purge_driver::{Clock as _, SystemClock};

use common::{Bench, Ran, Receiver, Server, SilentServer, at, example, request, signal};
use serde_json::{Value, json};

#[test]
fn the_example_is_deleted_verified_and_proved() {
    let bench = Bench::new();
    let q1 = example("q1-2023.json");
    let ran = bench.run(&["run", q1.to_str().unwrap(), "--json"]).exits(0);
    let report = ran.report();
    assert_eq!(report["outcome"], "verified");
    assert_eq!(report["simulated"], true);
    assert_eq!(report["totals"]["submits"], 3);
    assert_eq!(report["totals"]["remaining"], 0);
    assert!(report["totals"]["recordsDeleted"].as_u64().unwrap() > 10_000);
    let kinds: Vec<String> = ran.events().iter().map(|e| e["event"].as_str().unwrap().to_owned()).collect();
    assert_eq!(kinds[0], "plan");
    assert!(kinds.contains(&"chunk".to_owned()));
    let webhooks = ran.events().into_iter().find(|e| e["event"] == "webhooks").unwrap();
    assert_eq!((&webhooks["delivered"], &webhooks["pending"], &webhooks["dead"]), (&json!(3), &json!(0), &json!(0)));

    // Give the same command again: it shows the stored report and sends nothing.
    let asked = bench.received_requests();
    let again = bench.run(&["run", q1.to_str().unwrap(), "--json"]).exits(0);
    assert_eq!(again.report(), report);
    assert_eq!(bench.received_requests(), asked);

    let evidence = bench.evidence();
    let verdict = bench.run(&["verify", evidence.to_str().unwrap(), "--json"]).exits(0);
    let verdict: Value = serde_json::from_str(&verdict.stdout).unwrap();
    assert_eq!((&verdict["holds"], &verdict["outcome"]), (&json!(true), &json!("verified")));
}

#[test]
fn piped_output_is_plain_lines() {
    let bench = Bench::new();
    bench.file("request.json", &request(2));
    bench.file("policy.json", &json!({ "version": 1 }));
    let ran = bench.run(&["run", "request.json", "--policy", "policy.json"]).exits(0);
    assert!(!ran.stdout.contains('\u{1b}') && !ran.stderr.contains('\u{1b}'));
    // Which chunk is quicker is a matter of chance.
    let lines: BTreeSet<&str> = ran.stderr.lines().filter(|line| line.contains("chunk 1/2")).collect();
    insta::assert_snapshot!("progress", lines.into_iter().collect::<Vec<_>>().join("\n"));
    // Times, ids, digests and the number of polls differ from run to run.
    let mut settings = insta::Settings::clone_current();
    settings.add_filter("sha256:[0-9a-f]{64}", "DIGEST");
    settings.add_filter("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID");
    settings.add_filter("run-[0-9a-f]{16}", "RUN");
    settings.add_filter("tenant [0-9a-f]{8}", "tenant SCENARIO");
    settings.add_filter(r" +[0-9.]+ m?s\b", " TIME");
    settings.add_filter(r"\b\d+ requests", "N requests");
    settings.add_filter(r"submits +time", "submits time");
    settings.bind(|| insta::assert_snapshot!("result", ran.stdout));
}

#[test]
fn every_fourth_submit_fifth_status_sixth_count_and_third_webhook_go_wrong_and_nothing_is_lost() {
    let bench = Bench::new();
    bench.file("request.json", &request(12));
    bench.file(
        "adversity.json",
        &json!({ "faults": [
            { "on": "submit", "every": 4, "do": { "kind": "rateLimited", "retryAfter": "1" } },
            { "on": "status", "every": 5, "do": { "kind": "error", "status": 503 } },
            { "on": "count", "every": 6, "do": { "kind": "rateLimited", "retryAfter": "1" } },
            { "on": "webhook", "every": 3, "do": { "kind": "error", "status": 500 } },
        ] }),
    );
    let ran = bench.run(&["run", "request.json", "--scenario", "adversity.json", "--json"]).exits(0);
    let report = ran.report();
    assert_eq!((&report["outcome"], &report["totals"]["remaining"]), (&json!("verified"), &json!(0)));
    let webhooks = ran.events().into_iter().find(|e| e["event"] == "webhooks").unwrap();
    assert_eq!((&webhooks["delivered"], &webhooks["pending"]), (&json!(12), &json!(0)));
}

#[test]
fn lost_and_broken_answers_over_real_connections_delete_each_window_once() {
    let bench = Bench::new();
    bench.file("request.json", &request(4));
    bench.file("policy.json", &json!({ "version": 1, "limits": { "confirmSubmitSeconds": 2 } }));
    bench.file(
        "broken.json",
        &json!({ "faults": [
            { "on": "token", "nth": [1], "do": { "kind": "dropBefore" } },
            { "on": "submit", "nth": [1], "do": { "kind": "dropAfter" } },
            { "on": "submit", "nth": [2], "do": { "kind": "truncated" } },
            { "on": "status", "nth": [1], "do": { "kind": "garbage" } },
            { "on": "count", "nth": [2], "do": { "kind": "dropBefore" } },
        ] }),
    );
    let args = ["run", "request.json", "--policy", "policy.json", "--scenario", "broken.json", "--json"];
    let report = bench.run(&args).exits(0).report();
    assert_eq!((&report["outcome"], &report["totals"]["submits"]), (&json!("verified"), &json!(4)));
    let submits = bench.submits();
    assert_eq!(submits.iter().collect::<BTreeSet<_>>().len(), 4);
    assert_eq!(submits.len(), 4);
}

/// Writes the policy of a bench with these holds, in place.
fn policy_with(bench: &Bench, holds: &Value) {
    bench.file("policy.json.new", &json!({ "version": 1, "holds": holds }));
    fs::rename(bench.path("policy.json.new"), bench.path("policy.json")).unwrap();
}

#[test]
fn a_hold_that_comes_while_the_run_is_under_way_keeps_what_is_left() {
    let bench = Bench::new();
    bench.file("request.json", &request(12));
    policy_with(&bench, &json!([]));
    let args = ["run", "request.json", "--policy", "policy.json", "--concurrency", "1", "--json"];
    let mut child = bench.command(&args).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut events = lines.map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    assert!(events.any(|event| a_chunk_is_verified(&event)));
    // The last two of the chunks, each of ten days.
    let range = json!({ "start": "2023-04-15T00:00:00Z", "end": "2023-04-25T00:00:00Z" });
    policy_with(&bench, &json!([{ "id": "matter-7", "range": range }]));
    let report = events.last().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(4), "some chunks did not come to a good end");

    let outcomes: Vec<&str> =
        report["chunks"].as_array().unwrap().iter().map(|chunk| chunk["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, [["verified"; 10].as_slice(), &["held"; 2]].concat());
    let cause = &report["chunks"][11]["cause"];
    assert_eq!(cause["code"], "policy.keepsMore");
    assert!(cause["message"].as_str().unwrap().contains("hold `matter-7`"), "{cause}");
    assert_eq!(bench.submits().len(), 10, "what is held never left");
    bench.run(&["verify", bench.evidence().to_str().unwrap()]).exits(0);

    // The retry asks the policy, too. Once the hold is lifted it deletes the rest.
    let run = report["runId"].as_str().unwrap();
    let refused = bench.run(&["retry", run, "--policy", "policy.json"]).exits(3);
    assert!(refused.stderr.contains("policy.json#/holds"), "{}", refused.stderr);
    policy_with(&bench, &json!([]));
    let report = bench.run(&["retry", run, "--policy", "policy.json", "--json"]).exits(0).report();
    assert_eq!((&report["outcome"], &report["totals"]["remaining"]), (&json!("verified"), &json!(0)));
}

/// Twelve chunks of a second each, four at a time, which leaves time for a disturbance.
const SLOW: [&str; 5] = ["run", "request.json", "--concurrency", "4", "--json"];

/// Starts the command and waits for the first chunk to be verified.
fn start_until_first_verified(bench: &Bench) -> Child {
    bench.file("request.json", &request(12));
    start_until(bench, &SLOW, a_chunk_is_verified)
}

fn a_chunk_is_verified(event: &Value) -> bool {
    event["event"] == "chunk" && event["outcome"] == "verified"
}

/// Starts the command and waits until it prints such an event.
fn start_until(bench: &Bench, args: &[&str], said: fn(&Value) -> bool) -> Child {
    common::start_until(bench.command(args), said)
}

/// Asks the process to stop.
fn terminate(child: &Child) {
    signal(child, "TERM");
}

#[test]
fn killed_half_way_the_same_command_goes_on() {
    let bench = Bench::new();
    let mut child = start_until_first_verified(&bench);
    child.kill().unwrap();
    child.wait().unwrap();
    let open = open_chunks(&bench);
    assert!((1..12).contains(&open), "{open}");

    let report = bench.run(&SLOW).exits(0).report();
    assert_eq!((&report["outcome"], &report["totals"]["remaining"]), (&json!("verified"), &json!(0)));
    let submits = bench.submits();
    assert_eq!(submits.iter().collect::<BTreeSet<_>>().len(), 12);
    assert_eq!(submits.len(), 12, "a window was submitted twice");
    bench.run(&["verify", bench.evidence().to_str().unwrap()]).exits(0);
}

#[test]
fn on_the_next_day_too_the_same_command_goes_on() {
    let bench = Bench::new();
    let days_ago = |days: i64| Timestamp::from_millis(SystemClock.now().start_of_day().millis() - days * 86_400_000);
    let mut asked = request(12);
    asked["range"] = json!({ "start": days_ago(1_110), "end": days_ago(900) });
    bench.file("request.json", &asked);
    let rule =
        json!({ "recordTypes": ["conversation", "interaction", "message"], "minAgeDays": 1_000, "basis": "law" });
    let policy = json!({ "version": 1, "retention": [rule] });
    bench.file("policy.json", &policy);
    // A run that the same command started yesterday.
    let yesterday = days_ago(1);
    let context = CheckContext::at(yesterday);
    let plan = check(&asked.to_string(), Some(&policy.to_string()), &context).plan.unwrap();
    fs::write(bench.path("yesterday.json"), PlanFile::new(&plan, yesterday).text()).unwrap();
    let slow = ["--policy", "policy.json", "--concurrency", "1", "--json"];
    let mut child = start_until(&bench, &[&["run", "yesterday.json"][..], &slow].concat(), a_chunk_is_verified);
    child.kill().unwrap();
    child.wait().unwrap();
    let today =
        [&["run", "request.json", "--policy", "policy.json", "--json"][..], &["--approve", plan.digest()]].concat();

    let planned = bench.run(&["plan", "request.json", "--policy", "policy.json", "--json"]).exits(0).stdout;
    let other = serde_json::from_str::<Value>(&planned).unwrap()["planDigest"].as_str().unwrap().to_owned();
    assert_ne!(other, plan.digest());
    let refused = bench.run(&["run", "request.json", "--policy", "policy.json", "--approve", &other]).exits(7);
    assert!(refused.stderr.contains("which has begun"), "{}", refused.stderr);
    let ran = bench.run(&today).exits(0);
    assert!(ran.events().iter().any(|event| event["code"] == "run.goesOn"), "{}", ran.stdout);
    assert_eq!(ran.report()["planDigest"], plan.digest());
    let submits = bench.submits();
    assert_eq!(submits.iter().collect::<BTreeSet<_>>().len(), submits.len(), "a window was submitted twice");
    // That run has ended, so today's plan is carried out now.
    let next = bench.run(&["run", "request.json", "--policy", "policy.json", "--json"]).exits(0);
    assert_eq!(next.report()["planDigest"], other.as_str());
}

#[test]
fn another_policy_makes_another_run_and_the_open_one_is_named() {
    let bench = Bench::new();
    let mut child = start_until_first_verified(&bench);
    child.kill().unwrap();
    child.wait().unwrap();
    bench.file("policy.json", &json!({ "version": 1, "limits": { "concurrency": 9 } }));
    let ran = bench.run(&["run", "request.json", "--policy", "policy.json"]).exits(0);
    assert!(ran.stderr.contains("run.open"), "{}", ran.stderr);
}

fn open_chunks(bench: &Bench) -> u64 {
    let status = bench.run(&["status", "--json"]).exits(0);
    status.events()[0]["open"].as_u64().unwrap()
}

#[test]
fn asked_to_terminate_it_stops_in_order_and_says_how_to_go_on() {
    let bench = Bench::new();
    let child = start_until_first_verified(&bench);
    terminate(&child);
    let ran = Ran::of(child.wait_with_output().unwrap()).exits(75);
    assert_eq!(ran.stderr, "");
    assert!(open_chunks(&bench) > 0);
    // What has been done so far already has valid evidence.
    bench.run(&["verify", bench.evidence().to_str().unwrap()]).exits(0);
    let report = bench.run(&SLOW).exits(0).report();
    assert_eq!((&report["outcome"], &report["totals"]["submits"]), (&json!("verified"), &json!(12)));
}

/// What Genesys Cloud keeps is neither deleted nor left over, and users should not have to search the report for it.
#[test]
fn what_the_platform_keeps_is_said_by_run_and_by_verify() {
    let bench = Bench::new();
    let mut wanted: Value =
        serde_json::from_str(&fs::read_to_string(example("year-recording-jobs.json")).unwrap()).unwrap();
    wanted["range"] = json!({ "start": "2023-01-01T00:00:00.000Z", "end": "2023-01-03T00:00:00.000Z" });
    bench.file("request.json", &wanted);
    bench.file("policy.json", &json!({ "version": 1, "limits": { "verifyConversations": 1000 } }));
    bench.file("protected.json", &json!({ "protected": { "conversations": 2000 } }));
    let args = ["run", "request.json", "--policy", "policy.json", "--scenario", "protected.json"];
    let ran = bench.run(&args).exits(0);
    let report: Value =
        serde_json::from_str(&fs::read_to_string(bench.evidence().join("report.json")).unwrap()).unwrap();
    let kept = report["totals"]["protected"].as_u64().unwrap();
    assert!(kept > 0, "{report}");
    let says = format!("; {kept} kept by the platform's legal holds");
    assert!(ran.stdout.contains(&says), "{says}: {}", ran.stdout);
    let verified = bench.run(&["verify", bench.evidence().to_str().unwrap()]).exits(0);
    assert!(verified.stdout.contains(&format!("kept  {kept} by the platform's legal holds")), "{}", verified.stdout);
}

/// Until the date somebody can take the delete dates back, but has to know that they should.
#[test]
fn of_a_cool_off_the_date_is_shown_and_a_hold_that_has_come_meanwhile_is_told() {
    let bench = Bench::new();
    let mut wanted: Value =
        serde_json::from_str(&fs::read_to_string(example("year-recording-jobs.json")).unwrap()).unwrap();
    wanted["range"] = json!({ "start": "2023-01-01T00:00:00.000Z", "end": "2023-01-11T00:00:00.000Z" });
    wanted["recordings"]["coolOffDays"] = json!(7);
    bench.file("request.json", &wanted);
    let rests = |event: &Value| event["event"] == "chunk" && event["wait"]["kind"] == "coolOff";
    let child = start_until(&bench, &["run", "request.json", "--json"], rests);
    let week = SystemClock.now().plus(Duration::from_secs(7 * 86_400));
    terminate(&child);
    Ran::of(child.wait_with_output().unwrap()).exits(75);

    let shown = bench.run(&["status", "run-"]).exits(0).stdout;
    let (_, until) =
        shown.split_once("waiting: cool-off, the recordings are deleted when it ends, until ").expect(&shown);
    let until = Timestamp::parse(until.split_whitespace().next().unwrap()).unwrap();
    assert!(until <= week && week.since(until) < Duration::from_secs(300), "{until}");

    let range = json!({ "start": "2023-01-04T00:00:00Z", "end": "2023-01-05T00:00:00Z" });
    policy_with(&bench, &json!([{ "id": "matter-7", "range": range }]));
    let report = bench.run(&["retry", "run-", "--policy", "policy.json", "--json"]).exits(5).report();
    let (outcome, cause) = (&report["chunks"][0]["outcome"], &report["chunks"][0]["cause"]);
    assert_eq!((outcome, &cause["code"]), (&json!("unknown"), &json!("policy.scheduled")));
    let message = cause["message"].as_str().unwrap();
    assert!(message.contains("hold `matter-7`") && message.contains(&until.to_string()), "{message}");
    bench.run(&["verify", bench.evidence().to_str().unwrap()]).exits(0);
    // What became of it is checked once nothing keeps it any more.
    bench.run(&["retry", "run-", "--policy", "policy.json"]).exits(3);
}

#[test]
fn a_policy_that_comes_while_another_process_carries_the_run_out_is_not_said_to_count() {
    let bench = Bench::new();
    bench.file("request.json", &request(12));
    bench.run(&["plan", "request.json", "--out", "plan.json"]).exits(0);
    let args = ["run", "plan.json", "--concurrency", "1", "--json"];
    let mut first = start_until(&bench, &args, a_chunk_is_verified);
    let run = bench.run(&["status", "--json"]).events()[0]["runId"].as_str().unwrap().to_owned();

    // A policy against the plan, or against all of the request. Nothing stops the other process.
    let everything = json!({ "start": "2023-01-01T00:00:00Z", "end": "2023-06-01T00:00:00Z" });
    policy_with(&bench, &json!([{ "id": "matter-7", "range": everything }]));
    for document in ["plan.json", "request.json"] {
        let ran = bench.run(&["run", document, "--policy", "policy.json"]).exits(3);
        let said = format!("run `{run}` of this request has begun and goes on without this policy");
        assert!(ran.stderr.contains("warning[run.begun]") && ran.stderr.contains(&said), "{}", ran.stderr);
        assert!(ran.stderr.contains(&format!("`genesys-purge cancel {run}`")), "{}", ran.stderr);
        let events = bench.run(&["run", document, "--policy", "policy.json", "--json"]).exits(3).events();
        assert!(events.iter().any(|event| event["code"] == "run.begun"), "{events:?}");
    }

    // A policy that is not against it: the other process would never read it.
    policy_with(&bench, &json!([]));
    let ran = bench.run(&["run", "plan.json", "--policy", "policy.json", "--json"]).exits(75);
    let problem = ran.events().pop().unwrap();
    assert_eq!(problem["code"], "run.underWay", "{}", ran.stdout);
    assert!(problem["help"].as_str().unwrap().contains(&format!("genesys-purge cancel {run}")), "{problem}");

    first.kill().unwrap();
    first.wait().unwrap();
    policy_with(&bench, &json!([{ "id": "matter-7", "range": everything }]));
    let stopped = bench.run(&["run", "plan.json", "--policy", "policy.json"]).exits(3);
    assert!(stopped.stderr.contains("is not being carried out"), "{}", stopped.stderr);
    policy_with(&bench, &json!([]));
    bench.run(&["run", "plan.json", "--policy", "policy.json"]).exits(0);
    // A run that has ended is not reported.
    policy_with(&bench, &json!([{ "id": "matter-7", "range": everything }]));
    assert!(!bench.run(&["run", "plan.json", "--policy", "policy.json"]).exits(3).stderr.contains("run.begun"));
}

/// Reading a pipe without a writer never ends, like a network mount that is gone.
#[test]
fn a_policy_that_hangs_does_not_keep_a_run_from_stopping() {
    let bench = Bench::new();
    bench.file("request.json", &request(12));
    policy_with(&bench, &json!([]));
    let args = ["run", "request.json", "--policy", "policy.json", "--concurrency", "1", "--json"];
    let mut child = start_until(&bench, &args, a_chunk_is_verified);
    assert!(Command::new("mkfifo").arg(bench.path("pipe")).status().unwrap().success());
    fs::rename(bench.path("pipe"), bench.path("policy.json")).unwrap();
    std::thread::sleep(Duration::from_secs(2));
    terminate(&child);
    let deadline = Instant::now() + Duration::from_secs(30);
    while child.try_wait().unwrap().is_none() {
        assert!(Instant::now() < deadline, "it is deaf while it reads");
        std::thread::sleep(Duration::from_millis(50));
    }
    Ran::of(child.wait_with_output().unwrap()).exits(75);
}

#[test]
fn what_a_newer_policy_keeps_is_planned_again_and_not_tried_again() {
    let bench = Bench::new();
    bench.file("request.json", &request(3));
    policy_with(&bench, &json!([]));
    let mut command = bench.command(&["run", "request.json", "--policy", "policy.json", "--concurrency", "1"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut told = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(told.any(|line| line.contains("chunk 1/3") && line.contains("deleting")));
    let range = json!({ "start": "2023-01-25T00:00:00Z", "end": "2023-01-26T00:00:00Z" });
    policy_with(&bench, &json!([{ "id": "matter-7", "range": range }]));
    let rest: Vec<String> = told.collect();
    Ran::of(child.wait_with_output().unwrap()).exits(4);
    let says = |text: &str| rest.iter().any(|line| line.contains(text));
    assert!(
        says("chunk 3: the policy that applies now keeps more than the plan does; plan the request again"),
        "{rest:?}"
    );
    assert!(!says("once the cause is fixed"), "{rest:?}");
}

#[test]
fn a_login_that_is_refused_later_leaves_what_was_submitted_before_and_says_so() {
    let bench = Bench::new();
    let server = Server::start(&bench, &["--job-seconds", "60"]);
    bench.file("request.json", &request(3));
    bench.run(&["plan", "request.json", "--out", "plan.json"]).exits(0);
    let plan: Value = serde_json::from_str(&fs::read_to_string(bench.path("plan.json")).unwrap()).unwrap();
    let digest = plan["planDigest"].as_str().unwrap();
    let args = ["run", "plan.json", "--approve", digest, "--tenant-jurisdiction", "us-east-1", "--json"];
    let args = [&args[..], &["--concurrency", "2"]].concat();
    // Either of the two may be the first.
    let submitted = std::cell::RefCell::new(std::collections::BTreeSet::new());
    let deleting = |event: &Value| {
        if event["event"] == "chunk" && event["state"] == "deleting" {
            submitted.borrow_mut().insert(event["index"].as_u64());
        }
        submitted.borrow().len() == 2
    };
    let mut first = common::start_until(at(bench.command(&args), &server.address), deleting);
    first.kill().unwrap();
    first.wait().unwrap();

    let mut command = at(bench.command(&args), &server.address);
    let ran = Ran::of(command.env("GENESYS_CLIENT_SECRET", "wrong").output().unwrap()).exits(75);
    let problem = ran.events().pop().unwrap();
    assert_eq!((&problem["event"], &problem["code"]), (&json!("problem"), &json!("login.invalid_client")));
    let help = problem["help"].as_str().unwrap();
    assert!(help.contains("nothing was sent now") && help.contains("chunks 1 and 2, submitted earlier"), "{help}");
    bench.run(&["verify", bench.evidence().to_str().unwrap()]).exits(0);
}

#[test]
fn limits_that_a_run_did_not_begin_with_are_said_to_change_nothing() {
    let bench = Bench::new();
    bench.file("request.json", &request(1));
    let run = |flags: &[&str]| bench.run(&[&["run", "request.json"], flags].concat()).exits(0).stderr;
    run(&["--concurrency", "2"]);
    for same in [&["--concurrency", "2"][..], &["--chunk-deadline", "14400"], &[]] {
        assert!(!run(same).contains("limits.earlier"), "{same:?}");
    }
    let said = run(&["--concurrency", "3", "--chunk-deadline", "60"]);
    for flag in ["--concurrency", "--chunk-deadline"] {
        assert!(said.contains(&format!("`{flag}` changes nothing")), "{said}");
    }
}

#[test]
fn a_terminal_that_is_closed_stops_it_in_order_unless_it_does_not_want_to_know() {
    let bench = Bench::new();
    let child = start_until_first_verified(&bench);
    signal(&child, "HUP");
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(75));
    bench.run(&["verify", bench.evidence().to_str().unwrap()]).exits(0);

    let inner = bench.command(&SLOW);
    let mut command = Command::new("nohup");
    command.arg(inner.get_program()).args(inner.get_args()).current_dir(bench.folder.path()).stdin(Stdio::null());
    let child = common::start_until(command, a_chunk_is_verified);
    signal(&child, "HUP");
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
}

#[test]
fn three_at_once_are_one_run() {
    let bench = Bench::new();
    bench.file("request.json", &request(6));
    let start = || bench.command(&SLOW).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let all = [start(), start(), start()].map(|child| Ran::of(child.wait_with_output().unwrap()).exits(0).report());
    assert!(all.iter().all(|report| *report == all[0]));
    assert_eq!(bench.submits().len(), 6);
}

#[test]
fn the_follower_takes_over_when_the_first_one_dies() {
    let bench = Bench::new();
    let mut first = start_until_first_verified(&bench);
    let mut second = bench.command(&SLOW).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut told = BufReader::new(second.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(told.any(|line| line.contains("another process carries this run out; following it")));
    first.kill().unwrap();
    first.wait().unwrap();
    let report = Ran::of(second.wait_with_output().unwrap()).exits(0).report();
    assert_eq!((&report["outcome"], &report["totals"]["submits"]), (&json!("verified"), &json!(12)));
    assert_eq!(bench.submits().len(), 12);
}

#[test]
fn cancelled_it_submits_nothing_more_and_retry_takes_it_up_again() {
    let bench = Bench::new();
    let child = start_until_first_verified(&bench);
    let run = bench.run(&["status", "--json"]).events()[0]["runId"].as_str().unwrap().to_owned();
    bench.run(&["cancel", &run]).exits(0);
    Ran::of(child.wait_with_output().unwrap()).exits(6);
    let submitted = bench.submits().len();
    assert!(submitted < 12);

    // Giving the command again shows how the run ended.
    bench.run(&SLOW).exits(6);
    assert_eq!(bench.submits().len(), submitted);

    let report = bench.run(&["retry", &run, "--json"]).exits(0).report();
    assert_eq!((&report["outcome"], &report["totals"]["remaining"]), (&json!("verified"), &json!(0)));
    assert_eq!(bench.submits().iter().collect::<BTreeSet<_>>().len(), 12);
    bench.run(&["verify", bench.evidence().to_str().unwrap()]).exits(0);
}

/// Its own command may not go on: a policy has come that keeps more. The cancel ends it nevertheless.
#[test]
fn a_cancel_ends_a_run_that_no_process_carries_out() {
    let bench = Bench::new();
    bench.file("request.json", &request(12));
    policy_with(&bench, &json!([]));
    let args = ["run", "request.json", "--policy", "policy.json", "--concurrency", "1", "--json"];
    let mut child = start_until(&bench, &args, a_chunk_is_verified);
    child.kill().unwrap();
    child.wait().unwrap();
    let range = json!({ "start": "2023-04-15T00:00:00Z", "end": "2023-04-25T00:00:00Z" });
    policy_with(&bench, &json!([{ "id": "matter-7", "range": range }]));
    let submitted = bench.submits().len();

    let ran = bench.run(&["cancel", "run-"]).exits(6);
    assert!(ran.stdout.contains("will not submit anything more"), "{}", ran.stdout);
    let status = bench.run(&["status", "--json"]).events();
    assert_eq!((bench.submits().len(), &status[0]["open"]), (submitted, &json!(0)));
    bench.run(&["verify", bench.evidence().to_str().unwrap()]).exits(0);
    let again = bench.run(&["cancel", "run-"]).exits(0);
    assert!(again.stdout.contains("has ended; there is nothing to cancel"), "{}", again.stdout);
}

#[test]
fn a_plan_file_is_carried_out_at_a_real_address() {
    let bench = Bench::new();
    let server = Server::start(&bench, &["--job-seconds", "0", "--fault", "status:nth=2:503"]);
    bench.file("request.json", &request(3));
    bench.run(&["plan", "request.json", "--out", "plan.json"]).exits(0);
    let plan: Value = serde_json::from_str(&fs::read_to_string(bench.path("plan.json")).unwrap()).unwrap();
    let digest = plan["planDigest"].as_str().unwrap();
    // The same address with a slash at its end.
    let tenant = format!("{}/", server.address);
    let args = ["run", "plan.json", "--approve", digest, "--tenant-jurisdiction", "us-east-1", "--json"];
    let report = bench.run_at(&tenant, &args).exits(0).report();
    assert_eq!((&report["outcome"], &report["simulated"]), (&json!("verified"), &json!(false)));
    assert_eq!(report["tenant"], json!(format!("{} (client sim)", server.address)));

    // A plan file that was changed is refused.
    let mut changed = plan.clone();
    changed["request"]["range"]["end"] = json!("2023-06-01T00:00:00.000Z");
    bench.file("changed.json", &changed);
    let args = ["run", "changed.json", "--approve", digest, "--tenant-jurisdiction", "us-east-1"];
    assert!(bench.run_at(&tenant, &args).exits(2).stderr.contains("planFile.digest"));
}

#[test]
fn the_governance_system_is_told_signed_if_there_is_a_secret() {
    for secret in [Some("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), None] {
        let bench = Bench::new();
        let receiver = Receiver::start();
        bench.file("request.json", &request(2));
        let mut command = bench.command(&["run", "request.json"]);
        command.env("GOVERNANCE_WEBHOOK_URL", &receiver.address);
        if let Some(secret) = secret {
            command.env("GOVERNANCE_WEBHOOK_SECRET", secret);
        }
        let ran = Ran::of(command.output().unwrap()).exits(0);
        assert_eq!(ran.stderr.contains("settings.webhookUnsigned"), secret.is_none());
        let taken = receiver.received();
        assert_eq!(taken.len(), 2);
        for message in taken {
            assert!(message.contains("webhook-id: msg_"), "{message}");
            assert_eq!(message.contains("webhook-signature: v1,"), secret.is_some(), "{message}");
            assert!(message.contains(r#""event":"data.purge.chunk.completed""#), "{message}");
            assert!(message.contains(r#""simulated":true"#), "{message}");
        }
    }
}

#[test]
fn what_could_not_be_told_is_said_with_its_reason_and_sent_at_once_by_retry() {
    let bench = Bench::new();
    let nobody = SilentServer::start();
    bench.file("request.json", &request(2));
    let mut command = bench.command(&["run", "request.json", "--ledger", "kept"]);
    command.env("GOVERNANCE_WEBHOOK_URL", &nobody.address).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut told = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let left = told.find(|line| line.contains("messages for the governance system are still to be sent")).unwrap();
    assert!(left.contains("`genesys-purge retry run-") && left.contains(" --ledger kept`"), "{left}");
    // After three attempts at each message, the next one is due in half a minute.
    while nobody.visits() < 6 {
        std::thread::sleep(Duration::from_millis(50));
    }
    terminate(&child);
    let ran = Ran::of(child.wait_with_output().unwrap()).exits(0);
    let said = ran.stdout.lines().find(|line| line.contains("webhooks")).unwrap();
    assert!(said.contains("2 still to be sent (") && said.contains("nothing sends them now"), "{said}");
    assert!(said.contains("`genesys-purge retry run-") && said.contains(" --ledger kept`"), "{said}");
    assert!(!said.contains("due at"), "{said}");
    let (_, needs) = ran.stdout.split_once("needs attention:").expect(&ran.stdout);
    for chunk in ["about chunk 1, which is still to be sent: ", "about chunk 2, which is still to be sent: "] {
        assert!(needs.contains(chunk), "{needs}");
    }
    assert!(bench.run(&["status", "--ledger", "kept"]).exits(0).stdout.contains("2 not delivered"));
    let status = || bench.run(&["status", "--ledger", "kept", "--json"]).exits(0).events()[0]["undelivered"].clone();
    assert_eq!(status(), 2);

    let receiver = Receiver::start();
    let begun = Instant::now();
    let mut command = bench.command(&["retry", "run-", "--ledger", "kept", "--json"]);
    let retried = Ran::of(command.env("GOVERNANCE_WEBHOOK_URL", &receiver.address).output().unwrap()).exits(0);
    assert!(begun.elapsed() < Duration::from_secs(15), "it waits until they are due: {:?}", begun.elapsed());
    assert_eq!(receiver.received().len(), 2);
    let webhooks = retried.events().into_iter().find(|event| event["event"] == "webhooks").unwrap();
    assert_eq!((&webhooks["delivered"], &webhooks["pending"]), (&json!(2), &json!(0)));
    assert_eq!(status(), 0);
}

#[test]
fn of_a_cancelled_run_the_messages_are_sent_by_the_command_that_is_named_and_nothing_is_submitted() {
    let bench = Bench::new();
    let (server, nobody, receiver) =
        (Server::start(&bench, &["--job-seconds", "1"]), SilentServer::start(), Receiver::start());
    bench.file("request.json", &request(6));
    let planned: Value = serde_json::from_str(&bench.run(&["plan", "request.json", "--json"]).exits(0).stdout).unwrap();
    let digest = planned["planDigest"].as_str().unwrap();
    let args = ["run", "request.json", "--approve", digest, "--tenant-jurisdiction", "us-east-1", "--concurrency", "1"];
    let mut command = at(bench.command(&args), &server.address);
    command.env("GOVERNANCE_WEBHOOK_URL", &nobody.address).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut told = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(told.any(|line| line.contains("chunk 1/6") && line.contains("verified")));
    bench.run(&["cancel", "run-"]).exits(0);
    let left = told.find(|line| line.contains("messages for the governance system are still to be sent")).unwrap();
    terminate(&child);
    let cancelled = Ran::of(child.wait_with_output().unwrap()).exits(6);
    let said = cancelled.stdout.lines().find(|line| line.contains("nothing sends them now")).unwrap();
    let named = |line: &str| line.split('`').find(|part| part.starts_with("genesys-purge ")).unwrap().to_owned();
    let hint = named(said);
    assert_eq!(named(&left), hint);

    let status = || bench.run(&["status", "run-", "--json"]).exits(0).events();
    let mut before = status();
    assert_eq!(before[0]["undelivered"], 6);
    let args: Vec<&str> = hint.split(' ').skip(1).collect();
    let nowhere = bench.run_at(&server.address, &args).exits(2);
    assert!(nowhere.stderr.contains("settings.noWebhook"), "{}", nowhere.stderr);
    let mut command = at(bench.command(&[&args[..], &["--json"]].concat()), &server.address);
    Ran::of(command.env("GOVERNANCE_WEBHOOK_URL", &receiver.address).output().unwrap()).exits(6);
    assert_eq!(receiver.received().len(), 6);
    before[0]["undelivered"] = json!(0);
    assert_eq!(status(), before, "it is as it was, but for the messages");
    bench.run(&["verify", bench.evidence().to_str().unwrap()]).exits(0);
    // No message is left, so no receiver has to be named.
    bench.run_at(&server.address, &args).exits(6);
    bench.run_at(&server.address, &[&args[..], &["--chunk", "1"]].concat()).exits(2);
}

#[test]
fn of_a_run_that_was_stopped_the_messages_alone_are_sent() {
    let bench = Bench::new();
    let (nobody, receiver) = (SilentServer::start(), Receiver::start());
    bench.file("request.json", &request(12));
    let mut command = bench.command(&SLOW);
    command.env("GOVERNANCE_WEBHOOK_URL", &nobody.address);
    let child = common::start_until(command, a_chunk_is_verified);
    let mut command = bench.command(&["retry", "run-", "--messages"]);
    let busy = Ran::of(command.env("GOVERNANCE_WEBHOOK_URL", &receiver.address).output().unwrap()).exits(75);
    assert!(busy.stderr.contains("run.underWay"), "{}", busy.stderr);
    terminate(&child);
    Ran::of(child.wait_with_output().unwrap()).exits(75);
    let (submits, open) = (bench.submits().len(), open_chunks(&bench));
    let sent = Ran::of(command.output().unwrap()).exits(75);
    assert!(sent.stderr.contains("its own command continues from here"), "{}", sent.stderr);
    assert_eq!((bench.submits().len(), open_chunks(&bench)), (submits, open));
    assert_eq!(receiver.received().len() as u64, 12 - open);
}

/// A script that sends what is left must learn that something is left still.
#[test]
fn sending_messages_alone_ends_well_only_if_none_is_left() {
    let bench = Bench::new();
    let (nobody, gone) = (SilentServer::start(), Receiver::answering("410 Gone"));
    bench.file("request.json", &request(2));
    let send = |args: &[&str], address: &str, attempts: usize| {
        let before = nobody.visits();
        let mut command = bench.command(args);
        command.env("GOVERNANCE_WEBHOOK_URL", address).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        if attempts > 0 {
            while nobody.visits() < before + attempts {
                std::thread::sleep(Duration::from_millis(20));
            }
            terminate(&child);
        }
        Ran::of(child.wait_with_output().unwrap())
    };
    // After three attempts at each message, every chunk has ended.
    let ran = send(&["run", "request.json"], &nobody.address, 6).exits(0);
    assert!(ran.stdout.contains("2 still to be sent"), "{}", ran.stdout);
    let messages = ["retry", "run-", "--messages", "--json"];
    // The next attempt is due too late to wait for.
    let left = send(&messages, &nobody.address, 0).exits(75);
    let webhooks = |ran: &Ran| ran.events().into_iter().find(|event| event["event"] == "webhooks").unwrap();
    assert_eq!((&left.report()["outcome"], &webhooks(&left)["pending"]), (&json!("verified"), &json!(2)));
    for _ in 0..2 {
        let given_up = send(&messages, &gone.address, 0).exits(5);
        assert_eq!((&webhooks(&given_up)["pending"], &webhooks(&given_up)["dead"]), (&json!(0), &json!(2)));
    }
    bench.run(&["retry", "run-"]).exits(0);
}

/// An address at which nothing listens.
const NOBODY: &str = "http://127.0.0.1:9/purge";

/// The messages of a run that was told to an address, when it goes on where the address is not set.
#[test]
fn a_run_that_goes_on_without_its_webhook_address_keeps_the_messages_and_says_so() {
    let first_is_submitted = |event: &Value| event["event"] == "chunk" && event["state"] == "deleting";
    let moments: [fn(&Value) -> bool; 2] = [a_chunk_is_verified, first_is_submitted];
    for stop_at in moments {
        let bench = Bench::new();
        let (server, receiver) = (Server::start(&bench, &["--job-seconds", "1"]), Receiver::start());
        bench.file("request.json", &request(3));
        let planned = bench.run(&["plan", "request.json", "--json"]).exits(0).stdout;
        let planned: Value = serde_json::from_str(&planned).unwrap();
        let run = ["run", "request.json", "--concurrency", "1", "--json", "--tenant-jurisdiction", "us-east-1"];
        let run = [&run[..], &["--approve", planned["planDigest"].as_str().unwrap()]].concat();
        let mut command = at(bench.command(&run), &server.address);
        command.env("GOVERNANCE_WEBHOOK_URL", NOBODY);
        let child = common::start_until(command, stop_at);
        terminate(&child);
        Ran::of(child.wait_with_output().unwrap()).exits(75);

        let went_on = bench.run_at(&server.address, &run).exits(0).events();
        let warned = went_on.iter().position(|event| event["code"] == "settings.noWebhook").unwrap();
        assert!(warned < went_on.iter().position(|event| event["event"] == "chunk").unwrap(), "{went_on:?}");
        assert_eq!(went_on[warned]["severity"], "warning");
        let webhooks = went_on.iter().find(|event| event["event"] == "webhooks").unwrap();
        assert_eq!((&webhooks["delivered"], &webhooks["pending"]), (&json!(0), &json!(3)));

        let mut command = at(bench.command(&["retry", "run-", "--messages"]), &server.address);
        Ran::of(command.env("GOVERNANCE_WEBHOOK_URL", &receiver.address).output().unwrap()).exits(0);
        assert_eq!(receiver.received().len(), 3);
        bench.run(&["verify", bench.evidence().to_str().unwrap()]).exits(0);
    }
}

#[test]
fn no_message_is_made_for_a_real_run_that_never_had_an_address() {
    let bench = Bench::new();
    let server = Server::start(&bench, &["--job-seconds", "0"]);
    bench.file("request.json", &request(1));
    let planned = bench.run(&["plan", "request.json", "--json"]).exits(0).stdout;
    let planned: Value = serde_json::from_str(&planned).unwrap();
    let run = ["run", "request.json", "--tenant-jurisdiction", "us-east-1", "--approve"];
    let ran = bench.run_at(&server.address, &[&run[..], &[planned["planDigest"].as_str().unwrap()]].concat()).exits(0);
    assert!(!ran.stderr.contains("settings.noWebhook") && !ran.stdout.contains("webhooks"), "{}", ran.stdout);
}

#[test]
fn what_a_rehearsal_tells_an_address_is_never_delivered_to_the_simulated_receiver() {
    let bench = Bench::new();
    let receiver = Receiver::start();
    bench.file("request.json", &request(12));
    let mut command = bench.command(&SLOW);
    command.env("GOVERNANCE_WEBHOOK_URL", NOBODY);
    let child = common::start_until(command, a_chunk_is_verified);
    terminate(&child);
    Ran::of(child.wait_with_output().unwrap()).exits(75);

    let nowhere = bench.run(&["retry", "run-", "--messages"]).exits(2);
    assert!(nowhere.stderr.contains("settings.noWebhook"), "{}", nowhere.stderr);
    let went_on = bench.run(&SLOW).exits(0).events();
    assert!(went_on.iter().any(|event| event["code"] == "settings.noWebhook"), "{went_on:?}");
    let webhooks = went_on.iter().find(|event| event["event"] == "webhooks").unwrap();
    assert_eq!((&webhooks["delivered"], &webhooks["pending"]), (&json!(0), &json!(12)));

    let mut command = bench.command(&["retry", "run-", "--messages"]);
    let sent = Ran::of(command.env("GOVERNANCE_WEBHOOK_URL", &receiver.address).output().unwrap()).exits(0);
    assert!(sent.stdout.contains("12 delivered\n"), "{}", sent.stdout);
    assert_eq!(receiver.received().len(), 12);
}

/// Otherwise the result would count as delivered what the address was never told.
#[test]
fn what_a_rehearsal_told_the_simulated_receiver_is_told_to_an_address_that_is_set_later() {
    let bench = Bench::new();
    let receiver = Receiver::start();
    bench.file("request.json", &request(2));
    let refusal = json!({ "on": "submit", "nth": [2], "do": { "kind": "error", "status": 400 } });
    bench.file("refusing.json", &json!({ "faults": [refusal] }));
    let ran = bench.run(&["run", "request.json", "--scenario", "refusing.json"]).exits(4);
    assert!(ran.stdout.contains("2 delivered to the simulated receiver"), "{}", ran.stdout);
    let mut command = bench.command(&["retry", "run-"]);
    let ran = Ran::of(command.env("GOVERNANCE_WEBHOOK_URL", &receiver.address).output().unwrap()).exits(0);
    assert!(ran.stdout.contains("3 delivered\n"), "{}", ran.stdout);
    assert_eq!(receiver.received().len(), 3);
}

#[test]
fn a_rehearsal_without_an_address_says_that_a_simulated_receiver_has_the_messages() {
    let bench = Bench::new();
    bench.file("request.json", &request(2));
    let ran = bench.run(&["run", "request.json"]).exits(0);
    assert!(ran.stdout.contains("2 delivered to the simulated receiver"), "{}", ran.stdout);
}

/// Some conversations of the simulated tenant never end, like those of real ones.
#[test]
fn a_retention_rule_does_not_hold_back_a_whole_year_for_what_never_ends() {
    let bench = Bench::new();
    let (request, policy) = (example("year-recording-jobs.json"), example("policy.json"));
    let args = ["simulate", request.to_str().unwrap(), "--policy", policy.to_str().unwrap(), "--json"];
    let report = Ran::of(bench.command(&args).output().unwrap()).report();
    let verified = report["totals"]["byOutcome"]["verified"].as_u64().unwrap();
    assert!(verified >= 8, "{}", report["totals"]["byOutcome"]);
}

#[test]
fn the_example_of_a_held_conversation_stops_its_chunk() {
    let bench = Bench::new();
    let (request, policy) = (example("held-conversation.json"), example("held-conversation-policy.json"));
    let args = ["simulate", request.to_str().unwrap(), "--policy", policy.to_str().unwrap(), "--json"];
    let report = bench.run(&args).exits(4).report();
    let held: Vec<_> = report["chunks"].as_array().unwrap().iter().filter(|chunk| chunk["outcome"] == "held").collect();
    assert_eq!((held.len(), &held[0]["window"]["start"]), (1, &json!("2023-02-12T00:00:00.000Z")));
    assert_eq!(
        (&report["totals"]["byOutcome"]["verified"], &report["totals"]["remaining"]),
        (&json!(12), &Value::Null)
    );
    let told = bench.run(&args[..4]).exits(4).stdout;
    assert!(told.contains("left: not measured for 1 of 13 chunks, 0 in the others"), "{told}");
    let told = bench.run(&["run", args[1], "--policy", args[3]]).exits(4).stderr;
    assert!(told.contains("chunk 7: plan that time again with shorter chunks"), "{told}");
    assert!(told.contains("once the hold is lifted, `genesys-purge retry "), "{told}");
}

#[test]
fn a_run_never_moves_to_another_tenant() {
    let bench = Bench::new();
    let mut child = start_until_first_verified(&bench);
    child.kill().unwrap();
    child.wait().unwrap();
    let run = bench.run(&["status", "--json"]).events()[0]["runId"].as_str().unwrap().to_owned();
    let retry = bench.run_at("http://127.0.0.1:9", &["retry", &run]).exits(2);
    assert!(retry.stderr.contains("run.elsewhere"), "{}", retry.stderr);
}

/// All organisations of a region share an address, but a client belongs to only one of them.
#[test]
fn what_one_client_deleted_is_not_taken_for_what_another_would() {
    let bench = Bench::new();
    let clients = json!({"login": {"clients": [{"id": "sim", "secret": "sim"}, {"id": "other", "secret": "sim"}]}});
    bench.file("clients.json", &clients);
    let server = Server::start(&bench, &["--job-seconds", "0", "--scenario", "clients.json"]);
    bench.file("request.json", &request(2));
    bench.run(&["plan", "request.json", "--out", "plan.json"]).exits(0);
    let plan: Value = serde_json::from_str(&fs::read_to_string(bench.path("plan.json")).unwrap()).unwrap();
    let digest = plan["planDigest"].as_str().unwrap();
    let run = ["run", "plan.json", "--approve", digest, "--tenant-jurisdiction", "us-east-1", "--json"];
    let first = bench.run_at(&server.address, &run).exits(0).report();
    let as_other = |args: &[&str]| {
        Ran::of(at(bench.command(args), &server.address).env("GENESYS_CLIENT_ID", "other").output().unwrap())
    };
    let told = as_other(&["retry", first["runId"].as_str().unwrap()]).exits(0);
    assert!(told.stderr.contains("(client sim), approved"), "{}", told.stderr);
    let second = as_other(&run).exits(0).report();
    assert_ne!(first["runId"], second["runId"], "it is another run, which looks for itself");
    assert!(first["totals"]["recordsDeleted"].as_u64() > Some(0));
    assert_eq!((&second["totals"]["recordsDeleted"], &second["totals"]["submits"]), (&json!(0), &json!(2)));
}

#[test]
fn what_a_run_came_to_is_said_on_another_tenant_too_and_nothing_is_queued_there() {
    let bench = Bench::new();
    bench.file("request.json", &request(2));
    bench.file("refusing.json", &refusing_the_first(403));
    let ran = bench.run(&["run", "request.json", "--concurrency", "1", "--scenario", "refusing.json"]).exits(4);
    assert!(ran.stdout.contains(", `POST /api/v2/data/deletion/requests` answered 403"), "{}", ran.stdout);
    let retry = bench.run_at("http://127.0.0.1:9", &["retry", "run-"]).exits(2);
    assert!(retry.stdout.contains("1 verified, 1 rejected"), "{}", retry.stdout);
    assert!(retry.stderr.contains("run.elsewhere"), "{}", retry.stderr);
    assert_eq!(open_chunks(&bench), 0);
    bench.run(&["retry", "run-"]).exits(0);
    assert!(bench.run_at("http://127.0.0.1:9", &["retry", "run-"]).exits(0).stdout.contains("2 verified"));
}

/// A scenario whose first submit is answered with that status.
fn refusing_the_first(status: u16) -> Value {
    json!({ "faults": [{ "on": "submit", "nth": [1], "do": { "kind": "error", "status": status } }] })
}

#[test]
fn a_reader_that_does_not_read_holds_up_nothing() {
    let bench = Bench::new();
    // The output is more than a pipe holds.
    bench.file("request.json", &request(80));
    bench.file("policy.json", &json!({ "version": 1, "limits": { "concurrency": 16, "requestsPerMinute": 60_000 } }));
    let server = Server::start(&bench, &["--job-seconds", "0", "--rate-limit", "60000", "--concurrency", "16"]);
    let plan = bench.run(&["plan", "request.json", "--policy", "policy.json", "--json"]).exits(0);
    let plan: Value = serde_json::from_str(&plan.stdout).unwrap();
    let digest = plan["planDigest"].as_str().unwrap();
    let documents = ["run", "request.json", "--policy", "policy.json"];
    let approval = ["--tenant-jurisdiction", "us-east-1", "--approve", digest, "--json"];
    let args = [&documents[..], &approval[..]].concat();
    let mut child = at(bench.command(&args), &server.address).stdout(Stdio::piped()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while !has_evidence(&bench) {
        assert!(Instant::now() < deadline, "it waits for its reader");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(open_chunks(&bench), 0);
    assert!(child.try_wait().unwrap().is_none(), "it does not wait for its reader at the end");
    // Another process finds the run's lock free, and gets the whole result.
    let again = at(bench.command(&args), &server.address).output().unwrap();
    let report = Ran::of(again).exits(0).report();
    assert_eq!(Ran::of(child.wait_with_output().unwrap()).exits(0).report(), report);

    // An interrupt ends a process that only waits for the reader of its output.
    let folder = bench.evidence();
    let written = || fs::metadata(&folder).map(|folder| folder.ino()).ok();
    let before = written();
    let mut child = at(bench.command(&args), &server.address).stdout(full_pipe()).spawn().unwrap();
    while written().is_none_or(|it| Some(it) == before) {
        assert!(Instant::now() < deadline, "it writes its evidence anew before it waits");
        std::thread::sleep(Duration::from_millis(50));
    }
    std::thread::sleep(Duration::from_millis(500));
    assert!(child.try_wait().unwrap().is_none());
    terminate(&child);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// Whether the evidence of a run is where it belongs.
fn has_evidence(bench: &Bench) -> bool {
    let Ok(mut entries) = fs::read_dir(bench.path("genesys-purge-data/evidence")) else { return false };
    entries.any(|entry| entry.unwrap().file_name().to_string_lossy().starts_with("run-"))
}

/// The writing end of a pipe that is full and will never be read.
fn full_pipe() -> Stdio {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let mut filler = writer.try_clone().unwrap();
    std::thread::spawn(move || while filler.write_all(&[b'\n'; 4096]).is_ok() {});
    std::thread::sleep(Duration::from_millis(200));
    std::mem::forget(reader);
    writer.flush().unwrap();
    writer.into()
}
