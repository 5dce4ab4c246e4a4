//! Analytics: lists and counts conversations, and counts records where `dataDeletion` is offered.

use purge_core::http::HttpResponse;
use purge_core::sorted::{SortedSet, sort_by};
use purge_core::time::DAY_MS;
use purge_core::window::Window;
use serde_json::{Map, Value, json};

use crate::error::ApiError;
use crate::filter::{Filter, interval};
use crate::http::{TenantRequest, only_known};
use crate::population::{Conversation, Media, instant};
use crate::prng::uuid_text;
use crate::scenario::CountShape;
use crate::tenant::Tenant;
use crate::world::{RecordKind, Scope};

/// The longest interval of a synchronous query, in days.
const MAX_INTERVAL_DAYS: i64 = 31;
/// The largest page.
const MAX_PAGE: u64 = 100;
/// The most results that paging reaches.
const MAX_HITS: u64 = 100_000;
/// The most ids in one look-up.
const MAX_IDS: usize = 50;

/// The fields of the documented query.
const QUERY_FIELDS: [&str; 10] = [
    "interval",
    "order",
    "orderBy",
    "paging",
    "conversationFilters",
    "segmentFilters",
    "evaluationFilters",
    "surveyFilters",
    "resolutionFilters",
    "aggregations",
];

impl Tenant {
    /// `POST /api/v2/analytics/conversations/details/query`.
    pub(crate) fn details_query(&self, request: &TenantRequest, now: i64) -> Result<HttpResponse, ApiError> {
        let counting = self.scenario.analytics.record_counts;
        let further: &[&str] = if counting { &["entity", "filter", "aggregate"] } else { &[] };
        let body = request.object(&[&QUERY_FIELDS, further].concat())?;
        let interval = interval(body.get("interval"))?;
        if interval.millis() > MAX_INTERVAL_DAYS * DAY_MS {
            return Err(ApiError::bad_request(format!("The interval [{interval}] is longer than 31 days.")));
        }
        if body.contains_key("filter") {
            self.count_records(&body, now)
        } else {
            self.list_conversations(&body, interval, now)
        }
    }

    /// The time up to which the index has noticed deletions.
    pub(crate) fn noticed_until(&self, now: i64) -> i64 {
        let lag = i64::try_from(self.scenario.analytics.index_lag_seconds).unwrap_or(i64::MAX).saturating_mul(1000);
        now.saturating_sub(lag)
    }

    /// The time before which analytics no longer knows the start of a conversation.
    fn earliest_known_start(&self, now: i64) -> i64 {
        self.scenario
            .analytics
            .horizon_days
            .map_or(i64::MIN, |days| now.saturating_sub(i64::try_from(days).unwrap_or(i64::MAX).saturating_mul(DAY_MS)))
    }

    fn count_records(&self, body: &Map<String, Value>, now: i64) -> Result<HttpResponse, ApiError> {
        let entity = body.get("entity").unwrap_or(&Value::Null);
        let kinds = entity.as_str().and_then(RecordKind::covered_by);
        let kinds: SortedSet<_> = kinds.ok_or_else(|| ApiError::invalid_value("entity", entity))?.into_iter().collect();
        if body.get("aggregate").is_some_and(|aggregate| *aggregate != json!(["count"])) {
            return Err(ApiError::invalid_value("aggregate", body.get("aggregate").unwrap_or(&Value::Null)));
        }
        let scope = self.scope(body.get("filter"), kinds)?;
        let noticed_until = self.noticed_until(now);
        let total = |scope: &Scope| self.world.count(scope, noticed_until);
        let answer = match self.scenario.analytics.shape {
            CountShape::TotalHits => json!({ "conversations": [], "totalHits": total(&scope) }),
            CountShape::Results => {
                // One bucket for each kind, so that a reader who takes only the first result gets a wrong count.
                let buckets =
                    scope.kinds.iter().map(|kind| Scope { kinds: SortedSet::from_iter([*kind]), ..scope.clone() });
                json!({ "results": buckets.map(|bucket| json!({ "count": total(&bucket) })).collect::<Vec<_>>() })
            }
        };
        Ok(HttpResponse::json(200, &answer))
    }

    /// Lists the conversations that started on a day that the interval touches.
    fn list_conversations(
        &self,
        body: &Map<String, Value>,
        interval: Window,
        now: i64,
    ) -> Result<HttpResponse, ApiError> {
        let filter = Filter::read(body)?;
        let (size, number) = paging(body.get("paging"))?;
        if self.scenario.analytics.largest_page.is_some_and(|largest| size > largest) {
            return Err(ApiError::new(413, "payload.too.large", "The response payload was too large."));
        }
        let days = interval.widened_to_days();
        if self.scenario.analytics.refuses_too_old && interval.start().millis() < self.earliest_known_start(now) {
            return Err(ApiError::bad_request("The interval is too old."));
        }
        let noticed_until = self.noticed_until(now);
        let started = self
            .world
            .population
            .started(days.start().millis().max(self.earliest_known_start(now)), days.end().millis());
        let mut found: Vec<&Conversation> = self
            .world
            .conversations()
            .skip(started.start)
            .take(started.len())
            .filter(|(at, c)| c.start <= now && filter.matches(c) && self.world.is_visible(*at, noticed_until))
            .map(|(_, conversation)| conversation)
            .collect();
        self.sort(&mut found, body)?;
        let total = found.len();
        let skip = usize::try_from(size * (number - 1)).unwrap_or(usize::MAX);
        let page: Vec<Value> =
            found.into_iter().skip(skip).take(usize::try_from(size).unwrap_or(0)).map(conversation_json).collect();
        let mut answer = json!({ "totalHits": total });
        // The real service leaves the list out when it is empty.
        if let (false, Some(fields)) = (page.is_empty(), answer.as_object_mut()) {
            fields.insert("conversations".to_owned(), Value::from(page));
        }
        Ok(HttpResponse::json(200, &answer))
    }

    /// Sorts a list as the query asks.
    pub(crate) fn sort(&self, found: &mut Vec<&Conversation>, body: &Map<String, Value>) -> Result<(), ApiError> {
        let text = |name: &str, default: &'static str| match body.get(name) {
            None => Ok(default),
            Some(value) => value.as_str().ok_or_else(|| ApiError::invalid_value(name, value)),
        };
        match text("orderBy", "conversationStart")? {
            "conversationStart" => {}
            "conversationEnd" if self.scenario.analytics.ignores_end_order => {}
            "conversationEnd" => sort_by(found, |a, b| (!a.ended, a.last).cmp(&(!b.ended, b.last))),
            _ => return Err(ApiError::invalid_value("orderBy", body.get("orderBy").unwrap_or(&Value::Null))),
        }
        match text("order", "asc")? {
            "asc" => {}
            // Any order but that of time, so that no client comes to rely on it.
            "unordered" => sort_by(found, |a, b| a.id.cmp(&b.id)),
            "desc" => found.reverse(),
            _ => return Err(ApiError::invalid_value("order", body.get("order").unwrap_or(&Value::Null))),
        }
        Ok(())
    }

    /// `GET /api/v2/analytics/conversations/details?id=…`.
    pub(crate) fn details_by_ids(&self, request: &TenantRequest, now: i64) -> Result<HttpResponse, ApiError> {
        let ids = request.query("id").unwrap_or_default();
        let ids: Vec<&str> = ids.split(',').map(str::trim).filter(|id| !id.is_empty()).collect();
        if ids.is_empty() || ids.len() > MAX_IDS {
            let message = format!("The parameter [id] must have from 1 to {MAX_IDS} ids.");
            return Err(ApiError::new(400, "invalid.query.param.value", message));
        }
        let (noticed_until, horizon) = (self.noticed_until(now), self.earliest_known_start(now));
        let found = ids.into_iter().filter_map(|id| {
            let at = self.world.population.find(id)?;
            let conversation = self.world.population.conversations.get(at)?;
            let known = conversation.start >= horizon && self.world.is_visible(at, noticed_until);
            known.then(|| conversation_json(conversation))
        });
        Ok(HttpResponse::json(200, &json!({ "conversations": found.collect::<Vec<_>>() })))
    }
}

fn paging(value: Option<&Value>) -> Result<(u64, u64), ApiError> {
    let Some(value) = value else { return Ok((25, 1)) };
    let Some(fields) = value.as_object() else { return Err(ApiError::invalid_value("paging", value)) };
    only_known(fields, &["pageSize", "pageNumber"], "paging.")?;
    let number = |name: &str, max: u64| {
        let value = fields.get(name).unwrap_or(&Value::Null);
        value
            .as_u64()
            .filter(|n| (1..=max).contains(n))
            .ok_or_else(|| ApiError::invalid_value(&format!("paging.{name}"), value))
    };
    let size = number("pageSize", MAX_PAGE)?;
    let page = number("pageNumber", u64::from(u32::MAX))?;
    if size * page > MAX_HITS {
        return Err(ApiError::bad_request(format!("Paging beyond {MAX_HITS} results is not possible.")));
    }
    Ok((size, page))
}

pub(crate) fn conversation_json(conversation: &Conversation) -> Value {
    let id = uuid_text(conversation.id);
    // This stays true when the recordings are gone.
    let recorded = conversation.media == Media::Voice && conversation.recordings > 0;
    let mut json = json!({
        "conversationId": id,
        "conversationStart": instant(conversation.start),
        "originatingDirection": "inbound",
        "participants": [{ "participantId": id, "purpose": "customer", "sessions": [{ "mediaType": conversation.media, "recording": recorded }] }],
    });
    if let (true, Some(fields)) = (conversation.ended, json.as_object_mut()) {
        fields.insert("conversationEnd".to_owned(), json!(instant(conversation.last)));
    }
    json
}
