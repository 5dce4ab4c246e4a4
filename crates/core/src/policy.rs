//! What the organisation allows: retention rules, legal holds, jurisdictions, limits. Read strictly, all problems at once.

mod read;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::bounds::{JOB_SLOTS, PAGE_SIZE};
use crate::finding::Finding;
use crate::request::{DeletionApi, PurgeRequest, RecordType, stands_against};
use crate::time::Timestamp;
use crate::window::Window;

/// Version of the policy format that this program reads and writes.
pub const POLICY_VERSION: u32 = 1;

/// The longest policy text that is read, in bytes.
pub const POLICY_MAX_BYTES: usize = 16 * 1024 * 1024;

/// The most seconds that a deadline may have, 30 days: one beyond it is none.
pub const MAX_SECONDS: u64 = 30 * 86_400;

/// Pages of conversations that are looked at when few of them are: more than one, so that they lie apart.
const SAMPLE_PAGES: u32 = 5;

/// A floor: records of these types must be kept at least that long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RetentionRule {
    /// Which records; never empty, sorted.
    pub record_types: Vec<RecordType>,
    /// Only in this jurisdiction; everywhere when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jurisdiction: Option<String>,
    /// Whole days that must have passed since the record was made.
    pub min_age_days: u32,
    /// The law or schedule behind the rule.
    pub basis: String,
}

impl RetentionRule {
    /// Whether it keeps anything that such a deletion in that jurisdiction would take.
    pub(crate) fn concerns(&self, api: DeletionApi, asked: &[RecordType], jurisdiction: &str) -> bool {
        let there = self.jurisdiction.as_ref().is_none_or(|only| only == jurisdiction);
        there && stands_against(&self.record_types, api, asked)
    }

    /// The time that is younger than the rule allows to delete, at `now`.
    pub(crate) fn young(&self, now: Timestamp) -> Option<Window> {
        let age = Duration::from_secs(u64::from(self.min_age_days) * 86_400);
        Window::new(now.minus(age), Timestamp::LATEST)
    }
}

/// A legal hold: data that must not be deleted. A field that is absent does not narrow it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Hold {
    /// Identifies the hold in findings, parts and records; unique.
    pub id: String,
    /// The case it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matter: Option<String>,
    /// Only records of this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range: Option<Window>,
    /// Only these records; never empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record_types: Option<Vec<RecordType>>,
    /// Only these conversations; never empty. Looked up right before each deletion.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation_ids: Option<Vec<String>>,
    /// Only what this query matches. It cannot be evaluated here, so everything else that the hold names counts as held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
}

/// Whether the deletion API counts the end of its date range as included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RangeEnd {
    /// The end belongs to the range: it is sent as the last millisecond inside. Never wider than asked.
    #[default]
    Inclusive,
    /// The end does not belong to the range: it is sent as it is.
    Exclusive,
}

/// Limits and deadlines. Everything has a default; what a policy leaves out is the default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Limits {
    /// The most records that one chunk may delete; counted before anything is deleted. `null` turns the guard, and with it
    /// the count, off.
    pub max_records: Option<u64>,
    /// Seconds from a chunk's first submit to its end, and as many for what is asked before the submit. Waiting for the request budget
    /// does not count, nor does the cool-off.
    pub chunk_deadline_seconds: u64,
    /// Seconds a chunk may wait for its turn: before it gets going, and again for the request budget afterwards.
    pub queue_deadline_seconds: u64,
    /// Chunks of a run that one machine has under way at once. `recordingJobs` never has more than 2 in all runs of a ledger, the
    /// organisation's limit. Functions take no notice: two jobs, and as many chunks of `dataDeletion` as the request budget lets out.
    pub concurrency: u32,
    /// Requests a minute, all chunks together; the API's headers may lower it.
    pub requests_per_minute: u32,
    /// Seconds that an unanswered submit is watched before the same window may be submitted again.
    pub confirm_submit_seconds: u64,
    /// Seconds for the search index to catch up with a deletion, before what is left counts as residual.
    pub verify_seconds: u64,
    /// Conversations per chunk whose recordings are looked at one by one (`recordingJobs`).
    pub verify_conversations: u32,
    /// Whether the approver must be somebody other than the requester.
    pub second_person: bool,
    /// Whether conversations that reach from a chunk into a held window are looked for before they are deleted by `dataDeletion`,
    /// too. Off by default, for an API that is not in the catalogue may stand where the analytics of the catalogue do not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub spanning_conversations: bool,
    /// How the deletion API reads the end of a date range (`dataDeletion`).
    pub range_end: RangeEnd,
}

impl Hold {
    /// Whether it keeps anything that a deletion of these record types takes.
    #[must_use]
    pub fn concerns(&self, api: DeletionApi, asked: &[RecordType]) -> bool {
        self.record_types.as_ref().is_none_or(|kept| stands_against(kept, api, asked))
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_records: Some(1_000_000),
            chunk_deadline_seconds: 4 * 3600,
            queue_deadline_seconds: 7 * 24 * 3600,
            concurrency: 4,
            requests_per_minute: 300,
            confirm_submit_seconds: 60,
            verify_seconds: 900,
            verify_conversations: 10,
            second_person: false,
            spanning_conversations: false,
            range_end: RangeEnd::Inclusive,
        }
    }
}

impl Limits {
    /// Chunks under way at once, as the deletion API allows: two recording jobs per organisation (limit of the API).
    #[must_use]
    pub fn concurrency_for(&self, api: DeletionApi) -> u32 {
        match api {
            DeletionApi::DataDeletion => self.concurrency.max(1),
            DeletionApi::RecordingJobs => self.concurrency.clamp(1, JOB_SLOTS),
        }
    }

    /// Whether conversations that go on after a chunk are looked for before it is deleted: recording jobs delete them whole, and
    /// `dataDeletion` may where it is to delete conversations.
    #[must_use]
    pub fn looks_for_spanning(&self, api: DeletionApi, record_types: &[RecordType]) -> bool {
        match api {
            DeletionApi::RecordingJobs => true,
            DeletionApi::DataDeletion => {
                self.spanning_conversations && record_types.contains(&RecordType::Conversation)
            }
        }
    }

    /// Pages of conversations of which some are looked at where not all are, spread over the window.
    #[must_use]
    pub fn sample_pages(&self) -> u32 {
        let wanted = self.verify_conversations;
        wanted.div_ceil(PAGE_SIZE).max(SAMPLE_PAGES.min(wanted))
    }

    /// [`Self::chunk_deadline_seconds`] as a duration.
    #[must_use]
    pub fn chunk_deadline(&self) -> Duration {
        Duration::from_secs(self.chunk_deadline_seconds)
    }
}

/// A policy, read and well-formed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Policy {
    /// [`POLICY_VERSION`].
    pub version: u32,
    /// Retention floors.
    pub retention: Vec<RetentionRule>,
    /// Legal holds.
    pub holds: Vec<Hold>,
    /// Jurisdictions that may be purged; every region when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jurisdictions: Option<Vec<String>>,
    /// Limits.
    pub limits: Limits,
}

impl Default for Policy {
    /// No rules, no holds, the default limits: what applies when no policy file is given.
    fn default() -> Self {
        Self {
            version: POLICY_VERSION,
            retention: Vec::new(),
            holds: Vec::new(),
            jurisdictions: None,
            limits: Limits::default(),
        }
    }
}

impl Policy {
    /// The holds that keep anything that the request deletes.
    pub(crate) fn holds_on(&self, request: &PurgeRequest) -> impl Iterator<Item = &Hold> {
        self.holds.iter().filter(|hold| hold.concerns(request.api, &request.record_types))
    }

    /// The retention rules that keep anything of the kind that the request deletes; none where they are overridden.
    pub(crate) fn rules_on(&self, request: &PurgeRequest) -> impl Iterator<Item = &RetentionRule> {
        self.rules_concerning(request).filter(|_| request.retention_override.is_none())
    }

    /// The same, overridden or not.
    pub(crate) fn rules_concerning(&self, request: &PurgeRequest) -> impl Iterator<Item = &RetentionRule> {
        let concerns = |rule: &&RetentionRule| rule.concerns(request.api, &request.record_types, &request.jurisdiction);
        self.retention.iter().filter(concerns)
    }

    /// Reads a policy as a person wrote it. Gives every problem with the text; the policy only if there is none, because a
    /// policy that is read in part protects in part.
    #[must_use]
    pub fn parse(text: &str) -> (Option<Self>, Vec<Finding>) {
        read::read(text)
    }
}
