//! Refusals as `application/problem+json` (RFC 9457), with the findings that the command line would print.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use purge_core::finding::{Finding, Severity};
use serde_json::json;

use crate::exit::Exit;
use crate::failure::Failure;

/// Why something was not done, with its HTTP status.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    findings: Vec<Finding>,
}

impl Problem {
    /// A problem with one finding.
    pub(crate) fn new(status: StatusCode, code: &str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { status, findings: vec![Finding::new(Severity::Error, code, "", message, help)] }
    }

    /// A failure with another status than its exit code implies.
    pub(crate) fn with(status: StatusCode, failure: Failure) -> Self {
        Self { status, findings: failure.findings }
    }

    /// There is no such run.
    pub(crate) fn no_run(run_id: &str) -> Self {
        let message = format!("there is no run `{run_id}`");
        Self::new(StatusCode::NOT_FOUND, "run.unknown", message, "the list of runs shows all runs in this ledger")
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        let status = match failure.exit {
            Exit::BadInput => StatusCode::BAD_REQUEST,
            Exit::Blocked | Exit::Doubtful => StatusCode::CONFLICT,
            Exit::NotApproved => StatusCode::FORBIDDEN,
            Exit::Temporary => StatusCode::SERVICE_UNAVAILABLE,
            Exit::Fine | Exit::Internal | Exit::Report(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::with(status, failure)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let title = self.status.canonical_reason().unwrap_or("refused");
        let detail = self.findings.first().map(|finding| finding.message.as_str()).unwrap_or_default();
        let body = json!({
            "type": "about:blank", "title": title, "status": self.status.as_u16(), "detail": detail,
            "findings": self.findings,
        });
        let json = HeaderValue::from_static("application/problem+json");
        (self.status, [(header::CONTENT_TYPE, json)], body.to_string()).into_response()
    }
}
