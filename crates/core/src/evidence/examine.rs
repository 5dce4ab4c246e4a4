//! Checking the evidence of a run, trusting nothing in it: every file, and everything that can be made again from another one. No
//! clock is asked: the same bytes have the same verdict for ever.

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::checks::{self, Plan as PlanOf};
use super::summary::Summary;
use super::{AUDIT, METRICS, Manifest, PLAN, README, policy_of, readme};
use crate::audit::{self, AuditRecord, Event, Lines, PROGRAM, Verifier};
use crate::json::{FromJson as _, digest, parse, quoted, written};
use crate::metrics::prometheus;
use crate::order::Approval;
use crate::report::{Fold, Report};
use crate::sorted::{SortedMap, SortedSet};
use crate::webhook::ChunkEnd;

/// What was looked at and what was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// `manifest`, `files`, `plan`, `chains`, `approval`, `report`, `metrics`, `webhooks`, `policies`, `readme`; instead of `metrics` and
    /// `readme`, `program` where another version wrote it.
    pub name: &'static str,
    /// Whether it holds.
    pub holds: bool,
    /// What holds, or what does not.
    pub detail: String,
}

/// What the evidence is of, and every check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// Whether everything holds.
    pub holds: bool,
    /// Which run it is of.
    pub run_id: String,
    /// Which plan.
    pub plan_digest: String,
    /// Whether nothing real was deleted.
    pub simulated: bool,
    /// Digest of the manifest: the one that `run` printed.
    pub evidence_digest: String,
    /// How the run ended, as the records tell; absent when they cannot be believed.
    pub outcome: Option<&'static str>,
    /// What else they tell, in brief; absent when they cannot be believed.
    pub summary: Option<Summary>,
    /// Every check that could be made.
    pub checks: Vec<Check>,
    /// What checking the log alone says.
    #[serde(skip)]
    pub log: audit::Verdict,
}

/// What lies beside the manifest, by name: of the files that belong to evidence, but for the log, the content, or why it cannot be read.
/// Of anything else, and of the log, the name is enough.
pub type Files = SortedMap<String, Result<Vec<u8>, String>>;

/// A check in progress: everything is there but the log, which comes piece by piece, so that its length does not matter.
#[derive(Debug)]
pub struct Examination {
    manifest: Manifest,
    evidence_digest: String,
    kept: Option<String>,
    files: Files,
    plan: Result<PlanOf, String>,
    lines: Lines,
    hash: Sha256,
    verifier: Verifier,
    seen: Seen,
}

/// What the good records have shown.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Attempts begun.
    pub(super) starts: u64,
    /// The first attempt that somebody else approved than the manifest says.
    pub(super) stranger: Option<String>,
    /// Every end of an attempt at a chunk of the plan.
    pub(super) ends: Vec<ChunkEnd>,
    /// Digests of the policies that they name, other than that of the plan.
    pub(super) policies: SortedSet<String>,
    /// What they amount to; absent without the plan.
    fold: Option<Fold>,
}

impl Examination {
    /// Begins with the manifest, the digest of it that somebody kept, and what lies beside it.
    ///
    /// # Errors
    /// When the manifest cannot be read: then nothing can be checked. The text says why.
    pub fn new(manifest: &[u8], kept: Option<&str>, files: Files) -> Result<Self, String> {
        let evidence_digest = digest(manifest);
        let text = str::from_utf8(manifest).map_err(|why| why.to_string())?;
        let manifest = Manifest::from_json(&parse(text, usize::MAX).map_err(|why| why.to_string())?)?;
        let plan = checks::text(&files, PLAN).and_then(|text| PlanOf::of(text, &manifest));
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
        lines.feed(bytes, |line| take(line, verifier, seen, plan.as_ref().ok(), manifest));
    }

    /// The verdict, with what became of reading the log to its end.
    #[must_use]
    pub fn finish(mut self, log: Result<(), String>) -> Verdict {
        // A record is written with the end of its line: one without has been cut.
        let mut whole = true;
        self.lines.end(|_| whole = false);
        let Self { manifest, evidence_digest, kept, files, plan, hash, verifier, mut seen, .. } = self;
        let log = log.and_then(|()| if whole { Ok(written(hash)) } else { Err("ends within a line".to_owned()) });
        let log_digest = log.map_err(|why| format!("`{AUDIT}` {why}"));
        let verdict = verifier.finish(Some(&manifest.chains));

        let mut all: Vec<Check> = kept.map(|kept| checks::manifest(&evidence_digest, &kept)).into_iter().collect();
        all.push(checks::files(&manifest, &files, &log_digest));
        all.push(checks::plan(plan.as_ref()));
        all.push(checks::chains(&manifest, &log_digest, &verdict));
        let fold = seen.fold.take();
        let believed = log_digest.is_ok() && verdict.is_good();
        if believed {
            all.push(checks::approval(&manifest, &seen));
        }
        let report = plan.ok().zip(fold).filter(|_| believed).map(|(plan, fold)| {
            let report = Report::from_fold(plan.ordered(), fold);
            let follows = |name, holds, file, should: &str| checks::same(name, holds, &files, file, should);
            // What is for people's eyes and for scrapers, another version may have worded otherwise; its hashes count all the same.
            let is_ours = manifest.program == PROGRAM;
            all.push(checks::report(&files, &report));
            if is_ours {
                all.push(follows("metrics", "they are the report's figures", METRICS, &prometheus(&report)));
            }
            all.push(checks::webhooks(&files, &plan.order, seen.ends));
            all.push(checks::policies(&files, seen.policies));
            if is_ours {
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

/// One line of the log.
fn take(line: &str, verifier: &mut Verifier, seen: &mut Seen, plan: Option<&PlanOf>, manifest: &Manifest) {
    let Some(record) = verifier.line(line) else { return };
    seen.approval(&record, &manifest.approval);
    if let (Some(plan), Some(fold)) = (plan, &mut seen.fold) {
        fold.record(&plan.order, &record);
        if let Some(policy) = policy_of(&record.event).filter(|policy| *policy != plan.order.policy_digest) {
            seen.policies.insert(policy.to_owned());
        }
        seen.end(record, plan);
    }
}

impl Seen {
    fn approval(&mut self, record: &AuditRecord, approval: &Approval) {
        let Event::Started { approved_by, approved_at, .. } = &record.event else { return };
        self.starts = self.starts.saturating_add(1);
        if (approved_by, approved_at) != (&approval.approved_by, &approval.approved_at) && self.stranger.is_none() {
            let (chunk, attempt) = (record.chunk, record.attempt);
            self.stranger = Some(format!(
                "attempt {attempt} at chunk {chunk} was approved by {} at {approved_at}",
                quoted(approved_by)
            ));
        }
    }

    fn end(&mut self, record: AuditRecord, plan: &PlanOf) {
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
