//! A run carried out before somebody's eyes: introduced, shown as it goes, and concluded with its result.

use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use purge_core::report::{ChunkReport, Report, exit_code};
use purge_core::run::{Order, Outcome};
use purge_driver::ledger::{Ledger, RunRow};
use purge_driver::{Clock as _, RunEnd, Signal, SystemClock};

use crate::carry::again::{under_way, unheeded};
use crate::carry::lock::RunLock;
use crate::carry::messages::{Messages, Next};
use crate::carry::run::{Concluded, Proof, Surroundings, carry_on, conclude, deliver, has_begun, place, provable};
use crate::carry::{follow, interrupt, stored};
use crate::events;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::ledger::SqliteLedger;
use crate::settings::Settings;
use crate::terminal::progress::Progress;
use crate::terminal::result::{self, Beside};
use crate::terminal::words::which_chunks;
use crate::terminal::{BAD, CARE, DIM, hint, outlet, paint, say, tell};

/// How often to look whether only messages are left.
const LOOK: Duration = Duration::from_secs(2);

const ENDED_BEFORE: &str = "the run had ended before; this is its result, and no chunk is sent again";
const ONLY_MESSAGES: &str = "no chunk is sent again; messages that the governance system has not taken are sent now";
const NO_MESSAGES: &str = "there is no message that is still to be sent, and no chunk is sent again";

/// Why a chunk stopped that a policy keeps which is newer than the plan.
const KEPT: [&str; 2] = ["policy.keepsMore", "policy.newHold"];

/// How it is told, and what is done.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manner {
    /// Events instead of text.
    pub(super) json: bool,
    /// What is done.
    pub(super) errand: Errand,
}

/// What is done about a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Errand {
    /// It is carried on. Of one that has ended nothing is sent.
    Chunks,
    /// It is carried on. Of one that has ended, messages that are left over are sent.
    ChunksOrMessages,
    /// Messages that are left over are sent, and nothing else.
    Messages,
}

/// Does the errand and shows the run's result.
pub(super) async fn carry_out(
    ledger: &SqliteLedger,
    settings: &Settings,
    around: &Surroundings,
    manner: Manner,
    row: RunRow,
) -> Result<Exit, Failure> {
    let order = &row.order;
    let json = manner.json;
    provable(ledger, around, &order.run_id)?;
    remember(ledger, around, &order.run_id)?;
    let evidence = around.evidence_of(ledger, &order.run_id)?;
    introduce(order, &evidence, json);
    let total = order.chunks;
    let progress = Progress::new(json, order.simulated, total, total.saturating_sub(row.open));
    let mut ended = Ok(RunEnd::Ended);
    // Held until the evidence is there: whoever sees that nobody carries the run on looks for it.
    let mut held = None;
    let ended_before = row.open == 0;
    let no_chunks = ended_before || manner.errand == Errand::Messages;
    let messages = no_chunks
        && manner.errand != Errand::Chunks
        && has_receiver(settings, order)
        && undelivered(ledger, order).await?;
    if no_chunks && !json {
        tell(match manner.errand {
            Errand::ChunksOrMessages | Errand::Messages if messages => ONLY_MESSAGES,
            Errand::Messages => NO_MESSAGES,
            Errand::Chunks | Errand::ChunksOrMessages => ENDED_BEFORE,
        });
    }
    let stop = Signal::new();
    if messages {
        let lock = RunLock::take(&around.folder, &order.run_id)?.ok_or_else(|| under_way(&order.run_id))?;
        let place = place(settings, around, order)?;
        let sent = deliver(ledger, &place, order, &lock, &stop);
        let sent = before_eyes(sent, ledger, around, &order.run_id, &progress, &stop).await;
        ended = sent.map(|()| RunEnd::Ended);
        held = Some(lock);
    } else if !no_chunks {
        let lock = match RunLock::take(&around.folder, &order.run_id)? {
            Some(lock) => Some(lock),
            None if around.policy.is_some() => return Err(unheeded(&around.folder, &order.run_id)),
            None => {
                progress.remark("another process carries this run out; following it");
                follow::follow(ledger, &around.folder, &order.run_id, &progress).await?
            }
        };
        if let Some(lock) = lock {
            let place = place(settings, around, order)?;
            if manner.errand == Errand::ChunksOrMessages {
                ledger.hurry(&order.run_id, SystemClock.now()).map_err(stored::failed)?;
            }
            let carried = carry_on(ledger, &place, order, around.policy.as_ref(), &lock, &progress, &stop);
            ended = before_eyes(carried, ledger, around, &order.run_id, &progress, &stop).await;
            held = Some(lock);
        }
    }
    progress.finish();
    if ended.is_err() && !has_begun(ledger, &order.run_id) {
        return ended.map(|_| Exit::Fine);
    }
    // Whatever happened: what is known is written down.
    let concluded = match conclude(ledger, &around.folder, evidence, &order.run_id).await {
        // What went wrong first says more.
        Err(failure) => return Err(ended.err().unwrap_or(failure)),
        Ok(concluded) => concluded,
    };
    drop(held);
    show(&concluded, around, manner, matches!(ended, Ok(RunEnd::Stopped)));
    ended?;
    // What was done is said whatever became of the proof; without it, it did not go well.
    concluded.proof.holds()?;
    let exit = Exit::Report(exit_code(&concluded.report));
    // Everything is done and the lock is free: whoever does not want to wait for the reader of the output may go.
    let read = tokio::task::spawn_blocking(outlet::drain);
    // It cannot fail, and the program ends all the same.
    let _ = interrupt::or_interrupted(read, || std::process::exit(i32::from(exit.code()))).await;
    Ok(exit)
}

/// Whoever goes on with the run looks for its evidence where it was said to be.
fn remember(ledger: &SqliteLedger, around: &Surroundings, run_id: &str) -> Result<(), Failure> {
    let Some(said) = &around.evidence else { return Ok(()) };
    let place = std::path::absolute(said).map_err(|why| Failure::unwritable(said, why))?;
    // A name that is no text cannot be kept, and has to be said again.
    place.to_str().map_or(Ok(()), |place| ledger.remember_evidence(run_id, place)).map_err(stored::failed)
}

pub(super) async fn undelivered(ledger: &SqliteLedger, order: &Order) -> Result<bool, Failure> {
    let pending = ledger.outbox_pending(&order.run_id, 1).await.map_err(stored::failed)?;
    Ok(!pending.is_empty())
}

/// Whether messages of the run can be sent: a rehearsal has a receiver of its own.
pub(super) fn has_receiver(settings: &Settings, order: &Order) -> bool {
    order.simulated || settings.webhook.is_some()
}

/// The work, while it is said what it waits for; stopped in order when somebody interrupts.
async fn before_eyes<T>(
    work: impl Future<Output = T>,
    ledger: &SqliteLedger,
    around: &Surroundings,
    run_id: &str,
    progress: &Progress,
    stop: &Signal,
) -> T {
    let deliver = hint::messages(around, run_id);
    let work = or_told(work, still_sending(ledger, run_id, &deliver, progress));
    let asked = || {
        progress.remark("stopping after the step in hand; once more to stop at once");
        stop.raise();
    };
    interrupt::or_interrupted(work, asked).await
}

/// The first, while the second says what there is to say.
async fn or_told<T>(carried: impl Future<Output = T>, told: impl Future<Output = ()>) -> T {
    match select(pin!(carried), pin!(told)).await {
        Either::Left((end, _)) => end,
        Either::Right(((), carried)) => carried.await,
    }
}

/// Says what is waited for once all chunks have ended and messages have not.
async fn still_sending(ledger: &SqliteLedger, run_id: &str, deliver: &str, progress: &Progress) {
    loop {
        tokio::time::sleep(LOOK).await;
        // Whoever carries the run out tells of a ledger that fails.
        let open = ledger.open_chunks(run_id, 0, 1).await;
        let pending = ledger.outbox_pending(run_id, 1).await;
        if let (Ok(open), Ok(pending)) = (open, pending)
            && open.is_empty()
            && let Some(Next { why: Some(why), .. }) = Messages::of(&pending).next
        {
            progress.remark(&format!(
                "every chunk has ended; messages for the governance system are still to be sent ({why}), which is tried \
                 for up to a minute: Ctrl-C leaves them for `{deliver}`"
            ));
            return;
        }
    }
}

fn introduce(order: &Order, evidence: &Path, json: bool) {
    if json {
        let evidence = evidence.display().to_string();
        say(&events::run(&order.run_id, &order.plan_digest, &order.tenant, order.simulated, &evidence));
    } else if order.simulated {
        tell("");
        tell(&paint(CARE, &format!("{}: nothing real is deleted", order.tenant)));
        tell(&format!("run {}", order.run_id));
    } else {
        tell("");
        tell(&format!("run {} on {}, approved by {}", order.run_id, order.tenant, order.approved_by));
    }
}

/// The result, and how to go on if there is more to do.
fn show(concluded: &Concluded, around: &Surroundings, manner: Manner, stopped: bool) {
    let Concluded { report, messages, folder, digest, proof, .. } = concluded;
    if manner.json {
        let folder = (*proof == Proof::Written).then_some(folder);
        say(&events::webhooks(messages));
        say(&events::line(
            "evidence",
            &serde_json::json!({ "folder": folder.map(|folder| folder.display().to_string()), "digest": digest }),
        ));
        say(&report.line());
        return;
    }
    let retry = hint::retry(around, &report.run_id);
    show_report(concluded, &hint::messages(around, &report.run_id));
    if report.totals.open > 0 {
        let how = if stopped { "stopped" } else { "not finished" };
        let which = if manner.errand == Errand::Messages { "its own" } else { "the same" };
        tell(&paint(BAD, &format!("{how}: {which} command goes on from here, or `{retry}`")));
    } else if exit_code(report) != 0 {
        how_to_go_on(report, &retry).iter().for_each(|line| tell(line));
    }
}

/// Whether a policy that is newer than the plan keeps it, and nothing of it was submitted that may still be under way.
fn is_kept(chunk: &ChunkReport) -> bool {
    matches!(chunk.outcome, Some(Outcome::Held | Outcome::Rejected))
        && chunk.cause.as_ref().is_some_and(|cause| KEPT.contains(&cause.code.as_str()))
}

/// What a policy that is newer than the plan keeps is deleted by no retry, and no longer covered by the approval.
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
    if kept.is_empty() || !others.is_empty() {
        let which = if kept.is_empty() { "these chunks".to_owned() } else { "the others".to_owned() };
        lines.push(format!("once the cause is removed, `{retry}` tries {which} again"));
    }
    lines
}

fn show_report(concluded: &Concluded, deliver: &str) {
    let Concluded { report, messages, folder, digest, proof, answers } = concluded;
    if report.simulated {
        say(&paint(CARE, &format!("{}: nothing real was deleted", report.tenant)));
    }
    let beside = Beside { messages, answers, deliver, elsewhere: "in report.json" };
    result::report(report, beside).iter().for_each(|line| say(line));
    let folder = folder.display().to_string();
    let where_it_is = match proof {
        Proof::Written => folder,
        Proof::Broken(_) => format!("{folder}  {}", paint(BAD, "does not hold")),
        Proof::Ahead(_) => paint(BAD, "was not written: what is there is newer than the ledger"),
        Proof::Unwritten(_) => paint(
            BAD,
            "could not be written; once nothing is in its way, or with another `--evidence`, the same command writes it",
        ),
    };
    say(&result::labelled("evidence", &where_it_is));
    say(&result::labelled("manifest", digest));
    say(&result::labelled("", &paint(DIM, "keep this digest elsewhere: `verify --manifest` compares it")));
}
