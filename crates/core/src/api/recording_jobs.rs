//! `recordingJobs`: create a job, wait until it has counted, check its counts, execute it, wait until it is fulfilled, collect what
//! failed.

use serde_json::{Map, Value, json};

use super::valid_id;
use crate::analytics::only_messaging;
use crate::chunk::{Age, Chunk};
use crate::http::{HttpRequest, Method, encode_segment};
use crate::json::whole;
use crate::outcome::Cause;
use crate::request::{PurgeRequest, includes_screen, only_messages};
use crate::time::Timestamp;
use crate::window::Window;

/// Path of the jobs.
pub const JOBS: &str = "/api/v2/recording/jobs";

/// Jobs, or failed recordings, per page (limit of the API).
pub const PAGE_SIZE: usize = 100;

/// Creates a job. It deletes nothing until it is executed.
///
/// `action_date` is the time from which the recordings may go. Together with the window it also identifies the job when it has to
/// be found again, because the API takes no idempotency key.
#[must_use]
pub fn create(request: &PurgeRequest, chunk: Chunk, action_date: Timestamp) -> HttpRequest {
    HttpRequest::json(Method::Post, JOBS, &payload(request, chunk, action_date))
}

/// The body of [`create`].
#[must_use]
pub fn payload(request: &PurgeRequest, chunk: Chunk, action_date: Timestamp) -> Value {
    let options = request.recordings.unwrap_or_default();
    // ISO 8601 intervals of the query language are half-open like our windows, so the end goes out as it is.
    let interval = chunk.window.to_string();
    let mut body = Map::new();
    body.insert("action".to_owned(), json!("DELETE"));
    body.insert("actionDate".to_owned(), json!(action_date));
    body.insert("includeRecordingsWithSensitiveData".to_owned(), json!(options.include_sensitive_data));
    body.insert("includePolicyBasedRecordings".to_owned(), json!(options.include_policy_based));
    body.insert("includeSnippetRecordings".to_owned(), json!(options.include_snippets));
    body.insert("includeScreenRecordings".to_owned(), json!(includes_screen(&request.record_types)));
    match chunk.age {
        Age::Recent => {
            let mut query = Map::new();
            query.insert("interval".to_owned(), json!(interval));
            // Without this the job also takes conversations that started before the window and reach into it.
            query.insert("startOfDayIntervalMatching".to_owned(), json!(true));
            if only_messages(&request.record_types) {
                query.insert("segmentFilters".to_owned(), only_messaging());
            }
            body.insert("conversationQuery".to_owned(), Value::Object(query));
        }
        Age::Aged => {
            body.insert("agedConversationInterval".to_owned(), json!(interval));
        }
    }
    Value::Object(body)
}

/// Reads one job.
#[must_use]
pub fn get(id: &str) -> HttpRequest {
    HttpRequest::get(format!("{JOBS}/{}", encode_segment(id)))
}

/// Executes a job that has counted. From here on recordings are lost.
#[must_use]
pub fn execute(id: &str) -> HttpRequest {
    HttpRequest::json(Method::Put, format!("{JOBS}/{}", encode_segment(id)), &json!({ "state": "PROCESSING" }))
}

/// Cancels a job.
#[must_use]
pub fn cancel(id: &str) -> HttpRequest {
    HttpRequest { method: Method::Delete, ..get(id) }
}

/// Lists our own deletion jobs.
#[must_use]
pub fn list(page: u32) -> HttpRequest {
    HttpRequest::get(format!("{JOBS}?{}&sortBy=dateCreated&showOnlyMyJobs=true&jobType=DELETE", paging(page)))
}

/// Lists the recordings that a job failed to delete.
#[must_use]
pub fn failed_recordings(id: &str, page: u32) -> HttpRequest {
    HttpRequest::get(format!("{JOBS}/{}/failedrecordings?{}", encode_segment(id), paging(page)))
}

/// The page in a query. Without `includeTotal` the API pages by cursor and ignores the page number.
fn paging(page: u32) -> String {
    format!("pageSize={PAGE_SIZE}&pageNumber={page}&includeTotal=true")
}

/// State of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Being counted.
    Pending,
    /// Counted, and waiting to be executed.
    Ready,
    /// Being carried out.
    Processing,
    /// Carried out: every recording has its delete date.
    Fulfilled,
    /// Cancelled, by us or by somebody else.
    Cancelled,
    /// Failed.
    Failed(Cause),
    /// A state that this program does not know.
    Unknown,
}

/// A job, as far as this program needs to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its id.
    pub id: String,
    /// Its state.
    pub state: State,
    /// The state as the server wrote it.
    pub state_text: String,
    /// Progress in per cent.
    pub percent: Option<u8>,
    /// Conversations affected.
    pub conversations: Option<u64>,
    /// Recordings affected.
    pub recordings: Option<u64>,
    /// Recordings skipped.
    pub skipped: Option<u64>,
    /// Recordings that failed.
    pub failed: Option<u64>,
    /// Recordings processed.
    pub processed: Option<u64>,
    /// The `actionDate` of its query.
    pub action_date: Option<Timestamp>,
    /// The interval of its query, of either kind.
    pub window: Option<Window>,
}

/// Reads a job; `None` if it has no id or no state.
#[must_use]
pub fn read_job(answer: &Value) -> Option<Job> {
    let number = |field: &str| answer.get(field).and_then(whole);
    let state_text = answer.get("state")?.as_str()?;
    let state = match state_text {
        "PENDING" => State::Pending,
        "READY" => State::Ready,
        "PROCESSING" => State::Processing,
        "FULFILLED" => State::Fulfilled,
        "CANCELLED" => State::Cancelled,
        "FAILED" => {
            let message = answer.get("errorMessage").and_then(Value::as_str).unwrap_or("the server gives no reason");
            State::Failed(Cause::new("job.failed", crate::reply::tidy(message, 300)))
        }
        _ => State::Unknown,
    };
    let query = answer.get("recordingJobsQuery");
    let action_date = query.and_then(|q| q.get("actionDate")).and_then(Value::as_str);
    let interval = query.and_then(|q| match q.get("conversationQuery").and_then(|c| c.get("interval")) {
        None => q.get("agedConversationInterval"),
        interval => interval,
    });
    Some(Job {
        id: valid_id(answer.get("id")?)?,
        state,
        state_text: crate::reply::tidy(state_text, 60),
        percent: number("percentProgress").and_then(|p| u8::try_from(p.min(100)).ok()),
        conversations: number("totalConversations"),
        recordings: number("totalRecordings"),
        skipped: number("totalSkippedRecordings"),
        failed: number("totalFailedRecordings"),
        processed: number("totalProcessedRecordings"),
        action_date: action_date.and_then(|text| Timestamp::parse(text).ok()),
        window: interval.and_then(Value::as_str).and_then(read_interval),
    })
}

/// Reads an interval. The API documents them without an offset, as UTC: `YYYY-MM-DDThh:mm:ss/YYYY-MM-DDThh:mm:ss`.
fn read_interval(text: &str) -> Option<Window> {
    let at = |text: &str| Timestamp::parse(text).or_else(|_| Timestamp::parse(&format!("{text}Z"))).ok();
    let (start, end) = text.split_once('/')?;
    Window::new(at(start)?, at(end)?)
}

/// Reads a page of jobs; `None` if it is none.
#[must_use]
pub fn read_list(answer: &Value) -> Option<Vec<Job>> {
    answer.get("entities")?.as_array()?.iter().map(read_job).collect()
}

/// Whether there are pages after this one. A page may have fewer entries than it could, so the totals that the answer gives come
/// first.
#[must_use]
pub fn has_more(answer: &Value, page: u32) -> bool {
    let number = |field: &str| answer.get(field).and_then(whole);
    let listed = answer.get("entities").and_then(Value::as_array).map_or(0, |entities| entities.len() as u64);
    let (page, size) = (u64::from(page), PAGE_SIZE as u64);
    match (number("pageCount"), number("total")) {
        (Some(pages), _) => page < pages,
        (None, Some(total)) => total > page.saturating_sub(1) * size + listed,
        (None, None) => listed >= size,
    }
}

/// Reads a page of failed recordings as `conversation/recording`; `None` if it is none.
#[must_use]
pub fn read_failed(answer: &Value) -> Option<Vec<String>> {
    let id = |entry: &Value, field: &str| Some(entry.get(field)?.get("id")?.as_str()?.to_owned());
    let entries = answer.get("entities")?.as_array()?.iter();
    entries.map(|entry| Some(format!("{}/{}", id(entry, "conversation")?, id(entry, "recording")?))).collect()
}

/// Reads the recordings of one conversation.
#[must_use]
pub fn metadata(conversation: &str) -> HttpRequest {
    HttpRequest::get(format!("/api/v2/conversations/{}/recordingmetadata", encode_segment(conversation)))
}

/// What is left of a conversation's recordings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// Recordings without a delete date that are still there, although they should not be.
    pub kept: u64,
    /// Recordings with a delete date that are still there.
    pub scheduled: u64,
    /// Number of the scheduled recordings that have our own job's delete date.
    pub ours: u64,
    /// Recordings that are there, where nothing tells whether they should be.
    pub untold: u64,
}

/// Reads the answer to [`metadata`]; `None` if it is not a list of recordings with known states. `date` is the delete date of our
/// own job, which the API may keep to the second.
///
/// A deleted recording is listed as `DELETED` or not at all: the API's text leaves it open, so both count as gone. What the request
/// leaves out is not left over. If it leaves out sensitive recordings, or those with a policy that gives them a delete date of its
/// own, only a recording with our job's date is certainly left over: the answer does not show which recordings those are.
#[must_use]
pub fn read_metadata(
    answer: &Value,
    request: &PurgeRequest,
    date: Option<Timestamp>,
    within: Option<Window>,
) -> Option<Left> {
    let second = |date: Timestamp| date.millis().div_euclid(1_000);
    let is_ours = |said: &Value| {
        let said = said.as_str().and_then(|text| Timestamp::parse(text).ok());
        said.zip(date).is_some_and(|(said, date)| second(said) == second(date))
    };
    let options = request.recordings.unwrap_or_default();
    let (screen, messages) = (includes_screen(&request.record_types), only_messages(&request.record_types));
    let all_kinds = options.include_sensitive_data && options.include_policy_based;
    let mut left = Left::default();
    for recording in answer.as_array()? {
        let says = |field: &str| recording.get(field).and_then(Value::as_str).unwrap_or_default();
        let asked_for = match says("mediaSubtype") {
            "Screen" => screen,
            "Snippet" => options.include_snippets,
            _ => true,
        };
        let began = Timestamp::parse(says("startTime"));
        let elsewhere = within.is_some_and(|window| !began.is_ok_and(|at| window.contains(at)));
        if !asked_for || elsewhere || (messages && says("media") == "audio") {
            continue;
        }
        match recording.get("fileState")?.as_str()? {
            "DELETED" => {}
            "ARCHIVED" | "AVAILABLE" | "RESTORED" | "RESTORING" | "UPLOADING" | "ERROR" => {
                let said = recording.get("deleteDate").filter(|said| !said.is_null());
                match said.map(is_ours) {
                    Some(ours) if ours || all_kinds => {
                        left.scheduled += 1;
                        left.ours += u64::from(ours);
                    }
                    None if all_kinds => left.kept += 1,
                    Some(_) | None => left.untold += 1,
                }
            }
            _ => return None,
        }
    }
    Some(left)
}
