//! What the policy that applies now says against a deletion that is about to leave. A hold may have come since the plan was made, and a
//! run may take days.

use crate::chunk::Chunk;
use crate::order::Order;
use crate::outcome::Cause;
use crate::plan::{Approved, CheckContext, against, policy_digest};
use crate::policy::Policy;
use crate::request::PurgeRequest;
use crate::time::Timestamp;

/// Why a chunk of an approved plan must not be deleted now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Objection {
    /// A hold keeps something that it would delete.
    Held(Cause),
    /// A retention rule or a list of jurisdictions does.
    Forbidden(Cause),
    /// Nobody can tell: the policy is not there, or cannot be read.
    Unclear(Cause),
    /// Somebody has asked to cancel the run.
    Cancelled,
}

impl Objection {
    /// Nobody can tell, for that reason: whoever cannot read the policy must not delete.
    #[must_use]
    pub fn unclear(why: &str) -> Self {
        Self::Unclear(Cause::new("policy.unreadable", format!("the policy that applies now cannot be read: {why}")))
    }
}

impl Order {
    /// The digest of the policy that applies now, given as text, if nothing in it stands against deleting that chunk.
    ///
    /// # Errors
    /// What stands against it. It can only be so with what was approved, as everywhere ([`crate::plan::since`]).
    pub fn permits(&self, chunk: Chunk, policy: &str, now: Timestamp) -> Result<String, Objection> {
        let (policy, findings) = Policy::parse(policy);
        let Some(policy) = policy else {
            let place = |pointer: &str| match pointer.strip_prefix("policy#") {
                Some("") | None => String::new(),
                Some(place) => format!("{place}: "),
            };
            let first = findings.first().map(|finding| place(&finding.pointer) + &finding.message);
            return Err(Objection::unclear(&first.unwrap_or_default()));
        };
        // Of the range only what the chunk deletes: this is asked before every deletion, and planning takes as long as its range has parts.
        let request = PurgeRequest { range: chunk.window, ..self.request.clone() };
        let approved = Approved {
            request: &request,
            policy_digest: &self.policy_digest,
            limits: &self.limits,
            conversations: self.held_conversations.iter().map(|held| held.id.as_str()).collect(),
            windows: self.held_windows.iter().filter(|held| !held.rule).map(|held| held.window).collect(),
            young_from: self.held_windows.iter().filter(|held| held.rule).map(|held| held.window.start()).min(),
        };
        let context = CheckContext::at(now);
        let findings = against(&approved, &[chunk], &policy, &context);
        // A hold weighs more than a rule: it is what the chunk is then said to be.
        let is_hold = |pointer: &str| pointer.starts_with("policy#/holds");
        let held = findings.iter().find(|finding| is_hold(&finding.pointer));
        let Some(finding) = held.or(findings.first()) else { return Ok(policy_digest(&policy)) };
        let cause =
            Cause::new(&finding.code, format!("the policy that applies now stands against it: {}", finding.message));
        Err(if held.is_some() { Objection::Held(cause) } else { Objection::Forbidden(cause) })
    }
}
