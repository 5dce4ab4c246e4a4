//! What `--json` prints: one JSON object a line, each with its `event`.

use purge_core::finding::Finding;
use purge_core::plan::PlanDocument;
use purge_core::run::ChunkView;
use serde::Serialize;
use serde_json::{Map, Value, json};

/// Something wrong or worth knowing that is not part of a plan.
pub(crate) fn problem(finding: &Finding) -> String {
    line("problem", finding)
}

/// The plan, or why there is none.
pub(crate) fn plan(document: &PlanDocument) -> String {
    line("plan", document)
}

/// Which run on which tenant.
pub(crate) fn run(run_id: &str, plan_digest: &str, tenant: &str, simulated: bool, evidence: &str) -> String {
    let fields = json!({
        "runId": run_id, "planDigest": plan_digest, "tenant": tenant, "simulated": simulated, "evidence": evidence,
    });
    line("run", &fields)
}

/// A chunk has changed. The window's fields stand beside the others, as in the plan.
pub(crate) fn chunk(view: &ChunkView, simulated: bool) -> String {
    let mut fields = object(view);
    fields.remove("chunk");
    let mut event = Map::new();
    event.insert("index".to_owned(), view.chunk.index.into());
    event.insert("total".to_owned(), view.chunk.total.into());
    event.insert("start".to_owned(), view.chunk.window.start().to_string().into());
    event.insert("end".to_owned(), view.chunk.window.end().to_string().into());
    event.insert("simulated".to_owned(), simulated.into());
    event.append(&mut fields);
    line("chunk", &event)
}

/// How the messages to the governance system went.
pub(crate) fn webhooks(delivered: usize, pending: usize, dead: usize) -> String {
    line("webhooks", &json!({ "delivered": delivered, "pending": pending, "dead": dead }))
}

/// Any event: its name first, then its fields.
pub(crate) fn line(event: &str, fields: &impl Serialize) -> String {
    let mut line = Map::new();
    line.insert("event".to_owned(), event.into());
    line.append(&mut object(fields));
    Value::Object(line).to_string()
}

/// The fields of a value that is written as an object; nothing of any other.
fn object(value: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(value) {
        Ok(Value::Object(fields)) => fields,
        Ok(_) | Err(_) => Map::new(),
    }
}
