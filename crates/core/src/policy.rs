//! What the organisation allows: retention rules, legal holds, jurisdictions and limits. Read strictly, with all problems reported
//! at once.

mod read;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::bounds::{JOB_SLOTS, PAGE_SIZE};
use crate::finding::Finding;
use crate::request::{DeletionApi, PurgeRequest, RecordType, stands_against};
use crate::time::Timestamp;
use crate::window::Window;

/// The version of the policy format that this program reads and writes.
pub const POLICY_VERSION: u32 = 1;

/// The longest policy text that is read, in bytes.
pub const POLICY_MAX_BYTES: usize = 16 * 1024 * 1024;

/// The most seconds that a deadline may have: 30 days. A longer one would be no deadline.
pub const MAX_SECONDS: u64 = 30 * 86_400;

/// The number of pages from which a small sample of conversations is taken: more than one, so that the sample is spread out.
const SAMPLE_PAGES: u32 = 5;

/// A retention rule: records of these types must be kept for at least this long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RetentionRule {
    /// The record types; never empty, sorted.
    pub record_types: Vec<RecordType>,
    /// The jurisdiction in which the rule applies; everywhere when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jurisdiction: Option<String>,
    /// Whole days that must have passed since the record was made.
    pub min_age_days: u32,
    /// The law or schedule behind the rule.
    pub basis: String,
}

impl RetentionRule {
    /// Whether the rule keeps anything that such a deletion in this jurisdiction would delete.
    pub(crate) fn concerns(&self, api: DeletionApi, asked: &[RecordType], jurisdiction: &str) -> bool {
        let there = self.jurisdiction.as_ref().is_none_or(|only| only == jurisdiction);
        there && stands_against(&self.record_types, api, asked)
    }

    /// The time that is too young to delete under this rule, as of `now`.
    pub(crate) fn young(&self, now: Timestamp) -> Option<Window> {
        let age = Duration::from_secs(u64::from(self.min_age_days) * 86_400);
        Window::new(now.minus(age), Timestamp::LATEST)
    }
}

/// A legal hold: data that must not be deleted. An absent field does not narrow the hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Hold {
    /// The unique name of the hold in findings, parts and records.
    pub id: String,
    /// The legal case it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matter: Option<String>,
    /// Keeps only records of this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range: Option<Window>,
    /// Keeps only these record types; never empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record_types: Option<Vec<RecordType>>,
    /// Keeps only these conversations; never empty. They are looked up right before each deletion.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation_ids: Option<Vec<String>>,
    /// Keeps only what this query matches. The query cannot be evaluated here, so everything else that the hold names counts as
    /// held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
}

/// Whether the deletion API counts the end of its date range as included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RangeEnd {
    /// The end is included, so the last millisecond inside is sent instead. The deletion is never wider than asked.
    #[default]
    Inclusive,
    /// The end is not included and is sent as it is.
    Exclusive,
}

/// Limits and deadlines. Each has a default, which applies when the policy leaves it out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Limits {
    /// The most records that one chunk may delete. They are counted before anything is deleted; `null` turns off both guard and
    /// count.
    pub max_records: Option<u64>,
    /// Seconds from a chunk's first submit to its end, and as many again for what is asked before the submit. Waiting for the
    /// request budget and the cool-off do not count.
    pub chunk_deadline_seconds: u64,
    /// Seconds that a chunk may wait for its turn before it begins, and as many again for the request budget afterwards.
    pub queue_deadline_seconds: u64,
    /// Chunks of a run that one machine carries out at once. `recordingJobs` never has more than 2 under way in all runs of a
    /// ledger, the organisation's limit. The functions ignore this setting: they run two jobs, or as many chunks of `dataDeletion`
    /// as the request budget allows.
    pub concurrency: u32,
    /// Requests a minute for all chunks together. Headers of the API may lower it.
    pub requests_per_minute: u32,
    /// Seconds to watch an unanswered submit before the same window may be submitted again.
    pub confirm_submit_seconds: u64,
    /// Seconds to let the search index catch up with a deletion before what is left counts as residual.
    pub verify_seconds: u64,
    /// Conversations per chunk whose recordings are looked up one by one (`recordingJobs`).
    pub verify_conversations: u32,
    /// Whether the approver must be another person than the requester.
    pub second_person: bool,
    /// Whether `dataDeletion`, too, looks for conversations that reach from a chunk into a held window before it deletes them. Off
    /// by default: this API is not in the catalogue, so it may be offered where the analytics of the catalogue are not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub spanning_conversations: bool,
    /// How the deletion API reads the end of a date range (`dataDeletion`).
    pub range_end: RangeEnd,
}

impl Hold {
    /// Whether the hold keeps anything that a deletion of these record types would delete.
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
    /// The number of chunks under way at once, capped for `recordingJobs` at two jobs, the API's limit per organisation.
    #[must_use]
    pub fn concurrency_for(&self, api: DeletionApi) -> u32 {
        match api {
            DeletionApi::DataDeletion => self.concurrency.max(1),
            DeletionApi::RecordingJobs => self.concurrency.clamp(1, JOB_SLOTS),
        }
    }

    /// Whether to look, before a chunk is deleted, for conversations that go on after it. Recording jobs delete conversations
    /// whole; `dataDeletion` may do so when it deletes conversations.
    #[must_use]
    pub fn looks_for_spanning(&self, api: DeletionApi, record_types: &[RecordType]) -> bool {
        match api {
            DeletionApi::RecordingJobs => true,
            DeletionApi::DataDeletion => {
                self.spanning_conversations && record_types.contains(&RecordType::Conversation)
            }
        }
    }

    /// The number of pages, spread over the window, from which conversations are taken when not all of them are looked at.
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

/// A policy that is readable and well-formed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Policy {
    /// [`POLICY_VERSION`].
    pub version: u32,
    /// Retention rules.
    pub retention: Vec<RetentionRule>,
    /// Legal holds.
    pub holds: Vec<Hold>,
    /// The jurisdictions in which data may be purged; all regions when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jurisdictions: Option<Vec<String>>,
    /// Limits.
    pub limits: Limits,
}

impl Default for Policy {
    /// No rules, no holds and the default limits: what applies without a policy file.
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
    /// The holds that keep anything that the request would delete.
    pub(crate) fn holds_on(&self, request: &PurgeRequest) -> impl Iterator<Item = &Hold> {
        self.holds.iter().filter(|hold| hold.concerns(request.api, &request.record_types))
    }

    /// The retention rules that keep records of the kinds that the request deletes; none if the request overrides them.
    pub(crate) fn rules_on(&self, request: &PurgeRequest) -> impl Iterator<Item = &RetentionRule> {
        self.rules_concerning(request).filter(|_| request.retention_override.is_none())
    }

    /// [`Self::rules_on`], but whether or not the request overrides them.
    pub(crate) fn rules_concerning(&self, request: &PurgeRequest) -> impl Iterator<Item = &RetentionRule> {
        let concerns = |rule: &&RetentionRule| rule.concerns(request.api, &request.record_types, &request.jurisdiction);
        self.retention.iter().filter(concerns)
    }

    /// Reads a policy as a person wrote it, and reports every problem. The policy is returned only if nothing is wrong, because a
    /// policy that is read in part protects in part.
    #[must_use]
    pub fn parse(text: &str) -> (Option<Self>, Vec<Finding>) {
        read::read(text)
    }
}
