//! Checks the evidence of a run without trusting anything in it: every file, and everything that can be derived from another file.
//! No clock is read, so the same bytes always get the same verdict.

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::checks::{self, RebuiltPlan};
use super::summary::Summary;
use super::{AUDIT, METRICS, Manifest, PLAN, README, policy_of, readme};
use crate::audit::{self, AuditRecord, Event, Lines, PROGRAM, Verifier};
use crate::json::{FromJson as _, digest, parse, quoted, written};
use crate::metrics::prometheus;
use crate::order::Approval;
use crate::report::{Fold, Report};
use crate::sorted::{SortedMap, SortedSet};
use crate::webhook::ChunkEnd;

/// One check and its result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The name: `manifest`, `files`, `plan`, `chains`, `approval`, `report`, `metrics`, `webhooks`, `policies` or `readme`. If
    /// another version wrote the evidence, `program` instead of `metrics` and `readme`.
    pub name: &'static str,
    /// Whether the check passed.
    pub holds: bool,
    /// What holds, or what does not.
    pub detail: String,
}

/// The run that the evidence is about, and every check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// Whether every check passed.
    pub holds: bool,
    /// The run.
    pub run_id: String,
    /// The digest of its plan.
    pub plan_digest: String,
    /// Whether nothing real was deleted.
    pub simulated: bool,
    /// The digest of the manifest, which `run` printed.
    pub evidence_digest: String,
    /// How the run ended according to the records; absent when they cannot be trusted.
    pub outcome: Option<&'static str>,
    /// What else the records say, in brief; absent when they cannot be trusted.
    pub summary: Option<Summary>,
    /// All checks that could be made.
    pub checks: Vec<Check>,
    /// The result of checking the log alone.
    #[serde(skip)]
    pub log: audit::Verdict,
}

/// The files beside the manifest, by name: the content of each file that belongs to the evidence, or why it cannot be read. For the
/// log and for files that do not belong there, only the name matters.
pub type Files = SortedMap<String, Result<Vec<u8>, String>>;

/// A check in progress. Everything is there but the log, which comes piece by piece, so its length does not matter.
#[derive(Debug)]
pub struct Examination {
    manifest: Manifest,
    evidence_digest: String,
    kept: Option<String>,
    files: Files,
    plan: Result<RebuiltPlan, String>,
    lines: Lines,
    hash: Sha256,
    verifier: Verifier,
    seen: Seen,
}

/// What the good records have shown so far.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// How many attempts were begun.
    pub(super) starts: u64,
    /// The first attempt whose approval differs from that of the manifest, in words.
    pub(super) other_approval: Option<String>,
    /// Every end of an attempt at a chunk of the plan.
    pub(super) ends: Vec<ChunkEnd>,
    /// The digests of the policies that the records name, other than the plan's own.
    pub(super) policies: SortedSet<String>,
    /// The report in the making; `None` without the plan.
    fold: Option<Fold>,
}

impl Examination {
    /// Begins a check with the manifest, the digest of it that was kept elsewhere, if any, and the files beside it.
    ///
    /// # Errors
    /// Why the manifest cannot be read. Then nothing can be checked.
    pub fn new(manifest: &[u8], kept: Option<&str>, files: Files) -> Result<Self, String> {
        let evidence_digest = digest(manifest);
        let text = str::from_utf8(manifest).map_err(|why| why.to_string())?;
        let manifest = Manifest::from_json(&parse(text, usize::MAX).map_err(|why| why.to_string())?)?;
        let plan = checks::text(&files, PLAN).and_then(|text| RebuiltPlan::of(text, &manifest));
        let fold = plan.as_ref().ok().map(|plan| Fold::new(plan.plan.chunks()));
        Ok(Self {
            verifier: Verifier::of(&manifest.run_id, &manifest.chains.plan_digest),
            manifest,
            evidence_digest,
            kept: kept.map(str::to_owned),
            files,
            plan,
            lines: Lines::default(),
            hash: Sha256::new(),
            seen: Seen { fold, ..Seen::default() },
        })
    }

    /// Takes the next piece of the log, cut anywhere.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        let Self { lines, verifier, seen, plan, manifest, .. } = self;
        lines.feed(bytes, |line| take_line(line, verifier, seen, plan.as_ref().ok(), manifest));
    }

    /// Ends the check. `log` says whether the log was read to its end.
    #[must_use]
    pub fn finish(mut self, log: Result<(), String>) -> Verdict {
        // Every record is written with a line end, so one without it has been cut.
        let mut ends_with_line_end = true;
        self.lines.end(|_| ends_with_line_end = false);
        let Self { manifest, evidence_digest, kept, files, plan, hash, verifier, mut seen, .. } = self;
        let log = log
            .and_then(|()| if ends_with_line_end { Ok(written(hash)) } else { Err("ends within a line".to_owned()) });
        let log_digest = log.map_err(|why| format!("`{AUDIT}` {why}"));
        let verdict = verifier.finish(Some(&manifest.chains));

        let mut all: Vec<Check> = kept.map(|kept| checks::manifest(&evidence_digest, &kept)).into_iter().collect();
        all.push(checks::files(&manifest, &files, &log_digest));
        all.push(checks::plan(plan.as_ref()));
        all.push(checks::chains(&manifest, &log_digest, &verdict));
        let fold = seen.fold.take();
        let is_trusted = log_digest.is_ok() && verdict.is_good();
        if is_trusted {
            all.push(checks::approval(&manifest, &seen));
        }
        let report = plan.ok().zip(fold).filter(|_| is_trusted).map(|(plan, fold)| {
            let report = Report::from_fold(plan.ordered(), fold);
            let follows =
                |name, holds, file, should: &str| checks::follows_from_report(name, holds, &files, file, should);
            // Another version may have worded the files for people and for scrapers differently. Their hashes still count.
            let is_same_version = manifest.program == PROGRAM;
            all.push(checks::report(&files, &report));
            if is_same_version {
                all.push(follows("metrics", "they are the report's figures", METRICS, &prometheus(&report)));
            }
            all.push(checks::webhooks(&files, &plan.order, seen.ends));
            all.push(checks::policies(&files, seen.policies));
            if is_same_version {
                all.push(follows("readme", "it is what belongs to the report", README, &readme(&report)));
            } else {
                let by = quoted(&manifest.program);
                let detail =
                    format!("written by {by}, checked by `{PROGRAM}`: `{METRICS}` and `{README}` are not compared");
                all.push(Check { name: "program", holds: true, detail });
            }
            (report.outcome.as_str(), Summary::of(&plan.order, &report))
        });
        let (outcome, summary) = report.unzip();
        Verdict {
            holds: all.iter().all(|check| check.holds),
            run_id: manifest.run_id,
            plan_digest: manifest.chains.plan_digest,
            simulated: manifest.simulated,
            evidence_digest,
            outcome,
            summary,
            checks: all,
            log: verdict,
        }
    }
}

/// Takes one line of the log.
fn take_line(line: &str, verifier: &mut Verifier, seen: &mut Seen, plan: Option<&RebuiltPlan>, manifest: &Manifest) {
    let Some(record) = verifier.line(line) else { return };
    seen.note_start(&record, &manifest.approval);
    if let (Some(plan), Some(fold)) = (plan, &mut seen.fold) {
        fold.record(&plan.order, &record);
        if let Some(policy) = policy_of(&record.event).filter(|policy| *policy != plan.order.policy_digest) {
            seen.policies.insert(policy.to_owned());
        }
        seen.note_end(record, plan);
    }
}

impl Seen {
    fn note_start(&mut self, record: &AuditRecord, approval: &Approval) {
        let Event::Started { approved_by, approved_at, .. } = &record.event else { return };
        self.starts = self.starts.saturating_add(1);
        if (approved_by, approved_at) != (&approval.approved_by, &approval.approved_at) && self.other_approval.is_none()
        {
            let (chunk, attempt) = (record.chunk, record.attempt);
            self.other_approval = Some(format!(
                "attempt {attempt} at chunk {chunk} was approved by {} at {approved_at}",
                quoted(approved_by)
            ));
        }
    }

    fn note_end(&mut self, record: AuditRecord, plan: &RebuiltPlan) {
        let (Event::Finished { outcome, cause, .. }, Some(chunk)) = (record.event, plan.chunk(record.chunk)) else {
            return;
        };
        self.ends.push(ChunkEnd {
            chunk,
            attempt: record.attempt,
            outcome,
            cause,
            request_id: record.request_id,
            records_deleted: record.records_deleted,
            duration_ms: record.duration_ms,
            at: record.timestamp,
        });
    }
}
