//! Tests that the report says what happened, and says when it does not add up.

use proptest::prelude::*;
use purge_core::audit::Event;
use purge_core::chunk::Age;
use purge_core::metrics::prometheus;
use purge_core::plan::Disposition;
use purge_core::report::{Report, RunOutcome, exit_code};
use purge_core::request::DeletionApi;
use purge_core::run::{Cause, Outcome, WaitReason};

use crate::support::{Log, World, at, begin, cancel_asked, completed, counted, left, retried, submit, submit_of};

fn report_of(outcomes: &[Option<Outcome>]) -> Report {
    let world = World::of(u32::try_from(outcomes.len()).unwrap());
    let mut log = Log::default();
    for (chunk, outcome) in (1..).zip(outcomes) {
        if let Some(outcome) = outcome {
            log.attempt(&world, chunk, 1, *outcome);
        }
    }
    Report::of(world.ordered(), &log.records)
}

fn codes(report: &Report) -> Vec<&str> {
    report.problems.iter().map(|problem| problem.code.as_str()).collect()
}

#[test]
fn the_whole_report() {
    let world = World::of(3);
    let mut log = Log::default();
    log.attempt(&world, 1, 1, Outcome::Residual);
    log.attempt(&world, 2, 1, Outcome::Held);
    log.add(3, 1, begin(world.chunks[2])).add(3, 1, counted(144));
    log.add(3, 1, submit_of(&world, world.chunks[2]));
    let report = Report::of(world.ordered(), &log.records);
    insta::assert_json_snapshot!(report);
    assert_eq!(serde_json::from_str::<Report>(&report.line()).unwrap(), report);
    // People who read a report without this program rely on the document.
    let document = include_str!("../../../../EVIDENCE.md");
    let (_, section) = document.split_once("## The report").unwrap();
    let value = serde_json::to_value(&report).unwrap();
    for part in [&value, &value["chunks"][0], &value["totals"], &value["accounting"]] {
        for member in part.as_object().unwrap().keys() {
            assert!(section.contains(&format!("`{member}`")), "EVIDENCE.md does not say what `{member}` is");
        }
    }
}

#[test]
fn a_submit_that_was_withheld_is_none() {
    let world = World::of(1);
    let mut log = Log::default();
    log.add(1, 1, begin(world.chunks[0]));
    let submits = |log: &Log| Report::of(world.ordered(), &log.records).totals.submits;
    log.add(1, 1, submit());
    assert_eq!(submits(&log), 1, "while there is no end, what was announced counts");
    let call = "POST /api/v2/data/deletion/requests".to_owned();
    log.add(1, 1, Event::Withheld { call, cause: Cause::new("policy.unreadable", "gone"), policy: None });
    assert_eq!(submits(&log), 0);
}

#[test]
fn an_open_submit_counts_until_it_is_refused() {
    let world = World::of(1);
    let wait = |reason| Event::Waiting { reason, until: at("2026-01-02T00:00:00Z") };
    let limited = || wait(WaitReason::RateLimited { retry_after_seconds: None });
    let table = [
        ("under way", vec![submit(), wait(WaitReason::InFlight)], 1),
        ("told to come again", vec![submit(), limited()], 0),
        ("told so after it was accepted", vec![submit(), Event::Submitted, limited()], 1),
    ];
    for (what, events, submits) in table {
        let mut log = Log::default();
        log.add(1, 1, begin(world.chunks[0]));
        for event in events {
            log.add(1, 1, event);
        }
        assert_eq!(Report::of(world.ordered(), &log.records).totals.submits, submits, "{what}");
    }
}

/// Covers every set of outcomes that the chunks of a run can have together.
#[test]
fn every_combination_of_outcomes_has_its_word_and_exit_code() {
    use Outcome::{Cancelled, Failed, Held, Rejected, Residual, TimedOut, Unknown, Verified};
    let kinds: Vec<_> = Outcome::ALL.into_iter().map(Some).chain([None]).collect();
    for set in 1_u32..(1 << kinds.len()) {
        let outcomes: Vec<_> = (0..kinds.len()).filter(|i| set & (1 << i) != 0).map(|i| kinds[i]).collect();
        let has = |outcome| outcomes.contains(&Some(outcome));
        let expected = if outcomes.contains(&None) {
            (RunOutcome::Open, 75)
        } else if has(Unknown) {
            (RunOutcome::Unknown, 5)
        } else if has(Residual) {
            (RunOutcome::Residual, 5)
        } else if has(Cancelled) {
            (RunOutcome::Cancelled, 6)
        } else if outcomes == [Some(Verified)] {
            (RunOutcome::Verified, 0)
        } else if has(Verified) {
            (RunOutcome::Partial, 4)
        } else if has(Failed) || has(TimedOut) {
            (RunOutcome::Failed, 4)
        } else if has(Held) {
            (RunOutcome::Held, 3)
        } else {
            assert!(has(Rejected));
            (RunOutcome::Rejected, 3)
        };
        let report = report_of(&outcomes);
        assert_eq!(report.problems, [], "{outcomes:?}");
        assert_eq!((report.outcome, exit_code(&report)), expected, "{outcomes:?}");
    }
}

#[test]
fn what_the_api_refused_is_not_called_blocked() {
    let world = World::of(2);
    let mut log = Log::default();
    let cause = Cause::new("missing.permissions", "the client may not delete");
    log.add(1, 1, begin(world.chunks[0])).add(1, 1, counted(144)).add(1, 1, submit());
    let call = "POST /api/v2/data/deletion/requests".to_owned();
    log.add(1, 1, Event::Answered { call, http_status: 403, cause: cause.clone() });
    let finished = Event::Finished {
        outcome: Outcome::Rejected,
        cause: Some(cause),
        submits: 0,
        requests: 2,
        before: Some(144),
        remaining: None,
        protected: None,
    };
    // One refused chunk is enough: a guard stopped the other.
    log.attempt(&world, 2, 1, Outcome::Rejected).add(1, 1, finished);
    let report = Report::of(world.ordered(), &log.records);
    assert_eq!(report.problems, []);
    assert_eq!((report.outcome, exit_code(&report)), (RunOutcome::Rejected, 4));
    assert!(report.chunks[0].refused_by_api);
    // Only a rejected chunk counts as refused, not one that failed or was never begun.
    if let Some(last) = log.records.last_mut()
        && let Event::Finished { outcome, .. } = &mut last.event
    {
        *outcome = Outcome::Failed;
    }
    assert!(!Report::of(world.ordered(), &log.records).chunks[0].refused_by_api);
    assert!(!report_of(&[None]).chunks[0].refused_by_api);
}

#[test]
fn what_an_attempt_before_has_deleted_is_neither_a_contradiction_nor_nothing() {
    use Outcome::{Cancelled, Failed, Held, Rejected, Residual, TimedOut, Unknown};
    for first in [Residual, Unknown, Failed] {
        for last in [Held, Rejected, TimedOut, Cancelled] {
            let world = World::of(1);
            let mut log = Log::default();
            log.attempt(&world, 1, 1, first).attempt(&world, 1, 2, last);
            let report = Report::of(world.ordered(), &log.records);
            assert_eq!(report.problems, [], "{first:?}, then {last:?}");
            let deleted = if first == Residual { Some(140) } else { None };
            assert_eq!(report.totals.records_deleted, deleted);
            let code = if last == Cancelled { 6 } else { 4 };
            assert_eq!(exit_code(&report), code, "{first:?}, then {last:?}: not \"nothing was deleted\"");
        }
    }
    // One such chunk is enough. An attempt that failed before it submitted anything has deleted nothing.
    let finished = |outcome| Event::Finished {
        outcome,
        cause: Some(Cause::new("test.cause", "made up for the test")),
        submits: 0,
        requests: 1,
        before: None,
        remaining: None,
        protected: None,
    };
    let world = World::of(2);
    for (first, outcome, code) in
        [(Residual, RunOutcome::Partial, 4), (Unknown, RunOutcome::Partial, 4), (Failed, RunOutcome::Held, 3)]
    {
        let mut log = Log::default();
        log.add(1, 1, begin(world.chunks[0])).add(1, 1, finished(first));
        log.attempt(&world, 1, 2, Held).attempt(&world, 2, 1, Held);
        let report = Report::of(world.ordered(), &log.records);
        assert_eq!((report.outcome, exit_code(&report)), (outcome, code), "{first:?}");
    }
    // Within one attempt it is a contradiction.
    let world = World::of(1);
    let mut log = Log::default();
    log.add(1, 1, begin(world.chunks[0]));
    let (cause, requests) = (Some(Cause::new("hold", "held")), 3);
    let finished =
        Event::Finished { outcome: Held, cause, submits: 0, requests, before: None, remaining: None, protected: None };
    log.add_measured(1, 1, finished, Some(7));
    assert_eq!(codes(&Report::of(world.ordered(), &log.records)), ["records.deleted", "records.sum"]);
}

#[test]
fn attempts_at_a_chunk_are_summed() {
    let world = World::of(1);
    let mut log = Log::default();
    log.attempt(&world, 1, 1, Outcome::Residual);
    log.add(1, 2, retried()).add(1, 2, begin(world.chunks[0]));
    log.add(1, 2, counted(4)).add(1, 2, submit()).add(1, 2, Event::Submitted);
    log.add(1, 2, completed()).add(1, 2, left(Some(0)));
    let finished = Event::Finished {
        outcome: Outcome::Verified,
        cause: None,
        submits: 1,
        requests: 5,
        before: Some(4),
        remaining: Some(0),
        protected: None,
    };
    log.add_measured(1, 2, finished, Some(4));
    let report = Report::of(world.ordered(), &log.records);
    let chunk = &report.chunks[0];
    assert_eq!(report.problems, []);
    assert_eq!((chunk.attempts, chunk.submits, chunk.requests), (2, 2, Some(9)));
    assert_eq!((chunk.before, chunk.records_deleted, chunk.remaining), (Some(144), Some(144), Some(0)));
    assert_eq!(exit_code(&report), 0);
}

/// What an attempt deleted is added to what the attempt before deleted, unless both may have deleted the same records.
#[test]
fn what_two_attempts_may_both_have_deleted_is_not_summed() {
    use DeletionApi::{DataDeletion, RecordingJobs};
    let finished = |before, remaining| Event::Finished {
        outcome: Outcome::Residual,
        cause: Some(Cause::new("test.cause", "made up for the test")),
        submits: 1,
        requests: 3,
        before,
        remaining,
        protected: None,
    };
    // The first attempt leaves 44 of 144. Each row says what the next one finds and deletes.
    let table = [
        (DataDeletion, Some(44), 44, Some(144)),
        (DataDeletion, Some(45), 45, None),
        (DataDeletion, Some(43), 43, None),
        (RecordingJobs, Some(44), 44, Some(144)),
        (RecordingJobs, Some(45), 45, None),
        (RecordingJobs, Some(40), 40, Some(140)),
        (RecordingJobs, None, 44, None),
    ];
    for (api, found, deletes, sum) in table {
        let mut world = World::of(1);
        world.order.request.api = api;
        let mut log = Log::default();
        for (attempt, before, left, deleted) in [(1, Some(144), 44, 100), (2, found, 0, deletes)] {
            log.add(1, attempt, begin(world.chunks[0])).add(1, attempt, submit()).add(1, attempt, Event::Submitted);
            log.add_measured(1, attempt, finished(before, Some(left)), Some(deleted));
        }
        let report = Report::of(world.ordered(), &log.records);
        assert_eq!(report.totals.records_deleted, sum, "{api:?} finds {found:?}");
    }
}

#[test]
fn what_two_old_chunks_may_both_have_deleted_is_not_summed() {
    use Outcome::{Held, Verified};
    let sum = |ages: [Age; 2], second| {
        let mut world = World::of(2);
        world.chunks.iter_mut().zip(ages).for_each(|(chunk, age)| chunk.age = age);
        let mut log = Log::default();
        log.attempt(&world, 1, 1, Verified).attempt(&world, 2, 1, second);
        Report::of(world.ordered(), &log.records).totals.records_deleted
    };
    assert_eq!(sum([Age::Aged, Age::Aged], Verified), None);
    assert_eq!(sum([Age::Aged, Age::Recent], Verified), Some(288));
    assert_eq!(sum([Age::Aged, Age::Aged], Held), Some(144));
    // A job that has deleted nothing counts nothing twice.
    let mut world = World::of(2);
    world.chunks.iter_mut().for_each(|chunk| chunk.age = Age::Aged);
    let mut log = Log::default();
    log.attempt(&world, 1, 1, Verified).add(2, 1, begin(world.chunks[1])).add(2, 1, submit()).add(
        2,
        1,
        Event::Submitted,
    );
    let finished = Event::Finished {
        outcome: Verified,
        cause: None,
        submits: 1,
        requests: 3,
        before: Some(0),
        remaining: Some(0),
        protected: None,
    };
    log.add_measured(2, 1, finished, Some(0));
    assert_eq!(Report::of(world.ordered(), &log.records).totals.records_deleted, Some(144));
}

#[test]
fn what_was_there_is_what_the_first_attempt_that_submitted_has_counted() {
    let world = World::of(1);
    let mut log = Log::default();
    log.add(1, 1, begin(world.chunks[0])).add(1, 1, counted(5_000));
    let finished = Event::Finished {
        outcome: Outcome::Rejected,
        cause: Some(Cause::new("guard.max-records", "too many")),
        submits: 0,
        requests: 1,
        before: Some(5_000),
        remaining: None,
        protected: None,
    };
    log.add(1, 1, finished).attempt(&world, 1, 2, Outcome::Verified);
    let report = Report::of(world.ordered(), &log.records);
    assert_eq!((report.chunks[0].before, report.chunks[0].records_deleted), (Some(144), Some(144)));
}

#[test]
fn an_attempt_that_goes_on_with_an_unclear_submit_is_not_counted_twice() {
    let world = World::of(1);
    let mut log = Log::default();
    log.attempt(&world, 1, 1, Outcome::Unknown);
    log.add(1, 2, retried()).add(1, 2, begin(world.chunks[0])).add(1, 2, completed()).add(1, 2, left(Some(0)));
    let finished = Event::Finished {
        outcome: Outcome::Verified,
        cause: None,
        submits: 1,
        requests: 2,
        before: Some(144),
        remaining: Some(0),
        protected: None,
    };
    log.add_measured(1, 2, finished, Some(144));
    let report = Report::of(world.ordered(), &log.records);
    let chunk = &report.chunks[0];
    assert_eq!(report.problems, []);
    assert_eq!((chunk.submits, chunk.requests, chunk.records_deleted), (1, Some(6), Some(144)));
}

#[test]
fn a_sum_with_an_unmeasured_part_is_absent() {
    let report = report_of(&[Some(Outcome::Verified), Some(Outcome::Unknown), Some(Outcome::Held)]);
    assert_eq!((report.totals.records_deleted, report.totals.measured_chunks), (None, 1));
    // A held chunk deleted nothing, so there is nothing to measure.
    let report = report_of(&[Some(Outcome::Verified), Some(Outcome::Held)]);
    assert_eq!((report.totals.records_deleted, report.totals.measured_chunks), (Some(144), 1));
}

#[test]
fn what_nobody_measured_is_not_called_gone() {
    use Outcome::{Cancelled, Failed, Held, Rejected, TimedOut, Unknown, Verified};
    assert_eq!(report_of(&[Some(Verified), Some(Verified)]).totals.remaining, Some(0));
    for unmeasured in [Some(Cancelled), Some(Failed), Some(Held), Some(Rejected), Some(TimedOut), Some(Unknown), None] {
        let report = report_of(&[Some(Verified), unmeasured]);
        assert_eq!(report.chunks[1].remaining, None);
        assert_eq!(report.totals.remaining, None, "{unmeasured:?}");
        assert!(!prometheus(&report).contains("records_remaining"), "{unmeasured:?}");
    }
}

/// The submit of an attempt that is known to be over is not the submit of the next attempt.
#[test]
fn an_attempt_that_begins_afresh_does_not_tell_the_numbers_of_the_one_before() {
    let world = World::of(1);
    let finished = |outcome, submits| Event::Finished {
        outcome,
        cause: (outcome != Outcome::Verified).then(|| Cause::new("test.cause", "made up for the test")),
        submits,
        requests: 3,
        before: None,
        remaining: None,
        protected: None,
    };
    let looked = |arrived| Event::SubmitLookedFor { arrived, how: "in the list".to_owned() };
    let submits = |events: Vec<Event>| {
        let mut log = Log::default();
        log.attempt(&world, 1, 1, Outcome::Unknown);
        log.add(1, 2, retried()).add(1, 2, begin(world.chunks[0]));
        let mut open = Vec::new();
        for event in events {
            log.add(1, 2, event);
            open.push(Report::of(world.ordered(), &log.records).totals.submits);
        }
        open
    };
    // The new attempt submits anew: it is held before it posts, it posts, or it posts without an answer.
    assert_eq!(submits(vec![finished(Outcome::Held, 0)]), [1]);
    assert_eq!(submits(vec![submit(), Event::Submitted, finished(Outcome::Failed, 1)]), [2, 2, 2]);
    assert_eq!(submits(vec![submit(), looked(None), finished(Outcome::Unknown, 1)]), [2, 2, 2]);
    // It posts without an answer, and the submit turns out not to have arrived.
    assert_eq!(submits(vec![submit(), looked(Some(false)), submit(), Event::Submitted]), [2, 1, 2, 2]);
    // The new attempt continues the earlier submit: it sees that one through; or that one turns out not to have arrived, and the
    // attempt posts again or gives up.
    assert_eq!(submits(vec![completed(), finished(Outcome::Unknown, 1)]), [1, 1]);
    let again = vec![looked(Some(false)), submit(), Event::Submitted, finished(Outcome::Failed, 1)];
    assert_eq!(submits(again), [0, 1, 1, 1]);
    assert_eq!(submits(vec![looked(None), looked(Some(false)), finished(Outcome::Cancelled, 0)]), [1, 0, 0]);
    // A submit that did not arrive has deleted nothing, whatever was assumed before.
    let mut log = Log::default();
    log.attempt(&world, 1, 1, Outcome::Unknown);
    log.records.last_mut().unwrap().records_deleted = Some(100);
    log.add(1, 2, retried()).add(1, 2, begin(world.chunks[0])).add(1, 2, looked(Some(false))).add(
        1,
        2,
        finished(Outcome::Cancelled, 0),
    );
    assert_eq!(Report::of(world.ordered(), &log.records).totals.records_deleted, Some(0));
    // An attempt that is known to be over leaves nothing to continue.
    let mut log = Log::default();
    log.attempt(&world, 1, 1, Outcome::Residual).add(1, 2, retried()).add(1, 2, begin(world.chunks[0]));
    let totals = Report::of(world.ordered(), &log.records).totals;
    assert_eq!((totals.submits, totals.records_deleted), (1, Some(140)));
}

#[test]
fn an_attempt_that_nobody_asked_for_is_named() {
    let world = World::of(1);
    let (begin, end) = (begin(world.chunks[0]), finished_badly());
    for (events, problems) in [
        (vec![retried(), begin.clone(), end.clone()], vec![]),
        (vec![retried(), end.clone()], vec![]),
        (vec![begin.clone(), end.clone()], vec!["attempt.retry"]),
        (vec![begin.clone(), retried(), end.clone()], vec!["attempt.retry"]),
        (vec![retried(), begin, retried(), end], vec!["attempt.retry"]),
    ] {
        let mut log = Log::default();
        log.attempt(&world, 1, 1, Outcome::Failed);
        for event in &events {
            log.add(1, 2, event.clone());
        }
        let report = Report::of(world.ordered(), &log.records);
        assert_eq!(report.problems.iter().map(|p| p.code.as_str()).collect::<Vec<_>>(), problems, "{events:?}");
    }
}

/// An end before anything was sent.
fn finished_badly() -> Event {
    let cause = Some(Cause::new("test.cause", "made up for the test"));
    let (submits, requests, before, remaining, protected) = (0, 0, None, None, None);
    Event::Finished { outcome: Outcome::Cancelled, cause, submits, requests, before, remaining, protected }
}

#[test]
fn what_does_not_add_up_is_named() {
    let finished = |outcome, submits, before, remaining| Event::Finished {
        outcome,
        cause: (outcome != Outcome::Verified).then(|| Cause::new("test.cause", "made up for the test")),
        submits,
        requests: 3,
        before,
        remaining,
        protected: None,
    };
    let started = |world: &World| begin(world.chunks[0]);
    let unbegun = || (World::of(1), Log::default());
    let base = || {
        let (world, mut log) = unbegun();
        log.add(1, 1, started(&world));
        (world, log)
    };
    let problems = |world: &World, log: &Log| {
        let report = Report::of(world.ordered(), &log.records);
        assert!(report.problems.is_empty() || exit_code(&report) == 1);
        codes(&report).join(" ")
    };

    let (world, mut log) = base();
    log.add_measured(1, 1, finished(Outcome::Held, 0, None, None), Some(7));
    assert_eq!(problems(&world, &log), "records.deleted records.sum");

    let (world, mut log) = base();
    log.add(1, 1, finished(Outcome::Held, 0, None, None)).add(1, 1, cancel_asked());
    assert_eq!(problems(&world, &log), "attempt.ended");

    let (world, mut log) = base();
    log.add(1, 2, retried());
    assert_eq!(problems(&world, &log), "attempt.order");

    let (world, mut log) = unbegun();
    log.attempt(&world, 1, 1, Outcome::Failed).add(1, 3, retried());
    assert_eq!(problems(&world, &log), "attempt.order");

    let (world, mut log) = unbegun();
    log.add(1, 1, begin(World::of(2).chunks[1]));
    assert_eq!(problems(&world, &log), "chunk.window");

    let (world, mut log) = unbegun();
    log.add(2, 1, cancel_asked());
    assert_eq!(problems(&world, &log), "record.chunk");

    let (mut world, mut log) = unbegun();
    log.add(1, 1, cancel_asked());
    world.order.run_id = "run_other".to_owned();
    assert_eq!(problems(&world, &log), "record.foreign");

    let disagree: [fn(&mut World); 3] = [
        |world| world.order.simulated = false,
        |world| world.order.request.jurisdiction = "eu-west-1".to_owned(),
        |world| world.order.compliance_note = "nothing was checked".to_owned(),
    ];
    for change in disagree {
        let (mut world, mut log) = unbegun();
        log.add(1, 1, cancel_asked());
        change(&mut world);
        assert_eq!(problems(&world, &log), "record.order");
    }

    let (world, mut log) = unbegun();
    log.add(1, 1, cancel_asked());
    log.records[0].action = "something else".to_owned();
    assert_eq!(problems(&world, &log), "record.order");

    let (world, mut log) = unbegun();
    log.add(1, 1, finished(Outcome::Held, 0, None, None));
    log.records[0].status = "verified".to_owned();
    assert_eq!(problems(&world, &log), "record.status");

    let (mut world, log) = unbegun();
    world.parts.pop();
    assert_eq!(problems(&world, &log), "accounting.range");

    let (mut world, log) = unbegun();
    world.parts[0].disposition = Disposition::Retained;
    assert_eq!(problems(&world, &log), "accounting.chunks");

    let (mut world, log) = unbegun();
    world.chunks.clear();
    assert_eq!(problems(&world, &log), "chunk.missing chunk.count accounting.chunks");

    assert_eq!(problems(&World::of(0), &Log::default()), "chunk.count");
    assert_eq!(report_of(&[]).outcome, RunOutcome::Unknown, "a run without chunks has shown nothing");
}

proptest! {
    #[test]
    fn how_chunks_are_interleaved_changes_nothing(seed in prop::collection::vec(any::<prop::sample::Index>(), 64)) {
        let world = World::of(4);
        let mut log = Log::default();
        log.attempt(&world, 1, 1, Outcome::Failed).attempt(&world, 2, 1, Outcome::Verified);
        log.attempt(&world, 3, 1, Outcome::Held).attempt(&world, 1, 2, Outcome::Verified);
        let whole = Report::of(world.ordered(), &log.records);
        let mut queues: Vec<Vec<_>> =
            (1..=3).map(|chunk| log.records.iter().filter(|r| r.chunk == chunk).rev().collect()).collect();
        let mut shuffled = Vec::new();
        for index in seed {
            queues.retain(|queue| !queue.is_empty());
            if !queues.is_empty() {
                let index = index.index(queues.len());
                shuffled.extend(queues[index].pop());
            }
        }
        prop_assert_eq!(Report::of(world.ordered(), shuffled), whole);
    }
}
