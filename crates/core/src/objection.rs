//! What the policy that applies now says against a deletion that is about to leave. A hold may have come since the plan was made, and a
//! run may take days.

use crate::chunk::Chunk;
use crate::json::{canonical, digest};
use crate::order::Order;
use crate::outcome::Cause;
use crate::plan::{Approved, CheckContext, against};
use crate::policy::Policy;
use crate::request::PurgeRequest;
use crate::time::Timestamp;

/// Why a chunk of an approved plan must not be deleted now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Objection {
    /// A hold keeps something that it would delete.
    Held(Against),
    /// A retention rule or a list of jurisdictions does.
    Forbidden(Against),
    /// Nobody can tell: the policy is not there, or cannot be read.
    Unclear(Cause),
    /// Somebody has asked to cancel the run.
    Cancelled {
        /// When.
        asked_at: Timestamp,
    },
}

/// What stands against a deletion, and where it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Against {
    /// Digest of the policy.
    pub policy: String,
    /// What in it.
    pub cause: Cause,
}

impl Objection {
    /// Nobody can tell, for that reason: whoever cannot read the policy must not delete.
    #[must_use]
    pub fn unclear(why: &str) -> Self {
        Self::Unclear(Cause::new("policy.unreadable", format!("the policy that applies now cannot be read: {why}")))
    }
}

/// The policy that applies now, as it was read.
#[derive(Clone, Debug)]
pub struct InForce {
    policy: Policy,
    /// Its digest, as [`crate::plan::policy_digest`] gives it.
    pub digest: String,
    /// What that is the digest of: its canonical text, all defaults written out, on one line.
    pub text: String,
}

impl InForce {
    /// Reads it.
    ///
    /// # Errors
    /// That nobody can tell what it says, and why.
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
        Ok(Self { digest: digest(&text), text: String::from_utf8_lossy(&text).into_owned(), policy })
    }
}

impl Order {
    /// Whether nothing in the policy that applies now stands against deleting that chunk.
    ///
    /// # Errors
    /// What stands against it. It can only be so with what was approved, as everywhere ([`crate::plan::since`]).
    pub fn permits(&self, chunk: Chunk, policy: &InForce, now: Timestamp) -> Result<(), Objection> {
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
        let findings = against(&approved, &[chunk], &policy.policy, &context);
        // A hold weighs more than a rule: it is what the chunk is then said to be.
        let is_hold = |pointer: &str| pointer.starts_with("policy#/holds");
        let held = findings.iter().find(|finding| is_hold(&finding.pointer));
        let Some(finding) = held.or(findings.first()) else { return Ok(()) };
        let cause =
            Cause::new(&finding.code, format!("the policy that applies now stands against it: {}", finding.message));
        let against = Against { policy: policy.digest.clone(), cause };
        Err(if held.is_some() { Objection::Held(against) } else { Objection::Forbidden(against) })
    }
}
