//! Turns requests as core builds them into those that go onto the wire, and sends them.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use purge_core::http::{HttpRequest, HttpResponse, Method, NoResponse};

use crate::clock::Clock;
use crate::echo::without_credentials;
use crate::http::{Http, WireRequest};

/// How long a webhook delivery may take.
const WEBHOOK_TIMEOUT: Duration = Duration::from_secs(10);

/// The `user-agent` of every request.
const USER_AGENT: &str = concat!("genesys-purge/", env!("CARGO_PKG_VERSION"));

/// An API request: the exact bytes that core built, with this address and these credentials.
pub(crate) fn api_request(request: &HttpRequest, url: String, authorization: String, timeout: Duration) -> WireRequest {
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

/// A webhook delivery. Unlike an API request it carries no credentials but its signature.
pub(crate) fn webhook_request(
    url: String,
    body: &str,
    signature: impl IntoIterator<Item = (&'static str, String)>,
) -> WireRequest {
    let mut headers = vec![
        ("content-type".to_owned(), "application/json".to_owned()),
        ("user-agent".to_owned(), USER_AGENT.to_owned()),
    ];
    headers.extend(signature.into_iter().map(|(name, value)| (name.to_owned(), value)));
    WireRequest { method: Method::Post, url, headers, body: body.as_bytes().to_vec(), timeout: WEBHOOK_TIMEOUT }
}

/// Sends the request and gives up after its timeout. Removes from the answer whatever it repeats of the credentials. Refuses a POST
/// or PUT without a body: a deletion job that has lost its filter must not leave.
pub(crate) async fn send<H: Http, C: Clock>(
    http: &H,
    clock: &C,
    request: WireRequest,
) -> Result<HttpResponse, NoResponse> {
    if request.body.is_empty() && matches!(request.method, Method::Post | Method::Put) {
        tracing::error!(url = %request.shown(), "internal error: a request without a body was not sent");
        return Err(NoResponse::NotSent);
    }
    let authorization =
        request.headers.iter().find(|(name, _)| name == "authorization").map(|(_, value)| value.clone());
    let late = clock.sleep(request.timeout);
    let answer = or_timed_out(pin!(http.send(request)), pin!(late)).await?;
    Ok(without_credentials(answer, &authorization.unwrap_or_default()))
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

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use futures_util::future::join;
    use purge_core::bounds::{API_TIMEOUT, LOGIN_TIMEOUT};
    use purge_core::oauth::token_request;
    use purge_core::request::DeletionApi;
    use purge_core::time::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::virtual_time::{VirtualClock, run};

    /// Keeps what it was given to send, and never answers.
    #[derive(Default)]
    struct Silent(RefCell<Vec<WireRequest>>);

    impl Http for Silent {
        async fn send(&self, request: WireRequest) -> Result<HttpResponse, NoResponse> {
            self.0.borrow_mut().push(request);
            std::future::pending().await
        }
    }

    fn sent(request: &HttpRequest) -> (Result<HttpResponse, NoResponse>, Vec<WireRequest>, Timestamp) {
        let (http, clock) = (Silent::default(), VirtualClock::new(Timestamp::EPOCH));
        let request =
            api_request(request, "https://api.example.com/x".to_owned(), "Bearer s3cret".to_owned(), API_TIMEOUT);
        let answer = run(&clock, send(&http, &clock, request)).unwrap();
        (answer, http.0.into_inner(), clock.now())
    }

    #[test]
    fn a_change_without_a_body_never_leaves() {
        for method in [Method::Post, Method::Put] {
            for body in [None, Some(String::new())] {
                let request = HttpRequest { body, ..HttpRequest::json(method, "/x", &json!({})) };
                let (answer, sent, _) = sent(&request);
                assert_eq!((answer, sent), (Err(NoResponse::NotSent), Vec::new()));
            }
        }
    }

    #[test]
    fn what_leaves_has_the_bytes_of_the_request_and_a_time_limit() {
        let request = HttpRequest::json(Method::Post, "/x", &json!({"name": "Zo\u{eb}"}));
        let (answer, sent, given_up_at) = sent(&request);
        assert_eq!(answer, Err(NoResponse::TimedOut));
        assert_eq!(given_up_at.since(Timestamp::EPOCH), API_TIMEOUT);
        assert_eq!(sent.len(), 1);
        assert_eq!(sent[0].body, request.body.unwrap().into_bytes());
        assert!(sent[0].headers.contains(&("content-type".to_owned(), "application/json".to_owned())));
    }

    #[test]
    fn a_clock_that_is_set_back_makes_no_request_wait_longer() {
        let (http, clock) = (Silent::default(), VirtualClock::new(Timestamp::EPOCH.plus(Duration::from_secs(1_000))));
        let request = HttpRequest::json(Method::Post, "/x", &json!({}));
        let request = api_request(&request, "https://api.example.com/x".to_owned(), String::new(), API_TIMEOUT);
        let begun = clock.steady();
        let setting = async {
            clock.sleep(Duration::from_secs(5)).await;
            clock.set_back(Duration::from_secs(600));
        };
        let (answer, ()) = run(&clock, join(send(&http, &clock, request), setting)).unwrap();
        assert_eq!((answer, clock.steady().saturating_sub(begun)), (Err(NoResponse::TimedOut), API_TIMEOUT));
    }

    /// Answers with the `authorization` that it was sent, in a header and in the body.
    struct Echo;

    impl Http for Echo {
        async fn send(&self, request: WireRequest) -> Result<HttpResponse, NoResponse> {
            let (_, sent) = request.headers.into_iter().find(|(name, _)| name == "authorization").unwrap();
            let mut answer = HttpResponse::json(400, &json!({ "code": "bad.request", "message": sent }));
            answer.headers.push(("inin-correlation-id".to_owned(), sent));
            Ok(answer)
        }
    }

    #[test]
    fn no_secret_comes_back() {
        let clock = VirtualClock::new(Timestamp::EPOCH);
        let basic = crate::Credentials::new("id", "s3cret-of-the-client").basic();
        for authorization in ["Bearer tok3n-of-the-run".to_owned(), basic] {
            let request = HttpRequest::json(Method::Post, "/x", &json!({}));
            let request =
                api_request(&request, "https://api.example.com/x".to_owned(), authorization.clone(), API_TIMEOUT);
            let answer = run(&clock, send(&Echo, &clock, request)).unwrap().unwrap();
            let (_, secret) = authorization.split_once(' ').unwrap();
            assert!(!answer.body.contains(secret) && answer.body.contains('…'), "{}", answer.body);
            assert!(!answer.header("inin-correlation-id").unwrap().contains(secret));
        }
    }

    #[test]
    fn no_secret_is_shown() {
        let tokens = token_request(DeletionApi::RecordingJobs);
        let request =
            api_request(&tokens, "https://login.example.com".to_owned(), "Basic s3cret".to_owned(), LOGIN_TIMEOUT);
        assert!(!format!("{request:?}").contains("s3cret"));
        assert_eq!(format!("{:?}", crate::Credentials::new("id", "s3cret")), "Credentials(..)");
    }
}
