//! A run carried out before somebody's eyes: introduced, shown as it goes, and concluded with its result.

use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use purge_core::report::{Report, exit_code};
use purge_core::run::Order;
use purge_driver::ledger::{Ledger, RunRow};
use purge_driver::{Clock as _, RunEnd, Signal, SystemClock};

use crate::args::DEFAULT_LEDGER;
use crate::carry::lock::RunLock;
use crate::carry::messages::{Messages, Next};
use crate::carry::run::{Concluded, Surroundings, carry_on, conclude, place};
use crate::carry::{follow, interrupt, stored};
use crate::events;
use crate::evidence;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::ledger::SqliteLedger;
use crate::settings::Settings;
use crate::terminal::progress::Progress;
use crate::terminal::{BAD, CARE, DIM, outlet, paint, result, say, tell};

/// How often to look whether only messages are left.
const LOOK: Duration = Duration::from_secs(2);

const ENDED_BEFORE: &str = "the run had ended before; this is its result, and no chunk is sent again";
const ONLY_MESSAGES: &str =
    "the run had ended before, and no chunk is sent again; what the governance system was not told is";

/// How it is told, and what else is done.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manner {
    /// Events instead of text.
    pub(super) json: bool,
    /// Whether messages that are left over from a run that has ended are sent.
    pub(super) deliver: bool,
}

/// Carries the run on and shows its result. What has ended is shown and nothing is sent.
pub(super) async fn carry_out(
    ledger: &SqliteLedger,
    settings: &Settings,
    around: &Surroundings,
    manner: Manner,
    row: RunRow,
) -> Result<Exit, Failure> {
    let order = &row.order;
    let json = manner.json;
    // Before anything is deleted, not when it has to be proved.
    evidence::refuse_foreign(&around.evidence_of(&order.run_id))?;
    introduce(order, around, json);
    let total = order.chunks;
    let progress = Progress::new(json, order.simulated, total, total.saturating_sub(row.open));
    let mut stopped = false;
    // Held until the evidence is there: whoever sees that nobody carries the run on looks for it.
    let mut held = None;
    let ended_before = row.open == 0;
    let only_messages = ended_before && manner.deliver && undelivered(ledger, order).await?;
    if ended_before && !json {
        tell(if only_messages { ONLY_MESSAGES } else { ENDED_BEFORE });
    }
    if !ended_before || only_messages {
        let lock = match RunLock::take(&around.folder, &order.run_id)? {
            Some(lock) => Some(lock),
            None => {
                progress.remark("another process carries this run out; following it");
                follow::follow(ledger, &around.folder, &order.run_id, &progress).await?
            }
        };
        if let Some(lock) = lock {
            let place = place(settings, around, order)?;
            let stop = Signal::new();
            if manner.deliver {
                ledger.hurry(&order.run_id, SystemClock.now()).map_err(stored::failed)?;
            }
            let carried = carry_on(ledger, &place, order, around.policy.as_ref(), &lock, &progress, &stop);
            let carried = or_told(carried, still_sending(ledger, &order.run_id, &progress));
            let end = interrupt::or_interrupted(carried, || {
                progress.remark("stopping after the step in hand; once more to stop at once");
                stop.raise();
            });
            stopped = end.await? == RunEnd::Stopped;
            held = Some(lock);
        }
    }
    progress.finish();
    let concluded = conclude(ledger, &around.folder, around.evidence_of(&order.run_id), &order.run_id).await?;
    drop(held);
    show(&concluded, around, json, stopped);
    // What was done is said whatever became of the proof; without it, it did not go well.
    concluded.written?;
    let exit = Exit::Report(exit_code(&concluded.report));
    // Everything is done and the lock is free: whoever does not want to wait for the reader of the output may go.
    let read = tokio::task::spawn_blocking(outlet::drain);
    // It cannot fail, and the program ends all the same.
    let _ = interrupt::or_interrupted(read, || std::process::exit(i32::from(exit.code()))).await;
    Ok(exit)
}

async fn undelivered(ledger: &SqliteLedger, order: &Order) -> Result<bool, Failure> {
    let pending = ledger.outbox_pending(&order.run_id, 1).await.map_err(stored::failed)?;
    Ok(!pending.is_empty())
}

/// The first, while the second says what there is to say.
async fn or_told<T>(carried: impl Future<Output = T>, told: impl Future<Output = ()>) -> T {
    match select(pin!(carried), pin!(told)).await {
        Either::Left((end, _)) => end,
        Either::Right(((), carried)) => carried.await,
    }
}

/// Says what is waited for once all chunks have ended and messages have not.
async fn still_sending(ledger: &SqliteLedger, run_id: &str, progress: &Progress) {
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
                 for up to a minute: Ctrl-C leaves them for `genesys-purge retry`"
            ));
            return;
        }
    }
}

fn introduce(order: &Order, around: &Surroundings, json: bool) {
    let evidence = around.evidence_of(&order.run_id);
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
fn show(concluded: &Concluded, around: &Surroundings, json: bool, stopped: bool) {
    let Concluded { report, messages, folder, digest, written } = concluded;
    let folder = written.is_ok().then_some(folder.as_path());
    if json {
        say(&events::webhooks(messages));
        say(&events::line(
            "evidence",
            &serde_json::json!({ "folder": folder.map(|folder| folder.display().to_string()), "digest": digest }),
        ));
        say(&report.line());
        return;
    }
    show_report(report, messages, folder, digest);
    let retry = retry(around, &report.run_id);
    if report.totals.open > 0 {
        let how = if stopped { "stopped" } else { "not finished" };
        tell(&paint(BAD, &format!("{how}: the same command goes on from here, or `{retry}`")));
    } else if exit_code(report) != 0 {
        tell(&format!("once the cause is removed, `{retry}` tries these chunks again"));
    }
}

/// What tries the run's open chunks again, ready to be typed.
fn retry(around: &Surroundings, run_id: &str) -> String {
    let ledger = match around.folder.to_str() {
        Some(DEFAULT_LEDGER) => String::new(),
        Some(_) | None => format!(" --ledger {}", around.folder.display()),
    };
    // Whoever said which policy applies now means it of the retry, too.
    let policy = around.policy.as_ref().map(|policy| format!(" --policy {}", policy.path().display()));
    format!("genesys-purge retry {run_id}{ledger}{}", policy.unwrap_or_default())
}

fn show_report(report: &Report, messages: &Messages, folder: Option<&Path>, digest: &str) {
    if report.simulated {
        say(&paint(CARE, &format!("{}: nothing real was deleted", report.tenant)));
    }
    result::report(report, messages, "in report.json").iter().for_each(|line| say(line));
    let nowhere = || paint(BAD, "could not be written; the same command writes it again");
    say(&result::labelled("evidence", &folder.map_or_else(nowhere, |folder| folder.display().to_string())));
    say(&result::labelled("manifest", digest));
    say(&result::labelled("", &paint(DIM, "keep this digest elsewhere: `verify --manifest` compares it")));
}
