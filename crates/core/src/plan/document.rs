//! The plan as a document: what `plan --json` prints, and the file that carries a plan from one machine to another.

use serde::{Deserialize, Serialize};

use super::{CheckContext, Checked, Disposition, Estimate, PLAN_VERSION, Plan, Reason, check};
use crate::chunk::Age;
use crate::finding::{Finding, Severity};
use crate::json::{self, Field, Reader, canonical, quoted};
use crate::policy::{POLICY_MAX_BYTES, Policy};
use crate::request::{PurgeRequest, REQUEST_MAX_BYTES};
use crate::time::Timestamp;

/// A chunk as it is printed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChunkLine {
    /// From 1.
    pub index: u32,
    /// The first instant inside.
    pub start: Timestamp,
    /// The first instant after it.
    pub end: Timestamp,
    /// Present only for conversations older than five years.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age: Option<Age>,
}

/// A part as it is printed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PartLine {
    /// The first instant inside.
    pub start: Timestamp,
    /// The first instant after it.
    pub end: Timestamp,
    /// What happens to it.
    pub disposition: Disposition,
    /// Why.
    pub reason: Reason,
}

/// The result of a check, with or without a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanDocument {
    /// [`PLAN_VERSION`].
    pub version: u32,
    /// The digest of the plan; null without a plan.
    pub plan_digest: Option<String>,
    /// The short code of the digest; null without a plan.
    pub short_code: Option<String>,
    /// The chunks to delete; empty without a plan.
    pub chunks: Vec<ChunkLine>,
    /// What happens to every millisecond of the range.
    pub parts: Vec<PartLine>,
    /// Every problem and remark.
    pub findings: Vec<Finding>,
    /// The expected effort; null without a plan.
    pub estimate: Option<Estimate>,
}

/// Makes the document of a check.
#[must_use]
pub fn document(checked: &Checked) -> PlanDocument {
    let plan = checked.plan.as_ref();
    let chunks = plan.map(Plan::chunks).unwrap_or_default();
    PlanDocument {
        version: PLAN_VERSION,
        plan_digest: plan.map(|p| p.digest().to_owned()),
        short_code: plan.map(Plan::short_code),
        chunks: chunks
            .iter()
            .map(|chunk| ChunkLine {
                index: chunk.index,
                start: chunk.window.start(),
                end: chunk.window.end(),
                age: match chunk.age {
                    Age::Recent => None,
                    Age::Aged => Some(Age::Aged),
                },
            })
            .collect(),
        parts: checked
            .parts
            .iter()
            .map(|part| PartLine {
                start: part.window.start(),
                end: part.window.end(),
                disposition: part.disposition,
                reason: part.reason.clone(),
            })
            .collect(),
        findings: checked.findings.clone(),
        estimate: plan.map(|p| p.estimate().clone()),
    }
}

/// A plan that can be carried elsewhere: what it was made from, and the digest that must result again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanFile {
    /// [`PLAN_VERSION`].
    pub version: u32,
    /// Digest of the plan.
    pub plan_digest: String,
    /// When the plan was made. The rules are applied as of that day.
    pub planned_at: Timestamp,
    /// The request.
    pub request: PurgeRequest,
    /// The policy.
    pub policy: Policy,
}

/// The longest plan file that is read, in bytes: the longest request, the longest policy, and what holds them together.
const PLAN_FILE_MAX_BYTES: usize = REQUEST_MAX_BYTES + POLICY_MAX_BYTES + 1024;

impl PlanFile {
    /// The text of the file: on many lines for people, or on one line if it would otherwise be too long to be read again.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        if text.len() >= PLAN_FILE_MAX_BYTES {
            text = canonical(self);
        }
        text.push('\n');
        text
    }

    /// Makes the file of a plan that was made at `planned_at`.
    #[must_use]
    pub fn new(plan: &Plan, planned_at: Timestamp) -> Self {
        Self {
            version: PLAN_VERSION,
            plan_digest: plan.digest().to_owned(),
            planned_at,
            request: plan.request().clone(),
            policy: plan.policy().clone(),
        }
    }
}

/// A plan file that was read and checked again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reopened {
    /// The plan.
    pub plan: Plan,
    /// The time as of which the rules were applied.
    pub planned_at: Timestamp,
    /// The findings that do not stop the plan.
    pub remarks: Vec<Finding>,
}

/// Reads a plan file and checks it again, as of the day on which the plan was made.
///
/// # Errors
/// The findings that stop it: the text is not a plan file, the plan was made after the day of `context.now`, the request does not
/// pass the checks, or the digest differs.
pub fn reopen(text: &str, context: &CheckContext) -> Result<Reopened, Vec<Finding>> {
    let mut r = Reader::default();
    let file = json::parse(text, PLAN_FILE_MAX_BYTES);
    let value = match &file {
        Ok(value) => value,
        Err(why) => {
            r.unreadable("#", why);
            return Err(r.findings);
        }
    };
    let root = Field { value, pointer: "#".to_owned() };
    let Some(object) = r.object(&root, &["version", "planDigest", "plannedAt", "request", "policy"]) else {
        return Err(r.findings);
    };
    const HELP: &str = "export the plan again";
    r.version(&object, PLAN_VERSION);
    let digest = r.required(&object, "planDigest", HELP).and_then(|f| r.text(&f));
    let planned_at = r.required(&object, "plannedAt", HELP).and_then(|f| r.instant(&f));
    let request = r.required(&object, "request", HELP);
    let policy = r.required(&object, "policy", HELP);
    // A day in the future would let retention rules expire early.
    if let Some(at) = planned_at.filter(|at| at.start_of_day() > context.now.start_of_day()) {
        r.error("planFile.future", "#/plannedAt", format!("the plan was made at `{at}`, in the future"), HELP);
    }
    let (Some(digest), Some(planned_at), Some(request), Some(policy)) = (digest, planned_at, request, policy) else {
        return Err(r.findings);
    };
    let text = |field: &Field<'_>| canonical(field.value);
    let context = CheckContext { now: planned_at, ..context.clone() };
    let checked = check(&text(&request), Some(&text(&policy)), &context);
    let (stops, remarks): (Vec<_>, Vec<_>) =
        checked.findings.into_iter().map(point_into_plan_file).partition(|finding| finding.severity.stops());
    r.findings.extend(stops);
    match checked.plan {
        Some(plan) if r.findings.is_empty() && plan.digest() == digest => {
            return Ok(Reopened { plan, planned_at, remarks });
        }
        Some(plan) if plan.digest() != digest => r.findings.push(Finding::new(
            Severity::Error,
            "planFile.digest",
            "#/planDigest",
            format!("the digest is {}, but the plan that the file describes has `{}`", quoted(&digest), plan.digest()),
            "the file was changed after planning, or was made by another version; plan and have it approved again",
        )),
        Some(_) | None => {}
    }
    Err(r.findings)
}

/// Points a finding into the plan file.
fn point_into_plan_file(finding: Finding) -> Finding {
    let pointer = match finding.pointer.strip_prefix("policy#") {
        Some(rest) => format!("#/policy{rest}"),
        None => format!("#/request{}", finding.pointer.trim_start_matches('#')),
    };
    Finding { pointer, ..finding }
}
