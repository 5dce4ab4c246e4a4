//! The purge request that a person typed, read strictly, with all problems reported at once.

mod read;

use serde::{Deserialize, Serialize};

use crate::window::Window;

pub(crate) use read::{
    Draft, MAX_AGED_CHUNK_DAYS, jurisdictions, query as read_query, read, record_types as read_record_types,
};

/// The longest request text that is read, in bytes.
pub const REQUEST_MAX_BYTES: usize = 512 * 1024;

/// The version of the request format that this program reads and writes.
pub const REQUEST_VERSION: u32 = 1;

/// The remote protocol that does the deleting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DeletionApi {
    /// `POST /api/v2/data/deletion/requests`. Not in Genesys's public catalogue; for organisations and gateways that offer it.
    DataDeletion,
    /// `POST /api/v2/recording/jobs`, in two phases: create and count, then execute. Every ordinary organisation has it.
    RecordingJobs,
}

impl DeletionApi {
    /// The name in a request: `dataDeletion` or `recordingJobs`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DataDeletion => "dataDeletion",
            Self::RecordingJobs => "recordingJobs",
        }
    }
}

/// A kind of record. The list is ordered and closed: an unknown kind in a request is a finding, not a guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RecordType {
    /// A conversation as a whole.
    Conversation,
    /// One interaction (segment) of a conversation.
    Interaction,
    /// One message of a messaging, chat or email conversation.
    Message,
    /// A recording of a call, chat, email or message conversation.
    Recording,
    /// A screen recording.
    ScreenRecording,
}

impl RecordType {
    /// Every kind, in the order in which kinds are written.
    pub const ALL: [Self; 5] =
        [Self::Conversation, Self::Interaction, Self::Message, Self::Recording, Self::ScreenRecording];

    /// The name in requests and payloads.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Conversation => "conversation",
            Self::Interaction => "interaction",
            Self::Message => "message",
            Self::Recording => "recording",
            Self::ScreenRecording => "screenRecording",
        }
    }

    /// Whether a rule about one kind also protects the other. A conversation and anything that belongs to it protect each other.
    fn protects(self, other: Self) -> bool {
        self == other || self == Self::Conversation || other == Self::Conversation
    }
}

/// The record types to count so that a count of zero proves that these types are gone. `conversation` stands for everything that
/// belongs to it; without it, each type is counted by itself.
#[must_use]
pub fn entities(record_types: &[RecordType]) -> Vec<RecordType> {
    if record_types.contains(&RecordType::Conversation) {
        vec![RecordType::Conversation]
    } else {
        record_types.to_vec()
    }
}

/// Whether a rule that keeps these kinds of record forbids a deletion that asks for those kinds.
///
/// A recording job deletes the recordings of calls, messages and interactions alike, whichever of them the request names; it can
/// leave out only screen recordings. So the rule is compared with what the job deletes, not with the names in the request.
#[must_use]
pub fn stands_against(kept: &[RecordType], api: DeletionApi, asked: &[RecordType]) -> bool {
    use RecordType::{Interaction, Message, Recording, ScreenRecording};
    let deleted = match api {
        DeletionApi::DataDeletion => asked,
        DeletionApi::RecordingJobs if includes_screen(asked) => &[Interaction, Message, Recording, ScreenRecording],
        DeletionApi::RecordingJobs => &[Interaction, Message, Recording],
    };
    kept.iter().any(|kept| deleted.iter().any(|deleted| kept.protects(*deleted)))
}

/// Whether a recording job also deletes screen recordings: when the request names them, or names whole conversations.
#[must_use]
pub fn includes_screen(asked: &[RecordType]) -> bool {
    asked.iter().any(|kind| matches!(kind, RecordType::Conversation | RecordType::ScreenRecording))
}

/// Whether a recording job is limited to messages, chats and emails.
pub(crate) fn only_messages(asked: &[RecordType]) -> bool {
    asked.iter().all(|kind| *kind == RecordType::Message)
}

/// The length of a chunk. In JSON `{"days": 30}` or `{"hours": 6}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Chunking {
    /// UTC calendar days, counted from the start of the range.
    Days(u32),
    /// Hours.
    Hours(u32),
}

/// Permission to delete before a retention rule allows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RetentionOverride {
    /// The reason.
    pub reason: String,
    /// The person who allowed it, who must not be the requester.
    pub approver: String,
}

/// What `recordingJobs` includes. The defaults are the API's own, except that sensitive recordings are included: a purge must not
/// silently leave them behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RecordingOptions {
    /// Recordings with payment-card or personal data. Requires `recording:recording:viewSensitiveData`.
    pub include_sensitive_data: bool,
    /// Recordings that a media retention policy governs.
    pub include_policy_based: bool,
    /// Snippet recordings.
    pub include_snippets: bool,
    /// Days between creating the job and the delete date that it writes. Until then the deletion can be undone.
    pub cool_off_days: u32,
}

impl Default for RecordingOptions {
    fn default() -> Self {
        Self { include_sensitive_data: true, include_policy_based: true, include_snippets: true, cool_off_days: 0 }
    }
}

/// A purge request that is readable and well-formed. [`crate::plan`] decides whether it may be carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PurgeRequest {
    /// [`REQUEST_VERSION`].
    pub version: u32,
    /// A name for people.
    pub name: String,
    /// The deletion API.
    pub api: DeletionApi,
    /// The kinds to delete: never empty, sorted, without repeats.
    pub record_types: Vec<RecordType>,
    /// The time range to delete, half-open.
    pub range: Window,
    /// A region name from the closed list.
    pub jurisdiction: String,
    /// A further restriction in the language of the deletion API, passed on unchanged.
    pub query: Option<String>,
    /// How to cut the range into chunks.
    pub chunking: Chunking,
    /// The reason, for the record.
    pub reason: String,
    /// The requester.
    pub requested_by: String,
    /// Permission to delete what the retention rules keep.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention_override: Option<RetentionOverride>,
    /// The options of `recordingJobs`; absent for the other API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recordings: Option<RecordingOptions>,
}

/// Whether two names are one person's. Case, in every alphabet, and surrounding white space do not count: the rule that asks for a
/// second person must not be met by the first one's capital letters, so the case tables of all alphabets are worth their size.
/// Upper case is compared because a letter may have two lower-case forms, as sigma has.
pub(crate) fn same_person(one: &str, other: &str) -> bool {
    one.trim().chars().flat_map(char::to_uppercase).eq(other.trim().chars().flat_map(char::to_uppercase))
}

#[cfg(test)]
mod tests {
    use super::same_person;

    #[test]
    fn capitals_make_no_second_person() {
        for (one, other) in
            [("ada@example.com", " ADA@Example.com\t"), ("Jürgen Groß", "JÜRGEN GROSS"), ("ΝΊΚΟΣ", "νίκος")]
        {
            assert!(same_person(one, other), "{one}, {other}");
        }
        for (one, other) in [("ada", "adam"), ("ada@example.com", "ada@example.org"), ("ada", "")] {
            assert!(!same_person(one, other), "{one}, {other}");
        }
    }
}
