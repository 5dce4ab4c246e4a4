//! The evidence of a run: the same files as on one machine, under `{run id}/` in a bucket, so that the same command verifies them.

use std::collections::BTreeMap;

use purge_core::audit::{self, AUDIT_VERSION, AuditRecord, ChainHead};
use purge_core::json::digest;
use purge_core::metrics::prometheus;
use purge_core::plan::{self, CheckContext};
use purge_core::report::{Ordered, Report};
use purge_core::run::Approval;
use purge_core::time::Timestamp;
use purge_driver::ledger::{Ledger as _, OutboxRow, RunRow};
use serde::Serialize;

use crate::batch::Again;
use crate::bucket::Bucket;
use crate::ledger::DynamoLedger;

/// Version of the folder's format.
const EVIDENCE_VERSION: u32 = 1;
/// Name of the list of all files; written last, so that where it is, everything is.
pub const MANIFEST: &str = "manifest.json";
/// Records read at a time.
const PAGE: u32 = 1_000;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    version: u32,
    run_id: String,
    tenant: String,
    simulated: bool,
    approval: Approval,
    files: BTreeMap<String, String>,
    chains: audit::Manifest,
}

/// Writes it and gives the digest of the manifest. The same state gives the same bytes, which are not written twice.
///
/// # Errors
/// When the ledger or the bucket fails.
pub async fn write(
    ledger: &DynamoLedger,
    bucket: &impl Bucket,
    row: RunRow,
    outbox: Vec<OutboxRow>,
    now: Timestamp,
) -> Result<String, Again> {
    let order = &row.order;
    let context = CheckContext { now, tenant_jurisdiction: None, default_jurisdiction: None };
    let plan = plan::reopen(&row.plan_file, &context)
        .map_err(|findings| Again(format!("the plan file is not what it was: {findings:?}")))?;
    let records = records(ledger, &order.run_id).await?;
    let report = Report::of(Ordered { order, chunks: plan.chunks(), parts: plan.parts() }, &records);
    let lines = |lines: Vec<String>| lines.into_iter().map(|line| line + "\n").collect::<String>();
    let webhooks: Vec<_> = outbox.iter().map(|m| serde_json::to_string(m).unwrap_or_default()).collect();
    let contents = [
        ("plan.json", row.plan_file.clone()),
        ("audit.jsonl", lines(records.iter().map(AuditRecord::line).collect())),
        ("report.json", pretty(&report)),
        ("metrics.prom", prometheus(&report)),
        ("webhooks.jsonl", lines(webhooks)),
        ("README.txt", readme(&report)),
    ];
    let heads = records
        .iter()
        .map(|record| (record.chunk, ChainHead { length: record.seq.saturating_add(1), hash: record.hash.clone() }));
    let manifest = pretty(&Manifest {
        version: EVIDENCE_VERSION,
        run_id: order.run_id.clone(),
        tenant: order.tenant.clone(),
        simulated: order.simulated,
        approval: Approval {
            digest: order.plan_digest.clone(),
            approved_by: order.approved_by.clone(),
            approved_at: order.approved_at,
        },
        files: contents.iter().map(|(name, text)| ((*name).to_owned(), digest(text.as_bytes()))).collect(),
        chains: audit::Manifest {
            version: AUDIT_VERSION,
            run_id: order.run_id.clone(),
            plan_digest: order.plan_digest.clone(),
            heads: heads.collect(),
        },
    });
    let key = |name: &str| format!("{}/{name}", order.run_id);
    let digest = digest(manifest.as_bytes());
    if bucket.read(&key(MANIFEST)).await?.as_ref() == Some(&manifest) {
        return Ok(digest);
    }
    for (name, text) in contents {
        bucket.write(&key(name), text).await?;
    }
    bucket.write(&key(MANIFEST), manifest).await?;
    Ok(digest)
}

async fn records(ledger: &DynamoLedger, run_id: &str) -> Result<Vec<AuditRecord>, Again> {
    let mut records = Vec::new();
    let mut after = 0;
    loop {
        let page = ledger.records(run_id, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(records) };
        after = last.position;
        records.extend(page.into_iter().map(|row| row.record));
    }
}

fn pretty(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}

fn readme(report: &Report) -> String {
    let simulated =
        if report.simulated { "\nSIMULATED: the tenant was a simulated one. Nothing real was deleted.\n" } else { "" };
    format!(
        "\
Evidence of a purge of contact-centre data
{simulated}
run      {}
plan     {}
tenant   {}
outcome  {}

Check it, offline, with

    genesys-purge verify FOLDER

manifest.json has the SHA-256 of every other file, length and last hash of every chain of records, and who approved.
",
        report.run_id,
        report.plan_digest,
        report.tenant,
        report.outcome.as_str(),
    )
}
