//! The receiver of governance webhooks, as forgetful and as strict as the scenario says.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use purge_core::http::{HttpResponse, Method};
use purge_core::time::Timestamp;
use serde::Serialize;
use serde_json::json;

use crate::fault::{Act, Call, Tally};
use crate::http::{Delivery, TenantReply, TenantRequest};
use crate::scenario::Scenario;

/// Says whether a delivery that arrived at an instant is well signed.
type Verify = Box<dyn Fn(&TenantRequest, Timestamp) -> bool + Send>;

/// One event, however often it was delivered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WebhookDelivery {
    /// The `webhook-id` header; empty when it was missing.
    pub id: String,
    /// How often it arrived.
    pub attempts: u64,
    /// How often it was accepted with 2xx. More than 1 is a duplicate, which at-least-once delivery allows.
    pub accepted: u64,
    /// Whether every attempt had a good signature.
    pub signed: bool,
    /// When it first arrived.
    pub first_at: Timestamp,
    /// When it was first accepted.
    pub accepted_at: Option<Timestamp>,
    /// The body of the first attempt.
    pub body: String,
    /// Whether every attempt had the same body.
    pub same_body: bool,
}

/// Receives webhooks, keeps them, and misbehaves as the faults on `webhook` say.
pub struct WebhookSink {
    scenario: Scenario,
    tally: Tally,
    verify: Option<Verify>,
    deliveries: BTreeMap<String, WebhookDelivery>,
    /// Ids in the order of arrival.
    order: Vec<String>,
}

impl fmt::Debug for WebhookSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookSink").field("deliveries", &self.deliveries).finish_non_exhaustive()
    }
}

impl WebhookSink {
    /// A receiver that does not check signatures. It uses the seed, latency and faults of the scenario.
    #[must_use]
    pub fn new(scenario: Scenario) -> Self {
        Self { scenario, tally: Tally::default(), verify: None, deliveries: BTreeMap::new(), order: Vec::new() }
    }

    /// Refuses with 401 every delivery that this function does not accept as well signed.
    #[must_use]
    pub fn verified_by(mut self, verify: impl Fn(&TenantRequest, Timestamp) -> bool + Send + 'static) -> Self {
        self.verify = Some(Box::new(verify));
        self
    }

    /// Receives a delivery that arrives at `now`.
    pub fn handle(&mut self, request: &TenantRequest, now: Timestamp) -> TenantReply {
        let act = self.tally.count(Call::Webhook, &self.scenario.faults, self.scenario.seed);
        let after = Duration::from_millis(self.scenario.latency_ms);
        if act == Some(Act::DropBefore) {
            return TenantReply { after, delivery: Delivery::Dropped };
        }
        let signed = self.verify.as_ref().is_none_or(|verify| verify(request, now));
        let refused = act.as_ref().and_then(|act| act.answer_instead("", now.millis()));
        let is_post = request.method == Method::Post;
        let accepted = is_post && signed && refused.is_none();
        self.record_delivery(request, now, signed, accepted);
        let status = match (is_post, signed) {
            (false, _) => 405,
            (true, false) => 401,
            (true, true) => 200,
        };
        let delivery =
            refused.unwrap_or_else(|| Delivery::Answer(HttpResponse::json(status, &json!({ "ok": accepted }))));
        let reply = TenantReply { after, delivery };
        match act {
            Some(act) => act.spoil_answer(reply),
            None => reply,
        }
    }

    /// What arrived, in the order of first arrival.
    #[must_use]
    pub fn deliveries(&self) -> Vec<&WebhookDelivery> {
        self.order.iter().filter_map(|id| self.deliveries.get(id)).collect()
    }

    fn record_delivery(&mut self, request: &TenantRequest, now: Timestamp, signed: bool, accepted: bool) {
        let id = request.header("webhook-id").unwrap_or_default().to_owned();
        if !self.deliveries.contains_key(&id) {
            self.order.push(id.clone());
        }
        let delivery = self.deliveries.entry(id.clone()).or_insert_with(|| WebhookDelivery {
            id,
            attempts: 0,
            accepted: 0,
            signed: true,
            first_at: now,
            accepted_at: None,
            body: request.body.clone(),
            same_body: true,
        });
        delivery.attempts += 1;
        delivery.signed &= signed;
        delivery.same_body &= delivery.body == request.body;
        if accepted {
            delivery.accepted += 1;
            delivery.accepted_at.get_or_insert(now);
        }
    }
}
