//! Sending for all chunks of a run: one token, and one request budget for everybody who shares the ledger.

use std::cell::RefCell;

use purge_core::bounds::{API_TIMEOUT, UNSAID_PAUSE};
use purge_core::http::{Auth, HttpRequest, HttpResponse, NoResponse};
use purge_core::oauth::NoToken;
use purge_core::rate::RateBudget;
use purge_core::reply::retry_after;
use purge_core::run::{Cause, Input};
use purge_core::time::Timestamp;

use crate::budget::{Account, NoPlace, SharedBudget};
use crate::clock::Clock;
use crate::http::{Http, WireRequest};
use crate::ledger::{Ledger, LedgerError};
use crate::tenant::Tenant;
use crate::token::TokenCache;
use crate::wire;

/// Sends API requests of one tenant. Shared by everything that runs in this process.
#[derive(Debug)]
pub struct Sender<'a, H, C> {
    http: &'a H,
    clock: &'a C,
    tenant: &'a Tenant,
    tokens: TokenCache,
    /// What this process sends with its token, and what the server says about it.
    budget: RefCell<RateBudget>,
    /// What everybody sends.
    shared: SharedBudget,
}

/// Whether a request may leave now.
#[derive(Debug)]
pub(crate) enum Permit {
    /// It may.
    Ready(Ready),
    /// Not before then; nothing has been spent.
    NotBefore(Timestamp),
    /// It cannot: this is why.
    Unable(Input),
}

/// A request with credentials and a place in the budget.
#[derive(Debug)]
pub(crate) struct Ready {
    request: WireRequest,
    /// Which attempt to log in its token came of.
    login: u64,
}

/// What the chunk is told whose request has not left because the ledger could not be asked.
pub(crate) fn no_ledger(error: &LedgerError) -> Input {
    Input::Unable { cause: Cause::new("ledger.no-answer", error.to_string()), retry_after: None, may_pass: true }
}

impl<'a, H: Http, C: Clock> Sender<'a, H, C> {
    /// With an unspent budget and no token yet.
    #[must_use]
    pub fn new(http: &'a H, clock: &'a C, tenant: &'a Tenant, requests_per_minute: u32) -> Self {
        let budget = RefCell::new(RateBudget::new(requests_per_minute));
        let shared = SharedBudget::new(requests_per_minute);
        Self { http, clock, tenant, tokens: TokenCache::default(), budget, shared }
    }

    /// Logs in, so that a client that is refused is known before anything is begun. The token is kept for the requests to come.
    ///
    /// # Errors
    /// Why the login refuses the client for good. A login that does not answer, or is unwell, is no error: it may come back.
    pub async fn log_in(&self) -> Result<(), Cause> {
        match self.tokens.token(self.http, self.clock, self.tenant, false).await {
            Err(NoToken { error, .. }) if !error.may_pass => Err(error.cause),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Takes a place in the budget for one request.
    pub(crate) async fn place<L: Ledger>(&self, account: &Account<'_, L>) -> Result<(), NoPlace> {
        let now = self.clock.now();
        self.budget.borrow().has_room(now).map_err(NoPlace::NotBefore)?;
        self.shared.take(account, now).await?;
        // Others of this process may have been quicker while the ledger was asked.
        self.budget.borrow_mut().take(self.clock.now()).map_err(NoPlace::NotBefore)
    }

    /// Gets a token for one request, and a place in the budget if it has none.
    pub(crate) async fn permit<L: Ledger>(
        &self,
        request: &HttpRequest,
        account: &Account<'_, L>,
        has_place: bool,
    ) -> Permit {
        let renewed = request.auth == Auth::BearerRenewed;
        let token = match self.tokens.token(self.http, self.clock, self.tenant, renewed).await {
            Ok(token) => token,
            Err(no_token) => {
                let pause = no_token.pause(self.clock.now());
                return Permit::Unable(Input::no_token(no_token.error, pause));
            }
        };
        let place = if has_place { Ok(()) } else { self.place(account).await };
        match place {
            Ok(()) => {}
            Err(NoPlace::NotBefore(at)) => return Permit::NotBefore(at),
            Err(NoPlace::Ledger(error)) => {
                tracing::warn!(%error, "the request budget cannot be asked");
                return Permit::Unable(no_ledger(&error));
            }
        }
        let url = self.tenant.api.join(&request.path);
        let bearer = format!("Bearer {}", token.access.expose());
        Permit::Ready(Ready { request: wire::wire(request, url, bearer, API_TIMEOUT), login: token.attempt })
    }

    /// Sends it, once, and learns from the answer what concerns everybody.
    pub(crate) async fn send<L: Ledger>(
        &self,
        ready: Ready,
        account: &Account<'_, L>,
    ) -> Result<HttpResponse, NoResponse> {
        let response = wire::send(self.http, self.clock, ready.request).await?;
        let now = self.clock.now();
        self.budget.borrow_mut().observe(&response, now);
        match response.status {
            401 => self.tokens.refused(ready.login),
            429 => {
                let until = now.plus(retry_after(&response, now).unwrap_or(UNSAID_PAUSE));
                self.budget.borrow_mut().pause(until);
                if let Err(error) = self.shared.pause(account, now, until).await {
                    // The others meet the 429 themselves.
                    tracing::warn!(%error, "the pause that the server asked for cannot be shared");
                }
            }
            _ => {}
        }
        Ok(response)
    }
}
