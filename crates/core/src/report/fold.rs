//! Folds the records, one at a time.

use super::attempt::{Attempt, End};
use super::totals::{totals, wait_kind};
use super::{ChunkReport, Problem, Totals, rules};
use crate::audit::{ACTION, AuditRecord, Event};
use crate::chunk::{Age, Chunk};
use crate::order::Order;
use crate::outcome::Outcome;
use crate::request::DeletionApi;
use crate::sorted::{SortedMap, sort};
use crate::time::{Timestamp, extend_span};

/// The times of the first and the last record.
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

/// A report in the making: what the records so far amount to. Keeps attempts and no record, so the length of a log does not matter.
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

impl Fold {
    /// A fold over no record yet.
    #[must_use]
    pub fn new(chunks: &[Chunk]) -> Self {
        let chunks = chunks.iter().map(|&chunk| (chunk.index, Attempts { chunk, all: Vec::new() })).collect();
        Self { chunks, span: None, waits: SortedMap::default(), problems: Vec::new() }
    }

    /// Adds the next record of this run. The records of a chunk must come in the order of its chain.
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
        if !agrees_with_order(order, record) {
            let message = "a record and the order disagree about where the data lives, what was checked, or whether the tenant is simulated";
            self.problems.push(Problem::new("record.order", index, message));
        }
        if let Event::Waiting { reason, .. } = &record.event {
            self.waits.change(wait_kind(*reason).to_owned(), |count| *count = count.saturating_add(1));
        }
        let at = record.timestamp;
        self.span = Some(extend_span(self.span, at));
        self.problems.extend(attempts.add_record(order, record));
    }

    pub(super) fn finish(self, api: DeletionApi) -> Folded {
        let mut problems = self.problems;
        let mut chunks = Vec::new();
        let may_have_deleted = self.chunks.iter().any(|(_, attempts)| attempts.may_have_deleted());
        let (mut ids, mut aged) = (Vec::new(), 0_u32);
        for attempts in self.chunks.into_values() {
            problems.extend(attempts.problems(api));
            ids.extend(
                attempts.all.iter().filter_map(|attempt| Some((attempt.request_id.clone()?, attempts.chunk.index))),
            );
            let (age, submits) = (attempts.chunk.age, attempts.submits());
            let report = attempts.report(api);
            aged += u32::from(age == Age::Aged && submits > 0 && report.records_deleted != Some(0));
            chunks.push(report);
        }
        problems.extend(shared_requests(ids));
        let mut totals = totals(&chunks, self.waits);
        if aged > 1 {
            // Jobs for old conversations select by activity in their window, so two of them may have deleted the same recordings.
            totals.records_deleted = None;
        }
        Folded { chunks, totals, span: self.span, problems, may_have_deleted }
    }
}

/// Whether a record says of the run what the order says.
fn agrees_with_order(order: &Order, record: &AuditRecord) -> bool {
    record.action == ACTION
        && record.jurisdiction == order.request.jurisdiction
        && record.compliance_note == order.compliance_note
        && record.simulated == order.simulated
}

/// The problems of deletion requests or jobs that more than one chunk names.
fn shared_requests(mut ids: Vec<(String, u32)>) -> Vec<Problem> {
    sort(&mut ids);
    let pairs = ids.iter().zip(ids.iter().skip(1));
    let shared = pairs.filter(|((one, chunk), (other, another))| one == other && chunk != another);
    shared
        .map(|(_, (_, chunk))| Problem::new("request.shared", *chunk, "it has the request id of another chunk"))
        .collect()
}

impl Attempts {
    /// Adds a record, and returns what is wrong with its place.
    fn add_record(&mut self, order: &Order, record: &AuditRecord) -> Option<Problem> {
        let index = record.chunk;
        let last = self.all.last();
        let (number, ended) = last.map_or((0, true), |last| (last.number, last.end.is_some()));
        let mut problem = None;
        if record.attempt != number {
            let verified = last.and_then(|last| last.end.as_ref()).is_some_and(|end| end.outcome == Outcome::Verified);
            if record.attempt != number.saturating_add(1) || !ended || verified {
                let message = format!(
                    "attempt {} follows attempt {number} out of turn, before it ended, or although it is verified",
                    record.attempt
                );
                problem = Some(Problem::new("attempt.order", index, message));
            }
            let next = Attempt::after(last, record.attempt);
            self.all.push(next);
        } else if ended {
            let message = format!("attempt {number} goes on after its end");
            problem = Some(Problem::new("attempt.ended", index, message));
        }
        if let Event::Started { chunk, .. } = &record.event
            && *chunk != self.chunk
        {
            let message = format!("started for `{}`, planned for `{}`", chunk.window, self.chunk.window);
            problem = Some(Problem::new("chunk.window", index, message));
        }
        if let Some(attempt) = self.all.last_mut() {
            attempt.add_record(order, self.chunk, record);
        }
        problem
    }

    fn may_have_deleted(&self) -> bool {
        self.all.iter().filter_map(|attempt| attempt.end.as_ref()).any(End::may_have_deleted)
    }

    /// The rules that its attempts break.
    fn problems(&self, api: DeletionApi) -> Vec<Problem> {
        let mut problems = Vec::new();
        for attempt in &self.all {
            let mut broken = attempt.broken.clone();
            let end = attempt.end.iter().flat_map(|end| rules::of_end(api, attempt, end));
            let rules = rules::of_submits(attempt).into_iter().chain(end);
            broken.extend(rules.filter(|(wrong, ..)| *wrong).map(|(_, code, what)| (code, what)));
            let number = attempt.number;
            problems.extend(
                broken
                    .into_iter()
                    .map(|(code, what)| Problem::new(code, self.chunk.index, format!("attempt {number} {what}"))),
            );
        }
        problems
    }

    /// The attempts with numbers of their own. An attempt that the next one continues is left out: the next one reports its
    /// numbers, too.
    fn attempts_with_own_numbers(&self) -> impl Iterator<Item = &Attempt> {
        let continued = self.all.iter().skip(1).map(Attempt::continues_previous_submit).chain([false]);
        self.all.iter().zip(continued).filter(|(_, is_continued)| !is_continued).map(|(attempt, _)| attempt)
    }

    fn submits(&self) -> u64 {
        self.attempts_with_own_numbers().fold(0, |sum, attempt| sum.saturating_add(attempt.submits()))
    }

    /// The attempts that submitted and may have deleted something. A job that was called off before it ran counts as a submit, but
    /// has deleted nothing. An attempt that continues the submit of another one counts whatever its outcome, because its word is
    /// not taken for the other's.
    fn deleting_attempts(&self) -> impl Iterator<Item = &Attempt> {
        let may = |attempt: &Attempt| {
            attempt.continues_previous_submit() || attempt.end.as_ref().is_none_or(End::may_have_deleted)
        };
        self.attempts_with_own_numbers().filter(move |attempt| attempt.submits() > 0 && may(attempt))
    }

    /// The sum over the deleting attempts. `None` where an attempt's deletion went on after its last look, or was still to come, so
    /// that the next attempt deleted some of the same records.
    fn records_deleted(&self, api: DeletionApi) -> Option<u64> {
        let deleting: Vec<_> = self.deleting_attempts().collect();
        let overlap = deleting.iter().zip(deleting.iter().skip(1)).any(|(one, next)| one.may_overlap(next, api));
        match deleting.as_slice() {
            [] if self.submits() > 0 => Some(0),
            [] => self.all.last()?.records_deleted(),
            _ if overlap => None,
            all => all.iter().try_fold(0_u64, |sum, attempt| Some(sum.saturating_add(attempt.records_deleted()?))),
        }
    }

    fn report(self, api: DeletionApi) -> ChunkReport {
        let requests = self.all.iter().try_fold(0_u64, |sum, a| Some(sum.saturating_add(a.end.as_ref()?.requests)));
        let (submits, records_deleted) = (self.submits(), self.records_deleted(api));
        let last = self.all.last();
        let end = last.and_then(|attempt| attempt.end.as_ref());
        let first = self.deleting_attempts().next();
        ChunkReport {
            index: self.chunk.index,
            window: self.chunk.window,
            outcome: end.map(|end| end.outcome),
            cause: end.and_then(|end| end.cause.clone()),
            refused_by_api: last.is_some_and(Attempt::was_refused_by_api),
            request_id: last.and_then(|attempt| attempt.request_id.clone()),
            attempts: u32::try_from(self.all.len()).unwrap_or(u32::MAX),
            submits,
            requests,
            // The count that belongs to the sum of deleted records: that of the first attempt that could delete.
            before: first.or(last).and_then(Attempt::before),
            records_deleted,
            remaining: end.and_then(|end| end.remaining),
            protected: end.and_then(|end| end.protected),
            duration_ms: last.map(|attempt| attempt.duration_ms),
            ended_at: end.map(|end| end.at),
        }
    }
}
