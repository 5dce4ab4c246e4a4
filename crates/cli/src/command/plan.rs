//! `plan`: shows what would be deleted. Sends nothing.

use std::fs;
use std::path::{Path, PathBuf};

use purge_core::evidence;
use purge_core::finding::Severity;
use purge_core::plan::{PlanFile, document};
use purge_driver::{Clock, SystemClock};

use crate::args::PlanArgs;
use crate::documents::{self, Prepared, TenantRegion, is_plan_file, read_text};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::settings::{Environment, RealTenant, Settings};
use crate::terminal::{self, findings, print_err, print_out};
use crate::whole_file;

/// Checks and prints, and writes the plan file if one was asked for.
pub(crate) fn run(args: &PlanArgs) -> Result<Exit, Failure> {
    let settings = Settings::read(&Environment)?;
    let now = SystemClock.now();
    let context =
        documents::check_context(&settings, args.tenant_jurisdiction.as_deref(), TenantRegion::Optional, now)?;
    let mut prepared = documents::prepare(&args.request, args.documents.policy.as_deref(), &context)?;
    if settings.tenant.is_some() && context.tenant_jurisdiction.is_none() {
        prepared.checked.findings.push(documents::tenant_unknown(Severity::Warning));
    }
    if let Some(out) = &args.out {
        check_replaceable(out, &[Some(&args.request), args.documents.policy.as_ref()])?;
    }
    if args.json {
        let document = serde_json::to_string_pretty(&document(&prepared.checked))
            .map_err(|why| Failure::machine("write the plan", why))?;
        print_out(&document);
    } else {
        show(&prepared, settings.tenant.as_ref().map(RealTenant::name));
    }
    let Some(plan) = &prepared.checked.plan else {
        return Ok(Failure::of_findings(prepared.checked.findings).exit);
    };
    if let Some(out) = &args.out {
        save(out, &PlanFile::new(plan, prepared.planned_at))?;
        if !args.json {
            print_err(&format!("plan file: {}", out.display()));
        }
    }
    Ok(Exit::Fine)
}

fn show(prepared: &Prepared, tenant: Option<String>) {
    for finding in &prepared.checked.findings {
        print_err(&findings::finding(&prepared.names.locate(finding)));
    }
    match &prepared.checked.plan {
        Some(plan) => {
            let tenant = tenant.unwrap_or_else(|| "no tenant is set: `run` would use the simulated one".to_owned());
            terminal::plan::plan(plan, &tenant).iter().for_each(|line| print_out(line));
        }
        None => {
            terminal::plan::kept(&prepared.checked.parts).iter().for_each(|line| print_out(line));
            print_err(&format!("no plan: {}", findings::count(&prepared.checked.findings)));
        }
    }
}

/// Refuses to overwrite anything that is not a plan file, an input of this plan, or part of a run's evidence.
fn check_replaceable(out: &Path, inputs: &[Option<&PathBuf>]) -> Result<(), Failure> {
    let refused = |what: &str| {
        let message = format!("`{}` {what}", out.display());
        let help = "give the plan file a name of its own; only an earlier plan file is replaced";
        Err(Failure::new(Exit::BadInput, "out.taken", "--out", message, help))
    };
    if out == Path::new("-") {
        return refused("is not a name for a file");
    }
    let Ok(there) = fs::canonicalize(out) else { return Ok(()) };
    if inputs.iter().flatten().any(|input| fs::canonicalize(input).is_ok_and(|input| input == there)) {
        return refused("is what the plan is made from");
    }
    if there.with_file_name(evidence::MANIFEST).exists() {
        return refused("is part of a run's evidence");
    }
    if there.is_file() && read_text(&there).is_ok_and(|text| is_plan_file(&text)) {
        return Ok(());
    }
    refused("is there already and is not a plan file")
}

fn save(path: &Path, file: &PlanFile) -> Result<(), Failure> {
    whole_file::write(path, file.text().as_bytes()).map_err(|why| Failure::unwritable(path, why))
}
