//! Tests of comparing an approved plan with the policy that applies now.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use purge_core::chunk::Chunk;
use purge_core::finding::{Severity, stops};
use purge_core::plan::{CheckContext, Disposition, Plan, check, since};
use purge_core::run::{Against, Approval, ApprovalError, Asked, ChunkRun, InForce, NameError, Objection, Order};
use purge_core::time::{DAY_MS, Timestamp};
use serde_json::{Value, json};

const ID: &str = "6b1f3c1e-0000-4000-8000-000000000001";
const OTHER: &str = "6b1f3c1e-0000-4000-8000-000000000002";

fn context(now: &str) -> CheckContext {
    CheckContext::at(Timestamp::parse(now).unwrap())
}

fn planned() -> CheckContext {
    context("2026-11-01T00:00:00Z")
}

fn now() -> CheckContext {
    context("2026-11-23T00:00:00Z")
}

fn request(api: &str) -> String {
    let kinds = if api == "recordingJobs" { json!(["recording"]) } else { json!(["message"]) };
    json!({
        "version": 1, "name": "n", "api": api, "recordTypes": kinds,
        "range": {"start": "2023-01-01T00:00:00Z", "end": "2023-02-01T00:00:00Z"}, "jurisdiction": "us-east-1",
        "chunking": {"days": 1}, "reason": "r", "requestedBy": "a@example.com",
    })
    .to_string()
}

fn policy(holds: Value) -> Value {
    Value::from_iter([("version", json!(1)), ("holds", holds)])
}

fn plan(api: &str, policy: &Value) -> Plan {
    check(&request(api), Some(&policy.to_string()), &planned()).plan.unwrap()
}

fn said(plan: &Plan, ahead: &[Chunk], policy: &Value) -> Vec<String> {
    let findings = since(plan, ahead, &policy.to_string(), &now());
    findings.into_iter().map(|finding| format!("{} {} {}", finding.code, finding.pointer, finding.message)).collect()
}

fn days(from: u32, to: u32) -> Value {
    json!({"start": format!("2023-01-{from:02}T00:00:00Z"), "end": format!("2023-01-{to:02}T00:00:00Z")})
}

fn approved(plan: &Plan) -> Order {
    let (digest, approved_by) = (plan.digest().to_owned(), "b@example.com".to_owned());
    let approval = Approval { digest, approved_by, approved_at: planned().now };
    Order::new(plan, &approval, "https://api.example.com", true).unwrap()
}

/// What the policy that applies then says against deleting the chunk.
fn objection(order: &Order, chunk: Chunk, policy: &Value, now: Timestamp) -> Option<Objection> {
    match InForce::read(&policy.to_string()) {
        Ok(policy) => order.permits(chunk, &policy, now).err(),
        Err(unclear) => Some(unclear),
    }
}

/// A chunk that the first of these lines is about.
fn chunk_of(plan: &Plan, lines: &[&str]) -> Chunk {
    let named = lines.first().and_then(|line| line.split_once("from chunk ")).map(|(_, rest)| rest);
    let index = named.and_then(|rest| rest.split(' ').next()?.parse().ok()).unwrap_or(19);
    plan.chunks().iter().copied().find(|chunk| chunk.index == index).unwrap()
}

#[test]
fn what_is_kept_now_is_named() {
    let known = policy(json!([{"id": "old", "range": days(3, 4)}, {"id": "ids", "conversationIds": [ID]}]));
    let plan = plan("dataDeletion", &known);
    let order = approved(&plan);
    let with = |hold: Value| {
        let mut holds = known["holds"].clone();
        holds.as_array_mut().unwrap().push(hold);
        policy(holds)
    };
    let later = json!({"start": "2024-01-01T00:00:00Z", "end": "2024-02-01T00:00:00Z"});
    let mut floor = known.clone();
    floor["retention"] = json!([{"recordTypes": ["message"], "minAgeDays": 1400, "basis": "law"}]);
    let mut elsewhere = known.clone();
    elsewhere["jurisdictions"] = json!(["eu-west-1"]);
    for (policy, expected) in [
        (known.clone(), vec![]),
        // Fewer holds, other limits, and rules that do not concern the request.
        (policy(json!([])), vec![]),
        (json!({"version": 1, "holds": known["holds"], "limits": {"maxRecords": 5_000_000, "concurrency": 1}}), vec![]),
        // But the planner cannot leave out the guards of the policy that applies now.
        (
            json!({"version": 1, "holds": known["holds"], "limits": {"maxRecords": 5}}),
            vec![
                "policy.maxRecords policy#/limits/maxRecords the policy now limits a chunk to 5 records; the approved plan allows more",
            ],
        ),
        (
            json!({"version": 1, "holds": known["holds"], "limits": {"secondPerson": true}}),
            vec![
                "policy.secondPerson policy#/limits/secondPerson the policy now requires a second person to approve; the approved plan does not",
            ],
        ),
        (with(json!({"id": "new", "range": later, "conversationIds": [OTHER]})), vec![]),
        (with(json!({"id": "new", "range": later})), vec![]),
        (with(json!({"id": "new", "recordTypes": ["recording"]})), vec![]),
        (with(json!({"id": "new", "range": days(3, 4)})), vec![]),
        (with(json!({"id": "new", "conversationIds": [ID]})), vec![]),
        (
            with(json!({"id": "new", "range": days(10, 12)})),
            vec![
                "policy.keepsMore policy#/holds/2 hold `new` keeps `2023-01-10T00:00:00.000Z/2023-01-12T00:00:00.000Z`; the approved plan deletes it, from chunk 9 on",
            ],
        ),
        // The place is that of the hold that keeps it, also where another hold's id begins the same way.
        (
            with(json!({"id": "old` anew", "range": days(10, 12)})),
            vec![
                "policy.keepsMore policy#/holds/2 hold `old` anew` keeps `2023-01-10T00:00:00.000Z/2023-01-12T00:00:00.000Z`; the approved plan deletes it, from chunk 9 on",
            ],
        ),
        (
            with(json!({"id": "new", "range": days(20, 21), "conversationIds": [OTHER, ID]})),
            vec![
                "policy.newHold policy#/holds/2 hold `new` names conversation `6b1f3c1e-0000-4000-8000-000000000002`, unknown to the approved plan",
            ],
        ),
        (
            floor,
            vec![
                "policy.keepsMore policy#/retention retention 1400 days (`law`) keeps `2023-01-23T00:00:00.000Z/2023-02-01T00:00:00.000Z`; the approved plan deletes it, from chunk 22 on",
            ],
        ),
        (elsewhere, vec!["jurisdiction.notAllowed #/jurisdiction the policy does not allow purging in `us-east-1`"]),
        (json!({"version": 2}), vec!["version.unsupported policy#/version"]),
    ] {
        let said = said(&plan, plan.chunks(), &policy);
        // A chunk that is about to be deleted meets the same objection.
        let objection = objection(&order, chunk_of(&plan, &expected), &policy, now().now);
        let kind = match &objection {
            None => "",
            Some(Objection::Held(_)) => "held",
            Some(Objection::Forbidden(_)) => "forbidden",
            Some(Objection::Unclear(_)) => "unclear",
            Some(Objection::Cancelled { .. }) => "cancelled",
        };
        let supposed = match expected.first() {
            // What has begun goes on under the approved limits.
            Some(line) if line.contains("policy#/limits") => "",
            None => "",
            Some(line) if line.contains("policy#/holds") => "held",
            Some(line) if line.contains("policy#/version") => "unclear",
            Some(_) => "forbidden",
        };
        assert_eq!(kind, supposed, "{policy}: {objection:?}");
        let fine =
            said.len() == expected.len() && said.iter().zip(&expected).all(|(said, begins)| said.starts_with(begins));
        assert!(fine, "{policy}\n{said:#?}\n{expected:#?}");
    }
    // Chunks that are already deleted, or are not retried, do not count.
    let held = with(json!({"id": "new", "range": days(10, 12)}));
    let others: Vec<_> = plan.chunks().iter().filter(|chunk| !(9..=10).contains(&chunk.index)).copied().collect();
    assert_eq!(said(&plan, &others, &held), Vec::<String>::new());
    let findings = since(&plan, plan.chunks(), &held.to_string(), &now());
    assert!(
        findings.iter().all(|finding| finding.severity == Severity::Blocked && finding.help.contains("plan again"))
    );
}

#[test]
fn a_hold_after_the_range_matters_where_whole_conversations_are_deleted() {
    let after =
        policy(json!([{"id": "after", "range": {"start": "2023-03-01T00:00:00Z", "end": "2023-03-02T00:00:00Z"}}]));
    let before =
        policy(json!([{"id": "before", "range": {"start": "2022-03-01T00:00:00Z", "end": "2022-03-02T00:00:00Z"}}]));
    let empty = policy(json!([]));
    let (rows, recordings) = (plan("dataDeletion", &empty), plan("recordingJobs", &empty));
    assert_eq!(said(&rows, rows.chunks(), &after), Vec::<String>::new());
    assert_eq!(said(&recordings, recordings.chunks(), &before), Vec::<String>::new());
    let said = said(&recordings, recordings.chunks(), &after);
    assert!(said.len() == 1 && said.iter().all(|line| line.starts_with("policy.newHold policy#/holds/0")), "{said:?}");
}

#[test]
fn what_the_approved_plan_knows_is_no_news() {
    let none = Vec::<String>::new();
    // Conversations are known whatever their order and whichever hold names them. A hold without a range counts at any time.
    let id = |n: u32| format!("{n:08}-0000-4000-8000-000000000000");
    let named = |ids: &[u32]| json!({"id": "ids", "conversationIds": ids.iter().map(|n| id(*n)).collect::<Vec<_>>()});
    let known = plan("dataDeletion", &policy(json!([named(&[2]), {"id": "two", "conversationIds": [id(3), id(1)]}])));
    assert_eq!(said(&known, known.chunks(), &policy(json!([named(&[1, 2, 3])]))), none);
    assert_eq!(
        said(&known, known.chunks(), &policy(json!([named(&[1, 4, 5])]))),
        [format!(
            "policy.newHold policy#/holds/0 hold `ids` names conversation `{}` and 1 more, unknown to the approved plan",
            id(4)
        )]
    );
    // Windows that conversations may reach into, and a window that ends where the first chunk begins.
    let after = |id: &str, to: &str| json!({"id": id, "range": {"start": "2023-03-01T00:00:00Z", "end": to}});
    let known = plan("recordingJobs", &policy(json!([after("h", "2023-03-05T00:00:00Z")])));
    let said_of = |hold: Value| said(&known, known.chunks(), &policy(json!([hold])));
    assert_eq!(said_of(after("other name", "2023-03-04T00:00:00Z")), none);
    assert_eq!(said_of(after("h", "2023-03-06T00:00:00Z")).len(), 1);
    let until = |end: &str| json!({"id": "b", "range": {"start": "2022-12-01T00:00:00Z", "end": end}});
    assert_eq!(said_of(until("2023-01-01T00:00:00Z")), none);
    // If nothing is left to do, no policy forbids it.
    let strict =
        json!({"version": 1, "jurisdictions": ["eu-west-1"], "limits": {"maxRecords": 1, "secondPerson": true}});
    assert_eq!(said(&known, &[], &strict), none);
}

#[test]
fn the_guards_of_the_approved_plan_may_be_as_strict() {
    let limits = |limits: Value| json!({"version": 1, "limits": limits});
    let codes = |approved: &Value, now: &Value| {
        let plan = plan("dataDeletion", &limits(approved.clone()));
        let said = said(&plan, plan.chunks(), &limits(now.clone()));
        said.iter().map(|line| line.split(' ').next().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
    };
    let unlimited = json!({"maxRecords": null});
    for (approved, now, expected) in [
        (&json!({"secondPerson": true}), &json!({"secondPerson": true, "concurrency": 1}), ""),
        (&json!({"maxRecords": 5}), &json!({"maxRecords": 5, "concurrency": 1}), ""),
        (&json!({"maxRecords": 5}), &unlimited, ""),
        (&unlimited, &json!({"maxRecords": 5}), "policy.maxRecords"),
    ] {
        assert_eq!(codes(approved, now), expected, "{approved}, now {now}");
    }
}

#[test]
fn a_hold_after_the_range_matters_if_either_policy_looks_for_conversations() {
    let text = request("dataDeletion").replace("[\"message\"]", "[\"conversation\"]");
    let after = json!({"id": "after", "range": {"start": "2023-03-01T00:00:00Z", "end": "2023-03-02T00:00:00Z"}});
    for (approved, now, expected) in [(false, false, 0), (true, false, 1), (false, true, 1)] {
        let limits = |looks: bool| json!({"spanningConversations": looks});
        let known = json!({"version": 1, "limits": limits(approved)}).to_string();
        let plan = check(&text, Some(&known), &planned()).plan.unwrap();
        let current = json!({"version": 1, "limits": limits(now), "holds": [after]});
        assert_eq!(said(&plan, plan.chunks(), &current).len(), expected, "{approved}, now {now}");
    }
}

/// A plan of one chunk: a month of recordings, long ago.
fn one_month(policy: &Value) -> Plan {
    let mut request: Value = serde_json::from_str(&request("recordingJobs")).unwrap();
    request["chunking"] = json!({"days": 31});
    check(&request.to_string(), Some(&policy.to_string()), &planned()).plan.unwrap()
}

#[test]
fn a_hold_counts_although_a_rule_keeps_that_time_too() {
    // Conversations that never end are ignored for a rule, but never for a hold.
    let rule = json!([{"recordTypes": ["recording"], "minAgeDays": 365, "basis": "law"}]);
    let known = json!({"version": 1, "retention": rule});
    let range = json!({"start": "2026-03-01T00:00:00Z", "end": "2026-04-01T00:00:00Z"});
    let current = json!({"version": 1, "retention": rule, "holds": [{"id": "new", "range": range}]});
    let plan = one_month(&known);
    let objection = objection(&approved(&plan), plan.chunks()[0], &current, now().now);
    assert!(matches!(objection, Some(Objection::Held(_))), "{objection:?}");
    assert!(said(&plan, plan.chunks(), &current)[0].starts_with("policy.newHold policy#/holds/0 hold `new` keeps"));
}

#[test]
fn a_rule_counts_that_conversations_of_a_chunk_may_reach_into() {
    let rule = |days: u32| json!({"version": 1, "retention": [{"recordTypes": ["recording"], "minAgeDays": days, "basis": "law"}]});
    let plan = one_month(&json!({"version": 1}));
    // The rule keeps everything from the end of the chunk, 2023-02-01; from 30 days later; from 31 days later, which is too far
    // away; and from one day before the end, which is inside the chunk.
    let today = now().now;
    let days = |from: &str| u32::try_from(today.since(Timestamp::parse(from).unwrap()).as_secs() / 86_400).unwrap();
    for (from, expected) in [
        (
            "2023-02-01T00:00:00Z",
            Some(
                "a rule keeps what is later than `2023-02-01T00:00:00.000Z`, and conversations of chunk 1 may reach into it",
            ),
        ),
        ("2023-03-03T00:00:00Z", Some("a rule keeps what is later than")),
        ("2023-03-04T00:00:00Z", None),
        ("2023-01-31T00:00:00Z", Some("retention")),
    ] {
        let policy = rule(days(from));
        let said = said(&plan, plan.chunks(), &policy);
        let expected: Vec<_> =
            expected.into_iter().map(|message| format!("policy.keepsMore policy#/retention {message}")).collect();
        assert_eq!(said.len(), expected.len(), "{from}: {said:?}");
        assert!(said.iter().zip(&expected).all(|(said, begins)| said.starts_with(begins)), "{from}: {said:?}");
        let objection = objection(&approved(&plan), plan.chunks()[0], &policy, today);
        assert_eq!(matches!(objection, Some(Objection::Forbidden(_))), !expected.is_empty(), "{from}: {objection:?}");
    }
    // Of several rules, the one that keeps longest counts.
    let mut both = rule(days("2023-02-01T00:00:00Z"));
    both["retention"].as_array_mut().unwrap().push(rule(30)["retention"][0].clone());
    assert_eq!(said(&plan, plan.chunks(), &both).len(), 1);
    // What the plan already looks for is not new on a later day either, whatever else changed. A longer rule is.
    let since_planned = |from: &str| days(from) - 22;
    let known = rule(since_planned("2023-02-01T00:00:00Z"));
    let plan = one_month(&known);
    let mut other = known.clone();
    other["holds"] =
        json!([{"id": "rows", "recordTypes": ["screenRecording"], "conversationIds": [ID], "range": days_of_2020()}]);
    for (policy, expected) in [
        (&other, 0),
        (&rule(since_planned("2023-02-01T00:00:00Z") + 10), 1),
        (&rule(since_planned("2023-02-01T00:00:00Z") - 5), 0),
        (&rule(days("2023-02-01T00:00:00Z") + 1), 1),
    ] {
        assert_eq!(said(&plan, plan.chunks(), policy).len(), expected, "{policy}");
    }
}

fn days_of_2020() -> Value {
    json!({"start": "2020-01-01T00:00:00Z", "end": "2020-01-02T00:00:00Z"})
}

#[test]
fn a_chunk_is_told_of_its_own_window_alone() {
    let held = policy(json!([{"id": "long", "range": days(3, 30)}]));
    let plan = plan("dataDeletion", &policy(json!([])));
    let objection = objection(&approved(&plan), plan.chunks()[9], &held, now().now);
    let Some(Objection::Held(Against { cause, .. })) = objection else { panic!("{objection:?}") };
    let window = plan.chunks()[9].window.to_string();
    assert!(cause.message.contains(&format!("hold `long` keeps `{window}`")), "planned is no more: {}", cause.message);
}

#[test]
fn an_order_and_a_state_of_another_version_are_not_read() {
    let plan = plan("dataDeletion", &policy(json!([])));
    let order = approved(&plan);
    let run = ChunkRun::new(&order, plan.chunks()[0]);
    let (mut order, mut run) = (serde_json::to_value(&order).unwrap(), serde_json::to_value(&run).unwrap());
    assert!(serde_json::from_value::<Order>(order.clone()).is_ok());
    assert!(serde_json::from_value::<ChunkRun>(run.clone()).is_ok());
    (order["version"], run["version"]) = (json!(99), json!(99));
    let refusals = [
        serde_json::from_value::<Order>(order).map(|_| ()).unwrap_err().to_string(),
        serde_json::from_value::<ChunkRun>(run).map(|_| ()).unwrap_err().to_string(),
    ];
    for refusal in refusals {
        assert!(refusal.contains("version 99") && refusal.contains("the program that wrote it"), "{refusal}");
    }
}

#[test]
fn very_many_holds_are_counted() {
    let hold = |day: u32| json!({"id": format!("h{day}"), "range": days(day, day + 1)});
    let holds: Vec<Value> = (1..=30).map(hold).collect();
    let plan = plan("dataDeletion", &policy(json!([])));
    let said = said(&plan, plan.chunks(), &policy(json!(holds)));
    assert_eq!(said.len(), 21);
    assert!(said.last().is_some_and(|line| line.ends_with("and 10 more parts")), "{said:?}");
}

#[test]
fn the_time_that_has_passed_is_no_obstacle() {
    // At planning, every chunk was either older or younger than five years. Today the boundary lies inside the range.
    let text = request("recordingJobs").replace("2023-02-01", "2023-01-20");
    let empty = policy(json!([])).to_string();
    let plan = check(&text, Some(&empty), &planned()).plan.unwrap();
    let other = policy(json!([{"id": "h", "recordTypes": ["screenRecording"]}])).to_string();
    assert_eq!(since(&plan, plan.chunks(), &other, &context("2028-01-10T00:00:00Z")), []);
}

#[test]
fn an_approver_writes_their_name_so_that_it_can_be_read() {
    let two = json!({"version": 1, "limits": {"secondPerson": true}});
    let order = |requester: &str, approver: &str| {
        let text = request("dataDeletion").replace("a@example.com", requester);
        let plan = check(&text, Some(&two.to_string()), &planned()).plan.unwrap();
        let approval =
            Approval { digest: plan.digest().to_owned(), approved_by: approver.to_owned(), approved_at: planned().now };
        Order::new(&plan, &approval, "https://api.example.com", true).map(|order| order.approved_by)
    };
    let a = "a@example.com";
    for unseen in ['\u{200b}', '\u{ad}', '\u{2060}', '\u{feff}', '\u{202e}', '\u{fe0f}', '\u{e0061}', '\u{a0}', '\u{7}']
    {
        assert_eq!(order(a, &format!("a@{unseen}example.com")), Err(NameError::Unreadable.into()), "{unseen:?}");
    }
    assert_eq!(order(a, &"b".repeat(201)), Err(NameError::Unreadable.into()));
    assert_eq!(order(a, " \t"), Err(NameError::Nobody.into()));
    assert_eq!(Asked::new(" Ann\u{a0}\n", Timestamp::EPOCH).map(|asked| asked.by), Ok("Ann".to_owned()));
    assert_eq!(order(a, "A@example.com "), Err(ApprovalError::SamePerson("A@example.com ".to_owned())));
    // An invisible difference does not make the requester another person either.
    assert_eq!(order("Ann \u{a0}Example", "Ann Example"), Err(ApprovalError::SamePerson("Ann Example".to_owned())));
    for requester in ["a\u{200b}@example.com", "\u{200b}", "\u{3164}"] {
        let checked = check(&request("dataDeletion").replace("a@example.com", requester), None, &planned());
        assert!(
            checked.plan.is_none() && checked.findings.iter().any(|f| f.pointer == "#/requestedBy"),
            "{requester:?}"
        );
    }
    for name in ["b@example.com", "Jürgen Groß", "Νίκος", "李小龍", "O'Neill, Ada (DPO)"] {
        assert_eq!(order(a, name), Ok(name.to_owned()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, rng_seed: RngSeed::Fixed(20_261_129), ..ProptestConfig::default() })]

    /// There are no findings exactly when a plan under the new policy would delete at least as much, whichever windows are held.
    #[test]
    fn it_passes_if_and_only_if_nothing_more_is_kept(
        old in prop::collection::vec((0..31_i64, 1..5_i64), 0..3),
        new in prop::collection::vec((0..31_i64, 1..5_i64), 0..3),
    ) {
        let start = Timestamp::parse("2023-01-01T00:00:00Z").unwrap().millis();
        let holds = |windows: &[(i64, i64)]| {
            let hold = |(place, (from, length)): (usize, &(i64, i64))| {
                let at = |day: i64| Timestamp::from_millis(start + day * DAY_MS);
                json!({"id": format!("h{place}"), "range": {"start": at(*from), "end": at(from + length)}})
            };
            policy(json!(windows.iter().enumerate().map(hold).collect::<Vec<_>>()))
        };
        let (old, new) = (holds(&old), holds(&new));
        let Some(plan) = check(&request("dataDeletion"), Some(&old.to_string()), &planned()).plan else { return Ok(()) };
        let parts = check(&request("dataDeletion"), Some(&new.to_string()), &now()).parts;
        let kept = |chunk: &Chunk| {
            parts.iter().any(|part| part.disposition == Disposition::Held && part.window.overlaps(chunk.window))
        };
        let keeps_more = plan.chunks().iter().any(kept);
        let findings = since(&plan, plan.chunks(), &new.to_string(), &now());
        prop_assert_eq!(findings.iter().any(|finding| finding.code == "policy.keepsMore"), keeps_more);
        prop_assert_eq!(stops(&findings), keeps_more);
        let order = approved(&plan);
        for chunk in plan.chunks() {
            let objects = objection(&order, *chunk, &new, now().now).is_some();
            prop_assert_eq!(objects, kept(chunk), "chunk {}", chunk.index);
        }
    }
}
