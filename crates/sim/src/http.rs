//! Requests as a server sees them, and answers as a network delivers them.

use std::time::Duration;

use purge_core::http::{HttpResponse, Method};
use purge_core::json::parse;
use serde_json::{Map, Value};

use crate::error::ApiError;

/// The platform's cap on a request body, `request.bytes.max`.
pub(crate) const MAX_BODY_BYTES: usize = 512_000;

/// One request that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantRequest {
    /// The method.
    pub method: Method,
    /// The path with the query, percent-encoded.
    pub path: String,
    /// The headers, with names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body; empty when there is none.
    pub body: String,
}

/// What happens to an answer on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// It arrives.
    Answer(HttpResponse),
    /// Nothing arrives: the connection is closed.
    Dropped,
    /// The head and this many bytes of the body arrive; then the connection is closed.
    Truncated(HttpResponse, usize),
}

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantReply {
    /// How long the server takes.
    pub after: Duration,
    /// What arrives.
    pub delivery: Delivery,
}

impl TenantReply {
    /// The answer, if it arrives whole.
    #[must_use]
    pub fn answer(&self) -> Option<&HttpResponse> {
        match &self.delivery {
            Delivery::Answer(response) => Some(response),
            Delivery::Dropped | Delivery::Truncated(..) => None,
        }
    }
}

impl TenantRequest {
    /// The first header with this lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The path before `?`, split at `/` and decoded.
    pub(crate) fn segments(&self) -> Vec<String> {
        let path = self.path.split('?').next().unwrap_or_default();
        path.strip_prefix('/').unwrap_or(path).split('/').map(decode).collect()
    }

    /// The decoded value of a query parameter.
    pub(crate) fn query(&self, name: &str) -> Option<String> {
        let (_, query) = self.path.split_once('?')?;
        query.split('&').find_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key) == name).then(|| decode(value))
        })
    }

    /// A query parameter that is a number from 1 to `max`.
    pub(crate) fn query_number(&self, name: &str, default: u64, max: u64) -> Result<u64, ApiError> {
        let Some(text) = self.query(name) else { return Ok(default) };
        match text.parse::<u64>() {
            Ok(number) if (1..=max).contains(&number) => Ok(number),
            Ok(_) | Err(_) => Err(ApiError::new(
                400,
                "invalid.query.param.value",
                format!("Value [{text}] is not valid for parameter [{name}]: it must be from 1 to {max}."),
            )),
        }
    }

    /// The body as a JSON object that may have only the known fields.
    pub(crate) fn object(&self, known: &[&str]) -> Result<Map<String, Value>, ApiError> {
        if self.body.is_empty() {
            return Err(ApiError::bad_request("The request body is empty."));
        }
        let content_type = self.header("content-type").unwrap_or_default();
        if content_type.split(';').next().map(str::trim) != Some("application/json") {
            return Err(ApiError::new(
                415,
                "unsupported.media.type",
                format!("The content type [{content_type}] is not supported."),
            ));
        }
        let value = parse(&self.body, usize::MAX).map_err(|why| {
            ApiError::bad_request(format!("The request could not be understood by the server: {why}"))
        })?;
        let Value::Object(fields) = value else {
            return Err(ApiError::bad_request("The request body must be a JSON object."));
        };
        only_known(&fields, known, "")?;
        Ok(fields)
    }
}

/// Refuses a field that the API does not define.
pub(crate) fn only_known(fields: &Map<String, Value>, known: &[&str], inside: &str) -> Result<(), ApiError> {
    match fields.keys().find(|key| !known.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => Err(ApiError::new(
            400,
            "invalid.property",
            format!("Unrecognized property [{inside}{key}]. Valid properties: {}.", known.join(", ")),
        )),
    }
}

/// Decodes percent-encoding. An invalid escape stays as it is.
fn decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let mut ahead = bytes.clone();
        let escaped = (byte == b'%').then(|| Some(16 * hex(ahead.next()?)? + hex(ahead.next()?)?)).flatten();
        if let Some(decoded) = escaped {
            bytes = ahead;
            out.push(decoded);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|d| u8::try_from(d).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_queries_are_decoded() {
        let request = TenantRequest {
            method: Method::Get,
            path: "/a/b%2Fc/%zz?x=1%202&y&z=%C3%A9".to_owned(),
            headers: Vec::new(),
            body: String::new(),
        };
        assert_eq!(request.segments(), ["a", "b/c", "%zz"]);
        assert_eq!(request.query("x").as_deref(), Some("1 2"));
        assert_eq!(request.query("y").as_deref(), Some(""));
        assert_eq!(request.query("z").as_deref(), Some("é"));
        assert_eq!(request.query("w"), None);
    }
}
