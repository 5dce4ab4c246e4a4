//! The HTTP port over the network: rustls with ring, HTTP/1.1, no redirects, nothing sent twice.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Request};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use purge_core::http::{HttpResponse, NoResponse};
use purge_core::url::request_url;
use rustls::{ClientConfig, RootCertStore};

use crate::http::{Http, WireRequest};
use crate::in_time::InTime;
use crate::route::{Proxy, Route};

/// How long name lookup, TCP and TLS may take together. After that it is certain that nothing has left.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The same where it may lead through a proxy's tunnel. Shorter than a request may take, so that this limit is the one that ends it.
const CONNECT_TIMEOUT_BY_PROXY: Duration = Duration::from_secs(25);

/// How long an unused connection is kept. Shorter than servers keep theirs, so that few requests meet a closed connection.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);

/// The longest answer in bytes that is read, unless the caller expects longer ones. A longer answer counts as cut off.
const LONGEST_ANSWER: usize = 10 * 1024 * 1024;

/// An HTTP client for the network. Needs a tokio runtime.
#[derive(Clone, Debug)]
pub struct HttpsClient {
    client: Client<InTime<HttpsConnector<Route>>, Full<Bytes>>,
    longest_answer: usize,
}

/// Why a client could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the TLS library does not work: {0}")]
pub struct TlsError(#[from] rustls::Error);

impl HttpsClient {
    /// A client that trusts the authorities of this machine, or the Mozilla list if the machine names none.
    ///
    /// # Errors
    /// If the TLS library refuses its own defaults.
    pub fn new() -> Result<Self, TlsError> {
        Self::through(None)
    }

    /// The same client, through a proxy if there is one.
    ///
    /// # Errors
    /// If the TLS library refuses its own defaults.
    pub fn through(proxy: Option<Proxy>) -> Result<Self, TlsError> {
        let mut authorities = RootCertStore::empty();
        authorities.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if authorities.is_empty() {
            authorities = mozilla();
        }
        Self::trusting(authorities, proxy)
    }

    /// A client that trusts the Mozilla list, whatever this machine trusts. The list is part of the program, which saves the
    /// milliseconds that reading files takes.
    ///
    /// # Errors
    /// If the TLS library refuses its own defaults.
    pub fn trusting_mozilla() -> Result<Self, TlsError> {
        Self::trusting(mozilla(), None)
    }

    fn trusting(authorities: RootCertStore, proxy: Option<Proxy>) -> Result<Self, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(authorities)
            .with_no_client_auth();
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let limit = if proxy.is_some() { CONNECT_TIMEOUT_BY_PROXY } else { CONNECT_TIMEOUT };
        let inner = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(Route { tcp, proxy });
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .retry_canceled_requests(false)
            .build(InTime { inner, limit });
        Ok(Self { client, longest_answer: LONGEST_ANSWER })
    }

    /// The same client, sharing its connections, for answers of up to `bytes` bytes.
    #[must_use]
    pub fn with_longest_answer(self, bytes: usize) -> Self {
        Self { longest_answer: bytes, ..self }
    }
}

fn mozilla() -> RootCertStore {
    webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect()
}

impl Http for HttpsClient {
    async fn send(&self, request: WireRequest) -> Result<HttpResponse, NoResponse> {
        // Refuses plain text to another machine, whatever built the request.
        if let Err(why) = request_url(&request.url) {
            tracing::error!("internal error: a request was not sent, because of its address: {why}");
            return Err(NoResponse::NotSent);
        }
        let url = request.shown();
        let request = build(request).map_err(|error| {
            tracing::error!(%error, "internal error: a request that cannot be written was not sent");
            NoResponse::NotSent
        })?;
        let response = self.client.request(request).await.map_err(|error| {
            let never_left = error.is_connect() || is_canceled(&error);
            let what = if never_left { "not sent" } else { "no answer" };
            tracing::warn!(url, "{what}: {}", chain(&error));
            if never_left { NoResponse::NotSent } else { NoResponse::Dropped }
        })?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, self.longest_answer).collect().await.map_err(|error| {
            tracing::warn!(url, status = head.status.as_u16(), "the answer broke off: {error}");
            NoResponse::Dropped
        })?;
        let header = |(name, value): (&HeaderName, &HeaderValue)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        Ok(HttpResponse {
            status: head.status.as_u16(),
            headers: head.headers.iter().map(header).collect(),
            body: String::from_utf8_lossy(&body.to_bytes()).into_owned(),
        })
    }
}

fn build(request: WireRequest) -> Result<Request<Full<Bytes>>, http::Error> {
    let mut builder = Request::builder().method(request.method.as_str()).uri(request.url);
    for (name, value) in request.headers {
        let mut value = HeaderValue::try_from(value)?;
        value.set_sensitive(name == "authorization");
        builder = builder.header(name, value);
    }
    builder.body(Full::new(Bytes::from(request.body)))
}

/// Whether the connection was closed before the request was handed to it.
fn is_canceled(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(|cause| cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_canceled))
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error: &&'a (dyn Error + 'static)| error.source())
}

/// An error with all its causes, in one line.
fn chain(error: &(dyn Error + 'static)) -> String {
    causes(error).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
