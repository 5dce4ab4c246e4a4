//! The loop (make durable, carry out, feed back): carries one chunk as far as it goes without waiting.

use std::ops::ControlFlow;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use purge_core::bounds::API_TIMEOUT;
use purge_core::http::{HttpRequest, NoResponse};
use purge_core::run::{
    Asked, Cause, ChunkRun, Context, InForce, Input, Next, Objection, Order, Outcome, Pace, Step, WaitReason,
};
use purge_core::time::Timestamp;
use purge_core::webhook::WebhookEvent;

use crate::budget::{Account, NoPlace};
use crate::clock::Clock;
use crate::cool_off::next_look;
use crate::http::Http;
use crate::ledger::{Claim, Claimed, Commit, Committed, Lease, Ledger, LedgerError, OutboxMessage, Slot};
use crate::policy::PolicyInForce;
use crate::sender::{Permit, Sender, ledger_failed};
use crate::signal::Signal;
use crate::watch::Watch;

pub use purge_core::bounds::JOB_SLOTS;

/// How long a claimed chunk belongs to its worker unless the worker renews the lease. Longer than any request may take.
pub const LEASE: Duration = Duration::from_secs(60);

/// How long reading the policy that applies now may take.
const POLICY_TIMEOUT: Duration = Duration::from_secs(10);

/// How much of the lease must be left when a request leaves: enough for its answer and the commit after it.
const LEASE_NEEDED: Duration = API_TIMEOUT.saturating_add(Duration::from_secs(10));

/// The result of [`Worker::advance`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advance {
    /// The chunk waits.
    Waiting {
        /// When to look again.
        at: Timestamp,
        /// What it waits for.
        reason: WaitReason,
    },
    /// The chunk has ended.
    Done(Outcome),
    /// Another worker has changed the chunk meanwhile and has it now. Nothing was sent after that.
    Lost,
    /// Another worker has the chunk.
    Busy {
        /// When its lease ends, unless the worker renews it.
        until: Timestamp,
    },
    /// The ledger has no such chunk.
    Absent,
}

/// Carries chunks on, with these means.
#[derive(Debug)]
pub struct Worker<'a, L, H, C, W> {
    /// The durable store.
    pub ledger: &'a L,
    /// Sends the requests.
    pub sender: &'a Sender<'a, H, C>,
    /// The time.
    pub clock: &'a C,
    /// Is told of every change.
    pub watch: &'a W,
    /// Names this worker in leases. Unique among all workers that share the ledger.
    pub owner: &'a str,
    /// Whether to ignore the leases of other owners, because all of them are known to be gone. For a caller that holds an exclusive
    /// lock on the ledger.
    pub assume_dead_owners: bool,
    /// Reads the policy that applies now. Without it, only the plan's own policy counts.
    pub policy: Option<&'a dyn PolicyInForce>,
    /// Whether to put a webhook message into the outbox when a chunk ends.
    pub sends_messages: bool,
    /// Once raised, no further request leaves. A request that was about to leave is withdrawn, and its chunk waits.
    pub stop: &'a Signal,
    /// How long the worker itself waits for the request budget; for a longer wait it hands the chunk back as waiting. `None` waits
    /// as long as it takes.
    pub patience: Option<Duration>,
}

/// The right to commit to a chunk, and how long it lasts.
struct OwnLease {
    version: u64,
    until: Timestamp,
    /// When the lease was written, in steady time. Other workers judge the lease by their own clocks, which are not set back when
    /// ours is.
    written_at: Duration,
}

impl<L: Ledger, H: Http, C: Clock, W: Watch> Worker<'_, L, H, C, W> {
    /// Takes up one chunk and carries it on until it has to wait or has ended.
    ///
    /// Safe to call too early, too often and from several processes at once.
    ///
    /// # Errors
    /// If the ledger fails. Everything committed until then stands, and the next call goes on from there.
    pub async fn advance(&self, order: &Order, index: u32, pace: Pace) -> Result<Advance, LedgerError> {
        let run_id = order.run_id.as_str();
        let Some(row) = self.ledger.chunk(run_id, index).await? else {
            return Ok(Advance::Absent);
        };
        if let Some(outcome) = row.run.outcome() {
            return Ok(Advance::Done(outcome));
        }
        let mut objection = None;
        if let Some((at, reason)) = row.run.waits(self.clock.now())
            && self.untold_cancel(order, &row.run).await?.is_none()
        {
            objection = self.cool_off_objection(order, &row.run).await?;
            if objection.is_none() {
                return Ok(self.waiting(index, at, reason));
            }
        }
        match self.claim_open(order, index).await? {
            ControlFlow::Continue((run, own)) => self.carry_on(order, run, own, pace, objection).await,
            ControlFlow::Break(standing) => Ok(standing),
        }
    }

    /// Ends a chunk that cannot be carried on, for the given reason. Sends nothing to the API; releases the chunk's job slot and
    /// puts the message about its end into the outbox.
    ///
    /// # Errors
    /// If the ledger fails.
    pub async fn abandon(&self, order: &Order, index: u32, cause: Cause) -> Result<Advance, LedgerError> {
        let (run, own) = match self.claim_open(order, index).await? {
            ControlFlow::Continue(taken) => taken,
            ControlFlow::Break(standing) => return Ok(standing),
        };
        let cx = Context { order, pace: Pace::default(), now: self.clock.now() };
        let Step { run, records, .. } = run.abandoned(cx, cause);
        let holder = slot_holder(&run, order);
        let committed = self
            .ledger
            .commit(Commit {
                records: &records,
                outbox: &self.end_message(order, &run),
                release_slot: Some(Slot { tenant: &order.tenant, holder: &holder }),
                ..self.bare_commit(order, &run, own.version)
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

    /// Claims a chunk that has not ended; otherwise breaks with where it stands. If another worker ended the chunk between the look
    /// and the claim, only the lease is released again, because that worker has already reported the end.
    async fn claim_open(
        &self,
        order: &Order,
        index: u32,
    ) -> Result<ControlFlow<Advance, (ChunkRun, OwnLease)>, LedgerError> {
        let (written_at, lease, now) = (self.clock.steady(), self.full_lease(None), self.clock.now());
        let until = lease.until;
        let claim = Claim { run_id: &order.run_id, index, lease, now, take_over: self.assume_dead_owners };
        let row = match self.ledger.claim(claim).await? {
            Claimed::Granted(row) => row,
            Claimed::Busy { until } => return Ok(ControlFlow::Break(Advance::Busy { until })),
            Claimed::Absent => return Ok(ControlFlow::Break(Advance::Absent)),
        };
        let Some(outcome) = row.run.outcome() else {
            return Ok(ControlFlow::Continue((row.run, OwnLease { version: row.version, until, written_at })));
        };
        self.ledger.commit(self.bare_commit(order, &row.run, row.version)).await?;
        Ok(ControlFlow::Break(Advance::Done(outcome)))
    }

    /// The loop: steps the chunk, commits the step, carries out the next move and feeds its result back, until the chunk waits or
    /// has ended. `objection` is what the policy says against a chunk in its cool-off.
    async fn carry_on(
        &self,
        order: &Order,
        mut run: ChunkRun,
        mut own: OwnLease,
        pace: Pace,
        objection: Option<Input>,
    ) -> Result<Advance, LedgerError> {
        let mut has_place = false;
        let mut input = match (run.in_flight_since(), objection) {
            // The lease was free, so the worker that sent the request is gone and will not feed its answer back.
            (Some(_), _) => Input::NoResponse(NoResponse::Interrupted),
            (None, Some(objection)) => objection,
            (None, None) => match run.due() {
                // Ask for room first; otherwise the log would say again that the request is about to leave.
                Some((_, WaitReason::RequestBudget))
                    if run.waits(self.clock.now()).is_none() && !self.stop.is_raised() =>
                {
                    match self.sender.take_place(&self.account(order)).await {
                        Err(NoPlace::NotBefore(at)) if self.is_too_long(at) => Input::NotYet { at },
                        place => {
                            has_place = place.is_ok();
                            Input::Tick
                        }
                    }
                }
                Some(_) | None => Input::Tick,
            },
        };
        let mut pending_records = Vec::new();
        loop {
            if let Some(asked) = self.untold_cancel(order, &run).await? {
                if run.in_flight_since().is_some() {
                    // Only note the cancel here. The answer is judged next, and only necessary requests follow it.
                    let cx = Context { order, pace, now: self.clock.now() };
                    let step = run.step(cx, Input::Cancel(asked));
                    run = step.run;
                    pending_records.extend(step.records);
                } else {
                    input = Input::Cancel(asked);
                }
            }
            let had_slot = run.wants_slot() || matches!(input, Input::Slot { granted: true });
            let Step { run: stepped, records, next } = run.step(Context { order, pace, now: self.clock.now() }, input);
            run = stepped;
            pending_records.extend(records);

            let holder = slot_holder(&run, order);
            let slot = Slot { tenant: &order.tenant, holder: &holder };
            let ended = run.outcome().is_some();
            let now = self.clock.steady();
            let lease = match next {
                Next::Send(_) | Next::TakeSlot => Some(self.full_lease(Some(&own))),
                Next::WaitUntil { .. } | Next::Done(_) => None,
            };
            let (until, written_at) = lease.as_ref().map_or((own.until, own.written_at), |lease| (lease.until, now));
            let committed = self
                .ledger
                .commit(Commit {
                    records: &pending_records,
                    outbox: &self.end_message(order, &run),
                    lease,
                    // At the end, also release a slot that was taken right before a crash and is missing in the state.
                    release_slot: ((had_slot || ended) && !run.wants_slot()).then_some(slot),
                    ..self.bare_commit(order, &run, own.version)
                })
                .await?;
            let Committed::Version(version) = committed else {
                return Ok(Advance::Lost);
            };
            own = OwnLease { version, until, written_at };
            pending_records.clear();
            self.watch.changed(&run);

            input = match next {
                Next::Send(request) => {
                    let has_place = std::mem::take(&mut has_place);
                    let Some(exchange) = self.send_when_permitted(order, &run, &mut own, &request, has_place).await?
                    else {
                        return Ok(Advance::Lost);
                    };
                    if let Some(policy) = exchange.policy {
                        // Committed together with the answer. A commit before sending would only let the policy grow older.
                        let step =
                            run.step(Context { order, pace, now: self.clock.now() }, Input::Permitted { policy });
                        run = step.run;
                        pending_records.extend(step.records);
                    }
                    exchange.input
                }
                Next::TakeSlot => Input::Slot { granted: self.ledger.take_slot(slot, JOB_SLOTS).await? },
                Next::WaitUntil { at, reason } => return Ok(self.waiting(run.chunk().index, at, reason)),
                Next::Done(outcome) => return Ok(Advance::Done(outcome)),
            };
        }
    }

    /// Sends a request whose record is durable, and returns what came of it; `None` if the chunk was lost before the request left.
    /// Uses the place in the request budget that the caller has reserved, or waits for one.
    async fn send_when_permitted(
        &self,
        order: &Order,
        run: &ChunkRun,
        own: &mut OwnLease,
        request: &HttpRequest,
        mut has_place: bool,
    ) -> Result<Option<Exchange>, LedgerError> {
        let account = self.account(order);
        loop {
            if self.stop.is_raised() {
                return Ok(Some(Exchange::not_sent(Input::NotYet { at: self.clock.now() })));
            }
            let permit = self.sender.permit(request, &account, std::mem::take(&mut has_place)).await;
            let policy = match &permit {
                Permit::Ready(_) => match self.check_deletion(order, run).await {
                    Ok(policy) => policy,
                    Err(input) => return Ok(Some(Exchange::not_sent(input))),
                },
                Permit::NotBefore(_) | Permit::Unable(_) => None,
            };
            // The permit may have taken long. A request leaves only under a lease that outlasts it.
            if self.lease_left(own) <= LEASE_NEEDED && !self.renew_lease(order, run, own).await? {
                return Ok(None);
            }
            let answer = match permit {
                // The login, the policy or the ledger may have taken long.
                Permit::Ready(_) if self.stop.is_raised() => {
                    return Ok(Some(Exchange::not_sent(Input::NotYet { at: self.clock.now() })));
                }
                Permit::Ready(ready) => self.sender.send(ready, &account).await,
                Permit::NotBefore(at) if self.stop.is_raised() || self.is_too_long(at) => {
                    return Ok(Some(Exchange::not_sent(Input::NotYet { at })));
                }
                Permit::NotBefore(at) => {
                    self.nap(at, self.lease_left(own).saturating_sub(LEASE_NEEDED)).await;
                    continue;
                }
                Permit::Unable(input) => return Ok(Some(Exchange::not_sent(input))),
            };
            return Ok(Some(Exchange { policy, input: answer.map_or_else(Input::NoResponse, Input::Response) }));
        }
    }

    fn account<'c>(&'c self, order: &'c Order) -> Account<'c, L> {
        Account { ledger: self.ledger, tenant: &order.tenant }
    }

    /// Checks right before a deletion leaves that nothing stands against it: neither the policy that applies now nor a cancel.
    /// Returns the digest of that policy, if there is one. Requests that delete nothing always pass. This check comes last, because
    /// everything before it may have taken days.
    async fn check_deletion(&self, order: &Order, run: &ChunkRun) -> Result<Option<String>, Input> {
        if !run.is_deleting() {
            return Ok(None);
        }
        // An input, not an error: the request certainly has not left. After an error, the next worker would have to look for it.
        let policy = self.ask_policy(order, run).await.map_err(|error| ledger_failed(&error))?;
        let policy = policy.transpose().map_err(Input::Objection)?;
        match self.untold_cancel(order, run).await {
            Ok(None) => Ok(policy),
            Ok(Some(asked)) => Err(Input::Objection(Objection::Cancelled(asked))),
            Err(error) => Err(ledger_failed(&error)),
        }
    }

    /// What the policy that applies now says against a chunk in its cool-off, if anything.
    async fn cool_off_objection(&self, order: &Order, run: &ChunkRun) -> Result<Option<Input>, LedgerError> {
        if !run.cools_off() {
            return Ok(None);
        }
        Ok(match self.ask_policy(order, run).await? {
            None | Some(Ok(_)) => None,
            // Nothing is about to leave, so the chunk goes on waiting and the policy is asked again later.
            Some(Err(Objection::Unclear(why))) => {
                self.watch.policy_unread(run, &why);
                None
            }
            Some(Err(objection)) => Some(Input::Objection(objection)),
        })
    }

    /// The wait until `at`; in a cool-off only until the next look, if there is a policy to ask.
    fn waiting(&self, index: u32, at: Timestamp, reason: WaitReason) -> Advance {
        let asks = reason == WaitReason::CoolOff && self.policy.is_some();
        let at = if asks { at.min(next_look(index, self.clock.now())) } else { at };
        Advance::Waiting { at, reason }
    }

    /// Reads the policy that applies now and returns its digest, or what stands against deleting the chunk; `None` without a policy
    /// port. The ledger keeps the policy's text before anything is decided by it, except that of the plan's own policy, which it
    /// keeps with the plan.
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
            Either::Right(((), _)) => Err(Objection::unclear("reading it took too long")),
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

    /// Commits a longer lease and nothing else. `false` if another worker has the chunk.
    async fn renew_lease(&self, order: &Order, run: &ChunkRun, own: &mut OwnLease) -> Result<bool, LedgerError> {
        let (written_at, lease) = (self.clock.steady(), self.full_lease(Some(own)));
        let until = lease.until;
        let commit = Commit { lease: Some(lease), ..self.bare_commit(order, run, own.version) };
        Ok(match self.ledger.commit(commit).await? {
            Committed::Version(version) => {
                *own = OwnLease { version, until, written_at };
                true
            }
            Committed::Lost => false,
        })
    }

    /// A commit of this state alone.
    fn bare_commit<'c>(&self, order: &'c Order, run: &'c ChunkRun, expected_version: u64) -> Commit<'c> {
        Commit::of(&order.run_id, expected_version, run, self.clock.now())
    }

    /// Whether the worker does not wait for the budget until then itself, so that the chunk has to.
    fn is_too_long(&self, until: Timestamp) -> bool {
        self.patience.is_some_and(|patience| until.since(self.clock.now()) > patience)
    }

    /// Sleeps until `until`, but not longer than `at_most`. A stop ends it early.
    async fn nap(&self, until: Timestamp, at_most: Duration) {
        let (due, enough) = (pin!(self.clock.sleep_until(until)), pin!(self.clock.sleep(at_most)));
        match select(select(due, enough), pin!(self.stop.raised())).await {
            Either::Left(_) | Either::Right(((), _)) => {}
        }
    }

    /// Who asked to cancel the run, if the chunk has not been told yet and has not ended.
    async fn untold_cancel(&self, order: &Order, run: &ChunkRun) -> Result<Option<Asked>, LedgerError> {
        if run.cancel_asked() || run.outcome().is_some() {
            return Ok(None);
        }
        self.ledger.cancel_asked(&order.run_id).await
    }

    /// A full lease from now on. If the clock has been set back, the lease counts from the time that it would otherwise show: other
    /// workers would take a shorter lease for expired.
    fn full_lease(&self, own: Option<&OwnLease>) -> Lease {
        let kept = own.map(|own| own.until.minus(LEASE).plus(self.clock.steady().saturating_sub(own.written_at)));
        let now = self.clock.now();
        Lease { owner: self.owner.to_owned(), until: kept.map_or(now, |kept| now.max(kept)).plus(LEASE) }
    }

    /// How much of the lease is left, by whichever clock says less: wall time can be set back, and steady time may stand still
    /// while the machine is suspended.
    fn lease_left(&self, own: &OwnLease) -> Duration {
        let steady = LEASE.saturating_sub(self.clock.steady().saturating_sub(own.written_at));
        steady.min(own.until.since(self.clock.now()))
    }

    /// The webhook message that is committed together with the end of a chunk.
    fn end_message(&self, order: &Order, run: &ChunkRun) -> Vec<OutboxMessage> {
        let end = run.end().filter(|_| self.sends_messages);
        let event = end.map(|end| WebhookEvent::of(order, end));
        event
            .map(|event| OutboxMessage { body: event.body(), due: event.timestamp, id: event.id })
            .into_iter()
            .collect()
    }
}

/// What came of a request, and the digest of the policy that let it out.
struct Exchange {
    policy: Option<String>,
    input: Input,
}

impl Exchange {
    /// The request has not left.
    fn not_sent(input: Input) -> Self {
        Self { policy: None, input }
    }
}

/// Names a chunk among the chunks of all runs that share a tenant's job slots.
fn slot_holder(run: &ChunkRun, order: &Order) -> String {
    format!("{}/{}", order.run_id, run.chunk().index)
}

/// The run and the chunk that hold a slot, from the holder's name in the ledger; `None` for a name that this program did not make.
#[must_use]
pub fn parse_slot_holder(holder: &str) -> Option<(&str, u32)> {
    let (run_id, chunk) = holder.rsplit_once('/')?;
    Some((run_id, chunk.parse().ok()?))
}
