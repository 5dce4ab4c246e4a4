//! Reads requests, policies and plan files, and makes the plan.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use purge_core::finding::{Finding, Severity, stops};
use purge_core::plan::{self, CheckContext, Checked, Reopened};
use purge_core::region::REGIONS;
use purge_core::request::PurgeRequest;
use purge_core::time::Timestamp;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::settings::{Settings, one_of_the_regions};

/// The longest file in bytes that is read; no request, policy, plan file or scenario is that long.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// The result of checking the documents, and the names that its findings refer to.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    /// The findings, the parts of the range, and the plan if there is one.
    pub(crate) checked: Checked,
    /// The request, if it can be read, even without a plan.
    pub(crate) request: Option<PurgeRequest>,
    /// The time as of which the rules were applied.
    pub(crate) planned_at: Timestamp,
    /// Whether the plan was made just now from a request, rather than opened from a plan file.
    pub(crate) from_request: bool,
    /// The names of the documents.
    pub(crate) names: Names,
}

/// The names of the documents as they were typed.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    pub(crate) request: String,
    pub(crate) policy: Option<String>,
}

impl Names {
    /// A copy of the finding whose pointer names the file: `q1.json#/range/end`.
    pub(crate) fn locate(&self, finding: &Finding) -> Finding {
        let mut located = finding.clone();
        if let Some(rest) = finding.pointer.strip_prefix("policy#") {
            let name = self.policy.as_deref().unwrap_or("--policy");
            located.pointer = format!("{name}#{rest}");
        } else if let Some(rest) = finding.pointer.strip_prefix('#') {
            located.pointer = format!("{}#{rest}", self.request);
        }
        // `#` alone points to the whole document.
        if let Some(whole) = located.pointer.strip_suffix('#') {
            located.pointer = whole.to_owned();
        }
        located
    }
}

/// Reads and checks the request (or plan file) and the policy.
pub(crate) fn prepare(request: &Path, policy: Option<&Path>, context: &CheckContext) -> Result<Prepared, Failure> {
    let stdin = Path::new("-");
    if request == stdin && policy == Some(stdin) {
        let message = "request and policy cannot both come from standard input";
        return Err(Failure::new(Exit::BadInput, "file.twice", "--policy", message, "give one of them as a file"));
    }
    let text = read_text(request)?;
    let name = if request == stdin { "standard input".to_owned() } else { request.display().to_string() };
    let names = Names { request: name, policy: policy.map(|p| p.display().to_string()) };
    if !is_plan_file(&text) {
        let policy = policy.map(read_text).transpose()?;
        let checked = plan::check(&text, policy.as_deref(), context);
        let request = match &checked.plan {
            Some(plan) => Some(plan.request().clone()),
            // Perhaps only the policy stands against it.
            None => plan::check(&text, None, context).plan.map(|plan| plan.request().clone()),
        };
        return Ok(Prepared { checked, request, planned_at: context.now, from_request: true, names });
    }
    let Reopened { plan, planned_at, mut remarks } = plan::reopen(&text, context).map_err(|findings| {
        let located = findings.iter().map(|finding| names.locate(finding)).collect();
        Failure { findings: located, ..Failure::of_findings(findings) }
    })?;
    let request = Some(plan.request().clone());
    // The plan is carried out as it was approved or not at all. The policy that applies now may only stand against it.
    let now = policy.map(read_text).transpose()?;
    let against = now.map(|text| plan::since(&plan, plan.chunks(), &text, context)).unwrap_or_default();
    let checked = if stops(&against) {
        let parts = Arc::new(plan.parts().to_vec());
        remarks.extend(against);
        Checked { findings: remarks, parts, plan: None }
    } else {
        Checked::planned(plan, remarks)
    };
    Ok(Prepared { checked, request, planned_at, from_request: false, names })
}

/// Whether the text is a plan file: an object with a digest, which a request never has.
pub(crate) fn is_plan_file(text: &str) -> bool {
    serde_json::from_str::<serde_json::Value>(text).is_ok_and(|value| value.get("planDigest").is_some())
}

/// Reads a text file; `-` is standard input. Refuses one of more than [`MAX_BYTES`] before it fills the memory: a device never
/// ends.
pub(crate) fn read_text(path: &Path) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().take(MAX_BYTES + 1).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
    };
    read.map_err(|why| Failure::unreadable(path, why))?;
    let wrong = |code: &str, what: &str, help: &str| {
        let name = path.display().to_string();
        let message = format!("`{name}` {what}");
        Failure::new(Exit::BadInput, &format!("file.{code}"), name, message, help)
    };
    if bytes.len() as u64 > MAX_BYTES {
        return Err(wrong(
            "tooLarge",
            "is larger than any file that this program reads",
            "check that it is the right file",
        ));
    }
    let text = String::from_utf8(bytes).map_err(|_| {
        wrong("notText", "is not UTF-8 text", "save it as JSON in UTF-8; check that it is the right file")
    })?;
    // Some editors start a file with a byte order mark, which is not part of its text.
    match text.strip_prefix('\u{feff}') {
        Some(rest) => Ok(rest.to_owned()),
        None => Ok(text),
    }
}

/// The finding that nothing says where the tenant lies: an error for `run`, a warning for commands that only look.
pub(crate) fn tenant_unknown(severity: Severity) -> Finding {
    let message = "the tenant's region is not known, and nothing is deleted without it";
    let help = "its address is not a Genesys Cloud host; give `--tenant-jurisdiction` or set `GENESYS_REGION`";
    Finding::new(severity, "jurisdiction.tenantUnknown", "--tenant-jurisdiction", message, help)
}

/// Whether the region that the tenant lies in must be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TenantRegion {
    /// It must, because something will be deleted there.
    Required,
    /// It need not, because nothing will be deleted.
    Optional,
}

/// What checking needs to know besides the documents. `said` is `--tenant-jurisdiction`.
pub(crate) fn check_context(
    settings: &Settings,
    said: Option<&str>,
    need: TenantRegion,
    now: Timestamp,
) -> Result<CheckContext, Failure> {
    let of_host = settings.tenant.as_ref().and_then(|tenant| tenant.site.jurisdiction);
    let wrong = |code: &str, message: String, help: String| {
        Failure::new(Exit::BadInput, &format!("jurisdiction.{code}"), "--tenant-jurisdiction", message, help)
    };
    if let Some(said) = said {
        if !REGIONS.iter().any(|r| r.name == said) {
            let message = format!("`{said}` is not a Genesys Cloud region");
            return Err(wrong("unknown", message, one_of_the_regions()));
        }
        if let Some(of_host) = of_host.filter(|of_host| *of_host != said) {
            let message = format!("the tenant's address is in `{of_host}`, not in `{said}`");
            return Err(wrong("contradiction", message, "omit `--tenant-jurisdiction`".to_owned()));
        }
    }
    let known = of_host.or(said);
    if known.is_none() && settings.tenant.is_some() && need == TenantRegion::Required {
        return Err(Failure { exit: Exit::BadInput, findings: vec![tenant_unknown(Severity::Error)] });
    }
    Ok(CheckContext {
        now,
        tenant_jurisdiction: known.map(str::to_owned),
        default_jurisdiction: settings.jurisdiction.clone(),
    })
}
