//! The HTTP port: one request out, its answer or the reason why there is none.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use purge_core::http::{HttpResponse, Method, NoResponse};

/// A request as it goes onto the wire: absolute address, credentials added.
#[derive(Clone, PartialEq, Eq)]
pub struct WireRequest {
    /// Method.
    pub method: Method,
    /// Absolute address, with query.
    pub url: String,
    /// Headers, names in lower case. `content-length` is for the implementation to add.
    pub headers: Vec<(String, String)>,
    /// The exact bytes to send; empty when there is no body.
    pub body: Vec<u8>,
    /// When the caller gives up, counted from the call. The caller enforces it; an implementation may use it to free what it holds.
    pub timeout: Duration,
}

impl fmt::Debug for WireRequest {
    /// Without headers and body: credentials must not reach a log by way of `{:?}`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WireRequest")
            .field("method", &self.method.as_str())
            .field("url", &self.url)
            .field("bodyBytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// Sends requests. Never retries by itself, never follows a redirect.
pub trait Http {
    /// Sends it once.
    ///
    /// # Errors
    /// [`NoResponse::NotSent`] only if it certainly did not leave; [`NoResponse::TimedOut`] and [`NoResponse::Dropped`] if it may
    /// have arrived. An answer that was cut off is [`NoResponse::Dropped`], never a shorter answer.
    fn send(&self, request: WireRequest) -> impl Future<Output = Result<HttpResponse, NoResponse>>;
}

impl<H: Http> Http for &H {
    async fn send(&self, request: WireRequest) -> Result<HttpResponse, NoResponse> {
        (*self).send(request).await
    }
}
