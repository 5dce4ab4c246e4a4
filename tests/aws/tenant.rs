//! The simulated tenant over HTTP, with the governance system beside it, and its own knowledge of what really happened.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use purge_core::http::Method;
use purge_core::webhook::{Secrets, verify};
use purge_driver::{Clock as _, SystemClock};
use purge_sim::{Delivery, Scenario, Tenant, TenantReply, TenantRequest, Truth, WebhookDelivery, WebhookSink};

use crate::wire::{Asked, Reply, Served, serve};

/// The path of the governance system's webhook.
pub const WEBHOOK_PATH: &str = "/governance/webhook";
/// The secret that webhooks are signed with.
pub const WEBHOOK_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// An action that happens at the very moment when a request is under way.
pub struct Ambush {
    pub method: Method,
    /// The start of the request's path.
    pub path: &'static str,
    /// Which of those requests, counted from 1.
    pub nth: u64,
    /// Whether the request takes effect first.
    pub after_effect: bool,
    /// The action. The request is never answered.
    pub strike: Box<dyn Fn() + Send + Sync>,
}

struct World {
    before: Tenant,
    tenant: Tenant,
    sink: WebhookSink,
    ambushes: Vec<Ambush>,
    sprung: usize,
}

/// A running tenant. It ends when this value is dropped.
pub struct SimulatedTenant {
    world: Arc<Mutex<World>>,
    served: Served,
}

impl SimulatedTenant {
    pub async fn start(scenario: Scenario) -> Self {
        let secrets = Secrets::parse(WEBHOOK_SECRET).unwrap();
        let sink = WebhookSink::new(scenario.clone()).verified_by(move |request, now| {
            let header = |name: &str| request.header(name).unwrap_or_default().to_owned();
            let (id, time, signature) =
                (header("webhook-id"), header("webhook-timestamp"), header("webhook-signature"));
            verify(&secrets, &id, &time, &signature, &request.body, now).is_ok()
        });
        let tenant = Tenant::new(scenario);
        let world = World { before: tenant.clone(), tenant, sink, ambushes: Vec::new(), sprung: 0 };
        let world = Arc::new(Mutex::new(world));
        let shared = Arc::clone(&world);
        let served = serve(move |asked| {
            let world = Arc::clone(&shared);
            async move { answer(&world, asked).await }
        })
        .await;
        Self { world, served }
    }

    #[must_use]
    pub fn url(&self) -> String {
        self.served.url()
    }

    /// Adds an ambush for a request.
    pub fn ambush(&self, ambush: Ambush) {
        self.world.lock().unwrap().ambushes.push(ambush);
    }

    /// How many ambushes have caught their request.
    #[must_use]
    pub fn sprung(&self) -> usize {
        self.world.lock().unwrap().sprung
    }

    /// The tenant as it was at first, and as it is now.
    #[must_use]
    pub fn before_and_now(&self) -> (Tenant, Tenant) {
        let world = self.world.lock().unwrap();
        (world.before.clone(), world.tenant.clone())
    }

    /// What really happened, looked at a week from now, so that nothing is still under way.
    #[must_use]
    pub fn truth(&self) -> Truth {
        self.world.lock().unwrap().tenant.truth(SystemClock.now().plus_days(7))
    }

    /// The webhooks that the governance system received.
    #[must_use]
    pub fn told(&self) -> Vec<WebhookDelivery> {
        self.world.lock().unwrap().sink.deliveries().into_iter().cloned().collect()
    }
}

async fn answer(world: &Mutex<World>, asked: Asked) -> Reply {
    let method =
        [Method::Get, Method::Post, Method::Put, Method::Delete].into_iter().find(|m| m.as_str() == asked.method);
    let Some(method) = method else { return Reply::json(405, &"{}") };
    let request = TenantRequest { method, path: asked.path, headers: asked.headers, body: asked.body };
    let Some(TenantReply { after, delivery }) = world.lock().unwrap().handle(&request) else {
        // The sender is being killed; until then an answer could still reach it.
        tokio::time::sleep(Duration::from_secs(5)).await;
        return Reply::HangUp;
    };
    tokio::time::sleep(after).await;
    match delivery {
        Delivery::Answer(response) => {
            Reply::Answer { status: response.status, headers: response.headers, body: response.body }
        }
        // For a client, an answer that was cut off is no answer.
        Delivery::Truncated(..) | Delivery::Dropped => Reply::HangUp,
    }
}

impl World {
    /// Answers the request; `None` if an ambush caught it.
    fn handle(&mut self, request: &TenantRequest) -> Option<TenantReply> {
        let now = SystemClock.now();
        if request.path == WEBHOOK_PATH {
            return Some(self.sink.handle(request, now));
        }
        let mut caught = None;
        for (place, ambush) in self.ambushes.iter_mut().enumerate() {
            if ambush.method == request.method && request.path.starts_with(ambush.path) {
                ambush.nth = ambush.nth.saturating_sub(1);
                if ambush.nth == 0 && caught.is_none() {
                    caught = Some(place);
                }
            }
        }
        let Some(place) = caught else { return Some(self.tenant.handle(request, now)) };
        let ambush = self.ambushes.remove(place);
        if ambush.after_effect {
            self.tenant.handle(request, now);
        }
        self.sprung += 1;
        (ambush.strike)();
        None
    }
}
