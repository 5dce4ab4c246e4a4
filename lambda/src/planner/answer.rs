//! What the planner answers.

use purge_core::finding::Finding;
use purge_core::time::Timestamp;
use purge_driver::ledger::RunRow;
use serde_json::{Map, Value, json};

use crate::metrics;

/// Why something is not done, for the person who has to change it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Every problem, never empty.
    pub findings: Vec<Finding>,
}

impl Refusal {
    /// For these reasons.
    #[must_use]
    pub fn of(findings: Vec<Finding>) -> Self {
        Self { findings }
    }
}

/// The refusal as `application/problem+json` (RFC 9457). Also counted, because nobody reads the answer to a schedule.
pub(super) fn problem(refusal: &Refusal, now: Timestamp) -> Value {
    let codes: Vec<_> = refusal.findings.iter().filter(|f| f.severity.stops()).map(|f| f.code.clone()).collect();
    metrics::write(&metrics::plan_refused(now, &codes));
    let first = refusal.findings.iter().find(|finding| finding.severity.stops());
    json!({
        "type": "about:blank",
        "title": "not carried out",
        "status": 422,
        "detail": first.map(|finding| &finding.message),
        "findings": refusal.findings,
    })
}

/// A run in a few fields.
pub(super) fn run_line(row: &RunRow) -> Map<String, Value> {
    let order = &row.order;
    Map::from_iter([
        ("runId".to_owned(), json!(order.run_id)),
        ("planDigest".to_owned(), json!(order.plan_digest)),
        ("tenant".to_owned(), json!(order.tenant)),
        ("simulated".to_owned(), json!(order.simulated)),
        ("approvedBy".to_owned(), json!(order.approved_by)),
        ("chunks".to_owned(), json!(order.chunks)),
        ("open".to_owned(), json!(row.open)),
        ("cancelAsked".to_owned(), json!(row.cancel_asked)),
        ("createdAt".to_owned(), json!(row.created_at)),
        ("updatedAt".to_owned(), json!(row.updated_at)),
    ])
}
