//! Delivers the outbox, which holds the messages about ended chunks, at least once each.

use std::time::Duration;

use futures_util::future::{join_all, select};
use purge_core::reply::retry_after;
use purge_core::time::Timestamp;
use purge_core::url::Url;
use purge_core::webhook::{Delivery, Secrets, judge, signature_headers, unsigned_headers};

use crate::clock::Clock;
use crate::http::Http;
use crate::ledger::{Ledger, LedgerError, MessageState, OutboxRow};
use crate::signal::Signal;
use crate::wire;

/// How many deliveries are under way at once.
const AT_ONCE: u32 = 8;

/// How often to look for new messages.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// How long deliveries go on after the last chunk has ended. Messages that are left then stay in the ledger.
const DRAIN: Duration = Duration::from_secs(60);

/// Delivers the messages of a run to the governance webhook.
#[derive(Debug)]
pub struct Postman<'a, L, H, C> {
    /// The ledger whose outbox is delivered.
    pub ledger: &'a L,
    /// Sends them.
    pub http: &'a H,
    /// The time.
    pub clock: &'a C,
    /// The address of the webhook.
    pub url: &'a Url,
    /// The secrets that sign messages. Unsigned messages still carry their id and time, but the receiver cannot tell who sent them.
    pub secrets: Option<&'a Secrets>,
}

/// Whether the receiver wants more messages after a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receiver {
    /// It may be sent more.
    Listening,
    /// 410: nothing more may be sent there.
    Gone,
}

impl<L: Ledger, H: Http, C: Clock> Postman<'_, L, H, C> {
    /// Delivers messages as they become due. Returns when `stop` is raised, when the receiver is gone for good, or, once `done` is
    /// raised, when nothing is left or a minute has passed.
    ///
    /// # Errors
    /// If the ledger fails.
    pub async fn deliver(&self, run_id: &str, done: &Signal, stop: &Signal) -> Result<(), LedgerError> {
        let mut drained_by = None;
        while !stop.is_raised() {
            if done.is_raised() {
                let deadline = *drained_by.get_or_insert_with(|| self.clock.now().plus(DRAIN));
                if self.clock.now() >= deadline {
                    return Ok(());
                }
            }
            let pending = self.ledger.outbox_pending(run_id, AT_ONCE).await?;
            let now = self.clock.now();
            let due = pending.iter().filter(|row| row.due().is_some_and(|due| due <= now));
            let receivers = join_all(due.map(|row| self.attempt(run_id, row))).await;
            if receivers.is_empty() {
                let next = pending.first().and_then(OutboxRow::due);
                if drained_by.is_some_and(|deadline| next.is_none_or(|next| next > deadline)) {
                    return Ok(());
                }
                self.rest(next, done, stop).await;
            }
            for receiver in receivers {
                if receiver? == Receiver::Gone {
                    tracing::warn!("the webhook answered 410: nothing more is sent there");
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Tries once to deliver one message, whether or not it is due.
    ///
    /// # Errors
    /// If the ledger fails.
    pub async fn attempt(&self, run_id: &str, row: &OutboxRow) -> Result<Receiver, LedgerError> {
        let sent = self.clock.now();
        let headers = match self.secrets {
            Some(secrets) => signature_headers(secrets, &row.id, sent, &row.body).to_vec(),
            None => unsigned_headers(&row.id, sent).to_vec(),
        };
        let request = wire::webhook_request(self.url.to_string(), &row.body, headers);
        let answer = wire::send(self.http, self.clock, request).await;
        let now = self.clock.now();
        let (status, pause, why) = match &answer {
            Ok(response) => {
                let pause = retry_after(response, now).map(|pause| pause.as_secs());
                (Some(response.status), pause, format!("the receiver answered {}", response.status))
            }
            Err(no_response) => (None, None, no_response.phrase().to_owned()),
        };
        let (state, receiver) = match judge(&row.id, row.attempts.saturating_add(1), status, pause, now) {
            Delivery::Delivered => (MessageState::Delivered { at: now }, Receiver::Listening),
            Delivery::RetryAt { at } => (MessageState::Pending { due: at, why: Some(why) }, Receiver::Listening),
            Delivery::Disabled => (MessageState::Dead { at: now, why }, Receiver::Gone),
            Delivery::Dead => (MessageState::Dead { at: now, why }, Receiver::Listening),
        };
        // If another process was quicker, the receiver has got the message twice, which its id shows, and the other's count stands.
        self.ledger.outbox_settle(run_id, &row.id, row.attempts, &state).await?;
        Ok(receiver)
    }

    /// Gives up a message without sending it, because its receiver answered another one that it is gone for good.
    ///
    /// # Errors
    /// If the ledger fails.
    pub async fn give_up(&self, run_id: &str, row: &OutboxRow) -> Result<(), LedgerError> {
        let why = "it was not sent: the receiver had answered 410".to_owned();
        let dead = MessageState::Dead { at: self.clock.now(), why };
        self.ledger.outbox_settle(run_id, &row.id, row.attempts, &dead).await.map(|_| ())
    }

    /// Waits until the next message is due, until there may be new ones, or until a signal is raised.
    async fn rest(&self, next: Option<Timestamp>, done: &Signal, stop: &Signal) {
        let look_again = self.clock.now().plus(LOOK_AGAIN);
        let until = next.map_or(look_again, |next| next.min(look_again));
        let sleep = std::pin::pin!(self.clock.sleep_until(until));
        let raised = std::pin::pin!(async {
            if done.is_raised() {
                stop.raised().await;
            } else {
                select(std::pin::pin!(done.raised()), std::pin::pin!(stop.raised())).await;
            }
        });
        select(sleep, raised).await;
    }
}
