//! What the report makes of a story.

use purge_core::audit::AuditRecord;
use purge_core::report::{Ordered, Report};

use super::*;

pub(super) fn report(order: &Order, logs: &[&str]) -> Report {
    let lines = logs.iter().flat_map(|log| log.lines());
    let records: Vec<AuditRecord> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    Report::of(Ordered { order, chunks: &[chunk()], parts: &[] }, &records)
}

#[test]
fn recordings_that_are_still_there_are_not_reported_as_deleted() {
    let order = order("recordingJobs", |order| {
        order["limits"] = json!({ "verifySeconds": 10, "verifyConversations": 10 });
    });
    let deleted_of = |still_there: usize| {
        let there = || Json(200, vec![json!({ "fileState": "AVAILABLE" }); still_there].into());
        let looks = (0..3).flat_map(|_| [there()]);
        let start = [created(), job("READY"), job("PROCESSING"), job("FULFILLED")];
        let story = play(&order, start.into_iter().chain(looks));
        assert_eq!(story.end(), ended(Outcome::Residual, "verify.residual"));
        let report = report(&order, &[&story.log]);
        assert_eq!(report.totals.records_deleted, story.run.view().records_deleted);
        assert_eq!(report.totals.remaining, u64::try_from(still_there).ok());
        story.run.view().records_deleted
    };
    // The job says that it has deleted all five.
    assert_eq!((deleted_of(5), deleted_of(1)), (None, None));
}

#[test]
fn the_submits_of_all_attempts_are_counted() {
    let order = order("recordingJobs", |_| {});
    let looked = || [Json(200, json!([]))];
    let first = [created(), job("READY"), job("PROCESSING"), job("CANCELLED")].into_iter().chain(looked());
    let first = play(&order, first);
    assert_eq!(first.end().0, Outcome::Unknown);
    let second = [created(), job("READY"), job("PROCESSING"), job("FULFILLED")].into_iter().chain(looked());
    let second = go_on(&order, retried(&order, first.run.clone()).unwrap(), "2024-01-02T00:00:00Z", second);
    assert_eq!(first.times("PUT job-1") + second.times("PUT job-1"), 2);
    let chunk = &report(&order, &[&first.log, &second.log]).chunks[0];
    assert_eq!((chunk.submits, chunk.records_deleted), (2, None));
}

/// A job that has counted and was called off before it was executed has deleted nothing. That is known, and not an unmeasured
/// number.
#[test]
fn a_job_that_was_called_off_has_deleted_nothing_and_does_not_hide_what_a_retry_deletes() {
    let order = order("recordingJobs", |_| {});
    let called_off = [created(), CancelFirst(Box::new(job("READY")))].into_iter().chain(called_off());
    let first = play(&order, called_off);
    assert_eq!((first.end(), first.times("PUT job-1")), (ended(Outcome::Cancelled, "cancelled"), 0));
    let alone = report(&order, &[&first.log]);
    assert_eq!((alone.chunks[0].submits, alone.chunks[0].records_deleted), (1, Some(0)));
    assert_eq!(alone.totals.records_deleted, Some(0));

    let again = [created(), job("READY"), job("PROCESSING"), job("FULFILLED"), conversations(&["a"]), gone()];
    let second = go_on(&order, retried(&order, first.run.clone()).unwrap(), "2024-01-02T00:00:00Z", again);
    assert_eq!(second.end(), verified());
    let chunk = &report(&order, &[&first.log, &second.log]).chunks[0];
    assert_eq!((chunk.submits, chunk.before, chunk.records_deleted), (2, Some(5), Some(5)));
}

#[test]
fn a_refused_submit_does_not_count_while_the_chunk_is_open() {
    let order = deletion(json!({}));
    let mut run = fresh(&order);
    let (mut now, mut input, mut log) = (Timestamp::parse("2024-01-01T00:00:00Z").unwrap(), Input::Tick, String::new());
    let refused = || Header(429, "retry-after", "1");
    let mut answers = [count(5), refused(), refused(), refused()].into_iter();
    loop {
        let step = run.step(Context { order: &order, pace: Pace::default(), now }, input);
        log.extend(step.records.iter().map(|record| record.line() + "\n"));
        run = step.run;
        input = match step.next {
            Next::Send(_) => input_of(answers.next().unwrap()),
            Next::WaitUntil { .. } if answers.len() == 0 => break,
            Next::WaitUntil { at, .. } => {
                now = at;
                Input::Tick
            }
            other @ (Next::TakeSlot | Next::Done(_)) => panic!("{other:?}"),
        };
    }
    assert_eq!((run.view().submits, report(&order, &[&log]).chunks[0].submits), (0, 0));
}
