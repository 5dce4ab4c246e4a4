//! The `dataDeletion` API: one request deletes the records of a range, some time later.

use purge_core::http::HttpResponse;
use purge_core::json::text;
use purge_core::region::region;
use purge_core::sorted::SortedSet;
use purge_core::time::Timestamp;
use serde_json::{Map, Value, json};

use crate::agenda::Event;
use crate::error::ApiError;
use crate::http::{TenantRequest, only_known};
use crate::login::nth_id;
use crate::population::Media;
use crate::scenario::{HoldMode, RangeEnd};
use crate::tenant::Tenant;
use crate::world::{RecordKind, Scope};

/// The purpose of the number stream.
const PURPOSE: u64 = 0x6465_6c65;

/// An accepted request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DeletionJob {
    pub(crate) client: String,
    pub(crate) created: i64,
    /// When it begins to run.
    pub(crate) starts: i64,
    /// When it will have run for its time.
    pub(crate) ends: i64,
    pub(crate) scope: Scope,
    /// The `legalHoldValidation` of the request.
    validates_holds: bool,
    /// Whether it will fail.
    pub(crate) fails: bool,
    /// How many records it will leave behind.
    pub(crate) leave: u64,
    pub(crate) end: Option<DeletionEnd>,
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DeletionEnd {
    Completed { deleted: u64, held: u64 },
    Failed { message: String },
}

impl Tenant {
    /// `POST /api/v2/data/deletion/requests`.
    pub(crate) fn submit_deletion(
        &mut self,
        caller: &str,
        request: &TenantRequest,
        now: i64,
    ) -> Result<HttpResponse, ApiError> {
        self.require_offered()?;
        let body = request.object(&[
            "recordTypes",
            "filter",
            "retentionPolicyOverride",
            "jurisdiction",
            "legalHoldValidation",
        ])?;
        let kinds = record_kinds(body.get("recordTypes"))?;
        let scope = self.scope(body.get("filter"), kinds)?;
        flag(&body, "retentionPolicyOverride")?;
        let validates_holds = flag(&body, "legalHoldValidation")?;
        self.check_jurisdiction(body.get("jurisdiction").unwrap_or(&Value::Null))?;
        if validates_holds && self.scenario.data_deletion.hold_mode == HoldMode::Reject {
            let held = self.world.count_held(&scope);
            if held > 0 {
                let message = format!("Legal hold conflict: {held} records of the range are on legal hold.");
                return Err(ApiError::new(400, "legal.hold.conflict", message));
            }
        }
        let nth = u64::try_from(self.state.deletions.len()).unwrap_or(0) + 1;
        let id = nth_id(self.scenario.seed, PURPOSE, nth);
        let (starts, ends) = self.schedule_run(now);
        self.state.agenda.add(ends, Event::DeletionEnds(id.clone()));
        let job = DeletionJob {
            client: caller.to_owned(),
            created: now,
            starts,
            ends,
            scope,
            validates_holds,
            fails: false,
            leave: 0,
            end: None,
        };
        self.state.deletions.insert(id.clone(), job);
        self.note_submit(now);
        Ok(HttpResponse::json(202, &json!({ "id": id })))
    }

    /// `GET /api/v2/data/deletion/requests/{id}`.
    pub(crate) fn deletion_status(&self, id: &str, now: i64) -> Result<HttpResponse, ApiError> {
        self.require_offered()?;
        let job = self.state.deletions.get(id).ok_or_else(ApiError::not_found)?;
        let body = match &job.end {
            None if now < job.starts => json!({ "id": id, "status": "pending" }),
            None => json!({ "id": id, "status": "processing" }),
            Some(DeletionEnd::Completed { .. }) => json!({ "id": id, "status": "completed" }),
            Some(DeletionEnd::Failed { message }) => json!({ "id": id, "status": "failed", "message": message }),
        };
        Ok(HttpResponse::json(200, &body))
    }

    /// Ends a request that has run for its time.
    pub(crate) fn end_deletion(&mut self, id: &str, at: i64) {
        let Some(job) = self.state.deletions.get_mut(id) else { return };
        let mode = if job.validates_holds { self.scenario.data_deletion.hold_mode } else { HoldMode::Ignore };
        let conflict = mode == HoldMode::Reject && self.world.count_held(&job.scope) > 0;
        job.end = Some(if conflict {
            DeletionEnd::Failed { message: "legal hold conflict".to_owned() }
        } else if job.fails {
            DeletionEnd::Failed { message: "internal error while deleting".to_owned() }
        } else {
            let spare_held = mode != HoldMode::Ignore;
            let done = self.world.delete(at, &job.scope, spare_held, job.leave);
            DeletionEnd::Completed { deleted: done.deleted, held: done.held }
        });
    }

    /// When the next job starts and ends. First come, first served: at once, or in the place that becomes free first.
    fn schedule_run(&mut self, now: i64) -> (i64, i64) {
        let knobs = &self.scenario.data_deletion;
        let places = usize::try_from(knobs.concurrency.get()).unwrap_or(usize::MAX);
        let busy_until = &mut self.state.busy_until;
        busy_until.retain(|ends| *ends > now);
        let mut starts = now;
        if busy_until.len() >= places
            && let Some((first, ends)) = busy_until.iter().copied().enumerate().min_by_key(|(_, ends)| *ends)
        {
            starts = ends;
            busy_until.swap_remove(first);
        }
        let length = i64::try_from(knobs.processing_seconds).unwrap_or(i64::MAX).saturating_mul(1000);
        let ends = starts.saturating_add(length);
        busy_until.push(ends);
        (starts, ends)
    }

    fn require_offered(&self) -> Result<(), ApiError> {
        if self.scenario.data_deletion.offered { Ok(()) } else { Err(ApiError::not_found()) }
    }

    fn check_jurisdiction(&self, value: &Value) -> Result<(), ApiError> {
        let named = value.as_str().unwrap_or_default();
        if region(named).is_none_or(|known| known.name != named) {
            return Err(ApiError::invalid_value("jurisdiction", value));
        }
        if named == self.scenario.jurisdiction {
            return Ok(());
        }
        let message = format!("Data of this organization is not in the jurisdiction [{named}].");
        Err(ApiError::new(403, "jurisdiction.mismatch", message).param("jurisdiction", named))
    }

    /// Reads a filter of the deletion API, with this tenant's reading of the end of a range.
    pub(crate) fn scope(&self, filter: Option<&Value>, kinds: SortedSet<RecordKind>) -> Result<Scope, ApiError> {
        let required = |field: &str| {
            ApiError::new(400, "constraint.validation", format!("The value of [{field}] is required."))
                .param("field", field)
        };
        let filter = filter.and_then(Value::as_object).ok_or_else(|| required("filter"))?;
        only_known(filter, &["dateRange", "query"], "filter.")?;
        let range = filter.get("dateRange").and_then(Value::as_object).ok_or_else(|| required("filter.dateRange"))?;
        only_known(range, &["start", "end"], "filter.dateRange.")?;
        let start = date(range, "start")?.millis();
        let end = date(range, "end")?.millis();
        let last = match self.scenario.data_deletion.range_end {
            RangeEnd::Inclusive => end,
            RangeEnd::Exclusive => end - 1,
        };
        if start > last {
            return Err(ApiError::new(400, "invalid.date", "The start of [filter.dateRange] must lie before its end."));
        }
        Ok(Scope { first: start, last, kinds, media: media(filter.get("query"))? })
    }
}

fn record_kinds(value: Option<&Value>) -> Result<SortedSet<RecordKind>, ApiError> {
    let types = value.and_then(Value::as_array).filter(|types| !types.is_empty()).ok_or_else(|| {
        ApiError::new(400, "constraint.validation", "The value of [recordTypes] must not be empty.")
            .param("field", "recordTypes")
    })?;
    let mut kinds = SortedSet::default();
    for record_type in types {
        let covered = record_type.as_str().and_then(RecordKind::covered_by);
        kinds.extend(covered.ok_or_else(|| ApiError::invalid_value("recordTypes", record_type))?);
    }
    Ok(kinds)
}

fn date(range: &Map<String, Value>, name: &str) -> Result<Timestamp, ApiError> {
    let value = range.get(name).unwrap_or(&Value::Null);
    value.as_str().and_then(|text| Timestamp::parse(text).ok()).ok_or_else(|| {
        let text = value.as_str().map_or_else(|| text(value), str::to_owned);
        ApiError::new(400, "invalid.date", format!("Value [{text}] of [filter.dateRange.{name}] is not a date-time."))
            .param("field", name)
    })
}

/// Reads the query. This tenant understands only `mediaType:voice` and the like. It refuses any other, because deleting more than
/// was asked for would be worse.
fn media(query: Option<&Value>) -> Result<Option<Media>, ApiError> {
    match query {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            let media = value.as_str().and_then(|text| text.strip_prefix("mediaType:")).and_then(Media::parse);
            media.map(Some).ok_or_else(|| ApiError::invalid_value("filter.query", value))
        }
    }
}

/// Reads a flag that may be absent.
fn flag(body: &Map<String, Value>, name: &str) -> Result<bool, ApiError> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(false),
        Some(value) => value.as_bool().ok_or_else(|| ApiError::invalid_value(name, value)),
    }
}
