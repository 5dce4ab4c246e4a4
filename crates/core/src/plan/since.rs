//! What the policy that applies now keeps, and an approved plan would delete: the policy of a plan is as old as the plan.

use super::digest::policy_digest;
use super::{CheckContext, Disposition, Part, Plan, Reason, check_parsed};
use crate::bounds::LONGEST;
use crate::chunk::Chunk;
use crate::finding::{Finding, Severity};
use crate::policy::{Hold, Limits, Policy};
use crate::request::PurgeRequest;
use crate::sorted::sort;
use crate::time::Timestamp;
use crate::window::Window;

/// Parts and holds that are named one by one.
const NAMED: usize = 20;

const HELP: &str = "plan again under the policy that applies now, and have that plan approved";

/// What was approved, as far as it can be compared with a policy.
pub(crate) struct Approved<'a> {
    pub(crate) request: &'a PurgeRequest,
    /// Of the policy that it was planned under.
    pub(crate) policy_digest: &'a str,
    pub(crate) limits: &'a Limits,
    /// The conversations that are looked up right before a deletion, sorted.
    pub(crate) conversations: Vec<&'a str>,
    /// The windows that a hold keeps whole.
    pub(crate) windows: Vec<Window>,
    /// Since when a rule keeps everything.
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

/// Everything that the policy that applies now (as text) keeps and that carrying out `ahead`, chunks of the approved plan, would
/// delete; empty if nothing stands against it. Holds, retention rules and jurisdictions count, and of the limits those that guard
/// against whoever plans: a second person, and how much a chunk may delete. What is merely too recent or at the five-year boundary was
/// judged on the day of planning.
///
/// The request is planned again under that policy, as of `context.now`: no chunk may reach into what it keeps (`policy.keepsMore`).
/// And what is looked up right before a deletion must be all that would be looked up under it (`policy.newHold`).
#[must_use]
pub fn since(plan: &Plan, ahead: &[Chunk], current: &str, context: &CheckContext) -> Vec<Finding> {
    match Policy::parse(current) {
        (Some(policy), _) => {
            let approved = Approved::of(plan, context.now);
            let mut findings = against(&approved, ahead, &policy, context);
            if !ahead.is_empty() {
                findings.extend(laxer(approved.limits, &policy.limits));
            }
            findings
        }
        (None, unreadable) => unreadable,
    }
}

/// What that policy keeps of what carrying these chunks out would delete.
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
        // It was planned once, so this should not be; but what cannot be compared does not pass.
        findings.push(blocked("policy.keepsMore", "policy#", "the request cannot be planned under it".to_owned()));
    }
    findings.extend(first(kept(ahead, &checked.parts, policy), "policy.keepsMore", "parts"));
    findings.extend(first(new_holds(approved, ahead, policy), "policy.newHold", "holds"));
    findings.extend(new_rule(approved, ahead, policy, context.now));
    findings
}

/// Whoever plans under a policy of their own cannot do without the guards of the one that applies when something begins. What has begun
/// goes on as it was approved.
fn laxer(approved: &Limits, now: &Limits) -> Vec<Finding> {
    let second = (now.second_person && !approved.second_person).then(|| {
        let message = "it wants a second person to approve, and the approved plan does not";
        blocked("policy.secondPerson", "policy#/limits/secondPerson", message.to_owned())
    });
    let most =
        now.max_records.filter(|most| approved.max_records.is_none_or(|approved| approved > *most)).map(|most| {
            let message = format!("it lets no chunk delete more than {most} records, and the approved plan does");
            blocked("policy.maxRecords", "policy#/limits/maxRecords", message)
        });
    second.into_iter().chain(most).collect()
}

/// The parts that the policy keeps and a chunk reaches into. Both are in order.
fn kept(ahead: &[Chunk], parts: &[Part], policy: &Policy) -> Vec<Finding> {
    let mut out = Vec::new();
    let mut rest = ahead;
    for part in parts {
        let pointer = match part.disposition {
            Disposition::Held => {
                let by = |hold: &Hold| format!("hold `{}`", hold.id);
                let named = |hold: &Hold| matches!(&part.reason, Reason::Kept(why) if why.starts_with(&by(hold)));
                let place = policy.holds.iter().position(named);
                place.map_or_else(|| "policy#/holds".to_owned(), |place| format!("policy#/holds/{place}"))
            }
            Disposition::Retained => "policy#/retention".to_owned(),
            Disposition::Chunk | Disposition::TooRecent | Disposition::Refused => continue,
        };
        let over = rest.iter().take_while(|chunk| chunk.window.end() <= part.window.start()).count();
        rest = rest.get(over..).unwrap_or_default();
        let Some(chunk) = rest.first().filter(|chunk| chunk.window.overlaps(part.window)) else { continue };
        let message = format!(
            "{} keeps `{}`; the approved plan deletes it, from chunk {} on",
            part.reason, part.window, chunk.index
        );
        out.push(blocked("policy.keepsMore", &pointer, message));
    }
    out
}

/// Since when the rules keep everything of the kind that the request deletes.
fn young_from(policy: &Policy, request: &PurgeRequest, now: Timestamp) -> Option<Timestamp> {
    policy.rules_on(request).filter_map(|rule| rule.young(now)).map(Window::start).min()
}

/// That conversations would be looked for which reach from a chunk into what a rule keeps, and the approved plan looks for none. What
/// lies in a chunk has been said of the parts; and no conversation is taken to last longer than those that are looked for.
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

/// The holds that would be looked up right before a deletion, and are not known to the approved plan.
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
            (Some(held), range) if range.is_none_or(|range| near(whole, ahead, range)) => {
                let mut new = held.iter().filter(|id| approved.conversations.binary_search(&id.as_str()).is_err());
                if let Some(first) = new.next() {
                    let more = new.count();
                    let others = if more == 0 { String::new() } else { format!(" and {more} more") };
                    let message =
                        format!("hold `{id}` names conversation `{first}`{others}, unknown to the approved plan");
                    out.push(blocked("policy.newHold", &pointer, message));
                }
            }
            // Conversations that begin in a chunk may reach into it, wherever it lies. Without them only what lies in a chunk counts,
            // and that has been said of the parts.
            (None, Some(window))
                if whole
                    && near(whole, ahead, window)
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

/// Whether what a hold keeps of that time can be deleted with a chunk: what lies in it, and where conversations are `whole` also
/// what comes after it.
fn near(whole: bool, ahead: &[Chunk], held: Window) -> bool {
    ahead.iter().any(|chunk| if whole { held.end() > chunk.window.start() } else { chunk.window.overlaps(held) })
}

fn blocked(code: &str, pointer: &str, message: String) -> Finding {
    Finding::new(Severity::Blocked, code, pointer, message, HELP)
}

/// The first of them, and how many there are besides.
fn first(mut findings: Vec<Finding>, code: &str, what: &str) -> Vec<Finding> {
    let more = findings.len().saturating_sub(NAMED);
    findings.truncate(NAMED);
    if more > 0 {
        findings.push(blocked(code, "policy#", format!("and {more} more {what}")));
    }
    findings
}
