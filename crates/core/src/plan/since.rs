//! Compares an approved plan with the policy that applies now: what that policy keeps and the plan would delete. The plan's own
//! policy is only as recent as the plan.

use super::digest::policy_digest;
use super::{CheckContext, Disposition, Part, Plan, Reason, check_parsed};
use crate::bounds::LONGEST;
use crate::chunk::Chunk;
use crate::finding::{Finding, Severity};
use crate::policy::{Limits, Policy};
use crate::request::PurgeRequest;
use crate::sorted::sort;
use crate::time::Timestamp;
use crate::window::Window;

/// The most parts or holds that are named one by one.
const NAMED: usize = 20;

const HELP: &str = "plan again under the policy that applies now, and have that plan approved";

/// The parts of an approved plan that can be compared with a policy.
pub(crate) struct Approved<'a> {
    pub(crate) request: &'a PurgeRequest,
    /// The digest of the policy that the plan was made with.
    pub(crate) policy_digest: &'a str,
    pub(crate) limits: &'a Limits,
    /// The conversations that are looked up right before each deletion, sorted.
    pub(crate) conversations: Vec<&'a str>,
    /// The windows that a hold keeps as a whole.
    pub(crate) windows: Vec<Window>,
    /// The time from which a rule keeps everything.
    pub(crate) young_from: Option<Timestamp>,
}

impl<'a> Approved<'a> {
    fn of(plan: &'a Plan, now: Timestamp) -> Self {
        let (request, policy) = (plan.request(), plan.policy());
        let holds = || policy.holds_on(request);
        let mut conversations: Vec<&str> =
            holds().filter_map(|hold| hold.conversation_ids.as_ref()).flatten().map(String::as_str).collect();
        sort(&mut conversations);
        Self {
            request,
            policy_digest: plan.policy_digest(),
            limits: &policy.limits,
            conversations,
            windows: holds().filter(|hold| hold.conversation_ids.is_none()).filter_map(|hold| hold.range).collect(),
            young_from: young_from(policy, request, now),
        }
    }
}

/// Everything that the policy that applies now (`current`, as text) keeps and that carrying out `ahead`, chunks of the approved
/// plan, would delete. Empty if the policy permits all of it. Holds, retention rules and jurisdictions count, and of the limits
/// those that protect against the planner: the second person, and how much a chunk may delete. What is merely too recent, or at the
/// five-year boundary, was judged on the day of planning.
///
/// The request is planned again under that policy, as of `context.now`: no chunk may reach into what the policy keeps
/// (`policy.keepsMore`). And everything that this policy would look up right before a deletion must also be looked up by the
/// approved plan (`policy.newHold`).
#[must_use]
pub fn since(plan: &Plan, ahead: &[Chunk], current: &str, context: &CheckContext) -> Vec<Finding> {
    match Policy::parse(current) {
        (Some(policy), _) => {
            let approved = Approved::of(plan, context.now);
            let mut findings = against(&approved, ahead, &policy, context);
            if !ahead.is_empty() {
                findings.extend(stricter_guards(approved.limits, &policy.limits));
            }
            findings
        }
        (None, unreadable) => unreadable,
    }
}

/// Everything that the policy keeps and that carrying out the chunks `ahead` would delete.
pub(crate) fn against(
    approved: &Approved<'_>,
    ahead: &[Chunk],
    policy: &Policy,
    context: &CheckContext,
) -> Vec<Finding> {
    if ahead.is_empty() || policy_digest(policy) == approved.policy_digest {
        return Vec::new();
    }
    let checked = check_parsed(approved.request, policy, context);
    let not_allowed = |finding: &Finding| finding.code == "jurisdiction.notAllowed";
    let mut findings: Vec<Finding> = checked.findings.into_iter().filter(not_allowed).collect();
    if checked.parts.is_empty() {
        // The request was planned once, so this should not happen; but a plan that cannot be compared does not pass.
        findings.push(blocked(
            "policy.keepsMore",
            "policy#",
            "the request cannot be planned under this policy".to_owned(),
        ));
    }
    findings.extend(first_named(kept_parts(ahead, &checked.parts), "policy.keepsMore", "parts"));
    findings.extend(first_named(new_holds(approved, ahead, policy), "policy.newHold", "holds"));
    findings.extend(new_rule(approved, ahead, policy, context.now));
    findings
}

/// The guards of the policy that applies now that are stricter than the approved ones. A planner who uses a policy of their own
/// cannot avoid these guards when something begins; what has begun goes on as it was approved.
fn stricter_guards(approved: &Limits, now: &Limits) -> Vec<Finding> {
    let second = (now.second_person && !approved.second_person).then(|| {
        let message = "the policy now requires a second person to approve; the approved plan does not";
        blocked("policy.secondPerson", "policy#/limits/secondPerson", message.to_owned())
    });
    let most =
        now.max_records.filter(|most| approved.max_records.is_none_or(|approved| approved > *most)).map(|most| {
            let message = format!("the policy now limits a chunk to {most} records; the approved plan allows more");
            blocked("policy.maxRecords", "policy#/limits/maxRecords", message)
        });
    second.into_iter().chain(most).collect()
}

/// The parts that the policy keeps and that a chunk reaches into. Both lists are in order.
fn kept_parts(ahead: &[Chunk], parts: &[Part]) -> Vec<Finding> {
    let mut out = Vec::new();
    let mut rest = ahead;
    for part in parts {
        let hold = match (&part.reason, part.disposition) {
            (Reason::Kept(keeper), Disposition::Held | Disposition::Retained) => keeper.hold,
            (Reason::Kept(_) | Reason::Chunk { .. }, _) => continue,
        };
        let over = rest.iter().take_while(|chunk| chunk.window.end() <= part.window.start()).count();
        rest = rest.get(over..).unwrap_or_default();
        let Some(chunk) = rest.first().filter(|chunk| chunk.window.overlaps(part.window)) else { continue };
        let pointer = hold.map_or_else(|| "policy#/retention".to_owned(), |place| format!("policy#/holds/{place}"));
        let message = format!(
            "{} keeps `{}`; the approved plan deletes it, from chunk {} on",
            part.reason, part.window, chunk.index
        );
        out.push(blocked("policy.keepsMore", &pointer, message));
    }
    out
}

/// The time from which the rules keep everything of the kinds that the request deletes.
fn young_from(policy: &Policy, request: &PurgeRequest, now: Timestamp) -> Option<Timestamp> {
    policy.rules_on(request).filter_map(|rule| rule.young(now)).map(Window::start).min()
}

/// The finding for a rule under which conversations would be looked for that reach from a chunk into what the rule keeps, while the
/// approved plan looks for none. What lies inside a chunk is already reported with the parts. No conversation is assumed to last
/// longer than those that are looked for.
fn new_rule(approved: &Approved<'_>, ahead: &[Chunk], policy: &Policy, now: Timestamp) -> Option<Finding> {
    let request = approved.request;
    let from = young_from(policy, request, now)?;
    let near = |chunk: &Chunk| chunk.window.end() <= from && from < chunk.window.end().plus(LONGEST);
    let unknown = approved.young_from.is_none_or(|known| from < known);
    let whole = policy.limits.looks_for_spanning(request.api, &request.record_types);
    let chunk = ahead.iter().find(|chunk| near(chunk)).filter(|_| unknown && whole)?;
    let message = format!(
        "a rule keeps what is later than `{from}`, and conversations of chunk {} may reach into it",
        chunk.index
    );
    Some(blocked("policy.keepsMore", "policy#/retention", message))
}

/// The holds that would be looked up right before a deletion and that the approved plan does not know.
fn new_holds(approved: &Approved<'_>, ahead: &[Chunk], policy: &Policy) -> Vec<Finding> {
    let request = approved.request;
    let looks = |limits: &Limits| limits.looks_for_spanning(request.api, &request.record_types);
    let whole = looks(approved.limits) || looks(&policy.limits);
    let mut out = Vec::new();
    for (place, hold) in
        policy.holds.iter().enumerate().filter(|(_, hold)| hold.concerns(request.api, &request.record_types))
    {
        let pointer = format!("policy#/holds/{place}");
        let id = &hold.id;
        match (&hold.conversation_ids, hold.range) {
            (Some(held), range) if range.is_none_or(|range| may_reach(whole, ahead, range)) => {
                let mut new = held.iter().filter(|id| approved.conversations.binary_search(&id.as_str()).is_err());
                if let Some(first) = new.next() {
                    let more = new.count();
                    let others = if more == 0 { String::new() } else { format!(" and {more} more") };
                    let message =
                        format!("hold `{id}` names conversation `{first}`{others}, unknown to the approved plan");
                    out.push(blocked("policy.newHold", &pointer, message));
                }
            }
            // Conversations that begin in a chunk may reach into the window, wherever it lies. If none are looked for, only what
            // lies inside a chunk counts, and that is already reported with the parts.
            (None, Some(window))
                if whole
                    && may_reach(whole, ahead, window)
                    && !approved.windows.iter().any(|known| known.intersection(window) == Some(window)) =>
            {
                let message = format!("hold `{id}` keeps `{window}`, unknown to the approved plan");
                out.push(blocked("policy.newHold", &pointer, message));
            }
            (Some(_), _) | (None, Some(_) | None) => {}
        }
    }
    out
}

/// Whether deleting a chunk could delete something that a hold keeps in that time: what lies in the chunk and, if conversations are
/// deleted `whole`, what comes after it.
fn may_reach(whole: bool, ahead: &[Chunk], held: Window) -> bool {
    ahead.iter().any(|chunk| if whole { held.end() > chunk.window.start() } else { chunk.window.overlaps(held) })
}

fn blocked(code: &str, pointer: &str, message: String) -> Finding {
    Finding::new(Severity::Blocked, code, pointer, message, HELP)
}

/// The first [`NAMED`] findings, and one that says how many more there are.
fn first_named(mut findings: Vec<Finding>, code: &str, what: &str) -> Vec<Finding> {
    let more = findings.len().saturating_sub(NAMED);
    findings.truncate(NAMED);
    if more > 0 {
        findings.push(blocked(code, "policy#", format!("and {more} more {what}")));
    }
    findings
}
