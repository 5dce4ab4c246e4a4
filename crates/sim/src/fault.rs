//! Scripted misbehaviour: on which call, when, and what goes wrong.

use std::num::NonZeroU64;
use std::time::Duration;

use purge_core::http::HttpResponse;
use purge_core::json::{parse, text};
use purge_core::sorted::SortedMap;
use purge_core::time::{DAY_MS, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::ApiError;
use crate::http::{Delivery, TenantReply};
use crate::prng::Prng;
use crate::rate_limit;

/// The kind of a request, for counting and for aiming faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Call {
    /// Every call but webhooks.
    #[serde(rename = "any")]
    Any,
    /// A request for a token.
    #[serde(rename = "token")]
    Token,
    /// `POST /api/v2/data/deletion/requests`.
    #[serde(rename = "submit")]
    Submit,
    /// `GET /api/v2/data/deletion/requests/{id}`.
    #[serde(rename = "status")]
    Status,
    /// `POST /api/v2/analytics/conversations/details/query`.
    #[serde(rename = "count")]
    Count,
    /// `GET /api/v2/analytics/conversations/details?id=`.
    #[serde(rename = "details")]
    Details,
    /// `/api/v2/analytics/conversations/details/jobs`.
    #[serde(rename = "inquiry")]
    Inquiry,
    /// `POST /api/v2/recording/jobs`.
    #[serde(rename = "job.create")]
    JobCreate,
    /// `GET /api/v2/recording/jobs`.
    #[serde(rename = "job.list")]
    JobList,
    /// `GET /api/v2/recording/jobs/{id}`.
    #[serde(rename = "job.get")]
    JobGet,
    /// `PUT /api/v2/recording/jobs/{id}`.
    #[serde(rename = "job.execute")]
    JobExecute,
    /// `DELETE /api/v2/recording/jobs/{id}`.
    #[serde(rename = "job.cancel")]
    JobCancel,
    /// `GET /api/v2/recording/jobs/{id}/failedrecordings`.
    #[serde(rename = "job.failed")]
    JobFailed,
    /// Reading or changing the metadata of a conversation's recordings.
    #[serde(rename = "metadata")]
    Metadata,
    /// `/api/v2/recordings/deletionprotection`.
    #[serde(rename = "protection")]
    Protection,
    /// Reading the organisation.
    #[serde(rename = "organization")]
    Organization,
    /// A governance webhook.
    #[serde(rename = "webhook")]
    Webhook,
    /// An unknown path.
    #[serde(rename = "other")]
    Other,
}

/// One fault. Without `every`, `nth` and `perMille` it fires on every call.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Fault {
    /// The calls that it concerns. Each kind is counted by itself, from 1.
    pub on: Call,
    /// Fires on every n-th call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<NonZeroU64>,
    /// Fires on these calls.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nth: Vec<u64>,
    /// Fires on this many of a thousand calls, chosen by the seed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_mille: Option<u64>,
    /// The most times that it fires.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// What goes wrong.
    #[serde(rename = "do")]
    pub act: Act,
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Act {
    /// 429; nothing else happens.
    RateLimited {
        /// `Retry-After`, sane or not. `date+30` becomes the HTTP date 30 s from now. Absent: no such header.
        retry_after: Option<String>,
        /// Which of the two documented codes; `too.many.requests` when absent.
        code: Option<String>,
    },
    /// This status; nothing else happens.
    Error {
        /// The status code.
        status: u16,
        /// The body; an `ErrorBody` when absent.
        body: Option<String>,
        /// `Retry-After`, as in `rateLimited`.
        retry_after: Option<String>,
    },
    /// The request is lost: nothing happens and no answer comes.
    DropBefore,
    /// The request takes effect and its answer is lost.
    DropAfter,
    /// The answer takes this much longer.
    Slow {
        /// Milliseconds.
        ms: u64,
    },
    /// The request takes effect; the answer is not JSON.
    Garbage,
    /// The request takes effect; half of the answer's body arrives.
    Truncated,
    /// The request takes effect; the answer has no `id` (no `access_token`).
    MissingId,
    /// The job that the request creates, executes or looks at never ends.
    Stuck,
    /// The job that the request creates, executes or looks at fails in the end.
    FailJob,
    /// The deletion that the request creates leaves records behind and says `completed`.
    Leave {
        /// The most records that it leaves.
        records: u64,
    },
    /// The answer's `status` or `state` is this word.
    UnknownStatus {
        /// The unknown word.
        status: String,
    },
    /// All tokens are revoked, including this request's: 401.
    RevokeToken,
}

/// How often each kind of call was made and each fault fired.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) calls: SortedMap<Call, u64>,
    fired: SortedMap<usize, u64>,
}

impl Tally {
    /// Counts a call and returns what goes wrong with it: the act of the first fault that fires.
    pub(crate) fn count(&mut self, call: Call, faults: &[Fault], seed: u64) -> Option<Act> {
        let nth = self.increment(call);
        let nth_of_any = if call == Call::Webhook { 0 } else { self.increment(Call::Any) };
        for (index, fault) in faults.iter().enumerate() {
            let nth = if fault.on == Call::Any {
                nth_of_any
            } else if fault.on == call {
                nth
            } else {
                continue;
            };
            let fired = self.fired.get(&index).copied().unwrap_or(0);
            if nth > 0 && fault.limit.is_none_or(|limit| fired < limit) && fault.fires(nth, index, seed) {
                self.fired.insert(index, fired + 1);
                return Some(fault.act.clone());
            }
        }
        None
    }

    fn increment(&mut self, call: Call) -> u64 {
        let count = self.calls.change(call, |count| {
            *count += 1;
            *count
        });
        count.unwrap_or(0)
    }
}

impl Fault {
    fn fires(&self, nth: u64, index: usize, seed: u64) -> bool {
        let always = self.every.is_none() && self.nth.is_empty() && self.per_mille.is_none();
        let by_chance = |per_mille: u64| {
            let purpose = (u64::try_from(index).unwrap_or(0) << 40) | nth;
            Prng::new(seed, purpose).below(1000) < per_mille
        };
        always
            || self.every.is_some_and(|n| nth % n == 0)
            || self.nth.contains(&nth)
            || self.per_mille.is_some_and(by_chance)
    }
}

impl Act {
    /// The answer that comes instead of handling the request, if there is one.
    pub(crate) fn answer_instead(&self, context_id: &str, now: i64) -> Option<Delivery> {
        match self {
            Self::RateLimited { retry_after, code } => {
                let mut response = match code.as_deref() {
                    Some("too.many.requests.retry.after") => rate_limit::retry_after(1),
                    Some(_) | None => rate_limit::too_many(300, 60),
                }
                .response(context_id);
                if let Some(code) = code {
                    response.body = edit(&response.body, |fields| {
                        fields.insert("code".to_owned(), Value::from(code.as_str()));
                    });
                }
                Some(Delivery::Answer(with_retry_after(response, retry_after.as_deref(), now)))
            }
            Self::Error { status, body, retry_after } => {
                let mut response =
                    ApiError::new(*status, code_of(*status), "The service cannot answer.").response(context_id);
                if let Some(body) = body {
                    response.body.clone_from(body);
                }
                Some(Delivery::Answer(with_retry_after(response, retry_after.as_deref(), now)))
            }
            Self::DropBefore => Some(Delivery::Dropped),
            Self::DropAfter
            | Self::Slow { .. }
            | Self::Garbage
            | Self::Truncated
            | Self::MissingId
            | Self::Stuck
            | Self::FailJob
            | Self::Leave { .. }
            | Self::UnknownStatus { .. }
            | Self::RevokeToken => None,
        }
    }

    /// Spoils the answer to a request that was handled.
    pub(crate) fn spoil_answer(&self, reply: TenantReply) -> TenantReply {
        let TenantReply { mut after, delivery } = reply;
        let Delivery::Answer(mut response) = delivery else { return TenantReply { after, delivery } };
        let delivery = match self {
            Self::DropAfter => Delivery::Dropped,
            Self::Slow { ms } => {
                after += Duration::from_millis(*ms);
                Delivery::Answer(response)
            }
            Self::Garbage => {
                response.body = "<html><body>502</body></html>".to_owned();
                Delivery::Answer(response)
            }
            Self::Truncated => {
                let half = response.body.len() / 2;
                Delivery::Truncated(response, half)
            }
            Self::MissingId => {
                response.body = edit(&response.body, |fields| {
                    let mut kept = serde_json::Map::new();
                    for (name, value) in std::mem::take(fields) {
                        if name != "id" && name != "access_token" {
                            kept.insert(name, value);
                        }
                    }
                    *fields = kept;
                });
                Delivery::Answer(response)
            }
            Self::UnknownStatus { status } => {
                response.body = edit(&response.body, |fields| {
                    for name in ["status", "state"] {
                        if let Some(value) = fields.get_mut(name) {
                            *value = Value::from(status.as_str());
                        }
                    }
                });
                Delivery::Answer(response)
            }
            Self::RateLimited { .. }
            | Self::Error { .. }
            | Self::DropBefore
            | Self::Stuck
            | Self::FailJob
            | Self::Leave { .. }
            | Self::RevokeToken => Delivery::Answer(response),
        };
        TenantReply { after, delivery }
    }
}

fn code_of(status: u16) -> &'static str {
    match status {
        400 => "bad.request",
        401 => "bad.credentials",
        403 => "not.authorized",
        404 => "not.found",
        408 => "client.timeout",
        409 => "request.conflict",
        413 => "request.entity.too.large",
        429 => "too.many.requests",
        503 => "service.unavailable",
        504 => "request.timeout",
        _ => "internal.server.error",
    }
}

/// Sets `Retry-After` as the scenario says.
fn with_retry_after(mut response: HttpResponse, value: Option<&str>, now: i64) -> HttpResponse {
    if let Some(value) = value {
        let seconds = value.strip_prefix("date+").and_then(|seconds| seconds.parse::<i64>().ok());
        let text = seconds.map_or_else(|| value.to_owned(), |s| http_date(now.saturating_add(s.saturating_mul(1000))));
        response.headers.push(("retry-after".to_owned(), text));
    }
    response
}

/// Writes an instant as an RFC 9110 `IMF-fixdate`.
fn http_date(millis: i64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let at = Timestamp::from_millis(millis);
    let weekday = usize::try_from(at.millis() / DAY_MS % 7).ok().and_then(|day| DAYS.get(day));
    let written = at.to_string();
    let part = |from: usize, to: usize| written.get(from..to).unwrap_or_default();
    let month = part(5, 7).parse::<usize>().ok().and_then(|month| MONTHS.get(month.checked_sub(1)?));
    format!("{}, {} {} {} {} GMT", weekday.unwrap_or(&""), part(8, 10), month.unwrap_or(&""), part(0, 4), part(11, 19))
}

fn edit(body: &str, change: impl FnOnce(&mut serde_json::Map<String, Value>)) -> String {
    match parse(body, usize::MAX) {
        Ok(Value::Object(mut fields)) => {
            change(&mut fields);
            text(&Value::Object(fields))
        }
        Ok(_) | Err(_) => body.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_dates_are_as_rfc_9110_writes_them() {
        assert_eq!(http_date(784_111_777_000), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(http_date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
    }
}
