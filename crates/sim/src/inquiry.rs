//! Analytics queries that are answered in the background, out of the long-term store: slower, and of conversations of any age.

use purge_core::http::HttpResponse;
use purge_core::sorted::sort_by;
use purge_core::window::Window;
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

/// How long a query takes.
const TAKES_MS: i64 = 12_000;

/// The largest page of a result.
const MAX_PAGE: usize = 1_000;

/// Fields of the documented query.
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

/// A query that was accepted.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Inquiry {
    id: String,
    asked: i64,
    interval: Window,
    /// Only what started on the first day of the interval or later.
    starts_inside: bool,
    filter: Filter,
    limit: usize,
}

impl Tenant {
    /// `POST /api/v2/analytics/conversations/details/jobs`.
    pub(crate) fn inquire(&mut self, request: &TenantRequest, now: i64) -> Result<HttpResponse, ApiError> {
        let body = request.object(&FIELDS)?;
        let nth = self.state.inquiries.len() as u64 + 1;
        let inquiry = Inquiry {
            id: nth_id(self.scenario.seed, PURPOSE, nth),
            asked: now,
            interval: interval(body.get("interval"))?,
            starts_inside: body.get("startOfDayIntervalMatching") == Some(&Value::Bool(true)),
            filter: Filter::read(&body)?,
            limit: limit(&body)?,
        };
        let answer = json!({ "jobId": inquiry.id });
        self.state.inquiries.push(inquiry);
        Ok(HttpResponse::json(202, &answer))
    }

    /// `GET /api/v2/analytics/conversations/details/jobs/{id}`.
    pub(crate) fn inquiry(&self, id: &str, now: i64) -> Result<HttpResponse, ApiError> {
        let (status, state) = match now - self.find_inquiry(id)?.asked {
            ..2_000 => (202, "QUEUED"),
            2_000..TAKES_MS => (202, "PENDING"),
            TAKES_MS.. => (200, "FULFILLED"),
        };
        Ok(HttpResponse::json(status, &json!({ "state": state })))
    }

    /// `GET /api/v2/analytics/conversations/details/jobs/{id}/results`.
    pub(crate) fn inquiry_result(&self, id: &str, request: &TenantRequest, now: i64) -> Result<HttpResponse, ApiError> {
        let inquiry = self.find_inquiry(id)?;
        if now - inquiry.asked < TAKES_MS {
            return Err(ApiError::not_found());
        }
        let number = |name: &str, usual: usize| match request.query(name) {
            None => Ok(usual),
            Some(text) => text.parse().map_err(|_| {
                ApiError::new(400, "invalid.query.param.value", format!("The parameter [{name}] is no number."))
            }),
        };
        let (from, size) = (number("cursor", 0)?, number("pageSize", MAX_PAGE)?.clamp(1, MAX_PAGE));
        let (noticed, settled) = (self.noticed(now), now.saturating_sub(self.data_lake_lag_ms()));
        let days = inquiry.interval.widened_to_days();
        let mut found: Vec<&Conversation> = self
            .world
            .conversations()
            .filter(|(at, c)| {
                let active = c.start < inquiry.interval.end().millis() && c.last >= inquiry.interval.start().millis();
                let matches = active && (!inquiry.starts_inside || c.start >= days.start().millis());
                matches && c.last <= settled && inquiry.filter.matches(c) && self.world.is_visible(*at, noticed)
            })
            .map(|(_, conversation)| conversation)
            .collect();
        // Anything but the order of time, so that nobody comes to rely on it.
        sort_by(&mut found, |a, b| a.id.cmp(&b.id));
        found.truncate(inquiry.limit);
        let more = found.len() > from.saturating_add(size);
        let page: Vec<Value> = found.into_iter().skip(from).take(size).map(conversation_json).collect();
        let mut answer = json!({ "conversations": page });
        if let (true, Some(fields)) = (more, answer.as_object_mut()) {
            fields.insert("cursor".to_owned(), json!((from + size).to_string()));
        }
        Ok(HttpResponse::json(200, &answer))
    }

    fn find_inquiry(&self, id: &str) -> Result<&Inquiry, ApiError> {
        self.state.inquiries.iter().find(|inquiry| inquiry.id == id).ok_or_else(ApiError::not_found)
    }
}

fn limit(body: &Map<String, Value>) -> Result<usize, ApiError> {
    match body.get("limit") {
        None => Ok(usize::MAX),
        Some(value) => value
            .as_u64()
            .and_then(|limit| usize::try_from(limit).ok())
            .ok_or_else(|| ApiError::invalid_value("limit", value)),
    }
}
