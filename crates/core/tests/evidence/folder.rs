//! Tests of checking a folder of evidence: every file is checked, and every check fails when it should.

use purge_core::audit::{AuditRecord, Event};
use purge_core::evidence::{Evidence, Examination, FILES, Material, Verdict};
use purge_core::json::digest;
use purge_core::plan::{CheckContext, PlanFile, check};
use purge_core::report::{Ordered, Report};
use purge_core::run::{Approval, Order};
use purge_core::webhook::{ChunkEnd, MessageState, OutboxRow, WebhookEvent};
use serde_json::{Value, json};

use crate::support::at;
use crate::tenant::records;

const TENANT: &str = "https://api.mypurecloud.com";

/// A policy that let a deletion leave.
const POLICY: &str = r#"{"holds":[],"version":1}"#;
/// A policy that did not. No record names it.
const OTHER: &str = r#"{"version":1}"#;

/// A folder whose files a test may change.
#[derive(Clone)]
struct Folder {
    manifest: Value,
    files: Vec<(String, String)>,
}

type Change = fn(&mut Folder);

/// The evidence of a real purge of two days.
fn folder() -> Folder {
    let request = json!({
        "version": 1, "name": "two days", "api": "dataDeletion", "recordTypes": ["conversation"],
        "range": { "start": "2023-01-01T00:00:00Z", "end": "2023-01-03T00:00:00Z" },
        "jurisdiction": "us-east-1", "chunking": { "days": 1 }, "reason": "schedule 4.2", "requestedBy": "ada"
    });
    let now = at("2026-01-01T00:00:00Z");
    let plan = check(&request.to_string(), Some(r#"{"version":1}"#), &CheckContext::at(now)).plan.unwrap();
    let approval = Approval { digest: plan.digest().to_owned(), approved_by: "grace".to_owned(), approved_at: now };
    let order = Order::new(&plan, &approval, TENANT, false).unwrap();
    let mut records: Vec<AuditRecord> = plan.chunks().iter().flat_map(|chunk| records(&order, *chunk, &[])).collect();
    // Every chunk has its own request, but the tenant of this test numbers the requests of each chunk from 1.
    with_policy(&mut records);
    renumber(&mut records, &order);
    let report = Report::of(Ordered::of(&order, &plan), &records);
    let messages: Vec<OutboxRow> = records
        .iter()
        .filter_map(|record| message(&plan.chunks()[record.chunk as usize - 1], &order, record))
        .collect();
    let plan_file = PlanFile::new(&plan, now).text();
    let material = Material {
        order: &order,
        plan_file: &plan_file,
        records: &records,
        report: &report,
        messages: &messages,
        policies: &[OTHER.to_owned(), POLICY.to_owned()],
    };
    let evidence = Evidence::of(&material).unwrap();
    assert_eq!(evidence.check(), Ok(()));
    let files = evidence.files.iter().map(|(name, text)| ((*name).to_owned(), text.clone())).collect();
    Folder { manifest: serde_json::from_str(&evidence.manifest).unwrap(), files }
}

/// Inserts, right after a record that the deletion is about to leave, the policy that let it leave.
fn with_policy(records: &mut Vec<AuditRecord>) {
    let sends = |record: &AuditRecord| record.chunk == 2 && matches!(record.event, Event::Sending { .. });
    let place = records.iter().position(sends).unwrap();
    let asked = Event::PolicyAsked { policy: digest(POLICY.as_bytes()) };
    records.insert(place + 1, AuditRecord { event: asked, ..records[place].clone() });
}

fn renumber(records: &mut [AuditRecord], order: &Order) {
    let mut head = purge_core::audit::ChainHead::origin(&order.plan_digest, 2);
    for record in records.iter_mut().filter(|record| record.chunk == 2) {
        record.request_id = record.request_id.as_ref().map(|_| "req-2".to_owned());
        *record = purge_core::audit::seal(&mut head, record.clone());
    }
}

fn message(chunk: &purge_core::chunk::Chunk, order: &Order, record: &AuditRecord) -> Option<OutboxRow> {
    let Event::Finished { outcome, cause, .. } = &record.event else { return None };
    let end = ChunkEnd {
        chunk: *chunk,
        attempt: record.attempt,
        outcome: *outcome,
        cause: cause.clone(),
        request_id: record.request_id.clone(),
        records_deleted: record.records_deleted,
        duration_ms: record.duration_ms,
        at: record.timestamp,
    };
    let event = WebhookEvent::of(order, end);
    let state = MessageState::Delivered { at: record.timestamp };
    Some(OutboxRow { id: event.id.clone(), body: event.body(), attempts: 1, state })
}

impl Folder {
    fn text(&mut self, name: &str) -> &mut String {
        &mut self.files.iter_mut().find(|(known, _)| known == name).unwrap().1
    }

    /// Changes a file, and its hash in the manifest to match.
    fn forge(&mut self, name: &str, from: &str, to: &str) {
        let text = self.text(name);
        assert!(text.contains(from), "`{from}` in {text}");
        *text = text.replacen(from, to, 1);
        let hash = digest(text.as_bytes());
        self.manifest["files"][name] = json!(hash);
    }

    fn verdict(&self, kept: Option<&str>, log: Result<(), String>) -> Verdict {
        let beside = self.files.iter().map(|(name, text)| (name.clone(), Ok(text.clone().into_bytes()))).collect();
        let mut examination = Examination::new(self.manifest.to_string().as_bytes(), kept, beside).unwrap();
        if let Some((_, text)) = self.files.iter().find(|(name, _)| name == "audit.jsonl") {
            examination.feed(text.as_bytes());
        }
        examination.finish(log)
    }
}

/// The names of the checks that do not hold.
fn broken(verdict: &Verdict) -> String {
    let broken: Vec<_> = verdict.checks.iter().filter(|check| !check.holds).map(|check| check.name).collect();
    assert_eq!(verdict.holds, broken.is_empty());
    // Records that cannot be trusted give no outcome.
    assert_eq!(verdict.outcome.is_some(), !broken.contains(&"chains") && !broken.contains(&"plan"), "{broken:?}");
    assert_eq!(verdict.outcome.is_some(), verdict.summary.is_some());
    broken.join(" ")
}

#[test]
fn every_check_fails_for_what_it_is_there_for() {
    let table: [(&str, Change, &str); 35] = [
        ("nothing", |_| {}, ""),
        ("a file that was changed", |f| f.text("README.txt").push('x'), "files readme"),
        ("the plan", |f| f.forge("plan.json", "schedule 4.2", "schedule 4.3"), "plan"),
        ("how the plan is written", |f| f.forge("plan.json", "\"days\": 1", "\"days\": 1.0"), "plan"),
        ("a file that is missing", |f| f.files.retain(|(name, _)| name != "metrics.prom"), "files metrics"),
        ("a file too many", |f| f.files.push(("notes.txt".to_owned(), "x".to_owned())), "files"),
        ("what a desktop leaves behind", |f| f.files.push((".DS_Store".to_owned(), "x".to_owned())), ""),
        ("a foreign name in the manifest", |f| f.manifest["files"]["notes.txt"] = json!("sha256:00"), "files"),
        ("a manifest of a later version", |f| f.manifest["version"] = json!(2), "files"),
        (
            "a file that the manifest leaves out",
            |f| drop(f.manifest["files"].as_object_mut().unwrap().remove("README.txt")),
            "files",
        ),
        ("another run", |f| f.manifest["runId"] = json!("run-0"), "plan chains"),
        ("chains of another run", |f| f.manifest["chains"]["runId"] = json!("run-0"), "plan chains"),
        ("chains of another plan", |f| f.manifest["chains"]["planDigest"] = json!("sha256:00"), "plan chains"),
        ("another tenant", |f| f.manifest["tenant"] = json!("https://api.mypurecloud.de"), "plan"),
        ("a simulated tenant", |f| f.manifest["tenant"] = json!("SIMULATED"), "plan"),
        (
            "an approval before the plan",
            |f| f.manifest["approval"]["approvedAt"] = json!("2025-12-31T00:00:00.000Z"),
            "plan approval",
        ),
        (
            "an approval on another time of the day",
            |f| f.manifest["approval"]["approvedAt"] = json!("2026-01-01T00:00:01.000Z"),
            "approval",
        ),
        ("another approver", |f| f.manifest["approval"]["approvedBy"] = json!("eve"), "approval"),
        ("a byte of the log", |f| f.forge("audit.jsonl", "\"seq\":1,", "\"seq\":7,"), "chains"),
        (
            "the end of its last line",
            |f| {
                let text = f.text("audit.jsonl").trim_end().to_owned();
                f.manifest["files"]["audit.jsonl"] = json!(digest(text.as_bytes()));
                *f.text("audit.jsonl") = text;
            },
            "files chains",
        ),
        ("a figure of the report", |f| f.forge("report.json", "\"remaining\": 0", "\"remaining\": 1"), "report"),
        ("a member of the report", |f| f.forge("report.json", "\"open\": 0,", ""), "report"),
        ("a member more", |f| f.forge("report.json", "\"open\": 0,", "\"open\": 0, \"x\": 0,"), "report"),
        (
            "a problem that nobody has found",
            |f| f.forge("report.json", "\"problems\": []", "\"problems\": [{ \"code\": \"x\", \"message\": \"x\" }]"),
            "report",
        ),
        ("a figure of the metrics", |f| f.forge("metrics.prom", " 2\n", " 3\n"), "metrics"),
        ("what a message says", |f| f.forge("webhooks.jsonl", "completed", "cancelled"), "webhooks"),
        (
            "how long a message says that it took",
            |f| {
                let (_, rest) = f.text("webhooks.jsonl").split_once("\\\"durationSeconds\\\":").unwrap();
                let took = rest.split_once('}').unwrap().0.to_owned();
                f.forge("webhooks.jsonl", &format!("durationSeconds\\\":{took}"), "durationSeconds\\\":0.0");
            },
            "webhooks",
        ),
        ("whose message it is", |f| f.forge("webhooks.jsonl", "\"id\":\"msg_", "\"id\":\"msg_0"), "webhooks"),
        (
            "a message that was there before",
            |f| {
                let first = f.text("webhooks.jsonl").lines().next().unwrap().to_owned();
                f.forge("webhooks.jsonl", &first.clone(), &format!("{first}\n{first}"));
            },
            "webhooks",
        ),
        (
            "the order of the messages, and one that is missing",
            |f| {
                let last = f.text("webhooks.jsonl").lines().last().unwrap().to_owned();
                let all = f.text("webhooks.jsonl").clone();
                f.forge("webhooks.jsonl", &all, &format!("{last}\n"));
            },
            "",
        ),
        ("a policy", |f| f.forge("policies.jsonl", "\"version\":1", "\"version\":2"), "policies"),
        ("a policy that is not there", |f| f.forge("policies.jsonl", &format!("{POLICY}\n"), ""), "policies"),
        ("a policy that is there twice", |f| f.forge("policies.jsonl", "", &format!("{POLICY}\n")), "policies"),
        ("a policy that nobody names", |f| f.forge("policies.jsonl", "", &format!("{OTHER}\n")), "policies"),
        (
            "an end that nobody has recorded",
            |f| f.forge("webhooks.jsonl", "\\\"attempt\\\":1", "\\\"attempt\\\":2"),
            "webhooks",
        ),
    ];
    let honest = folder();
    for (what, change, expected) in table {
        let mut changed = honest.clone();
        change(&mut changed);
        let verdict = changed.verdict(None, Ok(()));
        assert_eq!(broken(&verdict), expected, "{what}: {:#?}", verdict.checks);
    }
    let unread = honest.verdict(None, Err("cannot be read".to_owned()));
    assert_eq!(broken(&unread), "files chains");
    assert_eq!(unread.checks.iter().map(|check| check.name).collect::<Vec<_>>(), ["files", "plan", "chains"]);
}

#[test]
fn the_folder_is_the_one_whose_digest_was_kept() {
    let honest = folder();
    let kept = digest(honest.manifest.to_string().as_bytes());
    let bare = kept.strip_prefix("sha256:").unwrap();
    let other = format!("sha256:{}", "0".repeat(64));
    for (kept, expected) in [(kept.as_str(), ""), (bare, ""), (other.as_str(), "manifest"), ("mine", "manifest")] {
        let verdict = honest.verdict(Some(kept), Ok(()));
        assert_eq!(broken(&verdict), expected, "{kept}");
    }
}

#[test]
fn a_verdict_says_what_the_evidence_is_of() {
    let verdict = folder().verdict(None, Ok(()));
    let summary = verdict.summary.unwrap();
    assert_eq!((verdict.outcome, verdict.simulated, verdict.checks.len()), (Some("verified"), false, FILES.len() + 2));
    assert_eq!((summary.chunks, summary.open, summary.records_deleted), (2, 0, Some(24)));
    assert_eq!((summary.tenant.as_str(), summary.approved_by.as_str()), (TENANT, "grace"));
}
