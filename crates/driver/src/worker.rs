//! The loop: make durable, carry out, feed back; one chunk as far as it goes without waiting.

use std::ops::ControlFlow;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use purge_core::bounds::API_TIMEOUT;
use purge_core::http::{HttpRequest, NoResponse};
use purge_core::run::{
    Cause, ChunkRun, Context, InForce, Input, Next, Objection, Order, Outcome, Pace, Step, WaitReason,
};
use purge_core::time::Timestamp;
use purge_core::webhook::WebhookEvent;

use crate::budget::{Account, NoPlace};
use crate::clock::Clock;
use crate::cool_off::next_look;
use crate::http::Http;
use crate::ledger::{Claim, Claimed, Commit, Committed, Lease, Ledger, LedgerError, OutboxMessage, Slot};
use crate::policy::PolicyInForce;
use crate::sender::{Permit, Sender, no_ledger};
use crate::signal::Signal;
use crate::watch::Watch;

pub use purge_core::bounds::JOB_SLOTS;

/// How long a chunk belongs to its worker unless the worker renews: longer than any request may take.
pub const LEASE: Duration = Duration::from_secs(60);

/// How long the policy that applies now may take to come.
const POLICY_TIMEOUT: Duration = Duration::from_secs(10);

/// What must be left of a lease when a request leaves: time for its answer and for the commit after it.
const LEASE_NEEDED: Duration = API_TIMEOUT.saturating_add(Duration::from_secs(10));

/// Where a chunk stands after [`Worker::advance`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advance {
    /// It waits.
    Waiting {
        /// When to look again.
        at: Timestamp,
        /// For what.
        reason: WaitReason,
    },
    /// It has ended.
    Done(Outcome),
    /// Somebody else changed it meanwhile. Nothing was sent after that; it is theirs.
    Lost,
    /// Somebody else works on it.
    Busy {
        /// Until when at most, if they do not renew.
        until: Timestamp,
    },
    /// The ledger has no such chunk.
    Absent,
}

/// Who carries chunks on, and with what.
#[derive(Debug)]
pub struct Worker<'a, L, H, C, W> {
    /// The store.
    pub ledger: &'a L,
    /// Sends the requests.
    pub sender: &'a Sender<'a, H, C>,
    /// The time.
    pub clock: &'a C,
    /// Is told of every change.
    pub watch: &'a W,
    /// Names this worker in leases; unique among all that share the ledger.
    pub owner: &'a str,
    /// Whether every other owner is known to be gone, so that their leases mean nothing: for a caller that holds an exclusive
    /// lock on the ledger.
    pub assume_dead_owners: bool,
    /// Where the policy that applies now is kept; `None` when nobody has said where: then the plan's alone counts.
    pub policy: Option<&'a dyn PolicyInForce>,
    /// Whether to put a message into the outbox when a chunk ends.
    pub tell: bool,
    /// Once raised, no request leaves any more: the one that was to leave does not, and the chunk waits.
    pub stop: &'a Signal,
    /// How long the worker itself waits for the request budget; longer waits are the chunk's. `None` waits as long as it takes.
    pub patience: Option<Duration>,
}

/// The right to commit, and for how long.
struct Held {
    version: u64,
    until: Timestamp,
    /// When the lease was written, in steady time: whoever else wants the chunk goes by their own clock, and does not know of ours
    /// being set back.
    since: Duration,
}

impl<L: Ledger, H: Http, C: Clock, W: Watch> Worker<'_, L, H, C, W> {
    /// Takes up one chunk and carries it on until it has to wait or has ended.
    ///
    /// Safe to call too early, too often and from several processes at once.
    ///
    /// # Errors
    /// When the ledger fails. Whatever had been committed stands, and calling again goes on from there.
    pub async fn advance(&self, order: &Order, index: u32, pace: Pace) -> Result<Advance, LedgerError> {
        let run_id = order.run_id.as_str();
        let Some(row) = self.ledger.chunk(run_id, index).await? else {
            return Ok(Advance::Absent);
        };
        if let Some(outcome) = row.run.outcome() {
            return Ok(Advance::Done(outcome));
        }
        let mut news = None;
        if let Some((at, reason)) = row.run.waits(self.clock.now())
            && self.must_cancel(order, &row.run).await?.is_none()
        {
            news = self.regret(order, &row.run).await?;
            if news.is_none() {
                return Ok(self.waiting(index, at, reason));
            }
        }
        match self.take(order, index).await? {
            ControlFlow::Continue((run, held)) => self.carry_on(order, run, held, pace, news).await,
            ControlFlow::Break(stands) => Ok(stands),
        }
    }

    /// Ends a chunk that nobody can carry on, for this reason. Sends nothing; gives its job slot back and tells how it ended.
    ///
    /// # Errors
    /// When the ledger fails.
    pub async fn abandon(&self, order: &Order, index: u32, cause: Cause) -> Result<Advance, LedgerError> {
        let (run, held) = match self.take(order, index).await? {
            ControlFlow::Continue(taken) => taken,
            ControlFlow::Break(stands) => return Ok(stands),
        };
        let cx = Context { order, pace: Pace::default(), now: self.clock.now() };
        let Step { run, records, .. } = run.abandoned(cx, cause);
        let holder = slot_holder(&run, order);
        let committed = self
            .ledger
            .commit(Commit {
                records: &records,
                outbox: &self.messages(order, &run),
                release_slot: Some(Slot { tenant: &order.tenant, holder: &holder }),
                ..self.state(order, &run, held.version)
            })
            .await?;
        Ok(match (committed, run.outcome()) {
            (Committed::Version(_), Some(outcome)) => {
                self.watch.changed(&run);
                Advance::Done(outcome)
            }
            (Committed::Version(_), None) | (Committed::Lost, _) => Advance::Lost,
        })
    }

    /// Takes a chunk that has not ended; otherwise breaks with where it stands. One that somebody else ended between the look and the
    /// claim gets nothing but its lease back: whoever ended it has told of it.
    async fn take(&self, order: &Order, index: u32) -> Result<ControlFlow<Advance, (ChunkRun, Held)>, LedgerError> {
        let (since, lease, now) = (self.clock.steady(), self.lease(None), self.clock.now());
        let until = lease.until;
        let claim = Claim { run_id: &order.run_id, index, lease, now, take_over: self.assume_dead_owners };
        let row = match self.ledger.claim(claim).await? {
            Claimed::Granted(row) => row,
            Claimed::Busy { until } => return Ok(ControlFlow::Break(Advance::Busy { until })),
            Claimed::Absent => return Ok(ControlFlow::Break(Advance::Absent)),
        };
        let Some(outcome) = row.run.outcome() else {
            return Ok(ControlFlow::Continue((row.run, Held { version: row.version, until, since })));
        };
        self.ledger.commit(self.state(order, &row.run, row.version)).await?;
        Ok(ControlFlow::Break(Advance::Done(outcome)))
    }

    async fn carry_on(
        &self,
        order: &Order,
        mut run: ChunkRun,
        mut held: Held,
        pace: Pace,
        news: Option<Input>,
    ) -> Result<Advance, LedgerError> {
        let mut has_place = false;
        let mut input = match (run.in_flight_since(), news) {
            // Its worker is gone: the lease was free, and nobody else feeds the answer back.
            (Some(_), _) => Input::NoResponse(NoResponse::Interrupted),
            (None, Some(news)) => news,
            (None, None) => match run.due() {
                // Before it is on record again that its request is about to leave.
                Some((_, WaitReason::RequestBudget))
                    if run.waits(self.clock.now()).is_none() && !self.stop.is_raised() =>
                {
                    match self.sender.place(&self.account(order)).await {
                        Err(NoPlace::NotBefore(at)) if self.is_too_long(at) => Input::NotYet { at },
                        place => {
                            has_place = place.is_ok();
                            Input::Tick
                        }
                    }
                }
                Some(_) => Input::Tick,
                None => Input::Start,
            },
        };
        let mut noted = Vec::new();
        loop {
            if let Some(asked_at) = self.must_cancel(order, &run).await? {
                if run.in_flight_since().is_some() {
                    // What came of the request is judged first, and nothing is asked after it that need not be.
                    let cx = Context { order, pace, now: self.clock.now() };
                    let step = run.step(cx, Input::Cancel { asked_at });
                    run = step.run;
                    noted.extend(step.records);
                } else {
                    input = Input::Cancel { asked_at };
                }
            }
            let slot_before = run.wants_slot() || matches!(input, Input::Slot { granted: true });
            let Step { run: stepped, records, next } = run.step(Context { order, pace, now: self.clock.now() }, input);
            run = stepped;
            noted.extend(records);

            let holder = slot_holder(&run, order);
            let slot = Slot { tenant: &order.tenant, holder: &holder };
            let ended = run.outcome().is_some();
            let now = self.clock.steady();
            let lease = match next {
                Next::Send(_) | Next::TakeSlot => Some(self.lease(Some(&held))),
                Next::WaitUntil { .. } | Next::Done(_) => None,
            };
            let (until, since) = lease.as_ref().map_or((held.until, held.since), |lease| (lease.until, now));
            let committed = self
                .ledger
                .commit(Commit {
                    records: &noted,
                    outbox: &self.messages(order, &run),
                    lease,
                    // At the end also a slot that was taken just before a crash and never noted.
                    release_slot: ((slot_before || ended) && !run.wants_slot()).then_some(slot),
                    ..self.state(order, &run, held.version)
                })
                .await?;
            let Committed::Version(version) = committed else {
                return Ok(Advance::Lost);
            };
            held = Held { version, until, since };
            noted.clear();
            self.watch.changed(&run);

            input = match next {
                Next::Send(request) => {
                    let has_place = std::mem::take(&mut has_place);
                    let Some(came) = self.exchange(order, &run, &mut held, &request, has_place).await? else {
                        return Ok(Advance::Lost);
                    };
                    if let Some(policy) = came.policy {
                        // Put down together with what came of it: a commit of its own would only make more of what may be too old.
                        let step =
                            run.step(Context { order, pace, now: self.clock.now() }, Input::Permitted { policy });
                        run = step.run;
                        noted.extend(step.records);
                    }
                    came.input
                }
                Next::TakeSlot => Input::Slot { granted: self.ledger.take_slot(slot, JOB_SLOTS).await? },
                Next::WaitUntil { at, reason } => return Ok(self.waiting(run.chunk().index, at, reason)),
                Next::Done(outcome) => return Ok(Advance::Done(outcome)),
            };
        }
    }

    /// Sends a request whose leaving is durable, in the place in the budget that it has or one that it waits for, and gives what came
    /// of it; `None` when the chunk was lost before it left.
    async fn exchange(
        &self,
        order: &Order,
        run: &ChunkRun,
        held: &mut Held,
        request: &HttpRequest,
        mut has_place: bool,
    ) -> Result<Option<Came>, LedgerError> {
        let account = self.account(order);
        loop {
            if self.stop.is_raised() {
                return Ok(Some(Came::of(Input::NotYet { at: self.clock.now() })));
            }
            let permit = self.sender.permit(request, &account, std::mem::take(&mut has_place)).await;
            let policy = match &permit {
                Permit::Ready(_) => match self.clearance(order, run).await {
                    Ok(policy) => policy,
                    Err(input) => return Ok(Some(Came::of(input))),
                },
                Permit::NotBefore(_) | Permit::Unable(_) => None,
            };
            // However long the permit took: a request leaves under a lease that outlasts it, or not at all.
            if self.left(held) <= LEASE_NEEDED && !self.renew(order, run, held).await? {
                return Ok(None);
            }
            let answer = match permit {
                // The login, the policy or the ledger may have taken long.
                Permit::Ready(_) if self.stop.is_raised() => {
                    return Ok(Some(Came::of(Input::NotYet { at: self.clock.now() })));
                }
                Permit::Ready(ready) => self.sender.send(ready, &account).await,
                Permit::NotBefore(at) if self.stop.is_raised() || self.is_too_long(at) => {
                    return Ok(Some(Came::of(Input::NotYet { at })));
                }
                Permit::NotBefore(at) => {
                    self.nap(at, self.left(held).saturating_sub(LEASE_NEEDED)).await;
                    continue;
                }
                Permit::Unable(input) => return Ok(Some(Came::of(input))),
            };
            return Ok(Some(Came { policy, input: answer.map_or_else(Input::NoResponse, Input::Response) }));
        }
    }

    fn account<'c>(&'c self, order: &'c Order) -> Account<'c, L> {
        Account { ledger: self.ledger, tenant: &order.tenant }
    }

    /// Whether the deletion that is about to leave, if it is one, may: neither a wish to cancel nor the policy that applies now stands
    /// against it. Gives that policy's digest, if there is one. Asked last, because everything before it may have taken days.
    async fn clearance(&self, order: &Order, run: &ChunkRun) -> Result<Option<String>, Input> {
        if !run.is_deleting() {
            return Ok(None);
        }
        // It is certain that it has not left; who is told by an error only would have to look for it.
        let policy = self.ask_policy(order, run).await.map_err(|error| no_ledger(&error))?;
        let policy = policy.transpose().map_err(Input::Objection)?;
        match self.must_cancel(order, run).await {
            Ok(None) => Ok(policy),
            Ok(Some(asked_at)) => Err(Input::Objection(Objection::Cancelled { asked_at })),
            Err(error) => Err(no_ledger(&error)),
        }
    }

    /// What has come to stand against recordings that wait for their date.
    async fn regret(&self, order: &Order, run: &ChunkRun) -> Result<Option<Input>, LedgerError> {
        if !run.cools_off() {
            return Ok(None);
        }
        Ok(match self.ask_policy(order, run).await? {
            None | Some(Ok(_)) => None,
            // Nothing is about to leave: it is asked again.
            Some(Err(Objection::Unclear(why))) => {
                self.watch.unasked(run, &why);
                None
            }
            Some(Err(objection)) => Some(Input::Objection(objection)),
        })
    }

    /// It waits until then, but is looked at meanwhile if there is a policy to ask.
    fn waiting(&self, index: u32, at: Timestamp, reason: WaitReason) -> Advance {
        let asks = reason == WaitReason::CoolOff && self.policy.is_some();
        let at = if asks { at.min(next_look(index, self.clock.now())) } else { at };
        Advance::Waiting { at, reason }
    }

    /// Reads the policy that applies now, if there is one to read: its digest, or what in it stands against deleting the chunk. It is
    /// kept before anything goes by it, unless it is that of the plan, which is kept with that.
    async fn ask_policy(
        &self,
        order: &Order,
        run: &ChunkRun,
    ) -> Result<Option<Result<String, Objection>>, LedgerError> {
        let Some(policy) = self.policy else { return Ok(None) };
        let late = pin!(self.clock.sleep(POLICY_TIMEOUT));
        let read = match select(policy.read(), late).await {
            Either::Left((Ok(text), _)) => InForce::read(&text),
            Either::Left((Err(why), _)) => Err(Objection::unclear(&why)),
            Either::Right(((), _)) => Err(Objection::unclear("it did not come in time")),
        };
        let policy = match read {
            Ok(policy) => policy,
            Err(objection) => return Ok(Some(Err(objection))),
        };
        if policy.digest != order.policy_digest {
            self.ledger.keep_policy(&order.run_id, &policy).await?;
        }
        Ok(Some(order.permits(run.chunk(), &policy, self.clock.now()).map(|()| policy.digest)))
    }

    /// Commits nothing but a longer lease. `false` when somebody else has the chunk.
    async fn renew(&self, order: &Order, run: &ChunkRun, held: &mut Held) -> Result<bool, LedgerError> {
        let (since, lease) = (self.clock.steady(), self.lease(Some(held)));
        let until = lease.until;
        let commit = Commit { lease: Some(lease), ..self.state(order, run, held.version) };
        Ok(match self.ledger.commit(commit).await? {
            Committed::Version(version) => {
                *held = Held { version, until, since };
                true
            }
            Committed::Lost => false,
        })
    }

    /// The commit of this state and of nothing besides: no records, no messages, no lease, no slot.
    fn state<'c>(&self, order: &'c Order, run: &'c ChunkRun, expected_version: u64) -> Commit<'c> {
        Commit {
            run_id: &order.run_id,
            index: run.chunk().index,
            expected_version,
            run,
            records: &[],
            outbox: &[],
            lease: None,
            release_slot: None,
            now: self.clock.now(),
        }
    }

    /// Whether the wait for the budget is one for the chunk and not for the worker.
    fn is_too_long(&self, until: Timestamp) -> bool {
        self.patience.is_some_and(|patience| until.since(self.clock.now()) > patience)
    }

    /// Sleeps until then and no longer than that, but not through a request to stop.
    async fn nap(&self, until: Timestamp, at_most: Duration) {
        let (due, enough) = (pin!(self.clock.sleep_until(until)), pin!(self.clock.sleep(at_most)));
        match select(select(due, enough), pin!(self.stop.raised())).await {
            Either::Left(_) | Either::Right(((), _)) => {}
        }
    }

    /// When somebody asked to cancel the run, if the chunk is still to be told.
    async fn must_cancel(&self, order: &Order, run: &ChunkRun) -> Result<Option<Timestamp>, LedgerError> {
        if run.cancel_asked() || run.outcome().is_some() {
            return Ok(None);
        }
        self.ledger.cancel_asked(&order.run_id).await
    }

    /// A whole lease from now on. Once the clock has been set back it goes on from where it was: a lease that was over in the eyes of
    /// others would be none.
    fn lease(&self, held: Option<&Held>) -> Lease {
        let kept = held.map(|held| held.until.minus(LEASE).plus(self.clock.steady().saturating_sub(held.since)));
        let now = self.clock.now();
        Lease { owner: self.owner.to_owned(), until: kept.map_or(now, |kept| now.max(kept)).plus(LEASE) }
    }

    /// What is left of the lease, by whichever clock says less: the one can be set back, the other may stand still while the machine
    /// is suspended.
    fn left(&self, held: &Held) -> Duration {
        let steady = LEASE.saturating_sub(self.clock.steady().saturating_sub(held.since));
        steady.min(held.until.since(self.clock.now()))
    }

    /// What the governance system is told in the same commit in which a chunk ends.
    fn messages(&self, order: &Order, run: &ChunkRun) -> Vec<OutboxMessage> {
        let end = run.end().filter(|_| self.tell);
        let event = end.map(|end| WebhookEvent::of(order, end));
        event
            .map(|event| OutboxMessage { body: event.body(), due: event.timestamp, id: event.id })
            .into_iter()
            .collect()
    }
}

/// What came of a request, and by which policy it was let out.
struct Came {
    policy: Option<String>,
    input: Input,
}

impl Came {
    /// It has not left.
    fn of(input: Input) -> Self {
        Self { policy: None, input }
    }
}

/// Names a chunk among the chunks of all runs that share a tenant's job slots.
fn slot_holder(run: &ChunkRun, order: &Order) -> String {
    format!("{}/{}", order.run_id, run.chunk().index)
}

/// The run and the chunk that hold a slot, by the holder's name in the ledger; `None` for a name that this program did not make.
#[must_use]
pub fn held_by(holder: &str) -> Option<(&str, u32)> {
    let (run_id, chunk) = holder.rsplit_once('/')?;
    Some((run_id, chunk.parse().ok()?))
}
