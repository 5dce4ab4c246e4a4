//! Refusals in the platform's own form, `ErrorBody`.

use purge_core::http::HttpResponse;
use purge_core::json::text;
use serde_json::{Map, Value, json};

/// A refusal, before it has a context id. Boxed, because nearly every `Result` has it as its error.
#[derive(Clone, Debug)]
pub(crate) struct ApiError(Box<Refusal>);

#[derive(Clone, Debug)]
struct Refusal {
    status: u16,
    code: &'static str,
    message: String,
    /// The `messageParams` of the body.
    params: Map<String, Value>,
    /// The `limit` of the body: the limit that was hit.
    limit: Option<Value>,
    headers: Vec<(String, String)>,
}

impl ApiError {
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self(Box::new(Refusal { status, code, message, params: Map::new(), limit: None, headers: Vec::new() }))
    }

    /// 400 `bad.request`.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "bad.request", message)
    }

    /// 400 `invalid.value` of a field.
    pub(crate) fn invalid_value(field: &str, value: &Value) -> Self {
        Self::new(400, "invalid.value", format!("Value [{}] is not valid for field type [{field}].", plain_text(value)))
            .param("field", field)
    }

    /// 404 `not.found`.
    pub(crate) fn not_found() -> Self {
        Self::new(404, "not.found", "The requested resource was not found.")
    }

    pub(crate) fn param(mut self, name: &str, value: &str) -> Self {
        self.0.params.insert(name.to_owned(), json!(value));
        self
    }

    pub(crate) fn limit(mut self, namespace: &str, key: &str, value: u64) -> Self {
        self.0.limit = Some(json!({ "namespace": namespace, "key": key, "value": value }));
        self
    }

    pub(crate) fn header(mut self, name: &str, value: String) -> Self {
        self.0.headers.push((name.to_owned(), value));
        self
    }

    pub(crate) fn response(self, context_id: &str) -> HttpResponse {
        let refusal = *self.0;
        let mut body = json!({
            "message": refusal.message,
            "code": refusal.code,
            "status": refusal.status,
            "contextId": context_id,
            "messageParams": refusal.params,
            "details": [],
            "errors": [],
        });
        if let (Some(limit), Some(fields)) = (refusal.limit, body.as_object_mut()) {
            fields.insert("limit".to_owned(), limit);
        }
        let mut response = HttpResponse::json(refusal.status, &body);
        response.headers.extend(refusal.headers);
        response
    }
}

fn plain_text(value: &Value) -> String {
    value.as_str().map_or_else(|| text(value), str::to_owned)
}
