//! HTTP requests and responses as plain values. This is not a client: the driver carries the requests out.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::json::{FromJson, text, word};

/// Which host a request is for. The driver knows the addresses and adds the credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Target {
    /// The Genesys Cloud API host, `https://api.{region domain}`.
    Api,
    /// The login host, `https://login.{region domain}`.
    Login,
    /// The governance webhook.
    Webhook,
}

/// HTTP method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Read.
    Get,
    /// Create, or a query with a body.
    Post,
    /// Replace, or move on to another state.
    Put,
    /// Remove.
    Delete,
}

impl Method {
    /// `GET`, `POST`, `PUT` or `DELETE`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

/// Which credentials the driver adds. The credentials themselves never enter core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Auth {
    /// None.
    None,
    /// `Authorization: Basic` with the client id and secret.
    Basic,
    /// `Authorization: Bearer` with the cached token.
    Bearer,
    /// `Authorization: Bearer` with a token fetched after the cached one was refused.
    BearerRenewed,
}

/// A whole request. Every attempt to send it is built from these same bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpRequest {
    /// Which host it is for.
    pub target: Target,
    /// Method.
    pub method: Method,
    /// Path with query, percent-encoded, starting with `/`.
    pub path: String,
    /// Credentials to add.
    pub auth: Auth,
    /// `Content-Type` of the body, absent when there is no body.
    pub content_type: Option<String>,
    /// The body, absent when there is none. The driver adds its `Content-Length`.
    pub body: Option<String>,
}

impl HttpRequest {
    /// A GET of an API path, with the bearer token.
    #[must_use]
    pub fn get(path: String) -> Self {
        Self { target: Target::Api, method: Method::Get, path, auth: Auth::Bearer, content_type: None, body: None }
    }

    /// An API request with a JSON body and the bearer token.
    #[must_use]
    pub fn json(method: Method, path: impl Into<String>, body: &Value) -> Self {
        Self {
            target: Target::Api,
            method,
            path: path.into(),
            auth: Auth::Bearer,
            content_type: Some("application/json".to_owned()),
            body: Some(text(body)),
        }
    }
}

/// A whole answer, as it came. Header names are in lower case.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpResponse {
    /// Status code.
    pub status: u16,
    /// Headers in the order received, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body. What is not UTF-8 has been replaced by the replacement character.
    pub body: String,
}

impl HttpResponse {
    /// An answer with a JSON body.
    #[must_use]
    pub fn json(status: u16, body: &Value) -> Self {
        Self { status, headers: vec![("content-type".to_owned(), "application/json".to_owned())], body: text(body) }
    }

    /// The value of the first header of that name, which is given in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

impl fmt::Debug for HttpResponse {
    /// Shows neither headers nor body: `{:?}` must not bring the answer to a token request into a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpResponse")
            .field("status", &self.status)
            .field("bodyBytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// Why a request has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum NoResponse {
    /// It certainly did not leave: name not found, connection refused, TLS refused. It is safe to send it again.
    NotSent,
    /// It may have arrived: the connection broke, or the answer was cut off.
    Dropped,
    /// It may have arrived: there was no answer within the time-out.
    TimedOut,
    /// It may have arrived: the process that sent it is gone.
    Interrupted,
}

impl NoResponse {
    /// A short phrase for records and messages.
    #[must_use]
    pub fn phrase(self) -> &'static str {
        match self {
            Self::NotSent => "could not connect",
            Self::Dropped => "the connection was lost before the answer",
            Self::TimedOut => "no answer in time",
            Self::Interrupted => "the process that sent it was interrupted",
        }
    }
}

impl FromJson for NoResponse {
    fn from_json(value: &Value) -> Result<Self, String> {
        let words = [
            ("notSent", Self::NotSent),
            ("dropped", Self::Dropped),
            ("timedOut", Self::TimedOut),
            ("interrupted", Self::Interrupted),
        ];
        word(value, &words)
    }
}

/// Percent-encodes one path segment or query value (RFC 3986: everything but unreserved characters).
#[must_use]
pub fn encode_segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            for nibble in [byte >> 4, byte & 15] {
                out.extend(char::from_digit(u32::from(nibble), 16).map(|c| c.to_ascii_uppercase()));
            }
        }
    }
    out
}
