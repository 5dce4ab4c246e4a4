//! The evidence of a run: the same files as on one machine, so that the same command verifies them.
//!
//! Every state of a run has a folder of its own, `{run id}/{beginning of the manifest's digest}/`. The manifest has the hash of every
//! file, so a folder of that name can only ever hold these bytes: nothing is overwritten by anything else, and whoever downloads a
//! folder gets one state, whole. One small object beside them, `{run id}/latest.json`, says which folder is the newest.

use std::borrow::Cow;
use std::collections::BTreeMap;

use purge_core::audit::{AuditRecord, BadRecord, ChainHead, Verifier};
use purge_core::evidence::{AUDIT, Evidence, MANIFEST, Manifest, Material};
use purge_core::json::{FromJson as _, parse};
use purge_core::plan::{self, CheckContext};
use purge_core::report::{Ordered, Report, RunOutcome};
use purge_core::request::DeletionApi;
use purge_core::run::Order;
use purge_core::time::Timestamp;
use purge_driver::ledger::{Ledger, OutboxRow, RunRow};
use serde::{Deserialize, Serialize};

use crate::batch::Again;
use crate::bucket::Bucket;

/// Records read at a time.
const PAGE: u32 = 1_000;
/// Version of the pointer.
pub const POINTER_VERSION: u32 = 1;
/// What the keys of pointers end with, after the run's id.
pub const LATEST: &str = "/latest.json";
/// Hexadecimal digits of the digest that name a folder.
const DIGITS: usize = 16;

/// Memory for each chunk while the evidence is put together, in bytes: its records, their lines, its message and copies of them. Twice
/// what one attempt at every chunk takes, as `cargo xtask fan-out` measures it: chunks may be tried again.
fn memory_per_chunk(api: DeletionApi) -> u64 {
    match api {
        DeletionApi::DataDeletion => 50_000,
        DeletionApi::RecordingJobs => 80_000,
    }
}

/// Bytes of the records of each chunk in the table, of which the audit log has nearly all. Measured, and doubled, as the memory is.
#[must_use]
pub fn records_per_chunk(api: DeletionApi) -> u64 {
    match api {
        DeletionApi::DataDeletion => 14_000,
        DeletionApi::RecordingJobs => 24_000,
    }
}

/// Bytes of records from which a courier can put evidence together within its 300 seconds. All records of a run are in one partition of
/// the table, which gives 12 MB a second (3,000 read units of 4 kB), and S3 gets them in one request, at 20 MB a second if the network is
/// slow: 120 and 70 seconds. A minute is for the messages, for hashing and for all else, and nearly another is left.
const RECORDS_IN_TIME: u64 = 1_400_000_000;

/// The largest run whose evidence fits into the memory of a courier of so many megabytes.
#[must_use]
pub fn most_in_memory(api: DeletionApi, courier_megabytes: u32) -> u32 {
    u32::try_from(u64::from(courier_megabytes) * 1024 * 1024 / memory_per_chunk(api)).unwrap_or(u32::MAX)
}

/// The largest run whose evidence a courier of any size can put together in its time.
#[must_use]
pub fn most_in_time(api: DeletionApi) -> u32 {
    u32::try_from(RECORDS_IN_TIME / records_per_chunk(api)).unwrap_or(u32::MAX)
}

/// Where the newest evidence of a run is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Latest {
    /// [`POINTER_VERSION`].
    pub version: u32,
    /// Which run.
    pub run_id: String,
    /// What the keys of all its files begin with.
    pub folder: String,
    /// Digest of the manifest, whole: what `verify --manifest` compares with.
    pub manifest_digest: String,
    /// How the run had ended.
    pub outcome: RunOutcome,
    /// Since when it is the newest.
    pub written_at: Timestamp,
}

/// Where the newest evidence of a run is; `None` while there is none.
///
/// # Errors
/// When the bucket fails, or holds something else there.
pub async fn latest(bucket: &impl Bucket, run_id: &str) -> Result<Option<Latest>, Again> {
    let key = format!("{run_id}{LATEST}");
    let Some(text) = bucket.read(&key).await? else { return Ok(None) };
    serde_json::from_str(&text).map(Some).map_err(|why| Again(format!("`{key}` cannot be read: {why}")))
}

/// What came of writing a [`Proof`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Where the newest evidence is now.
    pub latest: Latest,
    /// Where it was before: in the same place, if there was nothing to be written.
    pub before: Option<Latest>,
}

impl Written {
    /// Whether there was anything to be written.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.before.as_ref() != Some(&self.latest)
    }

    /// Whether it is the first of how the run ended, which last changed then. What only knows more of the messages about it is not.
    #[must_use]
    pub fn is_first(&self, changed: Timestamp) -> bool {
        self.is_new() && self.before.as_ref().is_none_or(|before| before.written_at < changed)
    }
}

/// The folder for a manifest of this digest.
fn folder(run_id: &str, digest: &str) -> String {
    let hex = digest.strip_prefix("sha256:").unwrap_or(digest);
    format!("{run_id}/{}/", hex.get(..DIGITS).unwrap_or(hex))
}

/// The evidence of a run that has ended, whole, before any of it is written.
#[derive(Clone, Debug)]
pub struct Proof {
    run_id: String,
    outcome: RunOutcome,
    evidence: Evidence,
}

impl Proof {
    /// Puts it together. Whoever read what it is made of did so page by page while others may have gone on with the run: nothing comes
    /// of records that leave a chunk open, or whose chains do not hold.
    ///
    /// # Errors
    /// When they do not, or what the ledger holds cannot be used.
    pub fn of(
        row: &RunRow,
        records: &[AuditRecord],
        outbox: &[OutboxRow],
        policies: &[String],
        now: Timestamp,
    ) -> Result<Self, Again> {
        let order = &row.order;
        // The clock may have been ahead when the run was noted, and the plan was checked by that one.
        let context = CheckContext::at(now.max(row.created_at));
        let plan = plan::reopen(&row.plan_file, &context)
            .map_err(|findings| Again(format!("the plan file is not what it was: {findings:?}")))?
            .plan;
        let report = Report::of(Ordered::of(order, &plan), records);
        if report.outcome == RunOutcome::Open {
            return Err(Again("there is no evidence of a run that goes on".to_owned()));
        }
        let plan_file = &row.plan_file;
        let material = Material { order, plan_file, records, report: &report, messages: outbox, policies };
        let evidence =
            Evidence::of(&material).map_err(|why| Again(format!("the evidence cannot be written: {why}")))?;
        if let Some(bad) = first_bad(order, &evidence) {
            return Err(Again(format!("the audit log is not whole: {bad}")));
        }
        Ok(Self { run_id: order.run_id.clone(), outcome: report.outcome, evidence })
    }

    /// Writes it, and then where it is. The same state gives the same folder, which is not written twice.
    ///
    /// # Errors
    /// When the bucket fails, or has evidence that knows more.
    pub async fn write(self, bucket: &impl Bucket, now: Timestamp) -> Result<Written, Again> {
        if let Some(newest) = latest(bucket, &self.run_id).await? {
            self.refuse_older(bucket, &newest).await?;
        }
        let Self { run_id, outcome, evidence } = self;
        let manifest_digest = evidence.digest();
        let folder = folder(&run_id, &manifest_digest);
        let key = |name: &str| format!("{folder}{name}");
        match bucket.read(&key(MANIFEST)).await? {
            Some(there) if there == evidence.manifest => {}
            Some(_) => return Err(Again(format!("`{folder}` holds the evidence of something else"))),
            None => {
                for (name, text) in evidence.files {
                    bucket.write(&key(name), text).await?;
                }
                // Last, so that where it is, everything is.
                bucket.write(&key(MANIFEST), evidence.manifest).await?;
            }
        }
        let before = latest(bucket, &run_id).await?;
        if let Some(there) = before.clone().filter(|there| there.folder == folder) {
            return Ok(Written { latest: there, before });
        }
        let pointer = format!("{run_id}{LATEST}");
        let latest = Latest { version: POINTER_VERSION, run_id, folder, manifest_digest, outcome, written_at: now };
        let text = serde_json::to_string_pretty(&latest).map_err(|why| Again(why.to_string()))?;
        bucket.write(&pointer, format!("{text}\n")).await?;
        Ok(Written { latest, before })
    }

    /// Refuses to stand before evidence whose chains go further, or elsewhere: then the table was put back to an earlier time. Nobody
    /// overwrites the proof of what has been submitted since.
    async fn refuse_older(&self, bucket: &impl Bucket, newest: &Latest) -> Result<(), Again> {
        let key = format!("{}{MANIFEST}", newest.folder);
        // Where somebody has taken it away there is nothing to compare with.
        let Some(text) = bucket.read(&key).await? else { return Ok(()) };
        let manifest = parse(&text, usize::MAX)
            .map_err(|why| why.to_string())
            .and_then(|value| Manifest::from_json(&value))
            .map_err(|why| Again(format!("`{key}` cannot be read: {why}")))?;
        let lasts = manifest.chains.heads.iter().filter_map(|(chunk, head)| {
            let ChainHead { length, hash } = head;
            Some(((*chunk, length.checked_sub(1)?), hash.as_str()))
        });
        let mut missing: BTreeMap<_, _> = lasts.collect();
        for line in self.log().lines() {
            let Place { chunk, seq, hash } =
                serde_json::from_str(line).map_err(|why| Again(format!("a record cannot be read: {why}")))?;
            if missing.get(&(chunk, seq)).is_some_and(|last| *last == hash) {
                missing.remove(&(chunk, seq));
            }
        }
        let Some(((chunk, seq), _)) = missing.pop_first() else { return Ok(()) };
        let (number, folder) = (seq.saturating_add(1), &newest.folder);
        Err(Again(format!(
            "the table is older than the evidence in `{folder}`: it does not have record {number} of chunk {chunk} as it is there. \
             If it was put back to an earlier time, stop everything and follow `A table that was put back` in lambda/README.md"
        )))
    }

    /// The audit log.
    fn log(&self) -> &str {
        self.evidence.files.iter().find(|(name, _)| *name == AUDIT).map_or("", |(_, log)| log)
    }
}

/// Which record of which chain a line of the log is.
#[derive(Deserialize)]
struct Place<'a> {
    chunk: u32,
    seq: u64,
    #[serde(borrow)]
    hash: Cow<'a, str>,
}

/// The first record of the audit log that whoever checks it would find wrong.
fn first_bad(order: &Order, evidence: &Evidence) -> Option<BadRecord> {
    let mut verifier = Verifier::of(&order.run_id, &order.plan_digest);
    let (_, log) = evidence.files.iter().find(|(name, _)| *name == AUDIT)?;
    for line in log.lines() {
        verifier.line(line);
    }
    verifier.finish(None).bad
}

/// The audit log of a run.
///
/// # Errors
/// When the ledger fails.
pub async fn records(ledger: &impl Ledger, run_id: &str) -> Result<Vec<AuditRecord>, Again> {
    let mut records = Vec::new();
    let mut after = 0;
    loop {
        let page = ledger.records(run_id, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(records) };
        after = last.position;
        records.extend(page.into_iter().map(|row| row.record));
    }
}
