//! Metrics as log lines in CloudWatch's embedded metric format. Identifiers are properties and never dimensions, because every
//! value of a dimension makes another metric, which costs money.

use std::io::Write as _;
use std::sync::LazyLock;

use purge_core::report::RunOutcome;
use purge_core::run::{ChunkView, Order, Outcome};
use purge_core::time::Timestamp;
use serde_json::{Map, Value, json};

/// Namespace of the metrics.
pub const NAMESPACE: &str = "GenesysPurge";

/// The dimension with the function's name. Every metric that an alarm watches has it.
pub const FUNCTION: &str = "Function";
/// The function's name as Lambda gives it. No other stack of the account has a function of that name, so no alarm sees the metrics
/// of another stack.
static FUNCTION_NAME: LazyLock<String> =
    LazyLock::new(|| std::env::var("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_else(|_| "unknown".to_owned()));

/// The line for a chunk that has ended; `None` while it has not. Values that were not measured are left out.
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
    Some(metric_line(
        ended_at,
        &[("Outcome", outcome.as_str()), ("Simulated", is_simulated(order.simulated))],
        &values,
        &properties,
    ))
}

/// The line for a chunk whose end a person must look at; `None` for all others. The run may go on for weeks, and the person may
/// have to act before its other chunks are deleted. A chunk that was cancelled before its job had run is left out, because the
/// person who cancelled it knows. The dimension `Simulated` tells rehearsals apart, which alarm nobody. The line has the time `now`
/// rather than that of the end, which may be a while ago: an alarm looks at the last minutes alone.
#[must_use]
pub fn needs_somebody(now: Timestamp, order: &Order, view: &ChunkView) -> Option<String> {
    let outcome = view.outcome?;
    let properties = [
        ("runId", json!(order.run_id)),
        ("chunk", json!(view.chunk.index)),
        ("chunkOutcome", json!(outcome.as_str())),
        ("cause", json!(view.cause.as_ref().map(|cause| &cause.code))),
    ];
    let values = [("ChunksNeedSomebody", "Count", Some(1))];
    needs_attention(outcome).then(|| alarm_line_of_run(now, order.simulated, &values, &properties))
}

fn needs_attention(outcome: Outcome) -> bool {
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

/// The line for a chunk in its cool-off whose policy look-up failed. Its recordings are deleted when their date comes, whatever the
/// policy says by now.
#[must_use]
pub fn policy_unread(now: Timestamp, order: &Order, chunk: u32) -> String {
    let properties = [("runId", json!(order.run_id)), ("chunk", json!(chunk))];
    alarm_line_of_run(now, order.simulated, &[("PolicyUnread", "Count", Some(1))], &properties)
}

/// The line for a dead message.
#[must_use]
pub fn dead_letter(now: Timestamp, message: &str) -> String {
    alarm_line(now, &[("DeadLetters", "Count", Some(1))], &[("message", json!(message))])
}

/// The line for a failed delivery, with the number of times that its message has been delivered in vain by now. So a message that
/// fails again and again stands out, however many others fail once.
#[must_use]
pub fn failed_delivery(now: Timestamp, message: &str, deliveries: u32) -> String {
    alarm_line(now, &[("FailedDeliveries", "Count", Some(u64::from(deliveries)))], &[("message", json!(message))])
}

/// The line for a refused event that was meant to change something: a plan that was not carried out, a cancel of an unknown run.
#[must_use]
pub fn refused(now: Timestamp, codes: &[String]) -> String {
    alarm_line(now, &[("PlansRefused", "Count", Some(1))], &[("findings", json!(codes))])
}

/// The line for one sweep, which is written even if it examined nothing: it shows that sweeps take place.
#[must_use]
pub fn swept(now: Timestamp, unfinished: usize) -> String {
    let properties = [("unfinishedRuns", json!(unfinished))];
    alarm_line(now, &[("Sweeps", "Count", Some(1))], &properties)
}

/// The line for one run that a sweep has examined: how many of its chunks were stalled, and whether anything of it was.
#[must_use]
pub fn looked_after(now: Timestamp, order: &Order, chunks: u32, stood_still: bool) -> String {
    let values =
        [("StalledRuns", "Count", Some(u64::from(stood_still))), ("StalledChunks", "Count", Some(u64::from(chunks)))];
    let properties = [("runId", json!(order.run_id)), ("simulatedTenant", json!(order.simulated))];
    alarm_line(now, &values, &properties)
}

/// The line for a run that has ended neither verified nor cancelled. No function or message has failed for that, so no other metric
/// shows it. The dimension `Simulated` tells rehearsals apart, which alarm nobody.
#[must_use]
pub fn not_verified(now: Timestamp, run_id: &str, simulated: bool, outcome: RunOutcome) -> String {
    let values = [("RunsNotVerified", "Count", Some(1))];
    let properties = [("runId", json!(run_id)), ("runOutcome", json!(outcome))];
    alarm_line_of_run(now, simulated, &values, &properties)
}

/// A line that an alarm watches, unless the tenant is a simulated one.
fn alarm_line_of_run(
    at: Timestamp,
    simulated: bool,
    values: &[(&str, &str, Option<u64>)],
    properties: &[(&str, Value)],
) -> String {
    metric_line(at, &[(FUNCTION, &FUNCTION_NAME), ("Simulated", is_simulated(simulated))], values, properties)
}

/// A line that an alarm watches, whether or not the tenant is a simulated one.
fn alarm_line(at: Timestamp, values: &[(&str, &str, Option<u64>)], properties: &[(&str, Value)]) -> String {
    metric_line(at, &[(FUNCTION, &FUNCTION_NAME), ("Simulated", "unknown")], values, properties)
}

fn is_simulated(simulated: bool) -> &'static str {
    if simulated { "true" } else { "false" }
}

fn metric_line(
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
    /// The lines that this thread has written, for tests.
    pub(crate) static WRITTEN: std::cell::RefCell<Vec<String>> = const { std::cell::RefCell::new(Vec::new()) };
}

/// Writes a line to standard output, where CloudWatch reads it.
pub fn write(line: &str) {
    #[cfg(test)]
    WRITTEN.with_borrow_mut(|written| written.push(line.to_owned()));
    // If the log cannot be written, nothing can be done about it, and only a metric is lost.
    let _ = writeln!(std::io::stdout(), "{line}");
}
