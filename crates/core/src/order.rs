//! The order: what all chunks of a run share. It is made from a plan and its approval.

use serde::{Deserialize, Serialize};

use crate::json::{digest, is_unseen};
use crate::plan::Plan;
use crate::policy::{Hold, Limits, Policy, RetentionRule};
use crate::request::{DeletionApi, PurgeRequest, same_person};
use crate::sorted::{sort, sort_by};
use crate::time::Timestamp;
use crate::window::Window;

/// Longer than any name of a person, in characters.
const LONGEST_NAME: usize = 200;

/// Version of the order's format.
pub(crate) const ORDER_VERSION: u32 = 2;

/// What all chunks of a run share. Made from an approved plan and stored once per run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Order {
    /// Format version, 2.
    #[serde(deserialize_with = "crate::json::version::<ORDER_VERSION, _>")]
    pub version: u32,
    /// Id of the run: the same plan on the same tenant is the same run.
    pub run_id: String,
    /// Digest of the approved plan.
    pub plan_digest: String,
    /// Digest of the policy that the plan was checked against.
    pub policy_digest: String,
    /// The request.
    pub request: PurgeRequest,
    /// Limits of the policy.
    pub limits: Limits,
    /// Conversations that holds name, each with its hold, sorted.
    pub held_conversations: Vec<HeldConversation>,
    /// Windows on hold (of holds without conversation ids) and retention periods, in order. Nothing in them may be deleted along
    /// with a conversation that begins before them.
    pub held_windows: Vec<HeldWindow>,
    /// What the policy has to keep and what of it was overridden, in the words of every record.
    pub compliance_note: String,
    /// Number of chunks.
    pub chunks: u32,
    /// Who approved it.
    pub approved_by: String,
    /// When it was approved.
    pub approved_at: Timestamp,
    /// The tenant: the API's address and the OAuth client ([`tenant_name`]).
    pub tenant: String,
    /// Whether the tenant is the simulated one.
    pub simulated: bool,
}

/// A conversation that a hold names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HeldConversation {
    /// Id of the conversation.
    pub id: String,
    /// Id of the hold.
    pub hold: String,
}

/// A window that a hold or a retention rule keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HeldWindow {
    /// The window.
    pub window: Window,
    /// Id of the hold, or the retention rule in words.
    pub hold: String,
    /// Whether a retention rule keeps it, rather than a hold.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rule: bool,
}

/// A person's word that a plan may be carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Approval {
    /// Digest of the approved plan, whole.
    pub digest: String,
    /// Who approved it.
    pub approved_by: String,
    /// When it was approved.
    pub approved_at: Timestamp,
}

/// A person's word about an approved run: to cancel it, or to try chunks again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Asked {
    /// Who asked.
    pub by: String,
    /// When they did.
    pub at: Timestamp,
}

impl Asked {
    /// The word of the person with this name. Spaces around it are no part of it.
    ///
    /// # Errors
    /// If the name does not say who it is.
    pub fn new(by: &str, at: Timestamp) -> Result<Self, NameError> {
        check_name(by)?;
        Ok(Self { by: by.trim().to_owned(), at })
    }

    /// The word of somebody whose name is not known.
    #[must_use]
    pub fn by_unknown(at: Timestamp) -> Self {
        Self { by: "unknown".to_owned(), at }
    }
}

/// Why a name does not say who somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// There is none, so it proves nothing.
    #[error("there is no name")]
    Nobody,
    /// It does not read as it is written: with invisible characters the requester could write a name that looks the same and is
    /// another.
    #[error("the name has invisible characters, or more than {LONGEST_NAME} characters")]
    Unreadable,
}

/// Why an approval does not hold for a plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApprovalError {
    /// The digests differ: something changed since the approval, or it was given for another plan.
    #[error("the approval is for `{approved}`, but the plan is `{plan}`")]
    DigestMismatch {
        /// What was approved.
        approved: String,
        /// What would be carried out.
        plan: String,
    },
    /// The policy asks for a second person, and the approver is the requester.
    #[error("`{0}` asked for this purge and cannot also approve it")]
    SamePerson(String),
    /// The approver's name does not say who it is.
    #[error("the approval does not say who gave it: {0}")]
    Approver(#[from] NameError),
}

impl Order {
    /// The order for an approved plan on one tenant. `tenant` is its name ([`tenant_name`]).
    ///
    /// # Errors
    /// If the approval is not for exactly this plan, or the approver may not give it.
    pub fn new(plan: &Plan, approval: &Approval, tenant: &str, simulated: bool) -> Result<Self, ApprovalError> {
        if approval.digest != plan.digest() {
            return Err(ApprovalError::DigestMismatch {
                approved: approval.digest.clone(),
                plan: plan.digest().to_owned(),
            });
        }
        let (request, policy) = (plan.request(), plan.policy());
        check_name(&approval.approved_by)?;
        if policy.limits.second_person && same_person(&visible(&approval.approved_by), &visible(&request.requested_by))
        {
            return Err(ApprovalError::SamePerson(approval.approved_by.clone()));
        }
        Ok(Self {
            version: ORDER_VERSION,
            run_id: run_id(plan.digest(), tenant),
            plan_digest: plan.digest().to_owned(),
            policy_digest: plan.policy_digest().to_owned(),
            request: request.clone(),
            limits: policy.limits.clone(),
            held_conversations: held_conversations(policy, request),
            held_windows: held_windows(policy, request, approval.approved_at),
            compliance_note: compliance_note(plan, approval.approved_at),
            chunks: u32::try_from(plan.chunks().len()).unwrap_or(u32::MAX),
            approved_by: approval.approved_by.clone(),
            approved_at: approval.approved_at,
            tenant: tenant.to_owned(),
            simulated,
        })
    }

    /// The held windows and retention periods that conversations of a chunk with this window may reach into, so that they are
    /// searched before each deletion. These are the ones that end after the window, if whole conversations are deleted and the
    /// policy has them looked for ([`Limits::looks_for_spanning`]).
    pub fn reachable_from(&self, window: Window) -> impl Iterator<Item = &HeldWindow> {
        let looks = self.limits.looks_for_spanning(self.request.api, &self.request.record_types);
        self.held_windows.iter().filter(move |held| looks && held.window.end() > window.end())
    }
}

/// Checks that a name is there, consists of what a reader sees of it, and is not too long.
fn check_name(name: &str) -> Result<(), NameError> {
    let name = name.trim();
    let is_plain = |c: char| c == ' ' || !(c.is_whitespace() || is_unseen(c));
    if name.is_empty() {
        return Err(NameError::Nobody);
    }
    let is_readable = name.chars().all(is_plain) && name.chars().count() <= LONGEST_NAME;
    if is_readable { Ok(()) } else { Err(NameError::Unreadable) }
}

/// What a reader sees of a name.
fn visible(name: &str) -> String {
    let characters: String = name.chars().filter(|c| c.is_whitespace() || !is_unseen(*c)).collect();
    characters.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Text between the address and the client id in a tenant's name.
const BEFORE_CLIENT: &str = " (client ";

/// The name of a tenant, in records and wherever runs are told apart: the API's address, which all organisations of a region share,
/// and the id of the OAuth client, which belongs to one of them. The id is no secret (RFC 6749, section 2.2).
#[must_use]
pub fn tenant_name(address: &str, client_id: &str) -> String {
    format!("{address}{BEFORE_CLIENT}{client_id})")
}

/// The address in a name that [`tenant_name`] made.
#[must_use]
pub fn address_of(tenant: &str) -> &str {
    tenant.split_once(BEFORE_CLIENT).map_or(tenant, |(address, _)| address)
}

/// The id of a run. The same plan on the same tenant is the same run, no matter who starts it and how often.
#[must_use]
pub fn run_id(plan_digest: &str, tenant: &str) -> String {
    let digest = digest(format!("{plan_digest}\n{tenant}").as_bytes());
    let hex = digest.strip_prefix("sha256:").unwrap_or(&digest);
    format!("run-{}", hex.get(..16).unwrap_or(hex))
}

/// The conversations that holds on the request name, each with its first hold.
fn held_conversations(policy: &Policy, request: &PurgeRequest) -> Vec<HeldConversation> {
    let ids = |hold: &Hold| hold.conversation_ids.clone().unwrap_or_default();
    let mut held: Vec<_> = policy
        .holds_on(request)
        .flat_map(|hold| ids(hold).into_iter().map(|id| HeldConversation { id, hold: hold.id.clone() }))
        .collect();
    sort(&mut held);
    held.dedup_by(|a, b| a.id == b.id);
    held
}

/// The windows that holds and retention rules keep from the request. What is too young for a rule is determined at the time of the
/// approval: later some of it is old enough, and nothing becomes younger.
fn held_windows(policy: &Policy, request: &PurgeRequest, approved_at: Timestamp) -> Vec<HeldWindow> {
    let by_time = policy.holds_on(request).filter(|hold| hold.conversation_ids.is_none());
    let holds =
        by_time.filter_map(|hold| hold.range.map(|window| HeldWindow { window, hold: hold.id.clone(), rule: false }));
    let rules = policy.rules_on(request).filter_map(|rule| {
        Some(HeldWindow {
            window: rule.young(approved_at)?,
            hold: format!("retention of {} (`{}`)", counted(rule.min_age_days as usize, "day"), rule.basis),
            rule: true,
        })
    });
    let mut held: Vec<_> = holds.chain(rules).collect();
    sort_by(&mut held, |a, b| a.window.cmp(&b.window));
    held
}

/// Says what the policy has to keep and what of it was overridden. The note stands in every record, so it does not mention what was
/// looked up, which has records of its own.
fn compliance_note(plan: &Plan, approved_at: Timestamp) -> String {
    let (request, policy) = (plan.request(), plan.policy());
    let leave = request.retention_override.as_ref();
    let keeps = |rule: &&RetentionRule| rule.young(approved_at).is_some_and(|young| young.overlaps(request.range));
    let overridden = leave.map_or(0, |_| policy.rules_concerning(request).filter(keeps).count());
    let retention = match (policy.retention.len(), overridden) {
        (0, _) => "no retention rules were given".to_owned(),
        (n, 0) => format!("{} in the policy, none overridden", counted(n, "retention rule")),
        (n, some) => format!("{} in the policy, {some} overridden", counted(n, "retention rule")),
    };
    let leave = leave.map_or_else(String::new, |leave| {
        let whose = match request.api {
            DeletionApi::DataDeletion => ", also the provider's,",
            DeletionApi::RecordingJobs => "",
        };
        format!("; leave to override rules{whose} from {}: {}", leave.approver, leave.reason)
    });
    let holds = match policy.holds.len() {
        0 => "no legal holds were given".to_owned(),
        n => format!("{} in the policy", counted(n, "legal hold")),
    };
    format!("{retention}{leave}; {holds}; policy {}", plan.policy_digest())
}

fn counted(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}
