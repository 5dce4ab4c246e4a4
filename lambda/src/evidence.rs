//! The evidence of a run: the same files as on one machine, under `{run id}/` in a bucket, so that the same command verifies them.

use purge_core::audit::AuditRecord;
use purge_core::evidence::{Evidence, MANIFEST, Material};
use purge_core::plan::{self, CheckContext};
use purge_core::report::{Ordered, Report};
use purge_core::time::Timestamp;
use purge_driver::ledger::{Ledger, OutboxRow, RunRow};

use crate::batch::Again;
use crate::bucket::Bucket;

/// Records read at a time.
const PAGE: u32 = 1_000;

/// Writes the evidence of a run and gives the digest of its manifest. The same state gives the same bytes, which are not written
/// twice.
///
/// # Errors
/// When the ledger or the bucket fails.
pub async fn write(
    ledger: &impl Ledger,
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
    let material = Material { order, plan_file: &row.plan_file, records: &records, report: &report, messages: &outbox };
    let evidence = Evidence::of(&material).map_err(|why| Again(format!("the evidence cannot be written: {why}")))?;
    let key = |name: &str| format!("{}/{name}", order.run_id);
    let digest = evidence.digest();
    if bucket.read(&key(MANIFEST)).await?.as_ref() == Some(&evidence.manifest) {
        return Ok(digest);
    }
    for (name, text) in evidence.files {
        bucket.write(&key(name), text).await?;
    }
    // Last, so that where it is, everything is.
    bucket.write(&key(MANIFEST), evidence.manifest).await?;
    Ok(digest)
}

async fn records(ledger: &impl Ledger, run_id: &str) -> Result<Vec<AuditRecord>, Again> {
    let mut records = Vec::new();
    let mut after = 0;
    loop {
        let page = ledger.records(run_id, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(records) };
        after = last.position;
        records.extend(page.into_iter().map(|row| row.record));
    }
}
