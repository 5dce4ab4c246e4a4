//! The planner: starts runs, and answers people who ask about them. Every way in is at least once, and gives the same run again.

mod answer;
mod event;
mod fits;
mod object;
mod start;

use purge_core::finding::{Finding, Severity};
use purge_core::plan::{self, CheckContext};
use purge_core::time::Timestamp;
use purge_driver::{Clock, Http, NoRetry, Obstacle, Retry};
use serde_json::{Value, json};

pub use answer::{LONGEST_ANSWER, Refusal};
pub use event::Event;
pub use object::{ANSWERS, PLANS, REQUESTS};

use crate::batch::Again;
use crate::bucket::Bucket;
use crate::evidence;
use crate::functions::{Functions, Invocation, is_pending};
use crate::queue::Queue;
use crate::store::Store;
use crate::wake::{Errand, ErrandKind};
use answer::{Answered, Stop, document, run_line};

/// Chunks read at a time.
const PAGE: u32 = 1_000;
/// Problems that `status` shows at most.
const SHOWN: usize = 50;

/// Why an invocation has no answer: it may be tried again.
pub type Failure = Again;

impl<L: Store, H: Http, C: Clock, Q: Queue, B: Bucket> Functions<'_, L, H, C, Q, B> {
    /// Answers one event: a JSON document, or an `application/problem+json` document with the findings.
    ///
    /// # Errors
    /// When something that is needed does not work now; the same event may be given again.
    pub async fn plan(&self, event: &Value, invocation: &Invocation) -> Result<Value, Failure> {
        let trace = invocation.traceparent.as_deref();
        if let Some(records) = event.get("Records").and_then(Value::as_array) {
            return self.objects(records, trace).await;
        }
        let now = self.clock.now();
        let event = match Event::read(event) {
            Ok(event) => event,
            Err(findings) => return document(Err(Refusal::of(findings).into()), Some(now)),
        };
        // Whoever only asks reads the answer.
        let counted = (!event.only_asks()).then_some(now);
        document(self.answer(event, invocation, trace).await, counted)
    }

    async fn answer(&self, event: Event, invocation: &Invocation, trace: Option<&str>) -> Answered {
        match event {
            Event::Preview { request, policy } => Ok(answer::fitting(self.preview(&request, policy.as_ref()).await?)?),
            Event::Run { request, policy, approval } => {
                self.run_request(&request, policy.as_ref(), &approval, trace).await
            }
            Event::RunPlan { plan_file, approved_by } => {
                self.run_plan(&plan_file.to_string(), start::By::Name(&approved_by), trace).await
            }
            Event::Schedule { scheduled_at, request_key } => self.run_schedule(scheduled_at, &request_key, trace).await,
            Event::Cancel { run_id } => self.cancel(&run_id, trace).await,
            Event::Retry { run_id, chunks, cancel_asked } => {
                self.retry(&run_id, chunks.as_deref(), cancel_asked, invocation, trace).await
            }
            Event::Resume { run_id } => self.resume(&run_id, trace).await,
            Event::Sweep { overdue_seconds } => Ok(self.sweep(overdue_seconds, trace).await?),
            Event::Status { run_id } => self.status(&run_id).await,
        }
    }

    /// What checking may look at besides the documents.
    fn context(&self, now: Timestamp) -> CheckContext {
        let jurisdiction = self.place.jurisdiction().map(str::to_owned);
        CheckContext { now, tenant_jurisdiction: jurisdiction.clone(), default_jurisdiction: jurisdiction }
    }

    /// Wakes every open chunk, in an errand of its own: this one has an answer to give.
    async fn wake_all(&self, run_id: &str, trace: Option<&str>) -> Result<(), Failure> {
        let errand = Errand::new(run_id, ErrandKind::FanOut { after: 0 });
        self.errand_at(errand, self.clock.now(), trace).await
    }

    /// Stops new submits at once; chunks that wait are woken to learn of it.
    async fn cancel(&self, run_id: &str, trace: Option<&str>) -> Answered {
        if !self.ledger.ask_cancel(run_id, self.clock.now()).await? {
            return Err(unknown(run_id).into());
        }
        self.wake_all(run_id, trace).await?;
        self.status(run_id).await
    }

    /// Wakes every open chunk again and sends what is still to be sent: for a run that stands still.
    async fn resume(&self, run_id: &str, trace: Option<&str>) -> Answered {
        let row = self.ledger.run(run_id).await?.ok_or_else(|| unknown(run_id))?;
        let now = self.clock.now();
        // It is done now, so a sweep need not do it, too; and a run from before there were sweeps is looked after from now on.
        self.ledger.look_after(run_id, now).await?;
        for message in self.ledger.outbox_pending(run_id, PAGE).await? {
            let at = message.due().unwrap_or(now);
            self.errand_at(Errand::new(run_id, ErrandKind::Deliver { message: message.id }), at, trace).await?;
        }
        if row.open > 0 {
            self.wake_all(run_id, trace).await?;
        } else {
            self.errand_at(Errand::new(run_id, ErrandKind::Evidence), now, trace).await?;
        }
        self.status(run_id).await
    }

    /// Another attempt at every chunk that ended other than verified, or at those of them that are named, under the same approved
    /// plan, if the bucket's policy keeps nothing more than the plan's. A cancelled run goes on if the event names its cancellation.
    async fn retry(
        &self,
        run_id: &str,
        only: Option<&[u32]>,
        cancel_asked: Option<Timestamp>,
        invocation: &Invocation,
        trace: Option<&str>,
    ) -> Answered {
        let row = self.ledger.run(run_id).await?.ok_or_else(|| unknown(run_id))?;
        if let Some(asked_at) = row.cancel_asked.filter(|asked_at| cancel_asked != Some(*asked_at)) {
            return Err(cancelled(run_id, asked_at).into());
        }
        let again = Retry::choose(self.ledger, &row, only).await;
        if row.open > 0 && again == Err(NoRetry::Obstacle(Obstacle::NothingToRetry)) {
            // Perhaps they were queued by an invocation that died before it had them woken.
            self.wake_all(run_id, trace).await?;
        }
        let again = again.map_err(|why| not_begun(run_id, why))?;
        let now = self.clock.now();
        let reopened = plan::reopen(&row.plan_file, &self.context(now.max(row.created_at))).map_err(Refusal::of)?;
        self.check_against_policy_now(&reopened.plan, &again.ahead, now).await?;
        again.take_back(self.ledger, run_id, self.clock.now()).await.map_err(|why| not_begun(run_id, why))?;
        let done = self.queue_again(run_id, &again, invocation, trace).await?;
        self.wake_all(run_id, trace).await?;
        Ok(json!({"runId": run_id, "queued": done.chunks.queued, "busy": done.chunks.busy, "later": done.later}))
    }

    /// Where a run stands: how many chunks are in which state, and what went wrong.
    async fn status(&self, run_id: &str) -> Answered {
        let row = self.ledger.run(run_id).await?.ok_or_else(|| unknown(run_id))?;
        let mut states = std::collections::BTreeMap::<String, u32>::new();
        let mut problems = Vec::new();
        let mut after = 0;
        loop {
            let page = self.ledger.chunks(run_id, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.index;
            for view in page.iter().map(|row| row.run.view()) {
                if view.cause.is_some() && problems.len() < SHOWN {
                    problems.push(json!({"chunk": view.chunk.index, "attempt": view.attempt, "state": view.state, "cause": view.cause}));
                }
                *states.entry(view.state).or_default() += 1;
            }
        }
        let outbox = self.ledger.outbox(run_id).await?;
        let pending = outbox.iter().filter(|message| is_pending(&message.state)).count();
        let mut line = run_line(&row);
        line.extend([
            ("states".to_owned(), json!(states)),
            ("problems".to_owned(), json!(problems)),
            // Of a run that was opened again it is that of its last end.
            ("evidence".to_owned(), json!(evidence::latest(&self.evidence, run_id).await?)),
            ("messages".to_owned(), json!({"all": outbox.len(), "pending": pending})),
        ]);
        Ok(Value::Object(line))
    }
}

fn unknown(run_id: &str) -> Refusal {
    refused("run.unknown", "#/runId", format!("there is no run `{run_id}`"), "the answer to `run` names it")
}

fn not_begun(run_id: &str, why: NoRetry) -> Stop {
    match why {
        NoRetry::Obstacle(obstacle) => not_again(run_id, obstacle).into(),
        NoRetry::Ledger(error) => error.into(),
    }
}

fn not_again(run_id: &str, obstacle: Obstacle) -> Refusal {
    let help = match obstacle {
        Obstacle::NoChunk { .. } => "`status` counts the chunks by their states",
        Obstacle::NothingToRetry => "`status` names the chunks with problems",
        Obstacle::Cancelling { .. } => {
            "wait until `status` shows that they have ended; or omit `chunks` to go on with all"
        }
        Obstacle::Cancelled => "`status` shows when; a retry that names it as `cancelAsked` takes that back, too",
    };
    refused(obstacle.code(), "#/chunks", obstacle.message(run_id), help)
}

fn cancelled(run_id: &str, asked_at: Timestamp) -> Refusal {
    let message = format!("run `{run_id}` was cancelled at {asked_at}; nothing was changed");
    let help = format!("to take that back, and go on, name it in the event: `\"cancelAsked\":\"{asked_at}\"`");
    refused("run.cancelled", "#/cancelAsked", message, &help)
}

fn refused(code: &str, pointer: &str, message: String, help: &str) -> Refusal {
    Refusal::of(vec![Finding::new(Severity::Error, code, pointer, message, help)])
}
