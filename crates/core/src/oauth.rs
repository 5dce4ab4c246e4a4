//! Logging in: the token request, its answer, how long a token is kept, and how it is shared.

use std::fmt;
use std::time::Duration;

use serde_json::Value;
use zeroize::Zeroizing;

use crate::http::{Auth, HttpRequest, HttpResponse, Method, NoResponse, Target};
use crate::json::parse;
use crate::outcome::Cause;
use crate::reply::{MAX_RETRY_AFTER, retry_after, tidy};
use crate::request::DeletionApi;
use crate::time::Timestamp;

/// How much of a token's life is given up at most, so that no request leaves with a token about to expire.
const LONGEST_MARGIN: Duration = Duration::from_mins(2);

/// A token younger than this counts as renewed for a request whose token was refused: another request has just renewed it.
const JUST_RENEWED: Duration = Duration::from_secs(60);

/// The client-credentials token request (RFC 6749, section 4.4) of a client that uses this deletion API. Organisations and gateways
/// that offer `dataDeletion` have a token path of their own; every ordinary organisation has `/oauth/token` at its login host. The
/// driver adds the client id and secret.
#[must_use]
pub fn token_request(deletion_api: DeletionApi) -> HttpRequest {
    let path = match deletion_api {
        DeletionApi::DataDeletion => "/login/oauth/v2/token",
        DeletionApi::RecordingJobs => "/oauth/token",
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

/// An access token. It is never shown and never serialised, and it is overwritten when it is dropped.
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

/// How long a token may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freshness {
    asked: Timestamp,
    renew_at: Timestamp,
}

impl Freshness {
    /// The freshness of a token that was asked for at `asked`: its lifetime less a margin of a tenth, at most two minutes.
    #[must_use]
    pub fn new(asked: Timestamp, lifetime: Duration) -> Self {
        let margin = LONGEST_MARGIN.min(lifetime / 10);
        Self { asked, renew_at: asked.plus(lifetime.saturating_sub(margin)) }
    }

    /// Whether a request may still leave with the token. With `renewed`, the request's last token was refused, so that it needs a
    /// new one.
    #[must_use]
    pub fn serves(self, now: Timestamp, renewed: bool) -> bool {
        now < self.renew_at && !(renewed && now.since(self.asked) > JUST_RENEWED)
    }
}

/// Why there is no token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenError {
    /// The cause for the person who has to act. It holds nothing secret.
    pub cause: Cause,
    /// Whether asking again later may help: the server is busy or broken, and the credentials are not at fault.
    pub may_pass: bool,
}

impl TokenError {
    /// The error of a login that did not answer.
    fn no_answer(why: NoResponse) -> Self {
        let message = format!("the login did not answer: {}", why.phrase());
        Self { cause: Cause::new("login.no-answer", message), may_pass: true }
    }
}

/// A token to send one request with.
#[derive(Clone, Debug)]
pub struct Token {
    /// The token itself.
    pub access: AccessToken,
    /// Number of the login attempt that gave it.
    pub attempt: u64,
}

/// Why there is no token to send a request with. The request has not left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoToken {
    /// What the login said, or that it did not answer.
    pub error: TokenError,
    /// End of the pause that the login asked for: it is not asked again before then.
    until: Option<Timestamp>,
}

impl NoToken {
    /// What is left at `now` of the pause that the login asked for; `None` if it asked for none.
    #[must_use]
    pub fn pause(&self, now: Timestamp) -> Option<Duration> {
        self.until.map(|until| until.since(now))
    }

    /// Whether the login's pause goes on. A pause further ahead than any that can be asked for comes from a clock that has been set
    /// right since.
    fn lasts(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| now < until && until <= now.plus(MAX_RETRY_AFTER))
    }
}

/// The token that all requests of one client share, and how the last login went. A sender asks here first ([`Self::at_hand`]). If
/// it gets nothing, it logs in, one sender at a time, reports the answer ([`Self::answered`]), and asks again.
#[derive(Debug, Default)]
pub struct Tokens {
    kept: Option<(Token, Freshness)>,
    attempts: u64,
    failure: Option<NoToken>,
}

impl Tokens {
    /// Number of login attempts that have ended so far.
    #[must_use]
    pub fn attempts(&self) -> u64 {
        self.attempts
    }

    /// What a request gets without logging in: the token in use, or a refusal while the login's pause lasts. `None` if the sender
    /// must log in.
    ///
    /// `seen` is the number of [attempts](Self::attempts) when the request began to ask. If there has been one since, the request
    /// has waited for it and shares its result. With `renewed`, only a token that was fetched just now will do.
    #[must_use]
    pub fn at_hand(&self, now: Timestamp, renewed: bool, seen: u64) -> Option<Result<Token, NoToken>> {
        let waited = self.attempts != seen;
        if let Some(failure) = &self.failure
            && (waited || failure.lasts(now) && !self.serves(now, renewed))
        {
            return Some(Err(failure.clone()));
        }
        let (token, _) = self.kept.as_ref().filter(|_| waited || self.serves(now, renewed))?;
        Some(Ok(token.clone()))
    }

    fn serves(&self, now: Timestamp, renewed: bool) -> bool {
        self.kept.as_ref().is_some_and(|(_, freshness)| freshness.serves(now, renewed))
    }

    /// Keeps for all senders what the token request that left at `asked` was answered at `now`. Returns why there is no token, if
    /// there is none.
    pub fn answered(
        &mut self,
        answer: Result<HttpResponse, NoResponse>,
        asked: Timestamp,
        now: Timestamp,
    ) -> Option<&NoToken> {
        self.attempts += 1;
        let (read, pause) = match answer {
            Ok(response) if response.status == 429 => (read_token(&response, asked), retry_after(&response, now)),
            Ok(response) => (read_token(&response, asked), None),
            Err(why) => (Err(TokenError::no_answer(why)), None),
        };
        self.failure = match read {
            Ok((access, freshness)) => {
                self.kept = Some((Token { access, attempt: self.attempts }, freshness));
                None
            }
            Err(error) => Some(NoToken { error, until: pause.map(|pause| now.plus(pause)) }),
        };
        self.failure.as_ref()
    }

    /// Forgets the token of that login attempt, because the API refused it. Does nothing if the token has been replaced already.
    pub fn refused(&mut self, attempt: u64) {
        self.kept.take_if(|(token, _)| token.attempt == attempt);
    }
}

/// Reads the answer to [`token_request`]. `asked` is when the request left, so that the token is not taken to be younger than it
/// is.
///
/// # Errors
/// Every answer but a 200 with a token and a lifetime of at least a second.
fn read_token(response: &HttpResponse, asked: Timestamp) -> Result<(AccessToken, Freshness), TokenError> {
    if response.status != 200 {
        return Err(refusal(response));
    }
    // Other fields, such as `token_type`, are allowed and not needed. The JSON reader's own message is not passed on, because it
    // could repeat a part of the body.
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
    Ok((AccessToken(token), Freshness::new(asked, Duration::from_secs(seconds))))
}

/// Reads a refusal. Genesys answers a wrong client with 400 or 401 and not with its usual error body: the code is in `error`.
fn refusal(response: &HttpResponse) -> TokenError {
    let status = response.status;
    let may_pass = matches!(status, 408 | 429 | 500..=599);
    let body = parse(&response.body, usize::MAX).unwrap_or_default();
    let text = |key: &str| body.get(key).and_then(Value::as_str).map(fit_message);
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

/// The server's words, cut to a length that fits a message.
fn fit_message(text: &str) -> String {
    tidy(text, 200)
}

fn cause(response: &HttpResponse, code: &str, message: String) -> Cause {
    let correlation_id = response.header("inin-correlation-id").map(fit_message);
    Cause { code: code.to_owned(), message, context_id: None, correlation_id }
}

/// Whether a text can stand in a header as it is.
fn is_header_text(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ASKED: Timestamp = Timestamp::EPOCH;

    fn answer(status: u16, body: &serde_json::Value) -> Result<(AccessToken, Freshness), TokenError> {
        read_token(&HttpResponse::json(status, body), ASKED)
    }

    fn after(seconds: u64) -> Timestamp {
        ASKED.plus(Duration::from_secs(seconds))
    }

    #[test]
    fn asks_as_the_standard_says_on_either_path() {
        let request = token_request(DeletionApi::RecordingJobs);
        assert_eq!((request.target, request.auth), (Target::Login, Auth::Basic));
        assert_eq!(request.body.as_deref(), Some("grant_type=client_credentials"));
        assert_eq!(request.path, "/oauth/token");
        assert_eq!(token_request(DeletionApi::DataDeletion).path, "/login/oauth/v2/token");
    }

    #[test]
    fn a_token_is_kept_for_its_lifetime_less_a_margin_and_never_shown() {
        for (lifetime, fresh_seconds) in [(86_400, 86_280), (300, 270), (60, 54), (10, 9)] {
            let body = json!({"access_token": "s3cret", "expires_in": lifetime, "token_type": "bearer"});
            let (token, freshness) = answer(200, &body).unwrap();
            assert_eq!(token.expose(), "s3cret");
            assert!(!format!("{token:?}").contains("s3cret"));
            let stale = after(fresh_seconds);
            assert!(freshness.serves(stale.minus(Duration::from_millis(1)), false), "{lifetime}");
            assert!(!freshness.serves(stale, false), "{lifetime}");
        }
    }

    /// What the tokens give at that second: the number of the login attempt that gave the token, or the code of a failure.
    fn given(tokens: &Tokens, second: u64, renewed: bool, seen: u64) -> Option<Result<u64, String>> {
        let at_hand = tokens.at_hand(after(second), renewed, seen)?;
        Some(at_hand.map(|token| token.attempt).map_err(|no_token| no_token.error.cause.code))
    }

    /// A login that is asked at that second and answers two seconds later.
    fn log_in(tokens: &mut Tokens, second: u64, answer: HttpResponse) {
        tokens.answered(Ok(answer), after(second), after(second + 2));
    }

    fn good() -> HttpResponse {
        HttpResponse::json(200, &json!({"access_token": "t", "expires_in": 3_600}))
    }

    #[test]
    fn a_token_serves_all_requests_until_it_is_refused_or_too_old_to_be_new() {
        let mut tokens = Tokens::default();
        assert_eq!(given(&tokens, 0, false, 0), None, "somebody must log in");
        log_in(&mut tokens, 0, good());
        assert_eq!(given(&tokens, 2, false, 1), Some(Ok(1)));
        assert_eq!(given(&tokens, 60, true, 1), Some(Ok(1)), "it has just been renewed");
        assert_eq!(given(&tokens, 61, true, 1), None, "whoever was refused with it needs another");
        assert_eq!(given(&tokens, 61, false, 1), Some(Ok(1)), "to the others it is good meanwhile");
        log_in(&mut tokens, 61, good());
        tokens.refused(1);
        assert_eq!(given(&tokens, 63, true, 1), Some(Ok(2)), "the refused one had been replaced");
        tokens.refused(2);
        assert_eq!(given(&tokens, 63, false, 2), None);
    }

    #[test]
    fn a_failure_is_shared_by_those_who_waited_for_it_and_a_pause_by_all() {
        let mut tokens = Tokens::default();
        log_in(&mut tokens, 0, HttpResponse::json(503, &json!({})));
        assert_eq!(given(&tokens, 2, false, 0), Some(Err("login.http.503".to_owned())));
        assert_eq!(given(&tokens, 2, false, 1), None, "whoever comes later asks anew");
        let mut busy = HttpResponse::json(429, &json!({}));
        busy.headers.push(("retry-after".to_owned(), "30".to_owned()));
        log_in(&mut tokens, 10, busy);
        let left = |second| tokens.at_hand(after(second), false, 2)?.err()?.pause(after(second));
        assert_eq!((left(12), left(41)), (Some(Duration::from_secs(30)), Some(Duration::from_secs(1))));
        assert_eq!(left(42), None, "the pause is over");
        let set_back = ASKED.plus(Duration::from_secs(2_000));
        let mut tokens = Tokens::default();
        let mut busy = HttpResponse::json(429, &json!({}));
        busy.headers.push(("retry-after".to_owned(), "30".to_owned()));
        tokens.answered(Ok(busy), set_back, set_back);
        assert_eq!(given(&tokens, 0, false, 1), None, "no pause was asked for that is so far ahead");
        log_in(&mut tokens, 0, good());
        assert_eq!(given(&tokens, 2, false, 0), Some(Ok(2)), "nobody remembers the failure");
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
        let error =
            answer(400, &json!({"error": "invalid\u{202e}_client\n", "description": "\u{2066}no\u{ad}"})).unwrap_err();
        assert_eq!(error.cause.code, "login.invalid _client");
        assert_eq!(error.cause.message, "the login answered 400 `invalid _client`, `no`");
    }
}
