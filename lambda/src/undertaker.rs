//! The undertaker. It takes messages that were delivered in vain too often. A chunk that no other message wakes is ended, with the
//! cause. Its dead message is kept where a person can read it, and so is every message that belongs to no chunk. Nothing vanishes.

use std::rc::Rc;

use purge_core::run::{Cause, ChunkView, Order, Outcome, WaitReason};
use purge_core::time::Timestamp;
use purge_driver::{Advance, Clock, Http, Signal, next_look};
use serde_json::{Value, json};
use tracing::Instrument as _;

use crate::batch::{Again, Handled, NoBatch, Received, each};
use crate::bucket::Bucket;
use crate::functions::{Functions, Invocation};
use crate::meter::Meter;
use crate::metrics;
use crate::queue::Queue;
use crate::store::Store;
use crate::wake::{Errand, ErrandKind, MESSAGE_VERSION, WakeUp};

/// Prefix of the keys under which dead messages are kept in the evidence bucket.
pub const DEAD_LETTERS: &str = "dead-letters/";

/// What becomes of a dead message.
enum Fate {
    /// A person must learn of the message and of what became of it, which is this text.
    Buried(String),
    /// Nothing is lost with the message, so nobody need learn of it.
    Settled,
    /// It cannot be decided yet, for this reason.
    Open(String),
}

impl<L: Store, H: Http, C: Clock, Q: Queue, B: Bucket> Functions<'_, L, H, C, Q, B> {
    /// Handles a batch of dead messages.
    ///
    /// # Errors
    /// When the event is no batch.
    pub async fn bury(&self, event: &Value, invocation: &Invocation) -> Result<Value, NoBatch> {
        each(event, || self.clock.now(), |message| self.handle_dead_letter(message, invocation)).await
    }

    pub(crate) async fn handle_dead_letter(
        &self,
        message: Received,
        invocation: &Invocation,
    ) -> Result<Handled, Again> {
        let fate = match (serde_json::from_str::<WakeUp>(&message.body), serde_json::from_str::<Errand>(&message.body))
        {
            (Ok(wake), _) if wake.v == MESSAGE_VERSION => {
                let span = tracing::error_span!("dead", runId = %wake.run_id, chunk = wake.chunk);
                match self.decide_fate(&wake, &message, invocation).instrument(span).await? {
                    Fate::Buried(fate) => fate,
                    Fate::Settled => return Ok(Handled::Done),
                    Fate::Open(why) => return Ok(Handled::NotYet(why)),
                }
            }
            // A message of another version may mean something else, so it does not tell whether its chunk is stalled.
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
                format!("{:?} of run `{}` could not be done; `{again}` does it again", errand.errand, errand.run_id)
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

    /// Decides what becomes of a dead wake-up and its chunk.
    ///
    /// A queue may deliver a message long after another one has done its work, and a worker that is killed takes its whole batch
    /// with it. So a dead wake-up alone says little about its chunk. If the chunk is no longer in the attempt and the wait that the
    /// message was sent for, it gets a wake-up for its present ones. Only if that wake-up dies as well has the chunk been tried in
    /// vain. In a cool-off every look at the policy is a wait of its own, so the replacement is due at the next look, not at the
    /// date.
    async fn decide_fate(&self, wake: &WakeUp, message: &Received, invocation: &Invocation) -> Result<Fate, Again> {
        let (run_id, trace) = (wake.run_id.as_str(), message.traceparent.as_deref());
        let Some(order) = self.ledger.order(run_id).await? else {
            return Ok(Fate::Buried(format!("there is no run `{run_id}`")));
        };
        let Some(row) = self.ledger.chunk(run_id, wake.chunk).await? else {
            return Ok(Fate::Buried(format!("run `{run_id}` has no chunk {}", wake.chunk)));
        };
        if row.run.outcome().is_some() {
            tracing::info!(messageId = %message.id, "a dead wake-up's chunk has ended");
            // Its last worker may have died before it could follow this up.
            return self.follow_up_end(&order, wake.chunk, trace).await.map(|()| Fate::Settled);
        }
        let due = row.run.due().map(|(at, reason)| next_look_at(wake.chunk, at, reason, self.clock.now()));
        let attempt = row.run.attempt();
        let fresh = WakeUp { attempt: Some(attempt), not_before: None, ..wake.clone() };
        match due {
            Some(at) if wake.not_before != Some(at) => {
                tracing::warn!(messageId = %message.id, until = %at, "a dead wake-up is replaced, because its chunk waits");
                self.wake_not_before(fresh, at, trace).await.map(|()| Fate::Settled)
            }
            // A dead letter of an earlier attempt says nothing about the attempt that has been queued since.
            None if wake.attempt.unwrap_or(1) != attempt => {
                tracing::warn!(messageId = %message.id, attempt, "a dead wake-up is replaced, because its chunk is tried again");
                self.wake_at(fresh, self.clock.now(), trace).await.map(|()| Fate::Settled)
            }
            Some(_) | None => self.give_up_chunk(&order, wake.chunk, message, invocation).await,
        }
    }

    /// Ends the chunk as `failed`, or as `unknown` if something may have been deleted.
    async fn give_up_chunk(
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
                self.follow_up_end(order, chunk, message.traceparent.as_deref()).await?;
                let row = self.ledger.chunk(&order.run_id, chunk).await?;
                let fate =
                    row.map_or_else(|| outcome.as_str().to_owned(), |row| describe_end(&row.run.view(), outcome));
                Ok(Fate::Buried(fate))
            }
            Advance::Busy { .. } | Advance::Lost | Advance::Waiting { .. } => {
                Ok(Fate::Open(format!("chunk {chunk} is being worked on")))
            }
            Advance::Absent => Err(Again::Failed(format!("chunk {chunk} is gone"))),
        }
    }
}

/// When a chunk that waits until `at` is to be looked at: in a cool-off also before the date, to ask the policy.
fn next_look_at(chunk: u32, at: Timestamp, reason: WaitReason, now: Timestamp) -> Timestamp {
    if reason == WaitReason::CoolOff { at.min(next_look(chunk, now)) } else { at }
}

/// How a chunk ended, for the person who reads the letter.
fn describe_end(view: &ChunkView, outcome: Outcome) -> String {
    let mut end = format!("chunk {} is {} in attempt {}", view.chunk.index, outcome.as_str(), view.attempt);
    if let Some(cause) = &view.cause {
        end += &format!(": {} ({})", cause.message, cause.code);
        if let Some(id) = &cause.context_id {
            end += &format!(", contextId {id}");
        }
    }
    end
}
