//! `dataDeletion`: one request per window, accepted, then polled until it is completed.

use serde_json::{Value, json};

use super::valid_id;
use crate::analytics::filter;
use crate::http::{HttpRequest, Method, encode_segment};
use crate::outcome::Cause;
use crate::policy::RangeEnd;
use crate::request::PurgeRequest;
use crate::window::Window;

/// Path of the deletion requests.
pub const REQUESTS: &str = "/api/v2/data/deletion/requests";

/// Asks for the deletion of one window.
///
/// `legalHoldValidation` is always true: the server's own hold check is never turned off, whatever was checked here.
#[must_use]
pub fn submit(request: &PurgeRequest, window: Window, end: RangeEnd) -> HttpRequest {
    HttpRequest::json(Method::Post, REQUESTS, &payload(request, window, end))
}

/// The body of [`submit`].
#[must_use]
pub fn payload(request: &PurgeRequest, window: Window, end: RangeEnd) -> Value {
    json!({
        "recordTypes": request.record_types,
        "filter": filter(window, end, request.query.as_deref()),
        "retentionPolicyOverride": request.retention_override.is_some(),
        "jurisdiction": request.jurisdiction,
        "legalHoldValidation": true,
    })
}

/// Asks for the status of a deletion request.
#[must_use]
pub fn status(id: &str) -> HttpRequest {
    HttpRequest::get(format!("{REQUESTS}/{}", encode_segment(id)))
}

/// The id in the answer to [`submit`]; `None` if there is none that can be asked for again.
#[must_use]
pub fn read_id(answer: &Value) -> Option<String> {
    valid_id(answer.get("id")?)
}

/// Where a deletion request stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Done. Absence is still to be verified.
    Completed,
    /// The server says that it failed.
    Failed(Cause),
    /// Under way, by a name that is known to mean that.
    InProgress(String),
    /// A status that this program does not know: neither success nor failure.
    Unknown(String),
}

/// Names of the states between accepted and final.
const IN_PROGRESS: [&str; 12] = [
    "accepted",
    "pending",
    "queued",
    "scheduled",
    "submitted",
    "validating",
    "started",
    "running",
    "processing",
    "in_progress",
    "in-progress",
    "inprogress",
];

/// Reads the answer to [`status`]; `None` if it is about another request or has no status.
#[must_use]
pub fn read_status(answer: &Value, id: &str) -> Option<Status> {
    // An answer about something else proves nothing about this request.
    if answer.get("id").is_some_and(|other| other.as_str() != Some(id)) {
        return None;
    }
    let status = answer.get("status")?.as_str()?;
    Some(match status {
        "completed" => Status::Completed,
        "failed" => {
            let message = answer.get("message").and_then(Value::as_str).unwrap_or("the server gives no reason");
            Status::Failed(Cause::new("deletion.failed", crate::reply::tidy(message, 300)))
        }
        known if IN_PROGRESS.contains(&known.to_ascii_lowercase().as_str()) => Status::InProgress(known.to_owned()),
        other => Status::Unknown(crate::reply::tidy(other, 60)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_never_guessed() {
        for (answer, expected) in [
            (json!({ "id": "a", "status": "completed" }), Some("completed")),
            (json!({ "status": "completed" }), Some("completed")),
            (json!({ "id": "a", "status": "failed", "message": "no" }), Some("failed")),
            (json!({ "id": "a", "status": "processing" }), Some("in progress")),
            (json!({ "id": "a", "status": "PENDING" }), Some("in progress")),
            (json!({ "id": "a", "status": "inProgress" }), Some("in progress")),
            // Case matters for the two words that end it.
            (json!({ "id": "a", "status": "COMPLETED" }), Some("unknown")),
            (json!({ "id": "a", "status": "cancelled" }), Some("unknown")),
            (json!({ "id": "a", "status": "" }), Some("unknown")),
            (json!({ "id": "b", "status": "completed" }), None),
            (json!({ "id": 7, "status": "completed" }), None),
            (json!({ "id": "a" }), None),
            (json!({ "id": "a", "status": true }), None),
            (json!([]), None),
        ] {
            let kind = read_status(&answer, "a").map(|s| match s {
                Status::Completed => "completed",
                Status::Failed(_) => "failed",
                Status::InProgress(_) => "in progress",
                Status::Unknown(_) => "unknown",
            });
            assert_eq!(kind, expected, "{answer}");
        }
    }
}
