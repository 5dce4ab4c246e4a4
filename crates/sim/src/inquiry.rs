//! Analytics queries that are answered in the background from the long-term store. They are slower, and here find conversations of
//! any age.

use purge_core::http::HttpResponse;
use serde_json::{Map, Value, json};

use crate::analytics::conversation_json;
use crate::error::ApiError;
use crate::filter::{Filter, interval};
use crate::http::TenantRequest;
use crate::login::nth_id;
use crate::population::Conversation;
use crate::tenant::Tenant;

/// Purpose of the number stream.
const PURPOSE: u64 = 0x696e_7175;

/// How long a query takes, in milliseconds.
const TAKES_MS: i64 = 12_000;

/// The largest page of a result.
const MAX_PAGE: u64 = 1_000;

/// The fields of the documented query.
const FIELDS: [&str; 10] = [
    "interval",
    "startOfDayIntervalMatching",
    "order",
    "orderBy",
    "limit",
    "conversationFilters",
    "segmentFilters",
    "evaluationFilters",
    "surveyFilters",
    "resolutionFilters",
];

/// An accepted query.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Inquiry {
    id: String,
    asked: i64,
    query: Map<String, Value>,
}

impl Tenant {
    /// `POST /api/v2/analytics/conversations/details/jobs`.
    pub(crate) fn inquire(&mut self, request: &TenantRequest, now: i64) -> Result<HttpResponse, ApiError> {
        let query = request.object(&FIELDS)?;
        interval(query.get("interval"))?;
        Filter::read(&query)?;
        let nth = self.state.inquiries.len() as u64 + 1;
        let id = nth_id(self.scenario.seed, PURPOSE, nth);
        self.state.inquiries.push(Inquiry { id: id.clone(), asked: now, query });
        Ok(HttpResponse::json(202, &json!({ "jobId": id })))
    }

    /// `GET /api/v2/analytics/conversations/details/jobs/{id}`.
    pub(crate) fn inquiry(&self, id: &str, now: i64) -> Result<HttpResponse, ApiError> {
        let over = now - self.find_inquiry(id)?.asked >= TAKES_MS;
        let (status, state) = if over { (200, "FULFILLED") } else { (202, "PENDING") };
        Ok(HttpResponse::json(status, &json!({ "state": state })))
    }

    /// `GET /api/v2/analytics/conversations/details/jobs/{id}/results`.
    pub(crate) fn inquiry_result(&self, id: &str, request: &TenantRequest, now: i64) -> Result<HttpResponse, ApiError> {
        let Inquiry { asked, query, .. } = self.find_inquiry(id)?;
        if now - asked < TAKES_MS {
            return Err(ApiError::not_found());
        }
        let (from, size) =
            (request.query_number("cursor", 0, u64::MAX)?, request.query_number("pageSize", MAX_PAGE, MAX_PAGE)?);
        let limit = query.get("limit").and_then(Value::as_u64).unwrap_or(u64::MAX);
        let (asked_for, filter) = (interval(query.get("interval"))?, Filter::read(query)?);
        // Conversations that were active in the interval, or only those that started on its first day or later.
        let whole_days = query.get("startOfDayIntervalMatching").and_then(Value::as_bool).unwrap_or(false);
        let earliest_start = if whole_days { asked_for.widened_to_days().start().millis() } else { i64::MIN };
        let (noticed_until, settled) = (self.noticed_until(now), now.saturating_sub(self.data_lake_lag_ms()));
        let mut found: Vec<&Conversation> = self
            .world
            .conversations()
            .filter(|(at, c)| {
                let active = c.start < asked_for.end().millis() && c.last >= asked_for.start().millis();
                active
                    && c.start >= earliest_start
                    && c.last <= settled
                    && filter.matches(c)
                    && self.world.is_visible(*at, noticed_until)
            })
            .map(|(_, conversation)| conversation)
            .collect();
        self.sort(&mut found, query)?;
        let rows = u64::try_from(found.len()).unwrap_or(u64::MAX).min(limit);
        let (skip, take) = (from, size.min(rows.saturating_sub(from)));
        let whole = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let page: Vec<Value> = found.into_iter().skip(whole(skip)).take(whole(take)).map(conversation_json).collect();
        let mut answer = json!({ "conversations": page });
        if let (true, Some(fields)) = (from + take < rows, answer.as_object_mut()) {
            fields.insert("cursor".to_owned(), json!((from + take).to_string()));
        }
        Ok(HttpResponse::json(200, &answer))
    }

    fn find_inquiry(&self, id: &str) -> Result<&Inquiry, ApiError> {
        self.state.inquiries.iter().find(|inquiry| inquiry.id == id).ok_or_else(ApiError::not_found)
    }
}
