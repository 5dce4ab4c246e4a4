//! The planner: starts runs, and answers questions about them. Every event may be delivered more than once, and leads to the same
//! run each time.

mod answer;
mod event;
mod fits;
mod object;
mod start;

use purge_core::finding::{Finding, Severity};
use purge_core::plan::{self, CheckContext};
use purge_core::run::{Asked, NameError};
use purge_core::time::Timestamp;
use purge_driver::{Clock, Http, NoRetry, Obstacle, Retry};
use serde_json::{Value, json};

pub use answer::{LONGEST_ANSWER, Refusal};
pub use event::Event;
pub use object::{ANSWERS, PLANS, REQUESTS};

use crate::batch::Again;
use crate::bucket::Bucket;
use crate::evidence;
use crate::functions::{Functions, Invocation};
use crate::queue::Queue;
use crate::store::Store;
use crate::wake::{Errand, ErrandKind};
use answer::{Answered, Stop, document, run_summary, summary};

/// Chunks that are read at a time.
const PAGE: u32 = 1_000;
/// Problems that `status` shows, at most.
const SHOWN: usize = 50;

/// Why an invocation has no answer; it may be tried again.
pub type Failure = Again;

impl<L: Store, H: Http, C: Clock, Q: Queue, B: Bucket> Functions<'_, L, H, C, Q, B> {
    /// Answers one event: a JSON document, or an `application/problem+json` document with the findings.
    ///
    /// # Errors
    /// When something fails that may work later; the same event may be given again.
    pub async fn plan(&self, event: &Value, invocation: &Invocation) -> Result<Value, Failure> {
        let trace = invocation.traceparent.as_deref();
        if let Some(records) = event.get("Records").and_then(Value::as_array) {
            return self.answer_files(records, trace).await;
        }
        let now = self.clock.now();
        let event = match Event::read(event) {
            Ok(event) => event,
            Err(findings) => return document(Err(Refusal::of(findings).into()), Some(now)),
        };
        // The sender of a question reads the answer, so its refusal is not measured.
        let counted = (!event.only_asks()).then_some(now);
        let scheduled_at = event.scheduled_at();
        let answer = document(self.answer(event, invocation, trace).await, counted)?;
        if let Some(at) = scheduled_at {
            // The answer goes nowhere, and it names the run.
            tracing::info!(scheduledAt = %at, answer = %summary(&answer), "a schedule has fired");
        }
        Ok(answer)
    }

    async fn answer(&self, event: Event, invocation: &Invocation, trace: Option<&str>) -> Answered {
        match event {
            Event::Preview { request, policy } => {
                Ok(answer::refuse_too_long(self.preview(&request, policy.as_ref()).await?)?)
            }
            Event::Run { request, policy, approval } => {
                self.run_request(&request, policy.as_ref(), &approval, trace).await
            }
            Event::RunPlan { plan_file, approved_by } => {
                self.run_plan(&plan_file.to_string(), start::Approver::Name(&approved_by), trace).await
            }
            Event::Schedule { scheduled_at, request_key } => self.run_schedule(scheduled_at, &request_key, trace).await,
            Event::Cancel { run_id, asked_by } => {
                let now = self.clock.now();
                let asked = Asked::new(&asked_by, now).unwrap_or_else(|_| Asked::by_unknown(now));
                self.cancel(&run_id, &asked, trace).await
            }
            Event::Retry { run_id, asked_by, chunks, cancel_asked } => {
                let asked = self.asked(&asked_by)?;
                self.retry(&run_id, &asked, chunks.as_deref(), cancel_asked, invocation, trace).await
            }
            Event::Resume { run_id } => self.resume(&run_id, trace).await,
            Event::Sweep { overdue_seconds } => Ok(self.sweep(overdue_seconds, trace).await?),
            Event::Status { run_id } => self.status(&run_id).await,
        }
    }

    /// The context in which documents are checked.
    fn context(&self, now: Timestamp) -> CheckContext {
        let jurisdiction = self.place.jurisdiction().map(str::to_owned);
        CheckContext { now, tenant_jurisdiction: jurisdiction.clone(), default_jurisdiction: jurisdiction }
    }

    /// Has every open chunk woken, by an errand, because this invocation must give an answer.
    async fn wake_all(&self, run_id: &str, trace: Option<&str>) -> Result<(), Failure> {
        let errand = Errand::new(run_id, ErrandKind::FanOut { after: 0 });
        self.errand_at(errand, self.clock.now(), trace).await
    }

    /// The word of the person with this name, given now.
    fn asked(&self, by: &str) -> Result<Asked, Refusal> {
        Asked::new(by, self.clock.now()).map_err(|why| {
            let (code, help) = match why {
                NameError::Nobody => ("asked.nobody", "name the person who asks for this"),
                NameError::Unreadable => ("asked.name", "write the name plainly"),
            };
            refusal(code, "#/askedBy", format!("who asks for this is recorded: {why}"), help)
        })
    }

    /// Cancels a run: there are no new submits from now on. Waiting chunks are woken to learn of it.
    async fn cancel(&self, run_id: &str, asked: &Asked, trace: Option<&str>) -> Answered {
        if !self.ledger.ask_cancel(run_id, asked).await? {
            return Err(unknown_run(run_id).into());
        }
        self.wake_all(run_id, trace).await?;
        self.status(run_id).await
    }

    /// Refuses to go on with a run about which the newest evidence knows more than the table.
    async fn refuse_ahead(&self, run_id: &str) -> Answered<()> {
        match evidence::ahead(&self.evidence, self.ledger, run_id).await? {
            Some(why) => Err(refusal("evidence.ahead", "#", why, evidence::PUT_BACK).into()),
            None => Ok(()),
        }
    }

    /// Sets a stalled run going: has every open chunk woken, and sends the errands that are still needed.
    async fn resume(&self, run_id: &str, trace: Option<&str>) -> Answered {
        self.refuse_ahead(run_id).await?;
        let row = self.ledger.run(run_id).await?.ok_or_else(|| unknown_run(run_id))?;
        let now = self.clock.now();
        // Noting this keeps the next sweeps from doing the same, and puts a run on the list that was created before there were
        // sweeps.
        self.ledger.look_after(run_id, now).await?;
        let pending = self.ledger.outbox_pending(run_id, PAGE).await?.into_iter().map(|message| {
            let at = message.due().unwrap_or(now);
            (Errand::new(run_id, ErrandKind::Deliver { message: message.id }), at)
        });
        self.send_errands(pending.collect(), trace).await?;
        if row.open > 0 {
            self.wake_all(run_id, trace).await?;
        } else {
            self.errand_at(Errand::new(run_id, ErrandKind::Evidence), now, trace).await?;
        }
        self.status(run_id).await
    }

    /// Queues another attempt, under the same approved plan, at every chunk that ended other than verified, or at those of them
    /// that are named. The bucket's policy must keep nothing that they would delete. A cancelled run goes on only if the event
    /// names its cancellation.
    async fn retry(
        &self,
        run_id: &str,
        asked: &Asked,
        only: Option<&[u32]>,
        cancel_asked: Option<Timestamp>,
        invocation: &Invocation,
        trace: Option<&str>,
    ) -> Answered {
        self.refuse_ahead(run_id).await?;
        let row = self.ledger.run(run_id).await?.ok_or_else(|| unknown_run(run_id))?;
        if let Some(known) = row.cancel_asked.as_ref().filter(|known| cancel_asked != Some(known.at)) {
            return Err(already_cancelled(run_id, known).into());
        }
        let again = Retry::choose(self.ledger, &row, only).await;
        if row.open > 0 && again == Err(NoRetry::Obstacle(Obstacle::NothingToRetry)) {
            // An earlier invocation may have queued them, and died before it had them woken.
            self.wake_all(run_id, trace).await?;
        }
        let again = again.map_err(|why| not_begun(run_id, why))?;
        let now = self.clock.now();
        let reopened = plan::reopen(&row.plan_file, &self.context(now.max(row.created_at))).map_err(Refusal::of)?;
        self.check_against_policy_now(&reopened.plan, &again.chunks_to_delete, now).await?;
        again.withdraw_cancel(self.ledger, run_id, self.clock.now()).await.map_err(|why| not_begun(run_id, why))?;
        let done = self.queue_again(&row.order, &again, asked, invocation, trace).await?;
        self.wake_all(run_id, trace).await?;
        Ok(json!({"runId": run_id, "queued": done.chunks.queued, "busy": done.chunks.busy, "later": done.later}))
    }

    /// Shows where a run stands: how many chunks are in which state, and what went wrong.
    async fn status(&self, run_id: &str) -> Answered {
        let row = self.ledger.run(run_id).await?.ok_or_else(|| unknown_run(run_id))?;
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
        let messages = self.ledger.count_messages(run_id).await?;
        let mut status = run_summary(&row);
        status.extend([
            ("states".to_owned(), json!(states)),
            ("problems".to_owned(), json!(problems)),
            // For a run that was opened again, this is the evidence of its last end.
            ("evidence".to_owned(), json!(evidence::latest(&self.evidence, run_id).await?)),
            ("messages".to_owned(), json!({"all": messages.all, "pending": messages.pending})),
        ]);
        Ok(Value::Object(status))
    }
}

fn unknown_run(run_id: &str) -> Refusal {
    refusal("run.unknown", "#/runId", format!("there is no run `{run_id}`"), "the answer to `run` names it")
}

fn not_begun(run_id: &str, why: NoRetry) -> Stop {
    match why {
        NoRetry::Obstacle(obstacle) => obstructed(run_id, obstacle).into(),
        NoRetry::Ledger(error) => error.into(),
    }
}

fn obstructed(run_id: &str, obstacle: Obstacle) -> Refusal {
    let help = match obstacle {
        Obstacle::NoChunk { .. } => "`status` counts the chunks by their states",
        Obstacle::NothingToRetry => "`status` names the chunks with problems",
        Obstacle::Cancelling { .. } => {
            "wait until `status` shows that they have ended; or omit `chunks` to go on with all"
        }
        Obstacle::Cancelled => "`status` shows when; a retry that names it as `cancelAsked` takes that back, too",
    };
    refusal(obstacle.code(), "#/chunks", obstacle.message(run_id), help)
}

fn already_cancelled(run_id: &str, Asked { by, at }: &Asked) -> Refusal {
    let message = format!("run `{run_id}` was cancelled by `{by}` at {at}; nothing was changed");
    let help = format!("to take that back, and go on, name it in the event: `\"cancelAsked\":\"{at}\"`");
    refusal("run.cancelled", "#/cancelAsked", message, &help)
}

fn refusal(code: &str, pointer: &str, message: String, help: &str) -> Refusal {
    Refusal::of(vec![Finding::new(Severity::Error, code, pointer, message, help)])
}
