//! Carries out a run that the ledger holds, from its current state. The terminal and the server both use this.

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
use super::receiver::Receiver;
use super::stored::{self, Stored};
use crate::evidence;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::ledger::SqliteLedger;
use crate::settings::Settings;
use crate::simulated::journal::Journal;
use crate::terminal::words::which_chunks;

/// Paths and settings around a run.
#[derive(Clone, Debug)]
pub(crate) struct Surroundings {
    /// The ledger's folder.
    pub(crate) folder: PathBuf,
    /// Where the evidence goes, if not beside the ledger.
    pub(crate) evidence: Option<PathBuf>,
    /// The scenario for a simulated tenant that does not exist yet.
    pub(crate) scenario: Option<Scenario>,
    /// The policy that applies now, if its file was given.
    pub(crate) policy: Option<PolicyFile>,
}

impl Surroundings {
    /// The evidence folder of a run: the one given now, the one given before, or one beside the ledger.
    pub(crate) fn evidence_of(&self, ledger: &SqliteLedger, run_id: &str) -> Result<PathBuf, Failure> {
        let Some(said) = &self.evidence else {
            return place::evidence_folder(ledger, &self.folder, run_id).map(|place| evidence::follow_link(&place));
        };
        let said = evidence::follow_link(said);
        evidence::refuse_inner(&said, &self.folder)?;
        Ok(said)
    }
}

/// Checks, before anything is deleted, that the run's evidence can be written.
pub(crate) fn check_provable(ledger: &SqliteLedger, around: &Surroundings, run_id: &str) -> Result<(), Failure> {
    let folder = around.evidence_of(ledger, run_id)?;
    evidence::refuse_foreign(&folder, run_id)?;
    let before = place::evidence_folder(ledger, &around.folder, run_id)?;
    if before != folder {
        // The evidence goes to another folder from now on, which does not make the ledger any newer.
        evidence::refuse_ahead(&before, run_id, ledger)?;
    }
    evidence::refuse_ahead(&folder, run_id, ledger)
}

/// Whether the settings are for the tenant that the run was made for.
pub(crate) fn settings_match(settings: &Settings, order: &Order) -> bool {
    match &settings.tenant {
        Some(tenant) => !order.simulated && tenant.name() == order.tenant,
        None => order.simulated,
    }
}

/// The place that the run was made for. Refuses other settings, because a run never moves to another tenant.
pub(crate) fn place(
    ledger: &SqliteLedger,
    settings: &Settings,
    around: &Surroundings,
    order: &Order,
) -> Result<Place, Failure> {
    let api = order.request.api;
    let receiver = Receiver::of(ledger, settings, order).map_err(stored::ledger_failure)?;
    match (&settings.tenant, order.simulated) {
        (Some(tenant), false) if tenant.name() == order.tenant => Ok(Place::real(tenant, api, settings, receiver)),
        (None, true) => {
            let path = place::journal_path(&around.folder, &order.run_id);
            // A run's tenant stays as it was when the run began.
            let remembered = Journal::scenario(&path).map_err(|why| Failure::unreadable(&path, why));
            let scenario = remembered.or_else(|failure| around.scenario.clone().ok_or(failure))?;
            Place::simulated(&path, scenario, api, settings, receiver)
        }
        (Some(_), true) => Err(other_tenant(order, false)),
        (Some(_) | None, false) => Err(other_tenant(order, true)),
    }
}

/// The run was made for another tenant. `simulated` says whether the settings are for a simulated one.
pub(crate) fn other_tenant(order: &Order, simulated: bool) -> Failure {
    let message = format!("run `{}` belongs to {}", order.run_id, order.tenant);
    let help = if order.simulated && !simulated {
        "unset the GENESYS_ settings to go on with a simulated run".to_owned()
    } else {
        "set `GENESYS_BASE_URL` and the OAuth client to those; another client may belong to another organisation"
            .to_owned()
    };
    Failure::new(Exit::BadInput, "run.elsewhere", "", message, help)
}

/// Carries the run on until every chunk has ended or `stop` is raised. The lock shows that no other process does.
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
        let sent =
            if has_begun(ledger, &order.run_id) { Some(submitted_chunks(ledger, &order.run_id).await?) } else { None };
        return Err(login_refused(cause, sent.as_deref()));
    }
    remember_receiver(ledger, place, order)?;
    let owner = new_owner_name()?;
    let postman = postman(ledger, place, &http, &clock);
    let worker = Worker {
        ledger,
        sender: &sender,
        clock: &clock,
        watch,
        owner: &owner,
        // The run's lock is ours, so any other worker of its chunks is gone.
        assume_dead_owners: true,
        policy: policy.map(|policy| policy as &dyn PolicyInForce),
        sends_messages: place.receiver != Receiver::Nobody,
        stop,
        patience: None,
    };
    Runner { worker, postman }.run(&order.run_id).await.map_err(stored::ledger_failure)
}

/// Sends the run's messages that the receiver does not have, for up to a minute or until `stop` is raised. Sends nothing to the
/// tenant, even if the run has open chunks or was cancelled.
pub(crate) async fn deliver(
    ledger: &SqliteLedger,
    place: &Place,
    order: &Order,
    _lock: &RunLock,
    stop: &Signal,
) -> Result<(), Failure> {
    let (http, clock, done) = (client(place)?, SystemClock, Signal::new());
    // No chunk ends meanwhile, so no messages will be added.
    done.raise();
    let Some(postman) = postman(ledger, place, &http, &clock) else { return Ok(()) };
    remember_receiver(ledger, place, order)?;
    ledger.make_messages_due(&order.run_id, clock.now()).map_err(stored::ledger_failure)?;
    postman.deliver(&order.run_id, &done, stop).await.map_err(stored::ledger_failure)
}

/// Keeps, before any message is written or sent, that there is an address.
fn remember_receiver(ledger: &SqliteLedger, place: &Place, order: &Order) -> Result<(), Failure> {
    match place.receiver {
        Receiver::Address => {
            ledger.remember_addressed(&order.run_id, SystemClock.now()).map_err(stored::ledger_failure)
        }
        Receiver::Nobody | Receiver::MissingAddress | Receiver::Simulated => Ok(()),
    }
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

/// The open chunks whose deletion may be under way.
async fn submitted_chunks(ledger: &SqliteLedger, run_id: &str) -> Result<Vec<u32>, Failure> {
    let chunks = stored::chunks(ledger, run_id).await?.into_iter().map(|chunk| chunk.view());
    Ok(chunks.filter(|view| view.outcome.is_none() && view.submits > 0).map(|view| view.chunk.index).collect())
}

/// Whether any process has done anything for the run.
pub(crate) fn has_begun(ledger: &SqliteLedger, run_id: &str) -> bool {
    ledger.mark(run_id).is_ok_and(|mark| mark.is_some_and(|mark| mark.records > 0))
}

/// Why the login refused the client. That is bad input before the run has begun, and a stop in the middle afterwards. The deletions
/// of `submitted` may go on whatever the login says.
fn login_refused(cause: Cause, submitted: Option<&[u32]>) -> Failure {
    let (exit, sent) = match submitted {
        None => (Exit::BadInput, "nothing was sent".to_owned()),
        Some([]) => (Exit::Temporary, "nothing was sent now".to_owned()),
        Some(chunks) => {
            let chunks = which_chunks(chunks);
            (Exit::Temporary, format!("nothing was sent now; {chunks}, submitted earlier, may still go on"))
        }
    };
    let help = format!("check `GENESYS_CLIENT_ID` and its secret, then run the same command again; {sent}");
    Failure::new(exit, &cause.code, "environment#GENESYS_CLIENT_ID", cause.message, help)
}

/// A name for this process in leases, different each time.
fn new_owner_name() -> Result<String, Failure> {
    let mut bytes = [0_u8; 8];
    getrandom::fill(&mut bytes).map_err(|why| Failure::machine("make up a name", why))?;
    Ok(format!("{}-{:016x}", std::process::id(), u64::from_le_bytes(bytes)))
}

/// What a run has come to, and where the proof is.
#[derive(Debug)]
pub(crate) struct Conclusion {
    /// What its records amount to.
    pub(crate) report: Report,
    /// What became of its messages.
    pub(crate) messages: Messages,
    /// Whether they are for the simulated tenant's own receiver.
    pub(crate) simulated_receiver: bool,
    /// The evidence folder.
    pub(crate) folder: PathBuf,
    /// Digest of the evidence's manifest.
    pub(crate) digest: String,
    /// What became of the evidence.
    pub(crate) proof: Proof,
    /// The answers that chunks ended with.
    pub(crate) answers: Answers,
}

/// What became of the evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// It was written, and it holds.
    Written,
    /// It was written, and it does not hold.
    Broken(Failure),
    /// The existing evidence knows more than the ledger, and was left as it is.
    Ahead(Failure),
    /// It could not be written.
    Unwritten(Failure),
}

impl Proof {
    /// `Ok` if the evidence was written and holds; otherwise why not.
    pub(crate) fn into_result(self) -> Result<(), Failure> {
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
) -> Result<Conclusion, Failure> {
    let lock = EvidenceLock::acquire(folder, run_id)?;
    let stored = Stored::read(ledger, run_id).await?;
    let report = stored.report();
    let proof = evidence::assemble(&stored, &report)?;
    let proof_result = write_proof(ledger, &evidence, &report, &proof);
    drop(lock);
    let (messages, answers) = (Messages::count(&stored.outbox), Answers::from_records(&stored.records));
    let addressed = ledger.was_addressed(run_id).map_err(stored::ledger_failure)?;
    Ok(Conclusion {
        simulated_receiver: report.simulated && !addressed,
        report,
        messages,
        folder: evidence,
        digest: proof.digest(),
        proof: proof_result,
        answers,
    })
}

fn write_proof(ledger: &SqliteLedger, folder: &Path, report: &Report, proof: &Evidence) -> Proof {
    if let Err(failure) = evidence::refuse_ahead(folder, &report.run_id, ledger) {
        // Exit code 5 means a ledger that is older; any other failure means that the ledger could not be asked.
        return if failure.exit == Exit::Doubtful { Proof::Ahead(failure) } else { Proof::Unwritten(failure) };
    }
    if let Err(failure) = evidence::write(folder, &report.run_id, proof) {
        return Proof::Unwritten(failure);
    }
    check_proof(folder, report, proof).map_or_else(Proof::Broken, |()| Proof::Written)
}

/// Checks the evidence, so that nobody is given proof that proves nothing. Problems that the report already names are not repeated.
fn check_proof(folder: &Path, report: &Report, proof: &Evidence) -> Result<(), Failure> {
    let broken = match proof.check() {
        Err(broken) if report.problems.is_empty() => broken,
        Err(_) | Ok(()) => return Ok(()),
    };
    let message = format!("the evidence does not hold, because the ledger was damaged or changed: {broken}");
    let help = "keep ledger and evidence as they are; restore the ledger from a copy, and the same command writes the evidence again";
    Err(Failure::new(Exit::Doubtful, "evidence.broken", folder.display().to_string(), message, help))
}
