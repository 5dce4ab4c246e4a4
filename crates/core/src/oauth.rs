//! Logging in: the token request, its answer, and how long a token is worth keeping.

use std::fmt;
use std::time::Duration;

use serde_json::Value;
use zeroize::Zeroizing;

use crate::http::{Auth, HttpRequest, HttpResponse, Method, NoResponse, Target};
use crate::json::parse;
use crate::outcome::Cause;
use crate::time::Timestamp;

/// The most of a token's life that is given away so that no request leaves with a token about to expire.
const LONGEST_MARGIN: Duration = Duration::from_mins(2);

/// Which token path the login host has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginStyle {
    /// `/login/oauth/v2/token`, for organisations and gateways that offer the data deletion API.
    DataDeletion,
    /// `/oauth/token` of `https://login.{region domain}`: every ordinary organisation.
    Standard,
}

/// The client-credentials token request (RFC 6749, section 4.4). The driver adds the client id and secret.
#[must_use]
pub fn token_request(style: LoginStyle) -> HttpRequest {
    let path = match style {
        LoginStyle::DataDeletion => "/login/oauth/v2/token",
        LoginStyle::Standard => "/oauth/token",
    };
    HttpRequest {
        target: Target::Login,
        method: Method::Post,
        path: path.to_owned(),
        auth: Auth::Basic,
        content_type: Some("application/x-www-form-urlencoded".to_owned()),
        body: Some("grant_type=client_credentials".to_owned()),
    }
}

/// An access token. Never shown, never serialised, overwritten when it is dropped.
#[derive(Clone)]
pub struct AccessToken(Zeroizing<String>);

impl AccessToken {
    /// The token, for the `Authorization` header and nothing else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken")
    }
}

/// A token and how long it is good for.
#[derive(Clone, Debug)]
pub struct TokenGrant {
    /// The token.
    pub access_token: AccessToken,
    /// As the server said.
    pub lifetime: Duration,
    /// When to fetch the next one.
    pub freshness: Freshness,
}

/// Until when a token is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freshness {
    renew_at: Timestamp,
}

impl Freshness {
    /// Of a token that was asked for at `asked`: its lifetime less a margin of a tenth, at most two minutes.
    #[must_use]
    pub fn new(asked: Timestamp, lifetime: Duration) -> Self {
        let margin = LONGEST_MARGIN.min(lifetime / 10);
        Self { renew_at: asked.plus(lifetime.saturating_sub(margin)) }
    }

    /// Whether a request may still leave with it.
    #[must_use]
    pub fn is_fresh(self, now: Timestamp) -> bool {
        now < self.renew_at
    }

    /// When it stops being fresh.
    #[must_use]
    pub fn renew_at(self) -> Timestamp {
        self.renew_at
    }
}

/// Why there is no token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenError {
    /// For the person who has to act. Holds nothing secret.
    pub cause: Cause,
    /// Whether asking again later may help: the server is busy or broken, not the credentials.
    pub may_pass: bool,
}

impl TokenError {
    /// The login has not answered.
    #[must_use]
    pub fn no_answer(why: NoResponse) -> Self {
        let message = format!("the login did not answer: {}", why.phrase());
        Self { cause: Cause::new("login.no-answer", message), may_pass: true }
    }
}

/// Reads the answer to [`token_request`]. `asked` is when the request left, so that the token is not thought younger than it is.
///
/// # Errors
/// Every answer but a 200 with a token and a lifetime of at least a second.
pub fn read_token(response: &HttpResponse, asked: Timestamp) -> Result<TokenGrant, TokenError> {
    if response.status != 200 {
        return Err(refusal(response));
    }
    // The reader's own message could repeat a part of the body, so it is not passed on.
    // Other fields, such as `token_type`, are allowed and not needed.
    let mut body = parse(&response.body, usize::MAX).unwrap_or_default();
    let token = match body.get_mut("access_token") {
        Some(Value::String(token)) => Zeroizing::new(std::mem::take(token)),
        Some(_) | None => Zeroizing::default(),
    };
    let seconds = body.get("expires_in").and_then(Value::as_u64).filter(|seconds| *seconds > 0);
    let Some(seconds) = seconds.filter(|_| is_header_text(&token)) else {
        let message = "the login answered 200 without a usable `access_token` and `expires_in`";
        return Err(TokenError { cause: cause(response, "login.unreadable", message.to_owned()), may_pass: true });
    };
    let lifetime = Duration::from_secs(seconds);
    let freshness = Freshness::new(asked, lifetime);
    Ok(TokenGrant { access_token: AccessToken(token), lifetime, freshness })
}

/// Genesys answers a wrong client with 400 or 401 and this body, not with its usual error body: what counts is `error`.
fn refusal(response: &HttpResponse) -> TokenError {
    let status = response.status;
    let may_pass = matches!(status, 408 | 429 | 500..=599);
    let body = parse(&response.body, usize::MAX).unwrap_or_default();
    let text = |key: &str| body.get(key).and_then(Value::as_str).map(one_line);
    let (code, message) = match text("error") {
        Some(error) => {
            let said = text("error_description").or_else(|| text("description"));
            let said = said.map_or_else(String::new, |said| format!(", `{said}`"));
            (format!("login.{error}"), format!("the login answered {status} `{error}`{said}"))
        }
        None => (format!("login.http.{status}"), format!("the login answered {status}")),
    };
    TokenError { cause: cause(response, &code, message), may_pass }
}

fn cause(response: &HttpResponse, code: &str, message: String) -> Cause {
    let correlation_id = response.header("inin-correlation-id").map(one_line);
    Cause { code: code.to_owned(), message, context_id: None, correlation_id }
}

/// Whether a text can stand in a header as it is.
fn is_header_text(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic())
}

/// The server's words without line breaks, and not too many of them.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ASKED: Timestamp = Timestamp::EPOCH;

    fn answer(status: u16, body: &serde_json::Value) -> Result<TokenGrant, TokenError> {
        read_token(&HttpResponse::json(status, body), ASKED)
    }

    #[test]
    fn asks_as_the_standard_says_on_either_path() {
        let request = token_request(LoginStyle::Standard);
        assert_eq!((request.target, request.auth), (Target::Login, Auth::Basic));
        assert_eq!(request.body.as_deref(), Some("grant_type=client_credentials"));
        assert_eq!(request.path, "/oauth/token");
        assert_eq!(token_request(LoginStyle::DataDeletion).path, "/login/oauth/v2/token");
    }

    #[test]
    fn a_token_is_kept_for_its_lifetime_less_a_margin_and_never_shown() {
        let grant =
            answer(200, &json!({"access_token": "s3cret", "expires_in": 86_400, "token_type": "bearer"})).unwrap();
        assert_eq!(grant.access_token.expose(), "s3cret");
        assert!(!format!("{grant:?}").contains("s3cret"));
        for (lifetime, fresh_seconds) in [(86_400, 86_280), (300, 270), (60, 54), (10, 9)] {
            let freshness = Freshness::new(ASKED, Duration::from_secs(lifetime));
            let stale = ASKED.plus(Duration::from_secs(fresh_seconds));
            assert_eq!(freshness.renew_at(), stale, "{lifetime}");
            assert!(freshness.is_fresh(stale.minus(Duration::from_millis(1))), "{lifetime}");
            assert!(!freshness.is_fresh(stale), "{lifetime}");
        }
    }

    #[test]
    fn half_an_answer_is_no_token() {
        for body in [
            json!({}),
            json!({"access_token": "t"}),
            json!({"expires_in": 60}),
            json!({"access_token": "t", "expires_in": 0}),
            json!({"access_token": "t", "expires_in": -5}),
            json!({"access_token": "t", "expires_in": "60"}),
            json!({"access_token": "", "expires_in": 60}),
            json!({"access_token": "t\r\nHost: elsewhere", "expires_in": 60}),
        ] {
            let error = answer(200, &body).unwrap_err();
            assert_eq!((error.cause.code.as_str(), error.may_pass), ("login.unreadable", true), "{body}");
        }
        assert!(answer(201, &json!({"access_token": "t", "expires_in": 60})).is_err());
    }

    #[test]
    fn a_refusal_says_why_and_whether_it_may_pass() {
        for status in [400, 401] {
            let body = json!({"error": "invalid_client", "description": "client not found"});
            let error = answer(status, &body).unwrap_err();
            assert_eq!((error.cause.code.as_str(), error.may_pass), ("login.invalid_client", false));
            assert_eq!(
                error.cause.message,
                format!("the login answered {status} `invalid_client`, `client not found`")
            );
        }
        let error = answer(503, &json!({})).unwrap_err();
        assert_eq!((error.cause.code.as_str(), error.may_pass), ("login.http.503", true));
    }
}
