//! Tests that the page's types cannot drift: samples of every answer, made by core, are written to a TypeScript file that the
//! compiler checks against the types. With `UPDATE=1` the file is written again.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use purge_core::audit::AuditRecord;
use purge_core::chunk::Age;
use purge_core::evidence::{Evidence, Examination, Files, Material};
use purge_core::finding::Severity;
use purge_core::order::{Approval, Order};
use purge_core::outcome::{Outcome, WaitReason};
use purge_core::plan::{CheckContext, Disposition, Plan, reopen};
use purge_core::report::{Ordered, Report};
use purge_core::run::ChunkRun;
use purge_core::time::Timestamp;
use purge_core::webhook::OutboxRow;
use purge_wasm::{EvidenceCheck, PlanHandle, Rehearsal, examined, plan};
use serde::Serialize;
use serde_json::{Map, Value, json};

const NOW: &str = "2026-11-23T12:00:00.000Z";

fn planned(request: &str, policy: Option<&str>) -> PlanHandle {
    plan(request, policy.map(str::to_owned), &format!("{{\"now\":\"{NOW}\"}}")).unwrap()
}

/// Writes a declaration that fails to compile if the sample has a field too many or too few, or a value of another kind.
fn sample(out: &mut String, name: &str, kind: &str, json: &Value) {
    writeln!(out, "export const {name}: {kind} = {json}").unwrap();
}

/// Writes a declaration that fails to compile if the type has a word too many or too few.
fn words<T: Serialize>(out: &mut String, name: &str, kind: &str, all: &[T]) {
    let word = |word: &T| (serde_json::to_value(word).unwrap().as_str().unwrap().to_owned(), Value::Bool(true));
    sample(out, name, &format!("Record<{kind}, true>"), &Value::Object(all.iter().map(word).collect()));
}

/// Writes every word that may cross. The matches do nothing but fail to compile when a variant is added.
fn all_words(out: &mut String) {
    words(out, "outcomes", "Outcome", &Outcome::ALL);
    words(out, "states", "ChunkState", &Vec::from_iter(chunk_states()));
    words(
        out,
        "severities",
        "Severity",
        &match Severity::Note {
            Severity::Error | Severity::Blocked | Severity::Warning | Severity::Note => {
                [Severity::Error, Severity::Blocked, Severity::Warning, Severity::Note]
            }
        },
    );
    words(
        out,
        "dispositions",
        "Disposition",
        &match Disposition::Chunk {
            Disposition::Chunk
            | Disposition::Held
            | Disposition::Retained
            | Disposition::TooRecent
            | Disposition::Refused => [
                Disposition::Chunk,
                Disposition::Held,
                Disposition::Retained,
                Disposition::TooRecent,
                Disposition::Refused,
            ],
        },
    );
    words(
        out,
        "ages",
        "NonNullable<Row['age']>",
        &match Age::Recent {
            Age::Recent | Age::Aged => [Age::Recent, Age::Aged],
        },
    );
    let waits = match WaitReason::InFlight {
        WaitReason::RateLimited { .. }
        | WaitReason::Backoff { .. }
        | WaitReason::JobPending { .. }
        | WaitReason::RequestBudget
        | WaitReason::SlotBusy
        | WaitReason::ConfirmingSubmit
        | WaitReason::IndexLag
        | WaitReason::CoolOff
        | WaitReason::InFlight => [
            WaitReason::RateLimited { retry_after_seconds: Some(2) },
            WaitReason::Backoff { attempt: 1 },
            WaitReason::JobPending { percent: Some(40) },
            WaitReason::RequestBudget,
            WaitReason::SlotBusy,
            WaitReason::ConfirmingSubmit,
            WaitReason::IndexLag,
            WaitReason::CoolOff,
            WaitReason::InFlight,
        ],
    };
    let of_kind = |wait: &WaitReason| {
        let value = serde_json::to_value(wait).unwrap();
        (value.get("kind").and_then(Value::as_str).unwrap().to_owned(), value)
    };
    let waits: Map<_, _> = waits.iter().map(of_kind).collect();
    let kind = "{ [kind in WaitReason['kind']]: Extract<WaitReason, { kind: kind }> }";
    sample(out, "waits", kind, &Value::Object(waits));
}

/// Every state that a chunk can show before it ends. Core's phases are private, so a stored chunk is put into each of them in turn;
/// serde lists their names when it is given one that does not exist.
fn chunk_states() -> BTreeSet<String> {
    let plan_file = planned(include_str!("../../../examples/q1-2023.json"), None).plan_file().unwrap();
    let now = Timestamp::parse(NOW).unwrap();
    let plan = reopen(&plan_file, &CheckContext::at(now)).unwrap().plan;
    let stored = serde_json::to_value(ChunkRun::new(&order(&plan, now), plan.chunks()[0])).unwrap();
    let in_phase = |phase: Value| {
        let mut stored = stored.clone();
        stored["phase"] = phase;
        serde_json::from_value::<ChunkRun>(stored)
    };
    let error = in_phase(json!({ "name": "" })).unwrap_err().to_string();
    let names: Vec<_> = error.split('`').skip(1).step_by(2).filter(|name| !name.is_empty()).collect();
    let state = |name: &&str| {
        // The members of all phases together. `since` is a time in some and a count in others.
        let phase = |since: Value| {
            json!({
                "name": name, "from": 0, "touched": {}, "unknown": {}, "batch": 1, "protected": [], "entity": 0, "sum": 0, "since": since,
                "watchedMs": 0, "baseline": null, "looks": 0, "page": 1, "id": "", "look": {}, "ids": [], "at": 0, "guarded": 0,
                "guards": [], "outcome": "held", "cause": { "code": "", "message": "" },
            })
        };
        let run = in_phase(phase(json!(NOW))).or_else(|_| in_phase(phase(json!(0))));
        run.unwrap_or_else(|why| panic!("phase `{name}`: {why}")).view().state
    };
    // In this phase every chunk has an outcome, which it shows instead.
    names.iter().filter(|name| **name != "ended").map(state).collect()
}

fn samples() -> String {
    let mut out = String::from(
        "// Written by `UPDATE=1 cargo test -p purge-wasm`; do not edit.\n\
         import type {\n  ChunkState, Disposition, EvidenceVerdict, Happened, HttpRequest, Outcome, QueueMessage, Reported, Row, Severity, Standing, Summary, Verdict, WaitReason,\n\
         } from '../src/types'\n\n",
    );
    all_words(&mut out);
    let holds = include_str!("../../../examples/holds-and-retention.json");
    let policy = include_str!("../../../examples/policy.json");
    let good = planned(holds, Some(policy));
    sample(&mut out, "summary", "Summary", &good.summary());
    sample(&mut out, "rows", "Row[]", &good.rows(8, 12));
    sample(&mut out, "submit", "HttpRequest | null", &good.submit(1, NOW).unwrap());
    sample(&mut out, "noSubmit", "HttpRequest | null", &good.submit(0, NOW).unwrap());
    sample(&mut out, "wakeUp", "QueueMessage | null", &good.wake_up(1, "5f1c3a52-2c1f-4f7e-9d55-7c4b1d1f0a11"));
    let broken = planned("{\"version\": 1, \"holds\": []}", None);
    sample(&mut out, "brokenSummary", "Summary", &broken.summary());
    let recordings = include_str!("../../../examples/year-recording-jobs.json");
    sample(&mut out, "job", "HttpRequest | null", &planned(recordings, Some(policy)).submit(1, NOW).unwrap());

    let scenario = r#"{"faults": [{"on": "any", "every": 7, "do": {"kind": "rateLimited", "retryAfter": "2"}},
        {"on": "submit", "nth": [2], "do": {"kind": "dropAfter"}}, {"on": "submit", "nth": [3], "do": {"kind": "error", "status": 400}}],
        "population": {"from": "2023-01-01T00:00:00Z", "to": "2023-04-01T00:00:00Z", "everySeconds": 36000}}"#;
    let quarter = planned(include_str!("../../../examples/q1-2023.json"), None);
    let mut rehearsal = Rehearsal::new(&quarter.plan_file().unwrap(), "dpo@example.com", scenario, NOW).unwrap();
    rehearsal.step();
    sample(&mut out, "standing", "Standing", &rehearsal.standing());
    assert!(rehearsal.run_until(f64::MAX, 100_000));
    sample(&mut out, "happened", "Happened[]", &rehearsal.take_happened());
    sample(&mut out, "reported", "Reported", &rehearsal.report());

    let log = rehearsal.audit_log(None, None);
    sample(&mut out, "goodVerdict", "Verdict", &verdict(&log, 1_000));
    sample(&mut out, "badVerdict", "Verdict", &verdict(&log.replacen("us-east-1", "us-west-2", 1), 7));
    sample(&mut out, "evidenceVerdict", "EvidenceVerdict", &evidence_verdict(&quarter.plan_file().unwrap(), &log));
    out
}

fn order(plan: &Plan, now: Timestamp) -> Order {
    let approval =
        Approval { digest: plan.digest().to_owned(), approved_by: "dpo@example.com".to_owned(), approved_at: now };
    Order::new(plan, &approval, "SIMULATED tenant", true).unwrap()
}

/// The verdict about the evidence of a rehearsal whose report was replaced.
fn evidence_verdict(plan_file: &str, log: &str) -> Value {
    let now: Timestamp = Timestamp::parse(NOW).unwrap();
    let plan = reopen(plan_file, &CheckContext::at(now)).unwrap().plan;
    let order = order(&plan, now);
    let records: Vec<AuditRecord> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let report = Report::of(Ordered::of(&order, &plan), &records);
    let messages: [OutboxRow; 0] = [];
    let material =
        Material { order: &order, plan_file, records: &records, report: &report, messages: &messages, policies: &[] };
    let evidence = Evidence::of(&material).unwrap();
    let mut files: Files =
        evidence.files.iter().map(|(name, text)| ((*name).to_owned(), Ok(text.clone().into_bytes()))).collect();
    files.insert("report.json".to_owned(), Ok(b"{}".to_vec()));
    let mut examination = Examination::new(evidence.manifest.as_bytes(), None, files).unwrap();
    log.as_bytes().chunks(1_000).for_each(|piece| examination.feed(piece));
    examined(&examination.finish(Ok(())))
}

/// The verdict about a log that is fed in pieces of `piece` bytes.
fn verdict(log: &str, piece: usize) -> Value {
    let mut check = EvidenceCheck::new();
    log.as_bytes().chunks(piece).for_each(|bytes| check.feed(bytes));
    check.finish(None).unwrap()
}

#[test]
fn the_pages_types_are_those_of_core() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../www/test/samples.ts");
    let made = samples();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == made, "www/test/samples.ts is not what core answers; run with UPDATE=1 and look at the difference");
}

#[test]
fn a_log_may_be_cut_anywhere() {
    let quarter = planned(include_str!("../../../examples/q1-2023.json"), None);
    let mut rehearsal = Rehearsal::new(&quarter.plan_file().unwrap(), "dpo@example.com", "{}", NOW).unwrap();
    rehearsal.run_until(f64::MAX, 100_000);
    let log = rehearsal.audit_log(None, None);
    let whole = verdict(&log, usize::MAX);
    assert_eq!(whole["good"], true, "{whole}");
    for piece in [1, 2, 3, 64, 997, 65_536] {
        assert_eq!(verdict(&log, piece), whole, "{piece}");
    }
    // The last line may lack its line end.
    assert_eq!(verdict(log.trim_end(), 10)["good"], true);
}

#[test]
fn rows_are_the_same_whichever_page_they_are_asked_in() {
    let handle = planned(
        include_str!("../../../examples/holds-and-retention.json"),
        Some(include_str!("../../../examples/policy.json")),
    );
    let rows = |from, to| handle.rows(from, to).as_array().unwrap().clone();
    let all = rows(0, usize::MAX);
    assert_eq!(all.len(), handle.starts().len());
    assert_eq!(all.len(), handle.dispositions().len());
    for size in [1, 5, 7] {
        let paged: Vec<_> = (0..all.len()).step_by(size).flat_map(|from| rows(from, from + size)).collect();
        assert_eq!(paged, all, "{size}");
    }
    assert!(rows(10_000, 20_000).is_empty());
}

#[test]
fn what_is_misspelt_is_refused_and_not_dropped() {
    let error = plan("{}", None, "{\"now\":\"2026-11-23T12:00:00Z\",\"tenant\":null}").unwrap_err();
    assert!(error.starts_with("context: unknown field `tenant`"), "{error}");
    let quarter = planned(include_str!("../../../examples/q1-2023.json"), None).plan_file().unwrap();
    let refused = |approver: &str, scenario: &str| Rehearsal::new(&quarter, approver, scenario, NOW).unwrap_err();
    assert!(refused("a@example.com", "{\"fault\":[]}").starts_with("scenario: unknown field `fault`"));
    assert_eq!(refused(" ", "{}"), "the approval does not say who gave it: there is no name");
    let changed = quarter.replacen("2023-01-01", "2023-01-02", 1);
    let error = Rehearsal::new(&changed, "a@example.com", "{}", NOW).unwrap_err();
    assert!(error.starts_with("the digest is"), "{error}");
}
