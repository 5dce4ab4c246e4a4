//! Sends the requests of all chunks of a run, with one token and within the request budget that all users of the ledger share.

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

/// Sends the API requests of one tenant. Shared by everything that runs in this process.
#[derive(Debug)]
pub struct Sender<'a, H, C> {
    http: &'a H,
    clock: &'a C,
    tenant: &'a Tenant,
    tokens: TokenCache,
    /// What this process has sent with its token, and what the server says about it.
    budget: RefCell<RateBudget>,
    /// What all processes that share the ledger have sent.
    shared: SharedBudget,
}

/// Whether a request may leave now.
#[derive(Debug)]
pub(crate) enum Permit {
    /// It may.
    Ready(Ready),
    /// Not before then. Nothing has been spent.
    NotBefore(Timestamp),
    /// It cannot, for this reason.
    Unable(Input),
}

/// A request with credentials and a place in the budget.
#[derive(Debug)]
pub(crate) struct Ready {
    request: WireRequest,
    /// Which login attempt its token came from.
    login: u64,
}

/// The input for a chunk whose request has not left because the ledger failed.
pub(crate) fn ledger_failed(error: &LedgerError) -> Input {
    Input::Unable { cause: Cause::new("ledger.no-answer", error.to_string()), retry_after: None, may_pass: true }
}

impl<'a, H: Http, C: Clock> Sender<'a, H, C> {
    /// Starts with an unspent budget and no token.
    #[must_use]
    pub fn new(http: &'a H, clock: &'a C, tenant: &'a Tenant, requests_per_minute: u32) -> Self {
        let budget = RefCell::new(RateBudget::new(requests_per_minute));
        let shared = SharedBudget::new(requests_per_minute);
        Self { http, clock, tenant, tokens: TokenCache::default(), budget, shared }
    }

    /// Logs in, so that refused credentials show before anything begins. The token is kept for later requests.
    ///
    /// # Errors
    /// Why the login refuses the client for good. A login that does not answer or is broken is no error, because it may recover.
    pub async fn log_in(&self) -> Result<(), Cause> {
        match self.tokens.token(self.http, self.clock, self.tenant, false).await {
            Err(NoToken { error, .. }) if !error.may_pass => Err(error.cause),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Takes a place in the budget for one request.
    pub(crate) async fn take_place<L: Ledger>(&self, account: &Account<'_, L>) -> Result<(), NoPlace> {
        let now = self.clock.now();
        self.budget.borrow().has_room(now).map_err(NoPlace::NotBefore)?;
        self.shared.take(account, now).await?;
        // Other futures of this process may have been quicker while the ledger was asked.
        self.budget.borrow_mut().take(self.clock.now()).map_err(NoPlace::NotBefore)
    }

    /// Gets a token for one request, and a place in the budget unless the caller already has one.
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
        let place = if has_place { Ok(()) } else { self.take_place(account).await };
        match place {
            Ok(()) => {}
            Err(NoPlace::NotBefore(at)) => return Permit::NotBefore(at),
            Err(NoPlace::Ledger(error)) => {
                tracing::warn!(%error, "the request budget cannot be read");
                return Permit::Unable(ledger_failed(&error));
            }
        }
        let url = self.tenant.api.join(&request.path);
        let bearer = format!("Bearer {}", token.access.expose());
        Permit::Ready(Ready { request: wire::api_request(request, url, bearer, API_TIMEOUT), login: token.attempt })
    }

    /// Sends the request once, and notes what its answer means for all requests.
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
                    // The other processes will meet the 429 themselves.
                    tracing::warn!(%error, "the pause that the server asked for cannot be shared");
                }
            }
            _ => {}
        }
        Ok(response)
    }
}
