//! Going through the records, one at a time.

use super::{ChunkReport, Problem, Totals};
use crate::audit::{ACTION, AuditRecord, Event};
use crate::chunk::Chunk;
use crate::order::Order;
use crate::outcome::{Cause, Outcome, WaitReason};
use crate::request::DeletionApi;
use crate::sorted::SortedMap;
use crate::time::{Timestamp, spanning};

/// First and last record's time.
type Span = Option<(Timestamp, Timestamp)>;

/// What the records amount to.
pub(super) struct Folded {
    pub(super) chunks: Vec<ChunkReport>,
    pub(super) totals: Totals,
    pub(super) span: Span,
    pub(super) problems: Vec<Problem>,
    /// Whether any attempt may have deleted something, however the last one ended.
    pub(super) may_have_deleted: bool,
}

/// A report in the making: what the records amount to so far. Keeps attempts and no record, so that the length of a log does not
/// matter.
#[derive(Debug)]
pub struct Fold {
    chunks: SortedMap<u32, Attempts>,
    span: Span,
    waits: SortedMap<String, u64>,
    problems: Vec<Problem>,
}

/// The attempts at one chunk.
#[derive(Debug)]
struct Attempts {
    chunk: Chunk,
    all: Vec<Attempt>,
}

/// One attempt.
#[derive(Debug, Default)]
struct Attempt {
    number: u32,
    /// Submits of the attempt before that this one goes on watching.
    inherited: u64,
    /// Submits announced.
    sent: u64,
    /// Of those, the ones that nobody refused: accepted, or perhaps.
    own: u64,
    /// Whether the last one announced has no fate yet.
    asked: bool,
    /// Whether an unanswered submit was looked for.
    looked: bool,
    /// Whether it posted before it looked for anything: then it does not go on with the submit of the attempt before.
    afresh: bool,
    /// Whether the last look found something on hold in the window.
    held: bool,
    /// Whether something that deletes was sent nevertheless.
    defied: bool,
    /// Whether its start is on record, and that the conversations on hold were looked for.
    begun: bool,
    asked_holds: bool,
    /// Whether something that deletes was sent without either.
    unguarded: bool,
    /// What the last look after the last deletion found left; absent without one.
    seen: Option<Option<u64>>,
    /// Whether its last record says another end than the end does.
    misnamed: bool,
    /// Submits whose acceptance is on record.
    accepted: u64,
    refusals: Vec<Cause>,
    request_id: Option<String>,
    counted: Option<u64>,
    duration_ms: u64,
    end: Option<End>,
}

/// How an attempt ended.
#[derive(Debug)]
struct End {
    at: Timestamp,
    outcome: Outcome,
    cause: Option<Cause>,
    submits: u64,
    requests: u64,
    before: Option<u64>,
    records_deleted: Option<u64>,
    remaining: Option<u64>,
    protected: Option<u64>,
}

impl Fold {
    /// Of no record yet.
    #[must_use]
    pub fn new(chunks: &[Chunk]) -> Self {
        let chunks = chunks.iter().map(|&chunk| (chunk.index, Attempts { chunk, all: Vec::new() })).collect();
        Self { chunks, span: None, waits: SortedMap::default(), problems: Vec::new() }
    }

    /// Takes the next record of this run; each chunk's come in the order of its chain.
    pub fn record(&mut self, order: &Order, record: &AuditRecord) {
        let index = record.chunk;
        if (&record.run_id, &record.plan_digest) != (&order.run_id, &order.plan_digest) {
            self.problems.push(Problem::new("record.foreign", index, "a record belongs to another run or plan"));
            return;
        }
        let Some(attempts) = self.chunks.get_mut(&index) else {
            self.problems.push(Problem::new(
                "record.chunk",
                index,
                "a record names a chunk that the plan does not have",
            ));
            return;
        };
        if !is_of(order, record) {
            let message = "a record and the order disagree about where the data lives, what was checked, or whether the tenant is simulated";
            self.problems.push(Problem::new("record.order", index, message));
        }
        if let Event::Waiting { reason, .. } = &record.event {
            self.waits.change(word(*reason).to_owned(), |count| *count = count.saturating_add(1));
        }
        let at = record.timestamp;
        self.span = Some(spanning(self.span, at));
        self.problems.extend(attempts.record(order, record));
    }

    pub(super) fn finish(self, api: DeletionApi) -> Folded {
        let mut problems = self.problems;
        let mut chunks = Vec::new();
        let may_have_deleted = self.chunks.iter().any(|(_, attempts)| attempts.may_have_deleted());
        for attempts in self.chunks.into_values() {
            problems.extend(attempts.problems(api));
            chunks.push(attempts.report());
        }
        let totals = totals(&chunks, self.waits);
        Folded { chunks, totals, span: self.span, problems, may_have_deleted }
    }
}

/// Whether a record says of the run what its order says.
fn is_of(order: &Order, record: &AuditRecord) -> bool {
    record.action == ACTION
        && record.jurisdiction == order.request.jurisdiction
        && record.compliance_note == order.compliance_note
        && record.simulated == order.simulated
}

impl Attempts {
    /// Takes a record in, and says what is wrong with its place.
    fn record(&mut self, order: &Order, record: &AuditRecord) -> Option<Problem> {
        let index = record.chunk;
        let (last, ended) = self.all.last().map_or((0, true), |last| (last.number, last.end.is_some()));
        let mut problem = None;
        if record.attempt != last {
            if record.attempt != last.saturating_add(1) || !ended {
                let message =
                    format!("attempt {} follows attempt {last} before its end or out of turn", record.attempt);
                problem = Some(Problem::new("attempt.order", index, message));
            }
            let inherited = self.all.last().map_or(0, Attempt::bequest);
            self.all.push(Attempt { number: record.attempt, inherited, ..Attempt::default() });
        } else if ended {
            let message = format!("attempt {last} goes on after its end");
            problem = Some(Problem::new("attempt.ended", index, message));
        }
        if let Event::Started { chunk, .. } = &record.event
            && *chunk != self.chunk
        {
            let message = format!("started for `{}`, planned for `{}`", chunk.window, self.chunk.window);
            problem = Some(Problem::new("chunk.window", index, message));
        }
        if let Some(attempt) = self.all.last_mut() {
            attempt.record(order, record);
        }
        problem
    }

    fn may_have_deleted(&self) -> bool {
        self.all.iter().filter_map(|attempt| attempt.end.as_ref()).any(End::may_have_deleted)
    }

    /// What only the whole tells.
    fn problems(&self, api: DeletionApi) -> Vec<Problem> {
        let mut problems = Vec::new();
        for attempt in &self.all {
            let mut problem = |code, message: String| problems.push(Problem::new(code, self.chunk.index, message));
            let number = attempt.number;
            if attempt.accepted > 1 {
                problem("submits.accepted", format!("attempt {number} had {} accepted submits", attempt.accepted));
            }
            let submits = attempt.submits();
            if attempt.accepted > submits {
                problem(
                    "submits.unsent",
                    format!("attempt {number} had {} of {submits} submits accepted", attempt.accepted),
                );
            }
            // Fewer may have been accepted than were announced; never more.
            let announced = attempt.inherited.saturating_add(attempt.sent);
            if submits > announced {
                problem(
                    "submits.unrecorded",
                    format!("attempt {number} had {submits} submits and announced {announced}"),
                );
            }
            for (wrong, code, what) in [
                (attempt.defied, "held.sent", "found conversations on hold and deleted nevertheless"),
                (attempt.unguarded, "guards.unasked", "deleted before its start, or a look for conversations on hold"),
                (attempt.is_unseen(), "verified.unseen", "is verified, and its last look does not say so"),
                (attempt.misnamed, "record.status", "ended otherwise than its last record's status says"),
            ] {
                if wrong {
                    problem(code, format!("attempt {number} {what}"));
                }
            }
            if let Some(message) = attempt.end.as_ref().and_then(|end| end.imbalance(api)) {
                problem("records.sum", format!("attempt {number}: {message}"));
            }
            if let Some(message) = attempt.end.as_ref().and_then(End::contradiction) {
                problem("records.deleted", format!("attempt {number}: {message}"));
            }
        }
        problems
    }

    fn report(self) -> ChunkReport {
        let requests = self.all.iter().try_fold(0_u64, |sum, a| Some(sum.saturating_add(a.end.as_ref()?.requests)));
        // An attempt that goes on with the submit of the one before it tells that one's numbers, too.
        let heirs = self.all.iter().skip(1).map(Attempt::is_heir).chain([false]);
        let own: Vec<_> = self.all.iter().zip(heirs).filter(|(_, inherited)| !inherited).map(|(a, _)| a).collect();
        let submits = own.iter().fold(0_u64, |sum, attempt| sum.saturating_add(attempt.submits()));
        let submitted = || own.iter().copied().filter(|attempt| attempt.submits() > 0);
        let deleted_by = |attempt: &Attempt| attempt.end.as_ref().and_then(|end| end.records_deleted);
        let last = self.all.last();
        let end = last.and_then(|attempt| attempt.end.as_ref());
        let records_deleted = if submits == 0 {
            end.and_then(|end| end.records_deleted)
        } else {
            submitted().try_fold(0_u64, |sum, attempt| Some(sum.saturating_add(deleted_by(attempt)?)))
        };
        let before = |attempt: &Attempt| attempt.end.as_ref().and_then(|end| end.before).or(attempt.counted);
        ChunkReport {
            index: self.chunk.index,
            window: self.chunk.window,
            outcome: end.map(|end| end.outcome),
            cause: end.and_then(|end| end.cause.clone()),
            refused_by_api: last.is_some_and(Attempt::was_refused),
            request_id: last.and_then(|attempt| attempt.request_id.clone()),
            attempts: u32::try_from(self.all.len()).unwrap_or(u32::MAX),
            submits,
            requests,
            // The count that goes with the sum of what was deleted: that of the first attempt that could delete.
            before: submitted().next().or(last).and_then(before),
            records_deleted,
            remaining: end.and_then(|end| end.remaining),
            protected: end.and_then(|end| end.protected),
            duration_ms: last.map(|attempt| attempt.duration_ms),
            ended_at: end.map(|end| end.at),
        }
    }
}

impl End {
    /// What ended so, or submitted nothing, has deleted nothing; another attempt at the same chunk may have.
    fn contradiction(&self) -> Option<String> {
        let harmless = self.is_harmless() || self.submits == 0;
        let deleted = self.records_deleted.filter(|deleted| harmless && *deleted > 0)?;
        Some(format!(
            "{} after {} submits, although {deleted} records were deleted",
            self.outcome.as_str(),
            self.submits
        ))
    }

    /// Whether its outcome says that nothing was deleted.
    fn is_harmless(&self) -> bool {
        matches!(self.outcome, Outcome::Held | Outcome::Rejected | Outcome::TimedOut | Outcome::Cancelled)
    }

    /// Whether it may have deleted something: one that failed, only if it had submitted.
    fn may_have_deleted(&self) -> bool {
        !self.is_harmless() && (self.outcome != Outcome::Failed || self.submits > 0)
    }

    /// What is wrong with the numbers of this attempt, if anything is.
    fn imbalance(&self, api: DeletionApi) -> Option<String> {
        // What is left after a recording job is looked for in a sample: only when nothing is left is it the count of all.
        let sampled = api == DeletionApi::RecordingJobs && self.outcome != Outcome::Verified;
        let (before, deleted) = (self.before?, self.records_deleted?);
        let Some(kept) = before.checked_sub(deleted) else {
            return Some(format!("{before} records before, but {deleted} deleted"));
        };
        let remaining = self.remaining.filter(|_| !sampled)?;
        let protected = self.protected.unwrap_or(0);
        (kept.checked_sub(remaining) != Some(protected)).then(|| {
            format!("{before} records before, but {deleted} deleted, {remaining} remaining and {protected} protected")
        })
    }
}

impl Attempt {
    fn record(&mut self, order: &Order, record: &AuditRecord) {
        self.duration_ms = record.duration_ms;
        if record.request_id.is_some() {
            self.request_id.clone_from(&record.request_id);
        }
        if let Event::Sending { call, .. } = &record.event {
            self.defied |= self.held && !call.starts_with("DELETE ");
            let deletes = match order.request.api {
                DeletionApi::DataDeletion => "POST ",
                DeletionApi::RecordingJobs => "PUT ",
            };
            if call.starts_with(deletes) {
                self.unguarded |= !self.begun || !(self.asked_holds || order.held_conversations.is_empty());
                self.seen = None;
            }
        }
        match &record.event {
            // Only submits are POST: a two-phase job is executed with PUT and cancelled with DELETE.
            Event::Sending { call, .. } if call.starts_with("POST ") => {
                self.sent = self.sent.saturating_add(1);
                self.asked = true;
                if !self.looked {
                    self.afresh = true;
                    self.inherited = 0;
                }
            }
            Event::Withheld { call, .. } if call.starts_with("POST ") => {
                self.sent = self.sent.saturating_sub(1);
                self.asked = false;
            }
            Event::Submitted => {
                self.accepted = self.accepted.saturating_add(1);
                self.settle();
            }
            Event::SubmitLookedFor { arrived, .. } => {
                self.looked = true;
                self.settle();
                if *arrived == Some(false) {
                    let gone = if self.own > 0 { &mut self.own } else { &mut self.inherited };
                    *gone = gone.saturating_sub(1);
                }
            }
            // Whoever waits after posting, and does not look for the submit, was refused it.
            Event::Waiting { reason, .. } if *reason != WaitReason::InFlight => self.asked = false,
            Event::Counted { records } => self.counted = Some(*records),
            Event::Answered { cause, .. } => self.refusals.push(cause.clone()),
            Event::HoldsChecked { unprotected, .. } => {
                self.held = !unprotected.is_empty();
                self.asked_holds = true;
            }
            Event::Started { .. } => self.begun = true,
            Event::Verified { remaining, .. } => self.seen = Some(*remaining),
            Event::Finished { outcome, cause, submits, requests, before, remaining, protected } => {
                self.misnamed = record.status != outcome.as_str();
                self.end = Some(End {
                    at: record.timestamp,
                    outcome: *outcome,
                    cause: cause.clone(),
                    submits: *submits,
                    requests: *requests,
                    before: *before,
                    records_deleted: record.records_deleted,
                    remaining: *remaining,
                    protected: *protected,
                });
            }
            Event::NoAnswer { .. }
            | Event::PolicyAsked { .. }
            | Event::Sending { .. }
            | Event::Withheld { .. }
            | Event::Waiting { .. }
            | Event::Status { .. }
            | Event::Gate { .. }
            | Event::Processed { .. }
            | Event::FailedItems { .. }
            | Event::CancelAsked => {}
        }
    }

    /// Submits accepted or perhaps accepted, as the end says; while there is none, those that nobody has refused.
    fn submits(&self) -> u64 {
        let open = self.inherited.saturating_add(self.own).saturating_add(u64::from(self.asked));
        self.end.as_ref().map_or(open, |end| end.submits)
    }

    /// The last submit announced may have been accepted.
    fn settle(&mut self) {
        self.own = self.own.saturating_add(u64::from(self.asked));
        self.asked = false;
    }

    /// Whether it goes on with the submit of the attempt before, and therefore tells that one's numbers, too.
    fn is_heir(&self) -> bool {
        let watches = || self.inherited > 0 && self.end.as_ref().is_none_or(|end| end.submits > 0);
        !self.afresh && (self.looked || watches())
    }

    /// Submits that the next attempt goes on watching, because nobody knows what became of them.
    fn bequest(&self) -> u64 {
        self.end.as_ref().filter(|end| end.outcome == Outcome::Unknown).map_or(0, |end| end.submits)
    }

    /// Whether it ends as verified without a look, after the last deletion, that found what the end says.
    fn is_unseen(&self) -> bool {
        self.end.as_ref().is_some_and(|end| end.outcome == Outcome::Verified && self.seen != Some(end.remaining))
    }

    /// Whether it was rejected for a reason that came from the API.
    fn was_refused(&self) -> bool {
        self.end.as_ref().is_some_and(|end| {
            end.outcome == Outcome::Rejected && self.refusals.iter().any(|refusal| Some(refusal) == end.cause.as_ref())
        })
    }
}

fn totals(chunks: &[ChunkReport], waits: SortedMap<String, u64>) -> Totals {
    let mut totals = Totals {
        chunks: u32::try_from(chunks.len()).unwrap_or(u32::MAX),
        by_outcome: Outcome::ALL.into_iter().map(|outcome| (outcome, 0)).collect(),
        requests: Some(0),
        records_deleted: Some(0),
        remaining: Some(0),
        rate_limited: waits.get(RATE_LIMITED).copied().unwrap_or(0),
        waits,
        ..Totals::default()
    };
    for chunk in chunks {
        match chunk.outcome {
            Some(outcome) => {
                totals.by_outcome.change(outcome, |count| *count += 1);
            }
            None => totals.open += 1,
        }
        totals.submits = totals.submits.saturating_add(chunk.submits);
        totals.requests = add(totals.requests, chunk.requests);
        totals.measured_chunks += u32::from(chunk.records_deleted.is_some());
        // Where nothing was submitted, nothing was deleted and nothing had to be measured. All of it is still there, though.
        if chunk.submits > 0 || chunk.records_deleted.is_some() {
            totals.records_deleted = add(totals.records_deleted, chunk.records_deleted);
        }
        totals.remaining = add(totals.remaining, chunk.remaining);
    }
    totals
}

fn add(sum: Option<u64>, part: Option<u64>) -> Option<u64> {
    Some(sum?.saturating_add(part?))
}

const RATE_LIMITED: &str = "rateLimited";

/// The reason without its details.
fn word(reason: WaitReason) -> &'static str {
    match reason {
        WaitReason::RateLimited { .. } => RATE_LIMITED,
        WaitReason::Backoff { .. } => "backoff",
        WaitReason::JobPending { .. } => "jobPending",
        WaitReason::RequestBudget => "requestBudget",
        WaitReason::SlotBusy => "slotBusy",
        WaitReason::ConfirmingSubmit => "confirmingSubmit",
        WaitReason::IndexLag => "indexLag",
        WaitReason::CoolOff => "coolOff",
        WaitReason::InFlight => "inFlight",
    }
}
