//! The courier. It runs errands, which are about a run rather than a chunk: it wakes the chunks of a run, delivers messages to the
//! governance system, and writes the evidence.

use std::time::Duration;

use purge_core::json::digest;
use purge_core::report::RunOutcome;
use purge_core::time::Timestamp;
use purge_driver::ledger::{OutboxRow, Unfinished};
use purge_driver::{Clock, Http, Postman, Receiver};
use serde_json::Value;
use tracing::Instrument as _;

use crate::batch::{Again, Handled, NoBatch, Received, each};
use crate::bucket::Bucket;
use crate::evidence::{self, Proof};
use crate::functions::{Functions, Invocation, LAST_WORDS};
use crate::login::Webhook;
use crate::metrics;
use crate::queue::{Delayed, Queue};
use crate::store::Store;
use crate::wake::{Errand, ErrandKind, MESSAGE_VERSION, WakeUp};
use crate::worker::AFTER_UNAVAILABLE;

/// Chunks that are woken between two looks at the clock.
const PAGE: u32 = 2_000;
/// How long the evidence of a run that has ended waits for the run's messages. Once the last one is delivered, it waits no longer.
pub(crate) const MESSAGES_PATIENCE: Duration = Duration::from_secs(15 * 60);

/// How often in a row an errand is sent again because the ledger does not answer: for ten minutes. A queue's alarms see only messages
/// that grow old or come again, which a new message never does.
const MOST_UNANSWERED: u32 = 20;

impl<L: Store, H: Http, C: Clock, Q: Queue, B: Bucket> Functions<'_, L, H, C, Q, B> {
    /// Handles a batch of errands. `webhook` reads where messages go. It is called anew for every delivery, and for no other
    /// errand, because a secret that cannot be read must not prevent runs from being woken.
    ///
    /// # Errors
    /// When the event is no batch.
    pub async fn run_errands(
        &self,
        event: &Value,
        webhook: &impl AsyncFn() -> Result<Option<Webhook>, String>,
        invocation: &Invocation,
    ) -> Result<Value, NoBatch> {
        each(event, || self.clock.now(), |message| self.handle_errand(message, webhook, invocation)).await
    }

    async fn handle_errand(
        &self,
        message: Received,
        webhook: &impl AsyncFn() -> Result<Option<Webhook>, String>,
        invocation: &Invocation,
    ) -> Result<Handled, Again> {
        let errand: Errand =
            serde_json::from_str(&message.body).map_err(|why| Again::Failed(format!("no errand: {why}")))?;
        if errand.v != MESSAGE_VERSION {
            return Err(Again::Failed(format!("an errand of version {}", errand.v)));
        }
        let span = tracing::error_span!("errand", runId = %errand.run_id);
        self.run_errand(errand, &message, webhook, invocation).instrument(span).await.map(|()| Handled::Done)
    }

    /// Runs one errand. If the ledger does not answer, the errand is sent again: waiting is no failure and uses up no delivery. After
    /// [`MOST_UNANSWERED`] times it is a failure, of which alarms tell.
    async fn run_errand(
        &self,
        errand: Errand,
        message: &Received,
        webhook: &impl AsyncFn() -> Result<Option<Webhook>, String>,
        invocation: &Invocation,
    ) -> Result<(), Again> {
        let trace = message.traceparent.as_deref().or(invocation.traceparent.as_deref());
        let unanswered = errand.unanswered.saturating_add(1);
        let fresh = Errand { unanswered: 0, ..errand };
        match self.try_errand(fresh.clone(), message, webhook, invocation, trace).await {
            Err(Again::Unavailable(why)) if unanswered <= MOST_UNANSWERED => {
                tracing::warn!(%why, "the ledger did not answer");
                self.errand_at(Errand { unanswered, ..fresh }, self.clock.now().plus(AFTER_UNAVAILABLE), trace).await
            }
            done @ (Ok(()) | Err(Again::Unavailable(_) | Again::Failed(_))) => done,
        }
    }

    async fn try_errand(
        &self,
        errand: Errand,
        message: &Received,
        webhook: &impl AsyncFn() -> Result<Option<Webhook>, String>,
        invocation: &Invocation,
        trace: Option<&str>,
    ) -> Result<(), Again> {
        if let Some(at) = errand.not_before.filter(|at| *at > self.clock.now()) {
            return self.errand_at(errand, at, trace).await;
        }
        match &errand.errand {
            ErrandKind::FanOut { after } => self.fan_out(&errand.run_id, *after, invocation.deadline, trace).await,
            ErrandKind::Deliver { message } => {
                let message = message.clone();
                self.deliver(errand, &message, webhook, trace).await
            }
            ErrandKind::Sweep(sweep) => self.sweep_run(&errand.run_id, sweep.clone(), invocation.deadline, trace).await,
            ErrandKind::Retry(retry) => {
                self.retry_chunks(&errand.run_id, retry, invocation, &message.owner(&invocation.id), trace).await
            }
            ErrandKind::Evidence => self.write_evidence(errand, trace).await,
        }
    }

    /// Wakes these chunks.
    pub(crate) async fn wake_chunks(&self, run_id: &str, chunks: &[u32], trace: Option<&str>) -> Result<(), Again> {
        let body = |chunk: &u32| serde_json::to_string(&WakeUp::new(run_id, *chunk)).unwrap_or_default();
        let wakes = chunks.iter().map(|chunk| Delayed { body: body(chunk), delay_seconds: 0 }).collect();
        Ok(self.chunks.send(wakes, trace).await?)
    }

    /// Whether the invocation has no time for more, so that what is left is for another errand.
    pub(crate) fn is_out_of_time(&self, deadline: Timestamp) -> bool {
        self.clock.now().plus(LAST_WORDS * 2) >= deadline
    }

    /// Wakes the open chunks after `after`, as many as there is time for; the rest is for another errand.
    async fn fan_out(&self, run_id: &str, after: u32, deadline: Timestamp, trace: Option<&str>) -> Result<(), Again> {
        let mut after = after;
        loop {
            let open = self.ledger.open_chunks(run_id, after, PAGE).await?;
            let Some(&last) = open.last() else { return Ok(()) };
            self.wake_chunks(run_id, &open, trace).await?;
            tracing::info!(from = after, to = last, "woken");
            after = last;
            if self.is_out_of_time(deadline) {
                let rest = Errand::new(run_id, ErrandKind::FanOut { after });
                return self.errand_at(rest, self.clock.now(), trace).await;
            }
        }
    }

    /// Makes one attempt at delivering one message. The next attempt is another errand.
    async fn deliver(
        &self,
        errand: Errand,
        message: &str,
        webhook: &impl AsyncFn() -> Result<Option<Webhook>, String>,
        trace: Option<&str>,
    ) -> Result<(), Again> {
        let run_id = errand.run_id.as_str();
        let Some(row) = self.ledger.message(run_id, message).await? else {
            return Err(Again::Failed(format!("run `{run_id}` has no message `{message}`")));
        };
        // A courier may have delivered it and died before it could go on.
        let Some(due) = row.due() else { return self.follow_up_last_message(run_id, trace).await };
        if due <= self.clock.now() {
            let webhook = webhook().await.map_err(|why| Again::Failed(format!("the webhook's secret: {why}")))?;
            let Some(webhook) = webhook else { return Err(Again::Failed("no webhook is configured".to_owned())) };
            let postman = Postman {
                ledger: self.ledger,
                http: self.http,
                clock: self.clock,
                url: &webhook.url,
                secrets: webhook.secrets.as_ref(),
            };
            let receiver = digest(webhook.url.to_string().as_bytes());
            if self.ledger.gone(run_id).await?.is_some_and(|gone| gone == receiver) {
                postman.give_up(run_id, &row).await?;
            } else if postman.attempt(run_id, &row).await.map_err(|why| Again::Failed(why.to_string()))?
                == Receiver::Gone
            {
                tracing::warn!("the webhook answered 410: nothing more of this run is sent there");
                self.ledger.note_gone(run_id, &receiver).await?;
            }
        }
        let next = self.ledger.message(run_id, message).await?.as_ref().and_then(OutboxRow::due);
        match next {
            Some(due) => self.errand_at(errand, due, trace).await,
            None => self.follow_up_last_message(run_id, trace).await,
        }
    }

    /// Sends the errand that writes the evidence, if the run has ended and none of its messages needs another attempt.
    async fn follow_up_last_message(&self, run_id: &str, trace: Option<&str>) -> Result<(), Again> {
        if !self.ledger.outbox_pending(run_id, 1).await?.is_empty() {
            return Ok(());
        }
        let Some(row) = self.ledger.run(run_id).await? else { return Ok(()) };
        if row.open > 0 {
            return Ok(());
        }
        let now = self.clock.now();
        self.ledger.note_woken(run_id, now).await?;
        self.errand_at(Errand::new(run_id, ErrandKind::Evidence), now, trace).await
    }

    /// Writes the evidence of a run that has ended. It waits a while for messages that are still to be delivered, because their
    /// delivery is part of the evidence.
    async fn write_evidence(&self, errand: Errand, trace: Option<&str>) -> Result<(), Again> {
        let run_id = errand.run_id.as_str();
        // Read first: if the run is opened again after this, `finish` will not take it off the list. A run that is not on the list
        // has its evidence. It comes back onto the list when it is opened again, and when an older state was written in place of a
        // newer one.
        let Some(seen) = self.ledger.unfinished_run(run_id).await? else { return Ok(()) };
        let Some(row) = self.ledger.run(run_id).await? else {
            return Err(Again::Failed(format!("there is no run `{run_id}`")));
        };
        if row.open > 0 {
            return Ok(());
        }
        let (now, until) = (self.clock.now(), row.updated_at.plus(MESSAGES_PATIENCE));
        let waiting = !self.ledger.outbox_pending(run_id, 1).await?.is_empty();
        if waiting && now < until {
            return self.errand_at(errand, until, trace).await;
        }
        // Evidence that was written with messages still pending is not written again for every errand, but only once they are all
        // delivered.
        if waiting
            && self.sends_messages
            && evidence::latest(&self.evidence, run_id).await?.is_some_and(|it| it.written_at >= until)
        {
            return Ok(());
        }
        let outbox = self.ledger.outbox(run_id).await?;
        let records = evidence::records(self.ledger, run_id).await?;
        // Read after the records, which refer to them.
        let policies = self.ledger.policies(run_id).await?;
        if !self.is_unchanged(&seen).await? {
            // The run was changed while it was read, so what was read is not one state of it.
            return self.errand_at(Errand::new(run_id, ErrandKind::Evidence), self.clock.now(), trace).await;
        }
        let proof = Proof::of(&row, &records, &outbox, &policies, now)?;
        let (changed, simulated) = (row.updated_at, row.order.simulated);
        // The proof has copies of these, and memory limits how large a run may be.
        drop((row, records, outbox, policies));
        let stored = proof.store(&self.evidence, now).await?;
        // Before the pointer: if this courier dies with it, the next one finds nothing new, and would call nobody.
        if stored.is_first(changed) && needs_attention(stored.latest.outcome) {
            metrics::write(&metrics::not_verified(self.clock.now(), run_id, simulated, stored.latest.outcome));
        }
        stored.publish(&self.evidence).await?;
        tracing::info!(digest = %stored.latest.manifest_digest, folder = %stored.latest.folder, "evidence is in the bucket");
        let unchanged = if waiting && self.sends_messages {
            self.is_unchanged(&seen).await?
        } else {
            // If messages are no longer sent at all, those that are pending do not keep the run unfinished.
            self.ledger.finish(&seen).await?
        };
        if !unchanged && stored.is_new() {
            // Another process was quicker, perhaps with a later state, in whose place the pointer now names this one. So the
            // evidence is written once more, from the newest state.
            self.ledger.look_after(run_id, now).await?;
            return self.errand_at(Errand::new(run_id, ErrandKind::Evidence), self.clock.now(), trace).await;
        }
        Ok(())
    }

    /// Whether the run has been neither opened nor finished since it was read as `seen`.
    async fn is_unchanged(&self, seen: &Unfinished) -> Result<bool, Again> {
        Ok(self.ledger.unfinished_run(&seen.run_id).await?.is_some_and(|now| now.is_still(seen)))
    }
}

/// Whether a person must look at how a run ended. The person who cancelled a run knows already.
fn needs_attention(outcome: RunOutcome) -> bool {
    match outcome {
        RunOutcome::Verified | RunOutcome::Cancelled | RunOutcome::Open => false,
        RunOutcome::Partial
        | RunOutcome::Residual
        | RunOutcome::Unknown
        | RunOutcome::Held
        | RunOutcome::Rejected
        | RunOutcome::Failed => true,
    }
}
