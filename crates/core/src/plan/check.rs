//! Checking: read both documents, apply every rule, cut the range, and make the plan if nothing stops it.

use std::sync::Arc;

use super::exclude::{self, Scope};
use super::partition::partition;
use super::{CheckContext, Checked, Disposition, MAX_CHUNKS, Part, Plan, digest, estimate, rules};
use crate::chunk::{Chunk, Grid};
use crate::finding::{Finding, Severity};
use crate::json::canonical;
use crate::policy::{POLICY_MAX_BYTES, Policy};
use crate::request::{self, DeletionApi, Draft, PurgeRequest};
use crate::sorted::sort_by;
use crate::time::Timestamp;
use crate::window::Window;

/// Checks a request text against a policy text (no rules and no holds, if there is none). Gives every finding at once.
#[must_use]
pub fn check(request: &str, policy: Option<&str>, context: &CheckContext) -> Checked {
    let (draft, mut findings) = request::read(request, context.default_jurisdiction.as_deref());
    let policy = match policy {
        Some(text) => {
            let (policy, mut found) = Policy::parse(text);
            findings.append(&mut found);
            findings.extend(policy.as_ref().and_then(|policy| too_long_to_keep(text, policy)));
            policy
        }
        None => {
            findings.push(Finding::new(
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
    let cut = policy.as_ref().and_then(|policy| cut(&draft, policy, context, &mut findings));
    // A stable sort: the request's first, each document's in the order in which they were found.
    let of_policy = |finding: &Finding| finding.pointer.starts_with("policy");
    sort_by(&mut findings, |a, b| of_policy(a).cmp(&of_policy(b)));
    let Some((parts, chunks)) = cut else { return Checked { findings, parts: Arc::default(), plan: None } };
    let parts = Arc::new(parts);
    let plan = match (draft.finish(&findings), policy) {
        (Some(request), Some(policy)) => Some(plan(request, policy, chunks, Arc::clone(&parts))),
        (Some(_) | None, Some(_) | None) => None,
    };
    Checked { findings, parts, plan }
}

/// A plan keeps its policy in canonical form, which writes milliseconds where the text may not: what is too long to be read again
/// could never be proved.
fn too_long_to_keep(text: &str, policy: &Policy) -> Option<Finding> {
    // No form is twice as long as another, so hardly any policy has to be written to be measured.
    let is_long = || canonical(policy).len() > POLICY_MAX_BYTES;
    (text.len() > POLICY_MAX_BYTES / 2 && is_long()).then(|| {
        let message = format!("written out in full the policy has more than {POLICY_MAX_BYTES} bytes");
        Finding::new(Severity::Error, "json.tooLarge", "policy#", message, "shorten it")
    })
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
) -> Option<(Vec<Part>, Vec<Chunk>)> {
    let scope = Scope {
        api: draft.api?,
        range: draft.range?,
        record_types: draft.record_types.as_ref()?,
        jurisdiction: draft.jurisdiction.as_ref()?,
        today: context.now.start_of_day(),
        looks_for_spanning: policy.limits.looks_for_spanning(draft.api?, draft.record_types.as_ref()?),
    };
    let grid = Grid::new(origin(&scope), draft.chunking?);
    // The rules have said so; here it only keeps memory bounded.
    if grid.cells(scope.range) > u64::from(MAX_CHUNKS) {
        return None;
    }
    let exclusions = exclude::exclusions(&scope, draft, policy, findings);
    let aged_until = match scope.api {
        DeletionApi::DataDeletion => None,
        DeletionApi::RecordingJobs => exclude::five_years(scope.today).map(Window::start),
    };
    let (parts, chunks) = partition(scope.range, &exclusions, grid, aged_until);
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
        DeletionApi::DataDeletion => scope.range.start(),
        DeletionApi::RecordingJobs => {
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

fn plan(request: PurgeRequest, policy: Policy, chunks: Vec<Chunk>, parts: Arc<Vec<Part>>) -> Plan {
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
