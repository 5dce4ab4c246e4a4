//! The metrics of a run: its report in the Prometheus text exposition format 0.0.4.

use std::fmt::Write as _;

use crate::report::Report;

/// The upper bounds of the duration buckets, in seconds: from a small job to the default deadline of a chunk.
const BUCKETS_SECONDS: [u64; 8] = [5, 15, 60, 300, 900, 1800, 3600, 14_400];

/// Writes the report as a Prometheus exposition. The values are those of this one run; a metric that was not measured is absent.
#[must_use]
pub fn prometheus(report: &Report) -> String {
    let mut page = Page(String::new());
    let totals = &report.totals;
    page.family("run_info", "gauge", "The run that the other metrics are about.");
    page.sample(
        "run_info",
        &[
            ("run_id", &report.run_id),
            ("plan_digest", &report.plan_digest),
            ("simulated", if report.simulated { "true" } else { "false" }),
            ("outcome", report.outcome.as_str()),
        ],
        1,
    );
    page.family("chunks", "gauge", "Chunks of the plan by outcome; `open` has none yet.");
    for (outcome, count) in totals.by_outcome.iter() {
        page.sample("chunks", &[("outcome", outcome.as_str())], u64::from(*count));
    }
    page.sample("chunks", &[("outcome", "open")], u64::from(totals.open));
    page.single("records_deleted", "gauge", "Records measured as deleted.", totals.records_deleted);
    page.single("records_remaining", "gauge", "Records still there that should not be.", totals.remaining);
    page.single("requests_total", "counter", "Requests sent.", totals.requests);
    page.single("submits_total", "counter", "Deletions submitted.", Some(totals.submits));
    page.single("rate_limited_total", "counter", "Pauses that the server asked for.", Some(totals.rate_limited));
    if !totals.waits.is_empty() {
        page.family("waits_total", "counter", "Waits other than for the next poll, by reason.");
        for (reason, count) in totals.waits.iter() {
            page.sample("waits_total", &[("reason", reason)], *count);
        }
    }
    durations(&mut page, report);
    page.single("problems", "gauge", "Problems found in the report.", u64::try_from(report.problems.len()).ok());
    page.0
}

/// Writes how long the last attempt at each ended chunk took.
fn durations(page: &mut Page, report: &Report) {
    let ended = report.chunks.iter().filter(|chunk| chunk.outcome.is_some());
    let millis: Vec<u64> = ended.filter_map(|chunk| chunk.duration_ms).collect();
    if millis.is_empty() {
        return;
    }
    let up_to = |bound: u64| u64::try_from(millis.iter().filter(|&&ms| ms <= bound).count()).unwrap_or(u64::MAX);
    page.family("chunk_duration_seconds", "histogram", "Time from a chunk's start to its end.");
    for seconds in BUCKETS_SECONDS {
        page.sample("chunk_duration_seconds_bucket", &[("le", &seconds.to_string())], up_to(seconds * 1000));
    }
    page.sample("chunk_duration_seconds_bucket", &[("le", "+Inf")], up_to(u64::MAX));
    let sum = millis.iter().fold(0_u64, |sum, &ms| sum.saturating_add(ms));
    page.sample("chunk_duration_seconds_sum", &[], format_args!("{}.{:03}", sum / 1000, sum % 1000));
    page.sample("chunk_duration_seconds_count", &[], up_to(u64::MAX));
}

/// The text so far. Every metric name gets the prefix `genesys_purge_`.
struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP genesys_purge_{name} {help}\n# TYPE genesys_purge_{name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        let labels: Vec<_> = labels.iter().map(|(key, text)| format!("{key}=\"{}\"", escape_label(text))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.0, "genesys_purge_{name}{labels} {value}");
    }

    fn single(&mut self, name: &str, kind: &str, help: &str, value: Option<u64>) {
        if let Some(value) = value {
            self.family(name, kind, help);
            self.sample(name, &[], value);
        }
    }
}

/// Escapes the text of a label.
fn escape_label(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
