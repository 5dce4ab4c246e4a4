//! Analytics queries: counting what is left, looking up conversations, and strict readers of the answers.

use serde_json::{Map, Value, json};

use crate::api::valid_id;
use crate::http::{HttpRequest, Method, encode_segment};
use crate::json::{is_exact, whole};
use crate::policy::RangeEnd;
use crate::request::{PurgeRequest, RecordType};
use crate::time::Timestamp;
use crate::window::Window;

/// Path of the details query.
pub const DETAILS_QUERY: &str = "/api/v2/analytics/conversations/details/query";

/// The interval of a window in the `start/end` form that the API demands. Its end is the last millisecond inside the window: the
/// query counts every UTC day that its interval touches, and midnight would touch the next one.
#[must_use]
pub fn interval(window: Window) -> String {
    format!("{}/{}", window.start(), window.last_millisecond())
}

/// The end of a date range as the deletion API reads it. This is the only place where half-open windows meet closed ranges.
#[must_use]
pub fn range_end(window: Window, end: RangeEnd) -> Timestamp {
    match end {
        RangeEnd::Inclusive => window.last_millisecond(),
        RangeEnd::Exclusive => window.end(),
    }
}

/// The `filter` object of the deletion API, and of the query that verifies it.
#[must_use]
pub fn filter(window: Window, end: RangeEnd, query: Option<&str>) -> Value {
    let range = json!({ "start": window.start(), "end": range_end(window, end) });
    match query {
        Some(query) => json!({ "dateRange": range, "query": query }),
        None => json!({ "dateRange": range }),
    }
}

/// Counts the records of one type in a window. The fields are those that are described for this API, the interval has the form that
/// the real API demands.
#[must_use]
pub fn count(request: &PurgeRequest, window: Window, end: RangeEnd, entity: RecordType) -> HttpRequest {
    let body = json!({
        "entity": entity.as_str(),
        "interval": interval(window),
        "filter": filter(window, end, request.query.as_deref()),
        "aggregate": ["count"],
        "paging": { "pageSize": 1, "pageNumber": 1 },
    });
    HttpRequest::json(Method::Post, DETAILS_QUERY, &body)
}

/// Reads a count: the sum of `results[].count`, or `totalHits`. An answer that cannot be read is never zero: `None` if it has
/// neither, if it has both with different numbers, or if anything in it is not a whole number below 2^53.
#[must_use]
pub fn read_count(answer: &Value) -> Option<u64> {
    let results = match answer.get("results") {
        None => None,
        Some(results) => {
            let mut counts = results.as_array()?.iter().map(|r| r.get("count").and_then(whole));
            Some(counts.try_fold(0, |sum: u64, count| sum.checked_add(count?))?)
        }
    };
    let hits = match answer.get("totalHits") {
        None => None,
        Some(hits) => Some(whole(hits)?),
    };
    match (results, hits) {
        (Some(a), Some(b)) if a != b => None,
        (Some(n), _) | (None, Some(n)) => Some(n).filter(is_exact),
        (None, None) => None,
    }
}

/// Looks up conversations by id, at most [`IDS_PER_LOOKUP`](crate::bounds::IDS_PER_LOOKUP) of them.
#[must_use]
pub fn lookup<'a>(ids: impl Iterator<Item = &'a str>) -> HttpRequest {
    let ids = ids.map(encode_segment).collect::<Vec<_>>().join(",");
    HttpRequest::get(format!("/api/v2/analytics/conversations/details?id={ids}"))
}

/// Which conversations of a window are listed, and in which order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// By the time at which they started.
    ByStart,
    /// Those first that ended last.
    LatestEndFirst,
    /// Only those that have not ended.
    Ongoing,
}

/// Asks for a page of the conversations that started on the days that the window touches, `size` of them a page. With `only_messages`
/// these are the conversations that have a message, chat or email.
#[must_use]
pub fn list(window: Window, listing: Listing, only_messages: bool, size: u32, page: u32) -> HttpRequest {
    let (order, by) = match listing {
        Listing::LatestEndFirst => ("desc", "conversationEnd"),
        Listing::ByStart | Listing::Ongoing => ("asc", "conversationStart"),
    };
    let paging = json!({ "pageSize": size, "pageNumber": page });
    let further = [("order", json!(order)), ("orderBy", json!(by)), ("paging", paging)];
    query(DETAILS_QUERY, window, listing, only_messages, further)
}

fn query(
    path: &str,
    window: Window,
    listing: Listing,
    only_messages: bool,
    further: [(&str, Value); 3],
) -> HttpRequest {
    let mut fields = Map::new();
    let mut put = |name: &str, value| fields.insert(name.to_owned(), value);
    put("interval", json!(interval(window)));
    for (name, value) in further {
        put(name, value);
    }
    if only_messages {
        put("segmentFilters", only_messaging());
    }
    if listing == Listing::Ongoing {
        let predicate = json!({ "type": "dimension", "dimension": "conversationEnd", "operator": "notExists" });
        put("conversationFilters", json!([{ "type": "and", "predicates": [predicate] }]));
    }
    HttpRequest::json(Method::Post, path, &Value::Object(fields))
}

/// Path of the queries that are answered in the background.
pub const DETAILS_JOBS: &str = "/api/v2/analytics/conversations/details/jobs";

/// How far a query in the background has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inquiry {
    /// Its state has to be asked again.
    UnderWay,
    /// It has a result.
    Answered,
    /// It will have no result.
    Over,
}

/// Asks in the background for at most `limit` conversations of a window, in no order. This is slower than [`list`], and answered
/// from the long-term store, which may go further back.
#[must_use]
pub fn inquire(window: Window, only_messages: bool, limit: u32) -> HttpRequest {
    let further = [("startOfDayIntervalMatching", json!(true)), ("order", json!("unordered")), ("limit", json!(limit))];
    query(DETAILS_JOBS, window, Listing::ByStart, only_messages, further)
}

/// Reads the id of such a query.
#[must_use]
pub fn read_inquiry_id(answer: &Value) -> Option<String> {
    valid_id(answer.get("jobId")?)
}

/// Asks for the state of such a query.
#[must_use]
pub fn inquiry(id: &str) -> HttpRequest {
    HttpRequest::get(format!("{DETAILS_JOBS}/{}", encode_segment(id)))
}

/// Reads the state of such a query. A state that is not documented counts as one without a result.
#[must_use]
pub fn read_inquiry(answer: &Value) -> Inquiry {
    match answer.get("state").and_then(Value::as_str) {
        Some("QUEUED" | "PENDING") => Inquiry::UnderWay,
        Some("FULFILLED") => Inquiry::Answered,
        Some(_) | None => Inquiry::Over,
    }
}

/// Asks for the first page of its result, of that size; [`read_page`] reads it.
#[must_use]
pub fn inquiry_result(id: &str, size: u32) -> HttpRequest {
    HttpRequest::get(format!("{DETAILS_JOBS}/{}/results?pageSize={size}", encode_segment(id)))
}

/// The `segmentFilters` of a query for messages, chats and emails alone.
pub(crate) fn only_messaging() -> Value {
    let of = |media| json!({ "type": "dimension", "dimension": "mediaType", "operator": "matches", "value": media });
    let predicates = ["message", "chat", "email"].map(of);
    json!([{ "type": "or", "predicates": predicates }])
}

/// A conversation as analytics knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversation {
    /// Its id.
    pub id: String,
    /// When it started.
    pub start: Timestamp,
    /// When it ended; absent while it goes on.
    pub end: Option<Timestamp>,
    /// Whether analytics says of any of its sessions that its audio was recorded.
    pub recorded: bool,
}

impl Conversation {
    /// Whether any part of the conversation may lie inside the window.
    #[must_use]
    pub fn touches(&self, window: Window) -> bool {
        self.start < window.end() && self.end.is_none_or(|end| end >= window.start())
    }
}

/// One page of conversations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The conversations of the page.
    pub conversations: Vec<Conversation>,
    /// The number of conversations on all pages; absent if the answer does not say, as in a look-up by id.
    pub total: Option<u64>,
}

/// Reads a page of conversations. `None` if a conversation lacks its id or start, or has a date that is none.
///
/// The real API leaves `conversations` out if there are none; then `totalHits` must be 0.
#[must_use]
pub fn read_page(answer: &Value) -> Option<Page> {
    let total = match answer.get("totalHits") {
        None => None,
        Some(hits) => Some(whole(hits)?),
    };
    let conversations = match answer.get("conversations") {
        Some(list) => list.as_array()?.iter().map(read_conversation).collect::<Option<Vec<_>>>()?,
        None if total == Some(0) => Vec::new(),
        None => return None,
    };
    Some(Page { conversations, total })
}

fn read_conversation(value: &Value) -> Option<Conversation> {
    let at = |field: &str| match value.get(field) {
        None | Some(Value::Null) => Some(None),
        Some(text) => Timestamp::parse(text.as_str()?).ok().map(Some),
    };
    Some(Conversation {
        id: value.get("conversationId")?.as_str()?.to_owned(),
        start: at("conversationStart")??,
        end: at("conversationEnd")?,
        recorded: is_recorded(value),
    })
}

fn is_recorded(conversation: &Value) -> bool {
    let mut sessions =
        parts(conversation, "participants").iter().flat_map(|participant| parts(participant, "sessions"));
    sessions.any(|session| session.get("recording") == Some(&Value::Bool(true)))
}

fn parts<'a>(of: &'a Value, field: &str) -> &'a [Value] {
    of.get(field).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_read_strictly_in_both_shapes() {
        for (answer, count) in [
            (json!({ "results": [{ "count": 2 }, { "count": 3 }] }), Some(5)),
            (json!({ "results": [] }), Some(0)),
            (json!({ "totalHits": 7 }), Some(7)),
            (json!({ "totalHits": 0, "conversations": [] }), Some(0)),
            (json!({ "totalHits": 5, "results": [{ "count": 5 }] }), Some(5)),
            (json!({ "totalHits": 4, "results": [{ "count": 5 }] }), None),
            (json!({}), None),
            (json!({ "conversations": [] }), None),
            (json!({ "results": [{ "n": 2 }] }), None),
            (json!({ "results": [{ "count": "2" }] }), None),
            (json!({ "results": [{ "count": -1 }] }), None),
            (json!({ "results": [{ "count": 1.5 }] }), None),
            (json!({ "totalHits": (1_u64 << 53) - 1 }), Some((1 << 53) - 1)),
            (json!({ "totalHits": 1_u64 << 53 }), None),
            (json!({ "results": [{ "count": 1_u64 << 52 }, { "count": 1_u64 << 52 }] }), None),
            (json!({ "results": null }), None),
            (json!({ "totalHits": null }), None),
            (json!([]), None),
            (json!(0), None),
        ] {
            assert_eq!(read_count(&answer), count, "{answer}");
        }
    }

    #[test]
    fn a_page_without_ids_or_dates_is_not_a_page() {
        let good = json!({ "conversationId": "a", "conversationStart": "2023-01-01T00:00:00.000Z" });
        assert_eq!(
            read_page(&json!({ "conversations": [good], "totalHits": 1 })).map(|p| p.conversations.len()),
            Some(1)
        );
        assert_eq!(read_page(&json!({ "totalHits": 0 })).map(|p| p.conversations.len()), Some(0));
        for bad in [
            json!({ "totalHits": 3 }),
            json!({}),
            json!({ "conversations": [{ "conversationId": "a" }] }),
            json!({ "conversations": [{ "conversationStart": "2023-01-01T00:00:00.000Z" }] }),
            json!({ "conversations": [{ "conversationId": "a", "conversationStart": "yesterday" }] }),
        ] {
            assert_eq!(read_page(&bad), None, "{bad}");
        }
    }
}
