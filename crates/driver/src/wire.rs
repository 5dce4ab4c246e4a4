//! From a request as core builds it to the one that goes onto the wire.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use purge_core::http::{HttpRequest, HttpResponse, Method, NoResponse};

use crate::clock::Clock;
use crate::http::{Http, WireRequest};

/// How long an API call may take.
pub(crate) const API_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a login or a webhook delivery may take.
pub(crate) const SIDE_TIMEOUT: Duration = Duration::from_secs(10);

/// What every request says about its sender.
const USER_AGENT: &str = concat!("genesys-purge/", env!("CARGO_PKG_VERSION"));

/// The request with these exact bytes, to that address, with those credentials.
pub(crate) fn wire(request: &HttpRequest, url: String, authorization: String, timeout: Duration) -> WireRequest {
    let mut headers = vec![
        ("accept".to_owned(), "application/json".to_owned()),
        ("authorization".to_owned(), authorization),
        ("user-agent".to_owned(), USER_AGENT.to_owned()),
    ];
    if let Some(content_type) = &request.content_type {
        headers.push(("content-type".to_owned(), content_type.clone()));
    }
    let body = request.body.clone().unwrap_or_default().into_bytes();
    WireRequest { method: request.method, url, headers, body, timeout }
}

/// A webhook delivery: unlike an API request it has no credentials but its signature.
pub(crate) fn webhook(
    url: String,
    body: &str,
    signature: impl IntoIterator<Item = (&'static str, String)>,
) -> WireRequest {
    let mut headers = vec![
        ("content-type".to_owned(), "application/json".to_owned()),
        ("user-agent".to_owned(), USER_AGENT.to_owned()),
    ];
    headers.extend(signature.into_iter().map(|(name, value)| (name.to_owned(), value)));
    WireRequest { method: Method::Post, url, headers, body: body.as_bytes().to_vec(), timeout: SIDE_TIMEOUT }
}

/// Sends it, and gives up when its time is over. A POST or PUT without a body is refused: a delete job without its filter must
/// not leave, wherever the filter was lost.
pub(crate) async fn send<H: Http, C: Clock>(
    http: &H,
    clock: &C,
    request: WireRequest,
) -> Result<HttpResponse, NoResponse> {
    if request.body.is_empty() && matches!(request.method, Method::Post | Method::Put) {
        tracing::error!(url = %request.url, "internal error: a request without a body was not sent");
        return Err(NoResponse::NotSent);
    }
    let gives_up = clock.now().plus(request.timeout);
    or_timed_out(pin!(http.send(request)), pin!(clock.sleep_until(gives_up))).await
}

async fn or_timed_out<A, T>(answer: A, timer: T) -> Result<HttpResponse, NoResponse>
where
    A: Future<Output = Result<HttpResponse, NoResponse>> + Unpin,
    T: Future<Output = ()> + Unpin,
{
    match select(answer, timer).await {
        Either::Left((answer, _)) => answer,
        Either::Right(((), _)) => Err(NoResponse::TimedOut),
    }
}
