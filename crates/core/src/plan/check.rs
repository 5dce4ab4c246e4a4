//! Checking: read both documents, apply every rule, cut the range, and make the plan if nothing stops it.

use super::exclude::{self, Scope};
use super::partition::partition;
use super::{CheckContext, Checked, Disposition, MAX_CHUNKS, Part, Plan, digest, estimate, rules};
use crate::chunk::{Chunk, Grid};
use crate::finding::{self, Finding, Severity};
use crate::json::canonical;
use crate::policy::Policy;
use crate::request::{self, Draft, PurgeRequest};
use crate::time::Timestamp;

/// Checks a request text against a policy text (no rules and no holds, if there is none). Gives every finding at once.
#[must_use]
pub fn check(request: &str, policy: Option<&str>, context: &CheckContext) -> Checked {
    let (draft, mut findings) = request::read(request, context.default_jurisdiction.as_deref());
    let mut policy_findings = Vec::new();
    let policy = match policy {
        Some(text) => {
            let (policy, found) = Policy::parse(text);
            policy_findings = found;
            policy
        }
        None => {
            policy_findings.push(Finding::new(
                Severity::Warning,
                "policy.none",
                "policy#",
                "no policy is given: no retention rule and no legal hold is known",
                "give the policy that applies",
            ));
            Some(Policy::default())
        }
    };
    rules::rules(&draft, policy.as_ref(), context, &mut findings);
    let cut = policy.as_ref().and_then(|policy| {
        if policy.limits.max_records.is_none() {
            policy_findings.push(Finding::new(
                Severity::Warning,
                "limits.noGuard",
                "policy#/limits/maxRecords",
                "the guard on the number of records is off",
                "set `maxRecords` to a number that a chunk should never reach",
            ));
        }
        cut(&draft, policy, context, &mut findings, &mut policy_findings)
    });
    findings.append(&mut policy_findings);
    let Some((parts, chunks)) = cut else { return Checked { findings, parts: Vec::new(), plan: None } };
    let request = draft.finish(&findings);
    let plan = match (request, policy) {
        (Some(request), Some(policy)) if !finding::stops(&findings) => {
            Some(plan(request, policy, chunks, parts.clone()))
        }
        (Some(_) | None, Some(_) | None) => None,
    };
    Checked { findings, parts, plan }
}

/// Checks documents that are already values. The rules are the same: they are read again from their own text.
#[must_use]
pub fn check_parsed(request: &PurgeRequest, policy: &Policy, context: &CheckContext) -> Checked {
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    check(&text(canonical(request)), Some(&text(canonical(policy))), context)
}

/// The parts and chunks, if enough of the request is readable to say what becomes of the range.
fn cut(
    draft: &Draft,
    policy: &Policy,
    context: &CheckContext,
    findings: &mut Vec<Finding>,
    policy_findings: &mut Vec<Finding>,
) -> Option<(Vec<Part>, Vec<Chunk>)> {
    let (api, range, chunking) = (draft.api?, draft.range?, draft.chunking?);
    if findings.iter().any(|f| f.code == "chunking.tooMany") {
        return None;
    }
    let scope = Scope {
        api,
        range,
        record_types: draft.record_types.as_ref()?,
        jurisdiction: draft.jurisdiction.as_ref()?,
        today: context.now.start_of_day(),
    };
    let exclusions = exclude::exclusions(&scope, draft, policy, policy_findings);
    // Findings about the request that the exclusions made belong with the request.
    let about_request = policy_findings.iter().position(|f| f.pointer.starts_with('#'));
    if about_request.is_some() {
        let (mut request, policy): (Vec<_>, Vec<_>) =
            policy_findings.drain(..).partition(|f| f.pointer.starts_with('#'));
        findings.append(&mut request);
        *policy_findings = policy;
    }
    let grid = Grid::new(origin(&scope), chunking);
    let (parts, chunks) = partition(range, &exclusions, grid, scope.five_years().map(|w| w.start()));
    if chunks.len() > usize::try_from(MAX_CHUNKS).unwrap_or(usize::MAX) {
        findings.push(Finding::new(
            Severity::Error,
            "chunking.tooMany",
            "#/chunking",
            format!("the plan has {} chunks; at most {MAX_CHUNKS} are planned", chunks.len()),
            "make the chunks longer, or split the range",
        ));
    } else if chunks.is_empty() {
        findings.push(nothing_left(&parts));
    }
    Some((parts, chunks))
}

/// Where the grid starts: recording jobs select whole days, so not inside one.
fn origin(scope: &Scope<'_>) -> Timestamp {
    match scope.api {
        request::DeletionApi::DataDeletion => scope.range.start(),
        request::DeletionApi::RecordingJobs => {
            let start = scope.range.start();
            if start.is_midnight() { start } else { start.start_of_day().plus_days(1) }
        }
    }
}

fn nothing_left(parts: &[Part]) -> Finding {
    let causes: Vec<String> = [Disposition::Held, Disposition::Retained, Disposition::TooRecent, Disposition::Refused]
        .into_iter()
        .filter(|d| parts.iter().any(|p| p.disposition == *d))
        .map(|d| format!("`{}`", d.as_str()))
        .collect();
    Finding::new(
        Severity::Blocked,
        "range.nothingLeft",
        "#/range",
        format!("nothing of the range may be deleted: all of it is {}", causes.join(" or ")),
        "the warnings say which hold, rule or limit keeps which part",
    )
}

fn plan(request: PurgeRequest, policy: Policy, chunks: Vec<Chunk>, parts: Vec<Part>) -> Plan {
    let policy_digest = digest::policy_digest(&policy);
    Plan {
        version: super::PLAN_VERSION,
        digest: digest::plan_digest(&request, &policy_digest, &chunks),
        policy_digest,
        estimate: estimate::estimate(&request, &policy, &chunks),
        request,
        policy,
        chunks,
        parts,
    }
}
