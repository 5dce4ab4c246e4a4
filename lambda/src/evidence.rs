//! The evidence of a run: the same files as on one machine, which the same command verifies.
//!
//! Every state of a run that has ended has a folder of its own, `{run id}/{beginning of the manifest's digest}/`. The manifest
//! contains the hash of every file, so a folder of that name can hold only these bytes: no file is overwritten with other bytes,
//! and a downloaded folder is one whole state. One small object beside the folders, the pointer `{run id}/latest.json`, names the
//! newest.

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

/// Records that are read at a time.
const PAGE: u32 = 1_000;
/// Version of the pointer's format.
pub const POINTER_VERSION: u32 = 1;
/// The key of a pointer, after the run's id.
pub const LATEST: &str = "/latest.json";
/// How many hexadecimal digits of the manifest's digest name a folder.
const DIGITS: usize = 16;

/// Memory that each chunk takes while the evidence is put together, in bytes: for its records, their lines, its message and copies
/// of them. It is twice what `cargo xtask fan-out` measures for one attempt at every chunk, because chunks may be tried again.
fn memory_per_chunk(api: DeletionApi) -> u64 {
    match api {
        DeletionApi::DataDeletion => 50_000,
        DeletionApi::RecordingJobs => 80_000,
    }
}

/// Size of a chunk's records in the table, in bytes; nearly all of it is also in the audit log. Measured and doubled like the
/// memory.
#[must_use]
pub fn records_per_chunk(api: DeletionApi) -> u64 {
    match api {
        DeletionApi::DataDeletion => 14_000,
        DeletionApi::RecordingJobs => 24_000,
    }
}

/// How many bytes of records a courier can turn into evidence within its 300 seconds. All records of a run are in one partition of
/// the table, which can be read at 12 MB a second (3,000 read units of 4 kB), and go to S3 in one request, at 20 MB a second if the
/// network is slow: 120 and 70 seconds. Another minute is for the messages, hashing and everything else, and nearly one more is in
/// reserve.
const RECORDS_IN_TIME: u64 = 1_400_000_000;

/// The number of chunks of the largest run whose evidence fits into the memory of a courier of this size.
#[must_use]
pub fn most_in_memory(api: DeletionApi, courier_megabytes: u32) -> u32 {
    u32::try_from(u64::from(courier_megabytes) * 1024 * 1024 / memory_per_chunk(api)).unwrap_or(u32::MAX)
}

/// The number of chunks of the largest run whose evidence a courier can put together in its time, whatever its memory.
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
    /// Prefix of the keys of all files of that evidence.
    pub folder: String,
    /// The whole digest of the manifest, with which `verify --manifest` compares.
    pub manifest_digest: String,
    /// The outcome of the run in that state.
    pub outcome: RunOutcome,
    /// When the run had last changed in that state, by the ledger.
    pub changed_at: Timestamp,
    /// When the pointer was written.
    pub written_at: Timestamp,
}

/// Reads where the newest evidence of a run is; `None` while there is none.
///
/// # Errors
/// When the bucket fails, or the pointer cannot be read.
pub async fn latest(bucket: &impl Bucket, run_id: &str) -> Result<Option<Latest>, Again> {
    let key = format!("{run_id}{LATEST}");
    let Some(text) = bucket.read(&key).await? else { return Ok(None) };
    serde_json::from_str(&text).map(Some).map_err(|why| Again::Failed(format!("`{key}` cannot be read: {why}")))
}

/// Says so if the newest evidence of a run is of a later state than the ledger has: then the table was put back to an earlier time,
/// and whatever is open in it would be submitted again. A run that had not ended has no evidence, and a table in which the run has
/// changed since it was put back (a cancel is enough) is not recognised here.
///
/// # Errors
/// When the bucket or the ledger fails, or the pointer cannot be read.
pub async fn ahead(bucket: &impl Bucket, ledger: &impl Ledger, run_id: &str) -> Result<Option<String>, Again> {
    // The evidence first: a ledger that is read later knows all that it was written from.
    let Some(newest) = latest(bucket, run_id).await? else { return Ok(None) };
    let row = ledger.run(run_id).await?;
    let is_older = row.is_none_or(|row| row.updated_at < newest.changed_at);
    Ok(is_older.then(|| older_table(&newest.folder, &format!("it does not have run `{run_id}` as it is there"))))
}

/// Says that the table is older than the evidence in this folder, and by what that shows.
fn older_table(folder: &str, what: &str) -> String {
    format!("the table is older than the evidence in `{folder}`: {what}")
}

/// What to do about a table that is older than the evidence.
pub const PUT_BACK: &str =
    "if it was put back to an earlier time, stop everything and follow `A table that was put back` in lambda/README.md";

/// Evidence whose files are in the bucket. Unless they were there before, the pointer does not name them yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Where they are.
    pub latest: Latest,
    /// Where the pointer says that the newest evidence is: in the same place if there is nothing to be written.
    pub before: Option<Latest>,
}

impl Stored {
    /// Whether the pointer is still to be written.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.before.as_ref() != Some(&self.latest)
    }

    /// Whether this is the first evidence since the run last changed, at `changed`. Evidence that only knows more about the run's
    /// messages is not the first.
    #[must_use]
    pub fn is_first(&self, changed: Timestamp) -> bool {
        self.is_new() && self.before.as_ref().is_none_or(|before| before.written_at < changed)
    }

    /// Writes the pointer, unless it names this evidence already. From then on nobody can tell that this evidence was new, so whatever
    /// must happen because it is new comes before.
    ///
    /// # Errors
    /// When the bucket fails.
    pub async fn publish(&self, bucket: &impl Bucket) -> Result<(), Again> {
        if !self.is_new() {
            return Ok(());
        }
        let text = serde_json::to_string_pretty(&self.latest).map_err(|why| Again::Failed(why.to_string()))?;
        Ok(bucket.write(&format!("{}{LATEST}", self.latest.run_id), format!("{text}\n")).await?)
    }
}

/// The folder for the manifest with this digest.
fn folder(run_id: &str, digest: &str) -> String {
    let hex = digest.strip_prefix("sha256:").unwrap_or(digest);
    format!("{run_id}/{}/", hex.get(..DIGITS).unwrap_or(hex))
}

/// The whole evidence of a run that has ended, before any of it is written.
#[derive(Clone, Debug)]
pub struct Proof {
    run_id: String,
    outcome: RunOutcome,
    changed_at: Timestamp,
    evidence: Evidence,
}

impl Proof {
    /// Puts the evidence together. Its parts were read page by page, while other processes may have gone on with the run. So
    /// records that leave a chunk open, or whose chains are broken, are no evidence.
    ///
    /// # Errors
    /// When the records are such, or what the ledger holds cannot be used.
    pub fn of(
        row: &RunRow,
        records: &[AuditRecord],
        outbox: &[OutboxRow],
        policies: &[String],
        now: Timestamp,
    ) -> Result<Self, Again> {
        let order = &row.order;
        // The plan was checked by the clock that dated the run, which may have been ahead of this one.
        let context = CheckContext::at(now.max(row.created_at));
        let plan = plan::reopen(&row.plan_file, &context)
            .map_err(|findings| Again::Failed(format!("the plan file is not what it was: {findings:?}")))?
            .plan;
        let report = Report::of(Ordered::of(order, &plan), records);
        if report.outcome == RunOutcome::Open {
            return Err(Again::Failed("there is no evidence of a run that goes on".to_owned()));
        }
        let plan_file = &row.plan_file;
        let material = Material { order, plan_file, records, report: &report, messages: outbox, policies };
        let evidence =
            Evidence::of(&material).map_err(|why| Again::Failed(format!("the evidence cannot be written: {why}")))?;
        if let Some(bad) = first_bad_record(order, &evidence) {
            return Err(Again::Failed(format!("the audit log is not whole: {bad}")));
        }
        Ok(Self { run_id: order.run_id.clone(), outcome: report.outcome, changed_at: row.updated_at, evidence })
    }

    /// Writes the files; [`Stored::publish`] writes the pointer to them. The same state has the same folder, which is not written
    /// twice.
    ///
    /// # Errors
    /// When the bucket fails, or contains evidence that knows more.
    pub async fn store(self, bucket: &impl Bucket, now: Timestamp) -> Result<Stored, Again> {
        if let Some(newest) = latest(bucket, &self.run_id).await? {
            self.refuse_older(bucket, &newest).await?;
        }
        let Self { run_id, outcome, changed_at, evidence } = self;
        let manifest_digest = evidence.digest();
        let folder = folder(&run_id, &manifest_digest);
        let key = |name: &str| format!("{folder}{name}");
        match bucket.read(&key(MANIFEST)).await? {
            Some(there) if there == evidence.manifest => {}
            Some(_) => return Err(Again::Failed(format!("`{folder}` holds the evidence of something else"))),
            None => {
                for (name, text) in evidence.files {
                    bucket.write(&key(name), text).await?;
                }
                // The manifest comes last: where it is, all files are.
                bucket.write(&key(MANIFEST), evidence.manifest).await?;
            }
        }
        let before = latest(bucket, &run_id).await?;
        if let Some(there) = before.clone().filter(|there| there.folder == folder) {
            return Ok(Stored { latest: there, before });
        }
        let version = POINTER_VERSION;
        let latest = Latest { version, run_id, folder, manifest_digest, outcome, changed_at, written_at: now };
        Ok(Stored { latest, before })
    }

    /// Refuses to replace evidence whose chains go further than these, or differ from them: then the table was put back to an
    /// earlier time, and the newer evidence proves what has been submitted since.
    async fn refuse_older(&self, bucket: &impl Bucket, newest: &Latest) -> Result<(), Again> {
        let key = format!("{}{MANIFEST}", newest.folder);
        // If a person has removed the manifest, there is nothing to compare with.
        let Some(text) = bucket.read(&key).await? else { return Ok(()) };
        let manifest = parse(&text, usize::MAX)
            .map_err(|why| why.to_string())
            .and_then(|value| Manifest::from_json(&value))
            .map_err(|why| Again::Failed(format!("`{key}` cannot be read: {why}")))?;
        let last_records = manifest.chains.heads.iter().filter_map(|(chunk, head)| {
            let ChainHead { length, hash } = head;
            Some(((*chunk, length.checked_sub(1)?), hash.as_str()))
        });
        let mut missing: BTreeMap<_, _> = last_records.collect();
        for line in self.log().lines() {
            let RecordId { chunk, seq, hash } =
                serde_json::from_str(line).map_err(|why| Again::Failed(format!("a record cannot be read: {why}")))?;
            if missing.get(&(chunk, seq)).is_some_and(|last| *last == hash) {
                missing.remove(&(chunk, seq));
            }
        }
        let Some(((chunk, seq), _)) = missing.pop_first() else { return Ok(()) };
        let (number, folder) = (seq.saturating_add(1), &newest.folder);
        let what = format!("it does not have record {number} of chunk {chunk} as it is there");
        Err(Again::Failed(format!("{}; {PUT_BACK}", older_table(folder, &what))))
    }

    /// The audit log.
    fn log(&self) -> &str {
        self.evidence.files.iter().find(|(name, _)| *name == AUDIT).map_or("", |(_, log)| log)
    }
}

/// The part of a line of the audit log that tells which record it is.
#[derive(Deserialize)]
struct RecordId<'a> {
    chunk: u32,
    seq: u64,
    #[serde(borrow)]
    hash: Cow<'a, str>,
}

/// The first record of the audit log that a verifier would reject.
fn first_bad_record(order: &Order, evidence: &Evidence) -> Option<BadRecord> {
    let mut verifier = Verifier::of(&order.run_id, &order.plan_digest);
    let (_, log) = evidence.files.iter().find(|(name, _)| *name == AUDIT)?;
    for line in log.lines() {
        verifier.line(line);
    }
    verifier.finish(None).bad
}

/// Reads all records of a run.
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
