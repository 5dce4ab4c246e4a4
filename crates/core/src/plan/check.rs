//! The check: reads both documents, applies every rule, cuts the range, and makes the plan if nothing stops it.

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

/// Checks a request text against a policy text, and reports all findings at once. Without a policy there are no rules and no holds.
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
    // The sort is stable: the request's findings come first, and those of each document stay in order.
    let is_of_policy = |finding: &Finding| finding.pointer.starts_with("policy");
    sort_by(&mut findings, |a, b| is_of_policy(a).cmp(&is_of_policy(b)));
    let Some((parts, chunks)) = cut else { return Checked { findings, parts: Arc::default(), plan: None } };
    let parts = Arc::new(parts);
    let plan = match (draft.finish(&findings), policy) {
        (Some(request), Some(policy)) => Some(make_plan(request, policy, chunks, Arc::clone(&parts))),
        (Some(_) | None, Some(_) | None) => None,
    };
    Checked { findings, parts, plan }
}

/// The error for a policy that is too long in its canonical form, in which a plan keeps it. That form writes milliseconds that the
/// text may leave out, and a plan whose policy is too long to be read again could never be proved.
fn too_long_to_keep(text: &str, policy: &Policy) -> Option<Finding> {
    // The canonical form is less than twice as long as the text, so few policies have to be written out to be measured.
    let is_long = || canonical(policy).len() > POLICY_MAX_BYTES;
    (text.len() > POLICY_MAX_BYTES / 2 && is_long()).then(|| {
        let message = format!("written out in full, the policy has more than {POLICY_MAX_BYTES} bytes");
        Finding::new(Severity::Error, "json.tooLarge", "policy#", message, "shorten it")
    })
}

/// Checks documents that are already values. The rules are the same, because the values are written out and read again.
#[must_use]
pub fn check_parsed(request: &PurgeRequest, policy: &Policy, context: &CheckContext) -> Checked {
    check(&canonical(request), Some(&canonical(policy)), context)
}

/// The parts and chunks, if enough of the request is readable to say what happens to the range.
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
    // The rules have already reported this; here it only bounds the memory.
    if grid.cells(scope.range) > u64::from(MAX_CHUNKS) {
        return None;
    }
    let exclusions = exclude::exclusions(&scope, draft, policy, findings);
    let aged_until = match scope.api {
        DeletionApi::DataDeletion => None,
        DeletionApi::RecordingJobs => exclude::five_year_boundary(scope.today).map(Window::start),
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
        findings.push(nothing_left_finding(&parts));
    }
    Some((parts, chunks))
}

/// The origin of the grid. Recording jobs select whole days, so for them it does not lie inside a day.
fn origin(scope: &Scope<'_>) -> Timestamp {
    match scope.api {
        DeletionApi::DataDeletion => scope.range.start(),
        DeletionApi::RecordingJobs => {
            let start = scope.range.start();
            if start.is_midnight() { start } else { start.start_of_day().plus_days(1) }
        }
    }
}

fn nothing_left_finding(parts: &[Part]) -> Finding {
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

fn make_plan(request: PurgeRequest, policy: Policy, chunks: Vec<Chunk>, parts: Arc<Vec<Part>>) -> Plan {
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
