//! Checking an evidence folder, trusting nothing in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::Duration;

use purge_core::audit::{AuditRecord, Event, Verifier};
use purge_core::evidence::{
    AUDIT, EVIDENCE_VERSION, FILES, MANIFEST, METRICS, Manifest, PLAN, README, REPORT, WEBHOOKS, readme,
};
use purge_core::json::digest;
use purge_core::metrics::prometheus;
use purge_core::plan::{self, CheckContext, Plan};
use purge_core::report::{Ordered, Report};
use purge_core::run::Order;
use purge_core::time::Timestamp;
use purge_core::webhook::{ChunkEnd, WebhookEvent, event_id};
use purge_driver::ledger::OutboxRow;
use serde::Serialize;
use serde_json::Value;

use crate::exit::Exit;
use crate::failure::Failure;

/// Whoever notes the approval and whoever works on a chunk may be two machines, whose clocks differ. Tampering is not to be cried over
/// that.
const CLOCKS_APART: Duration = Duration::from_secs(300);

/// What was looked at and what was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Check {
    /// `manifest`, `files`, `plan`, `chains`, `approval`, `report`, `metrics`, `webhooks`, `readme`.
    pub(crate) name: &'static str,
    /// Whether it holds.
    pub(crate) holds: bool,
    /// What holds, or the first thing that does not.
    pub(crate) detail: String,
}

/// What the folder is, and every check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Verdict {
    /// Whether everything holds.
    pub(crate) holds: bool,
    /// Which run it is of.
    pub(crate) run_id: String,
    /// Which plan.
    pub(crate) plan_digest: String,
    /// Whether nothing real was deleted.
    pub(crate) simulated: bool,
    /// Digest of the manifest: the one that `run` printed.
    pub(crate) evidence_digest: String,
    /// How the run ended, as the records tell; absent when they cannot be believed.
    pub(crate) outcome: Option<&'static str>,
    /// Every check that could be made.
    pub(crate) checks: Vec<Check>,
}

/// Checks the folder, and its manifest against the digest that somebody kept. Without a manifest nothing can be checked.
pub(crate) fn verify(folder: &Path, kept: Option<&str>, now: Timestamp) -> Result<Verdict, Failure> {
    let (text, manifest) = read_manifest(folder)?;
    let evidence_digest = digest(text.as_bytes());
    let mut checks: Vec<Check> = kept.map(|kept| check_manifest(&evidence_digest, kept)).into_iter().collect();
    checks.push(files(folder, &manifest));
    let plan = check_plan(folder, &manifest, now);
    let (order, plan_check) = match &plan {
        Ok((plan, order)) => {
            let chunks = plan.chunks().len();
            (Some((plan, order)), held("plan", format!("its {chunks} chunks have the digest that was approved")))
        }
        Err(why) => (None, broken("plan", why.clone())),
    };
    checks.push(plan_check);
    let (records, chains) = check_chains(folder, &manifest);
    checks.push(chains);
    checks.extend(records.as_deref().map(|records| check_approval(&manifest, records)));
    let report = order.zip(records).map(|((plan, order), records)| {
        let ordered = Ordered { order, chunks: plan.chunks(), parts: plan.parts() };
        let report = Report::of(ordered, &records);
        checks.push(check_report(folder, &report));
        checks.push(check_text("metrics", "they are the report's figures", folder, METRICS, &prometheus(&report)));
        checks.push(check_webhooks(folder, ordered, &records));
        checks.push(check_text("readme", "it is what belongs to the report", folder, README, &readme(&report)));
        report
    });
    Ok(Verdict {
        holds: checks.iter().all(|check| check.holds),
        run_id: manifest.run_id,
        plan_digest: manifest.chains.plan_digest,
        simulated: manifest.simulated,
        evidence_digest,
        outcome: report.map(|report| report.outcome.as_str()),
        checks,
    })
}

fn read_manifest(folder: &Path) -> Result<(String, Manifest), Failure> {
    let path = folder.join(MANIFEST);
    let text = fs::read_to_string(&path);
    let is_evidence = text.is_ok() || path.exists() || FILES.iter().any(|name| folder.join(name).exists());
    let refused = |why: String| {
        if !is_evidence {
            let message = format!("`{}` is no evidence folder: {why}", folder.display());
            let help = "name the folder that `run` printed";
            return Failure::new(Exit::BadInput, "evidence.none", path.display().to_string(), message, help);
        }
        let message = format!("the evidence does not hold: `{MANIFEST}` is missing or damaged: {why}");
        let help = "restore the folder from a copy; while the ledger is there, the same `run` writes it again";
        Failure::new(Exit::Doubtful, "evidence.manifest", path.display().to_string(), message, help)
    };
    let text = text.map_err(|why| refused(why.to_string()))?;
    let manifest = serde_json::from_str(&text).map_err(|why| refused(why.to_string()))?;
    Ok((text, manifest))
}

/// Whoever replaces a folder as a whole can make everything in it fit, but not the digest that is kept elsewhere.
fn check_manifest(found: &str, kept: &str) -> Check {
    if found == kept {
        held("manifest", "it is the one that `run` printed the digest of".to_owned())
    } else {
        broken("manifest", format!("its digest is `{found}`, not `{kept}`"))
    }
}

fn held(name: &'static str, detail: String) -> Check {
    Check { name, holds: true, detail }
}

fn broken(name: &'static str, detail: String) -> Check {
    Check { name, holds: false, detail }
}

/// Every file that belongs here is here with its hash, and nothing else is.
fn files(folder: &Path, manifest: &Manifest) -> Check {
    if manifest.version != EVIDENCE_VERSION {
        return broken(
            "files",
            format!("the manifest is of version {}, which this program does not know", manifest.version),
        );
    }
    let expected: BTreeSet<&str> = FILES.into_iter().collect();
    let listed: BTreeSet<&str> = manifest.files.keys().map(String::as_str).collect();
    if let Some(name) = expected.symmetric_difference(&listed).next() {
        return broken("files", format!("the manifest does not list exactly the files of evidence: `{name}`"));
    }
    for (name, hash) in &manifest.files {
        match fs::read(folder.join(name)) {
            Ok(bytes) if digest(&bytes) == *hash => {}
            Ok(_) => {
                return broken("files", format!("`{name}` was changed: it does not have the hash in the manifest"));
            }
            Err(why) => return broken("files", format!("`{name}` cannot be read: {why}")),
        }
    }
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(why) => return broken("files", format!("the folder cannot be listed: {why}")),
    };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name != MANIFEST && !expected.contains(name.as_str()) {
            return broken("files", format!("`{name}` does not belong to the evidence"));
        }
    }
    held("files", format!("{} files have the hashes in the manifest", manifest.files.len()))
}

/// The plan file gives a plan of its digest, and its approval makes this very run.
fn check_plan(folder: &Path, manifest: &Manifest, now: Timestamp) -> Result<(Plan, Order), String> {
    let text = read(folder, PLAN)?;
    let context = CheckContext { now, tenant_jurisdiction: None, default_jurisdiction: None };
    let reopened = plan::reopen(&text, &context).map_err(|findings| {
        let first = findings.first().map(|f| f.message.clone()).unwrap_or_default();
        format!("`{PLAN}` does not hold: {first}")
    })?;
    let plan = reopened.plan;
    if plan.digest() != manifest.chains.plan_digest {
        return Err(format!("`{PLAN}` is of another plan than the manifest: `{}`", plan.digest()));
    }
    let order = Order::new(&plan, &manifest.approval, &manifest.tenant, manifest.simulated)
        .map_err(|why| format!("the approval does not hold: {why}"))?;
    if order.run_id != manifest.run_id || order.run_id != manifest.chains.run_id {
        return Err(format!("plan and tenant make the run `{}`, not `{}`", order.run_id, manifest.run_id));
    }
    Ok((plan, order))
}

/// Every chain is whole, as long as the manifest says, and of this run.
fn check_chains(folder: &Path, manifest: &Manifest) -> (Option<Vec<AuditRecord>>, Check) {
    let text = match read(folder, AUDIT) {
        Ok(text) => text,
        Err(why) => return (None, broken("chains", why)),
    };
    let mut verifier = Verifier::of(&manifest.run_id, &manifest.chains.plan_digest);
    let mut records = Vec::new();
    for line in text.lines() {
        verifier.line(line);
        records.extend(serde_json::from_str(line).ok());
    }
    let verdict = verifier.finish(Some(&manifest.chains));
    match verdict.bad {
        Some(bad) => (None, broken("chains", format!("first bad record: {bad}"))),
        None => {
            let chains = manifest.chains.heads.len();
            (Some(records), held("chains", format!("{} records in {chains} unbroken chains", verdict.records)))
        }
    }
}

/// The records name the approver inside their chains, every time a chunk is taken up; the manifest alone says when it was.
fn check_approval(manifest: &Manifest, records: &[AuditRecord]) -> Check {
    let approval = &manifest.approval;
    let mut starts = 0;
    for record in records {
        let Event::Started { approved_by, .. } = &record.event else { continue };
        starts += 1;
        if *approved_by != approval.approved_by {
            let (chunk, attempt) = (record.chunk, record.attempt);
            let of = format!("attempt {attempt} at chunk {chunk} was approved by `{approved_by}`");
            return broken("approval", format!("the manifest names `{}`, but {of}", approval.approved_by));
        }
    }
    let first = records.iter().map(|record| record.timestamp).min();
    if let Some(first) = first.filter(|first| first.plus(CLOCKS_APART) < approval.approved_at) {
        let (at, what) = (approval.approved_at, "the first record");
        return broken("approval", format!("the manifest says that it was approved at {at}, after {what} of {first}"));
    }
    held(
        "approval",
        format!("{starts} starts name the approver of the manifest, and none was long before the approval"),
    )
}

fn check_report(folder: &Path, report: &Report) -> Check {
    let written = read(folder, REPORT)
        .and_then(|text| serde_json::from_str::<Value>(&text).map_err(|why| format!("`{REPORT}`: {why}")));
    let amounts = serde_json::to_value(report).map_err(|why| why.to_string());
    let differs = written.and_then(|written| Ok(difference(&written, &amounts?, "")));
    match (differs, report.problems.first()) {
        (Err(why), _) => broken("report", why),
        (Ok(Some(where_)), _) => broken("report", format!("`{REPORT}` is not what the records amount to: {where_}")),
        (Ok(None), Some(problem)) => broken("report", format!("it does not add up: {}", problem.message)),
        (Ok(None), None) => held("report", "it is what the records amount to, and it adds up".to_owned()),
    }
}

/// The first place where what is written is not what it should be.
fn difference(written: &Value, should: &Value, pointer: &str) -> Option<String> {
    match (written, should) {
        (Value::Object(written), Value::Object(should)) => {
            let names: BTreeSet<&String> = written.keys().chain(should.keys()).collect();
            let of = |fields: &serde_json::Map<String, Value>, name| fields.get(name).cloned();
            names.into_iter().find_map(|name| match (of(written, name), of(should, name)) {
                (Some(written), Some(should)) => difference(&written, &should, &format!("{pointer}/{name}")),
                (None, _) => Some(format!("`{pointer}/{name}` is missing")),
                (_, None) => Some(format!("`{pointer}/{name}` does not belong there")),
            })
        }
        (Value::Array(written), Value::Array(should)) if written.len() == should.len() => {
            let pairs = written.iter().zip(should).enumerate();
            pairs
                .into_iter()
                .find_map(|(at, (written, should))| difference(written, should, &format!("{pointer}/{at}")))
        }
        (Value::Array(_), Value::Array(_)) => Some(format!("`{pointer}` has more or fewer entries")),
        _ => (written != should).then(|| format!("`{pointer}` is {written}, not {should}")),
    }
}

/// A file that follows from the report and from nothing else.
fn check_text(name: &'static str, holds: &str, folder: &Path, file: &str, should: &str) -> Check {
    match read(folder, file) {
        Ok(text) if text == should => held(name, holds.to_owned()),
        Ok(_) => broken(name, format!("`{file}` is not what follows from the report")),
        Err(why) => broken(name, why),
    }
}

/// What the governance system was told is what the records say. Whether it took it only the file itself says.
fn check_webhooks(folder: &Path, ordered: Ordered<'_>, records: &[AuditRecord]) -> Check {
    let text = match read(folder, WEBHOOKS) {
        Ok(text) => text,
        Err(why) => return broken("webhooks", why),
    };
    let ends: BTreeMap<String, &AuditRecord> = records
        .iter()
        .filter(|record| matches!(record.event, Event::Finished { .. }))
        .map(|record| (event_id(&record.run_id, record.chunk, record.attempt), record))
        .collect();
    let mut told = BTreeSet::new();
    for (line, number) in text.lines().zip(1..) {
        let wrong = |what: &str| broken("webhooks", format!("line {number} of `{WEBHOOKS}` {what}"));
        let Ok(message) = serde_json::from_str::<OutboxRow>(line) else { return wrong("is not a message") };
        let Some(end) = ends.get(&message.id) else {
            return wrong("is about an attempt of which no record tells the end");
        };
        if !bodies(ordered, end).contains(&message.body) {
            return wrong("does not say what the records say");
        }
        if !told.insert(message.id) {
            return wrong("has been there before");
        }
    }
    let (told, ends) = (told.len(), ends.len());
    held(
        "webhooks",
        format!(
            "{told} messages say what the records say, of {ends} ends; whether they were delivered is in the file alone"
        ),
    )
}

/// What a message about this end says. One that never got going has taken no time in its message; its record counts the wait.
fn bodies(ordered: Ordered<'_>, end: &AuditRecord) -> Vec<String> {
    let chunk = ordered.chunks.iter().find(|chunk| chunk.index == end.chunk);
    let (Some(&chunk), Event::Finished { outcome, cause, .. }) = (chunk, &end.event) else { return Vec::new() };
    let of = |duration_ms| {
        let told = ChunkEnd {
            chunk,
            attempt: end.attempt,
            outcome: *outcome,
            cause: cause.clone(),
            request_id: end.request_id.clone(),
            records_deleted: end.records_deleted,
            duration_ms,
            at: end.timestamp,
        };
        WebhookEvent::of(ordered.order, told).body()
    };
    vec![of(end.duration_ms), of(0)]
}

fn read(folder: &Path, name: &str) -> Result<String, String> {
    fs::read_to_string(folder.join(name)).map_err(|why| format!("`{name}` cannot be read: {why}"))
}
