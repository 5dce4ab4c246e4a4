//! Sends the requests of a rehearsal: with a token and within a budget that all chunks share, once each; and handles the answers.

use std::time::Duration;

use purge_core::bounds::{API_TIMEOUT, LOGIN_TIMEOUT, UNSAID_PAUSE};
use purge_core::http::{Auth, HttpRequest, HttpResponse, NoResponse};
use purge_core::oauth::{NoToken, Token, token_request};
use purge_core::reply::retry_after;
use purge_core::run::{ChunkRun, Input, Objection};
use purge_core::time::Timestamp;

use super::{DryRun, Due, Leaving};
use crate::http::{Delivery, TenantRequest};
use crate::login::base64;

/// The longest that a worker sleeps for room in the budget before it writes its lease again and asks anew. The lease lasts 60 s,
/// and 40 s must be left when a request leaves.
const NAP: Duration = Duration::from_secs(20);

impl DryRun {
    /// Sends a request as soon as there are a token and room in the budget. Returns the input for its chunk, if that is known at
    /// once.
    pub(super) fn send_when_ready(
        &mut self,
        place: usize,
        request: HttpRequest,
        lease_written: Timestamp,
    ) -> Option<Input> {
        let leaving = Leaving { request, lease_written, logins_seen: self.tokens.attempts() };
        match self.token_at_hand(&leaving) {
            Some(token_at_hand) => self.send(place, leaving, token_at_hand),
            None if self.logging_in => {
                self.waiting_for_login.push((place, leaving));
                None
            }
            None => self.log_in(place, leaving),
        }
    }

    fn token_at_hand(&self, leaving: &Leaving) -> Option<Result<Token, NoToken>> {
        self.tokens.at_hand(self.now, leaving.request.auth == Auth::BearerRenewed, leaving.logins_seen)
    }

    /// Handles a request whose turn at the login has come. Perhaps there is a token by now.
    pub(super) fn at_login(&mut self, place: usize, leaving: Leaving) -> Option<Input> {
        let Some(token_at_hand) = self.token_at_hand(&leaving) else { return self.log_in(place, leaving) };
        self.logging_in = !self.waiting_for_login.is_empty();
        if self.logging_in {
            let (next, leaving) = self.waiting_for_login.remove(0);
            self.schedule(next, self.now, Due::AtLogin(leaving));
        }
        self.send(place, leaving, token_at_hand)
    }

    /// Asks the login for a token, for this request and for all that need one meanwhile.
    fn log_in(&mut self, place: usize, leaving: Leaving) -> Option<Input> {
        self.logging_in = true;
        let client = self.tenant.scenario.client();
        let basic = format!("Basic {}", base64(format!("{}:{}", client.id, client.secret).as_bytes()));
        let (at, answer) = self.exchange(&token_request(self.order.request.api), basic, LOGIN_TIMEOUT);
        if at == self.now {
            return self.logged_in(place, leaving, at, answer);
        }
        self.schedule(place, at, Due::LoggedIn(leaving, self.now, answer));
        None
    }

    /// Handles the answer of the login, or the end of waiting for it.
    pub(super) fn logged_in(
        &mut self,
        place: usize,
        leaving: Leaving,
        asked: Timestamp,
        answer: Result<HttpResponse, NoResponse>,
    ) -> Option<Input> {
        self.tokens.answered(answer, asked, self.now);
        self.at_login(place, leaving)
    }

    /// Sends a request, if there is a token and room in the budget.
    fn send(&mut self, place: usize, leaving: Leaving, token: Result<Token, NoToken>) -> Option<Input> {
        let Leaving { request, lease_written, .. } = leaving;
        let token = match token {
            Ok(token) => token,
            Err(no_token) => {
                let pause = no_token.pause(self.now);
                return Some(Input::no_token(no_token.error, pause));
            }
        };
        if let Err(at) = self.budget.take(self.now) {
            let lease_written = if self.now < lease_written.plus(NAP) { lease_written } else { self.now };
            self.schedule(place, at.min(lease_written.plus(NAP)), Due::Leave(request, lease_written));
            return None;
        }
        if let Some(asked) = self.cancel_to_tell(place)
            && self.run(place).is_some_and(ChunkRun::is_deleting)
        {
            return Some(Input::Objection(Objection::Cancelled(asked)));
        }
        let bearer = format!("Bearer {}", token.access.expose());
        let (at, answer) = self.exchange(&request, bearer, API_TIMEOUT);
        if at == self.now {
            return Some(self.answered(token.attempt, answer));
        }
        self.schedule(place, at, Due::Answered(token.attempt, answer));
        None
    }

    /// Learns from an answer what concerns all chunks.
    pub(super) fn answered(&mut self, login: u64, answer: Result<HttpResponse, NoResponse>) -> Input {
        let response = match answer {
            Ok(response) => response,
            Err(why) => return Input::NoResponse(why),
        };
        self.budget.observe(&response, self.now);
        match response.status {
            401 => self.tokens.refused(login),
            429 => self.budget.pause(self.now.plus(retry_after(&response, self.now).unwrap_or(UNSAID_PAUSE))),
            _ => {}
        }
        Input::Response(response)
    }

    /// What the tenant answers, and when. The answer is waited for no longer than `patience`.
    fn exchange(
        &mut self,
        request: &HttpRequest,
        authorization: String,
        patience: Duration,
    ) -> (Timestamp, Result<HttpResponse, NoResponse>) {
        let mut headers = vec![("authorization".to_owned(), authorization)];
        headers.extend(request.content_type.iter().map(|kind| ("content-type".to_owned(), kind.clone())));
        let received = TenantRequest {
            method: request.method,
            path: request.path.clone(),
            headers,
            body: request.body.clone().unwrap_or_default(),
        };
        let reply = self.tenant.handle(&received, self.now);
        if reply.after > patience {
            return (self.now.plus(patience), Err(NoResponse::TimedOut));
        }
        let answer = match reply.delivery {
            Delivery::Answer(response) => Ok(response),
            Delivery::Dropped | Delivery::Truncated(..) => Err(NoResponse::Dropped),
        };
        (self.now.plus(reply.after), answer)
    }
}
