//! The deployed stack does what people ask of it.

use std::process::Command;
use std::time::{Duration, Instant};

use purge_core::time::Timestamp;
use purge_sim::Scenario;
use purge_tests_aws::emulator::root;
use purge_tests_aws::stack::Stack;
use serde_json::{Value, json};

/// Far longer than anything takes unless something hangs.
const SOON: Duration = Duration::from_secs(240);

fn example(file: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(root().join("examples").join(file)).unwrap()).unwrap()
}

/// The example request for a quarter, with another range.
fn quarter_from(start: &str, end: &str) -> Value {
    let mut request = example("q1-2023.json");
    request["range"] = json!({"start": format!("{start}T00:00:00.000Z"), "end": format!("{end}T00:00:00.000Z")});
    request
}

fn calm() -> Scenario {
    serde_json::from_value(json!({"dataDeletion": {"processingSeconds": 2}})).unwrap()
}

/// Starts a plan, with `digest` as the one that is approved.
async fn run(stack: &Stack, request: &Value, digest: &Value) -> Value {
    let approval = json!({"digest": digest, "approvedBy": "approver@example.com"});
    stack.ask(&json!({"action": "run", "request": request, "approval": approval})).await
}

async fn preview(stack: &Stack, request: &Value) -> Value {
    stack.ask(&json!({"action": "preview", "request": request})).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "`cargo xtask aws-test`"]
async fn the_stack_does_what_it_is_asked() {
    let stack = Stack::deploy(calm()).await;

    // Nothing runs without a policy.
    let request = example("q1-2023.json");
    let refused = preview(&stack, &request).await;
    assert_eq!(refused["findings"][0]["code"], "policy.missing", "{refused}");
    stack.put("policy.json", &example("policy.json")).await;

    let invoked = starts_by_invocation(&stack, &request).await;
    let planned = starts_by_plan_file(&stack, &invoked).await;
    let scheduled = starts_by_schedule(&stack, &request).await;
    let exported = carries_out_what_the_console_exports(&stack).await;
    for run_id in [&invoked, &planned, &scheduled, &exported] {
        stack.ends_verified(run_id, SOON).await;
    }
    is_cancelled_and_retried(&stack).await;
    assert_eq!(stack.evidence_under("dead-letters/").await, 0);
}

/// A run starts with an approval of exactly this plan, and only once however often it is asked for.
async fn starts_by_invocation(stack: &Stack, request: &Value) -> String {
    let digest = preview(stack, request).await["plan"]["planDigest"].clone();
    let refused = run(stack, request, &json!("sha256:other")).await;
    assert_eq!(refused["findings"][0]["code"], "approval.mismatch", "{refused}");
    let (invoked, again) = (run(stack, request, &digest).await, run(stack, request, &digest).await);
    assert_eq!((&invoked["new"], &again["new"]), (&json!(true), &json!(false)));
    assert_eq!(invoked["runId"], again["runId"]);
    invoked["runId"].as_str().unwrap().to_owned()
}

/// A plan file starts a run if planning gives its digest again, and if the policy does not ask for a second person, who could not
/// be told from the uploader.
async fn starts_by_plan_file(stack: &Stack, other_run: &str) -> String {
    let request = quarter_from("2022-12-01", "2022-12-16");
    stack.put("plans/second person.json", &preview(stack, &request).await["planFile"]).await;
    let refused = stack.answer_to("plans/second person.json").await;
    assert_eq!(refused["findings"][0]["code"], "approval.upload", "{refused}");

    let mut policy = example("policy.json");
    policy["limits"]["secondPerson"] = json!(false);
    stack.put("policy.json", &policy).await;
    let plan_file = preview(stack, &request).await["planFile"].clone();
    let mut changed = plan_file.clone();
    changed["planDigest"] = json!("sha256:0000000000000000000000000000000000000000000000000000000000000000");
    stack.put("plans/changed.json", &changed).await;
    stack.put("plans/december 2022.json", &plan_file).await;
    let refused = stack.answer_to("plans/changed.json").await;
    assert_eq!(refused["findings"][0]["code"], "planFile.digest", "{refused}");
    let planned = stack.answer_to("plans/december 2022.json").await;
    assert_ne!(planned["runId"], other_run);
    stack.put("policy.json", &example("policy.json")).await;
    planned["runId"].as_str().unwrap_or_else(|| panic!("{planned}")).to_owned()
}

/// A schedule whose event is delivered twice starts one run.
async fn starts_by_schedule(stack: &Stack, request: &Value) -> String {
    let mut standing = request.clone();
    standing.as_object_mut().unwrap().remove("range");
    let standing =
        json!({"request": standing, "olderThanMonths": 50, "spanDays": 20, "approvedBy": "head@example.com"});
    stack.put("schedule.json", &standing).await;
    let event = json!({"action": "schedule", "scheduledAt": "2026-11-22T03:00:00Z", "requestKey": "schedule.json"});
    let (scheduled, again) = (stack.ask(&event).await, stack.ask(&event).await);
    assert_eq!(scheduled["runId"], again["runId"], "{scheduled}");
    scheduled["runId"].as_str().unwrap_or_else(|| panic!("{scheduled}")).to_owned()
}

/// The same file, unchanged, through the planner and through the command line gives one digest.
async fn carries_out_what_the_console_exports(stack: &Stack) -> String {
    let request = quarter_from("2022-12-16", "2023-01-01").to_string();
    let policy = std::fs::read_to_string(root().join("examples/policy.json")).unwrap();
    let now = r#"{"now":"2026-11-23T12:00:00.000Z"}"#;
    let handle = purge_wasm::plan(&request, Some(policy), now).unwrap();
    let exported = handle.plan_file().unwrap();
    let summary = handle.summary();
    let digest = summary["digest"].as_str().unwrap();

    let event = json!({"action": "runPlan", "planFile": serde_json::from_str::<Value>(&exported).unwrap(),
                       "approvedBy": "approver@example.com"});
    let planned = stack.ask(&event).await;
    assert_eq!(planned["planDigest"], digest, "{planned}");

    let folder = stack.emulator.folder().join("console");
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("exported.plan.json");
    std::fs::write(&file, exported).unwrap();
    let ran = Command::new(&stack.program)
        .arg("run")
        .arg(&file)
        .args(["--approve", digest, "--approver", "approver@example.com", "--json"])
        .env_clear()
        .current_dir(&folder)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{told}{}", String::from_utf8_lossy(&ran.stderr));
    let report: Value = serde_json::from_str(told.lines().last().unwrap()).unwrap();
    assert_eq!((&report["planDigest"], &report["outcome"]), (&json!(digest), &json!("verified")), "{report}");
    planned["runId"].as_str().unwrap().to_owned()
}

/// After `cancel` no further job is executed; `retry` finishes the run under the same approval.
async fn is_cancelled_and_retried(stack: &Stack) {
    let mut request = example("year-recording-jobs.json");
    request["range"] = json!({"start": "2022-10-03T00:00:00.000Z", "end": "2022-10-13T00:00:00.000Z"});
    request["chunking"] = json!({"days": 1});
    // Without holds, into which some conversations of these days reach.
    let policy = json!({"version": 1});
    stack.put("policy.json", &policy).await;
    let asked = stack.ask(&json!({"action": "preview", "request": request, "policy": policy})).await;
    let approval = json!({"digest": asked["plan"]["planDigest"], "approvedBy": "approver@example.com"});
    let started =
        stack.ask(&json!({"action": "run", "request": request, "policy": policy, "approval": approval})).await;
    let run_id = started["runId"].as_str().unwrap_or_else(|| panic!("{started}"));
    let executed = || {
        let jobs = stack.tenant.truth().jobs;
        u64::try_from(jobs.iter().filter(|job| job.executed.is_some()).count()).unwrap()
    };
    let deadline = Instant::now() + SOON;
    while stack.tenant.truth().jobs.is_empty() {
        assert!(Instant::now() < deadline, "no job is created");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let cancelled = stack.ask(&json!({"action": "cancel", "runId": run_id, "askedBy": "a@example.com"})).await;
    let status = stack.ended(run_id, SOON).await;
    let count = |state: &str| status["states"][state].as_u64().unwrap_or(0);
    assert!(count("cancelled") >= 8, "only two can have been executed: {status}");
    assert_eq!(count("cancelled") + count("verified"), 10, "{status}");
    assert_eq!(executed(), count("verified"), "{status}");

    let deadline = Instant::now() + SOON;
    let before = loop {
        let evidence = stack.ask(&json!({"action": "status", "runId": run_id})).await["evidence"].clone();
        if !evidence.is_null() {
            break evidence;
        }
        assert!(Instant::now() < deadline, "a cancelled run has no evidence");
        tokio::time::sleep(Duration::from_millis(200)).await;
    };

    let refused = stack.ask(&json!({"action": "retry", "runId": run_id, "askedBy": "a@example.com"})).await;
    assert_eq!(refused["findings"][0]["code"], "run.cancelled", "{refused}");
    let retry = json!({"action": "retry", "runId": run_id, "askedBy": "a@example.com", "cancelAsked": cancelled["cancelAsked"]});
    let retried = stack.ask(&retry).await;
    assert_eq!(retried["queued"], count("cancelled"), "{retried}");
    // A new hold keeps its day. Once it is lifted, that day is deleted, too.
    stack.put("policy.json", &hold_on(first_day_left(stack))).await;
    let status = stack.ended(run_id, SOON).await;
    assert_eq!(status["states"], json!({"held": 1, "verified": 9}), "{status}");
    assert_eq!(executed(), 9, "what is held was not executed");
    stack.put("policy.json", &policy).await;
    let retried = stack.ask(&retry).await;
    assert_eq!(retried["queued"], 1, "{retried}");
    stack.ends_verified(run_id, SOON).await;
    let after = stack.ask(&json!({"action": "status", "runId": run_id})).await["evidence"].clone();
    assert!(before["folder"] != after["folder"] && after["outcome"] == "verified", "{before} {after}");
    assert_eq!(stack.wrong_with_earlier(&before).await, None, "what was proved before the retry still is");
    assert_eq!(executed(), 10, "each once");
    assert!(stack.tenant.truth().most_jobs_at_once <= 2);
}

/// The first day of that request whose recordings are left.
fn first_day_left(stack: &Stack) -> Timestamp {
    let jobs = stack.tenant.truth().jobs;
    let is_done = |day: Timestamp| jobs.iter().any(|job| job.executed.is_some() && job.interval.contains(day));
    let mut days = (0..10).map(|n| Timestamp::parse("2022-10-03T00:00:00Z").unwrap().plus_days(n));
    days.find(|day| !is_done(*day)).unwrap()
}

fn hold_on(day: Timestamp) -> Value {
    json!({"version": 1, "holds": [{"id": "matter-7", "range": {"start": day, "end": day.plus_days(1)}}]})
}

/// Sixty days of recordings, two jobs at a time as the organisation allows. The other fifty-eight wait, and waiting costs nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "`cargo xtask aws-test`"]
async fn sixty_chunks_share_two_jobs_and_nobody_pays_for_waiting() {
    let scenario = json!({
        "population": {"from": "2023-01-01T00:00:00Z", "to": "2023-03-02T00:00:00Z", "everySeconds": 7200},
        "recordingJobs": {"pendingSeconds": 1, "processingSeconds": 1, "removalLagSeconds": 1, "listLagSeconds": 1},
        "rateLimit": {"perMinute": 1200}
    });
    let stack = Stack::deploy(serde_json::from_value(scenario).unwrap()).await;
    let policy = json!({"version": 1, "limits": {"requestsPerMinute": 1200, "verifyConversations": 1}});
    stack.put("policy.json", &policy).await;
    let request = json!({
        "version": 1, "name": "sixty days", "api": "recordingJobs", "recordTypes": ["recording", "screenRecording"],
        "range": {"start": "2023-01-01T00:00:00Z", "end": "2023-03-02T00:00:00Z"}, "jurisdiction": "us-east-1",
        "query": null, "chunking": {"days": 1}, "reason": "test", "requestedBy": "a@example.com"
    });
    let digest = preview(&stack, &request).await["plan"]["planDigest"].clone();
    let begun = Instant::now();
    let started = run(&stack, &request, &digest).await;
    let run_id = started["runId"].as_str().unwrap_or_else(|| panic!("{started}"));
    stack.ended(run_id, SOON * 3).await;
    let wall = begun.elapsed();
    let report = stack.ends_verified(run_id, SOON).await;
    assert_eq!(report["chunks"].as_array().unwrap().len(), 60);

    let truth = stack.tenant.truth();
    assert_eq!(truth.most_jobs_at_once, 2, "two at a time, and never more");
    assert_eq!(truth.jobs.iter().filter(|job| job.executed.is_some()).count(), 60);
    assert_eq!(truth.recordings.left, 0);
    assert_eq!(stack.evidence_under("dead-letters/").await, 0, "waiting for a slot is not failing");

    let (worker, courier) = (stack.billed("Worker").await, stack.billed("Courier").await);
    // Every chunk has been under way since the beginning.
    let lived: Duration = truth.jobs.iter().map(|job| job.ended.unwrap().since(truth.jobs[0].created)).sum();
    let share = worker.total.as_secs_f64() / lived.as_secs_f64();
    println!(
        "60 chunks in {wall:.0?}: worker billed {:.1?} in {} invocations, the longest {:.2?}; courier {:.1?} in {}; \
         the chunks lived {lived:.0?} together, of which {:.1} % were billed; {} calls to the tenant",
        worker.total,
        worker.invocations,
        worker.longest,
        courier.total,
        courier.invocations,
        share * 100.0,
        truth.calls.values().sum::<u64>() / 2,
    );
    assert!(share < 0.1, "a tenth of the time and more was billed: somebody sleeps on the bill");
}
