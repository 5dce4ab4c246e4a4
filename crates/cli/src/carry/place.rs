//! Where a run takes place: on a real tenant, or on the simulated one over real HTTP on this machine.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use purge_core::json::{canonical, digest};
use purge_core::request::DeletionApi;
use purge_core::url::{self, Url};
use purge_core::webhook::{Secrets, verify};
use purge_driver::{Credentials, Proxy, Tenant};
use purge_sim::{Scenario, WebhookSink};

use super::receiver::Receiver;
use super::stored;
use crate::failure::Failure;
use crate::ledger::SqliteLedger;
use crate::settings::{RealTenant, Settings, Webhook};
use crate::simulated::journal::Journal;
use crate::simulated::server;
use crate::simulated::world::{WEBHOOK_PATH, World};

/// Addresses and credentials of a run.
#[derive(Debug)]
pub(crate) struct Place {
    /// The tenant.
    pub(crate) tenant: Tenant,
    /// Who is told how chunks end.
    pub(crate) receiver: Receiver,
    /// Where to tell them now.
    pub(crate) webhook: Option<Webhook>,
    /// The proxy between this machine and the network.
    pub(crate) proxy: Option<Proxy>,
    /// The server of a simulated tenant, which runs as long as the place exists.
    _simulated: Option<server::Running>,
}

impl Place {
    /// The tenant of these settings.
    pub(crate) fn real(tenant: &RealTenant, api: DeletionApi, settings: &Settings, receiver: Receiver) -> Self {
        let tenant = tenant.site.tenant(api, tenant.credentials.clone());
        Self { tenant, receiver, webhook: settings.webhook.clone(), proxy: settings.proxy.clone(), _simulated: None }
    }

    /// The simulated tenant that the journal remembers, or a new one. A simulated receiver gets its messages signed with a secret
    /// made up here.
    pub(crate) fn simulated(
        journal: &Path,
        scenario: Scenario,
        api: DeletionApi,
        settings: &Settings,
        receiver: Receiver,
    ) -> Result<Self, Failure> {
        let failed = |why: std::io::Error| Failure::machine("start the simulated tenant", why);
        let client = scenario.client();
        let (journal, tenant) = Journal::open(journal, scenario.clone()).map_err(failed)?;
        let secrets = (receiver == Receiver::Simulated).then(random_secret).transpose()?;
        let sink = secrets.clone().map(|secrets| webhook_sink(scenario, secrets));
        let world = Arc::new(Mutex::new(World::new(tenant, Some(journal), sink)));
        let running = server::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), world).map_err(failed)?;
        let at = |path: &str| local_url(running.address, path);
        let local_webhook = secrets.map(|secrets| Ok(Webhook { url: at(WEBHOOK_PATH)?, secrets: Some(secrets) }));
        let tenant = Tenant {
            api: at("")?,
            login: at("")?,
            deletion_api: api,
            credentials: Credentials::new(client.id, client.secret),
        };
        let webhook = settings.webhook.clone().map(Ok).or(local_webhook).transpose()?;
        Ok(Self { tenant, receiver, webhook, proxy: settings.proxy.clone(), _simulated: Some(running) })
    }
}

/// The path of the journal of a run's simulated tenant.
pub(crate) fn journal_path(ledger: &Path, run_id: &str) -> PathBuf {
    ledger.join("simulated").join(format!("{run_id}.jsonl"))
}

/// The evidence folder of a run: the one given when the run was last carried on, or one beside the ledger.
pub(crate) fn evidence_folder(ledger: &SqliteLedger, folder: &Path, run_id: &str) -> Result<PathBuf, Failure> {
    let said = ledger.evidence(run_id).map_err(stored::ledger_failure)?;
    Ok(said.unwrap_or_else(|| folder.join("evidence").join(run_id)))
}

/// The simulated tenant's name in records. Another scenario is another tenant.
pub(crate) fn simulated_name(scenario: &Scenario) -> String {
    let digest = digest(canonical(scenario).as_bytes());
    let hex: String = digest.trim_start_matches("sha256:").chars().take(8).collect();
    format!("SIMULATED tenant {hex}")
}

fn local_url(address: SocketAddr, path: &str) -> Result<Url, Failure> {
    let text = format!("http://{address}{path}");
    url::base_url(&text).map_err(|why| Failure::machine("address the simulated tenant", why))
}

fn random_secret() -> Result<Secrets, Failure> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(|why| Failure::machine("make up a secret", why))?;
    let text = format!("whsec_{}", STANDARD.encode(bytes));
    Secrets::parse(&text).map_err(|why| Failure::machine("make up a secret", why))
}

fn webhook_sink(scenario: Scenario, secrets: Secrets) -> WebhookSink {
    WebhookSink::new(scenario).verified_by(move |request, now| {
        let header = |name| request.header(name).unwrap_or_default();
        let (id, at, signatures) = (header("webhook-id"), header("webhook-timestamp"), header("webhook-signature"));
        verify(&secrets, id, at, signatures, &request.body, now).is_ok()
    })
}
