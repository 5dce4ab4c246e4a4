//! The HTTP port: sends one request and returns its answer, or the reason why there is none.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use purge_core::http::{HttpResponse, Method, NoResponse};
use purge_core::url::request_url;

/// A request as it goes onto the wire: absolute address, credentials included.
#[derive(Clone, PartialEq, Eq)]
pub struct WireRequest {
    /// Method.
    pub method: Method,
    /// Absolute address, with query.
    pub url: String,
    /// Headers, names in lower case. The implementation adds `content-length`.
    pub headers: Vec<(String, String)>,
    /// The exact bytes to send; empty if there is no body.
    pub body: Vec<u8>,
    /// How long after the call the caller gives up. The caller enforces it; an implementation may use it to free what it holds.
    pub timeout: Duration,
}

impl WireRequest {
    /// The address for logs, without the query. If the request carries no `authorization` header, its path is left out as well: the
    /// address may itself be the credential, as that of a webhook often is.
    #[must_use]
    pub fn shown(&self) -> String {
        let Ok(url) = request_url(&self.url) else { return "an address that cannot be read".to_owned() };
        let has_credentials = self.headers.iter().any(|(name, _)| name == "authorization");
        let path = url.path().split('?').next().filter(|_| has_credentials);
        format!("{}{}", url.origin(), path.unwrap_or_default())
    }
}

impl fmt::Debug for WireRequest {
    /// Omits headers and body: credentials must not reach a log by way of `{:?}`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WireRequest")
            .field("method", &self.method.as_str())
            .field("url", &self.shown())
            .field("bodyBytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// Sends requests. It never retries by itself and never follows a redirect.
pub trait Http {
    /// Sends the request once.
    ///
    /// # Errors
    /// [`NoResponse::NotSent`] only if the request certainly did not leave; [`NoResponse::TimedOut`] or [`NoResponse::Dropped`] if
    /// it may have arrived. An answer that was cut off is [`NoResponse::Dropped`], never a shorter answer.
    fn send(&self, request: WireRequest) -> impl Future<Output = Result<HttpResponse, NoResponse>>;
}

impl<H: Http> Http for &H {
    async fn send(&self, request: WireRequest) -> Result<HttpResponse, NoResponse> {
        (*self).send(request).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_may_be_a_secret_is_not_shown() {
        let request = |url: &str, header: &str| WireRequest {
            method: Method::Post,
            url: url.to_owned(),
            headers: vec![(header.to_owned(), "x".to_owned())],
            body: Vec::new(),
            timeout: Duration::from_secs(1),
        };
        for (url, header, shown) in [
            ("https://hooks.example.com:8443/T0/secret?key=secret", "webhook-id", "https://hooks.example.com:8443"),
            ("https://user:secret@hooks.example.com/", "webhook-id", "an address that cannot be read"),
            ("https://api.example.com/api/v2/x?page=2", "authorization", "https://api.example.com/api/v2/x"),
        ] {
            let request = request(url, header);
            assert_eq!(request.shown(), shown);
            assert!(format!("{request:?}").contains(shown) && !format!("{request:?}").contains("secret"));
        }
    }
}
