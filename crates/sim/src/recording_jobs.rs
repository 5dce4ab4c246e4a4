//! The `recordingJobs` API: jobs go from `PENDING` to `READY`, and after `PUT` through `PROCESSING` to `FULFILLED`.

use purge_core::http::HttpResponse;
use purge_core::sorted::sort_by;
use purge_core::time::Timestamp;
use serde_json::{Map, Value, json};

use crate::agenda::Event;
use crate::error::ApiError;
use crate::filter::{DeleteDate, Filter, Selection, interval};
use crate::http::{TenantRequest, only_known};
use crate::login::nth_id;
use crate::population::instant;
use crate::prng::uuid_text;
use crate::rate_limit::too_many;
use crate::scenario::ThirdJob;
use crate::tenant::Tenant;

/// The purposes of the number streams.
const PURPOSE: u64 = 0x6a6f_6273;
const FOREIGN_PURPOSE: u64 = 0x666f_7265;

/// "There can be at most 2 jobs in PENDING or PROCESSING", for the whole organisation.
const MAX_ACTIVE: usize = 2;
/// The most months that `agedConversationInterval` may cover.
const MAX_AGED_MONTHS: u32 = 6;
/// Five years: only `agedConversationInterval` finds older conversations.
const AGED_MONTHS: u32 = 60;

const FIELDS: [&str; 13] = [
    "action",
    "actionDate",
    "actionAge",
    "screenRecordingActionDate",
    "screenRecordingActionAge",
    "integrationId",
    "includeRecordingsWithSensitiveData",
    "includeScreenRecordings",
    "includePolicyBasedRecordings",
    "includeSnippetRecordings",
    "clearExport",
    "conversationQuery",
    "agedConversationInterval",
];

const QUERY_FIELDS: [&str; 10] = [
    "interval",
    "order",
    "orderBy",
    "limit",
    "startOfDayIntervalMatching",
    "conversationFilters",
    "segmentFilters",
    "evaluationFilters",
    "surveyFilters",
    "resolutionFilters",
];

/// The state of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JobState {
    Pending,
    Ready,
    Processing,
    Fulfilled,
    Failed,
    Cancelled,
}

impl JobState {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Ready => "READY",
            Self::Processing => "PROCESSING",
            Self::Fulfilled => "FULFILLED",
            Self::Failed => "FAILED",
            Self::Cancelled => "CANCELLED",
        }
    }

    /// Whether it occupies one of the organisation's places.
    fn is_active(self) -> bool {
        matches!(self, Self::Pending | Self::Processing)
    }
}

/// A created job.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RecordingJob {
    pub(crate) id: String,
    pub(crate) client: String,
    pub(crate) created: i64,
    /// The request as it came.
    query: Value,
    pub(crate) selection: Selection,
    pub(crate) state: JobState,
    /// When it was executed.
    pub(crate) started: Option<i64>,
    /// When its present state ends by itself.
    ends: Option<i64>,
    pub(crate) fails: bool,
    conversations: u64,
    recordings: u64,
    pub(crate) skipped: u64,
    failed: Vec<usize>,
    pub(crate) processed: u64,
    error: Option<String>,
    /// When it reached a final state.
    pub(crate) ended: Option<i64>,
}

impl Tenant {
    /// `POST /api/v2/recording/jobs`.
    pub(crate) fn create_job(
        &mut self,
        caller: &str,
        request: &TenantRequest,
        now: i64,
    ) -> Result<HttpResponse, ApiError> {
        let body = request.object(&FIELDS)?;
        let selection = self.selection(&body, now)?;
        let active = self.active_jobs(now);
        if active >= MAX_ACTIVE {
            return Err(self.too_many_jobs());
        }
        self.state.most_active_jobs = self.state.most_active_jobs.max(active + 1);
        let nth = u64::try_from(self.state.jobs.len()).unwrap_or(0) + 1;
        let id = nth_id(self.scenario.seed, PURPOSE, nth);
        let ready = now.saturating_add(millis(self.scenario.recording_jobs.pending_seconds));
        self.state.agenda.add(ready, Event::JobReady(id.clone()));
        let job = RecordingJob {
            id,
            client: caller.to_owned(),
            created: now,
            query: Value::Object(body),
            selection,
            state: JobState::Pending,
            started: None,
            ends: Some(ready),
            fails: false,
            conversations: 0,
            recordings: 0,
            skipped: 0,
            failed: Vec::new(),
            processed: 0,
            error: None,
            ended: None,
        };
        let answer = HttpResponse::json(202, &job_json(&job, now));
        self.state.jobs.push(job);
        self.note_submit(now);
        Ok(answer)
    }

    /// `GET /api/v2/recording/jobs`.
    pub(crate) fn list_jobs(&self, caller: &str, request: &TenantRequest, now: i64) -> Result<HttpResponse, ApiError> {
        let size = request.query_number("pageSize", 25, 100)?;
        let number = request.query_number("pageNumber", 1, u64::from(u32::MAX))?;
        let mine = request.query("showOnlyMyJobs").as_deref() == Some("true");
        let state = request.query("state").filter(|state| !state.is_empty());
        let states = ["PENDING", "READY", "PROCESSING", "FULFILLED", "FAILED", "CANCELLED"];
        if let Some(state) = state.as_deref().filter(|state| !states.contains(state)) {
            return Err(invalid_parameter("state", state));
        }
        let job_type = request.query("jobType").unwrap_or_else(|| "DELETE".to_owned());
        if !["ARCHIVE", "DELETE", "EXPORT"].contains(&job_type.as_str()) {
            return Err(invalid_parameter("jobType", &job_type));
        }
        let order = request.query("sortBy").unwrap_or_else(|| "userId".to_owned());
        let lag = millis(self.scenario.recording_jobs.list_lag_seconds);
        let visible = self.state.jobs.iter().filter(|job| job.created.saturating_add(lag) <= now);
        let mut rows: Vec<(String, i64, Value)> = visible
            .filter(|job| !mine || job.client == caller)
            .map(|job| (job.client.clone(), job.created, job_json(job, now)))
            .collect();
        if !mine {
            rows.extend(self.foreign_jobs(now));
        }
        rows.retain(|(_, _, json)| state.is_none() || json.get("state").and_then(Value::as_str) == state.as_deref());
        if job_type != "DELETE" {
            rows.clear();
        }
        match order.as_str() {
            "userId" => sort_by(&mut rows, |a, b| a.0.cmp(&b.0)),
            "dateCreated" => sort_by(&mut rows, |a, b| a.1.cmp(&b.1)),
            other => return Err(invalid_parameter("sortBy", other)),
        }
        let rows = rows.into_iter().map(|(_, _, json)| json).collect();
        Ok(HttpResponse::json(200, &page_json(request, "/api/v2/recording/jobs", rows, size, number)))
    }

    /// `GET /api/v2/recording/jobs/{id}`.
    pub(crate) fn get_job(&self, id: &str, now: i64) -> Result<HttpResponse, ApiError> {
        Ok(HttpResponse::json(200, &job_json(self.job(id)?, now)))
    }

    /// `PUT /api/v2/recording/jobs/{id}`: executes it.
    pub(crate) fn execute_job(
        &mut self,
        caller: &str,
        id: &str,
        request: &TenantRequest,
        now: i64,
    ) -> Result<HttpResponse, ApiError> {
        let body = request.object(&["state"])?;
        if body.get("state").and_then(Value::as_str) != Some("PROCESSING") {
            return Err(ApiError::invalid_value("state", body.get("state").unwrap_or(&Value::Null)));
        }
        let job = self.job(id)?;
        if job.client != caller {
            return Err(ApiError::new(403, "not.authorized", "Only the user who created the job can execute it."));
        }
        if job.state != JobState::Ready {
            let message = format!("The job cannot be executed in the state [{}].", job.state.as_str());
            return Err(ApiError::new(409, "request.conflict", message));
        }
        let active = self.active_jobs(now);
        if active >= MAX_ACTIVE {
            return Err(self.too_many_jobs());
        }
        self.state.most_active_jobs = self.state.most_active_jobs.max(active + 1);
        let ends = now.saturating_add(millis(self.scenario.recording_jobs.processing_seconds));
        self.state.agenda.add(ends, Event::JobEnds(id.to_owned()));
        let job = self.job_mut(id)?;
        job.state = JobState::Processing;
        job.started = Some(now);
        job.ends = Some(ends);
        Ok(HttpResponse::json(200, &job_json(job, now)))
    }

    /// `DELETE /api/v2/recording/jobs/{id}`: cancels it.
    pub(crate) fn cancel_job(&mut self, id: &str, now: i64) -> Result<HttpResponse, ApiError> {
        let job = self.job(id)?;
        if job.ended.is_some() {
            let message = format!("The job cannot be cancelled in the state [{}].", job.state.as_str());
            return Err(ApiError::new(409, "request.conflict", message));
        }
        if job.state == JobState::Processing {
            // Recordings that have a delete date keep it. How many have one by now is not documented; at worst all.
            self.job_ends(id, now);
        }
        let job = self.job_mut(id)?;
        job.state = JobState::Cancelled;
        job.ended = Some(now);
        self.state.agenda.remove(&Event::JobReady(id.to_owned()));
        self.state.agenda.remove(&Event::JobEnds(id.to_owned()));
        Ok(HttpResponse { status: 204, headers: Vec::new(), body: String::new() })
    }

    /// `GET /api/v2/recording/jobs/{id}/failedrecordings`.
    pub(crate) fn failed_recordings(&self, id: &str, request: &TenantRequest) -> Result<HttpResponse, ApiError> {
        let size = request.query_number("pageSize", 25, 100)?;
        let number = request.query_number("pageNumber", 1, u64::from(u32::MAX))?;
        let job = self.job(id)?;
        let failed = if job.started.is_some() { job.failed.as_slice() } else { &[] };
        let rows = failed.iter().filter_map(|at| {
            let recording = self.world.population.recordings.get(*at)?;
            let conversation = self.world.population.conversations.get(recording.conversation)?;
            Some(json!({
                "conversation": { "id": uuid_text(conversation.id) },
                "recording": { "id": uuid_text(recording.id) },
            }))
        });
        let path = format!("/api/v2/recording/jobs/{id}/failedrecordings");
        Ok(HttpResponse::json(200, &page_json(request, &path, rows.collect(), size, number)))
    }

    /// Makes a job ready: it now knows what it matches.
    pub(crate) fn job_ready(&mut self, id: &str, at: i64) {
        let Some(job) = self.state.jobs.iter_mut().find(|job| job.id == id) else { return };
        if job.fails {
            job.fail(at, "The query could not be carried out.");
            return;
        }
        let found = job.selection.find(&self.world, at);
        let recordings = found.to_schedule.len() + found.failed.len();
        job.conversations = found.conversations;
        job.recordings = u64::try_from(recordings).unwrap_or(u64::MAX).saturating_add(found.skipped);
        job.skipped = found.skipped;
        job.state = JobState::Ready;
        job.ends = None;
    }

    /// Ends a job that has run for its time: its delete dates are written.
    pub(crate) fn job_ends(&mut self, id: &str, at: i64) {
        let Some(job) = self.state.jobs.iter_mut().find(|job| job.id == id) else { return };
        if job.fails {
            job.fail(at, "The job could not be carried out.");
            return;
        }
        let found = job.selection.find(&self.world, at);
        job.processed = u64::try_from(found.to_schedule.len()).unwrap_or(u64::MAX);
        job.skipped = found.skipped;
        let failed = u64::try_from(found.failed.len()).unwrap_or(u64::MAX);
        job.recordings = job.processed.saturating_add(found.skipped).saturating_add(failed);
        job.failed = found.failed;
        job.state = JobState::Fulfilled;
        job.ended = Some(at);
        for (recording, date) in job.selection.dates(&self.world, &found.to_schedule) {
            self.world.set_delete_date(recording, Some(date), at);
        }
    }

    fn job(&self, id: &str) -> Result<&RecordingJob, ApiError> {
        self.state.jobs.iter().find(|job| job.id == id).ok_or_else(ApiError::not_found)
    }

    fn job_mut(&mut self, id: &str) -> Result<&mut RecordingJob, ApiError> {
        self.state.jobs.iter_mut().find(|job| job.id == id).ok_or_else(ApiError::not_found)
    }

    fn active_jobs(&self, now: i64) -> usize {
        let foreign = self.foreign_jobs(now);
        let foreign = foreign.filter(|(_, _, json)| json.get("state").and_then(Value::as_str) == Some("PENDING"));
        self.state.jobs.iter().filter(|job| job.state.is_active()).count() + foreign.count()
    }

    fn foreign_jobs(&self, now: i64) -> impl Iterator<Item = (String, i64, Value)> {
        let jobs = self.scenario.recording_jobs.foreign_jobs.iter().zip(1..);
        jobs.filter(move |(job, _)| job.from.millis() <= now).map(move |(job, nth)| {
            let state = if now < job.until.millis() { "PENDING" } else { "FULFILLED" };
            let user = nth_id(self.scenario.seed, FOREIGN_PURPOSE, 0);
            let json = json!({
                "id": nth_id(self.scenario.seed, FOREIGN_PURPOSE, nth),
                "state": state,
                "dateCreated": job.from,
                "recordingJobsQuery": { "action": "DELETE" },
                "user": { "id": user },
            });
            (user, job.from.millis(), json)
        })
    }

    fn too_many_jobs(&self) -> ApiError {
        let message = format!("The maximum of {MAX_ACTIVE} pending or processing jobs is reached.");
        match self.scenario.recording_jobs.third_job {
            ThirdJob::BadRequest => ApiError::bad_request(message),
            ThirdJob::Conflict => ApiError::new(409, "request.conflict", message),
            ThirdJob::TooManyRequests => too_many(2, 60).header("retry-after", "60".to_owned()),
        }
    }

    /// Reads `RecordingJobsQuery`.
    fn selection(&self, body: &Map<String, Value>, now: i64) -> Result<Selection, ApiError> {
        let knobs = &self.scenario.recording_jobs;
        if body.get("action").and_then(Value::as_str) != Some("DELETE") {
            return Err(ApiError::invalid_value("action", body.get("action").unwrap_or(&Value::Null)));
        }
        if let Some(value) = body.get("integrationId") {
            return Err(ApiError::invalid_value("integrationId", value));
        }
        flag(body, "clearExport", false)?;
        let screen = flag(body, "includeScreenRecordings", true)?;
        let Some(when) = read_delete_date(body, "actionDate", "actionAge")? else {
            return Err(constraint("Exactly one of [actionDate, actionAge] is required."));
        };
        let screen_date = read_screen_delete_date(body, screen)?;
        if !knobs.action_age && (matches!(when, DeleteDate::Age(_)) || screen_date.is_some()) {
            return Err(ApiError::new(501, "not.implemented", "The organization does not have this parameter."));
        }
        let (interval, aged, start_of_day, filter) = read_conversations(body, now)?;
        let sensitive = flag(body, "includeRecordingsWithSensitiveData", false)?;
        if sensitive {
            self.require(&["recording:recording:viewSensitiveData"])?;
        }
        Ok(Selection {
            interval,
            aged,
            start_of_day,
            filter,
            sensitive,
            screen,
            by_policy: flag(body, "includePolicyBasedRecordings", true)?,
            snippets: flag(body, "includeSnippetRecordings", true)?,
            when,
            when_screen: screen_date.unwrap_or(when),
            data_lake_lag_ms: self.data_lake_lag_ms(),
            fail_every: knobs.fail_every,
        })
    }
}

impl RecordingJob {
    fn fail(&mut self, at: i64, why: &str) {
        self.state = JobState::Failed;
        self.error = Some(why.to_owned());
        self.ended = Some(at);
    }

    /// The percentage of the present state's time that has passed. A job whose time is up but that has not ended stays at 99.
    fn percent(&self, now: i64) -> i64 {
        match (self.state, self.started, self.ends) {
            (JobState::Fulfilled, _, _) => 100,
            (JobState::Processing, Some(started), Some(ends)) if ends > started => {
                ((now - started).saturating_mul(100) / (ends - started)).clamp(0, 99)
            }
            (
                JobState::Pending | JobState::Ready | JobState::Processing | JobState::Failed | JobState::Cancelled,
                _,
                _,
            ) => 0,
        }
    }
}

/// Reads which conversations a job selects: by a query, or by an interval more than five years ago.
fn read_conversations(
    body: &Map<String, Value>,
    now: i64,
) -> Result<(purge_core::window::Window, bool, bool, Filter), ApiError> {
    match (body.get("conversationQuery"), body.get("agedConversationInterval")) {
        (Some(query), None) => {
            let fields = query.as_object().ok_or_else(|| ApiError::invalid_value("conversationQuery", query))?;
            only_known(fields, &QUERY_FIELDS, "conversationQuery.")?;
            let start_of_day = flag(fields, "startOfDayIntervalMatching", false)?;
            Ok((interval(fields.get("interval"))?, false, start_of_day, Filter::read(fields)?))
        }
        (None, aged @ Some(_)) => {
            let interval = interval(aged)?;
            if interval.end() > instant(now).minus_months(AGED_MONTHS) {
                return Err(constraint("The value of [agedConversationInterval] must be more than 5 years ago."));
            }
            if interval.end() > interval.start().plus_months(MAX_AGED_MONTHS) {
                return Err(constraint("The value of [agedConversationInterval] must not exceed 6 months."));
            }
            Ok((interval, true, false, Filter::And(Vec::new())))
        }
        (Some(_), Some(_)) | (None, None) => {
            Err(constraint("Exactly one of [conversationQuery, agedConversationInterval] is required."))
        }
    }
}

fn read_delete_date(body: &Map<String, Value>, date: &str, age: &str) -> Result<Option<DeleteDate>, ApiError> {
    match (body.get(date), body.get(age)) {
        (None, None) => Ok(None),
        (Some(value), None) => {
            let at = value.as_str().and_then(|text| Timestamp::parse(text).ok());
            at.map(|at| Some(DeleteDate::Date(at.millis()))).ok_or_else(|| {
                ApiError::new(400, "invalid.date", format!("The value of [{date}] is not a date-time."))
                    .param("field", date)
            })
        }
        (None, Some(value)) => {
            let days = value.as_i64().filter(|days| (0..=36_500).contains(days));
            days.map(|days| Some(DeleteDate::Age(days))).ok_or_else(|| ApiError::invalid_value(age, value))
        }
        (Some(_), Some(_)) => Err(constraint(format!("Only one of [{date}, {age}] is allowed."))),
    }
}

fn read_screen_delete_date(body: &Map<String, Value>, screen: bool) -> Result<Option<DeleteDate>, ApiError> {
    let screen_date = read_delete_date(body, "screenRecordingActionDate", "screenRecordingActionAge")?;
    if screen_date.is_some() && !screen {
        return Err(constraint("Dates of screen recordings need [includeScreenRecordings]."));
    }
    Ok(screen_date)
}

fn flag(body: &Map<String, Value>, name: &str, default: bool) -> Result<bool, ApiError> {
    body.get(name).map_or(Ok(default), |value| value.as_bool().ok_or_else(|| ApiError::invalid_value(name, value)))
}

fn constraint(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "constraint.validation", message)
}

fn invalid_parameter(name: &str, value: &str) -> ApiError {
    let message = format!("Value [{value}] is not valid for parameter [{name}].");
    ApiError::new(400, "invalid.query.param.value", message)
}

fn millis(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1000)
}

fn job_json(job: &RecordingJob, now: i64) -> Value {
    let uri = format!("/api/v2/recording/jobs/{}", job.id);
    let mut json = json!({
        "id": job.id,
        "state": job.state.as_str(),
        "recordingJobsQuery": job.query,
        "dateCreated": instant(job.created),
        "totalConversations": job.conversations,
        "totalRecordings": job.recordings,
        "totalSkippedRecordings": job.skipped,
        "totalFailedRecordings": job.failed.len(),
        "totalProcessedRecordings": job.processed,
        "percentProgress": job.percent(now),
        "failedRecordings": format!("{uri}/failedrecordings"),
        "selfUri": uri,
        "user": { "id": job.client, "selfUri": format!("/api/v2/users/{}", job.client) },
    });
    if let (Some(error), Some(fields)) = (&job.error, json.as_object_mut()) {
        fields.insert("errorMessage".to_owned(), json!(error));
    }
    json
}

/// A page of a listing. Without `includeTotal` there is no `total` and no `pageCount`, and the cursor counts instead of the page
/// number.
fn page_json(request: &TenantRequest, path: &str, rows: Vec<Value>, size: u64, number: u64) -> Value {
    let counted = request.query("includeTotal").as_deref() == Some("true");
    let cursor = || request.query("cursor").and_then(|cursor| cursor.parse::<u32>().ok()).map_or(1, u64::from);
    let number = if counted { number } else { cursor().max(1) };
    let total = u64::try_from(rows.len()).unwrap_or(u64::MAX);
    let skip = usize::try_from(size.saturating_mul(number - 1)).unwrap_or(usize::MAX);
    let take = usize::try_from(size).unwrap_or(usize::MAX);
    let mut json = json!({
        "entities": rows.into_iter().skip(skip).take(take).collect::<Vec<_>>(),
        "pageSize": size,
        "pageNumber": number,
        "selfUri": format!("{path}?pageSize={size}&pageNumber={number}"),
    });
    let Some(fields) = json.as_object_mut() else { return json };
    if counted {
        fields.insert("total".to_owned(), json!(total));
        fields.insert("pageCount".to_owned(), json!(total.div_ceil(size)));
    }
    if size.saturating_mul(number) < total {
        let place = if counted { "includeTotal=true&pageNumber" } else { "cursor" };
        let next = format!("{path}?pageSize={size}&{place}={}", number + 1);
        fields.insert("nextUri".to_owned(), json!(next));
    }
    json
}
