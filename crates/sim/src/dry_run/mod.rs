//! A rehearsal: a whole run against the simulated tenant, one happening at a time, in virtual time.
//!
//! It uses the same machine ([`ChunkRun::step`]), request budget, token and slots as a real run, but no driver. Nothing here is
//! asynchronous, so a page can stop between any two happenings, look, place a hold, and go on. `tests/engines` checks that it
//! proceeds as the driver would.

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
use purge_core::run::{Asked, ChunkRun, ChunkView, Context, Input, Next, Pace, Step};
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
    /// The virtual time.
    pub at: Timestamp,
    /// The chunk, from 1.
    pub chunk: u32,
    /// The state of the chunk afterwards, with what it waits for.
    pub view: ChunkView,
    /// The request that leaves now, if any: `POST /api/v2/…`.
    pub request: Option<String>,
    /// The audit records that were written, each as a line of the log.
    pub lines: Vec<String>,
}

/// The progress of a rehearsal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    /// The virtual time.
    pub now: Timestamp,
    /// The number of chunks that have ended.
    pub ended: u32,
    /// The number of all chunks.
    pub chunks: u32,
    /// Whether nothing is left to happen.
    pub over: bool,
}

/// What is to happen to a chunk.
#[derive(Debug)]
enum Due {
    /// It takes a step: at its beginning, after a wait, or to be told that somebody asked to stop.
    Turn,
    /// Its request may leave as soon as there are a token and room in the budget. Its lease was written at that time.
    Leave(HttpRequest, Timestamp),
    /// Its request has waited for its turn at the login.
    AtLogin(Leaving),
    /// The login answers its request for a token, made at that time.
    LoggedIn(Leaving, Timestamp, Result<HttpResponse, NoResponse>),
    /// Its request is answered, or is no longer waited for. The number is the login attempt whose token it left with.
    Answered(u64, Result<HttpResponse, NoResponse>),
}

/// A request that is about to leave.
#[derive(Debug)]
struct Leaving {
    request: HttpRequest,
    /// When a worker would last have written the lease of its chunk.
    lease_written: Timestamp,
    /// Attempts to log in that had ended when it began to look for a token.
    logins_seen: u64,
}

/// A chunk that is being carried out.
#[derive(Debug)]
struct InProgress {
    /// `None` only during a step.
    run: Option<ChunkRun>,
    /// The key of its entry in the agenda.
    next: Option<(Timestamp, i64)>,
    /// What was known about the duration of jobs when it last took its turn.
    pace: Pace,
    /// Whether it gave its place back for its cool-off.
    gave_place_back: bool,
}

/// A run of a plan against a simulated tenant. The same plan, scenario and interventions give the same happenings.
#[derive(Debug)]
pub struct DryRun {
    order: Order,
    chunks: Vec<Chunk>,
    parts: Vec<Part>,
    tenant: Tenant,
    now: Timestamp,
    /// What is to happen, by time and then by the order of scheduling.
    agenda: SortedMap<(Timestamp, i64), (usize, Due)>,
    scheduled: i64,
    in_progress: Vec<InProgress>,
    /// Chunks that have no place yet.
    queue: VecDeque<usize>,
    free_places: usize,
    slots: SortedSet<usize>,
    budget: RateBudget,
    tokens: Tokens,
    /// Whether a request is at the login.
    logging_in: bool,
    /// The requests that wait for their turn at the login, in order.
    waiting_for_login: Vec<(usize, Leaving)>,
    pace: Pace,
    cancelled: Option<Asked>,
    ended: usize,
    records: Vec<AuditRecord>,
    happened: Vec<Happened>,
}

impl DryRun {
    /// The rehearsal of a plan under its order, from the beginning, on a tenant to which nothing has happened.
    #[must_use]
    pub fn new(plan: &Plan, order: Order, scenario: Scenario, start: Timestamp) -> Self {
        let chunks = plan.chunks().to_vec();
        let places = usize::try_from(order.limits.concurrency_for(order.request.api)).unwrap_or(usize::MAX);
        let in_progress = |chunk: &Chunk| InProgress {
            run: Some(ChunkRun::new(&order, *chunk)),
            next: None,
            pace: Pace::default(),
            gave_place_back: false,
        };
        let mut dry_run = Self {
            in_progress: chunks.iter().map(in_progress).collect(),
            queue: (0..chunks.len()).collect(),
            budget: RateBudget::new(order.limits.requests_per_minute),
            order,
            chunks,
            parts: plan.parts().to_vec(),
            tenant: Tenant::for_rehearsal(scenario),
            now: start,
            agenda: SortedMap::default(),
            scheduled: 0,
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

    /// Lets the next thing happen. Returns `false` when nothing is left to happen.
    pub fn step(&mut self) -> bool {
        let Some(((at, _), (place, due))) = self.agenda.pop_first() else {
            return false;
        };
        self.now = self.now.max(at);
        if let Some(in_progress) = self.in_progress.get_mut(place) {
            in_progress.next = None;
        }
        let input = match due {
            Due::Turn => {
                self.refresh_pace(place);
                Some(Input::Tick)
            }
            Due::Leave(request, lease_written) => self.send_when_ready(place, request, lease_written),
            Due::AtLogin(leaving) => self.at_login(place, leaving),
            Due::LoggedIn(leaving, asked, answer) => self.logged_in(place, leaving, asked, answer),
            Due::Answered(login, answer) => Some(self.answered(login, answer)),
        };
        if let Some(input) = input {
            self.feed(place, input);
        }
        true
    }

    /// Lets everything happen until `at`, but at most `most` things. Returns whether all of it happened.
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

    /// The time of the next happening; `None` at the end.
    #[must_use]
    pub fn next_at(&self) -> Option<Timestamp> {
        self.agenda.first().map(|(key, _)| key.0)
    }

    /// Protects, as somebody else would, every conversation that started in the window, from now on.
    pub fn place_hold(&mut self, window: Window) {
        let now = self.now.millis();
        self.tenant.advance(now);
        let conversations =
            self.tenant.world.population.started(window.start().millis(), window.end().millis()).collect::<Vec<_>>();
        self.tenant.world.protect(now, &conversations, true);
    }

    /// Adds a fault that applies from now on. With a limit of 1 and nothing else, it hits the next call of its kind.
    pub fn add_fault(&mut self, fault: Fault) {
        Arc::make_mut(&mut self.tenant.scenario).faults.push(fault);
    }

    /// Asks to stop the run, now. Waiting chunks are told at once, the one that has waited longest first; a chunk with a request
    /// under way is told when that is answered.
    pub fn cancel(&mut self) {
        self.cancelled = Some(Asked { by: self.order.approved_by.clone(), at: self.now });
        let mut waiting: Vec<(i64, usize)> = self.agenda.iter().map(|((_, nth), (place, _))| (*nth, *place)).collect();
        sort(&mut waiting);
        for (_, place) in waiting {
            if self.cancel_to_tell(place).is_some()
                && self.run(place).is_some_and(|run| run.in_flight_since().is_none())
            {
                self.schedule(place, self.now, Due::Turn);
            }
        }
    }

    /// The progress so far.
    #[must_use]
    pub fn standing(&self) -> Standing {
        Standing {
            now: self.now,
            ended: u32::try_from(self.ended).unwrap_or(u32::MAX),
            chunks: u32::try_from(self.chunks.len()).unwrap_or(u32::MAX),
            over: self.agenda.is_empty(),
        }
    }

    /// Takes what has happened since the last call.
    pub fn take_happened(&mut self) -> Vec<Happened> {
        std::mem::take(&mut self.happened)
    }

    /// The audit log so far.
    #[must_use]
    pub fn records(&self) -> &[AuditRecord] {
        &self.records
    }

    /// The report of the records so far.
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
        let key = (at.max(self.now), self.scheduled);
        self.scheduled += 1;
        if let Some(old) = self.in_progress.get_mut(place).and_then(|in_progress| in_progress.next.replace(key)) {
            self.agenda.remove(&old);
        }
        self.agenda.insert(key, (place, due));
    }

    /// Uses, from now on, what has been learnt about jobs meanwhile.
    fn refresh_pace(&mut self, place: usize) {
        if let Some(in_progress) = self.in_progress.get_mut(place) {
            in_progress.pace = self.pace;
        }
    }

    fn run(&self, place: usize) -> Option<&ChunkRun> {
        self.in_progress.get(place)?.run.as_ref()
    }

    /// Who asked to cancel the run, if the chunk is still to be told.
    fn cancel_to_tell(&self, place: usize) -> Option<Asked> {
        let is_untold = |run: &ChunkRun| !run.cancel_asked() && run.outcome().is_none();
        self.cancelled.clone().filter(|_| self.run(place).is_some_and(is_untold))
    }

    /// Feeds a chunk one input, and whatever follows without waiting.
    fn feed(&mut self, place: usize, mut input: Input) {
        loop {
            let cancel_to_tell = self.cancel_to_tell(place);
            let Some(in_progress) = self.in_progress.get_mut(place) else { return };
            let Some(mut run) = in_progress.run.take() else { return };
            let context = Context { order: &self.order, pace: in_progress.pace, now: self.now };
            let mut all_records = Vec::new();
            if let Some(asked) = cancel_to_tell {
                if run.in_flight_since().is_some() {
                    // The answer to the request is judged first, and nothing unnecessary is asked after it.
                    let step = run.step(context, Input::Cancel(asked));
                    (run, all_records) = (step.run, step.records);
                } else {
                    input = Input::Cancel(asked);
                }
            }
            let Step { run, records, next } = run.step(context, input);
            all_records.extend(records);
            if !run.wants_slot() && !matches!(next, Next::TakeSlot) {
                self.slots.remove(&place);
            }
            self.note(&run, all_records, &next);
            if let Some(in_progress) = self.in_progress.get_mut(place) {
                in_progress.run = Some(run);
            }
            input = match next {
                Next::Send(request) => match self.send_when_ready(place, request, self.now) {
                    Some(input) => input,
                    None => return,
                },
                Next::TakeSlot => Input::Slot { granted: self.take_slot(place) },
                Next::WaitUntil { at, reason } => {
                    let gives_place = reason == WaitReason::CoolOff && self.give_place_back(place);
                    if at > self.now || gives_place {
                        self.schedule(place, at, Due::Turn);
                        return self.start_more();
                    }
                    // The deadline cut the wait short, and has passed.
                    self.refresh_pace(place);
                    Input::Tick
                }
                Next::Done(_) => return self.end_chunk(place),
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

    /// Gives the place of a chunk back, once, for its cool-off: for days there is nothing to do, and the job is over.
    fn give_place_back(&mut self, place: usize) -> bool {
        let gives = self
            .in_progress
            .get_mut(place)
            .is_some_and(|in_progress| !std::mem::replace(&mut in_progress.gave_place_back, true));
        self.free_places += usize::from(gives);
        gives
    }

    fn end_chunk(&mut self, place: usize) {
        let Some(in_progress) = self.in_progress.get(place) else { return };
        if let Some(seen) = in_progress.run.as_ref().and_then(ChunkRun::observed_pace) {
            self.pace = self.pace.and(seen);
        }
        self.free_places += usize::from(!in_progress.gave_place_back);
        self.ended += 1;
        self.start_more();
    }
}
