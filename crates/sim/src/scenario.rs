//! The scenario of a simulated organisation: every knob, with its default. JSON, camelCase, all fields optional.

use std::num::NonZeroU32;

use purge_core::time::Timestamp;
use purge_core::window::Window;
use serde::{Deserialize, Serialize};

use crate::fault::Fault;

/// A simulated organisation. The default is calm and realistic: no faults, no holds, a thousand and a half recordings a month.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", try_from = "serde_json::Value")]
pub struct Scenario {
    /// Everything that looks random follows from this number.
    pub seed: u64,
    /// The region in which the organisation's data lives.
    pub jurisdiction: String,
    /// The time that the server takes for each answer, in milliseconds.
    pub latency_ms: u64,
    /// The interactions that exist at the beginning.
    pub population: PopulationSpec,
    /// What is protected from deletion at the beginning.
    pub protected: Protection,
    /// What somebody else protects while a purge is under way.
    pub hold_mid_run: Option<HoldMidRun>,
    /// OAuth clients and tokens.
    pub login: Login,
    /// Requests per minute.
    pub rate_limit: RateLimit,
    /// The `dataDeletion` API.
    pub data_deletion: DataDeletion,
    /// The `recordingJobs` API.
    pub recording_jobs: RecordingJobs,
    /// Analytics.
    pub analytics: Analytics,
    /// What goes wrong. Of several faults that could fire on a call, the first one does.
    pub faults: Vec<Fault>,
}

/// The interactions that exist at the beginning.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PopulationSpec {
    /// The earliest start of a conversation.
    pub from: Timestamp,
    /// Conversations start before this instant. Messaging threads may last beyond it.
    pub to: Timestamp,
    /// Seconds per conversation: each interval of this length has one, at a random instant.
    pub every_seconds: NonZeroU32,
    /// Whether, in addition, conversations start on every day at midnight, at 23:59:59.500 and at 23:59:59.999.
    pub day_edges: bool,
}

/// Protection from deletion (legal hold).
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Protection {
    /// The number of protected conversations, spread over the population.
    pub conversations: usize,
    /// The ids of protected conversations. Ids that do not exist are ignored.
    pub conversation_ids: Vec<String>,
    /// Windows in which every conversation that started there is protected.
    pub windows: Vec<Window>,
}

/// Protection placed by somebody else, later.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HoldMidRun {
    /// Places it right after this many accepted deletion requests or created recording jobs.
    pub after_submits: Option<u64>,
    /// Places it at this instant.
    pub at: Option<Timestamp>,
    /// The ids of protected conversations. Ids that do not exist are ignored.
    pub conversation_ids: Vec<String>,
    /// A window in which every conversation that started there is protected.
    pub window: Option<Window>,
}

/// OAuth clients and tokens.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Login {
    /// The clients that may log in.
    pub clients: Vec<Client>,
    /// The lifetime of a token, in seconds.
    pub expires_in: u64,
    /// Permissions that every client lacks, for example `recording:job:edit`.
    pub missing_permissions: Vec<String>,
}

/// An OAuth client of the client-credentials kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Client {
    /// The client id.
    pub id: String,
    /// The client secret, valid only in this simulation.
    pub secret: String,
}

/// Requests per minute.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RateLimit {
    /// The most requests of one token within 60 s, counted from the first request in the window; `null` for no limit.
    pub per_minute: Option<u64>,
    /// Which of the two documented answers an excess request gets.
    pub form: RateLimitForm,
}

/// The form of a 429.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum RateLimitForm {
    /// The two forms in turn.
    #[default]
    Alternating,
    /// `too.many.requests`, with `Retry-After`.
    TooManyRequests,
    /// `too.many.requests.retry.after`: the wait is in the message, and there is no header.
    RetryAfter,
}

/// The `dataDeletion` API.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DataDeletion {
    /// Whether the organisation has this API. Without it, its paths are unknown.
    pub offered: bool,
    /// The time that a job runs, in seconds.
    pub processing_seconds: u64,
    /// The most jobs that run at once. The others wait as `pending`.
    pub concurrency: NonZeroU32,
    /// Whether the end of a range belongs to it.
    pub range_end: RangeEnd,
    /// What happens to protected conversations in the range.
    pub hold_mode: HoldMode,
}

/// Whether the end of a range belongs to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum RangeEnd {
    /// The end belongs to the range.
    #[default]
    Inclusive,
    /// The end does not belong to the range.
    Exclusive,
}

/// What happens to protected conversations in the range of a deletion request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum HoldMode {
    /// The request is refused with `legal.hold.conflict`. A job during which protection appears fails and deletes nothing.
    #[default]
    Reject,
    /// They stay; the others are deleted.
    Skip,
    /// They are deleted. No service should do this, but one may.
    Ignore,
}

/// The `recordingJobs` API.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordingJobs {
    /// Time from creation to `READY`, in seconds.
    pub pending_seconds: u64,
    /// Time from execution to `FULFILLED`, in seconds.
    pub processing_seconds: u64,
    /// Time from a recording's delete date to its removal, in seconds.
    pub removal_lag_seconds: u64,
    /// Time from creation until a job appears in lists, in seconds.
    pub list_lag_seconds: u64,
    /// The age, in hours, that the last activity of a conversation must have before jobs match it.
    pub data_lake_lag_hours: u64,
    /// What is left of a removed recording.
    pub removed: Removed,
    /// What the metadata of a conversation without recordings looks like.
    pub no_recordings: NoRecordings,
    /// Every n-th recording of a job cannot be processed; 0 for none.
    pub fail_every: u64,
    /// How a third active job is refused.
    pub third_job: ThirdJob,
    /// Active jobs of other users.
    pub foreign_jobs: Vec<ForeignJob>,
    /// Whether the organisation has `actionAge`. Without it, 501 `not.implemented`.
    pub action_age: bool,
}

/// What is left of a removed recording.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Removed {
    /// Its metadata, with `fileState` `DELETED`.
    #[default]
    Listed,
    /// Nothing.
    Absent,
}

/// What the metadata of a conversation without recordings looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum NoRecordings {
    /// An empty array.
    #[default]
    Empty,
    /// 404.
    NotFound,
}

/// How a third active job is refused. The real status is not documented.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ThirdJob {
    /// 400 `bad.request`.
    BadRequest,
    /// 409 `request.conflict`.
    #[default]
    Conflict,
    /// 429 `too.many.requests`.
    TooManyRequests,
}

/// An active job of another user, from one instant until another.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ForeignJob {
    /// The job is `PENDING` from this instant.
    pub from: Timestamp,
    /// The job is `FULFILLED` from this instant.
    pub until: Timestamp,
}

/// Analytics.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Analytics {
    /// Whether the details query understands `filter.dateRange` and counts records, as it does where `dataDeletion` is offered.
    pub record_counts: bool,
    /// How such a count is written.
    pub shape: CountShape,
    /// Time from a deletion until queries notice it, in seconds.
    pub index_lag_seconds: u64,
    /// Conversations that started more than this many days ago are neither listed nor found by id; `null` for no such limit. Jobs
    /// still find them.
    pub horizon_days: Option<u64>,
    /// Whether a query whose interval begins before that limit is refused with 400, and not answered with what is listed of it.
    pub refuses_too_old: bool,
    /// Whether `orderBy: conversationEnd` is taken, and the list is sorted by start all the same.
    pub ignores_end_order: bool,
    /// The largest page: a request for more conversations is refused with 413. `null` for no such limit.
    pub largest_page: Option<u64>,
}

/// How a count of records is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum CountShape {
    /// `{"results":[{"count":…},…]}`: the sum counts.
    #[default]
    Results,
    /// `{"totalHits":…}`.
    TotalHits,
}

impl Scenario {
    /// The client that logs in: the first one. If there is none, a client without id and secret, which the login refuses.
    #[must_use]
    pub fn client(&self) -> Client {
        self.login.clients.first().cloned().unwrap_or_default()
    }
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            seed: 1,
            jurisdiction: "us-east-1".to_owned(),
            latency_ms: 2,
            population: PopulationSpec::default(),
            protected: Protection::default(),
            hold_mid_run: None,
            login: Login::default(),
            rate_limit: RateLimit::default(),
            data_deletion: DataDeletion::default(),
            recording_jobs: RecordingJobs::default(),
            analytics: Analytics::default(),
            faults: Vec::new(),
        }
    }
}

impl Default for PopulationSpec {
    fn default() -> Self {
        Self {
            from: Timestamp::from_millis(1_664_582_400_000), // 2022-10-01
            to: Timestamp::from_millis(1_706_745_600_000),   // 2024-02-01
            every_seconds: NonZeroU32::MIN.saturating_add(1799),
            day_edges: true,
        }
    }
}

impl Default for Login {
    fn default() -> Self {
        Self {
            clients: vec![Client { id: "sim".to_owned(), secret: "sim".to_owned() }],
            expires_in: 86_400,
            missing_permissions: Vec::new(),
        }
    }
}

impl Default for RateLimit {
    fn default() -> Self {
        Self { per_minute: Some(300), form: RateLimitForm::default() }
    }
}

impl Default for DataDeletion {
    fn default() -> Self {
        Self {
            offered: true,
            processing_seconds: 1,
            concurrency: NonZeroU32::MIN.saturating_add(3),
            range_end: RangeEnd::default(),
            hold_mode: HoldMode::default(),
        }
    }
}

impl Default for RecordingJobs {
    fn default() -> Self {
        Self {
            pending_seconds: 2,
            processing_seconds: 3,
            removal_lag_seconds: 2,
            list_lag_seconds: 2,
            data_lake_lag_hours: 48,
            removed: Removed::default(),
            no_recordings: NoRecordings::default(),
            fail_every: 0,
            third_job: ThirdJob::default(),
            foreign_jobs: Vec::new(),
            action_age: true,
        }
    }
}

impl Default for Analytics {
    fn default() -> Self {
        Self {
            record_counts: true,
            shape: CountShape::default(),
            index_lag_seconds: 0,
            horizon_days: None,
            refuses_too_old: false,
            ignores_end_order: false,
            largest_page: None,
        }
    }
}
