//! Shows a plan.

use purge_core::plan::{Disposition, Part, Plan};
use purge_core::request::{Chunking, DeletionApi, PurgeRequest, includes_screen};

use super::table::{Align, Cell, Table};
use super::words::{grouped, plural, range_length, span, window};
use super::{CARE, DIM, GOOD, STRONG, paint};

/// The most chunks that are shown in full. Of more, only the first and last are.
const SHOWN: usize = 12;

/// The whole plan: what, where, which chunks, what is kept, how long it takes, and its code.
pub(crate) fn plan(plan: &Plan, tenant: &str) -> Vec<String> {
    let request = plan.request();
    let size = match request.chunking {
        Chunking::Days(n) => plural(u64::from(n), "day"),
        Chunking::Hours(n) => plural(u64::from(n), "hour"),
    };
    let label = |name: &str, text: String| format!("{}  {text}", paint(DIM, &format!("{name:>9}")));
    let mut lines = vec![
        paint(STRONG, &request.name),
        label("delete", what_is_deleted(request)),
        label("of", format!("{}, {}", window(request.range), request.jurisdiction)),
    ];
    if let Some(query) = &request.query {
        lines.push(label("only", query.clone()));
    }
    lines.push(label("at", tenant.to_owned()));
    lines.push(label("because", format!("{}, asked by {}", request.reason, request.requested_by)));
    lines.push(String::new());
    lines.extend(chunks(plan));
    lines.extend(kept(plan.parts()));
    let estimate = plan.estimate();
    lines.push(String::new());
    lines.push(label("chunks", format!("{} of at most {size}", grouped(u64::from(estimate.chunks)))));
    let effort = format!(
        "about {} in {}, if a job takes {}",
        plural(estimate.api_calls, "request"),
        span(estimate.seconds.saturating_mul(1000)),
        span(estimate.assumed_job_seconds.saturating_mul(1000))
    );
    lines.push(label("effort", effort));
    lines.push(label("digest", plan.digest().to_owned()));
    lines.push(label("code", paint(STRONG, &plan.short_code())));
    lines
}

/// The record types, and whether screen recordings are included, which they do not say themselves.
fn what_is_deleted(request: &PurgeRequest) -> String {
    let types: Vec<&str> = request.record_types.iter().map(|t| t.as_str()).collect();
    let screens = match (request.api, includes_screen(&request.record_types)) {
        (DeletionApi::DataDeletion, _) => "",
        (DeletionApi::RecordingJobs, true) => ", with screen recordings",
        (DeletionApi::RecordingJobs, false) => ", without screen recordings",
    };
    format!("{} through {}{screens}", types.join(", "), request.api.as_str())
}

fn chunks(plan: &Plan) -> Vec<String> {
    let all = plan.chunks();
    let mut table =
        Table::new(&[("chunk", Align::Right), ("window, end not included", Align::Left), ("length", Align::Left)]);
    let (head, tail) = if all.len() > SHOWN { (SHOWN - 2, 1) } else { (all.len(), 0) };
    for chunk in all.iter().take(head) {
        table.push(vec![
            chunk.index.to_string().into(),
            Cell::styled(GOOD, window(chunk.window)),
            range_length(chunk.window.millis()).into(),
        ]);
    }
    if tail > 0 {
        table.push(vec!["…".into(), Cell::styled(DIM, format!("{} more", all.len() - head - tail)), "".into()]);
    }
    for chunk in all.iter().skip(all.len() - tail) {
        table.push(vec![
            chunk.index.to_string().into(),
            Cell::styled(GOOD, window(chunk.window)),
            range_length(chunk.window.millis()).into(),
        ]);
    }
    table.lines()
}

/// What is kept, shown as prominently as what is deleted.
pub(crate) fn kept(parts: &[Part]) -> Vec<String> {
    let mut table =
        Table::new(&[("kept", Align::Left), ("window, end not included", Align::Left), ("why", Align::Left)]);
    let mut any = false;
    for part in parts.iter().filter(|part| part.disposition != Disposition::Chunk) {
        any = true;
        table.push(vec![
            Cell::styled(CARE, disposition_word(part.disposition)),
            window(part.window).into(),
            part.reason.to_string().into(),
        ]);
    }
    if any { std::iter::once(String::new()).chain(table.lines()).collect() } else { Vec::new() }
}

/// The word for a disposition that people are shown.
pub(crate) fn disposition_word(disposition: Disposition) -> &'static str {
    match disposition {
        Disposition::Chunk => "deleted",
        Disposition::Held => "held",
        Disposition::Retained => "retained",
        Disposition::TooRecent => "too recent",
        Disposition::Refused => "not addressable",
    }
}
