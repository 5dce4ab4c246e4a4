//! The planner's answers.

use purge_core::finding::{Finding, Severity};
use purge_core::time::Timestamp;
use purge_driver::ledger::RunRow;
use serde_json::{Map, Value, json};

use crate::batch::Again;
use crate::metrics;

/// Why an event is refused, for the person who has to change something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// All problems; never empty.
    pub findings: Vec<Finding>,
}

impl Refusal {
    /// A refusal with these findings.
    #[must_use]
    pub fn of(findings: Vec<Finding>) -> Self {
        Self { findings }
    }
}

/// Why an event is not carried out.
#[derive(Debug)]
pub(crate) enum Stop {
    /// A person must change something first. The findings are the answer.
    Refused(Refusal),
    /// Something failed that may work later. The function fails, and the same event may be given again.
    Failed(Again),
}

/// What an event asked for, or a part of it, or why it is not carried out.
pub(crate) type Answered<T = Value> = Result<T, Stop>;

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl<E: Into<Again>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// The document that answers an event: what it asked for, or the refusal. A refusal is measured at the time `counted`, if there is
/// one.
pub(super) fn document(answered: Answered, counted: Option<Timestamp>) -> Result<Value, Again> {
    match answered {
        Ok(answer) => Ok(answer),
        Err(Stop::Refused(refusal)) => Ok(problem(&refusal, counted)),
        Err(Stop::Failed(error)) => Err(error),
    }
}

/// The refusal as `application/problem+json` (RFC 9457). It is measured at the time `counted`, if there is one, because nobody
/// reads the answer to a schedule.
fn problem(refusal: &Refusal, counted: Option<Timestamp>) -> Value {
    if let Some(now) = counted {
        let stopping = refusal.findings.iter().filter(|finding| finding.severity.stops());
        let codes: Vec<_> = stopping.map(|finding| finding.code.clone()).collect();
        metrics::write(&metrics::refused(now, &codes));
    }
    let first = refusal.findings.iter().find(|finding| finding.severity.stops());
    json!({
        "type": "about:blank",
        "title": "not carried out",
        "status": 422,
        "detail": first.map(|finding| &finding.message),
        "findings": refusal.findings,
    })
}

/// The longest answer of an invocation, in bytes. Lambda allows six megabytes; this is the smaller reading, decimal megabytes.
pub const LONGEST_ANSWER: usize = 6_000_000;

/// The answer, or, if it is too long for Lambda, a refusal that says what to do instead.
pub(super) fn refuse_too_long(answer: Value) -> Result<Value, Refusal> {
    let length = answer.to_string().len();
    if length <= LONGEST_ANSWER {
        return Ok(answer);
    }
    let chunks = answer.pointer("/plan/chunks").and_then(Value::as_array).map_or(0, Vec::len);
    Err(Refusal::of(vec![Finding::new(
        Severity::Blocked,
        "preview.tooLarge",
        "#/request",
        format!("the plan of {chunks} chunks makes an answer of {length} bytes, and Lambda takes {LONGEST_ANSWER}"),
        "put the request under `requests/`, whose answer is a file, or plan with `genesys-purge plan`",
    )]))
}

/// The part of an answer that may go into a log: plan, run, numbers, why there is no run, and the codes of the findings. The whole
/// answer contains the policy, and with it whose data is held and for which matter.
pub(super) fn summary(answer: &Value) -> Value {
    let plan = answer.get("plan");
    let of = |name: &str| answer.get(name).or_else(|| plan?.get(name));
    let codes = |findings: &Value| -> Option<Vec<Value>> {
        Some(findings.as_array()?.iter().filter_map(|finding| finding.get("code").cloned()).collect())
    };
    let chunks = of("chunks").map(|chunks| chunks.as_array().map_or_else(|| chunks.clone(), |all| json!(all.len())));
    let mut summary = Map::new();
    for name in ["runId", "planDigest", "new", "nothingDue", "status"] {
        summary.extend(of(name).map(|value| (name.to_owned(), value.clone())));
    }
    summary.extend(chunks.map(|chunks| ("chunks".to_owned(), chunks)));
    summary.extend(of("findings").and_then(codes).map(|codes| ("findings".to_owned(), Value::Array(codes))));
    Value::Object(summary)
}

/// The main facts about a run.
pub(super) fn run_summary(row: &RunRow) -> Map<String, Value> {
    let order = &row.order;
    Map::from_iter([
        ("runId".to_owned(), json!(order.run_id)),
        ("planDigest".to_owned(), json!(order.plan_digest)),
        ("tenant".to_owned(), json!(order.tenant)),
        ("simulated".to_owned(), json!(order.simulated)),
        ("approvedBy".to_owned(), json!(order.approved_by)),
        ("chunks".to_owned(), json!(order.chunks)),
        ("open".to_owned(), json!(row.open)),
        ("cancelAsked".to_owned(), json!(row.cancel_asked.as_ref().map(|asked| asked.at))),
        ("cancelAskedBy".to_owned(), json!(row.cancel_asked.as_ref().map(|asked| &asked.by))),
        ("createdAt".to_owned(), json!(row.created_at)),
        ("updatedAt".to_owned(), json!(row.updated_at)),
    ])
}
