//! The worker: a wake-up comes, its chunk is carried on as far as it goes without waiting, and the next wake-up is sent before this
//! one is done.

use std::rc::Rc;
use std::time::Duration;

use purge_core::outcome::WaitReason;
use purge_core::retry::jittered;
use purge_core::time::Timestamp;
use purge_driver::ledger::LedgerError;
use purge_driver::{Advance, Clock, Http, Signal};
use serde_json::Value;
use tracing::Instrument as _;

use crate::batch::{Again, Handled, NoBatch, Received, each};
use crate::bucket::Bucket;
use crate::functions::{Functions, Invocation};
use crate::meter::Meter;
use crate::policy::BucketPolicy;
use crate::queue::Queue;
use crate::store::Store;
use crate::wake::{LONGEST_DELAY, MESSAGE_VERSION, WakeUp};

/// When to look again after another worker was quicker.
const AFTER_LOST: Duration = Duration::from_secs(1);
/// When to look again after the ledger did not answer.
const AFTER_UNAVAILABLE: Duration = Duration::from_secs(30);
/// When to look again after the invocation ran out of time: whatever was under way is over by then.
const AFTER_CUT_OFF: Duration = Duration::from_secs(60);
/// For how long after a chunk's end a wake-up may be one of those three.
const PERHAPS_UNTOLD: Duration = AFTER_CUT_OFF.saturating_mul(3);
/// Chunks of one run that may ask for a job slot within a second. Each ask is about ten write units of the partition that has their states,
/// and DynamoDB takes a thousand a second there.
const SLOT_ASKS: u64 = 100;

/// How much later than a wait for this reason is over its wake-up may be sent for.
pub(crate) fn longest_line(reason: WaitReason) -> Duration {
    if reason == WaitReason::SlotBusy { LONGEST_DELAY } else { Duration::ZERO }
}

impl<L: Store, H: Http, C: Clock, Q: Queue, B: Bucket> Functions<'_, L, H, C, Q, B> {
    /// Handles a batch of wake-ups.
    ///
    /// # Errors
    /// When the event is no batch.
    pub async fn work(&self, event: &Value, invocation: &Invocation) -> Result<Value, NoBatch> {
        each(event, || self.clock.now(), |message| self.wake(message, invocation)).await
    }

    async fn wake(&self, message: Received, invocation: &Invocation) -> Result<Handled, Again> {
        let wake: WakeUp = serde_json::from_str(&message.body).map_err(|why| Again(format!("no wake-up: {why}")))?;
        if wake.v != MESSAGE_VERSION {
            return Err(Again(format!("a wake-up of version {}", wake.v)));
        }
        // Whatever is logged on the way, by whomever, says of which chunk; also when only errors are logged.
        let span = tracing::error_span!("wake", runId = %wake.run_id, chunk = wake.chunk);
        self.look(wake, message, invocation).instrument(span).await.map(|()| Handled::Done)
    }

    /// Looks at one chunk, and sees to it that somebody looks again.
    async fn look(&self, wake: WakeUp, message: Received, invocation: &Invocation) -> Result<(), Again> {
        let trace = message.traceparent.as_deref().or(invocation.traceparent.as_deref());
        let now = self.clock.now();
        if let Some(at) = wake.not_before.filter(|at| *at > now) {
            return self.wake_not_before(wake, at, trace).await;
        }
        let (run_id, chunk) = (wake.run_id.clone(), wake.chunk);
        let owner = message.owner(&invocation.id);
        let stop = Signal::new();
        let advanced = self.before(invocation.deadline, &stop, self.carry_on(&wake, &owner, &stop)).await;
        let at = |pause: Duration| self.clock.now().plus(pause);
        match advanced {
            Some(Ok((Advance::Waiting { at, reason }, true))) => {
                tracing::info!(until = %at, ?reason, "waits");
                let at = self.in_line(&wake, at, reason).await;
                self.wake_at(wake, at, trace).await
            }
            Some(Ok((Advance::Waiting { at, reason }, false))) => {
                self.stand_by(wake, at, reason, &message.id, trace).await
            }
            Some(Ok((Advance::Done(outcome), worked))) => {
                tracing::info!(outcome = outcome.as_str(), "has ended");
                if !worked && message.receives == 1 && !self.has_just_ended(&run_id, chunk).await? {
                    return Ok(());
                }
                let order = self.ledger.order(&run_id).await?;
                let order = order.ok_or_else(|| Again(format!("run `{run_id}` is gone")))?;
                self.ended(&order, chunk, trace).await
            }
            // Somebody else carries it on; should they fail, this finds out. Waiting is not failing: it uses up no delivery.
            Some(Ok((Advance::Busy { until }, _))) => self.wake_at(wake, until.plus(AFTER_LOST), trace).await,
            Some(Ok((Advance::Lost, _))) => self.wake_at(wake, at(AFTER_LOST), trace).await,
            Some(Ok((Advance::Absent, _))) => Err(Again(format!("run `{run_id}` has no chunk {chunk}"))),
            Some(Err(LedgerError::Unavailable(why))) => {
                tracing::warn!(%why, "the ledger did not answer");
                self.wake_at(wake, at(AFTER_UNAVAILABLE), trace).await
            }
            Some(Err(error @ (LedgerError::Refused(_) | LedgerError::Corrupt(_) | LedgerError::Conflict(_)))) => {
                Err(error.into())
            }
            None => {
                tracing::warn!("out of time");
                self.wake_at(wake, at(AFTER_CUT_OFF), trace).await
            }
        }
    }

    /// This wake-up found its chunk waiting and did nothing: it came early, or it is one too many. Whoever began the wait may have died
    /// before they could send the next wake-up, so one that stands by sends it; one alone, and all others end here. Otherwise every
    /// message that the queue delivers twice would be two messages from then on, until the chunk ends. The one that stands by is
    /// noted before it sends: should it die in between, its message comes again, and is known again by its id.
    async fn stand_by(
        &self,
        wake: WakeUp,
        at: Timestamp,
        reason: WaitReason,
        message: &str,
        trace: Option<&str>,
    ) -> Result<(), Again> {
        // One that was sent for this very wait has nobody beside it that could be relied on.
        let is_awaited = wake.not_before == Some(at);
        if !is_awaited && self.ledger.stands_by(&wake.run_id, wake.chunk, at, message).await == Ok(false) {
            tracing::info!(until = %at, "another wake-up stands by");
            return Ok(());
        }
        let at = self.in_line(&wake, at, reason).await;
        self.wake_not_before(wake, at, trace).await
    }

    /// When somebody is to come back to a wait that is over then. All chunks of a run wait for a job slot at once, and nothing tells
    /// them that one is free: the more they are, the later each asks again, and one of them always asks soon.
    async fn in_line(&self, wake: &WakeUp, at: Timestamp, reason: WaitReason) -> Timestamp {
        let longest = longest_line(reason);
        if longest.is_zero() {
            return at;
        }
        // Whoever cannot look asks early, which is harmless.
        let (Ok(Some(order)), Ok(Some(row))) =
            (self.ledger.order(&wake.run_id).await, self.ledger.chunk(&wake.run_id, wake.chunk).await)
        else {
            return at;
        };
        // One that has a slot waits for jobs of somebody else, and there is no line for that.
        if row.run.wants_slot() {
            return at;
        }
        // A chunk waits half of that on the average.
        let line = Duration::from_secs(u64::from(order.chunks) * 2 / SLOT_ASKS).min(longest);
        at.plus(jittered(&format!("{}/{}", wake.run_id, wake.chunk), at.millis().unsigned_abs(), line, 100))
    }

    /// Whether a wake-up that brought nothing about may have to tell of a chunk's end. Whoever brings an end about tells of it before their
    /// message is done with; that message comes again if they die before, and another one soon if they did not learn what became of
    /// their commit. All others were under way when the chunk ended, and after a cancel that may be one for every chunk. Should a
    /// message be lost all the same, the sweep finds what nobody was told.
    async fn has_just_ended(&self, run_id: &str, chunk: u32) -> Result<bool, LedgerError> {
        let ended_at = self.ledger.chunk(run_id, chunk).await?.and_then(|row| row.run.view().ended_at);
        Ok(ended_at.is_some_and(|at| self.clock.now().since(at) < PERHAPS_UNTOLD))
    }

    /// Where the chunk stands, and whether this delivery has changed anything about it.
    async fn carry_on(&self, wake: &WakeUp, owner: &str, stop: &Signal) -> Result<(Advance, bool), LedgerError> {
        let Some(order) = self.ledger.order(&wake.run_id).await? else { return Ok((Advance::Absent, false)) };
        if order.tenant != self.place.name() {
            return Err(LedgerError::Conflict(format!("run `{}` belongs to {}", wake.run_id, order.tenant)));
        }
        let (sender, meter) = (self.sender(&order), Meter::new(Rc::clone(&order), self.clock.now()));
        let policy = BucketPolicy { bucket: &self.plans, key: self.policy_key };
        let worker = self.worker(&sender, owner, &meter, Some(&policy), stop);
        let advance = worker.advance(&order, wake.chunk, self.pace(&order).await?).await?;
        Ok((advance, meter.has_worked()))
    }
}
