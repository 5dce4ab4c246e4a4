//! The console's server: its page, and an interface to the runs of a ledger, for the browser on this machine and nobody else.
//!
//! It can start deletions, so every request passes `gate` (which host, from where) and everything but the page passes `token`.
//! `routes` is the list of what can be asked; `start` is the one way in for a plan. Answers come from the ledger (`desk`), so that
//! it does not matter which process carries a run out; `live` follows it as it changes. Runs that were started here are carried
//! out by `carriers`, in the very way in which the command line does it.

mod audit;
mod carriers;
mod connection;
mod desk;
mod evidence;
mod facts;
mod gate;
mod live;
mod page;
mod patient;
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
use crate::carry::run::{Surroundings, serves};
use crate::settings::Settings;

pub(crate) use carriers::Carriers;
pub(crate) use connection::{accept, listen};
pub(crate) use desk::Desk;
pub(crate) use page::Page;
pub(crate) use token::Token;

/// Streams of live progress at once.
const STREAMS: usize = 16;

/// A policy that plans must have been made with.
#[derive(Clone, Debug)]
pub(crate) struct AllowedPolicy {
    /// Its file, as it was named.
    pub(crate) name: String,
    /// What it said when the server was started.
    pub(crate) policy: Policy,
    /// What it says now.
    pub(crate) file: PolicyFile,
}

/// What the server was started with.
#[derive(Debug)]
pub(crate) struct Setup {
    /// Tenant, webhook, jurisdiction.
    pub(crate) settings: Settings,
    /// Where the ledger and the evidence are.
    pub(crate) around: Surroundings,
    /// `--tenant-jurisdiction`.
    pub(crate) tenant_jurisdiction: Option<String>,
    /// What the simulated tenant is like; `None` with a real one.
    pub(crate) scenario: Option<Scenario>,
    /// Only plans of these policies are carried out; any plan, if there is none.
    pub(crate) policies: Vec<AllowedPolicy>,
}

impl Setup {
    /// What the simulated tenant of that run is like, should it not be there yet: another one than it was made for is nobody's.
    fn scenario_for(&self, order: &Order) -> Option<Scenario> {
        let jurisdiction = order.request.jurisdiction.clone();
        let scenario = self.scenario.clone().map(|scenario| Scenario { jurisdiction, ..scenario });
        scenario.filter(|scenario| place::simulated_name(scenario) == order.tenant)
    }

    /// The policy of that digest, which a plan was made with, among those that the server was started with.
    fn policy_of(&self, digest: &str) -> Option<&AllowedPolicy> {
        self.policies.iter().find(|allowed| policy_digest(&allowed.policy) == digest)
    }

    /// Whether the settings are those of the tenant that the run was made for.
    fn serves(&self, order: &Order) -> bool {
        serves(&self.settings, order)
    }
}

/// Everything that answering needs.
#[derive(Debug)]
pub(crate) struct Server {
    setup: Arc<Setup>,
    desk: Arc<Desk>,
    carriers: Carriers,
    page: Page,
    token: Token,
    /// `127.0.0.1:7433`: the one name under which it answers.
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
        let desk = Arc::new(Desk::new(setup.around.folder.clone()));
        Self {
            carriers: Carriers::new(Arc::clone(&setup)),
            setup,
            desk,
            page,
            token,
            authority: address.to_string(),
            streams: Arc::new(Semaphore::new(STREAMS)),
            closing,
        }
    }

    /// The address to open in a browser. The token stands behind `#`, so that it is in no request and in no log.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/#token/{}", self.authority, self.token.text())
    }

    /// Those who carry runs out here.
    pub(crate) fn carriers(&self) -> &Carriers {
        &self.carriers
    }

    /// Whether nothing real is deleted.
    fn simulated(&self) -> bool {
        self.setup.settings.tenant.is_none()
    }
}
