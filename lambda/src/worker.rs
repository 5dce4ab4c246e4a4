//! The worker. It carries the chunk of a wake-up on as far as possible without waiting, and sends the next wake-up before this one
//! is done.

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

/// Pause before the next look after another worker was quicker.
const AFTER_LOST: Duration = Duration::from_secs(1);
/// Pause before the next look after the ledger did not answer.
pub(crate) const AFTER_UNAVAILABLE: Duration = Duration::from_secs(30);
/// Pause before the next look after the invocation ran out of time: by then, whatever was under way is over.
const AFTER_CUT_OFF: Duration = Duration::from_secs(60);
/// For how long after a chunk's end a wake-up may still be due from one of these three pauses, or from the end of a lease.
const PERHAPS_NOT_FOLLOWED_UP: Duration = AFTER_CUT_OFF.saturating_mul(3);
/// Chunks of one run that may ask for a job slot within a second. Asking takes about ten write units of the partition with the
/// chunks' states, and DynamoDB allows a thousand per second for a partition.
const SLOT_ASKS: u64 = 100;

/// How long after the end of a wait for this reason its wake-up may come at the latest.
pub(crate) fn longest_extra_delay(reason: WaitReason) -> Duration {
    if reason == WaitReason::SlotBusy { LONGEST_DELAY } else { Duration::ZERO }
}

impl<L: Store, H: Http, C: Clock, Q: Queue, B: Bucket> Functions<'_, L, H, C, Q, B> {
    /// Handles a batch of wake-ups.
    ///
    /// # Errors
    /// When the event is no batch.
    pub async fn work(&self, event: &Value, invocation: &Invocation) -> Result<Value, NoBatch> {
        each(event, || self.clock.now(), |message| self.handle_wake_up(message, invocation)).await
    }

    async fn handle_wake_up(&self, message: Received, invocation: &Invocation) -> Result<Handled, Again> {
        let wake: WakeUp =
            serde_json::from_str(&message.body).map_err(|why| Again::Failed(format!("no wake-up: {why}")))?;
        if wake.v != MESSAGE_VERSION {
            return Err(Again::Failed(format!("a wake-up of version {}", wake.v)));
        }
        // Everything that is logged meanwhile names the chunk. The span has the level of errors, so that it is there when only
        // errors are logged.
        let span = tracing::error_span!("wake", runId = %wake.run_id, chunk = wake.chunk);
        self.look_at_chunk(wake, message, invocation).instrument(span).await.map(|()| Handled::Done)
    }

    /// Looks at one chunk, and ensures that there is a next look as long as it is needed.
    async fn look_at_chunk(&self, wake: WakeUp, message: Received, invocation: &Invocation) -> Result<(), Again> {
        let trace = message.traceparent.as_deref().or(invocation.traceparent.as_deref());
        let now = self.clock.now();
        if let Some(at) = wake.not_before.filter(|at| *at > now) {
            return self.wake_not_before(wake, at, trace).await;
        }
        let (run_id, chunk) = (wake.run_id.clone(), wake.chunk);
        let owner = message.owner(&invocation.id);
        let stop = Signal::new();
        let advanced = self.work_until(invocation.deadline, &stop, self.carry_on(&wake, &owner, &stop)).await;
        let at = |pause: Duration| self.clock.now().plus(pause);
        match advanced {
            Some(Ok((Advance::Waiting { at, reason }, true))) => {
                tracing::info!(until = %at, ?reason, "waits");
                let at = self.next_look_after(&wake, at, reason).await;
                self.wake_at(wake, at, trace).await
            }
            Some(Ok((Advance::Waiting { at, reason }, false))) => {
                self.stand_by(wake, at, reason, &message.id, trace).await
            }
            Some(Ok((Advance::Done(outcome), changed))) => {
                tracing::info!(outcome = outcome.as_str(), "has ended");
                if !changed && message.receives == 1 && !self.may_have_been_its_end(&wake).await? {
                    return Ok(());
                }
                let order = self.ledger.order(&run_id).await?;
                let order = order.ok_or_else(|| Again::Failed(format!("run `{run_id}` is gone")))?;
                self.follow_up_end(&order, chunk, trace).await
            }
            // Another worker has the chunk. Should it die, the next look notices, even if it dies after the chunk's end: the message
            // that it works on may be this very one, which is then not delivered again. Waiting is not failing: it uses up no
            // delivery.
            Some(Ok((Advance::Busy { until }, _))) => self.wake_not_before(wake, until.plus(AFTER_LOST), trace).await,
            Some(Ok((Advance::Lost, _))) => self.wake_not_before(wake, at(AFTER_LOST), trace).await,
            Some(Ok((Advance::Absent, _))) => Err(Again::Failed(format!("run `{run_id}` has no chunk {chunk}"))),
            Some(Err(LedgerError::Unavailable(why))) => {
                tracing::warn!(%why, "the ledger did not answer");
                self.wake_not_before(wake, at(AFTER_UNAVAILABLE), trace).await
            }
            Some(Err(error @ (LedgerError::Refused(_) | LedgerError::Corrupt(_) | LedgerError::Conflict(_)))) => {
                Err(error.into())
            }
            None => {
                tracing::warn!("out of time");
                self.wake_not_before(wake, at(AFTER_CUT_OFF), trace).await
            }
        }
    }

    /// Handles a wake-up that found its chunk waiting and changed nothing: it came early, or it is one too many. The worker that
    /// began the wait may have died before it could send the next wake-up, so one wake-up stands by and sends it; all others end
    /// here. Otherwise every message that the queue delivers twice would be two messages until the chunk ends. The ledger notes
    /// which one stands by before that one sends. Should its worker die in between, the message is delivered again, and is
    /// recognised by its id.
    async fn stand_by(
        &self,
        wake: WakeUp,
        at: Timestamp,
        reason: WaitReason,
        message: &str,
        trace: Option<&str>,
    ) -> Result<(), Again> {
        // A wake-up that was sent for this very wait always goes on: there may be no other one to rely on.
        let is_awaited = wake.not_before == Some(at);
        if !is_awaited && self.ledger.stands_by(&wake.run_id, wake.chunk, at, message).await == Ok(false) {
            tracing::info!(until = %at, "another wake-up stands by");
            return Ok(());
        }
        let at = self.next_look_after(&wake, at, reason).await;
        self.wake_not_before(wake, at, trace).await
    }

    /// When to look again at a chunk whose wait ends at `at`. All chunks of a run wait for a job slot at once, and nothing tells
    /// them that one is free. So the more chunks there are, the later each of them asks again; some chunk always asks soon.
    async fn next_look_after(&self, wake: &WakeUp, at: Timestamp, reason: WaitReason) -> Timestamp {
        let longest = longest_extra_delay(reason);
        if longest.is_zero() {
            return at;
        }
        // Without an answer from the ledger the chunk asks early, which is harmless.
        let (Ok(Some(order)), Ok(Some(row))) =
            (self.ledger.order(&wake.run_id).await, self.ledger.chunk(&wake.run_id, wake.chunk).await)
        else {
            return at;
        };
        // A chunk that has a slot waits for jobs of the organisation that are not in this ledger; it does not compete with other
        // chunks.
        if row.run.wants_slot() {
            return at;
        }
        // On average a chunk waits half of this.
        let spread = Duration::from_secs(u64::from(order.chunks) * 2 / SLOT_ASKS).min(longest);
        at.plus(jittered(&format!("{}/{}", wake.run_id, wake.chunk), at.millis().unsigned_abs(), spread, 100))
    }

    /// Whether a wake-up that changed nothing may have to follow up the end of its chunk. The worker that ends a chunk follows that
    /// up before its message is done. If it dies before, the message is delivered again. If it does not learn what became of its
    /// commit, it sends another message, and so does whoever found it at work. Such a message names the time that it is sent for:
    /// soon after the end, however late it comes. All other wake-ups were under way when the chunk ended, and after a cancel there
    /// may be one for every chunk. Should a message be lost all the same, or the ledger not answer for minutes after the end, the
    /// sweep finds what was not followed up.
    async fn may_have_been_its_end(&self, wake: &WakeUp) -> Result<bool, LedgerError> {
        let Some(due) = wake.not_before else { return Ok(false) };
        let ended_at = self.ledger.chunk(&wake.run_id, wake.chunk).await?.and_then(|row| row.run.view().ended_at);
        Ok(ended_at.is_some_and(|at| at <= due && due.since(at) < PERHAPS_NOT_FOLLOWED_UP))
    }

    /// Carries the chunk on. Returns where it stands, and whether this delivery has changed it.
    async fn carry_on(&self, wake: &WakeUp, owner: &str, stop: &Signal) -> Result<(Advance, bool), LedgerError> {
        let Some(order) = self.ledger.order(&wake.run_id).await? else { return Ok((Advance::Absent, false)) };
        if order.tenant != self.place.name() {
            return Err(LedgerError::Conflict(format!("run `{}` belongs to {}", wake.run_id, order.tenant)));
        }
        let (sender, meter) = (self.sender(&order), Meter::new(Rc::clone(&order), self.clock.now()));
        let policy = BucketPolicy { bucket: &self.plans, key: self.policy_key };
        let worker = self.worker(&sender, owner, &meter, Some(&policy), stop);
        let advance = worker.advance(&order, wake.chunk, self.pace(&order).await?).await?;
        Ok((advance, meter.has_changed_chunk()))
    }
}
