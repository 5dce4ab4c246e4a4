//! The access token: fetched once for everybody who needs it, kept while it is fresh.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use futures_util::lock::Mutex;
use purge_core::oauth::{AccessToken, TokenError, TokenGrant, read_token, token_request};
use purge_core::reply::{MAX_RETRY_AFTER, retry_after};
use purge_core::run::Input;
use purge_core::time::Timestamp;

use crate::clock::Clock;
use crate::http::Http;
use crate::tenant::Tenant;
use crate::wire;

/// A token younger than this counts as renewed for a request whose token was refused: somebody else has just renewed it.
const JUST_RENEWED: Duration = Duration::from_secs(60);

/// Why there is no token to send a request with. The request has not left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NoToken {
    /// What the login said, or that it did not answer.
    pub(crate) error: TokenError,
    /// The login has asked for a pause: nobody asks it again before then.
    until: Option<Timestamp>,
}

impl NoToken {
    /// What the chunk whose request needed the token is told at `now`.
    pub(crate) fn into_input(self, now: Timestamp) -> Input {
        Input::no_token(self.error, self.until.map(|until| until.since(now)))
    }
}

/// A token to send one request with.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) access: AccessToken,
    /// Which of the tokens fetched so far.
    pub(crate) number: u64,
}

#[derive(Debug)]
struct Kept {
    grant: TokenGrant,
    asked: Timestamp,
    number: u64,
}

/// The token in use, if any.
#[derive(Debug, Default)]
pub(crate) struct TokenCache {
    kept: RefCell<Option<Kept>>,
    /// Attempts made, and how the last one failed.
    attempts: Cell<u64>,
    failure: RefCell<Option<NoToken>>,
    /// Held while a token is being fetched.
    fetching: Mutex<()>,
}

impl TokenCache {
    /// A fresh token, from here or from the login. With `renewed`, one that was fetched just now.
    ///
    /// Whoever comes while one is being fetched waits for it and shares what comes of it, also a failure.
    pub(crate) async fn token<H: Http, C: Clock>(
        &self,
        http: &H,
        clock: &C,
        tenant: &Tenant,
        renewed: bool,
    ) -> Result<Token, NoToken> {
        let attempts_before = self.attempts.get();
        if let Some(token) = self.kept(clock.now(), renewed) {
            return Ok(token);
        }
        if let Some(busy) = self.busy(clock.now()) {
            return Err(busy);
        }
        let _fetching = self.fetching.lock().await;
        if self.attempts.get() != attempts_before {
            if let Some(failure) = self.failure.borrow().clone() {
                return Err(failure);
            }
            if let Some(token) = self.kept(clock.now(), renewed) {
                return Ok(token);
            }
        }
        let fetched = fetch(http, clock, tenant).await;
        let number = self.attempts.get() + 1;
        self.attempts.set(number);
        match fetched {
            Ok((grant, asked)) => {
                self.failure.replace(None);
                let access = grant.access_token.clone();
                self.kept.replace(Some(Kept { grant, asked, number }));
                Ok(Token { access, number })
            }
            Err(failure) => {
                self.failure.replace(Some(failure.clone()));
                Err(failure)
            }
        }
    }

    /// Forgets a token that the API refused, unless it has been replaced already.
    pub(crate) fn refused(&self, number: u64) {
        self.kept.borrow_mut().take_if(|kept| kept.number == number);
    }

    /// The pause that the login has asked for, while it lasts. One that lies further ahead than any was asked for by a clock that
    /// has been set right since.
    fn busy(&self, now: Timestamp) -> Option<NoToken> {
        let lasts = |until: Timestamp| now < until && until <= now.plus(MAX_RETRY_AFTER);
        self.failure.borrow().clone().filter(|failure| failure.until.is_some_and(lasts))
    }

    fn kept(&self, now: Timestamp, renewed: bool) -> Option<Token> {
        let kept = self.kept.borrow();
        let kept = kept
            .as_ref()
            .filter(|kept| kept.grant.freshness.is_fresh(now) && !(renewed && now.since(kept.asked) > JUST_RENEWED))?;
        Some(Token { access: kept.grant.access_token.clone(), number: kept.number })
    }
}

async fn fetch<H: Http, C: Clock>(http: &H, clock: &C, tenant: &Tenant) -> Result<(TokenGrant, Timestamp), NoToken> {
    let request = token_request(tenant.login_style);
    let url = tenant.login.join(&request.path);
    let asked = clock.now();
    let request = wire::wire(&request, url, tenant.credentials.basic(), wire::SIDE_TIMEOUT);
    let response = wire::send(http, clock, request).await.map_err(|why| {
        tracing::warn!(why = why.phrase(), "no token: the login did not answer");
        NoToken { error: TokenError::no_answer(why), until: None }
    })?;
    let error = match read_token(&response, asked) {
        Ok(grant) => return Ok((grant, asked)),
        Err(error) => error,
    };
    let now = clock.now();
    if !error.may_pass {
        tracing::error!(code = %error.cause.code, "no token: {}", error.cause.message);
        return Err(NoToken { error, until: None });
    }
    tracing::warn!(code = %error.cause.code, "no token now: {}", error.cause.message);
    let pause = retry_after(&response, now).filter(|_| response.status == 429);
    Err(NoToken { error, until: pause.map(|pause| now.plus(pause)) })
}
