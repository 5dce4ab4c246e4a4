//! Carrying out a run that the ledger holds, from wherever it stands, to its result.

use std::path::{Path, PathBuf};

use purge_core::report::{Report, exit_code};
use purge_core::run::{Cause, Order};
use purge_driver::https::HttpsClient;
use purge_driver::ledger::{Ledger, RunRow};
use purge_driver::{Clock, Postman, RunEnd, Runner, Sender, Signal, SystemClock, Worker};
use purge_sim::Scenario;

use super::lock::{EvidenceLock, RunLock};
use super::place::{self, Place};
use super::stored::{self, Stored};
use super::{follow, interrupt};
use crate::args::DEFAULT_LEDGER;
use crate::events;
use crate::evidence;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::ledger::SqliteLedger;
use crate::settings::Settings;
use crate::simulated::journal::Journal;
use crate::terminal::progress::Progress;
use crate::terminal::result::{self, Messages};
use crate::terminal::{BAD, CARE, DIM, outlet, paint, say, tell};

/// Where things are and how they are told.
#[derive(Clone, Debug)]
pub(crate) struct Surroundings {
    /// The ledger's folder.
    pub(crate) folder: PathBuf,
    /// Where the evidence goes, if not beside the ledger.
    pub(crate) evidence: Option<PathBuf>,
    /// Events instead of text.
    pub(crate) json: bool,
    /// Whether messages that are left over from a run that has ended are sent.
    pub(crate) deliver: bool,
    /// What a simulated tenant that is not there yet is to be like.
    pub(crate) scenario: Option<Scenario>,
}

impl Surroundings {
    /// The evidence folder of a run.
    pub(crate) fn evidence_of(&self, run_id: &str) -> PathBuf {
        place::evidence(&self.folder, self.evidence.as_deref(), run_id)
    }
}

/// Carries the run on and shows its result. What has ended is shown and nothing is sent.
pub(crate) async fn carry_out(
    ledger: &SqliteLedger,
    settings: &Settings,
    around: &Surroundings,
    row: RunRow,
) -> Result<Exit, Failure> {
    let order = &row.order;
    // Before anything is deleted, not when it has to be proved.
    evidence::refuse_foreign(&around.evidence_of(&order.run_id))?;
    introduce(order, around);
    let total = order.chunks;
    let progress = Progress::new(around.json, order.simulated, total, total.saturating_sub(row.open));
    let mut stopped = false;
    let ended_before = row.open == 0;
    if ended_before && !around.json {
        tell("the run had ended before; this is its result, and no chunk is sent again");
    }
    if !ended_before || (around.deliver && undelivered(ledger, order).await?) {
        let lock = match RunLock::take(&around.folder, &order.run_id)? {
            Some(lock) => Some(lock),
            None => {
                progress.remark("another process carries this run out; following it");
                follow::follow(ledger, &around.folder, &order.run_id, &progress).await?
            }
        };
        if let Some(lock) = lock {
            let place = place(settings, around, order)?;
            stopped = under_way(ledger, &place, order, &progress).await? == RunEnd::Stopped;
            drop(lock);
        }
    }
    progress.finish();
    let exit = conclude(ledger, around, &order.run_id, stopped).await?;
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

/// The place that the run was made for, or a refusal: a run never moves to another tenant.
fn place(settings: &Settings, around: &Surroundings, order: &Order) -> Result<Place, Failure> {
    let api = order.request.api;
    let elsewhere = |help: String| {
        let message = format!("run `{}` belongs to {}", order.run_id, order.tenant);
        Failure::new(Exit::BadInput, "run.elsewhere", "", message, help)
    };
    match (&settings.tenant, order.simulated) {
        (Some(tenant), false) if tenant.base.to_string() == order.tenant => {
            Ok(Place::real(tenant, api, settings.webhook.clone()))
        }
        (None, true) => {
            let path = place::journal(&around.folder, &order.run_id);
            // A run's tenant is what it was when the run began.
            let remembered = Journal::scenario(&path).map_err(|why| Failure::unreadable(&path, why));
            let scenario = remembered.or_else(|failure| around.scenario.clone().ok_or(failure))?;
            Place::simulated(&path, scenario, api, settings.webhook.clone())
        }
        (Some(_), true) => Err(elsewhere("unset the GENESYS_ settings to go on with a simulated run".to_owned())),
        (Some(_) | None, false) => {
            Err(elsewhere(format!("set `GENESYS_BASE_URL` to {} and its credentials", order.tenant)))
        }
    }
}

/// Runs until every chunk has ended or somebody interrupts.
async fn under_way(
    ledger: &SqliteLedger,
    place: &Place,
    order: &Order,
    progress: &Progress,
) -> Result<RunEnd, Failure> {
    let http = HttpsClient::new().map_err(|why| Failure::machine("speak TLS", why))?;
    let clock = SystemClock;
    let stop = Signal::new();
    let sender = Sender::new(&http, &clock, &place.tenant, order.limits.requests_per_minute);
    sender.log_in().await.map_err(login_refused)?;
    let owner = owner()?;
    let postman = place.webhook.as_ref().map(|webhook| Postman {
        ledger,
        http: &http,
        clock: &clock,
        url: &webhook.url,
        secrets: webhook.secrets.as_ref(),
    });
    let worker = Worker {
        ledger,
        sender: &sender,
        clock: &clock,
        watch: progress,
        owner: &owner,
        // The run's lock is ours, so whoever else had a chunk is gone.
        assume_dead_owners: true,
        tell: postman.is_some(),
        stop: &stop,
    };
    let runner = Runner { worker, postman };
    let ended = interrupt::or_interrupted(runner.run(&order.run_id), || {
        progress.remark("stopping after the step in hand; once more to stop at once");
        stop.raise();
    });
    ended.await.map_err(stored::failed)
}

fn login_refused(cause: Cause) -> Failure {
    let help = "check `GENESYS_CLIENT_ID` and its secret, then give the same command again; nothing was sent";
    Failure::new(Exit::BadInput, &cause.code, "environment#GENESYS_CLIENT_ID", cause.message, help)
}

/// Names this process in leases, differently each time.
fn owner() -> Result<String, Failure> {
    let mut bytes = [0_u8; 8];
    getrandom::fill(&mut bytes).map_err(|why| Failure::machine("make up a name", why))?;
    Ok(format!("{}-{:016x}", std::process::id(), u64::from_le_bytes(bytes)))
}

fn introduce(order: &Order, around: &Surroundings) {
    let evidence = around.evidence_of(&order.run_id);
    if around.json {
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

/// Writes the evidence, shows the result, and says how to go on if there is more to do.
pub(crate) async fn conclude(
    ledger: &SqliteLedger,
    around: &Surroundings,
    run_id: &str,
    stopped: bool,
) -> Result<Exit, Failure> {
    let lock = EvidenceLock::wait(&around.folder, run_id)?;
    let stored = Stored::read(ledger, run_id, SystemClock.now()).await?;
    let report = stored.report();
    let messages = Messages::of(&stored.outbox);
    let folder = around.evidence_of(run_id);
    let digest = evidence::write(&folder, &stored, &report)?;
    drop(lock);
    if around.json {
        say(&events::webhooks(messages.delivered, messages.pending, messages.dead));
        say(&events::line(
            "evidence",
            &serde_json::json!({ "folder": folder.display().to_string(), "digest": digest }),
        ));
        say(&report.line());
    } else {
        show(&report, messages, &folder, &digest);
        if report.totals.open > 0 {
            let how = if stopped { "stopped" } else { "not finished" };
            tell(&paint(BAD, &format!("{how}: the same command goes on from here, or `{}`", retry(around, run_id))));
        } else if exit_code(&report) != 0 {
            tell(&format!("once the cause is removed, `{}` tries these chunks again", retry(around, run_id)));
        }
    }
    Ok(Exit::Report(exit_code(&report)))
}

/// What tries the run's open chunks again, ready to be typed.
fn retry(around: &Surroundings, run_id: &str) -> String {
    let ledger = match around.folder.to_str() {
        Some(DEFAULT_LEDGER) => String::new(),
        Some(_) | None => format!(" --ledger {}", around.folder.display()),
    };
    format!("genesys-purge retry {run_id}{ledger}")
}

fn show(report: &Report, messages: Messages, folder: &Path, digest: &str) {
    if report.simulated {
        say(&paint(CARE, &format!("{}: nothing real was deleted", report.tenant)));
    }
    result::report(report, messages).iter().for_each(|line| say(line));
    say(&result::labelled("evidence", &folder.display().to_string()));
    say(&result::labelled("manifest", digest));
    say(&result::labelled("", &paint(DIM, "keep this digest elsewhere: `verify --manifest` compares it")));
}
