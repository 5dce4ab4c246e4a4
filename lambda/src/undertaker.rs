//! The undertaker: messages that were delivered in vain too often. A chunk that nothing else wakes is marked with the cause; what is
//! no chunk is kept where a person can read it. Nothing vanishes.

use std::rc::Rc;

use purge_core::run::{Cause, ChunkView, Order, Outcome, WaitReason};
use purge_core::time::Timestamp;
use purge_driver::{Advance, Clock, Http, Signal, next_look};
use serde_json::{Value, json};
use tracing::Instrument as _;

use crate::batch::{Again, Handled, NoBatch, Received, each};
use crate::bucket::{Bucket, BucketError};
use crate::functions::{Functions, Invocation};
use crate::meter::Meter;
use crate::metrics;
use crate::queue::Queue;
use crate::store::Store;
use crate::wake::{Errand, ErrandKind, MESSAGE_VERSION, WakeUp};

/// Where dead messages are kept in the evidence bucket.
pub const DEAD_LETTERS: &str = "dead-letters/";

/// What becomes of a dead message.
enum Fate {
    /// A person must read of it, and of this.
    Buried(String),
    /// Nothing is lost with it, so that nobody need read of it.
    Settled,
    /// It is not to be said yet, for this reason.
    Open(String),
}

impl<L: Store, H: Http, C: Clock, Q: Queue, B: Bucket> Functions<'_, L, H, C, Q, B> {
    /// Handles a batch of dead messages.
    ///
    /// # Errors
    /// When the event is no batch.
    pub async fn bury(&self, event: &Value, invocation: &Invocation) -> Result<Value, NoBatch> {
        each(event, || self.clock.now(), |message| self.dead(message, invocation)).await
    }

    pub(crate) async fn dead(&self, message: Received, invocation: &Invocation) -> Result<Handled, Again> {
        let fate = match (serde_json::from_str::<WakeUp>(&message.body), serde_json::from_str::<Errand>(&message.body))
        {
            (Ok(wake), _) if wake.v == MESSAGE_VERSION => {
                let span = tracing::error_span!("dead", runId = %wake.run_id, chunk = wake.chunk);
                match self.missed(&wake, &message, invocation).instrument(span).await? {
                    Fate::Buried(fate) => fate,
                    Fate::Settled => return Ok(Handled::Done),
                    Fate::Open(why) => return Ok(Handled::NotYet(why)),
                }
            }
            // Whether its chunk stands still is not to be known from a message that says something else than this program reads.
            (Ok(wake), _) => {
                format!("it is of version {}; `resume` wakes run `{}` if it stands still", wake.v, wake.run_id)
            }
            (Err(_), Ok(errand)) => {
                let again = match &errand.errand {
                    ErrandKind::Retry(_) => "retry",
                    ErrandKind::FanOut { .. }
                    | ErrandKind::Deliver { .. }
                    | ErrandKind::Sweep(_)
                    | ErrandKind::Evidence => "resume",
                };
                format!("nobody could run {:?} of run `{}`; `{again}` does it again", errand.errand, errand.run_id)
            }
            (Err(why), Err(_)) => format!("it is no wake-up: {why}"),
        };
        tracing::error!(messageId = %message.id, body = %message.body, %fate, "a message was delivered in vain too often");
        let letter = json!({
            "message": message.id,
            "body": message.body,
            "receives": message.receives,
            "buriedAt": self.clock.now(),
            "fate": fate,
        });
        let name: String =
            message.id.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect();
        self.evidence.write(&format!("{DEAD_LETTERS}{name}.json"), format!("{letter}\n")).await?;
        metrics::write(&metrics::dead_letter(self.clock.now(), &message.id));
        Ok(Handled::Done)
    }

    /// What becomes of a dead wake-up and its chunk.
    ///
    /// A queue may deliver a message long after another has done its work, and a worker that is killed takes all of its batch with
    /// it, so a dead wake-up alone says little of its chunk. If the chunk is not in the very attempt and wait that the message was sent
    /// for, it gets a wake-up that was. Only when that one is dead, too, has the chunk been tried in vain. In a cool-off every look at
    /// the policy is a wait of its own: whoever comes instead must come for the next one, not for the date.
    async fn missed(&self, wake: &WakeUp, message: &Received, invocation: &Invocation) -> Result<Fate, Again> {
        let (run_id, trace) = (wake.run_id.as_str(), message.traceparent.as_deref());
        let Some(order) = self.ledger.order(run_id).await? else {
            return Ok(Fate::Buried(format!("there is no run `{run_id}`")));
        };
        let Some(row) = self.ledger.chunk(run_id, wake.chunk).await? else {
            return Ok(Fate::Buried(format!("run `{run_id}` has no chunk {}", wake.chunk)));
        };
        if row.run.outcome().is_some() {
            tracing::info!(messageId = %message.id, "a dead wake-up's chunk has ended");
            // Perhaps that was all that its last worker could still do.
            return self.ended(&order, wake.chunk, trace).await.map(|()| Fate::Settled);
        }
        let due = row.run.due().map(|(at, reason)| due(wake.chunk, at, reason, self.clock.now()));
        let attempt = row.run.attempt();
        let fresh = WakeUp { attempt: Some(attempt), not_before: None, ..wake.clone() };
        match due {
            Some(at) if wake.not_before != Some(at) => {
                tracing::warn!(messageId = %message.id, until = %at, "a dead wake-up is replaced, because its chunk waits");
                self.wake_not_before(fresh, at, trace).await.map(|()| Fate::Settled)
            }
            // The letter of an attempt that is over says nothing of the one that has been queued since.
            None if wake.attempt.unwrap_or(1) != attempt => {
                tracing::warn!(messageId = %message.id, attempt, "a dead wake-up is replaced, because its chunk is tried again");
                self.wake_at(fresh, self.clock.now(), trace).await.map(|()| Fate::Settled)
            }
            Some(_) | None => self.fail(&order, wake.chunk, message, invocation).await,
        }
    }

    /// Marks the chunk as failed, or unknown if something may have been deleted.
    async fn fail(
        &self,
        order: &Rc<Order>,
        chunk: u32,
        message: &Received,
        invocation: &Invocation,
    ) -> Result<Fate, Again> {
        let meter = Meter::new(Rc::clone(order), self.clock.now());
        let (sender, stop) = (self.sender(order), Signal::new());
        let owner = message.owner(&invocation.id);
        let cause =
            Cause::new("message.dead", "its wake-ups were delivered in vain too often; the workers' log says why");
        match self.worker(&sender, &owner, &meter, None, &stop).abandon(order, chunk, cause).await? {
            Advance::Done(outcome) => {
                self.ended(order, chunk, message.traceparent.as_deref()).await?;
                let row = self.ledger.chunk(&order.run_id, chunk).await?;
                let fate = row.map_or_else(|| outcome.as_str().to_owned(), |row| fate(&row.run.view(), outcome));
                Ok(Fate::Buried(fate))
            }
            Advance::Busy { .. } | Advance::Lost | Advance::Waiting { .. } => {
                Ok(Fate::Open(format!("somebody works on chunk {chunk}")))
            }
            Advance::Absent => Err(Again(format!("chunk {chunk} is gone"))),
        }
    }
}

/// When somebody is to look at a chunk that waits until then: in a cool-off also before the date, to ask the policy.
fn due(chunk: u32, at: Timestamp, reason: WaitReason, now: Timestamp) -> Timestamp {
    if reason == WaitReason::CoolOff { at.min(next_look(chunk, now)) } else { at }
}

/// How a chunk ended, for the person who reads the letter.
fn fate(view: &ChunkView, outcome: Outcome) -> String {
    let mut fate = format!("chunk {} is {} in attempt {}", view.chunk.index, outcome.as_str(), view.attempt);
    if let Some(cause) = &view.cause {
        fate += &format!(": {} ({})", cause.message, cause.code);
        if let Some(id) = &cause.context_id {
            fate += &format!(", contextId {id}");
        }
    }
    fate
}

impl From<BucketError> for Again {
    fn from(error: BucketError) -> Self {
        Self(error.to_string())
    }
}
