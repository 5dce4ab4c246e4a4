//! What a job takes along and what it leaves, on a tenant where conversations continue past midnight.

use purge_core::run::ChunkView;
use purge_sim::Truth;
use serde_json::json;

use super::*;

/// Six days, with a chunk for each.
fn case(types: &[&str], retention: &Value) -> Case {
    let scenario = json!({
        "seed": 7,
        "population": { "from": "2023-02-20T00:00:00.000Z", "to": "2023-03-10T00:00:00.000Z", "everySeconds": 7_200, "dayEdges": true },
        "recordingJobs": { "pendingSeconds": 2, "processingSeconds": 2, "removalLagSeconds": 1 },
    });
    let request = json!({
        "version": 1, "name": "kept", "api": "recordingJobs", "recordTypes": types,
        "range": { "start": "2023-03-01T00:00:00Z", "end": "2023-03-07T00:00:00Z" }, "jurisdiction": "us-east-1", "query": null,
        "chunking": { "days": 1 }, "reason": "test", "requestedBy": "a@example.com"
    });
    let limits = json!({ "verifySeconds": 120, "chunkDeadlineSeconds": 3600 });
    let policy = json!({ "version": 1, "holds": [], "retention": retention, "limits": limits });
    Case { scenario: serde_json::from_value(scenario).unwrap(), request, policy, later: None }
}

/// Carries the case out on the first of March 2024 at that time of day. Returns how the chunks ended, and the tenant a week later.
fn carried_out(case: &Case, time: &str) -> (Vec<Outcome>, purge_sim::Tenant, Timestamp) {
    let (chunks, tenant, later) = ended(case, time);
    (chunks.into_iter().map(|chunk| chunk.outcome.unwrap()).collect(), tenant, later)
}

fn ended(case: &Case, time: &str) -> (Vec<ChunkView>, purge_sim::Tenant, Timestamp) {
    let clock = VirtualClock::new(Timestamp::parse(&format!("2024-03-01T{time}Z")).unwrap());
    let plan = planned(case, clock.now()).unwrap();
    let (fuse, memory) = (Fuse::default(), MemoryLedger::new());
    let wire = Wire::new(&case.scenario, &clock, &fuse);
    let order = approved(&plan, clock.now());
    let policy = Kept { case, clock: &clock };
    let ledger = FusedLedger { inner: &memory, fuse: &fuse };
    let end = virtual_time::run(&clock, live(&plan, &order, &ledger, &wire, &policy, "p", false)).unwrap();
    assert_eq!(end, RunEnd::Ended);
    let rows = virtual_time::run(&clock, memory.chunks(&order.run_id, 0, 1000)).unwrap().unwrap();
    let chunks = rows.iter().map(|row| row.run.view()).collect();
    let tenant = wire.tenant.borrow().clone();
    (chunks, tenant, clock.now().plus(Duration::from_secs(7 * 86_400)))
}

#[test]
fn nothing_younger_than_the_rule_is_deleted_along_with_what_began_before() {
    // On that day the rule keeps everything made from 2023-03-04 on, beginning at the same time of day.
    let rule = json!([{ "recordTypes": ["recording", "screenRecording"], "minAgeDays": 363, "basis": "law" }]);
    let case = case(&["recording", "screenRecording"], &rule);
    for (time, last) in [("00:00:30", Outcome::Held), ("12:00:00", Outcome::Verified)] {
        let (outcomes, tenant, later) = carried_out(&case, time);
        assert_eq!((outcomes.len(), outcomes.last()), (3, Some(&last)), "at {time}");
        assert!(outcomes.contains(&Outcome::Verified));
        let young = Window::new(Timestamp::parse(&format!("2023-03-04T{time}Z")).unwrap(), later).unwrap();
        let of_rule = tenant.recordings_in(young, later);
        assert!(of_rule.left > 0);
        assert_eq!(of_rule.deleted, 0, "at {time}");
    }
}

#[test]
fn what_a_job_was_told_to_leave_does_not_count_as_left_over() {
    let (outcomes, ..) = carried_out(&case(&["message"], &json!([])), "12:00:00");
    assert_eq!(outcomes, [Outcome::Verified; 6]);
    let mut case = case(&["recording", "screenRecording"], &json!([]));
    case.request["recordings"] = json!({ "includePolicyBased": false });
    let (outcomes, ..) = carried_out(&case, "12:00:00");
    assert_eq!(outcomes, [Outcome::Verified; 6]);
}

#[test]
fn nothing_of_a_held_day_goes_along_with_a_later_one_where_jobs_select_by_activity() {
    let mut case = case(&["recording", "screenRecording"], &json!([]));
    // More than five years ago. Conversations of the held day continue into the next.
    let population = json!({ "from": "2018-02-20T00:00:00.000Z", "to": "2018-04-25T00:00:00.000Z", "everySeconds": 14_400, "dayEdges": true });
    case.scenario = serde_json::from_value(json!({
        "seed": 7, "population": population,
        "recordingJobs": { "pendingSeconds": 2, "processingSeconds": 2, "removalLagSeconds": 1 },
    }))
    .unwrap();
    case.request["range"] = json!({ "start": "2018-02-01T00:00:00Z", "end": "2018-04-20T00:00:00Z" });
    let held = json!({ "start": "2018-03-10T00:00:00Z", "end": "2018-03-11T00:00:00Z" });
    case.policy["holds"] = json!([{ "id": "LH-1", "range": held }]);
    let (outcomes, tenant, later) = carried_out(&case, "12:00:00");
    let deleted = |days: Value| tenant.recordings_in(serde_json::from_value(days).unwrap(), later);
    let of_hold = deleted(held);
    assert!(of_hold.left > 0);
    assert_eq!(of_hold.deleted, 0);
    assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Verified), "{outcomes:?}");
    let after = deleted(json!({ "start": "2018-04-12T00:00:00Z", "end": "2018-04-20T00:00:00Z" }));
    assert!(after.deleted > 0 && after.left == 0, "what begins a month later goes");
}

#[test]
fn cool_offs_pass_side_by_side() {
    let mut case = case(&["recording", "screenRecording"], &json!([]));
    case.request["recordings"] = json!({ "coolOffDays": 7 });
    let (outcomes, _, later) = carried_out(&case, "12:00:00");
    assert_eq!(outcomes, [Outcome::Verified; 6]);
    let took = later.since(Timestamp::parse("2024-03-01T12:00:00Z").unwrap()) - Duration::from_secs(7 * 86_400);
    assert!(took < Duration::from_secs(8 * 86_400), "{took:?} for six chunks, two at once");
}

/// The policy is asked about deletions that can still be taken back, and a problem is reported within the hour.
#[test]
fn a_hold_that_comes_in_the_cool_off_is_told_while_there_is_time() {
    let mut case = case(&["recording", "screenRecording"], &json!([]));
    case.request["recordings"] = json!({ "coolOffDays": 7 });
    let mut policy = case.policy.clone();
    policy["holds"] =
        json!([{ "id": "LH-2", "range": { "start": "2023-03-04T00:00:00Z", "end": "2023-03-05T00:00:00Z" } }]);
    let placed = Timestamp::parse("2024-03-03T09:30:00Z").unwrap();
    case.later = Some((placed, policy));
    let (chunks, ..) = ended(&case, "12:00:00");
    let held = |chunk: &&ChunkView| chunk.cause.as_ref().is_some_and(|cause| cause.code == "policy.scheduled");
    let told: Vec<_> = chunks.iter().filter(held).collect();
    assert!(told.iter().any(|chunk| chunk.chunk.index == 4), "the day itself");
    for chunk in told {
        let (ended, message) = (chunk.ended_at.unwrap(), &chunk.cause.as_ref().unwrap().message);
        assert!(ended >= placed && ended.since(placed) <= Duration::from_secs(3_700), "{ended}");
        assert!(message.contains("LH-2") && message.contains("2024-03-08T12:"), "{message}");
        assert_eq!(chunk.outcome, Some(Outcome::Unknown));
    }
    let rest: Vec<_> =
        chunks.iter().filter(|chunk| !held(chunk)).map(|chunk| (chunk.chunk.index, chunk.outcome)).collect();
    assert_eq!(
        rest,
        [(5, Some(Outcome::Verified)), (6, Some(Outcome::Verified))],
        "nothing after the held day is concerned"
    );
}

/// A hold that the platform gets during the cool-off keeps recordings. A skip that another hold explains must not hide them.
#[test]
fn what_the_platform_keeps_since_is_not_said_to_be_deleted() {
    let mut case = case(&["recording", "screenRecording"], &json!([]));
    let mut scenario = serde_json::to_value(&case.scenario).unwrap();
    // Something that the job skips, and a day later a hold on much of the same day.
    scenario["protected"] = json!({ "windows": [{ "start": "2023-03-02T20:00:00Z", "end": "2023-03-03T00:00:00Z" }] });
    scenario["holdMidRun"] = json!({ "at": "2024-03-02T12:00:00Z", "window": { "start": "2023-03-02T00:00:00Z", "end": "2023-03-02T12:00:00Z" } });
    case.scenario = serde_json::from_value(scenario).unwrap();
    case.request["recordings"] = json!({ "coolOffDays": 7 });
    let (chunks, tenant, later) = ended(&case, "12:00:00");
    for chunk in chunks {
        let really = tenant.recordings_of_started(chunk.chunk.window, later);
        assert!(chunk.records_deleted.is_none_or(|claimed| claimed <= really.deleted), "{chunk:?} {really:?}");
    }
}

/// A job that skips everything because the platform protects it has deleted nothing.
#[test]
fn what_the_platform_keeps_whole_is_held_and_not_verified() {
    let mut case = case(&["recording", "screenRecording"], &json!([]));
    let mut scenario = serde_json::to_value(&case.scenario).unwrap();
    scenario["protected"] = json!({ "windows": [{ "start": "2023-03-02T00:00:00Z", "end": "2023-03-03T00:00:00Z" }] });
    case.scenario = serde_json::from_value(scenario).unwrap();
    let (report, _) = reported(&case, 1);
    let kept = report.chunks.iter().find(|chunk| chunk.protected.is_some()).unwrap();
    assert_eq!((kept.outcome, kept.records_deleted, kept.protected), (Some(Outcome::Held), Some(0), kept.before));
    assert!(report.problems.is_empty(), "{:#?}", report.problems);
}

/// Carries the case out `times` times, each a retry an hour after the one before. Returns the report, and the truth a week later.
fn reported(case: &Case, times: u32) -> (Report, Truth) {
    let clock = VirtualClock::new(Timestamp::parse("2024-03-01T12:00:00Z").unwrap());
    let plan = planned(case, clock.now()).unwrap();
    let (fuse, memory) = (Fuse::default(), MemoryLedger::new());
    let wire = Wire::new(&case.scenario, &clock, &fuse);
    let order = approved(&plan, clock.now());
    let (policy, ledger) = (Kept { case, clock: &clock }, FusedLedger { inner: &memory, fuse: &fuse });
    for time in 0..times {
        let again = async {
            clock.sleep(Duration::from_secs(3_600)).await;
            for chunk in plan.chunks() {
                redrive(&memory, &order, chunk.index, "again", &somebody(clock.now()), clock.now()).await.unwrap();
            }
        };
        if time > 0 {
            virtual_time::run(&clock, again).unwrap();
        }
        let owner = format!("time {time}");
        let end = virtual_time::run(&clock, live(&plan, &order, &ledger, &wire, &policy, &owner, false)).unwrap();
        assert_eq!(end, RunEnd::Ended);
    }
    let records = virtual_time::run(&clock, memory.records(&order.run_id, 0, u32::MAX)).unwrap().unwrap();
    let records: Vec<_> = records.into_iter().map(|row| row.record).collect();
    let truth = wire.tenant.borrow().truth(clock.now().plus(Duration::from_secs(7 * 86_400)));
    (Report::of(Ordered::of(&order, &plan), &records), truth)
}

/// Two simultaneous jobs both count conversations that had activity in both of their intervals.
#[test]
fn what_two_jobs_for_old_conversations_share_adds_up() {
    let mut case = case(&["recording", "screenRecording"], &json!([]));
    let population =
        json!({ "from": "2018-02-20T00:00:00.000Z", "to": "2018-04-25T00:00:00.000Z", "everySeconds": 14_400 });
    case.scenario = serde_json::from_value(json!({ "population": population })).unwrap();
    case.request["range"] = json!({ "start": "2018-03-01T00:00:00Z", "end": "2018-03-21T00:00:00Z" });
    let (report, truth) = reported(&case, 1);
    assert!(report.problems.is_empty(), "{:#?}", report.problems);
    assert!(report.totals.records_deleted.is_none_or(|claimed| claimed <= truth.recordings.deleted));
}

/// The index noticed the first deletion only after that attempt had ended. The second finds nothing, so what the first claims is no
/// measurement.
#[test]
fn what_the_index_notices_late_is_not_said_to_have_stayed() {
    let mut case = case(&["conversation"], &json!([]));
    case.request["api"] = json!("dataDeletion");
    let population =
        json!({ "from": "2023-02-20T00:00:00.000Z", "to": "2023-03-10T00:00:00.000Z", "everySeconds": 7_200 });
    let scenario = json!({ "seed": 7, "analytics": { "indexLagSeconds": 60 }, "population": population });
    case.scenario = serde_json::from_value(scenario).unwrap();
    case.policy["limits"]["verifySeconds"] = json!(1);
    let (report, truth) = reported(&case, 2);
    let really: u64 = truth.executed.iter().map(|deletion| deletion.deleted).sum();
    assert!(report.chunks.iter().all(|chunk| chunk.outcome == Some(Outcome::Verified)));
    assert!(report.totals.records_deleted.is_none_or(|claimed| claimed == really));
}

/// Changes the tenant of these tests.
fn on(case: &mut Case, change: impl FnOnce(&mut Value)) {
    let mut scenario = serde_json::to_value(&case.scenario).unwrap();
    change(&mut scenario);
    case.scenario = serde_json::from_value(scenario).unwrap();
}

/// The conversations that started on that day of March: those with recordings, and those without.
fn started(case: &Case, day: u32) -> (Vec<String>, Vec<String>) {
    let from = Timestamp::parse("2023-03-01T00:00:00Z").unwrap().plus_days(day - 1);
    let tenant = purge_sim::Tenant::new(case.scenario.clone());
    let items = tenant.inventory(from);
    let recorded = |id: &String| items.iter().any(|item| item.kind.ends_with("ecording") && item.conversation == *id);
    tenant.conversations_in(Window::new(from, from.plus_days(1)).unwrap()).into_iter().partition(recorded)
}

/// Analytics lists nothing that is more than 300 days old, but the jobs find it.
#[test]
fn nothing_goes_that_may_reach_into_what_is_kept_where_nobody_can_look() {
    let mut case = case(&["recording", "screenRecording"], &json!([]));
    on(&mut case, |scenario| scenario["analytics"]["horizonDays"] = json!(300));
    let held = json!({ "start": "2023-03-04T00:00:00Z", "end": "2023-03-05T00:00:00Z" });
    case.policy["holds"] = json!([{ "id": "LH-1", "range": held }]);
    let (chunks, tenant, later) = ended(&case, "12:00:00");
    let ends: Vec<_> = chunks
        .iter()
        .map(|chunk| (chunk.outcome.unwrap(), chunk.cause.as_ref().map(|cause| cause.code.as_str())))
        .collect();
    let (not_listed, looked) = ((Outcome::Held, Some("hold.not-listed")), (Outcome::Verified, None));
    // The long-term store knows which conversations have recordings.
    assert_eq!(ends, [not_listed, not_listed, not_listed, looked, looked], "after the hold nothing reaches into it");
    let of_hold = tenant.recordings_in(serde_json::from_value(held).unwrap(), later);
    assert!(of_hold.left > 0 && of_hold.deleted == 0, "{of_hold:?}");

    // Conversations named by a hold do not stop a chunk if the platform protects them.
    let (recorded, _) = started(&case, 2);
    case.policy["holds"] = json!([{ "id": "LH-1", "conversationIds": recorded[..2] }]);
    on(&mut case, |scenario| scenario["protected"]["conversationIds"] = json!(recorded[..1]));
    let (chunks, tenant, later) = ended(&case, "12:00:00");
    assert!(chunks.iter().all(|chunk| chunk.outcome == Some(Outcome::Held)), "it may be in any of them: {chunks:?}");
    on(&mut case, |scenario| scenario["protected"]["conversationIds"] = json!(recorded[..2]));
    let (chunks, protected, _) = ended(&case, "12:00:00");
    assert!(chunks.iter().all(|chunk| chunk.outcome == Some(Outcome::Verified)), "{chunks:?}");
    for id in &recorded[..2] {
        assert_eq!([&tenant, &protected].map(|tenant| tenant.of_conversation(id, later).deleted), [0, 0]);
    }
}

#[test]
fn a_tenant_that_answers_small_pages_only_is_searched_all_the_same() {
    let mut case = case(&["recording", "screenRecording"], &json!([]));
    on(&mut case, |scenario| scenario["analytics"]["largestPage"] = json!(10));
    case.policy["holds"] =
        json!([{ "id": "LH-1", "range": { "start": "2023-06-01T00:00:00Z", "end": "2023-06-05T00:00:00Z" } }]);
    let (outcomes, ..) = carried_out(&case, "12:00:00");
    assert_eq!(outcomes, [Outcome::Verified; 6]);
}

#[test]
fn a_held_conversation_without_a_recording_blocks_no_chunk() {
    let mut case = case(&["recording", "screenRecording"], &json!([]));
    let (recorded, bare) = started(&case, 2);
    let named = [&recorded[0], &recorded[1], &bare[0]];
    case.policy["holds"] = json!([{ "id": "LH-1", "conversationIds": named }]);
    on(&mut case, |scenario| scenario["protected"]["conversationIds"] = json!(recorded[..2]));
    let (outcomes, tenant, later) = carried_out(&case, "12:00:00");
    assert_eq!(outcomes, [Outcome::Verified; 6]);
    assert!(recorded[..2].iter().all(|id| tenant.of_conversation(id, later).deleted == 0));
    on(&mut case, |scenario| scenario["protected"]["conversationIds"] = json!(recorded[..1]));
    let (outcomes, ..) = carried_out(&case, "12:00:00");
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Outcome::Held).count(), 1);
}
