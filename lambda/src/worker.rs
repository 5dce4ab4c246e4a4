//! The worker: a wake-up comes, its chunk is carried on as far as it goes without waiting, and the next wake-up is sent before this
//! one is done.

use std::rc::Rc;
use std::time::Duration;

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
use crate::wake::{MESSAGE_VERSION, WakeUp};

/// When to look again after another worker was quicker.
const AFTER_LOST: Duration = Duration::from_secs(1);
/// When to look again after the ledger did not answer.
const AFTER_UNAVAILABLE: Duration = Duration::from_secs(30);
/// When to look again after the invocation ran out of time: whatever was under way is over by then.
const AFTER_CUT_OFF: Duration = Duration::from_secs(60);

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
                self.wake_at(wake, at, trace).await
            }
            Some(Ok((Advance::Waiting { at, .. }, false))) => self.stand_by(wake, at, &message.id, trace).await,
            Some(Ok((Advance::Done(outcome), _))) => {
                tracing::info!(outcome = outcome.as_str(), "has ended");
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
    async fn stand_by(&self, wake: WakeUp, at: Timestamp, message: &str, trace: Option<&str>) -> Result<(), Again> {
        // One that was sent for this very wait has nobody beside it that could be relied on.
        let is_awaited = wake.not_before == Some(at);
        if !is_awaited && self.ledger.stands_by(&wake.run_id, wake.chunk, at, message).await == Ok(false) {
            tracing::info!(until = %at, "another wake-up stands by");
            return Ok(());
        }
        self.wake_not_before(wake, at, trace).await
    }

    /// Where the chunk stands, and whether this delivery has changed anything about it.
    async fn carry_on(&self, wake: &WakeUp, owner: &str, stop: &Signal) -> Result<(Advance, bool), LedgerError> {
        let Some(order) = self.ledger.order(&wake.run_id).await? else { return Ok((Advance::Absent, false)) };
        if order.tenant != self.place.name() {
            return Err(LedgerError::Conflict(format!("run `{}` belongs to {}", wake.run_id, order.tenant)));
        }
        let (sender, meter) = (self.sender(&order), Meter::new(Rc::clone(&order)));
        let policy = BucketPolicy { bucket: &self.plans, key: self.policy_key };
        let worker = self.worker(&sender, owner, &meter, Some(&policy), stop);
        let advance = worker.advance(&order, wake.chunk, self.pace(&order).await?).await?;
        Ok((advance, meter.has_worked()))
    }
}
