//! The events that `--json` prints: one JSON object on each line, each with its name in `event`.

use purge_core::chunk::Chunk;
use purge_core::finding::Finding;
use purge_core::plan::PlanDocument;
use purge_core::run::ChunkView;
use purge_core::time::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::carry::messages::Messages;

/// A problem or remark that is not part of a plan.
pub(crate) fn problem(finding: &Finding) -> String {
    line("problem", finding)
}

/// The plan, or why there is none.
pub(crate) fn plan(document: &PlanDocument) -> String {
    line("plan", document)
}

/// Which run is carried out, and on which tenant.
pub(crate) fn run(run_id: &str, plan_digest: &str, tenant: &str, simulated: bool, evidence: &str) -> String {
    let fields = json!({
        "runId": run_id, "planDigest": plan_digest, "tenant": tenant, "simulated": simulated, "evidence": evidence,
    });
    line("run", &fields)
}

/// A chunk has changed. The members of its window stand beside the others, as in the plan.
pub(crate) fn chunk(view: &ChunkView, simulated: bool) -> String {
    #[derive(Serialize)]
    struct Fields {
        index: u32,
        total: u32,
        start: Timestamp,
        end: Timestamp,
        simulated: bool,
        #[serde(flatten)]
        rest: Map<String, Value>,
    }
    let mut rest = match serde_json::to_value(view) {
        Ok(Value::Object(fields)) => fields,
        Ok(_) | Err(_) => Map::new(),
    };
    rest.remove("chunk");
    let Chunk { index, total, window, age: _ } = view.chunk;
    line("chunk", &Fields { index, total, start: window.start(), end: window.end(), simulated, rest })
}

/// How many `chunk` events were left out because nothing read them. The report has everything that they contained.
pub(crate) fn left_out(events: u64) -> String {
    line("leftOut", &json!({ "events": events }))
}

/// What became of the messages to the governance system.
pub(crate) fn webhooks(messages: &Messages) -> String {
    let Messages { delivered, pending, dead, next, undelivered: _ } = messages;
    let (due, why) = (next.as_ref().map(|next| next.due), next.as_ref().and_then(|next| next.why.as_deref()));
    let fields = json!({
        "delivered": delivered, "pending": pending, "dead": dead, "nextAttempt": due, "lastAttempt": why,
    });
    line("webhooks", &fields)
}

/// Any event: its name first, then its fields, of which there must be at least one.
pub(crate) fn line(event: &str, fields: &impl Serialize) -> String {
    let fields = serde_json::to_string(fields).unwrap_or_default();
    format!("{{\"event\":{},{}", Value::from(event), fields.strip_prefix('{').unwrap_or("}"))
}
