//! Carries out a run in the foreground: introduces it, shows its progress, and ends with its result.

use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use purge_core::report::{ChunkReport, Report, exit_code};
use purge_core::run::{Asked, Order, Outcome};
use purge_driver::ledger::{Ledger, RunRow};
use purge_driver::{Clock as _, RunEnd, Signal, SystemClock};

use super::remark;
use crate::carry::again::{under_way, under_way_without_policy};
use crate::carry::lock::RunLock;
use crate::carry::messages::{Messages, NextAttempt};
use crate::carry::receiver::Receiver;
use crate::carry::run::{
    Conclusion, Proof, Surroundings, carry_on, check_provable, conclude, deliver, has_begun, place,
};
use crate::carry::{follow, interrupt, stored};
use crate::events;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::ledger::SqliteLedger;
use crate::settings::Settings;
use crate::terminal::progress::Progress;
use crate::terminal::result::{self, ReportExtras};
use crate::terminal::words::which_chunks;
use crate::terminal::{BAD, CARE, DIM, hint, outlet, paint, print_err, print_out};

/// How often to check whether only messages are left.
const LOOK: Duration = Duration::from_secs(2);

const ENDED_BEFORE: &str = "the run had ended before; this is its result, and no chunk is sent again";
const ONLY_MESSAGES: &str = "no chunk is sent again; messages that the governance system has not accepted are sent now";
const NO_MESSAGES: &str = "there are no messages left to send, and no chunk is sent again";

/// The causes of chunks that were stopped by a policy newer than the plan.
const KEPT_BY_NEWER_POLICY: [&str; 2] = ["policy.keepsMore", "policy.newHold"];

/// What to do about a run, and how to show it.
#[derive(Clone, Debug)]
pub(super) struct Manner {
    /// Whether to print events instead of text.
    pub(super) json: bool,
    /// What to do.
    pub(super) task: Task,
}

/// What to do about a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Task {
    /// Carry the run on. If it has ended, send nothing.
    Chunks,
    /// Carry the run on. If it has ended, send the messages that are left over.
    ChunksOrMessages,
    /// Send the messages that are left over, and do nothing else.
    Messages,
    /// Carry a run that this person cancelled to its end: submit nothing new, and watch what has been submitted.
    Cancel(Asked),
}

/// Does the task and shows the run's result.
pub(super) async fn carry_out(
    ledger: &SqliteLedger,
    settings: &Settings,
    around: &Surroundings,
    manner: Manner,
    row: RunRow,
) -> Result<Exit, Failure> {
    let order = &row.order;
    let json = manner.json;
    check_provable(ledger, around, &order.run_id)?;
    remember_evidence(ledger, around, &order.run_id)?;
    let evidence = around.evidence_of(ledger, &order.run_id)?;
    introduce(order, &evidence, json);
    let total = order.chunks;
    let progress = Progress::new(json, order.simulated, total, total.saturating_sub(row.open));
    let mut ended = Ok(RunEnd::Ended);
    // The lock is held until the evidence is written: a process that sees the lock free looks for the evidence.
    let mut run_lock = None;
    let ended_before = row.open == 0;
    let receiver = Receiver::of(ledger, settings, order).map_err(stored::ledger_failure)?;
    let no_chunks = ended_before || manner.task == Task::Messages;
    let messages =
        no_chunks && manner.task != Task::Chunks && receiver.is_there() && undelivered(ledger, order).await?;
    if no_chunks && !json {
        match manner.task {
            Task::ChunksOrMessages | Task::Messages if messages => print_err(ONLY_MESSAGES),
            Task::Messages if receiver.is_there() => print_err(NO_MESSAGES),
            Task::Messages => {}
            Task::Chunks | Task::ChunksOrMessages | Task::Cancel(_) => print_err(ENDED_BEFORE),
        }
    }
    let stop = Signal::new();
    if messages {
        let lock = RunLock::take(&around.folder, &order.run_id)?.ok_or_else(|| under_way(&order.run_id))?;
        let place = place(ledger, settings, around, order)?;
        let sent = deliver(ledger, &place, order, &lock, &stop);
        let sent = with_progress(sent, ledger, around, &order.run_id, &progress, &stop).await;
        ended = sent.map(|()| RunEnd::Ended);
        run_lock = Some(lock);
    } else if !no_chunks {
        let lock = match RunLock::take(&around.folder, &order.run_id)? {
            Some(lock) => Some(lock),
            None if around.policy.is_some() => return Err(under_way_without_policy(&around.folder, &order.run_id)),
            None => {
                progress.remark("another process carries this run out; following it");
                follow::follow(ledger, &around.folder, &order.run_id, &progress).await?
            }
        };
        if let Some(lock) = lock {
            let place = place(ledger, settings, around, order)?;
            let warning = place.receiver.warning(&hint::messages(around, &order.run_id));
            warning.iter().for_each(|finding| remark(json, finding));
            if let Task::Cancel(asked) = &manner.task {
                // Until the lock was ours, a retry may have taken the cancel back, and no policy is asked here.
                if ledger.cancel_asked(&order.run_id).await.map_err(stored::ledger_failure)?.is_none() {
                    let again = Asked { at: SystemClock.now(), ..asked.clone() };
                    ledger.ask_cancel(&order.run_id, &again).await.map_err(stored::ledger_failure)?;
                }
            }
            if matches!(manner.task, Task::ChunksOrMessages | Task::Cancel(_)) {
                ledger.make_messages_due(&order.run_id, SystemClock.now()).map_err(stored::ledger_failure)?;
            }
            let carried = carry_on(ledger, &place, order, around.policy.as_ref(), &lock, &progress, &stop);
            ended = with_progress(carried, ledger, around, &order.run_id, &progress, &stop).await;
            run_lock = Some(lock);
        }
    }
    progress.finish();
    if ended.is_err() && !has_begun(ledger, &order.run_id) {
        return ended.map(|_| Exit::Fine);
    }
    // Whatever happened, write down what is known.
    let concluded = match conclude(ledger, &around.folder, evidence, &order.run_id).await {
        // The first failure says more.
        Err(failure) => return Err(ended.err().unwrap_or(failure)),
        Ok(concluded) => concluded,
    };
    drop(run_lock);
    show(&concluded, around, &manner, matches!(ended, Ok(RunEnd::Stopped)));
    ended?;
    // Show what was done first, whatever became of the proof. Without proof, the command fails.
    concluded.proof.into_result()?;
    let exit = match manner.task {
        Task::Messages => messages_exit(receiver, &concluded.messages, &concluded.report)?,
        Task::Chunks | Task::ChunksOrMessages | Task::Cancel(_) => Exit::Report(exit_code(&concluded.report)),
    };
    // Everything is done and the lock is free, so an interrupt may end the process while the output is still being read.
    let read = tokio::task::spawn_blocking(outlet::drain);
    // It cannot fail, and the program ends either way.
    let _ = interrupt::with_interrupts(read, || std::process::exit(i32::from(exit.code()))).await;
    Ok(exit)
}

/// The exit code of a command that was to send messages and nothing else: while any is left, what became of the chunks is not its
/// result.
fn messages_exit(receiver: Receiver, messages: &Messages, report: &Report) -> Result<Exit, Failure> {
    match messages {
        Messages { pending: 1.., .. } if !receiver.is_there() => Err(no_receiver()),
        Messages { pending: 1.., .. } => Ok(Exit::Temporary),
        Messages { dead: 1.., .. } => Ok(Exit::Doubtful),
        Messages { .. } => Ok(Exit::Report(exit_code(report))),
    }
}

/// There are messages to send, but no address for them.
fn no_receiver() -> Failure {
    let message = "there are messages to send, but no webhook address";
    let help = "set GOVERNANCE_WEBHOOK_URL, and its secret, as for the run";
    Failure::new(Exit::BadInput, "settings.noWebhook", "environment#GOVERNANCE_WEBHOOK_URL", message, help)
}

/// Keeps the evidence folder that was given, so that later commands about the run find its evidence.
fn remember_evidence(ledger: &SqliteLedger, around: &Surroundings, run_id: &str) -> Result<(), Failure> {
    let Some(said) = &around.evidence else { return Ok(()) };
    let place = std::path::absolute(said).map_err(|why| Failure::unwritable(said, why))?;
    // A path that is not UTF-8 cannot be kept and has to be given again.
    place.to_str().map_or(Ok(()), |place| ledger.remember_evidence(run_id, place)).map_err(stored::ledger_failure)
}

pub(super) async fn undelivered(ledger: &SqliteLedger, order: &Order) -> Result<bool, Failure> {
    let pending = ledger.outbox_pending(&order.run_id, 1).await.map_err(stored::ledger_failure)?;
    Ok(!pending.is_empty())
}

/// Does the work, says what it waits for, and stops it in order at an interrupt.
async fn with_progress<T>(
    work: impl Future<Output = T>,
    ledger: &SqliteLedger,
    around: &Surroundings,
    run_id: &str,
    progress: &Progress,
    stop: &Signal,
) -> T {
    let deliver = hint::messages(around, run_id);
    let work = alongside(work, report_pending_messages(ledger, run_id, &deliver, progress));
    let asked = || {
        progress.remark("stopping after the current step; interrupt again to stop at once");
        stop.raise();
    };
    interrupt::with_interrupts(work, asked).await
}

/// Completes with `carried`; `told` runs at the same time.
async fn alongside<T>(carried: impl Future<Output = T>, told: impl Future<Output = ()>) -> T {
    match select(pin!(carried), pin!(told)).await {
        Either::Left((end, _)) => end,
        Either::Right(((), carried)) => carried.await,
    }
}

/// Says what is waited for when all chunks have ended and messages have not been delivered.
async fn report_pending_messages(ledger: &SqliteLedger, run_id: &str, deliver: &str, progress: &Progress) {
    loop {
        tokio::time::sleep(LOOK).await;
        // A failing ledger is reported by the work itself.
        let open = ledger.open_chunks(run_id, 0, 1).await;
        let pending = ledger.outbox_pending(run_id, 1).await;
        if let (Ok(open), Ok(pending)) = (open, pending)
            && open.is_empty()
            && let Some(NextAttempt { why: Some(why), .. }) = Messages::count(&pending).next
        {
            progress.remark(&format!(
                "every chunk has ended; messages for the governance system are still to be sent ({why}); this is tried \
                 for up to a minute, and Ctrl-C leaves them for `{deliver}`"
            ));
            return;
        }
    }
}

fn introduce(order: &Order, evidence: &Path, json: bool) {
    if json {
        let evidence = evidence.display().to_string();
        print_out(&events::run(&order.run_id, &order.plan_digest, &order.tenant, order.simulated, &evidence));
    } else if order.simulated {
        print_err("");
        print_err(&paint(CARE, &format!("{}: nothing real is deleted", order.tenant)));
        print_err(&format!("run {}", order.run_id));
    } else {
        print_err("");
        print_err(&format!("run {} on {}, approved by {}", order.run_id, order.tenant, order.approved_by));
    }
}

/// Shows the result, and how to go on if there is more to do.
fn show(concluded: &Conclusion, around: &Surroundings, manner: &Manner, stopped: bool) {
    let Conclusion { report, messages, folder, digest, proof, .. } = concluded;
    if manner.json {
        let folder = (*proof == Proof::Written).then_some(folder);
        print_out(&events::webhooks(messages));
        print_out(&events::line(
            "evidence",
            &serde_json::json!({ "folder": folder.map(|folder| folder.display().to_string()), "digest": digest }),
        ));
        print_out(&report.line());
        return;
    }
    let retry = hint::retry(around, &report.run_id);
    let messages = hint::messages(around, &report.run_id);
    // The run has ended by now, so a cancel has nothing to do any more.
    let cancels = matches!(manner.task, Task::Cancel(_));
    let writes = if cancels { format!("`{messages}`") } else { "the same command".to_owned() };
    show_report(concluded, &messages, &writes);
    if report.totals.open > 0 {
        let how = if stopped { "stopped" } else { "not finished" };
        let next = match manner.task {
            Task::Chunks | Task::ChunksOrMessages => format!("the same command continues from here, or `{retry}`"),
            Task::Messages => format!("its own command continues from here, or `{retry}`"),
            // A retry would take the cancel back.
            Task::Cancel(_) => "the same command continues from here".to_owned(),
        };
        print_err(&paint(BAD, &format!("{how}: {next}")));
    } else if exit_code(report) != 0 {
        how_to_go_on(report, &retry).iter().for_each(|line| print_err(line));
    }
}

/// Whether a policy newer than the plan keeps the chunk. Its outcome then shows that no deletion can still be under way.
fn is_kept(chunk: &ChunkReport) -> bool {
    matches!(chunk.outcome, Some(Outcome::Held | Outcome::Rejected))
        && chunk.cause.as_ref().is_some_and(|cause| KEPT_BY_NEWER_POLICY.contains(&cause.code.as_str()))
}

/// How to go on with the chunks that did not end verified. No retry deletes what a policy newer than the plan keeps; the approval
/// no longer covers it.
fn how_to_go_on(report: &Report, retry: &str) -> Vec<String> {
    let badly = report.chunks.iter().filter(|chunk| chunk.outcome.is_some_and(|outcome| outcome != Outcome::Verified));
    let (kept, others): (Vec<&ChunkReport>, Vec<&ChunkReport>) = badly.partition(|chunk| is_kept(chunk));
    let mut lines = Vec::new();
    if !kept.is_empty() {
        let which = which_chunks(&kept.iter().map(|chunk| chunk.index).collect::<Vec<_>>());
        lines.push(format!(
            "{which}: the policy that applies now keeps more than the plan does; plan the request again with it, and have that plan approved"
        ));
    }
    // Other causes stop shorter chunks as well, and where a job ran, the platform itself keeps all there is.
    let touches = |chunk: &&&ChunkReport| {
        let holds = chunk.cause.as_ref().is_some_and(|cause| cause.code == "hold");
        chunk.outcome == Some(Outcome::Held) && holds && chunk.submits == 0
    };
    let held: Vec<u32> = others.iter().filter(touches).map(|chunk| chunk.index).collect();
    if !held.is_empty() {
        lines.push(format!(
            "{}: plan that time again with shorter chunks; then only those that touch what is kept stay held, unless analytics does not know it",
            which_chunks(&held)
        ));
    }
    if kept.is_empty() || !others.is_empty() {
        let which = if kept.is_empty() { "these chunks".to_owned() } else { "the others".to_owned() };
        let once =
            if others.len() == held.len() && !held.is_empty() { "the hold is lifted" } else { "the cause is fixed" };
        lines.push(format!("once {once}, `{retry}` tries {which} again"));
    }
    lines
}

/// Shows the report and where the evidence is. `writes` is what writes the evidence if that failed.
fn show_report(concluded: &Conclusion, deliver: &str, writes: &str) {
    let Conclusion { report, messages, simulated_receiver, folder, digest, proof, answers } = concluded;
    if report.simulated {
        print_out(&paint(CARE, &format!("{}: nothing real was deleted", report.tenant)));
    }
    let extras = ReportExtras {
        messages,
        simulated_receiver: *simulated_receiver,
        answers,
        deliver,
        full_list: "in report.json",
    };
    result::report(report, extras).iter().for_each(|line| print_out(line));
    let folder = folder.display().to_string();
    let where_it_is = match proof {
        Proof::Written => folder,
        Proof::Broken(_) => format!("{folder}  {}", paint(BAD, "does not hold")),
        Proof::Ahead(_) => paint(BAD, "was not written: the evidence there is newer than the ledger"),
        Proof::Unwritten(_) => paint(
            BAD,
            &format!(
                "could not be written; once the problem is fixed, or with another `--evidence`, {writes} writes it"
            ),
        ),
    };
    print_out(&result::labelled("evidence", &where_it_is));
    print_out(&result::labelled("manifest", digest));
    print_out(&result::labelled("", &paint(DIM, "keep this digest elsewhere: `verify --manifest` compares it")));
}
