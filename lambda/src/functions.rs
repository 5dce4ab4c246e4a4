//! What the functions share: the ledger, the queues, the tenant, and what happens when a chunk has ended.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::{Either, select};
use purge_core::request::DeletionApi;
use purge_core::run::{Order, Pace};
use purge_core::time::Timestamp;
use purge_driver::ledger::{LedgerError, MessageState};
use purge_driver::{Clock, Http, PolicyInForce, Sender, Signal, Tenant, Worker, remembered_pace};

use crate::batch::Again;
use crate::bucket::BucketError;
use crate::courier::MESSAGES_PATIENCE;
use crate::meter::Meter;
use crate::metrics;
use crate::queue::{Delayed, Queue, QueueError};
use crate::settings::Place;
use crate::store::Store;
use crate::wake::{Errand, ErrandKind, LONGEST_DELAY, WakeUp, delay_seconds};

/// Time that an invocation needs for a request and the commit after it. With less left, it begins nothing new.
pub const NEEDED: Duration = Duration::from_secs(45);
/// How long an invocation waits for room in the request budget. A chunk that would wait longer gets a later wake-up instead,
/// because time inside an invocation is billed.
const PATIENCE: Duration = Duration::from_secs(2);
/// For how long the pace of a run's jobs, once read from the ledger, is not read again.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// Time that an invocation needs to send a message for the rest of its work.
pub const LAST_WORDS: Duration = Duration::from_secs(5);

/// One invocation.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// Its id.
    pub id: String,
    /// When Lambda ends it.
    pub deadline: Timestamp,
    /// Its W3C trace context.
    pub traceparent: Option<String>,
}

/// The tenant of every deletion API.
#[derive(Clone, Debug)]
pub struct Tenants {
    data_deletion: Tenant,
    recording_jobs: Tenant,
}

impl Tenants {
    /// The tenants of this place.
    #[must_use]
    pub fn of(place: &Place) -> Self {
        Self {
            data_deletion: place.tenant(DeletionApi::DataDeletion),
            recording_jobs: place.tenant(DeletionApi::RecordingJobs),
        }
    }
}

/// Everything that the functions work with. `L` is the ledger, `Q` a queue and `B` a bucket.
#[derive(Debug)]
pub struct Functions<'a, L, H, C, Q, B> {
    /// The store.
    pub ledger: &'a L,
    /// Sends requests, and adds the credentials to logins.
    pub http: &'a H,
    /// The time.
    pub clock: &'a C,
    /// Where requests go.
    pub tenants: &'a Tenants,
    /// Names the tenant.
    pub place: &'a Place,
    /// Queue of wake-ups.
    pub chunks: Q,
    /// Queue of all errands except deliveries.
    pub errands: Q,
    /// Queue of the errands that deliver messages to the governance system. A receiver that does not answer occupies couriers for
    /// seconds at a time, and must not keep anything else waiting.
    pub webhooks: Q,
    /// Bucket of requests, plans and the policy.
    pub plans: B,
    /// Key of the policy in that bucket.
    pub policy_key: &'a str,
    /// Bucket of the evidence.
    pub evidence: B,
    /// Whether there is a governance system to send messages to.
    pub sends_messages: bool,
    /// Memory of the courier, in megabytes. No run is started whose evidence would not fit into it.
    pub courier_megabytes: u32,
    /// One sender per API and request budget, with its token, for as long as the process lives.
    pub senders: Senders<'a, H, C>,
    /// What is known, by run, about how long jobs take.
    pub paces: RefCell<BTreeMap<String, Known>>,
}

/// What this process knows about how long the jobs of a run take.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known {
    pace: Pace,
    /// When this process last read from the ledger what others know.
    asked_at: Option<Timestamp>,
}

impl Known {
    fn learn(&mut self, observed: Option<Pace>) {
        self.pace = observed.map_or(self.pace, |observed| self.pace.and(observed));
    }

    /// Whether the ledger need not be asked yet. A clock that was set back can make this `false` too soon, but never too late.
    fn is_fresh(self, now: Timestamp) -> bool {
        self.asked_at.is_some_and(|at| at <= now && now.since(at) < LOOK_AGAIN)
    }
}

/// The senders of this process, by API and requests per minute.
pub type Senders<'a, H, C> = RefCell<BTreeMap<(DeletionApi, u32), Rc<Sender<'a, H, C>>>>;

impl<'a, L: Store, H: Http, C: Clock, Q: Queue, B> Functions<'a, L, H, C, Q, B> {
    /// The sender for a run. Together with the senders of all other processes it stays within the organisation's request budget.
    pub(crate) fn sender(&self, order: &Order) -> Rc<Sender<'a, H, C>> {
        let (api, limit) = (order.request.api, order.limits.requests_per_minute);
        let tenant = match api {
            DeletionApi::DataDeletion => &self.tenants.data_deletion,
            DeletionApi::RecordingJobs => &self.tenants.recording_jobs,
        };
        let mut senders = self.senders.borrow_mut();
        let new = || Rc::new(Sender::new(self.http, self.clock, tenant, limit));
        Rc::clone(senders.entry((api, limit)).or_insert_with(new))
    }

    pub(crate) fn worker<'b>(
        &'b self,
        sender: &'b Sender<'a, H, C>,
        owner: &'b str,
        meter: &'b Meter,
        policy: Option<&'b dyn PolicyInForce>,
        stop: &'b Signal,
    ) -> Worker<'b, L, H, C, Meter>
    where
        'a: 'b,
    {
        Worker {
            ledger: self.ledger,
            sender,
            clock: self.clock,
            watch: meter,
            owner,
            assume_dead_owners: false,
            policy,
            sends_messages: self.sends_messages,
            stop,
            patience: Some(PATIENCE),
        }
    }

    /// How long the jobs of this run take, as far as any process has observed it.
    pub(crate) async fn pace(&self, order: &Order) -> Result<Pace, LedgerError> {
        let (run_id, now) = (order.run_id.as_str(), self.clock.now());
        let known = self.paces.borrow().get(run_id).copied().unwrap_or_default();
        if known.is_fresh(now) {
            return Ok(known.pace);
        }
        let remembered = remembered_pace(self.ledger, order).await?;
        let mut paces = self.paces.borrow_mut();
        let known = paces.entry(run_id.to_owned()).or_default();
        known.learn(remembered);
        known.asked_at = Some(now);
        Ok(known.pace)
    }

    /// Works until the work is done, or until the invocation must leave it; then returns `None`. Raises `stop` when there is no
    /// time left for anything new.
    pub(crate) async fn work_until<T>(
        &self,
        deadline: Timestamp,
        stop: &Signal,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        let mut work = pin!(work);
        let warning = pin!(self.clock.sleep_until(deadline.minus(NEEDED)));
        if let Either::Left((done, _)) = select(work.as_mut(), warning).await {
            return Some(done);
        }
        stop.raise();
        match select(work, pin!(self.clock.sleep_until(deadline.minus(LAST_WORDS)))).await {
            Either::Left((done, _)) => Some(done),
            Either::Right(((), _)) => None,
        }
    }

    /// Sends a wake-up that is delivered at `at`.
    pub(crate) async fn wake_at(&self, wake: WakeUp, at: Timestamp, trace: Option<&str>) -> Result<(), Again> {
        let wake = WakeUp { not_before: self.beyond_one_delay(at), ..wake };
        Ok(self.chunks.send(vec![self.delayed_message(&wake, at)], trace).await?)
    }

    /// Sends a wake-up that is delivered at `at`. It names that time, so that it is not opened earlier, whatever the clocks say.
    pub(crate) async fn wake_not_before(&self, wake: WakeUp, at: Timestamp, trace: Option<&str>) -> Result<(), Again> {
        let wake = WakeUp { not_before: Some(at), ..wake };
        Ok(self.chunks.send(vec![self.delayed_message(&wake, at)], trace).await?)
    }

    /// Sends an errand that is delivered at `at`.
    pub(crate) async fn errand_at(&self, errand: Errand, at: Timestamp, trace: Option<&str>) -> Result<(), Again> {
        self.send_errands(vec![(errand, at)], trace).await
    }

    /// Sends errands, each with the time at which it is delivered. They go in batches, so thousands take a few seconds.
    pub(crate) async fn send_errands(
        &self,
        errands: Vec<(Errand, Timestamp)>,
        trace: Option<&str>,
    ) -> Result<(), Again> {
        let (mut deliveries, mut others) = (Vec::new(), Vec::new());
        for (errand, at) in errands {
            let errand = Errand { not_before: self.beyond_one_delay(at), ..errand };
            let queue = match errand.errand {
                ErrandKind::Deliver { .. } => &mut deliveries,
                ErrandKind::FanOut { .. } | ErrandKind::Sweep(_) | ErrandKind::Retry(_) | ErrandKind::Evidence => {
                    &mut others
                }
            };
            queue.push(self.delayed_message(&errand, at));
        }
        self.webhooks.send(deliveries, trace).await?;
        Ok(self.errands.send(others, trace).await?)
    }

    /// What the message must remember of its due time: nothing if SQS can hold it back until then; otherwise that time, until which
    /// it is sent on.
    fn beyond_one_delay(&self, at: Timestamp) -> Option<Timestamp> {
        (at.since(self.clock.now()) > LONGEST_DELAY).then_some(at)
    }

    fn delayed_message(&self, message: &impl serde::Serialize, at: Timestamp) -> Delayed {
        let body = serde_json::to_string(message).unwrap_or_default();
        Delayed { body, delay_seconds: delay_seconds(at, self.clock.now()) }
    }

    /// Follows up the end of a chunk: calls a person if one must look at it, and sends the errands for the delivery of its message
    /// and, after the run's last chunk, for the evidence. Doing so twice is harmless.
    pub(crate) async fn follow_up_end(&self, order: &Order, index: u32, trace: Option<&str>) -> Result<(), Again> {
        let run_id = order.run_id.as_str();
        let row = self.ledger.chunk(run_id, index).await?;
        let Some(row) = row else { return Err(Again::Failed(format!("chunk {index} of run `{run_id}` is gone"))) };
        self.paces.borrow_mut().entry(run_id.to_owned()).or_default().learn(row.run.observed_pace());
        let now = self.clock.now();
        // Here rather than at the commit, after which the process may die.
        if let Some(line) = metrics::needs_somebody(now, order, &row.run.view()) {
            metrics::write(&line);
        }
        let mut pending = false;
        if self.sends_messages {
            let id = purge_core::webhook::event_id(run_id, index, row.run.attempt());
            pending = self.ledger.message(run_id, &id).await?.is_some_and(|message| is_pending(&message.state));
            if pending {
                self.errand_at(Errand::new(run_id, ErrandKind::Deliver { message: id }), now, trace).await?;
            }
        }
        if self.ledger.open_chunks(run_id, 0, 1).await?.is_empty() {
            // The delivery of the last message also sends this errand. This one is for messages that the receiver never accepts.
            let at = if pending { now.plus(MESSAGES_PATIENCE) } else { now };
            self.errand_at(Errand::new(run_id, ErrandKind::Evidence), at, trace).await?;
        }
        Ok(())
    }
}

pub(crate) fn is_pending(state: &MessageState) -> bool {
    match state {
        MessageState::Pending { .. } => true,
        MessageState::Delivered { .. } | MessageState::Dead { .. } => false,
    }
}

impl From<LedgerError> for Again {
    fn from(error: LedgerError) -> Self {
        let why = error.to_string();
        match error {
            LedgerError::Unavailable(_) => Self::Unavailable(why),
            LedgerError::Refused(_) | LedgerError::Corrupt(_) | LedgerError::Conflict(_) => Self::Failed(why),
        }
    }
}

impl From<BucketError> for Again {
    fn from(error: BucketError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<QueueError> for Again {
    fn from(error: QueueError) -> Self {
        Self::Failed(error.to_string())
    }
}
