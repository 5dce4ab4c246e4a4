//! Writing the folder: whole, beside its place, then put there.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use purge_core::audit::{self, AUDIT_VERSION, ChainHead};
use purge_core::json::digest;
use purge_core::metrics::prometheus;
use purge_core::report::Report;
use purge_core::run::Approval;
use serde::Serialize;

use super::manifest::{AUDIT, EVIDENCE_VERSION, FILES, MANIFEST, METRICS, Manifest, PLAN, README, REPORT, WEBHOOKS};
use crate::carry::stored::Stored;
use crate::exit::Exit;
use crate::failure::Failure;

/// Writes the evidence of a run and gives the digest of its manifest, by which the whole can be recognised.
pub(crate) fn write(folder: &Path, stored: &Stored, report: &Report) -> Result<String, Failure> {
    let failed = |why: io::Error| Failure::machine(&format!("write the evidence to `{}`", folder.display()), why);
    refuse_foreign(folder)?;
    let new = sibling(folder, "new");
    let old = sibling(folder, "old");
    for leftover in [&new, &old] {
        match fs::remove_dir_all(leftover) {
            Ok(()) => {}
            Err(why) if why.kind() == io::ErrorKind::NotFound => {}
            Err(why) => return Err(failed(why)),
        }
    }
    fs::create_dir_all(&new).map_err(failed)?;
    let manifest = fill(&new, stored, report).map_err(failed)?;
    let replaced = folder.exists();
    if replaced {
        fs::rename(folder, &old).map_err(failed)?;
    }
    fs::rename(&new, folder).map_err(failed)?;
    if replaced {
        fs::remove_dir_all(&old).map_err(failed)?;
    }
    Ok(manifest)
}

/// Whether evidence can be put there, found out before there is any. A folder with anything else in it is somebody's, and is
/// not replaced.
pub(crate) fn refuse_foreign(folder: &Path) -> Result<(), Failure> {
    let refused = |message: String| {
        let help = "give `--evidence` a folder of its own";
        Failure::new(Exit::BadInput, "evidence.folder", folder.display().to_string(), message, help)
    };
    let (Some(parent), Some(_)) = (folder.parent(), folder.file_name()) else {
        return Err(refused(format!("`{}` cannot be replaced as a whole", folder.display())));
    };
    fs::create_dir_all(parent).map_err(|why| refused(format!("cannot make `{}`: {why}", parent.display())))?;
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(why) => return Err(refused(format!("cannot read `{}`: {why}", folder.display()))),
    };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name != MANIFEST && !FILES.contains(&name.as_str()) {
            return Err(refused(format!("`{}` holds `{name}`, which is no evidence", folder.display())));
        }
    }
    Ok(())
}

/// Whether evidence is there already when a run begins: then the ledger that knew about it is lost, or it is of another run. It
/// is the only proof of what was done, and is not replaced.
pub(crate) fn refuse_earlier(folder: &Path) -> Result<(), Failure> {
    if !folder.join(MANIFEST).exists() {
        return Ok(());
    }
    let message = format!("`{}` holds evidence, but the ledger does not know the run", folder.display());
    let help =
        "restore the ledger from a copy, or keep the folder under another name and look at it before deleting again";
    Err(Failure::new(Exit::BadInput, "evidence.earlier", folder.display().to_string(), message, help))
}

/// `DIR/run` becomes `DIR/.run.new`.
fn sibling(folder: &Path, suffix: &str) -> PathBuf {
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    folder.with_file_name(format!(".{name}.{suffix}"))
}

fn fill(folder: &Path, stored: &Stored, report: &Report) -> io::Result<String> {
    let order = &stored.row.order;
    let heads = stored.records.iter().map(|record| {
        let length = record.seq.saturating_add(1);
        (record.chunk, ChainHead { length, hash: record.hash.clone() })
    });
    let chains = audit::Manifest {
        version: AUDIT_VERSION,
        run_id: order.run_id.clone(),
        plan_digest: order.plan_digest.clone(),
        heads: heads.collect(),
    };
    let mut audit_log = String::new();
    for record in &stored.records {
        audit_log.push_str(&record.line());
        audit_log.push('\n');
    }
    let mut webhooks = String::new();
    for message in &stored.outbox {
        webhooks.push_str(&serde_json::to_string(message)?);
        webhooks.push('\n');
    }
    let contents = [
        (PLAN, stored.row.plan_file.clone()),
        (AUDIT, audit_log),
        (REPORT, pretty(report)?),
        (METRICS, prometheus(report)),
        (WEBHOOKS, webhooks),
        (README, readme(report)),
    ];
    let mut files = BTreeMap::new();
    for (name, content) in contents {
        put(&folder.join(name), content.as_bytes())?;
        files.insert(name.to_owned(), digest(content.as_bytes()));
    }
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
        files,
        chains,
    })?;
    put(&folder.join(MANIFEST), manifest.as_bytes())?;
    Ok(digest(manifest.as_bytes()))
}

fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn pretty(value: &impl Serialize) -> io::Result<String> {
    Ok(format!("{}\n", serde_json::to_string_pretty(value)?))
}

fn readme(report: &Report) -> String {
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

plan.json       what was approved: request, policy, and the digest of the plan that follows from them
audit.jsonl     what happened, one record a line; every record carries the hash of the one before it in its chunk's chain
report.json     what the records amount to: a calculation from audit.jsonl and plan.json, and nothing else
metrics.prom    the report's figures as a Prometheus exposition
webhooks.jsonl  what the governance system was told, and whether it took it
manifest.json   SHA-256 of every file here, length and last hash of every chain, and who approved

Check it, offline, with

    genesys-purge verify FOLDER

Without the program: `sha256sum *` must give the hashes in manifest.json. A record's `hash` is the SHA-256 of the record
without that field, as canonical JSON (RFC 8785); its `prev` is the `hash` of the chunk's record before it.

What it shows: that deletion was requested through the provider's interface, and that absence was then confirmed, or not,
through the same interface at the times recorded. What it cannot show: the provider's backups, exports, or copies elsewhere.
A folder can be replaced as a whole; whoever keeps the digest of manifest.json, which `run` prints, would notice.
",
        run = report.run_id,
        plan = report.plan_digest,
        tenant = report.tenant,
        outcome = report.outcome.as_str(),
    )
}
