//! Carrying out a run that the ledger holds, from wherever it stands: the one way to do it, for the terminal and for the server.

use std::path::{Path, PathBuf};

use purge_core::evidence::Evidence;
use purge_core::report::Report;
use purge_core::run::{Cause, Order};
use purge_driver::https::HttpsClient;
use purge_driver::{Clock, PolicyInForce, Postman, RunEnd, Runner, Sender, Signal, SystemClock, Watch, Worker};
use purge_sim::Scenario;

use super::lock::{EvidenceLock, RunLock};
use super::messages::Messages;
use super::place::{self, Place};
use super::policy::PolicyFile;
use super::stored::{self, Stored};
use crate::evidence;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::ledger::SqliteLedger;
use crate::settings::Settings;
use crate::simulated::journal::Journal;

/// Where things are.
#[derive(Clone, Debug)]
pub(crate) struct Surroundings {
    /// The ledger's folder.
    pub(crate) folder: PathBuf,
    /// Where the evidence goes, if not beside the ledger.
    pub(crate) evidence: Option<PathBuf>,
    /// What a simulated tenant that is not there yet is to be like.
    pub(crate) scenario: Option<Scenario>,
    /// The policy that applies now, should somebody have said where it is kept.
    pub(crate) policy: Option<PolicyFile>,
}

impl Surroundings {
    /// The evidence folder of a run.
    pub(crate) fn evidence_of(&self, run_id: &str) -> PathBuf {
        place::evidence(&self.folder, self.evidence.as_deref(), run_id)
    }
}

/// The place that the run was made for, or a refusal: a run never moves to another tenant.
pub(crate) fn place(settings: &Settings, around: &Surroundings, order: &Order) -> Result<Place, Failure> {
    let api = order.request.api;
    match (&settings.tenant, order.simulated) {
        (Some(tenant), false) if tenant.name() == order.tenant => Ok(Place::real(tenant, api, settings)),
        (None, true) => {
            let path = place::journal(&around.folder, &order.run_id);
            // A run's tenant is what it was when the run began.
            let remembered = Journal::scenario(&path).map_err(|why| Failure::unreadable(&path, why));
            let scenario = remembered.or_else(|failure| around.scenario.clone().ok_or(failure))?;
            Place::simulated(&path, scenario, api, settings)
        }
        (Some(_), true) => Err(elsewhere(order, false)),
        (Some(_) | None, false) => Err(elsewhere(order, true)),
    }
}

/// A run that was made for another tenant. `simulated` is what the settings are for.
pub(crate) fn elsewhere(order: &Order, simulated: bool) -> Failure {
    let message = format!("run `{}` belongs to {}", order.run_id, order.tenant);
    let help = if order.simulated && !simulated {
        "unset the GENESYS_ settings to go on with a simulated run".to_owned()
    } else {
        format!("set `GENESYS_BASE_URL` to {} and its credentials", order.tenant)
    };
    Failure::new(Exit::BadInput, "run.elsewhere", "", message, help)
}

/// Carries the run on until every chunk has ended or `stop` is raised. The lock says that nobody else does.
pub(crate) async fn carry_on(
    ledger: &SqliteLedger,
    place: &Place,
    order: &Order,
    policy: Option<&PolicyFile>,
    _lock: &RunLock,
    watch: &impl Watch,
    stop: &Signal,
) -> Result<RunEnd, Failure> {
    let http = HttpsClient::through(place.proxy.clone()).map_err(|why| Failure::machine("speak TLS", why))?;
    let clock = SystemClock;
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
        watch,
        owner: &owner,
        // The run's lock is ours, so whoever else had a chunk is gone.
        assume_dead_owners: true,
        policy: policy.map(|policy| policy as &dyn PolicyInForce),
        tell: postman.is_some(),
        stop,
        patience: None,
    };
    Runner { worker, postman }.run(&order.run_id).await.map_err(stored::failed)
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

/// What a run has come to, and where the proof is.
#[derive(Debug)]
pub(crate) struct Concluded {
    /// What its records amount to.
    pub(crate) report: Report,
    /// How its messages went.
    pub(crate) messages: Messages,
    /// The evidence.
    pub(crate) folder: PathBuf,
    /// Digest of the evidence's manifest.
    pub(crate) digest: String,
    /// Whether it could be written there.
    pub(crate) written: Result<(), Failure>,
}

/// Writes the evidence of the run as it stands.
pub(crate) async fn conclude(
    ledger: &SqliteLedger,
    folder: &Path,
    evidence: PathBuf,
    run_id: &str,
) -> Result<Concluded, Failure> {
    let lock = EvidenceLock::wait(folder, run_id)?;
    let stored = Stored::read(ledger, run_id, SystemClock.now()).await?;
    let report = stored.report();
    let proof = evidence::of(&stored, &report)?;
    let written = evidence::write(&evidence, &proof).and_then(|()| holds(&evidence, &report, &proof));
    drop(lock);
    Ok(Concluded { report, messages: Messages::of(&stored.outbox), folder: evidence, digest: proof.digest(), written })
}

/// Nobody is given a proof that does not prove anything. What does not add up the report has said already.
fn holds(folder: &Path, report: &Report, proof: &Evidence) -> Result<(), Failure> {
    let broken = match proof.check() {
        Err(broken) if report.problems.is_empty() => broken,
        Err(_) | Ok(()) => return Ok(()),
    };
    let message = format!("the evidence does not hold, because the ledger was damaged or changed: {broken}");
    let help = "keep ledger and evidence as they are; restore the ledger from a copy, and the same command writes the evidence again";
    Err(Failure::new(Exit::Doubtful, "evidence.broken", folder.display().to_string(), message, help))
}
