//! What an HTTP answer means, whatever was asked. Every status, header and error body is interpreted here and nowhere else.

use std::time::Duration;

use serde_json::Value;

use crate::http::HttpResponse;
use crate::json::{FromJson, is_unseen, parse};
use crate::outcome::Cause;
use crate::time::Timestamp;

/// The longest pause that is taken from a `Retry-After`; after it, the request is tried again. Genesys answers some daily caps with
/// hours, and the vendor's own clients give up beyond 180 s. A purge can wait, but it asks again now and then.
pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(900);

/// The shortest pause that is taken from a `Retry-After`: a `0` must not become a hot loop.
pub const MIN_RETRY_AFTER: Duration = Duration::from_millis(500);

/// The answer to a request that was let in, sorted by what can be done about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// 2xx with a JSON body.
    Json(Value),
    /// 2xx without a body.
    Empty,
    /// 404 or 410: there is no such thing.
    Missing(Cause),
    /// 409: something else is in the way.
    Conflict(Cause),
    /// Any other 4xx, and 501: asking again will not help.
    Refused(Cause),
    /// 5xx and 408: it may work later. Whether the request had an effect is unknown.
    Unwell {
        /// How long to wait, if the server said so.
        retry_after: Option<Duration>,
        /// The error.
        cause: Cause,
    },
    /// A success that cannot be read, a success whose body is an error, or a status that does not belong here. Whether the request
    /// had an effect is unknown.
    Unreadable(Cause),
}

/// The answer to a request that was turned away: it had no effect, whatever it asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TurnedAway {
    /// 429, with either of its codes: ask again later.
    RateLimited {
        /// How long to wait, if the server said so in a form that can be trusted.
        retry_after: Option<Duration>,
        /// The error.
        cause: Cause,
    },
    /// 401: the token is not valid, or no longer.
    Unauthorized(Cause),
}

/// Genesys's error body. Every field is optional, because gateways answer in Genesys's place.
#[derive(Default)]
struct ErrorBody {
    code: Option<String>,
    message: Option<String>,
    context_id: Option<String>,
}

impl ErrorBody {
    /// Reads the body; `None` if it is not an object, or a field has the wrong type.
    fn of(response: &HttpResponse) -> Option<Self> {
        let body = parse(&response.body, usize::MAX).ok()?;
        let fields = body.as_object()?;
        let text = |key: &str| fields.get(key).map_or(Ok(None), Option::from_json).ok();
        Some(Self { code: text("code")?, message: text("message")?, context_id: text("contextId")? })
    }
}

impl Reply {
    /// Sorts an answer. `now` is used only for a `Retry-After` date in an answer without a `Date`.
    ///
    /// # Errors
    /// When the request was turned away before anything happened.
    pub fn of(response: &HttpResponse, now: Timestamp) -> Result<Self, TurnedAway> {
        let cause = || cause_of(response);
        Ok(match response.status {
            200..=299 if response.body.trim().is_empty() => Self::Empty,
            200..=299 => match parse(&response.body, usize::MAX) {
                // Some gateways put the error inside and 200 outside.
                Ok(value) if value.get("status").and_then(Value::as_u64).is_some_and(|status| status >= 400) => {
                    Self::Unreadable(cause())
                }
                Ok(value) => Self::Json(value),
                Err(error) => Self::Unreadable(Cause {
                    code: "reply.unreadable".to_owned(),
                    message: format!("the answer ({}) cannot be read: {error}", response.status),
                    ..cause()
                }),
            },
            401 => return Err(TurnedAway::Unauthorized(cause())),
            404 | 410 => Self::Missing(cause()),
            408 => Self::Unwell { retry_after: retry_after(response, now), cause: cause() },
            409 => Self::Conflict(cause()),
            429 => {
                let retry_after = retry_after(response, now);
                return Err(TurnedAway::RateLimited { retry_after, cause: cause() });
            }
            400..=499 | 501 => Self::Refused(cause()),
            500..=599 => Self::Unwell { retry_after: retry_after(response, now), cause: cause() },
            _ => Self::Unreadable(Cause { code: "reply.unexpected-status".to_owned(), ..cause() }),
        })
    }
}

/// The code, message and ids of an error answer, cut to lengths that fit a record, without invisible characters.
fn cause_of(response: &HttpResponse) -> Cause {
    let body = ErrorBody::of(response).unwrap_or_default();
    let code = match body.code {
        Some(code) if !code.trim().is_empty() => tidy(&code, 100),
        _ => format!("http.{}", response.status),
    };
    let message = match body.message {
        Some(message) if !message.trim().is_empty() => tidy(&message, 300),
        _ => format!("the server answered {}", response.status),
    };
    Cause {
        code,
        message,
        context_id: body.context_id.map(|id| tidy(&id, 100)),
        correlation_id: response.header("inin-correlation-id").map(|id| tidy(id, 100)),
    }
}

/// The text on one line, with at most `max` characters, all of them visible.
#[must_use]
pub fn tidy(text: &str, max: usize) -> String {
    let one_line = text.split(|c: char| is_unseen(c) || c.is_whitespace()).filter(|w| !w.is_empty());
    let joined = one_line.collect::<Vec<_>>().join(" ");
    match joined.char_indices().nth(max) {
        Some((cut, _)) => format!("{}…", joined.get(..cut).unwrap_or_default()),
        None => joined,
    }
}

/// The pause that an answer asks for: by `Retry-After` in either form of RFC 9110, or by the message of Genesys's second 429 code.
#[must_use]
pub fn retry_after(response: &HttpResponse, now: Timestamp) -> Option<Duration> {
    let asked = match response.header("retry-after") {
        Some(header) => from_header(header, response.header("date"), now),
        None => None,
    };
    asked.or_else(|| from_message(response)).map(|d| d.clamp(MIN_RETRY_AFTER, MAX_RETRY_AFTER))
}

/// Reads a `Retry-After` (RFC 9110 section 10.2.3): `delay-seconds` is digits and nothing else; anything else is a date.
///
/// A date is measured against the server's own `Date`, so that a wrong clock here changes nothing.
fn from_header(header: &str, date: Option<&str>, now: Timestamp) -> Option<Duration> {
    if !header.is_empty() && header.bytes().all(|b| b.is_ascii_digit()) {
        // A number that is too large to fit is a very long wait, which is capped anyway.
        return Some(Duration::from_secs(header.parse().unwrap_or(u64::MAX)));
    }
    let until = http_date(header)?;
    let from = date.and_then(http_date).unwrap_or(now);
    Some(until.since(from))
}

/// Reads an RFC 9110 `IMF-fixdate`, such as `Sun, 06 Nov 1994 08:49:37 GMT`. The two obsolete forms are not read.
fn http_date(text: &str) -> Option<Timestamp> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let [_, day, month, year, time, "GMT"] = words.as_slice() else { return None };
    let month = MONTHS.iter().position(|name| name == month)? + 1;
    Timestamp::parse(&format!("{year}-{month:02}-{day:0>2}T{time}Z")).ok()
}

/// Reads the message of `too.many.requests.retry.after`: `Retry the request in [n] seconds`.
fn from_message(response: &HttpResponse) -> Option<Duration> {
    let message = ErrorBody::of(response)?.message?;
    let (_, rest) = message.split_once("Retry the request in [")?;
    let (digits, _) = rest.split_once(']')?;
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> HttpResponse {
        HttpResponse {
            status,
            headers: headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
            body: body.to_owned(),
        }
    }

    fn now() -> Timestamp {
        Timestamp::parse("2023-06-01T12:00:00Z").unwrap()
    }

    #[test]
    fn retry_after_is_read_strictly() {
        let cap = MAX_RETRY_AFTER.as_millis();
        for (header, date, millis) in [
            ("1", None, Some(1_000)),
            ("0", None, Some(500)),
            ("120", None, Some(120_000)),
            ("3600", None, Some(cap)),
            ("99999999999999999999999", None, Some(cap)),
            ("-5", None, None),
            ("1m3", None, None),
            (" 3", None, None),
            ("1.5", None, None),
            ("+5", None, None),
            ("", None, None),
            ("soon", None, None),
            ("Thu, 01 Jun 2023 12:00:07 GMT", None, Some(7_000)),
            ("Thu, 01 Jun 2023 11:00:00 GMT", None, Some(500)),
            // The server's clock is an hour behind ours: only the difference to its own `Date` counts.
            ("Thu, 01 Jun 2023 11:00:09 GMT", Some("Thu, 01 Jun 2023 11:00:00 GMT"), Some(9_000)),
        ] {
            let mut headers = vec![("retry-after", header)];
            headers.extend(date.map(|d| ("date", d)));
            let read = retry_after(&answer(429, &headers, ""), now()).map(|d| d.as_millis());
            assert_eq!(read, millis, "{header:?} {date:?}");
        }
    }

    #[test]
    fn the_second_429_code_says_it_in_its_message() {
        let body = r#"{"code":"too.many.requests.retry.after","message":"Rate limit exceeded. Retry the request in [17] seconds","status":429}"#;
        assert_eq!(retry_after(&answer(429, &[], body), now()), Some(Duration::from_secs(17)));
        let odd = r#"{"message":"Retry the request in [-1] seconds"}"#;
        assert_eq!(retry_after(&answer(429, &[], odd), now()), None);
    }

    #[test]
    fn every_status_has_one_meaning() {
        let kind = |reply: &Result<Reply, TurnedAway>| match reply {
            Ok(Reply::Json(_)) => "json",
            Ok(Reply::Empty) => "empty",
            Ok(Reply::Missing(_)) => "missing",
            Ok(Reply::Conflict(_)) => "conflict",
            Ok(Reply::Refused(_)) => "refused",
            Ok(Reply::Unwell { .. }) => "unwell",
            Ok(Reply::Unreadable(_)) => "unreadable",
            Err(TurnedAway::RateLimited { .. }) => "rateLimited",
            Err(TurnedAway::Unauthorized(_)) => "unauthorized",
        };
        for (status, body, expected) in [
            (200, "{}", "json"),
            (202, r#"{"id":"a"}"#, "json"),
            (200, "", "empty"),
            (204, "", "empty"),
            (200, "<html>", "unreadable"),
            (202, r#"{"id":"a""#, "unreadable"),
            (302, "", "unreadable"),
            (100, "", "unreadable"),
            (400, "", "refused"),
            (401, "", "unauthorized"),
            (403, "", "refused"),
            (404, "", "missing"),
            (408, "", "unwell"),
            (409, "", "conflict"),
            (413, "", "refused"),
            (429, "", "rateLimited"),
            (500, "", "unwell"),
            (501, "", "refused"),
            (503, "", "unwell"),
            (504, "", "unwell"),
            (999, "", "unreadable"),
        ] {
            assert_eq!(kind(&Reply::of(&answer(status, &[], body), now())), expected, "{status} {body}");
        }
    }

    #[test]
    fn the_cause_keeps_what_support_asks_for_and_no_more() {
        let long = "x".repeat(10_000);
        let body =
            format!(r#"{{"code":"bad.request","message":"line one\nline \u202etwo {long}","contextId":"ctx-1"}}"#);
        let Ok(Reply::Refused(cause)) = Reply::of(&answer(400, &[("inin-correlation-id", "corr-1")], &body), now())
        else {
            panic!("a 400 is a refusal");
        };
        assert_eq!(cause.code, "bad.request");
        assert_eq!(cause.context_id.as_deref(), Some("ctx-1"));
        assert_eq!(cause.correlation_id.as_deref(), Some("corr-1"));
        assert!(cause.message.starts_with("line one line two xxx"));
        assert_eq!(cause.message.chars().count(), 301);
    }
}
