//! Measurements as log lines in CloudWatch's embedded metric format. Identifiers are properties, never dimensions: every value of
//! a dimension is a metric that costs money.

use std::io::Write as _;
use std::sync::LazyLock;

use purge_core::report::RunOutcome;
use purge_core::run::{ChunkView, Order, Outcome};
use purge_core::time::Timestamp;
use serde_json::{Map, Value, json};

/// Namespace of the metrics.
pub const NAMESPACE: &str = "GenesysPurge";

/// The dimension of whatever an alarm looks at that names the function …
pub const FUNCTION: &str = "Function";
/// … by the name that Lambda gives to it. No other stack of the account has one of that name, so no alarm hears of what another stack
/// measures.
static NAME: LazyLock<String> =
    LazyLock::new(|| std::env::var("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_else(|_| "unknown".to_owned()));

/// The line for a chunk that has ended; `None` while it goes on. What was not measured is left out.
#[must_use]
pub fn chunk_ended(order: &Order, view: &ChunkView) -> Option<String> {
    let (outcome, ended_at) = (view.outcome?, view.ended_at?);
    let duration =
        view.started_at.map(|started| u64::try_from(ended_at.since(started).as_millis()).unwrap_or(u64::MAX));
    let values = [
        ("ChunksEnded", "Count", Some(1)),
        ("ChunkDuration", "Milliseconds", duration),
        ("RecordsDeleted", "Count", view.records_deleted),
        ("RecordsRemaining", "Count", view.remaining),
        ("Submits", "Count", Some(view.submits)),
        ("Requests", "Count", Some(view.requests)),
    ];
    let properties = [
        ("runId", json!(order.run_id)),
        ("chunk", json!(view.chunk.index)),
        ("attempt", json!(view.attempt)),
        ("requestId", json!(view.request_id)),
        ("cause", json!(view.cause.as_ref().map(|cause| &cause.code))),
    ];
    Some(line(
        ended_at,
        &[("Outcome", outcome.as_str()), ("Simulated", is_simulated(order.simulated))],
        &values,
        &properties,
    ))
}

/// The line for a chunk that has ended so that a person must look at it; `None` for all others. Its run may go on for weeks, and what is to
/// be done may have to be done before others of its chunks are deleted. Whoever cancelled one before its job had run knows. A rehearsal is told apart, so that it
/// calls nobody.
#[must_use]
pub fn needs_somebody(order: &Order, view: &ChunkView) -> Option<String> {
    let (outcome, ended_at) = (view.outcome?, view.ended_at?);
    let properties = [
        ("runId", json!(order.run_id)),
        ("chunk", json!(view.chunk.index)),
        ("chunkOutcome", json!(outcome.as_str())),
        ("cause", json!(view.cause.as_ref().map(|cause| &cause.code))),
    ];
    let values = [("ChunksNeedSomebody", "Count", Some(1))];
    calls_for_somebody(outcome).then(|| of_run(ended_at, order.simulated, &values, &properties))
}

fn calls_for_somebody(outcome: Outcome) -> bool {
    match outcome {
        Outcome::Verified | Outcome::Cancelled => false,
        Outcome::Residual
        | Outcome::Unknown
        | Outcome::Held
        | Outcome::Rejected
        | Outcome::Failed
        | Outcome::TimedOut => true,
    }
}

/// The line for a look at recordings that wait for their date at which the policy that applies now could not be asked: they go when the date
/// comes, whatever it says by now.
#[must_use]
pub fn policy_unasked(now: Timestamp, order: &Order, chunk: u32) -> String {
    let properties = [("runId", json!(order.run_id)), ("chunk", json!(chunk))];
    of_run(now, order.simulated, &[("PolicyUnasked", "Count", Some(1))], &properties)
}

/// The line for a message that nobody could handle.
#[must_use]
pub fn dead_letter(now: Timestamp, message: &str) -> String {
    watched(now, &[("DeadLetters", "Count", Some(1))], &[("message", json!(message))])
}

/// The line for a message that is handed back because of a failure: how often it has been delivered by now, each time in vain. So a
/// message that fails again and again stands out, however many others fail once.
#[must_use]
pub fn failed_delivery(now: Timestamp, message: &str, deliveries: u32) -> String {
    watched(now, &[("FailedDeliveries", "Count", Some(u64::from(deliveries)))], &[("message", json!(message))])
}

/// The line for an event that was to change something and was refused: a plan that was not carried out, a cancel of no run.
#[must_use]
pub fn refused(now: Timestamp, codes: &[String]) -> String {
    watched(now, &[("PlansRefused", "Count", Some(1))], &[("findings", json!(codes))])
}

/// The line for one sweep, whether or not it had anything to look at: that there is one shows that somebody looks.
#[must_use]
pub fn swept(now: Timestamp, looked_at: Option<usize>) -> String {
    let properties = [("unfinishedRuns", json!(looked_at))];
    watched(now, &[("Sweeps", "Count", Some(1))], &properties)
}

/// The line for one run that a sweep has looked at: how many of its chunks stood still, and whether anything of it did.
#[must_use]
pub fn looked_after(now: Timestamp, order: &Order, chunks: u32, stood_still: bool) -> String {
    let values =
        [("StalledRuns", "Count", Some(u64::from(stood_still))), ("StalledChunks", "Count", Some(u64::from(chunks)))];
    let properties = [("runId", json!(order.run_id)), ("simulatedTenant", json!(order.simulated))];
    watched(now, &values, &properties)
}

/// The line for a run that has ended other than verified, without anybody having cancelled it. By itself nothing of that is a failure
/// of a function or a message. A rehearsal is told apart, so that it calls nobody.
#[must_use]
pub fn not_verified(now: Timestamp, run_id: &str, simulated: bool, outcome: RunOutcome) -> String {
    let values = [("RunsNotVerified", "Count", Some(1))];
    let properties = [("runId", json!(run_id)), ("runOutcome", json!(outcome))];
    of_run(now, simulated, &values, &properties)
}

/// A line that an alarm looks at, unless the tenant is a simulated one.
fn of_run(
    at: Timestamp,
    simulated: bool,
    values: &[(&str, &str, Option<u64>)],
    properties: &[(&str, Value)],
) -> String {
    line(at, &[(FUNCTION, &NAME), ("Simulated", is_simulated(simulated))], values, properties)
}

/// A line that an alarm looks at, whether or not the tenant is a simulated one.
fn watched(at: Timestamp, values: &[(&str, &str, Option<u64>)], properties: &[(&str, Value)]) -> String {
    line(at, &[(FUNCTION, &NAME), ("Simulated", "unknown")], values, properties)
}

fn is_simulated(simulated: bool) -> &'static str {
    if simulated { "true" } else { "false" }
}

fn line(
    at: Timestamp,
    dimensions: &[(&str, &str)],
    values: &[(&str, &str, Option<u64>)],
    properties: &[(&str, Value)],
) -> String {
    let measured: Vec<_> = values.iter().filter_map(|(name, unit, value)| Some((*name, *unit, (*value)?))).collect();
    let metrics: Vec<_> = measured.iter().map(|(name, unit, _)| json!({"Name": name, "Unit": unit})).collect();
    let names: Vec<_> = dimensions.iter().map(|(name, _)| *name).collect();
    let mut root = Map::new();
    let directive = json!({"Namespace": NAMESPACE, "Dimensions": [names], "Metrics": metrics});
    root.insert("_aws".to_owned(), json!({"Timestamp": at.millis(), "CloudWatchMetrics": [directive]}));
    root.extend(dimensions.iter().map(|(name, value)| ((*name).to_owned(), json!(value))));
    root.extend(measured.iter().map(|(name, _, value)| ((*name).to_owned(), json!(value))));
    root.extend(
        properties.iter().filter(|(_, v)| !v.is_null()).map(|(name, value)| ((*name).to_owned(), value.clone())),
    );
    Value::Object(root).to_string()
}

#[cfg(test)]
thread_local! {
    /// What this thread has written, for tests.
    pub(crate) static WRITTEN: std::cell::RefCell<Vec<String>> = const { std::cell::RefCell::new(Vec::new()) };
}

/// Writes a line where CloudWatch reads it.
pub fn write(line: &str) {
    #[cfg(test)]
    WRITTEN.with_borrow_mut(|written| written.push(line.to_owned()));
    // Nothing can be done, and nothing is lost but a measurement, when nobody reads the log.
    let _ = writeln!(std::io::stdout(), "{line}");
}
