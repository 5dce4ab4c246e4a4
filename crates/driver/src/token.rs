//! The access token: fetched once for all requests, and kept while it is fresh.

use std::cell::RefCell;

use purge_core::bounds::LOGIN_TIMEOUT;
use purge_core::oauth::{NoToken, Token, Tokens, token_request};
use tokio::sync::Mutex;

use crate::clock::Clock;
use crate::http::Http;
use crate::tenant::Tenant;
use crate::wire;

/// The token in use, if any, shared by all requests of this process.
#[derive(Debug, Default)]
pub(crate) struct TokenCache {
    tokens: RefCell<Tokens>,
    /// Locked while a token is being fetched. Waiting requests get the lock one after the other.
    fetching: Mutex<()>,
}

impl TokenCache {
    /// A fresh token, from the cache or from the login. With `renewed`, one that was fetched just now.
    ///
    /// A call that comes while a token is being fetched waits and shares the result, even if it is a failure.
    pub(crate) async fn token<H: Http, C: Clock>(
        &self,
        http: &H,
        clock: &C,
        tenant: &Tenant,
        renewed: bool,
    ) -> Result<Token, NoToken> {
        let seen = self.tokens.borrow().attempts();
        let at_hand = || self.tokens.borrow().at_hand(clock.now(), renewed, seen);
        if let Some(at_hand) = at_hand() {
            return at_hand;
        }
        let _fetching = self.fetching.lock().await;
        loop {
            if let Some(at_hand) = at_hand() {
                return at_hand;
            }
            self.log_in(http, clock, tenant).await;
        }
    }

    async fn log_in<H: Http, C: Clock>(&self, http: &H, clock: &C, tenant: &Tenant) {
        let request = token_request(tenant.deletion_api);
        let url = tenant.login.join(&request.path);
        let asked = clock.now();
        let request = wire::api_request(&request, url, tenant.credentials.basic(), LOGIN_TIMEOUT);
        let answer = wire::send(http, clock, request).await;
        let mut tokens = self.tokens.borrow_mut();
        if let Some(NoToken { error, .. }) = tokens.answered(answer, asked, clock.now()) {
            if error.may_pass {
                tracing::warn!(code = %error.cause.code, "no token now: {}", error.cause.message);
            } else {
                tracing::error!(code = %error.cause.code, "no token: {}", error.cause.message);
            }
        }
    }

    /// Forgets a token that the API refused, unless it has been replaced already.
    pub(crate) fn refused(&self, attempt: u64) {
        self.tokens.borrow_mut().refused(attempt);
    }
}
