//! Tests of checking: one row per finding, the examples, the texts, and that no input makes it fail.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests fail by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use purge_core::chunk::Age;
use purge_core::finding::{Finding, Severity};
use purge_core::plan::{self, CheckContext, Checked, Disposition, PlanFile, check};
use purge_core::request::{DeletionApi, RecordType, stands_against};
use purge_core::run::{Approval, Order};
use purge_core::time::Timestamp;
use serde_json::{Value, json};

const Q1: &str = include_str!("../../../examples/q1-2023.json");
const YEAR: &str = include_str!("../../../examples/year-recording-jobs.json");
const CROSSING: &str = include_str!("../../../examples/holds-and-retention.json");
const POLICY: &str = include_str!("../../../examples/policy.json");

/// Fixed, so that the cases are the same on every machine.
const SEED: RngSeed = RngSeed::Fixed(20_261_123);

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn context() -> CheckContext {
    CheckContext::at(at("2026-11-23T09:30:00Z"))
}

/// The first example with some members replaced. A member that is set to the text `absent` is removed.
fn request(changes: Value) -> String {
    changed(serde_json::from_str(Q1).unwrap(), changes)
}

fn without(field: &str) -> String {
    let mut base: Value = serde_json::from_str(Q1).unwrap();
    base.as_object_mut().unwrap().remove(field);
    base.to_string()
}

fn recordings(changes: Value) -> String {
    let mut base: Value = serde_json::from_str(Q1).unwrap();
    base["api"] = json!("recordingJobs");
    base["recordTypes"] = json!(["recording"]);
    changed(base, changes)
}

fn policy(changes: Value) -> String {
    changed(json!({"version": 1}), changes)
}

fn changed(mut base: Value, changes: Value) -> String {
    for (key, value) in serde_json::from_value::<BTreeMap<String, Value>>(changes).unwrap() {
        if value == "absent" {
            base.as_object_mut().unwrap().remove(&key);
        } else {
            base[key] = value;
        }
    }
    base.to_string()
}

fn range(start: &str, end: &str) -> Value {
    json!({"start": start, "end": end})
}

struct Row {
    request: String,
    policy: String,
    context: CheckContext,
    code: &'static str,
    pointer: &'static str,
    severity: Severity,
}

fn of_request(request: String, code: &'static str, pointer: &'static str, severity: Severity) -> Row {
    Row { request, policy: policy(json!({})), context: context(), code, pointer, severity }
}

fn of_policy(changes: Value, code: &'static str, pointer: &'static str, severity: Severity) -> Row {
    Row { request: Q1.to_owned(), policy: policy(changes), context: context(), code, pointer, severity }
}

fn rows() -> Vec<Row> {
    use Severity::{Blocked, Error, Note, Warning};
    let r = |changes, code, pointer, severity| of_request(request(changes), code, pointer, severity);
    let j = |changes, code, pointer, severity| of_request(recordings(changes), code, pointer, severity);
    let p = of_policy;
    let hold = |hold: Value| json!({"holds": [hold]});
    let mut rows = vec![
        // The text as a whole.
        of_request("{".to_owned(), "json.syntax", "#", Error),
        of_request(r#"{"name": "a", "name": "b"}"#.to_owned(), "json.repeated", "#", Error),
        of_request(" ".repeat(600_000), "json.tooLarge", "#", Error),
        of_request("[]".to_owned(), "field.type", "#", Error),
        r(json!({"version": 2}), "version.unsupported", "#/version", Error),
        r(json!({"version": "absent"}), "field.missing", "#/version", Error),
        r(json!({"recordType": ["conversation"]}), "field.unknown", "#/recordType", Error),
        r(json!({"a/b~c d": 1}), "field.unknown", "#/a~1b~0c%20d", Error),
        r(
            json!({"range": {"start": "2023-01-01T00:00:00Z", "end": "2023-02-01T00:00:00Z", "till": 1}}),
            "field.unknown",
            "#/range/till",
            Error,
        ),
        r(json!({"name": " "}), "field.blank", "#/name", Error),
        r(json!({"reason": "\n"}), "field.blank", "#/reason", Error),
        r(json!({"requestedBy": ""}), "field.blank", "#/requestedBy", Error),
        r(json!({"requestedBy": null}), "field.type", "#/requestedBy", Error),
        r(json!({"jurisdiction": null}), "field.type", "#/jurisdiction", Error),
        r(json!({"recordings": null}), "field.type", "#/recordings", Error),
        r(json!({"name": "a\nb"}), "field.control", "#/name", Error),
        r(json!({"reason": "approved \u{202e}ton"}), "field.control", "#/reason", Error),
        r(json!({"name": 5}), "field.type", "#/name", Error),
        // The records to delete.
        r(json!({"api": "dataDeletions"}), "api.unknown", "#/api", Error),
        r(json!({"recordTypes": ["conversations"]}), "recordTypes.unknown", "#/recordTypes/0", Error),
        r(json!({"recordTypes": []}), "list.empty", "#/recordTypes", Error),
        r(json!({"recordTypes": ["message", "message"]}), "list.repeated", "#/recordTypes/1", Error),
        r(json!({"recordTypes": "absent", "range": "absent"}), "request.unfiltered", "#", Error),
        r(json!({"recordTypes": ["recording"]}), "recordTypes.notOffered", "#/recordTypes", Error),
        j(json!({"recordTypes": ["conversation"]}), "recordTypes.recordingsOnly", "#/recordTypes", Warning),
        j(json!({"recordTypes": ["screenRecording"]}), "recordTypes.screenOnly", "#/recordTypes", Error),
        r(json!({"query": "  "}), "field.blank", "#/query", Error),
        r(json!({"query": "x".repeat(511_950)}), "query.tooLong", "#/query", Error),
        j(json!({"query": "x"}), "query.unsupported", "#/query", Error),
        r(json!({"recordings": {}}), "recordings.notForApi", "#/recordings", Error),
        j(json!({"recordings": {"coolOffDays": 1000}}), "number.outOfRange", "#/recordings/coolOffDays", Error),
        j(json!({"recordings": {"includeSnippets": "yes"}}), "field.type", "#/recordings/includeSnippets", Error),
        // The range.
        r(json!({"range": range("2023-01-01", "2023-02-01T00:00:00Z")}), "time.notRfc3339", "#/range/start", Error),
        r(
            json!({"range": range("2023-01-01T00:00:00z", "2023-02-01T00:00:00Z")}),
            "time.lowerCase",
            "#/range/start",
            Error,
        ),
        r(
            json!({"range": range("2023-01-01T00:00:00", "2023-02-01T00:00:00Z")}),
            "time.noOffset",
            "#/range/start",
            Error,
        ),
        r(
            json!({"range": range("2023-01-01T00:00:00.0001Z", "2023-02-01T00:00:00Z")}),
            "time.tooFine",
            "#/range/start",
            Error,
        ),
        r(
            json!({"range": range("1950-01-01T00:00:00Z", "2023-02-01T00:00:00Z")}),
            "time.outOfRange",
            "#/range/start",
            Error,
        ),
        r(json!({"range": range("2023-02-01T00:00:00Z", "2023-01-01T00:00:00Z")}), "range.reversed", "#/range", Error),
        r(json!({"range": range("2023-02-01T00:00:00Z", "2023-02-01T00:00:00Z")}), "range.empty", "#/range", Error),
        r(
            json!({"range": range("2026-11-01T00:00:00Z", "2026-11-25T00:00:00Z")}),
            "range.future",
            "#/range/end",
            Error,
        ),
        r(
            json!({"range": range("2023-01-01T00:00:00Z", "2023-03-31T23:59:59.999Z")}),
            "range.endLooksInclusive",
            "#/range/end",
            Warning,
        ),
        r(
            json!({"range": range("2023-01-01T00:00:00Z", "2023-03-31T23:59:59Z")}),
            "range.endLooksInclusive",
            "#/range/end",
            Warning,
        ),
        r(
            json!({"range": range("2023-01-01T00:00:00Z", "2023-03-31T12:59:59.999Z")}),
            "range.endLooksInclusive",
            "#/range/end",
            Warning,
        ),
        r(
            json!({"range": range("2026-11-01T00:00:00Z", "2026-11-22T00:00:00Z")}),
            "range.tooRecent",
            "#/range/end",
            Warning,
        ),
        r(
            json!({"range": range("2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z")}),
            "range.nothingLeft",
            "#/range",
            Blocked,
        ),
        j(
            json!({"range": range("2023-01-01T06:00:00Z", "2023-02-01T00:00:00Z")}),
            "range.partDay",
            "#/range/start",
            Warning,
        ),
        j(
            json!({"range": range("2023-01-01T00:00:00Z", "2023-02-01T06:00:00Z")}),
            "range.partDay",
            "#/range/end",
            Warning,
        ),
        j(
            json!({"range": range("2021-11-01T00:00:00Z", "2021-12-01T00:00:00Z")}),
            "range.fiveYears",
            "#/range",
            Warning,
        ),
        j(json!({"recordTypes": ["message"]}), "recordTypes.wholeConversations", "#/recordTypes", Warning),
        j(
            json!({"recordTypes": ["message"], "range": range("2019-01-01T00:00:00Z", "2022-06-01T00:00:00Z")}),
            "range.agedMessages",
            "#/recordTypes",
            Warning,
        ),
        // The chunking.
        r(json!({"chunking": {}}), "chunking.choice", "#/chunking", Error),
        r(json!({"chunking": {"days": 1, "hours": 1}}), "chunking.choice", "#/chunking", Error),
        r(json!({"chunking": {"days": 0}}), "number.outOfRange", "#/chunking/days", Error),
        r(json!({"chunking": {"days": -1}}), "number.outOfRange", "#/chunking/days", Error),
        r(json!({"chunking": {"hours": 1.5}}), "number.outOfRange", "#/chunking/hours", Error),
        r(json!({"chunking": {"days": 32}}), "chunking.tooLong", "#/chunking/days", Error),
        r(json!({"chunking": {"hours": 745}}), "chunking.tooLong", "#/chunking/hours", Error),
        j(json!({"chunking": {"days": 32}}), "chunking.tooLong", "#/chunking/days", Error),
        j(
            json!({"chunking": {"days": 182}, "range": range("2018-01-01T00:00:00Z", "2020-01-01T00:00:00Z")}),
            "number.outOfRange",
            "#/chunking/days",
            Error,
        ),
        j(json!({"chunking": {"hours": 24}}), "chunking.hours", "#/chunking/hours", Error),
        r(
            json!({"range": range("1990-01-01T00:00:00Z", "2020-01-01T00:00:00Z"), "chunking": {"hours": 1}}),
            "chunking.tooMany",
            "#/chunking/hours",
            Error,
        ),
        // The people and the place.
        r(json!({"jurisdiction": "absent"}), "field.missing", "#/jurisdiction", Error),
        r(json!({"jurisdiction": "us-east-3"}), "jurisdiction.unknown", "#/jurisdiction", Error),
        r(
            json!({"retentionOverride": {"reason": "r", "approver": "Records@example.com"}}),
            "retentionOverride.samePerson",
            "#/retentionOverride/approver",
            Error,
        ),
        r(
            json!({"requestedBy": "jörg@example.com", "retentionOverride": {"reason": "r", "approver": "JÖRG@example.com "}}),
            "retentionOverride.samePerson",
            "#/retentionOverride/approver",
            Error,
        ),
        r(
            json!({"retentionOverride": {"reason": "r", "approver": ""}}),
            "field.blank",
            "#/retentionOverride/approver",
            Error,
        ),
        r(json!({"retentionOverride": {"approver": "a"}}), "field.missing", "#/retentionOverride/reason", Error),
        r(
            json!({"retentionOverride": {"reason": "r", "approver": "a"}}),
            "retentionOverride.unneeded",
            "#/retentionOverride",
            Note,
        ),
        // The policy.
        p(json!({"version": 3}), "version.unsupported", "policy#/version", Error),
        p(json!({"hold": []}), "field.unknown", "policy#/hold", Error),
        p(json!({"holds": {}}), "field.type", "policy#/holds", Error),
        p(json!({"jurisdictions": []}), "list.empty", "policy#/jurisdictions", Error),
        p(json!({"jurisdictions": ["eu-west-9"]}), "jurisdiction.unknown", "policy#/jurisdictions/0", Error),
        p(json!({"jurisdictions": ["eu-west-1"]}), "jurisdiction.notAllowed", "#/jurisdiction", Blocked),
        p(json!({"limits": {"concurrency": 0}}), "number.outOfRange", "policy#/limits/concurrency", Error),
        p(json!({"limits": {"rangeEnd": "exclusiv"}}), "limits.rangeEnd", "policy#/limits/rangeEnd", Error),
        p(json!({"limits": {"maxRecords": null}}), "limits.noGuard", "policy#/limits/maxRecords", Warning),
        // A person who writes null for the holds may believe that this lists them.
        p(json!({"holds": null}), "field.type", "policy#/holds", Error),
        p(json!({"retention": null}), "field.type", "policy#/retention", Error),
        p(json!({"jurisdictions": null}), "field.type", "policy#/jurisdictions", Error),
        p(json!({"limits": null}), "field.type", "policy#/limits", Error),
        p(json!({"limits": {"secondPerson": null}}), "field.type", "policy#/limits/secondPerson", Error),
        p(
            json!({"retention": [{"recordTypes": ["message"], "minAgeDays": 0, "basis": "b"}]}),
            "number.outOfRange",
            "policy#/retention/0/minAgeDays",
            Error,
        ),
        p(
            json!({"retention": [{"recordTypes": ["message"], "minAgeDays": 1350, "basis": "b"}]}),
            "retention.kept",
            "policy#/retention/0",
            Warning,
        ),
        p(
            json!({"retention": [{"recordTypes": ["recording"], "minAgeDays": 3000, "basis": "b"}]}),
            "range.nothingLeft",
            "#/range",
            Blocked,
        ),
        p(hold(json!({"id": "a", "conversationIds": []})), "list.empty", "policy#/holds/0/conversationIds", Error),
        p(hold(json!({"id": "a", "recordTypes": []})), "list.empty", "policy#/holds/0/recordTypes", Error),
        p(
            hold(json!({"id": "a", "conversationIds": ["12"]})),
            "hold.conversationId",
            "policy#/holds/0/conversationIds/0",
            Error,
        ),
        p(json!({"holds": [{"id": "a"}, {"id": "a"}]}), "hold.repeatedId", "policy#/holds/1/id", Error),
        p(
            hold(json!({"id": "a", "range": range("2023-01-05T00:00:00Z", "2023-01-06T00:00:00Z")})),
            "hold.overlap",
            "policy#/holds/0",
            Warning,
        ),
        p(
            hold(json!({"id": "a", "query": "x", "range": range("2023-01-05T00:00:00Z", "2023-01-06T00:00:00Z")})),
            "hold.query",
            "policy#/holds/0",
            Warning,
        ),
        p(
            hold(json!({"id": "a", "conversationIds": ["3f0c2a76-5b1d-4e8f-9a43-0d6f1c7b2e58"]})),
            "hold.conversations",
            "policy#/holds/0",
            Warning,
        ),
        p(
            hold(json!({"id": "a", "range": range("2023-01-05T00:00:00Z", "2023-01-06T00:00:00Z")})),
            "hold.spanning",
            "policy#/holds/0",
            Warning,
        ),
        p(hold(json!({"id": "a"})), "range.nothingLeft", "#/range", Blocked),
        p(hold(json!({"id": "a", "recordTypes": ["recording"]})), "range.nothingLeft", "#/range", Blocked),
    ];
    let kept = policy(json!({"retention": [{"recordTypes": ["message"], "minAgeDays": 1350, "basis": "b"}]}));
    let overriding = request(json!({"retentionOverride": {"reason": "r", "approver": "a"}}));
    rows.push(Row { policy: kept, ..of_request(overriding, "retention.overridden", "policy#/retention/0", Warning) });
    let tenant = CheckContext { tenant_jurisdiction: Some("eu-west-1".to_owned()), ..context() };
    rows.push(Row { context: tenant, ..r(json!({}), "jurisdiction.notTenant", "#/jurisdiction", Blocked) });
    let default = |name: &str| CheckContext { default_jurisdiction: Some(name.to_owned()), ..context() };
    rows.push(Row { context: default("eu-west-1"), ..r(json!({}), "jurisdiction.conflict", "#/jurisdiction", Error) });
    rows.push(Row {
        context: default("mars"),
        ..of_request(without("jurisdiction"), "jurisdiction.unknown", "#/jurisdiction", Error)
    });
    rows.push(of_request(without("reason"), "field.missing", "#/reason", Error));
    rows
}

#[test]
fn every_finding_has_its_code_place_and_weight() {
    for row in rows() {
        let checked = check(&row.request, Some(&row.policy), &row.context);
        let found = checked
            .findings
            .iter()
            .any(|f| f.code == row.code && f.pointer == row.pointer && f.severity == row.severity);
        assert!(found, "{} at {} {:?}, found {:#?}", row.code, row.pointer, row.severity, checked.findings);
        let stopped = checked.findings.iter().any(|f| f.severity.stops());
        assert_eq!(checked.plan.is_none(), stopped, "{}: {:#?}", row.code, checked.findings);
    }
}

#[test]
fn texts() {
    let mut seen = BTreeSet::new();
    let mut lines = String::new();
    for row in rows() {
        for finding in check(&row.request, Some(&row.policy), &row.context).findings {
            let Finding { code, severity, pointer, message, help } = &finding;
            assert!(!message.contains('\n') && !message.ends_with('.') && !help.is_empty(), "{finding:?}");
            if seen.insert((code.clone(), message.clone(), help.clone())) {
                lines += &format!("{code} [{severity:?}] {pointer}\n  {message}\n  {help}\n");
            }
        }
    }
    insta::assert_snapshot!(lines);
}

#[test]
fn all_problems_at_once() {
    let text = request(json!({
        "name": "", "recordTypes": ["recording", "x"], "jurisdiction": "mars", "chunking": {"days": 99},
        "range": range("2023-01-01", "2023-02-30T00:00:00Z"), "typo": 1,
    }));
    let bad_policy = policy(json!({"holds": [{"id": ""}, {"range": {}}], "limits": {"concurrency": "4"}}));
    let codes: Vec<String> = check(&text, Some(&bad_policy), &context())
        .findings
        .into_iter()
        .map(|f| format!("{} {}", f.code, f.pointer))
        .collect();
    insta::assert_snapshot!(codes.join("\n"));
}

#[test]
fn one_quarter_by_thirty_days_is_three_chunks() {
    for end in ["2023-04-01T00:00:00Z", "2023-03-31T23:59:59.999Z"] {
        let checked =
            check(&request(json!({"range": range("2023-01-01T00:00:00Z", end)})), Some(POLICY_EMPTY), &context());
        let chunks: Vec<String> = checked.plan.unwrap().chunks().iter().map(|c| c.window.to_string()).collect();
        assert_eq!(
            chunks,
            [
                "2023-01-01T00:00:00.000Z/2023-01-31T00:00:00.000Z".to_owned(),
                "2023-01-31T00:00:00.000Z/2023-03-02T00:00:00.000Z".to_owned(),
                format!("2023-03-02T00:00:00.000Z/{}", at(end)),
            ]
        );
    }
}

const POLICY_EMPTY: &str = r#"{"version": 1}"#;

/// The parts, one line each.
fn parts(checked: &Checked) -> String {
    checked.parts.iter().map(|p| format!("{} {} {}\n", p.window, p.disposition.as_str(), p.reason)).collect()
}

#[test]
fn holds_and_retention_cut_the_range() {
    let now = |day: &str| CheckContext { now: at(day), ..context() };
    // Three years after mid-August 2023, the retention rule on messages ends in the middle of the range.
    let checked = check(CROSSING, Some(POLICY), &now("2026-08-15T10:00:00Z"));
    insta::assert_snapshot!(parts(&checked));
    assert!(checked.plan.is_some());
}

#[test]
fn recording_jobs_never_mix_aged_and_recent_conversations() {
    let text = recordings(json!({"range": range("2021-08-01T12:00:00Z", "2022-01-01T00:00:00Z")}));
    let hold = policy(json!({"holds": [{"id": "h", "range": range("2021-10-10T12:00:00Z", "2021-10-10T13:00:00Z")}]}));
    let checked = check(&text, Some(&hold), &context());
    insta::assert_snapshot!(parts(&checked));
    let ages: Vec<Age> = checked.plan.unwrap().chunks().iter().map(|c| c.age).collect();
    assert_eq!(ages, [Age::Aged, Age::Aged, Age::Aged, Age::Recent, Age::Recent, Age::Recent]);
    let aged = recordings(json!({
        "range": range("2018-01-01T00:00:00Z", "2020-01-01T00:00:00Z"), "chunking": {"days": 181},
    }));
    insta::assert_snapshot!(parts(&check(&aged, Some(POLICY_EMPTY), &context())));
}

#[test]
fn the_examples_make_plans() {
    let documents: Vec<Value> = [Q1, YEAR, CROSSING]
        .map(|text| serde_json::to_value(plan::document(&check(text, Some(POLICY), &context()))).unwrap())
        .into();
    assert!(documents.iter().all(|d| d["planDigest"].is_string()), "{documents:#?}");
    insta::assert_json_snapshot!(documents);
}

#[test]
fn a_digest_depends_on_the_day_and_not_on_the_hour() {
    let digest = |now: &str, text: &str| {
        let context = CheckContext { now: at(now), ..context() };
        check(text, Some(POLICY), &context).plan.unwrap().digest().to_owned()
    };
    let recent = request(
        json!({"range": range("2026-11-01T00:00:00Z", "2026-11-22T00:00:00Z"), "recordTypes": ["interaction"]}),
    );
    assert_eq!(digest("2026-11-23T00:00:00Z", &recent), digest("2026-11-23T23:59:59.999Z", &recent));
    assert_ne!(digest("2026-11-23T00:00:00Z", &recent), digest("2026-11-24T00:00:00Z", &recent));
    let spaced = serde_json::to_string_pretty(&serde_json::from_str::<Value>(Q1).unwrap()).unwrap();
    assert_eq!(digest("2026-11-23T00:00:00Z", Q1), digest("2026-11-24T00:00:00Z", &spaced));
}

#[test]
fn checking_values_is_checking_their_text() {
    for text in [Q1, YEAR, CROSSING] {
        let by_text = check(text, Some(POLICY), &context());
        let plan = by_text.plan.as_ref().unwrap();
        assert_eq!(plan::check_parsed(plan.request(), plan.policy(), &context()), by_text);
    }
}

#[test]
fn a_plan_file_opens_only_as_the_plan_that_it_was() {
    let plan = check(CROSSING, Some(POLICY), &context()).plan.unwrap();
    let file = serde_json::to_value(PlanFile::new(&plan, context().now)).unwrap();
    let later = CheckContext { now: at("2026-12-24T00:00:00Z"), ..context() };
    let reopened = plan::reopen(&file.to_string(), &later).unwrap();
    assert_eq!((&reopened.plan, reopened.planned_at), (&plan, context().now));
    let remarks: Vec<_> = reopened.remarks.iter().map(|finding| finding.pointer.as_str()).collect();
    assert!(
        remarks.iter().all(|pointer| pointer.starts_with("#/request") || pointer.starts_with("#/policy")),
        "{remarks:?}"
    );
    let codes = |file: &Value, context: &CheckContext| -> Vec<String> {
        let findings = plan::reopen(&file.to_string(), context).unwrap_err();
        findings.into_iter().map(|f| format!("{} {}", f.code, f.pointer)).collect()
    };
    let with = |pointer: &str, value: Value| {
        let mut file = file.clone();
        *file.pointer_mut(pointer).unwrap() = value;
        file
    };
    let digest = ["planFile.digest #/planDigest"];
    assert_eq!(codes(&with("/planDigest", json!("sha256:00")), &later), digest);
    assert_eq!(codes(&with("/request/reason", json!("another")), &later), digest);
    assert_eq!(codes(&with("/policy/holds", json!([])), &later), digest);
    // In December 2025 the retention rule on messages still kept most of the range.
    assert_eq!(codes(&with("/plannedAt", json!("2025-12-01T00:00:00Z")), &later), digest);
    assert_eq!(codes(&with("/request/api", json!("x")), &later), ["api.unknown #/request/api"]);
    assert_eq!(codes(&with("/version", json!(2)), &later), ["version.unsupported #/version"]);
    let earlier = CheckContext { now: at("2026-11-22T00:00:00Z"), ..context() };
    assert_eq!(codes(&file, &earlier), ["planFile.future #/plannedAt"]);
}

#[test]
fn an_offset_is_only_another_spelling() {
    // The offsets ignore the daylight saving time that begins and ends in between.
    let chunks = |start, end| {
        let text = request(json!({ "range": range(start, end), "chunking": { "days": 10 } }));
        check(&text, Some(POLICY_EMPTY), &context()).plan.unwrap().chunks().to_vec()
    };
    let utc = chunks("2023-03-01T00:00:00Z", "2023-11-05T00:00:00Z");
    assert_eq!(utc, chunks("2023-03-01T01:00:00+01:00", "2023-11-04T20:00:00-04:00"));
    assert!(utc.iter().all(|chunk| chunk.window.start().is_midnight() && chunk.window.end().is_midnight()));
}

#[test]
fn the_compliance_note_says_what_the_policy_has_and_nothing_of_what_was_checked() {
    let note = |text: &str, policy: &str| {
        let plan = check(text, Some(policy), &context()).plan.unwrap();
        let (digest, approved_at) = (plan.digest().to_owned(), context().now);
        let approval = Approval { digest, approved_by: "grace".to_owned(), approved_at };
        let order = Order::new(&plan, &approval, "https://api.example.com", true).unwrap();
        assert!(order.compliance_note.ends_with(&format!("; policy {}", plan.policy_digest())));
        order.compliance_note.rsplit_once("; policy ").unwrap().0.to_owned()
    };
    let overriding = request(json!({ "retentionOverride": { "reason": "court order", "approver": "dpo" } }));
    let rule = json!([{ "recordTypes": ["message"], "minAgeDays": 30, "basis": "b" }]);
    let hold = json!([{ "id": "h", "range": range("2023-01-05T00:00:00Z", "2023-01-06T00:00:00Z") }]);
    let neither = policy(json!({}));
    let both = policy(json!({ "retention": rule, "holds": hold }));
    assert_eq!(note(Q1, &neither), "no retention rules were given; no legal holds were given");
    assert_eq!(note(Q1, &both), "1 retention rule in the policy, none overridden; 1 legal hold in the policy");
    // Messages of early 2023 are older than 30 days, so nothing is overridden here; but the provider is asked to override its own
    // rules.
    let leave = "leave to override rules, also the provider's, from dpo: court order";
    assert_eq!(
        note(&overriding, &neither),
        format!("no retention rules were given; {leave}; no legal holds were given")
    );
    assert_eq!(
        note(&overriding, &both),
        format!("1 retention rule in the policy, none overridden; {leave}; 1 legal hold in the policy")
    );
    let young = json!([
        { "recordTypes": ["message"], "minAgeDays": 3_650, "basis": "b" },
        { "recordTypes": ["message"], "minAgeDays": 3_650, "basis": "elsewhere", "jurisdiction": "eu-west-1" },
    ]);
    let kept = policy(json!({ "retention": young }));
    assert_eq!(
        note(&overriding, &kept),
        format!("2 retention rules in the policy, 1 overridden; {leave}; no legal holds were given")
    );
    // A recording job has no such field.
    let jobs = request(json!({ "retentionOverride": { "reason": "court order", "approver": "dpo" },
        "api": "recordingJobs", "recordTypes": ["recording"] }));
    assert_eq!(
        note(&jobs, &kept),
        "2 retention rules in the policy, 1 overridden; leave to override rules from dpo: court order; no legal holds were given"
    );
}

#[test]
fn estimates_grow_with_the_work_and_never_wrap() {
    let estimate = |api: &str, kinds: Value, days: u32| {
        let fields = json!({"api": api, "recordTypes": kinds, "chunking": {"days": days},
            "range": {"start": "2014-01-01T00:00:00Z", "end": "2024-01-01T00:00:00Z"}});
        check(&request(fields), None, &context()).plan.unwrap().estimate().clone()
    };
    let (few, many) =
        (estimate("dataDeletion", json!(["message"]), 30), estimate("dataDeletion", json!(["message"]), 1));
    assert_eq!(few.calls_per_chunk, few.api_calls / u64::from(few.chunks));
    // The first jobs show how long a job takes.
    assert!(many.api_calls * u64::from(few.chunks) < few.api_calls * u64::from(many.chunks));
    // $0.40 a million requests, three for each message.
    assert_eq!(few.sqs_nano_dollars, few.messages * 1_200);
    // For a thousand chunks with jobs of half a minute, `cargo xtask fan-out` measures $0.18 for the table.
    assert!((100_000..300_000).contains(&(few.table_nano_dollars / u64::from(few.chunks))), "{few:?}");
    assert!(many.messages > 25 * few.messages && many.lambda_nano_dollars > 25 * few.lambda_nano_dollars);
    // Only two recording jobs run at once, so with many chunks most messages find no free slot yet.
    let jobs = estimate("recordingJobs", json!(["recording"]), 1);
    assert!(jobs.messages > 100 * many.messages, "{jobs:?}");
    // Looking for a slot takes a message and hardly any computing.
    assert!(jobs.sqs_nano_dollars > jobs.lambda_nano_dollars, "{jobs:?}");
    let cool = recordings(json!({"recordings": {"coolOffDays": 7}}));
    let plan = |text: &str| check(text, None, &context()).plan.unwrap().estimate().clone();
    let (cool, warm) = (plan(&cool), plan(&recordings(json!({}))));
    assert_eq!(cool.seconds, warm.seconds + 7 * 86_400);
    // A queue holds a message back for a quarter of an hour at most.
    assert_eq!(cool.messages, warm.messages + 7 * 96 * u64::from(cool.chunks));
    assert!(cool.sqs_nano_dollars > warm.sqs_nano_dollars);
}

#[test]
fn chunks_may_be_as_long_and_as_many_as_is_said() {
    let codes = |request: &str, policy: &str| {
        let checked = check(request, Some(policy), &context());
        let stops = checked.findings.iter().filter(|finding| finding.severity.stops());
        (
            stops.map(|finding| finding.code.clone()).collect::<Vec<_>>().join(" "),
            checked.plan.map(|p| p.chunks().len()),
        )
    };
    let none = policy(json!({}));
    // Older than five years throughout, a job is not bound to what a query takes.
    let aged = |end: &str, days: u32| {
        codes(&recordings(json!({"range": range("2020-01-01T00:00:00Z", end), "chunking": {"days": days}})), &none)
    };
    assert_eq!(aged("2020-12-31T00:00:00Z", 60), (String::new(), Some(7)));
    assert_eq!(aged("2021-11-22T00:00:00Z", 60).0, "", "up to the days around the boundary");
    assert_eq!(aged("2021-11-23T00:00:00Z", 60).0, "chunking.tooLong");
    let hours = |hours: u32| codes(&request(json!({"chunking": {"hours": hours}})), &none).0;
    assert_eq!((hours(31 * 24).as_str(), hours(31 * 24 + 1).as_str()), ("", "chunking.tooLong"));
    // 200,000 hours are as many chunks as are planned; a hold within one of them makes one more.
    let start = at("2000-01-01T00:00:00Z");
    let many = |hours: u64| {
        let end = start.plus(std::time::Duration::from_secs(hours * 3600)).to_string();
        request(json!({"range": range("2000-01-01T00:00:00Z", &end), "chunking": {"hours": 1}}))
    };
    assert_eq!(codes(&many(200_000), &none), (String::new(), Some(200_000)));
    assert_eq!(codes(&many(200_001), &none), ("chunking.tooMany".to_owned(), None));
    let split = policy(json!({"holds": [{"id": "h", "range": range("2001-01-01T00:10:00Z", "2001-01-01T00:20:00Z")}]}));
    assert_eq!(codes(&many(200_000), &split), ("chunking.tooMany".to_owned(), None));
}

#[test]
fn findings_are_said_where_they_belong_and_nowhere_else() {
    let codes = |request: &str, policy: Option<&str>| {
        let checked = check(request, policy, &context());
        checked.findings.into_iter().map(|finding| finding.code).collect::<Vec<_>>().join(" ")
    };
    let rule = |days: u32| json!([{"recordTypes": ["conversation", "message"], "minAgeDays": days, "basis": "law"}]);
    let overriding = request(json!({"retentionOverride": {"reason": "court", "approver": "judge"}}));
    assert_eq!(codes(&overriding, Some(&policy(json!({"retention": rule(3000)})))), "retention.overridden");
    assert_eq!(codes(&overriding, Some(&policy(json!({"retention": rule(30)})))), "retentionOverride.unneeded");
    let screens = request(json!({"recordTypes": ["screenRecording"]}));
    assert_eq!(codes(&screens, Some(&policy(json!({})))), "recordTypes.notOffered");
    assert_eq!(codes(Q1, None), "policy.none");
    // Where nothing is left, everything that keeps a part is named.
    let kept = json!({"retention": rule(1350), "holds": [{"id": "h", "range": range("2023-01-01T00:00:00Z", "2023-03-31T00:00:00Z")}]});
    let checked = check(Q1, Some(&policy(kept)), &context());
    let nothing = checked.findings.iter().find(|finding| finding.code == "range.nothingLeft").unwrap();
    assert!(nothing.message.ends_with("all of it is `held` or `retained`"), "{}", nothing.message);
}

/// Around what is kept 31 days are left alone where jobs select by activity, and around nothing else.
#[test]
fn what_keeps_nothing_has_no_days_around_it() {
    let long_ago = |more: Value| {
        let mut base: Value = serde_json::from_str(&recordings(json!({
            "range": range("2018-01-01T00:00:00Z", "2018-06-01T00:00:00Z")
        })))
        .unwrap();
        base.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        base.to_string()
    };
    let kept = |request: &str, policy: &str| {
        let checked = check(request, Some(policy), &context());
        assert!(checked.plan.is_some(), "{:?}", checked.findings);
        checked.parts.iter().filter(|part| part.disposition != Disposition::Chunk).count()
    };
    let held = |hold: Value| policy(json!({"holds": [hold]}));
    let window = range("2018-03-01T00:00:00Z", "2018-03-02T00:00:00Z");
    assert_eq!(kept(&long_ago(json!({})), &held(json!({"id": "h", "range": window}))), 3);
    assert_eq!(
        kept(
            &long_ago(json!({})),
            &held(json!({"id": "h", "range": window, "conversationIds": ["6b1f3c1e-0000-4000-8000-000000000001"]}))
        ),
        0
    );
    let days = context().now.since(at("2018-06-10T00:00:00Z")).as_secs() / 86_400;
    let rule = policy(json!({"retention": [{"recordTypes": ["recording"], "minAgeDays": days, "basis": "law"}]}));
    assert_eq!(kept(&long_ago(json!({})), &rule), 1);
    let overriding = json!({"retentionOverride": {"reason": "court", "approver": "judge"}});
    assert_eq!(kept(&long_ago(overriding), &rule), 0);
}

#[test]
fn a_stopped_check_still_has_a_document() {
    let document = serde_json::to_value(plan::document(&check("{", None, &context()))).unwrap();
    assert_eq!(
        (&document["planDigest"], &document["estimate"], &document["chunks"]),
        (&Value::Null, &Value::Null, &json!([]))
    );
}

#[test]
fn a_hold_on_other_record_types_does_not_matter() {
    for (kinds, held) in [(json!(["message"]), true), (json!(["conversation"]), true), (json!(["recording"]), false)] {
        let hold = policy(json!({"holds": [{"id": "h", "recordTypes": kinds}]}));
        let checked = check(&request(json!({"recordTypes": ["message"]})), Some(&hold), &context());
        assert_eq!(checked.parts.iter().any(|p| p.disposition == Disposition::Held), held, "{kinds}");
    }
}

/// JSON of any shape, with the field names that mean something among the keys.
fn any_json() -> impl Strategy<Value = Value> {
    let names = prop::sample::select(vec![
        "version",
        "name",
        "api",
        "recordTypes",
        "range",
        "start",
        "end",
        "jurisdiction",
        "query",
        "chunking",
        "days",
        "hours",
        "reason",
        "requestedBy",
        "retention",
        "holds",
        "id",
        "conversationIds",
        "minAgeDays",
        "limits",
        "maxRecords",
        "x",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        Just(json!(1)),
        Just(json!("dataDeletion")),
        Just(json!("recordingJobs")),
        Just(json!("conversation")),
        Just(json!("us-east-1")),
        Just(json!("9999-12-31T23:59:59.999Z")),
        Just(json!("1970-01-01T00:00:00Z")),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 12, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(names.clone(), inner, 0..12)
                .prop_map(|map| Value::Object(map.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, rng_seed: SEED, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_json_gets_an_answer(request in any_json(), policy in any_json(), now in any::<i64>()) {
        let context = CheckContext { now: Timestamp::from_millis(now), ..context() };
        let checked = check(&request.to_string(), Some(&policy.to_string()), &context);
        prop_assert!(checked.plan.is_none());
        prop_assert!(!checked.findings.is_empty());
    }

    #[test]
    fn any_text_gets_an_answer(text in ".{0,200}") {
        prop_assert!(check(&text, Some(&text), &context()).plan.is_none());
        prop_assert!(plan::reopen(&text, &context()).is_err());
    }

    #[test]
    fn one_field_replaced_gets_an_answer(key in 0_usize..11, value in any_json(), now in any::<i64>()) {
        let mut request: Value = serde_json::from_str(Q1).unwrap();
        let name = request.as_object().unwrap().keys().nth(key % 10).unwrap().clone();
        request[&name] = value;
        let context = CheckContext { now: Timestamp::from_millis(now), ..context() };
        let checked = check(&request.to_string(), Some(POLICY), &context);
        prop_assert_eq!(checked.plan.is_some(), !checked.findings.iter().any(|f| f.severity.stops()));
    }
}

/// A recording job deletes recordings, whatever the request calls them, so using another name must not get around a rule about
/// them.
#[test]
fn a_rule_stands_against_what_is_deleted_and_not_against_what_it_is_called() {
    use RecordType::{Conversation, Interaction, Message, Recording, ScreenRecording};
    let all_but_screens = [Conversation, Interaction, Message, Recording];
    for (asked, kept) in [
        (vec![Recording], all_but_screens.to_vec()),
        (vec![Interaction], all_but_screens.to_vec()),
        (vec![Message], all_but_screens.to_vec()),
        (vec![Conversation], RecordType::ALL.to_vec()),
        (vec![ScreenRecording], RecordType::ALL.to_vec()),
    ] {
        for kind in RecordType::ALL {
            let stands = stands_against(&[kind], DeletionApi::RecordingJobs, &asked);
            assert_eq!(stands, kept.contains(&kind), "{kind:?} against a job for {asked:?}");
        }
    }
    // `dataDeletion` deletes what is named. A conversation stands for everything that belongs to it.
    for (asked, kind, stands) in [
        (Message, Message, true),
        (Message, Recording, false),
        (Message, Conversation, true),
        (Conversation, ScreenRecording, true),
        (Interaction, Message, false),
    ] {
        assert_eq!(stands_against(&[kind], DeletionApi::DataDeletion, &[asked]), stands, "{kind:?} against {asked:?}");
    }
}

#[test]
fn a_hold_on_recordings_cannot_be_got_around_by_asking_for_interactions() {
    let held = json!({"version": 1, "holds": [{"id": "LH-1", "recordTypes": ["recording"],
        "range": {"start": "2023-01-10T00:00:00Z", "end": "2023-01-12T00:00:00Z"}}]});
    let asked = recordings(json!({"recordTypes": ["interaction"]}));
    let plan = check(&asked, Some(&held.to_string()), &context()).plan.unwrap();
    let window = plan.parts().iter().find(|part| part.disposition == Disposition::Held).map(|part| part.window);
    assert_eq!(window.map(|w| w.to_string()).as_deref(), Some("2023-01-10T00:00:00.000Z/2023-01-12T00:00:00.000Z"));
    let approval = Approval {
        digest: plan.digest().to_owned(),
        approved_by: "b@example.com".to_owned(),
        approved_at: context().now,
    };
    let order = Order::new(&plan, &approval, "https://api.mypurecloud.com", false).unwrap();
    assert_eq!(order.held_windows.len(), 1, "the guard before each deletion knows it, too");
}

#[test]
fn messages_older_than_five_years_are_not_deleted_with_the_calls() {
    let asked = recordings(
        json!({"recordTypes": ["message"], "range": {"start": "2019-01-01T00:00:00Z", "end": "2022-06-01T00:00:00Z"}}),
    );
    let plan = check(&asked, None, &context()).plan.unwrap();
    assert!(plan.chunks().iter().all(|chunk| chunk.age == Age::Recent), "none of them is selected by age alone");
    let calls = recordings(
        json!({"recordTypes": ["message", "recording"], "range": {"start": "2019-01-01T00:00:00Z", "end": "2022-06-01T00:00:00Z"}}),
    );
    let plan = check(&calls, None, &context()).plan.unwrap();
    assert!(plan.chunks().iter().any(|chunk| chunk.age == Age::Aged));
}

#[test]
fn nobody_is_warned_of_conversations_that_are_looked_for() {
    let held = json!([{"id": "a", "range": range("2023-01-05T00:00:00Z", "2023-01-06T00:00:00Z")}]);
    let codes = |request: &str, limits: Value| {
        let policy = policy(json!({"holds": held, "limits": limits}));
        let checked = check(request, Some(&policy), &context());
        checked.findings.into_iter().map(|finding| finding.code.to_string()).collect::<BTreeSet<_>>()
    };
    let messages = request(json!({"recordTypes": ["message"]}));
    for (request, limits, warned) in [
        (Q1, json!({}), true),
        (Q1, json!({"spanningConversations": true}), false),
        (messages.as_str(), json!({}), false),
        (recordings(json!({})).as_str(), json!({}), false),
    ] {
        assert_eq!(codes(request, limits).contains("hold.spanning"), warned, "{request}");
    }
}

/// A run keeps its plan file, and reads it again to prove the plan or to retry.
#[test]
fn however_long_the_policy_is_the_plan_file_can_be_read_again() {
    let ids: Vec<_> = (0..400_000).map(|i| format!("0a1b2c3d-4e5f-6071-8293-{i:012x}")).collect();
    let long = policy(json!({"holds": [{"id": "H-1", "conversationIds": ids}]}));
    assert!(long.len() > 15_000_000);
    let plan = check(&request(json!({})), Some(&long), &context()).plan.unwrap();
    let file = PlanFile::new(&plan, context().now);
    assert_eq!(plan::reopen(&file.text(), &context()).unwrap().plan.digest(), plan.digest());
    let short = check(&request(json!({})), Some(&policy(json!({}))), &context()).plan.unwrap();
    assert!(PlanFile::new(&short, context().now).text().lines().count() > 10, "people read it");

    // Written out with milliseconds, this policy becomes longer than a policy may be.
    let range = json!({"start": "2021-01-01T00:00:00Z", "end": "2021-01-02T00:00:00Z"});
    let holds: Vec<_> = (0..180_000).map(|i| json!({"id": format!("H-{i:07}"), "range": range})).collect();
    let grows = policy(json!({"holds": holds}));
    assert!(grows.len() < 16 * 1024 * 1024);
    let checked = check(&request(json!({})), Some(&grows), &context());
    assert_eq!(checked.findings.iter().filter(|f| f.code == "json.tooLarge").count(), 1);
    assert!(checked.plan.is_none());
}

#[test]
fn nobody_is_told_to_write_an_instant_after_the_last() {
    let last = range("2023-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z");
    let checked = check(&request(json!({ "range": last })), None, &context());
    let codes: Vec<_> = checked.findings.iter().map(|finding| finding.code.as_str()).collect();
    assert!(codes.contains(&"range.future") && !codes.contains(&"range.endLooksInclusive"), "{codes:?}");
}
