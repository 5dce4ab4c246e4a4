//! Shows a report.

use purge_core::report::{Accounting, ChunkReport, Report};
use purge_core::run::Outcome;

use super::table::{Align, Cell, Table};
use super::words::{grouped, plural, range_length, span, window};
use super::{BAD, CARE, DIM, GOOD, STRONG, paint};
use crate::carry::answers::Answers;
use crate::carry::messages::{Messages, Undelivered};

/// The most chunks that are listed one by one. Of more, only those with a problem are listed.
const LISTED: usize = 40;

/// What is shown along with a report.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReportExtras<'a> {
    /// What became of the messages.
    pub(crate) messages: &'a Messages,
    /// Whether they are for the simulated tenant's own receiver.
    pub(crate) simulated_receiver: bool,
    /// The answers that chunks ended with.
    pub(crate) answers: &'a Answers,
    /// The command that sends undelivered messages.
    pub(crate) deliver: &'a str,
    /// Where to find the chunks that are not listed.
    pub(crate) full_list: &'a str,
}

/// The report: chunks, sums, how the range divides, and what needs a person.
pub(crate) fn report(report: &Report, extras: ReportExtras<'_>) -> Vec<String> {
    let ReportExtras { messages, full_list, .. } = extras;
    let mut lines = chunks(&report.chunks, full_list);
    lines.push(String::new());
    lines.push(totals(report));
    lines.push(labelled("records", &records(report)));
    lines.push(labelled("range", &accounting(&report.accounting)));
    if *messages != Messages::default() {
        lines.push(labelled("webhooks", &messages_text(extras)));
    }
    lines.extend(needs_attention(report, messages, extras.answers, full_list));
    lines
}

/// What needs a person, and why, after an empty line. Nothing if nothing does. `full_list` says where to find what is not listed.
pub(crate) fn needs_attention(report: &Report, messages: &Messages, answers: &Answers, full_list: &str) -> Vec<String> {
    let needs = needs_a_person(report, messages, answers, full_list);
    if needs.is_empty() {
        return Vec::new();
    }
    let needs = needs.into_iter().map(|need| format!("  {}", paint(BAD, &need)));
    [String::new(), paint(BAD, "needs attention:")].into_iter().chain(needs).collect()
}

/// A label and its text, as in the plan.
pub(crate) fn labelled(label: &str, text: &str) -> String {
    format!("{}  {text}", paint(DIM, &format!("{label:>9}")))
}

fn chunks(all: &[ChunkReport], full_list: &str) -> Vec<String> {
    let mut table = Table::new(&[
        ("chunk", Align::Right),
        ("window, end not included", Align::Left),
        ("outcome", Align::Left),
        ("deleted", Align::Right),
        ("left", Align::Right),
        ("submits", Align::Right),
        ("time", Align::Right),
        ("request id", Align::Left),
    ]);
    let matters = |chunk: &ChunkReport| match chunk.outcome {
        None => chunk.submits > 0,
        Some(outcome) => outcome != Outcome::Verified,
    };
    let list_runs = |chunk: &&ChunkReport| all.len() <= LISTED || matters(chunk);
    let mut shown = 0;
    for chunk in all.iter().filter(list_runs).take(LISTED) {
        shown += 1;
        table.push(vec![
            chunk.index.to_string().into(),
            window(chunk.window).into(),
            outcome(chunk.outcome),
            number(chunk.records_deleted),
            number(chunk.remaining),
            chunk.submits.to_string().into(),
            chunk.duration_ms.map(span).unwrap_or_default().into(),
            chunk.request_id.clone().unwrap_or_default().into(),
        ]);
    }
    let mut lines = if shown > 0 { table.lines() } else { Vec::new() };
    if shown < all.len() {
        lines.push(paint(DIM, &more_text(all.len() - shown, full_list)));
    }
    lines
}

fn more_text(number: usize, full_list: &str) -> String {
    format!("{} more {full_list}", grouped(number as u64))
}

fn number(measured: Option<u64>) -> Cell {
    measured.map_or_else(|| Cell::styled(DIM, "?"), |n| grouped(n).into())
}

/// An outcome in its colour.
pub(crate) fn outcome(outcome: Option<Outcome>) -> Cell {
    match outcome {
        None => Cell::styled(CARE, "open"),
        Some(Outcome::Verified) => Cell::styled(GOOD, "verified"),
        Some(Outcome::Held | Outcome::Cancelled) => Cell::styled(CARE, outcome.map_or("", Outcome::as_str)),
        Some(Outcome::Residual | Outcome::Unknown | Outcome::Rejected | Outcome::Failed | Outcome::TimedOut) => {
            Cell::styled(BAD, outcome.map_or("", Outcome::as_str))
        }
    }
}

fn totals(report: &Report) -> String {
    let totals = &report.totals;
    let mut parts: Vec<String> = totals
        .by_outcome
        .iter()
        .filter(|(_, n)| **n > 0)
        .map(|(o, n)| format!("{} {}", grouped(u64::from(*n)), o.as_str()))
        .collect();
    if totals.open > 0 {
        parts.push(format!("{} open", grouped(u64::from(totals.open))));
    }
    let took = report.started_at.zip(report.last_at).map(|(from, to)| to.since(from).as_millis());
    let took = took.map(|ms| format!(" in {}", span(u64::try_from(ms).unwrap_or(u64::MAX)))).unwrap_or_default();
    let requests = totals.requests.map(|n| format!(", {}", plural(n, "request"))).unwrap_or_default();
    let text = format!(
        "{}{took}: {}; {}{requests}",
        plural(u64::from(totals.chunks), "chunk"),
        parts.join(", "),
        plural(totals.submits, "submit"),
    );
    labelled(report.outcome.as_str(), &paint(STRONG, &text))
}

/// The sums, or of how much they were measured: a sum with an unmeasured part is no sum.
fn records(report: &Report) -> String {
    let (chunks, totals) = (&report.chunks, &report.totals);
    // A chunk that submitted nothing has deleted nothing, measured or not.
    let deleted = chunks.iter().map(|chunk| chunk.records_deleted.or((chunk.submits == 0).then_some(0)));
    let left = chunks.iter().map(|chunk| chunk.remaining);
    let between = if totals.records_deleted.and(totals.remaining).is_some() { "," } else { ";" };
    let kept = match totals.protected {
        0 => String::new(),
        kept => format!("; {} kept by the platform's legal holds", grouped(kept)),
    };
    format!(
        "{}{between} {}{kept}",
        sum(totals.records_deleted, "deleted", deleted),
        sum(totals.remaining, "left", left)
    )
}

/// `7 left`, or for how many chunks the number is not known.
fn sum(total: Option<u64>, word: &str, chunks: impl ExactSizeIterator<Item = Option<u64>>) -> String {
    if let Some(total) = total {
        return format!("{} {word}", grouped(total));
    }
    let all = chunks.len();
    let measured: Vec<u64> = chunks.flatten().collect();
    if measured.is_empty() {
        return format!("{word}: not measured");
    }
    let known = grouped(measured.iter().fold(0, |sum, n| sum.saturating_add(*n)));
    if measured.len() == all {
        return format!(
            "{word}: no sum, as chunks of more than five years ago may count the same record; {known} with such"
        );
    }
    let unknown = |n: usize| grouped(n as u64);
    format!(
        "{word}: not measured for {} of {} chunks, {known} in the others",
        unknown(all - measured.len()),
        unknown(all)
    )
}

/// `requested 90 d = 88 d chunks + 2 d held`. Every millisecond is in one of the parts.
pub(crate) fn accounting(accounting: &Accounting) -> String {
    let parts = [
        (accounting.chunks_ms, "chunks"),
        (accounting.held_ms, "held"),
        (accounting.retained_ms, "retained"),
        (accounting.too_recent_ms, "too recent"),
        (accounting.refused_ms, "not addressable"),
    ];
    let said: Vec<String> =
        parts.iter().filter(|(ms, _)| *ms > 0).map(|(ms, word)| format!("{} {word}", range_length(*ms))).collect();
    let sign = if accounting.accounted_ms() == accounting.requested_ms { "=" } else { "≠" };
    format!("requested {} {sign} {}", range_length(accounting.requested_ms), said.join(" + "))
}

fn messages_text(extras: ReportExtras<'_>) -> String {
    let ReportExtras { messages, simulated_receiver, deliver, .. } = extras;
    let (receiver, needs) =
        if simulated_receiver { (" to the simulated receiver", "") } else { ("", "with GOVERNANCE_WEBHOOK_URL set, ") };
    let mut parts = vec![format!("{} delivered{receiver}", messages.delivered)];
    if let Some(next) = &messages.next {
        let why = next.why.as_ref().map(|why| format!("{why}; ")).unwrap_or_default();
        // Nothing sends them now, so no time of a next attempt is named.
        let how = format!("{why}nothing sends them now: {needs}`{deliver}` sends them and deletes nothing");
        parts.push(format!("{} still to be sent ({how})", messages.pending));
    }
    if messages.dead > 0 {
        parts.push(format!("{} given up", messages.dead));
    }
    parts.join(", ")
}

/// Everything that this program cannot settle, one line each.
fn needs_a_person(report: &Report, messages: &Messages, answers: &Answers, full_list: &str) -> Vec<String> {
    let mut needs: Vec<String> = report.problems.iter().map(|p| format!("the report: {}", p.message)).collect();
    let not_verified: Vec<_> =
        report.chunks.iter().filter(|c| c.outcome.is_some_and(|o| o != Outcome::Verified)).collect();
    for chunk in not_verified.iter().take(LISTED) {
        let word = chunk.outcome.map_or("open", Outcome::as_str);
        let cause = chunk.cause.as_ref();
        let why = cause.map(|cause| format!(": {} [{}]", cause.message, cause.code)).unwrap_or_default();
        let context = cause.and_then(|c| c.context_id.clone().or_else(|| c.correlation_id.clone()));
        let context = context.map(|id| format!(", for Genesys's support: {id}")).unwrap_or_default();
        let answer = answers.explain(chunk).map(|answer| format!(", {answer}")).unwrap_or_default();
        needs.push(format!("chunk {} {} is {word}{why}{answer}{context}", chunk.index, window(chunk.window)));
    }
    if not_verified.len() > LISTED {
        needs.push(more_text(not_verified.len() - LISTED, full_list));
    }
    // While the run goes on, its pending messages go on with it.
    let undelivered: Vec<_> = messages.undelivered.iter().filter(|m| m.given_up || report.totals.open == 0).collect();
    needs.extend(undelivered.iter().take(LISTED).map(|message| undelivered_text(message)));
    if undelivered.len() > LISTED {
        needs.push(more_text(undelivered.len() - LISTED, "in webhooks.jsonl"));
    }
    needs
}

fn undelivered_text(message: &Undelivered) -> String {
    let chunk = message.chunk.map(|index| format!(" about chunk {index}")).unwrap_or_default();
    let how = if message.given_up { "was given up" } else { "is still to be sent" };
    let why = message.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    format!("the governance system has not received message {}{chunk}, which {how}{why}", message.id)
}
