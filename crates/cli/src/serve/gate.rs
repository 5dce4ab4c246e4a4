//! What every request must satisfy, and the headers of every answer.
//!
//! A browser on this machine also shows pages of strangers. What such a page could try, and what stops it:
//!
//! * A name that leads here (DNS rebinding): only the printed address is answered.
//! * A form or a script of another origin: `Origin` and `Sec-Fetch-Site`, no CORS, JSON only, and the token, which is in no cookie.
//! * A frame, an image, a script tag: the same, and the headers against embedding.
//! * A guess: 256 bits, compared in constant time.
//! * A page left open since an earlier start: its token is a different one.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Server;
use super::problem::Problem;

/// What the page may do: the same as its `meta` element says, and what only a header can say.
pub(crate) const PAGE_POLICY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types lit-html";

/// What an answer that is no page may do if a browser displays it.
const ANSWER_POLICY: &str = "default-src 'none'; frame-ancestors 'none'; sandbox";

/// How long an answer may take to begin. Streams begin at once and go on.
const PATIENCE: Duration = Duration::from_secs(60);

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// Checks host, origin and method of every request, and adds the security headers to every answer.
pub(crate) async fn rules(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    let posts = *request.method() == Method::POST;
    let answered = match refusal(&server.authority, &request) {
        Some(problem) => problem.into_response(),
        None => match tokio::time::timeout(PATIENCE, next.run(request)).await {
            Ok(answer) => answer,
            Err(_) => too_slow(posts).into_response(),
        },
    };
    with_security_headers(answered)
}

/// The answer has not begun in time. What is asked with POST goes on without it.
fn too_slow(posts: bool) -> Problem {
    let message = format!("it took longer than {} s", PATIENCE.as_secs());
    let help = if posts {
        "what was asked for is still being done; see how the run stands before you ask again"
    } else {
        "ask again"
    };
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "server.slow", message, help)
}

/// Requires the token for everything but the page.
pub(crate) async fn require_token(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    let given = request.headers().get(header::AUTHORIZATION);
    if given.is_some_and(|given| server.token.is_in(given.as_bytes())) {
        return next.run(request).await;
    }
    let message = "the server's token is missing or is not the current one";
    let help = "open the address that `genesys-purge serve` printed";
    let mut answer = Problem::new(StatusCode::UNAUTHORIZED, "server.token", message, help).into_response();
    answer.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    answer
}

fn refusal(authority: &str, request: &Request) -> Option<Problem> {
    let headers = request.headers();
    let uri = request.uri();
    if uri.authority().is_some() || uri.scheme().is_some() || !uri.path().starts_with('/') {
        let message = "the request is for another server";
        return Some(Problem::new(StatusCode::MISDIRECTED_REQUEST, "server.target", message, ""));
    }
    if single_value(headers, &header::HOST) != Some(authority.as_bytes()) {
        let message = "the request is for another host";
        let help = format!("open `http://{authority}/`; the server answers to no other name");
        return Some(Problem::new(StatusCode::MISDIRECTED_REQUEST, "server.host", message, help));
    }
    let posts = *request.method() == Method::POST;
    if !posts && *request.method() != Method::GET && *request.method() != Method::HEAD {
        let message = format!("`{}` is not supported", request.method());
        return Some(Problem::new(StatusCode::METHOD_NOT_ALLOWED, "server.method", message, ""));
    }
    let foreign = || {
        let message = "the request comes from another page";
        Some(Problem::new(StatusCode::FORBIDDEN, "server.origin", message, "only the console itself may send requests"))
    };
    let own = format!("http://{authority}");
    match (headers.contains_key(header::ORIGIN), single_value(headers, &header::ORIGIN)) {
        (false, _) if !posts => {}
        (true, Some(origin)) if origin == own.as_bytes() => {}
        // A browser always sends the origin of a POST. It sends `null` for a page whose origin is hidden.
        (_, _) => return foreign(),
    }
    if !is_own_page_or_navigation(headers) {
        return foreign();
    }
    None
}

/// What a browser says about the page that asks. Anybody may follow a link to the page, because that carries no token.
fn is_own_page_or_navigation(headers: &HeaderMap) -> bool {
    if !headers.contains_key(&SEC_FETCH_SITE) {
        return true;
    }
    let navigates = single_value(headers, &SEC_FETCH_MODE) == Some(b"navigate".as_slice());
    match single_value(headers, &SEC_FETCH_SITE) {
        Some(b"same-origin") => true,
        Some(b"none" | b"same-site" | b"cross-site") => navigates,
        Some(_) | None => false,
    }
}

/// The value of a header that occurs exactly once.
fn single_value<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a [u8]> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => Some(value.as_bytes()),
        (_, _) => None,
    }
}

/// Adds the headers that forbid guessing the content type, framing and embedding the answer, and passing on its address.
fn with_security_headers(mut answer: Response) -> Response {
    let headers = answer.headers_mut();
    let is_page = headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    let policy = if is_page { PAGE_POLICY } else { ANSWER_POLICY };
    let said = [
        ("content-security-policy", policy),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ];
    for (name, value) in said {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    answer
}

/// Whether the headers say that the body is JSON.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let Some(kind) = single_value(headers, &header::CONTENT_TYPE).and_then(|kind| std::str::from_utf8(kind).ok())
    else {
        return false;
    };
    kind.split(';').next().is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}
