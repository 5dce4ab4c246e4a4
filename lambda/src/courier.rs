//! The courier: everything that is not a chunk. The first wake-ups of a run, messages to the governance system, the evidence.

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

/// Chunks woken between two looks at the clock.
const PAGE: u32 = 2_000;
/// How long evidence waits for the messages about it. Whoever has delivered the last one does not let it wait any longer.
pub(crate) const MESSAGES_PATIENCE: Duration = Duration::from_secs(15 * 60);

impl<L: Store, H: Http, C: Clock, Q: Queue, B: Bucket> Functions<'_, L, H, C, Q, B> {
    /// Handles a batch of errands. `webhook` reads whom to tell: asked for every delivery anew, and for no other errand, because a
    /// secret that cannot be read must not keep runs from being woken.
    ///
    /// # Errors
    /// When the event is no batch.
    pub async fn run_errands(
        &self,
        event: &Value,
        webhook: &impl AsyncFn() -> Result<Option<Webhook>, String>,
        invocation: &Invocation,
    ) -> Result<Value, NoBatch> {
        each(event, || self.clock.now(), |message| self.errand(message, webhook, invocation)).await
    }

    async fn errand(
        &self,
        message: Received,
        webhook: &impl AsyncFn() -> Result<Option<Webhook>, String>,
        invocation: &Invocation,
    ) -> Result<Handled, Again> {
        let errand: Errand = serde_json::from_str(&message.body).map_err(|why| Again(format!("no errand: {why}")))?;
        if errand.v != MESSAGE_VERSION {
            return Err(Again(format!("an errand of version {}", errand.v)));
        }
        let span = tracing::error_span!("errand", runId = %errand.run_id);
        self.run_errand(errand, &message, webhook, invocation).instrument(span).await.map(|()| Handled::Done)
    }

    async fn run_errand(
        &self,
        errand: Errand,
        message: &Received,
        webhook: &impl AsyncFn() -> Result<Option<Webhook>, String>,
        invocation: &Invocation,
    ) -> Result<(), Again> {
        let trace = message.traceparent.as_deref().or(invocation.traceparent.as_deref());
        if let Some(at) = errand.not_before.filter(|at| *at > self.clock.now()) {
            return self.errand_at(errand, at, trace).await;
        }
        match &errand.errand {
            ErrandKind::FanOut { after } => self.fan_out(&errand.run_id, *after, invocation.deadline, trace).await,
            ErrandKind::Deliver { message } => {
                let message = message.clone();
                self.deliver(errand, &message, webhook, trace).await
            }
            ErrandKind::Sweep(sweep) => {
                self.look_after(&errand.run_id, sweep.clone(), invocation.deadline, trace).await
            }
            ErrandKind::Retry(retry) => {
                self.try_again(&errand.run_id, retry, invocation, &message.owner(&invocation.id), trace).await
            }
            ErrandKind::Evidence => self.prove(errand, trace).await,
        }
    }

    /// Wakes these chunks.
    pub(crate) async fn wake_chunks(&self, run_id: &str, chunks: &[u32], trace: Option<&str>) -> Result<(), Again> {
        let body = |chunk: &u32| serde_json::to_string(&WakeUp::new(run_id, *chunk)).unwrap_or_default();
        let wakes = chunks.iter().map(|chunk| Delayed { body: body(chunk), delay_seconds: 0 }).collect();
        Ok(self.chunks.send(wakes, trace).await?)
    }

    /// Whether there is no time for more: what is left is for another errand.
    pub(crate) fn is_out_of_time(&self, deadline: Timestamp) -> bool {
        self.clock.now().plus(LAST_WORDS * 2) >= deadline
    }

    /// Wakes the open chunks after this one, as many as there is time for; the rest is another errand.
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

    /// One attempt at one message; the next is another errand.
    async fn deliver(
        &self,
        errand: Errand,
        message: &str,
        webhook: &impl AsyncFn() -> Result<Option<Webhook>, String>,
        trace: Option<&str>,
    ) -> Result<(), Again> {
        let run_id = errand.run_id.as_str();
        let Some(row) = self.ledger.message(run_id, message).await? else {
            return Err(Again(format!("run `{run_id}` has no message `{message}`")));
        };
        // Perhaps whoever delivered it died before they could say so.
        let Some(due) = row.due() else { return self.told(run_id, trace).await };
        if due <= self.clock.now() {
            let webhook = webhook().await.map_err(|why| Again(format!("the webhook's secret: {why}")))?;
            let Some(webhook) = webhook else { return Err(Again("there is nobody to tell".to_owned())) };
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
            } else if postman.attempt(run_id, &row).await? == Receiver::Gone {
                tracing::warn!("the webhook answered 410: nothing more of this run is sent there");
                self.ledger.note_gone(run_id, &receiver).await?;
            }
        }
        let next = self.ledger.message(run_id, message).await?.as_ref().and_then(OutboxRow::due);
        match next {
            Some(due) => self.errand_at(errand, due, trace).await,
            None => self.told(run_id, trace).await,
        }
    }

    /// A message needs no further attempt. After the last one of a run that has ended, the evidence need not wait.
    async fn told(&self, run_id: &str, trace: Option<&str>) -> Result<(), Again> {
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

    /// Puts the evidence into its bucket once all is said; messages that are still under way are waited for, for a while.
    async fn prove(&self, errand: Errand, trace: Option<&str>) -> Result<(), Again> {
        let run_id = errand.run_id.as_str();
        // Before anything else is looked at: should the run be opened again meanwhile, it is not finished. One that is not on the list
        // has its evidence: whoever opens it, or has put an older state before a newer one, puts it there again.
        let Some(seen) = self.ledger.unfinished_run(run_id).await? else { return Ok(()) };
        let Some(row) = self.ledger.run(run_id).await? else {
            return Err(Again(format!("there is no run `{run_id}`")));
        };
        if row.open > 0 {
            return Ok(());
        }
        let (now, until) = (self.clock.now(), row.updated_at.plus(MESSAGES_PATIENCE));
        let waiting = !self.ledger.outbox_pending(run_id, 1).await?.is_empty();
        if waiting && now < until {
            return self.errand_at(errand, until, trace).await;
        }
        // Evidence that has waited in vain is not written again for every errand: it comes once more when all is delivered.
        if waiting
            && self.tell
            && evidence::latest(&self.evidence, run_id).await?.is_some_and(|it| it.written_at >= until)
        {
            return Ok(());
        }
        let outbox = self.ledger.outbox(run_id).await?;
        let records = evidence::records(self.ledger, run_id).await?;
        // After the records, which name them.
        let policies = self.ledger.policies(run_id).await?;
        if !self.is_as_seen(&seen).await? {
            // What was read while somebody went on with the run is no state of it.
            return self.errand_at(Errand::new(run_id, ErrandKind::Evidence), self.clock.now(), trace).await;
        }
        let proof = Proof::of(&row, &records, &outbox, &policies, now)?;
        let (changed, simulated) = (row.updated_at, row.order.simulated);
        // It has a copy of all that, and memory is what bounds a run.
        drop((row, records, outbox, policies));
        let written = proof.write(&self.evidence, now).await?;
        tracing::info!(digest = %written.latest.manifest_digest, folder = %written.latest.folder, "evidence is in the bucket");
        if written.is_first(changed) && calls_for_somebody(written.latest.outcome) {
            metrics::write(&metrics::not_verified(now, run_id, simulated, written.latest.outcome));
        }
        let as_seen = if waiting && self.tell {
            self.is_as_seen(&seen).await?
        } else {
            // Messages that nobody sends any more keep no run from being finished.
            self.ledger.finish(&seen).await?
        };
        if !as_seen && written.is_new() {
            // Somebody else was quicker, perhaps with a later state, and this has come to stand before it: what is the newest is looked
            // up once more.
            self.ledger.look_after(run_id, now).await?;
            return self.errand_at(Errand::new(run_id, ErrandKind::Evidence), self.clock.now(), trace).await;
        }
        Ok(())
    }

    /// Whether nobody has opened or finished the run since.
    async fn is_as_seen(&self, seen: &Unfinished) -> Result<bool, Again> {
        Ok(self.ledger.unfinished_run(&seen.run_id).await?.is_some_and(|now| now.is_still(seen)))
    }
}

/// Whether a person must look at how a run ended. Whoever cancelled one knows.
fn calls_for_somebody(outcome: RunOutcome) -> bool {
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
