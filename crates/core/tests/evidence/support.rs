//! A small run from which tests make evidence.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use purge_core::api::data_deletion;
use purge_core::audit::{AuditRecord, ChainHead, Event, seal};
use purge_core::chunk::{Age, Chunk};
use purge_core::json::digest;
use purge_core::plan::{Disposition, Keeper, Part, Reason};
use purge_core::policy::Limits;
use purge_core::report::Ordered;
use purge_core::request::{Chunking, DeletionApi, PurgeRequest, REQUEST_VERSION, RecordType};
use purge_core::run::{Asked, Cause, Order, Outcome};
use purge_core::time::Timestamp;
use purge_core::window::Window;

pub(crate) const RUN: &str = "run_7d1f";
pub(crate) const PLAN: &str = "sha256:00000000000000000000000000000000000000000000000000000000000000aa";

pub(crate) fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// An order, its chunks of one day each, and one more day that a hold keeps.
pub(crate) struct World {
    pub(crate) order: Order,
    pub(crate) chunks: Vec<Chunk>,
    pub(crate) parts: Vec<Part>,
}

impl World {
    pub(crate) fn of(total: u32) -> Self {
        let start = at("2023-01-01T00:00:00Z");
        let day = |n| Window::new(start.plus_days(n), start.plus_days(n + 1)).unwrap();
        let chunks: Vec<_> =
            (1..=total).map(|index| Chunk { index, total, window: day(index - 1), age: Age::Recent }).collect();
        let part = |window, disposition| Part {
            window,
            disposition,
            reason: Reason::Kept(Arc::new(Keeper { hold: None, name: String::new() })),
        };
        let mut parts: Vec<_> = chunks.iter().map(|chunk| part(chunk.window, Disposition::Chunk)).collect();
        parts.push(part(day(total), Disposition::Held));
        let request = PurgeRequest {
            version: REQUEST_VERSION,
            name: "first days of 2023".to_owned(),
            api: DeletionApi::DataDeletion,
            record_types: vec![RecordType::Conversation],
            range: Window::new(start, start.plus_days(total + 1)).unwrap(),
            jurisdiction: "us-east-1".to_owned(),
            query: None,
            chunking: Chunking::Days(1),
            reason: "retention schedule 4.2".to_owned(),
            requested_by: "ada".to_owned(),
            retention_override: None,
            recordings: None,
        };
        let order = Order {
            version: 2,
            run_id: RUN.to_owned(),
            plan_digest: PLAN.to_owned(),
            policy_digest: PLAN.to_owned(),
            request,
            limits: Limits::default(),
            held_conversations: Vec::new(),
            held_windows: Vec::new(),
            compliance_note: "2 retention rules, 1 hold".to_owned(),
            chunks: total,
            approved_by: "grace".to_owned(),
            approved_at: start,
            tenant: "https://purge.example.com (client 3f1c)".to_owned(),
            simulated: true,
        };
        Self { order, chunks, parts }
    }

    pub(crate) fn ordered(&self) -> Ordered<'_> {
        Ordered { order: &self.order, chunks: &self.chunks, parts: &self.parts }
    }
}

/// A log under construction: one chain for each chunk, one second between records.
#[derive(Default)]
pub(crate) struct Log {
    pub(crate) heads: BTreeMap<u32, ChainHead>,
    pub(crate) records: Vec<AuditRecord>,
    /// The accepted requests, by chunk and attempt.
    pub(crate) ids: BTreeMap<(u32, u32), String>,
}

impl Log {
    pub(crate) fn add(&mut self, chunk: u32, attempt: u32, event: Event) -> &mut Self {
        self.add_measured(chunk, attempt, event, None)
    }

    pub(crate) fn add_measured(&mut self, chunk: u32, attempt: u32, event: Event, deleted: Option<u64>) -> &mut Self {
        let head = self.heads.entry(chunk).or_insert_with(|| ChainHead::origin(PLAN, chunk));
        let seconds = self.records.len() as u64;
        if event == Event::Submitted {
            self.ids.entry((chunk, attempt)).or_insert_with(|| format!("req-{chunk}-{attempt}"));
        }
        let status = if let Event::Finished { outcome, .. } = &event { outcome.as_str() } else { "deleting" };
        let record = AuditRecord {
            run_id: RUN.to_owned(),
            plan_digest: PLAN.to_owned(),
            chunk,
            attempt,
            timestamp: at("2026-01-01T00:00:00Z").plus(Duration::from_secs(seconds)),
            event,
            status: status.to_owned(),
            request_id: self.ids.get(&(chunk, attempt)).cloned(),
            jurisdiction: "us-east-1".to_owned(),
            records_deleted: deleted,
            duration_ms: head.length * 1_500,
            compliance_note: "2 retention rules, 1 hold".to_owned(),
            simulated: true,
            ..AuditRecord::blank()
        };
        self.records.push(seal(head, record));
        self
    }

    /// Adds a whole attempt, from start to outcome, with numbers that add up.
    pub(crate) fn attempt(&mut self, world: &World, chunk: u32, attempt: u32, outcome: Outcome) -> &mut Self {
        let covers = world.chunks[chunk as usize - 1];
        if attempt > 1 {
            self.add(chunk, attempt, retried());
        }
        self.add(chunk, attempt, begin(covers));
        let (submits, before, remaining, deleted) = match outcome {
            Outcome::Verified => (1, Some(144), Some(0), Some(144)),
            Outcome::Residual => (1, Some(144), Some(4), Some(140)),
            Outcome::Unknown | Outcome::Failed => (1, Some(144), None, None),
            Outcome::Held | Outcome::Rejected | Outcome::TimedOut | Outcome::Cancelled => (0, None, None, None),
        };
        if submits > 0 {
            self.add(chunk, attempt, counted(144)).add(chunk, attempt, submit_of(world, covers));
            self.add(chunk, attempt, Event::Submitted);
        }
        if remaining.is_some() {
            self.add(chunk, attempt, completed()).add(chunk, attempt, left(remaining));
        }
        let cause = (outcome != Outcome::Verified).then(|| Cause::new("test.cause", "made up for the test"));
        let finished =
            Event::Finished { outcome, cause, submits, requests: 3 + submits, before, remaining, protected: None };
        self.add_measured(chunk, attempt, finished, deleted)
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.records.iter().map(AuditRecord::line).collect()
    }
}

/// The submit of the first chunk.
pub(crate) fn submit() -> Event {
    let world = World::of(1);
    submit_of(&world, world.chunks[0])
}

/// The submit of a chunk.
pub(crate) fn submit_of(world: &World, chunk: Chunk) -> Event {
    let order = &world.order;
    let request = data_deletion::submit(&order.request, chunk.window, order.limits.range_end);
    let body_sha256 = request.body.map(|body| digest(body.as_bytes()));
    Event::Sending { call: format!("POST {}", request.path), body_sha256 }
}

/// The count before the submit.
pub(crate) fn counted(records: u64) -> Event {
    Event::Counted { records }
}

/// The status with which the API says that it is done.
pub(crate) fn completed() -> Event {
    Event::Status { remote: "completed".to_owned(), known: true }
}

/// The look that found this many records left.
pub(crate) fn left(remaining: Option<u64>) -> Event {
    Event::Verified {
        method: "analytics".to_owned(),
        checked: None,
        listed: None,
        found: remaining.unwrap_or_default(),
        remaining,
    }
}

/// The word of a person who asks for something.
pub(crate) fn asked() -> Asked {
    Asked::new("cy", Timestamp::EPOCH).unwrap()
}

/// A person asks for another attempt.
pub(crate) fn retried() -> Event {
    let Asked { by, at } = asked();
    Event::Retried { asked_by: by, asked_at: at }
}

/// A person asks to stop.
pub(crate) fn cancel_asked() -> Event {
    let Asked { by, at } = asked();
    Event::CancelAsked { asked_by: by, asked_at: at }
}

/// The start of an attempt at this chunk.
pub(crate) fn begin(chunk: Chunk) -> Event {
    let (approved_by, approved_at) = ("grace".to_owned(), at("2023-01-01T00:00:00Z"));
    Event::Started { chunk, approved_by, approved_at, program: "genesys-purge/1".to_owned() }
}
