//! A rehearsal: a whole run against the simulated tenant, one happening after the other, in virtual time.
//!
//! The same machine ([`ChunkRun::step`]), the same request budget, the same token and the same slots as a real run, but without a
//! driver: nothing here is asynchronous, so a page can stop between any two happenings, look, place a hold, and go on. That it
//! goes as the driver would is held by `tests/engines`.

mod sending;

use std::collections::VecDeque;
use std::sync::Arc;

use purge_core::audit::AuditRecord;
use purge_core::bounds::JOB_SLOTS;
use purge_core::chunk::Chunk;
use purge_core::http::{HttpRequest, HttpResponse, NoResponse};
use purge_core::oauth::Tokens;
use purge_core::order::Order;
use purge_core::outcome::WaitReason;
use purge_core::plan::{Part, Plan};
use purge_core::rate::RateBudget;
use purge_core::report::{Ordered, Report};
use purge_core::run::{ChunkRun, ChunkView, Context, Input, Next, Pace, Step};
use purge_core::sorted::{SortedMap, SortedSet, sort};
use purge_core::time::Timestamp;
use purge_core::window::Window;
use serde::Serialize;

use crate::fault::Fault;
use crate::scenario::Scenario;
use crate::tenant::Tenant;

/// One thing that happened to one chunk.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Happened {
    /// When, in virtual time.
    pub at: Timestamp,
    /// Which chunk, from 1.
    pub chunk: u32,
    /// The chunk after it, with what it waits for.
    pub view: ChunkView,
    /// The request that leaves now, if one does: `POST /api/v2/…`.
    pub request: Option<String>,
    /// The audit records it left, each as the line that the log gets.
    pub lines: Vec<String>,
}

/// Where a rehearsal stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    /// Virtual time.
    pub now: Timestamp,
    /// Chunks that have ended.
    pub ended: u32,
    /// All chunks.
    pub chunks: u32,
    /// Whether nothing is left to happen.
    pub over: bool,
}

/// What is to happen to a chunk.
#[derive(Debug)]
enum Due {
    /// It is taken up: at its beginning, after a wait, or because it is to hear that somebody has asked to stop.
    Turn,
    /// Its request may leave, once there is a token and room in the budget. Its lease was written then.
    Leave(HttpRequest, Timestamp),
    /// Its request has waited for its turn at the login.
    AtLogin(Leaving),
    /// The login answers, which was asked at that time for the sake of its request.
    LoggedIn(Leaving, Timestamp, Result<HttpResponse, NoResponse>),
    /// Its request is answered, or no longer waited for. It left with the token of this attempt to log in.
    Answered(u64, Result<HttpResponse, NoResponse>),
}

/// A request that is about to leave.
#[derive(Debug)]
struct Leaving {
    request: HttpRequest,
    /// When its chunk's lease would have been written last.
    leased: Timestamp,
    /// Attempts to log in that had come to an end when it began to look for a token.
    seen: u64,
}

/// A chunk on its way.
#[derive(Debug)]
struct Carried {
    /// `None` only while it takes its step.
    run: Option<ChunkRun>,
    /// Its place in the agenda.
    next: Option<(Timestamp, i64)>,
    /// What was known about jobs when it was taken up.
    pace: Pace,
    /// It gave its place back for its cool-off.
    cooled: bool,
}

/// A run of a plan against a simulated tenant. The same plan, scenario and interventions give the same happenings.
#[derive(Debug)]
pub struct DryRun {
    order: Order,
    chunks: Vec<Chunk>,
    parts: Vec<Part>,
    tenant: Tenant,
    now: Timestamp,
    /// What is to happen, by time, then by the order in which it was decided.
    agenda: SortedMap<(Timestamp, i64), (usize, Due)>,
    decided: i64,
    carried: Vec<Carried>,
    /// Chunks that have no place yet.
    queue: VecDeque<usize>,
    free_places: usize,
    slots: SortedSet<usize>,
    budget: RateBudget,
    tokens: Tokens,
    /// Whether somebody is at the login.
    logging_in: bool,
    /// Who waits for their turn there, in order.
    waiting_for_login: Vec<(usize, Leaving)>,
    pace: Pace,
    cancelled: Option<Timestamp>,
    ended: usize,
    records: Vec<AuditRecord>,
    happened: Vec<Happened>,
}

impl DryRun {
    /// The rehearsal of a plan under its order, at the beginning, on a tenant that nobody has touched yet.
    #[must_use]
    pub fn new(plan: &Plan, order: Order, scenario: Scenario, start: Timestamp) -> Self {
        let chunks = plan.chunks().to_vec();
        let places = usize::try_from(order.limits.concurrency_for(order.request.api)).unwrap_or(usize::MAX);
        let carried = |chunk: &Chunk| Carried {
            run: Some(ChunkRun::new(&order, *chunk)),
            next: None,
            pace: Pace::default(),
            cooled: false,
        };
        let mut dry_run = Self {
            carried: chunks.iter().map(carried).collect(),
            queue: (0..chunks.len()).collect(),
            budget: RateBudget::new(order.limits.requests_per_minute),
            order,
            chunks,
            parts: plan.parts().to_vec(),
            tenant: Tenant::for_rehearsal(scenario),
            now: start,
            agenda: SortedMap::default(),
            decided: 0,
            free_places: places,
            slots: SortedSet::default(),
            tokens: Tokens::default(),
            logging_in: false,
            waiting_for_login: Vec::new(),
            pace: Pace::default(),
            cancelled: None,
            ended: 0,
            records: Vec::new(),
            happened: Vec::new(),
        };
        dry_run.start_more();
        dry_run
    }

    /// Lets the next thing happen. `false` when nothing is left to happen.
    pub fn step(&mut self) -> bool {
        let Some(((at, _), (place, due))) = self.agenda.pop_first() else {
            return false;
        };
        self.now = self.now.max(at);
        if let Some(carried) = self.carried.get_mut(place) {
            carried.next = None;
        }
        let input = match due {
            Due::Turn => {
                self.take_up(place);
                Some(Input::Tick)
            }
            Due::Leave(request, leased) => self.leave(place, request, leased),
            Due::AtLogin(leaving) => self.at_login(place, leaving),
            Due::LoggedIn(leaving, asked, answer) => self.logged_in(place, leaving, asked, answer),
            Due::Answered(login, answer) => Some(self.answered(login, answer)),
        };
        if let Some(input) = input {
            self.carry_on(place, input);
        }
        true
    }

    /// Lets everything happen that happens until `at`, but at most `most` things. Whether all of it happened.
    pub fn run_until(&mut self, at: Timestamp, most: u32) -> bool {
        for _ in 0..most {
            if self.agenda.first().is_none_or(|(key, _)| key.0 > at) {
                if !self.agenda.is_empty() {
                    self.now = self.now.max(at);
                }
                return true;
            }
            self.step();
        }
        false
    }

    /// When the next thing happens; `None` at the end.
    #[must_use]
    pub fn next_at(&self) -> Option<Timestamp> {
        self.agenda.first().map(|(key, _)| key.0)
    }

    /// Somebody else protects, now, every conversation that started in the window.
    pub fn place_hold(&mut self, window: Window) {
        let now = self.now.millis();
        self.tenant.advance(now);
        let conversations =
            self.tenant.world.population.started(window.start().millis(), window.end().millis()).collect::<Vec<_>>();
        self.tenant.world.protect(now, &conversations, true);
    }

    /// From now on this goes wrong, too; with a limit of 1 and nothing else, the next call of its kind.
    pub fn add_fault(&mut self, fault: Fault) {
        Arc::make_mut(&mut self.tenant.scenario).faults.push(fault);
    }

    /// Somebody asks to stop the run, now. What waits hears of it at once, the longest wait first; what is under way when it has been
    /// answered.
    pub fn cancel(&mut self) {
        self.cancelled = Some(self.now);
        let mut waiting: Vec<(i64, usize)> = self.agenda.iter().map(|((_, nth), (place, _))| (*nth, *place)).collect();
        sort(&mut waiting);
        for (_, place) in waiting {
            if self.must_hear_cancel(place).is_some()
                && self.run(place).is_some_and(|run| run.in_flight_since().is_none())
            {
                self.schedule(place, self.now, Due::Turn);
            }
        }
    }

    /// Where the rehearsal stands.
    #[must_use]
    pub fn standing(&self) -> Standing {
        Standing {
            now: self.now,
            ended: u32::try_from(self.ended).unwrap_or(u32::MAX),
            chunks: u32::try_from(self.chunks.len()).unwrap_or(u32::MAX),
            over: self.agenda.is_empty(),
        }
    }

    /// What has happened since this was asked last.
    pub fn take_happened(&mut self) -> Vec<Happened> {
        std::mem::take(&mut self.happened)
    }

    /// The audit log so far.
    #[must_use]
    pub fn records(&self) -> &[AuditRecord] {
        &self.records
    }

    /// What the records amount to so far.
    #[must_use]
    pub fn report(&self) -> Report {
        let ordered = Ordered { order: &self.order, chunks: &self.chunks, parts: &self.parts };
        Report::of(ordered, &self.records)
    }

    fn start_more(&mut self) {
        while self.free_places > 0
            && let Some(place) = self.queue.pop_front()
        {
            self.free_places -= 1;
            self.schedule(place, self.now, Due::Turn);
        }
    }

    fn schedule(&mut self, place: usize, at: Timestamp, due: Due) {
        let key = (at.max(self.now), self.decided);
        self.decided += 1;
        if let Some(old) = self.carried.get_mut(place).and_then(|carried| carried.next.replace(key)) {
            self.agenda.remove(&old);
        }
        self.agenda.insert(key, (place, due));
    }

    /// What has been learnt about jobs meanwhile counts from now on.
    fn take_up(&mut self, place: usize) {
        if let Some(carried) = self.carried.get_mut(place) {
            carried.pace = self.pace;
        }
    }

    fn run(&self, place: usize) -> Option<&ChunkRun> {
        self.carried.get(place)?.run.as_ref()
    }

    /// When somebody asked to cancel the run, if the chunk is still to be told.
    fn must_hear_cancel(&self, place: usize) -> Option<Timestamp> {
        self.cancelled.filter(|_| self.run(place).is_some_and(|run| !run.cancel_asked() && run.outcome().is_none()))
    }

    /// One input, and whatever follows from it without waiting.
    fn carry_on(&mut self, place: usize, mut input: Input) {
        loop {
            let must_hear_cancel = self.must_hear_cancel(place);
            let Some(carried) = self.carried.get_mut(place) else { return };
            let Some(mut run) = carried.run.take() else { return };
            let context = Context { order: &self.order, pace: carried.pace, now: self.now };
            let mut noted = Vec::new();
            if let Some(asked_at) = must_hear_cancel {
                if run.in_flight_since().is_some() {
                    // What came of the request is judged first, and nothing is asked after it that need not be.
                    let step = run.step(context, Input::Cancel { asked_at });
                    (run, noted) = (step.run, step.records);
                } else {
                    input = Input::Cancel { asked_at };
                }
            }
            let Step { run, records, next } = run.step(context, input);
            noted.extend(records);
            if !run.wants_slot() && !matches!(next, Next::TakeSlot) {
                self.slots.remove(&place);
            }
            self.note(&run, noted, &next);
            if let Some(carried) = self.carried.get_mut(place) {
                carried.run = Some(run);
            }
            input = match next {
                Next::Send(request) => match self.leave(place, request, self.now) {
                    Some(input) => input,
                    None => return,
                },
                Next::TakeSlot => Input::Slot { granted: self.take_slot(place) },
                Next::WaitUntil { at, reason } => {
                    let gives_place = reason == WaitReason::CoolOff && self.gives_place_back(place);
                    if at > self.now || gives_place {
                        self.schedule(place, at, Due::Turn);
                        return self.start_more();
                    }
                    // The deadline has cut the wait short, and is over.
                    self.take_up(place);
                    Input::Tick
                }
                Next::Done(_) => return self.done(place),
            };
        }
    }

    fn note(&mut self, run: &ChunkRun, records: Vec<AuditRecord>, next: &Next) {
        let request = match next {
            Next::Send(request) => Some(format!("{} {}", request.method.as_str(), request.path)),
            Next::TakeSlot | Next::WaitUntil { .. } | Next::Done(_) => None,
        };
        self.happened.push(Happened {
            at: self.now,
            chunk: run.chunk().index,
            view: run.view(),
            request,
            lines: records.iter().map(AuditRecord::line).collect(),
        });
        self.records.extend(records);
    }

    fn take_slot(&mut self, place: usize) -> bool {
        let taken = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        self.slots.contains(&place) || (taken < JOB_SLOTS && self.slots.insert(place))
    }

    /// For its cool-off, days in which there is nothing to do after a job that is over. Once.
    fn gives_place_back(&mut self, place: usize) -> bool {
        let gives = self.carried.get_mut(place).is_some_and(|carried| !std::mem::replace(&mut carried.cooled, true));
        self.free_places += usize::from(gives);
        gives
    }

    fn done(&mut self, place: usize) {
        let Some(carried) = self.carried.get(place) else { return };
        if let Some(seen) = carried.run.as_ref().and_then(ChunkRun::observed_pace) {
            self.pace = self.pace.and(seen);
        }
        self.free_places += usize::from(!carried.cooled);
        self.ended += 1;
        self.start_more();
    }
}
