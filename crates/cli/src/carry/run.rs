//! Carrying out a run that the ledger holds, from wherever it stands: the one way to do it, for the terminal and for the server.

use std::path::{Path, PathBuf};

use purge_core::evidence::Evidence;
use purge_core::report::Report;
use purge_core::run::{Cause, Order};
use purge_driver::https::HttpsClient;
use purge_driver::{Clock as _, PolicyInForce, Postman, RunEnd, Runner, Sender, Signal, SystemClock, Watch, Worker};
use purge_sim::Scenario;

use super::answers::Answers;
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
use crate::terminal::words::which_chunks;

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
    /// The evidence folder of a run: where somebody says now, or said before, or beside the ledger.
    pub(crate) fn evidence_of(&self, ledger: &SqliteLedger, run_id: &str) -> Result<PathBuf, Failure> {
        let Some(said) = &self.evidence else {
            return place::evidence(ledger, &self.folder, run_id).map(|place| evidence::followed(&place));
        };
        let said = evidence::followed(said);
        evidence::refuse_inner(&said, &self.folder)?;
        Ok(said)
    }
}

/// Whether what will be done can be proved: found out before anything is deleted, and not when it has to be.
pub(crate) fn provable(ledger: &SqliteLedger, around: &Surroundings, run_id: &str) -> Result<(), Failure> {
    let folder = around.evidence_of(ledger, run_id)?;
    evidence::refuse_foreign(&folder, run_id)?;
    let before = place::evidence(ledger, &around.folder, run_id)?;
    if before != folder {
        // It goes somewhere else from now on, and the ledger is no newer for that.
        evidence::refuse_ahead(&before, run_id, ledger)?;
    }
    evidence::refuse_ahead(&folder, run_id, ledger)
}

/// Whether the settings are those of the tenant that the run was made for.
pub(crate) fn serves(settings: &Settings, order: &Order) -> bool {
    match &settings.tenant {
        Some(tenant) => !order.simulated && tenant.name() == order.tenant,
        None => order.simulated,
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
        "set `GENESYS_BASE_URL` and the OAuth client to those; another client may be of another organisation".to_owned()
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
    let http = client(place)?;
    let clock = SystemClock;
    let sender = Sender::new(&http, &clock, &place.tenant, order.limits.requests_per_minute);
    if let Err(cause) = sender.log_in().await {
        let sent = if has_begun(ledger, &order.run_id) { Some(submitted(ledger, &order.run_id).await?) } else { None };
        return Err(login_refused(cause, sent.as_deref()));
    }
    let owner = owner()?;
    let postman = postman(ledger, place, &http, &clock);
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

/// Sends the messages of the run that its receiver has not got, for up to a minute or until `stop` is raised, and nothing to the
/// tenant, whatever of the run is open or was cancelled.
pub(crate) async fn deliver(
    ledger: &SqliteLedger,
    place: &Place,
    order: &Order,
    _lock: &RunLock,
    stop: &Signal,
) -> Result<(), Failure> {
    let (http, clock, done) = (client(place)?, SystemClock, Signal::new());
    // No chunk ends meanwhile that there would be more to say of.
    done.raise();
    let Some(postman) = postman(ledger, place, &http, &clock) else { return Ok(()) };
    ledger.hurry(&order.run_id, clock.now()).map_err(stored::failed)?;
    postman.deliver(&order.run_id, &done, stop).await.map_err(stored::failed)
}

fn client(place: &Place) -> Result<HttpsClient, Failure> {
    HttpsClient::through(place.proxy.clone()).map_err(|why| Failure::machine("speak TLS", why))
}

fn postman<'a>(
    ledger: &'a SqliteLedger,
    place: &'a Place,
    http: &'a HttpsClient,
    clock: &'a SystemClock,
) -> Option<Postman<'a, SqliteLedger, HttpsClient, SystemClock>> {
    let webhook = place.webhook.as_ref()?;
    Some(Postman { ledger, http, clock, url: &webhook.url, secrets: webhook.secrets.as_ref() })
}

/// Open chunks whose deletion may be under way.
async fn submitted(ledger: &SqliteLedger, run_id: &str) -> Result<Vec<u32>, Failure> {
    let chunks = stored::chunks(ledger, run_id).await?.into_iter().map(|chunk| chunk.view());
    Ok(chunks.filter(|view| view.outcome.is_none() && view.submits > 0).map(|view| view.chunk.index).collect())
}

/// Whether anything was done for the run, by whoever.
pub(crate) fn has_begun(ledger: &SqliteLedger, run_id: &str) -> bool {
    ledger.mark(run_id).is_ok_and(|mark| mark.is_some_and(|mark| mark.records > 0))
}

/// Before the run has begun that is bad input; after that, a stop in the middle. `submitted` may go on, whoever is let in.
fn login_refused(cause: Cause, submitted: Option<&[u32]>) -> Failure {
    let (exit, sent) = match submitted {
        None => (Exit::BadInput, "nothing was sent".to_owned()),
        Some([]) => (Exit::Temporary, "nothing was sent now".to_owned()),
        Some(chunks) => {
            let chunks = which_chunks(chunks);
            (Exit::Temporary, format!("nothing was sent now, but {chunks} had been submitted before, which may go on"))
        }
    };
    let help = format!("check `GENESYS_CLIENT_ID` and its secret, then give the same command again; {sent}");
    Failure::new(exit, &cause.code, "environment#GENESYS_CLIENT_ID", cause.message, help)
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
    /// What became of it.
    pub(crate) proof: Proof,
    /// Which answers chunks ended with.
    pub(crate) answers: Answers,
}

/// What became of the evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// It is there, and it holds.
    Written,
    /// It is there, and it does not hold.
    Broken(Failure),
    /// What is there knows more than the ledger, and was left as it is.
    Ahead(Failure),
    /// It could not be written.
    Unwritten(Failure),
}

impl Proof {
    /// Whether it is there and holds.
    pub(crate) fn holds(self) -> Result<(), Failure> {
        match self {
            Self::Written => Ok(()),
            Self::Broken(failure) | Self::Ahead(failure) | Self::Unwritten(failure) => Err(failure),
        }
    }
}

/// Writes the evidence of the run as it stands.
pub(crate) async fn conclude(
    ledger: &SqliteLedger,
    folder: &Path,
    evidence: PathBuf,
    run_id: &str,
) -> Result<Concluded, Failure> {
    let lock = EvidenceLock::wait(folder, run_id)?;
    let stored = Stored::read(ledger, run_id).await?;
    let report = stored.report();
    let proof = evidence::of(&stored, &report)?;
    let became = put(ledger, &evidence, &report, &proof);
    drop(lock);
    let (messages, answers) = (Messages::of(&stored.outbox), Answers::of(&stored.records));
    Ok(Concluded { report, messages, folder: evidence, digest: proof.digest(), proof: became, answers })
}

fn put(ledger: &SqliteLedger, folder: &Path, report: &Report, proof: &Evidence) -> Proof {
    if let Err(failure) = evidence::refuse_ahead(folder, &report.run_id, ledger) {
        // A ledger that could not be asked is no older one.
        return if failure.exit == Exit::Doubtful { Proof::Ahead(failure) } else { Proof::Unwritten(failure) };
    }
    if let Err(failure) = evidence::write(folder, &report.run_id, proof) {
        return Proof::Unwritten(failure);
    }
    holds(folder, report, proof).map_or_else(Proof::Broken, |()| Proof::Written)
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
