//! Tests that a rehearsal proceeds as a real run would, and always in the same way.

use purge_core::json::FromJson;
use purge_core::order::{Approval, Order};
use purge_core::outcome::{Outcome, WaitReason};
use purge_core::plan::{CheckContext, Plan, check};
use purge_core::report::RunOutcome;
use purge_core::time::Timestamp;
use purge_sim::{DryRun, Fault, Happened, Scenario};
use serde_json::json;

fn start() -> Timestamp {
    Timestamp::parse("2026-11-23T12:00:00Z").unwrap()
}

fn plan(api: &str, types: &[&str]) -> Plan {
    plan_under(api, types, 15, None)
}

fn plan_under(api: &str, types: &[&str], days: u32, policy: Option<&str>) -> Plan {
    planned(&request(api, types, days), policy)
}

fn request(api: &str, types: &[&str], days: u32) -> serde_json::Value {
    json!({
        "version": 1, "name": "rehearsal", "api": api, "recordTypes": types,
        "range": {"start": "2023-01-01T00:00:00Z", "end": "2023-04-01T00:00:00Z"}, "jurisdiction": "us-east-1",
        "chunking": {"days": days}, "reason": "test", "requestedBy": "a@example.com",
    })
}

fn planned(request: &serde_json::Value, policy: Option<&str>) -> Plan {
    let context = CheckContext::at(start());
    check(&request.to_string(), policy, &context).plan.unwrap()
}

fn rehearse(plan: &Plan, scenario: &serde_json::Value) -> DryRun {
    let approval =
        Approval { digest: plan.digest().to_owned(), approved_by: "b@example.com".to_owned(), approved_at: start() };
    let order = Order::new(plan, &approval, "SIMULATED tenant", true).unwrap();
    let scenario: Scenario = serde_json::from_value(scenario.clone()).unwrap();
    DryRun::new(plan, order, scenario, start())
}

fn to_end(dry_run: &mut DryRun) -> Vec<Happened> {
    assert!(dry_run.run_until(Timestamp::LATEST, 1_000_000), "it must end");
    dry_run.take_happened()
}

#[test]
fn both_apis_end_verified_with_an_unbroken_log() {
    for (api, types) in [("dataDeletion", &["conversation"][..]), ("recordingJobs", &["recording"][..])] {
        let plan = plan(api, types);
        let mut dry_run = rehearse(&plan, &json!({}));
        let happened = to_end(&mut dry_run);
        let report = dry_run.report();
        assert_eq!((report.outcome, report.problems.len()), (RunOutcome::Verified, 0), "{api}: {:?}", report.problems);
        assert_eq!(report.totals.submits, u64::from(report.totals.chunks), "{api}: one submit a chunk");
        assert_eq!(happened.iter().filter(|h| h.view.outcome == Some(Outcome::Verified)).count(), plan.chunks().len());
        let mut verifier = purge_core::audit::Verifier::of(&report.run_id, plan.digest());
        happened.iter().flat_map(|h| &h.lines).for_each(|line| drop(verifier.line(line)));
        let verdict = verifier.finish(None);
        assert!(verdict.is_good(), "{api}: {:?}", verdict.bad);
        assert_eq!(usize::try_from(verdict.records).unwrap(), dry_run.records().len());
    }
}

#[test]
fn cool_offs_pass_side_by_side() {
    let mut request = request("recordingJobs", &["recording"], 10);
    request["recordings"] = json!({ "coolOffDays": 7 });
    let plan = planned(&request, None);
    let mut dry_run = rehearse(&plan, &json!({}));
    to_end(&mut dry_run);
    assert_eq!((plan.chunks().len(), dry_run.report().outcome), (9, RunOutcome::Verified));
    let took = dry_run.standing().now.since(start());
    assert!(took < std::time::Duration::from_secs(8 * 86_400), "{took:?} for nine chunks, two at once");
}

#[test]
fn the_same_rehearsal_goes_the_same_way_however_it_is_cut() {
    let plan = plan("dataDeletion", &["conversation"]);
    let scenario = json!({"seed": 7, "faults": [
        {"on": "any", "every": 5, "do": {"kind": "rateLimited", "retryAfter": "2"}},
        {"on": "submit", "nth": [2], "do": {"kind": "dropAfter"}},
        {"on": "any", "nth": [9], "do": {"kind": "revokeToken"}},
    ]});
    let mut whole = rehearse(&plan, &scenario);
    let all = to_end(&mut whole);
    let mut cut = rehearse(&plan, &scenario);
    let mut pieces = Vec::new();
    while !cut.standing().over {
        cut.step();
        let second = cut.standing().now.millis() + 1_000;
        cut.run_until(Timestamp::from_millis(second), 3);
        pieces.extend(cut.take_happened());
    }
    assert_eq!(all, pieces);
    assert_eq!(whole.report().outcome, RunOutcome::Verified);
    let waited = |kind: fn(&WaitReason) -> bool| all.iter().filter_map(|h| h.view.wait).any(|w| kind(&w));
    assert!(waited(|w| matches!(w, WaitReason::RateLimited { .. })), "a rate limit shows as the reason of a wait");
    assert!(waited(|w| matches!(w, WaitReason::ConfirmingSubmit)), "a lost answer is looked for");
}

#[test]
fn a_hold_placed_in_the_middle_keeps_its_records() {
    let plan = plan("dataDeletion", &["conversation"]);
    let mut dry_run = rehearse(&plan, &json!({"dataDeletion": {"processingSeconds": 60}}));
    dry_run.run_until(Timestamp::from_millis(start().millis() + 5_000), 10_000);
    let last = plan.chunks().last().unwrap();
    dry_run.place_hold(last.window);
    to_end(&mut dry_run);
    let report = dry_run.report();
    let kept = report.chunks.last().unwrap();
    assert_ne!(kept.outcome, Some(Outcome::Verified));
    assert!(kept.records_deleted.is_none_or(|n| n == 0), "{kept:?}");
    assert_eq!(report.chunks.iter().filter(|c| c.outcome == Some(Outcome::Verified)).count(), report.chunks.len() - 1);
}

#[test]
fn a_fault_added_in_the_middle_hits_the_next_call_of_its_kind_and_no_other() {
    let plan = plan("dataDeletion", &["conversation"]);
    let mut dry_run = rehearse(&plan, &json!({"dataDeletion": {"processingSeconds": 60}}));
    dry_run.run_until(Timestamp::from_millis(start().millis() + 5_000), 10_000);
    let before = dry_run.report().totals.submits;
    let fault = json!({"on": "submit", "limit": 1, "do": {"kind": "dropAfter"}});
    dry_run.add_fault(Fault::from_json(&fault).unwrap());
    let lost = to_end(&mut dry_run).iter().filter(|h| h.view.wait == Some(WaitReason::ConfirmingSubmit)).count();
    let report = dry_run.report();
    assert!(before > 0 && lost > 0, "one submit after the middle loses its answer");
    assert_eq!(report.outcome, RunOutcome::Verified);
    assert_eq!(report.totals.submits, u64::from(report.totals.chunks), "and is found, not sent again");
}

#[test]
fn cancelling_leaves_what_was_not_begun() {
    let plan = plan("dataDeletion", &["conversation"]);
    let mut dry_run = rehearse(&plan, &json!({"dataDeletion": {"processingSeconds": 60}}));
    dry_run.run_until(Timestamp::from_millis(start().millis() + 5_000), 10_000);
    dry_run.cancel();
    dry_run.cancel();
    to_end(&mut dry_run);
    let report = dry_run.report();
    assert_eq!(report.outcome, RunOutcome::Cancelled);
    assert_eq!(report.totals.open, 0);
    let cancelled = report.chunks.iter().filter(|c| c.outcome == Some(Outcome::Cancelled));
    assert!(cancelled.clone().count() >= 2 && cancelled.clone().all(|c| c.submits == 0), "{report:?}");
    assert!(dry_run.next_at().is_none() && !dry_run.step());
}

#[test]
fn a_cancel_while_a_request_is_under_way_is_heard_before_the_next_one_leaves() {
    let plan = plan("dataDeletion", &["conversation"]);
    let mut dry_run = rehearse(&plan, &json!({"latencyMs": 100}));
    dry_run.run_until(Timestamp::from_millis(start().millis() + 150), 10_000);
    assert!(dry_run.take_happened().iter().any(|h| h.request.is_some()), "they are being counted");
    dry_run.cancel();
    to_end(&mut dry_run);
    let report = dry_run.report();
    assert_eq!((report.outcome, report.totals.submits), (RunOutcome::Cancelled, 0));
}

#[test]
fn a_token_that_is_old_when_it_arrives_serves_the_request_that_it_was_fetched_for() {
    let scenario = json!({"latencyMs": 2_000, "login": {"expiresIn": 1}});
    let mut dry_run = rehearse(&plan("dataDeletion", &["conversation"]), &scenario);
    to_end(&mut dry_run);
    let report = dry_run.report();
    assert_eq!(report.totals.open, 0);
}

#[test]
fn never_more_chunks_at_once_than_the_order_allows() {
    for (api, types, most) in [("dataDeletion", &["conversation"][..], 4), ("recordingJobs", &["recording"][..], 2)] {
        let mut dry_run = rehearse(&plan(api, types), &json!({}));
        let mut open = std::collections::BTreeSet::new();
        for happened in to_end(&mut dry_run) {
            if happened.view.outcome.is_some() {
                open.remove(&happened.chunk);
            } else {
                open.insert(happened.chunk);
            }
            assert!(open.len() <= most, "{api}: {open:?}");
        }
    }
}

#[test]
fn a_rehearsal_takes_the_calls_and_the_time_that_were_estimated() {
    let (calls, recordings) = (&["conversation", "interaction", "message"][..], &["recording"][..]);
    let held = json!([{"id": "ids", "conversationIds": (0..120).map(|n| format!("6b1f3c1e-0000-4000-8000-{n:012}")).collect::<Vec<_>>()}]);
    let cases = [
        (15, "dataDeletion", calls, json!({}), json!([])),
        (1, "dataDeletion", calls, json!({}), json!([])),
        (15, "dataDeletion", &["interaction", "message"], json!({}), json!([])),
        (15, "dataDeletion", calls, json!({"maxRecords": null}), held),
        (15, "recordingJobs", recordings, json!({}), json!([])),
        // Nobody can say beforehand which held conversations analytics does not know: about those it has to ask the platform.
        (
            15,
            "recordingJobs",
            recordings,
            json!({"verifyConversations": 300}),
            json!([{"id": "one", "conversationIds": ["6b1f3c1e-0000-4000-8000-000000000000"]}]),
        ),
        (15, "recordingJobs", recordings, json!({"verifyConversations": 1}), json!([])),
    ];
    for (days, api, types, limits, holds) in cases {
        let policy = json!({"version": 1, "limits": limits, "holds": holds});
        let plan = plan_under(api, types, days, Some(&policy.to_string()));
        let estimate = plan.estimate();
        let job = json!({"processingSeconds": estimate.assumed_job_seconds});
        let scenario = json!({"dataDeletion": job, "recordingJobs": job, "latencyMs": 125});
        let happened = to_end(&mut rehearse(&plan, &scenario));
        let made = happened.iter().filter(|h| h.request.is_some()).count() as u64;
        let (estimated, seconds) = (estimate.api_calls, estimate.seconds);
        assert!(
            estimated * 20 >= made * 17 && estimated * 17 <= made * 20,
            "{api} {types:?}, {days} days, {limits}: {estimated} estimated, {made} made"
        );
        let took = happened.last().unwrap().at.since(start()).as_secs();
        assert!(seconds * 5 >= took * 4 && seconds <= took, "{api} {limits}: {seconds} s estimated, {took} s taken");
    }
}
