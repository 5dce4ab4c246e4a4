//! What the policy that applies now says against a deletion that is about to leave. A hold may have been added since the plan was
//! made, and a run may take days.

use crate::chunk::Chunk;
use crate::json::{canonical, digest};
use crate::order::{Asked, Order};
use crate::outcome::Cause;
use crate::plan::{Approved, CheckContext, against};
use crate::policy::Policy;
use crate::request::PurgeRequest;
use crate::time::Timestamp;

/// Why a chunk of an approved plan must not be deleted now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Objection {
    /// A hold keeps something that the chunk would delete.
    Held(Against),
    /// A retention rule or the list of jurisdictions forbids it.
    Forbidden(Against),
    /// Unknown: the policy is missing or cannot be read.
    Unclear(Cause),
    /// A cancel of the run was asked for.
    Cancelled(Asked),
}

/// What stands against a deletion, and in which policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Against {
    /// Digest of the policy.
    pub policy: String,
    /// What in the policy stands against it.
    pub cause: Cause,
}

impl Objection {
    /// The objection that the policy cannot be read, for the reason `why`: without it, nothing may be deleted.
    #[must_use]
    pub fn unclear(why: &str) -> Self {
        Self::Unclear(Cause::new("policy.unreadable", format!("the policy that applies now cannot be read: {why}")))
    }
}

/// The policy that applies now, as it was read.
#[derive(Clone, Debug)]
pub struct InForce {
    policy: Policy,
    /// Digest of the policy, as [`crate::plan::policy_digest`] computes it.
    pub digest: String,
    /// The text that has this digest: canonical JSON with all defaults written out, on one line.
    pub text: String,
}

impl InForce {
    /// Reads a policy.
    ///
    /// # Errors
    /// The objection that the policy cannot be read, with the reason.
    pub fn read(text: &str) -> Result<Self, Objection> {
        let (policy, findings) = Policy::parse(text);
        let Some(policy) = policy else {
            let place = |pointer: &str| match pointer.strip_prefix("policy#") {
                Some("") | None => String::new(),
                Some(place) => format!("{place}: "),
            };
            let first = findings.first().map(|finding| place(&finding.pointer) + &finding.message);
            return Err(Objection::unclear(&first.unwrap_or_default()));
        };
        let text = canonical(&policy);
        Ok(Self { digest: digest(text.as_bytes()), text, policy })
    }
}

impl Order {
    /// Whether nothing in the policy that applies now stands against deleting that chunk.
    ///
    /// # Errors
    /// What stands against it. A policy can only stand against what was approved, here as everywhere ([`crate::plan::since`]), and
    /// never adds to it.
    pub fn permits(&self, chunk: Chunk, policy: &InForce, now: Timestamp) -> Result<(), Objection> {
        // Only the chunk's window is checked, not the whole range: this is asked before every deletion, and planning takes as long
        // as its range has parts.
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
        let findings = against(&approved, &[chunk], &policy.policy, &context);
        // A hold weighs more than a rule, because it decides how the chunk ends.
        let is_hold = |pointer: &str| pointer.starts_with("policy#/holds");
        let held = findings.iter().find(|finding| is_hold(&finding.pointer));
        let Some(finding) = held.or(findings.first()) else { return Ok(()) };
        let cause = Cause::new(
            &finding.code,
            format!("the policy that applies now forbids this deletion: {}", finding.message),
        );
        let against = Against { policy: policy.digest.clone(), cause };
        Err(if held.is_some() { Objection::Held(against) } else { Objection::Forbidden(against) })
    }
}
