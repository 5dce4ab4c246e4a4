//! The evidence of a run: the files that belong to it, their content, and the manifest that lists them.
//!
//! It is calculated purely from what the ledger holds, the same way on one machine and on AWS, so one command checks both. The
//! caller decides where to write the files.

mod checks;
mod difference;
mod examine;
mod summary;

use serde::Serialize;
use serde_json::Value;

use crate::audit::{self, AUDIT_VERSION, AuditRecord, ChainHead, Event, PROGRAM};
use crate::json::{FromJson, Members, digest};
use crate::metrics::prometheus;
use crate::order::{Approval, Order};
use crate::report::Report;
use crate::sorted::{SortedMap, SortedSet};
use crate::webhook::OutboxRow;

pub use examine::{Check, Examination, Files, Verdict};
pub use summary::Summary;

/// The version of the format.
pub const EVIDENCE_VERSION: u32 = 1;
/// The manifest itself. It is written last: where it is, everything else is.
pub const MANIFEST: &str = "manifest.json";
/// The plan file.
pub const PLAN: &str = "plan.json";
/// The audit log.
pub const AUDIT: &str = "audit.jsonl";
/// The report.
pub const REPORT: &str = "report.json";
/// The metrics.
pub const METRICS: &str = "metrics.prom";
/// The messages to the governance system.
pub const WEBHOOKS: &str = "webhooks.jsonl";
/// The policies that records name, other than the plan's own.
pub const POLICIES: &str = "policies.jsonl";
/// The explanation of the folder for people.
pub const README: &str = "README.txt";

/// All files but the manifest.
pub const FILES: [&str; 7] = [PLAN, AUDIT, REPORT, METRICS, WEBHOOKS, POLICIES, README];
/// Files that macOS and Windows leave in a folder when a person opens it. They mean nothing, and nobody put them there.
pub const LITTER: [&str; 3] = [".DS_Store", "Thumbs.db", "desktop.ini"];

/// The manifest: the run, the hash of every file, and the length of every chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// [`EVIDENCE_VERSION`].
    pub version: u32,
    /// The program that wrote the evidence: [`PROGRAM`].
    pub program: String,
    /// The run.
    pub run_id: String,
    /// [`Order::tenant`]: the API's address and the OAuth client, or the simulated tenant's name.
    pub tenant: String,
    /// Whether nothing real was deleted.
    pub simulated: bool,
    /// The approval.
    pub approval: Approval,
    /// The SHA-256 digest of every file, by name.
    pub files: SortedMap<String, String>,
    /// The length and the last hash of every chain.
    pub chains: audit::Manifest,
}

impl FromJson for Manifest {
    fn from_json(value: &Value) -> Result<Self, String> {
        let m =
            Members::of(value, &["version", "program", "runId", "tenant", "simulated", "approval", "files", "chains"])?;
        Ok(Self {
            version: m.take("version")?,
            program: m.take("program")?,
            run_id: m.take("runId")?,
            tenant: m.take("tenant")?,
            simulated: m.take("simulated")?,
            approval: m.take("approval")?,
            files: m.take::<Hashes>("files")?.0,
            chains: m.take("chains")?,
        })
    }
}

impl FromJson for Approval {
    fn from_json(value: &Value) -> Result<Self, String> {
        let m = Members::of(value, &["digest", "approvedBy", "approvedAt"])?;
        Ok(Self { digest: m.take("digest")?, approved_by: m.take("approvedBy")?, approved_at: m.take("approvedAt")? })
    }
}

/// Hashes by file name.
struct Hashes(SortedMap<String, String>);

impl FromJson for Hashes {
    fn from_json(value: &Value) -> Result<Self, String> {
        let Value::Object(members) = value else { return Err("expected an object".to_owned()) };
        let mut hashes = SortedMap::default();
        for (name, hash) in members {
            hashes.insert(name.clone(), String::from_json(hash)?);
        }
        Ok(Self(hashes))
    }
}

/// What the ledger holds about a run.
#[derive(Clone, Copy, Debug)]
pub struct Material<'a> {
    /// What the chunks of the run share.
    pub order: &'a Order,
    /// The text of the plan file that was approved.
    pub plan_file: &'a str,
    /// Its audit records, in the order in which they were written.
    pub records: &'a [AuditRecord],
    /// What the records amount to.
    pub report: &'a Report,
    /// What the governance system was told, and whether it took it.
    pub messages: &'a [OutboxRow],
    /// The policies that were asked meanwhile, each in canonical JSON with all defaults written out: the form whose digest records
    /// name.
    pub policies: &'a [String],
}

/// The whole evidence of a run, as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// All files but the manifest, with their names, in the order of [`FILES`].
    pub files: [(&'static str, String); FILES.len()],
    /// The text of the manifest.
    pub manifest: String,
}

impl Evidence {
    /// Puts the evidence together. The same material gives the same bytes.
    ///
    /// # Errors
    /// A message cannot be written as JSON.
    pub fn of(material: &Material<'_>) -> Result<Self, serde_json::Error> {
        let Material { order, plan_file, records, report, messages, policies } = *material;
        let mut webhooks = String::new();
        for message in messages {
            webhooks.push_str(&serde_json::to_string(message)?);
            webhooks.push('\n');
        }
        let mut audit_log = String::new();
        let mut named = SortedSet::default();
        for record in records {
            audit_log.push_str(&record.line());
            audit_log.push('\n');
            named.extend(policy_of(&record.event).filter(|policy| *policy != order.policy_digest).map(str::to_owned));
        }
        // A policy that was asked but that no record names is not needed.
        let named = policies.iter().filter(|text| named.contains(&digest(text.as_bytes())));
        let files = [
            (PLAN, plan_file.to_owned()),
            (AUDIT, audit_log),
            (REPORT, pretty(report)?),
            (METRICS, prometheus(report)),
            (WEBHOOKS, webhooks),
            (POLICIES, named.map(|text| format!("{text}\n")).collect()),
            (README, readme(report)),
        ];
        let heads = records.iter().map(|record| {
            let length = record.seq.saturating_add(1);
            (record.chunk, ChainHead { length, hash: record.hash.clone() })
        });
        let manifest = Manifest {
            version: EVIDENCE_VERSION,
            program: PROGRAM.to_owned(),
            run_id: order.run_id.clone(),
            tenant: order.tenant.clone(),
            simulated: order.simulated,
            approval: Approval {
                digest: order.plan_digest.clone(),
                approved_by: order.approved_by.clone(),
                approved_at: order.approved_at,
            },
            files: files.iter().map(|(name, text)| ((*name).to_owned(), digest(text.as_bytes()))).collect(),
            chains: audit::Manifest {
                version: AUDIT_VERSION,
                run_id: order.run_id.clone(),
                plan_digest: order.plan_digest.clone(),
                heads: heads.collect(),
            },
        };
        Ok(Self { files, manifest: pretty(&manifest)? })
    }

    /// Checks the evidence as any reader will. What it was made from may have been damaged where it was kept.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub fn check(&self) -> Result<(), String> {
        let bytes = |text: &String| text.clone().into_bytes();
        let content = |name: &str, text| if name == AUDIT { Vec::new() } else { bytes(text) };
        let files: Files =
            self.files.iter().map(|(name, text)| ((*name).to_owned(), Ok(content(name, text)))).collect();
        let mut examination = Examination::new(self.manifest.as_bytes(), None, files)?;
        if let Some((_, log)) = self.files.iter().find(|(name, _)| *name == AUDIT) {
            examination.feed(log.as_bytes());
        }
        let verdict = examination.finish(Ok(()));
        match verdict.checks.into_iter().find(|check| !check.holds) {
            Some(broken) => Err(broken.detail),
            None => Ok(()),
        }
    }

    /// The digest of the manifest, which identifies the evidence as a whole.
    #[must_use]
    pub fn digest(&self) -> String {
        digest(self.manifest.as_bytes())
    }
}

/// The digest of the policy that a record names.
fn policy_of(event: &Event) -> Option<&str> {
    if let Event::Withheld { policy, .. } = event {
        return policy.as_deref();
    }
    let (Event::PolicyAsked { policy } | Event::PolicyObjected { policy, .. }) = event else { return None };
    Some(policy)
}

fn pretty(value: &impl Serialize) -> Result<String, serde_json::Error> {
    Ok(format!("{}\n", serde_json::to_string_pretty(value)?))
}

/// The text of `README.txt`, for a person who finds the folder. The same report gives the same text.
#[must_use]
pub fn readme(report: &Report) -> String {
    let simulated =
        if report.simulated { "\nSIMULATED: the tenant was a simulated one. Nothing real was deleted.\n" } else { "" };
    format!(
        "\
Evidence of a purge of contact-centre data
{simulated}
run      {run}
plan     {plan}
tenant   {tenant}
outcome  {outcome}

plan.json       what was approved: request, policy, and the digest of the plan
                that follows from them
audit.jsonl     what happened, one record a line; every record carries the hash
                of the one before it in its chunk's chain
report.json     what the records amount to: a calculation from audit.jsonl,
                plan.json and the manifest's tenant and approval
metrics.prom    the report's figures as a Prometheus exposition
webhooks.jsonl  what the governance system was told, and whether it accepted it
policies.jsonl  the other policies that audit.jsonl names by their digests
manifest.json   SHA-256 of every file here, length and last hash of every
                chain, and who approved: a name that was given, not
                authenticated; for a schedule, a standing approval and the time
                at which it was acted on

Check it, offline, with

    genesys-purge verify FOLDER

Without the program: `sha256sum *` must give the hashes in manifest.json. A
record's `hash` is the SHA-256 of the record without that field, as canonical
JSON (RFC 8785); its `prev` is the `hash` of the chunk's record before it, that
of the first the SHA-256 of PLAN/CHUNK. EVIDENCE.md, beside the program's
source, has every format, and a program of one page that checks all of it.

What is counted: with `dataDeletion` a record is what the provider's analytics
counts in a chunk's window, and `verified` is a count of zero. With
`recordingJobs` a record is a recording, the numbers are those of the
provider's job, and `verified` rests on a sample: the recordings of some
conversations of the chunk were looked up, 10 unless `verifyConversations` in
plan.json says otherwise; `checked` in audit.jsonl is their number. What was
not measured is null.

What it shows: that deletion was requested through the provider's interface,
and that absence was then confirmed, or not, through the same interface at the
times recorded. What it cannot show: the provider's backups, exports, or copies
elsewhere. The jurisdiction is what the request says, compared with the region
of the tenant's address. Whether and when a message was delivered stands in
webhooks.jsonl alone; what the messages say is in the records as well.
A folder can be replaced as a whole; a person who keeps the digest of
manifest.json, which `run` prints, would notice.
",
        run = report.run_id,
        plan = report.plan_digest,
        tenant = report.tenant,
        outcome = report.outcome.as_str(),
    )
}
