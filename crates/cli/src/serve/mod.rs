//! The console's server: the page, and an interface to the runs of a ledger, for a browser on this machine only.
//!
//! The server can start deletions, so every request passes `gate` (which host, from where), and everything but the page needs the
//! `token`. `routes` lists what can be asked; `start` is the only way to start a plan. Answers come from the ledger (`pool`), so it
//! does not matter which process carries a run out; `live` follows a run as it changes. Runs that are started here are carried out
//! by `carriers`, in the same way as on the command line.

mod audit;
mod carriers;
mod connection;
mod evidence;
mod facts;
mod gate;
mod live;
mod page;
mod patient;
mod pool;
mod problem;
mod routes;
mod start;
mod token;
mod trouble;

use std::net::SocketAddr;
use std::sync::Arc;

use purge_core::plan::policy_digest;
use purge_core::policy::Policy;
use purge_core::run::Order;
use purge_sim::Scenario;
use tokio::sync::{Semaphore, watch};

use crate::carry::place;
use crate::carry::policy::PolicyFile;
use crate::carry::run::{Surroundings, settings_match};
use crate::settings::Settings;

pub(crate) use carriers::Carriers;
pub(crate) use connection::{accept, listen};
pub(crate) use page::Page;
pub(crate) use pool::LedgerPool;
pub(crate) use token::Token;

/// The most streams of live progress at a time.
const STREAMS: usize = 16;

/// A policy whose plans may be carried out.
#[derive(Clone, Debug)]
pub(crate) struct AllowedPolicy {
    /// The name of its file, as it was given.
    pub(crate) name: String,
    /// Its content when the server was started.
    pub(crate) policy: Policy,
    /// The file, which is read again before each deletion.
    pub(crate) file: PolicyFile,
}

/// What the server was started with.
#[derive(Debug)]
pub(crate) struct Setup {
    /// Tenant, webhook, jurisdiction.
    pub(crate) settings: Settings,
    /// The folders of the ledger and the evidence.
    pub(crate) around: Surroundings,
    /// `--tenant-jurisdiction`.
    pub(crate) tenant_jurisdiction: Option<String>,
    /// The scenario of the simulated tenant; `None` with a real one.
    pub(crate) scenario: Option<Scenario>,
    /// If there are any, only plans made with one of these policies are carried out.
    pub(crate) policies: Vec<AllowedPolicy>,
}

impl Setup {
    /// The scenario for that run's simulated tenant, if it does not exist yet. `None` if the run was made for another tenant.
    fn scenario_for(&self, order: &Order) -> Option<Scenario> {
        let jurisdiction = order.request.jurisdiction.clone();
        let scenario = self.scenario.clone().map(|scenario| Scenario { jurisdiction, ..scenario });
        scenario.filter(|scenario| place::simulated_name(scenario) == order.tenant)
    }

    /// The allowed policy with that digest, if there is one.
    fn policy_of(&self, digest: &str) -> Option<&AllowedPolicy> {
        self.policies.iter().find(|allowed| policy_digest(&allowed.policy) == digest)
    }

    /// Whether the settings are for the tenant that the run was made for.
    fn serves(&self, order: &Order) -> bool {
        settings_match(&self.settings, order)
    }
}

/// Everything that is needed to answer requests.
#[derive(Debug)]
pub(crate) struct Server {
    setup: Arc<Setup>,
    ledgers: Arc<LedgerPool>,
    carriers: Carriers,
    page: Page,
    token: Token,
    /// The only host and port that it answers to, such as `127.0.0.1:7433`.
    authority: String,
    streams: Arc<Semaphore>,
    /// Becomes true when the server is about to end.
    closing: watch::Receiver<bool>,
}

impl Server {
    /// A server at that address.
    pub(crate) fn new(
        setup: Setup,
        page: Page,
        token: Token,
        address: SocketAddr,
        closing: watch::Receiver<bool>,
    ) -> Self {
        let setup = Arc::new(setup);
        let ledgers = Arc::new(LedgerPool::new(setup.around.folder.clone()));
        Self {
            carriers: Carriers::new(Arc::clone(&setup)),
            setup,
            ledgers,
            page,
            token,
            authority: address.to_string(),
            streams: Arc::new(Semaphore::new(STREAMS)),
            closing,
        }
    }

    /// The address to open in a browser. The token follows the `#`, so that it is in no request and in no log.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/#token/{}", self.authority, self.token.text())
    }

    /// The runs that are carried out in this process.
    pub(crate) fn carriers(&self) -> &Carriers {
        &self.carriers
    }

    /// Whether the tenant is simulated, so that nothing real is deleted.
    fn simulated(&self) -> bool {
        self.setup.settings.tenant.is_none()
    }
}
