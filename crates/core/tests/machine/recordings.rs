//! Stories of `recordingJobs`: unanswered executions, cool-offs, and what is looked at afterwards.

use super::*;

fn recordings(change: impl FnOnce(&mut Value)) -> Order {
    order("recordingJobs", change)
}

fn many(answer: impl Fn() -> Answer, times: usize) -> impl Iterator<Item = Answer> {
    (0..times).map(move |_| answer())
}

/// An unanswered execution, and a job that stays ready as long as it is watched before it is executed again.
fn unanswered() -> impl Iterator<Item = Answer> {
    let lost = [created(), job("READY"), Lost(NoResponse::Dropped)];
    lost.into_iter().chain(many(|| job("READY"), 8))
}

#[test]
fn an_unanswered_execution_is_settled_by_the_state_of_the_job() {
    let order = recordings(|_| {});
    let rest = || [job("PROCESSING"), job("FULFILLED"), gone()];
    let arrived = [created(), job("READY"), Lost(NoResponse::TimedOut)];
    let story = play(&order, arrived.into_iter().chain(rest()));
    assert_eq!((story.end(), story.times("PUT job-1")), (verified(), 1));
    let story = play(&order, unanswered().chain(rest()));
    assert_eq!((story.end(), story.times("PUT job-1")), (verified(), 2), "the same job, which runs only once");
    assert!(story.elapsed >= Duration::from_secs(50), "a gateway may give up long before the job begins");
}

/// Protection may be lifted while an unanswered execution is looked for.
#[test]
fn holds_are_checked_again_before_a_second_execution() {
    let named = recordings(|order| order["heldConversations"] = json!([{ "id": "a", "hold": "H-1" }]));
    let asked = |protected: Value| [conversations(&["a"]), Json(200, protected)];
    let first = [created(), job("READY")].into_iter().chain(asked(json!([{ "id": "a" }])));
    let lost = [Lost(NoResponse::Dropped)].into_iter().chain(many(|| job("READY"), 8));
    let story = play(&named, first.chain(lost).chain(asked(json!([]))).chain(called_off()));
    assert_eq!((story.end(), story.times("PUT job-1")), (ended(Outcome::Held, "hold"), 1));
}

#[test]
fn an_answer_about_another_job_says_nothing_about_ours() {
    let other = |state: &str| {
        let Json(status, mut body) = job(state) else { panic!("a job is an answer") };
        body["id"] = json!("job-2");
        Json(status, body)
    };
    let before = [created(), other("READY"), job("READY"), job("PROCESSING")];
    let story = play(&recordings(|_| {}), before.into_iter().chain([other("FULFILLED"), job("FULFILLED"), gone()]));
    assert_eq!((story.end(), story.times("GET job-1")), (verified(), 4));
}

#[test]
fn an_execution_that_arrives_late_is_never_called_rejected() {
    let order = recordings(|_| {});
    for refusal in [error(400, "bad.request"), error(404, "not.found"), error(409, "conflict")] {
        let late = [refusal, job("PROCESSING"), job("FULFILLED"), gone()];
        let story = play(&order, unanswered().chain(late));
        assert_eq!((story.end(), story.run.view().records_deleted), (verified(), Some(5)));
        assert_eq!(story.times("DELETE job-1"), 0, "a job that runs is not cancelled as if it had not begun");
    }
}

#[test]
fn a_cancel_after_an_unanswered_execution_believes_the_job_alone() {
    let order = recordings(|_| {});
    let start = || unanswered().take(10).chain([CancelFirst(Box::new(job("READY")))]);
    let in_time = play(&order, start().chain(called_off()));
    assert_eq!(in_time.end(), ended(Outcome::Cancelled, "cancelled"));
    let too_late = [error(400, "bad.request"), job("PROCESSING"), job("FULFILLED"), gone()];
    let story = play(&order, start().chain(too_late));
    assert_eq!((story.end(), story.times("PUT job-1")), (verified(), 1), "it had begun, so it is seen through");
    // The job may have begun before it was cancelled: whatever the cancellation is answered, the job is asked.
    let unreadable = || [Text(204, ""), error(404, "not.found"), Text(200, "<html>"), job("PROCESSING")];
    for answer in unreadable() {
        let midway = [answer, job("CANCELLED"), Json(200, json!([{ "fileState": "AVAILABLE" }]))];
        let story = play(&order, start().chain(midway));
        assert_eq!(story.end(), ended(Outcome::Unknown, "job.cancelled-midway"), "five had been processed by then");
    }
    for answer in unreadable() {
        let arrived = [answer, job("PROCESSING"), job("FULFILLED"), gone()];
        assert_eq!(play(&order, start().chain(arrived)).end(), verified());
    }
    let stays = [Text(204, ""), always(job("READY")), gone()];
    assert_eq!(play(&order, start().chain(stays)).end(), ended(Outcome::Unknown, "job.not-cancelled"));
    let gone = [Text(204, ""), always(error(404, "not.found")), gone()];
    assert_eq!(play(&order, start().chain(gone)).end(), ended(Outcome::Unknown, "job.gone"));
}

/// The worker died while it was to execute the job. The execution was not sent, or was sent and did not arrive.
fn died_executing(order: &Order) -> ChunkRun {
    let now = Timestamp::parse("2024-01-01T00:00:00Z").unwrap();
    let cx = Context { order, pace: Pace::default(), now };
    let mut answers = [created(), job("READY"), conversations(&["a"]), there(1)].into_iter();
    let (mut run, mut input, mut later) = (fresh(order), Input::Tick, now);
    let sending = loop {
        let step = run.step(Context { now: later, ..cx }, input);
        run = step.run;
        input = match step.next {
            Next::Send(_) if run.is_deleting() => break run,
            Next::Send(_) => input_of(answers.next().unwrap()),
            Next::TakeSlot => Input::Slot { granted: true },
            Next::WaitUntil { at, .. } => {
                later = at;
                Input::Tick
            }
            Next::Done(outcome) => panic!("{outcome:?}"),
        };
    };
    sending.abandoned(cx, purge_core::run::Cause::new("message.dead", "given up")).run
}

#[test]
fn a_retry_executes_a_job_whose_execution_was_lost() {
    let order = recordings(|_| {});
    // One outdated answer does not make it wait for ever.
    let stale = [created(), job("READY"), Lost(NoResponse::Dropped), job("PENDING")];
    let rest = || [job("PROCESSING"), job("FULFILLED"), gone()];
    let story = play(&order, stale.into_iter().chain(many(|| job("READY"), 8)).chain(rest()));
    assert_eq!((story.end(), story.times("PUT job-1")), (verified(), 2));
    let dead = died_executing(&order);
    assert_eq!(dead.outcome(), Some(Outcome::Unknown));
    let again = many(|| job("READY"), 8).chain(rest());
    let story = go_on(&order, retried(&order, dead).unwrap(), "2024-01-02T00:00:00Z", again);
    assert_eq!((story.end(), story.times("PUT job-1"), story.times("POST jobs")), (verified(), 1, 0));
}

fn cooling() -> Order {
    recordings(|order| order["request"]["recordings"] = json!({ "coolOffDays": 7 }))
}

/// The answers after a cool-off about one conversation: the platform does not protect it, and these are its recordings.
fn look_after_cool_off(recordings: Answer) -> [Answer; 2] {
    [Json(200, json!([])), recordings]
}

#[test]
fn the_cool_off_is_counted_from_the_try_that_created_the_job() {
    let busy = (0..100).map(|_| error(409, "request.conflict"));
    let rest = [created(), job("READY"), job("PROCESSING"), job("FULFILLED")];
    let story = play(&cooling(), busy.chain(rest).chain(look_after_cool_off(gone())));
    assert_eq!(story.end(), verified());
    let posts: Vec<_> =
        bodies(&story).into_iter().filter(|sent| sent["call"] == "POST /api/v2/recording/jobs").collect();
    let date = |sent: &Value| Timestamp::parse(sent["body"]["actionDate"].as_str().unwrap()).unwrap();
    let put_off = date(&posts[100]).since(date(&posts[0]));
    assert!(put_off > Duration::from_secs(3600), "{put_off:?}");
}

#[test]
fn a_job_that_lost_its_cool_off_is_not_executed() {
    let order = cooling();
    let dead = died_executing(&order);
    let again = || many(|| job("READY"), 8);
    let late = again().chain(called_off());
    let story = go_on(&order, retried(&order, dead.clone()).unwrap(), "2024-01-06T00:00:00Z", late);
    assert_eq!((story.end(), story.times("PUT job-1")), (ended(Outcome::Failed, "job.coolOff"), 0));
    // The next attempt creates its own job, with a whole cool-off.
    assert!(retried(&order, story.run).unwrap().view().request_id.is_none());
    let soon = again().chain([job("PROCESSING"), job("FULFILLED")]).chain(look_after_cool_off(gone()));
    let story = go_on(&order, retried(&order, dead).unwrap(), "2024-01-01T01:00:00Z", soon);
    assert_eq!((story.end(), story.times("PUT job-1")), (verified(), 1));
}

/// The cool-off is on top of what the chunk may take only once the job is executed.
#[test]
fn a_job_that_is_not_ready_in_time_is_cancelled_however_long_its_cool_off() {
    let mut order = cooling();
    order.limits.chunk_deadline_seconds = 600;
    let pending = always(Json(200, json!({ "id": "job-1", "state": "PENDING" })));
    let story = play(&order, [created(), pending].into_iter().chain(called_off()));
    assert_eq!(story.end(), ended(Outcome::TimedOut, "deadline"));
    assert!(story.elapsed < Duration::from_secs(3600), "{:?}", story.elapsed);
}

/// Before the execution nothing has been done that the policy could object to: it is asked right before the job is executed.
#[test]
fn an_objection_before_the_execution_of_a_job_changes_nothing() {
    let order = cooling();
    let cx = Context { order: &order, pace: Pace::default(), now: Timestamp::parse("2024-01-01T00:00:00Z").unwrap() };
    let asked = fresh(&order).step(cx, Input::Tick).run.step(cx, Input::Slot { granted: true }).run;
    let waiting = asked.step(cx, input_of(created()));
    let step = waiting.run.clone().step(cx, Input::Objection(Objection::Held(against("hold `H-9` keeps it"))));
    assert_eq!((&step.run, &step.next), (&waiting.run, &waiting.next));
    assert!(step.records.is_empty());
}

#[test]
fn a_cool_off_and_the_removal_after_it_are_waited_for() {
    let kept = || Json(200, json!([{ "fileState": "AVAILABLE", "deleteDate": "2024-01-08T00:00:00.000Z" }]));
    let start = [created(), job("READY"), job("PROCESSING"), job("FULFILLED")];
    let looks = look_after_cool_off(kept()).into_iter().chain(look_after_cool_off(gone()));
    let story = play(&cooling(), start.into_iter().chain(looks));
    assert_eq!(story.end(), verified());
    assert!(story.waits.contains(&WaitReason::CoolOff) && story.elapsed >= Duration::from_secs(7 * 86_400));
    let records: Vec<Value> = story.log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let processed = records.iter().find(|record| record["event"]["kind"] == "processed").unwrap();
    assert_eq!(processed["records_deleted"], Value::Null, "nothing is gone before its date");
    assert_eq!(records.last().unwrap()["records_deleted"], json!(5));
    assert!(!cooled(&cooling()).0.wants_slot(), "other chunks do not wait for days");
}

#[test]
fn a_cancel_in_the_cool_off_says_what_is_still_to_come() {
    let order = cooling();
    // Cancelled before the job has run, and while it runs; either way it runs to its end.
    for cancelled in [
        [job("READY"), job("PROCESSING"), CancelFirst(Box::new(job("FULFILLED")))],
        [job("READY"), CancelFirst(Box::new(job("PROCESSING"))), job("FULFILLED")],
    ] {
        let story = play(&order, [created()].into_iter().chain(cancelled));
        assert_eq!(story.end(), ended(Outcome::Unknown, "cancelled.scheduled"));
        assert!(story.elapsed < Duration::from_secs(3_600), "nobody waits for what nobody wants");
        assert!(story.run.view().cause.unwrap().message.contains("2024-01-08T"), "the date is named");
        assert_eq!(story.run.view().records_deleted, None);
        // A retry takes the cancel back, and the chunk is seen through.
        let again = retried(&order, story.run).unwrap();
        let rest = [job("FULFILLED")].into_iter().chain(look_after_cool_off(gone()));
        let story = go_on(&order, again, "2024-01-02T00:00:00Z", rest);
        assert_eq!((story.end(), story.times("POST jobs")), (verified(), 0));
    }
    let (run, now) = cooled(&order);
    let step = run.step(Context { order: &order, pace: Pace::default(), now }, Input::Cancel(asked()));
    assert_eq!(step.next, Next::Done(Outcome::Unknown), "a cancel is not slept through");
}

/// A chunk that has begun its cool-off, and the time.
fn cooled(order: &Order) -> (ChunkRun, Timestamp) {
    let looked = [conversations(&["a"]), there(1)];
    let waiting = [created(), job("READY")].into_iter().chain(looked).chain([job("PROCESSING"), job("FULFILLED")]);
    let mut run = ChunkRun::new(order, chunk());
    let (mut now, mut input) = (Timestamp::parse("2024-01-01T00:00:00Z").unwrap(), Input::Tick);
    let mut answers = waiting;
    loop {
        let step = run.step(Context { order, pace: Pace::default(), now }, input);
        run = step.run;
        input = match step.next {
            Next::Send(_) => input_of(answers.next().unwrap()),
            Next::TakeSlot => Input::Slot { granted: true },
            Next::WaitUntil { reason: WaitReason::CoolOff, .. } => return (run, now),
            Next::WaitUntil { at, .. } => {
                now = at;
                Input::Tick
            }
            Next::Done(outcome) => panic!("{outcome:?} before the cool-off"),
        };
    }
}

/// The job can no longer be called back, but until their date a person can take the delete dates back.
#[test]
fn a_hold_in_the_cool_off_ends_the_chunk_at_once_and_names_the_date() {
    let order = cooling();
    let (run, now) = cooled(&order);
    let step = |objection: Objection, now| {
        run.clone().step(Context { order: &order, pace: Pace::default(), now }, Input::Objection(objection))
    };
    let against = against("hold `H-9` keeps a part of it");
    for objection in [Objection::Held(against.clone()), Objection::Forbidden(against.clone())] {
        let told = step(objection, now);
        assert_eq!(told.next, Next::Done(Outcome::Unknown));
        let on_record = format!(
            r#""event":{{"cause":{{"code":"policy.keepsMore","message":"{0}"}},"kind":"policy_objected","policy":"{1}"}}"#,
            against.cause.message, against.policy
        );
        assert!(told.records[0].line().contains(&on_record), "{}", told.records[0].line());
        let Cause { code, message, .. } = told.run.view().cause.unwrap();
        assert_eq!(code, "policy.scheduled");
        assert!(message.contains("hold `H-9` keeps") && message.contains("2024-01-08T"), "{message}");
        assert_eq!(told.run.view().records_deleted, None);
        // A retry sees what has become of the recordings.
        let rest = [job("FULFILLED")].into_iter().chain(look_after_cool_off(gone()));
        let story = go_on(&order, retried(&order, told.run).unwrap(), "2024-01-09T00:00:00Z", rest);
        assert_eq!((story.end(), story.times("POST jobs")), (verified(), 0));
    }
    let waits = |step: Step| matches!(step.next, Next::WaitUntil { reason: WaitReason::CoolOff, .. });
    assert!(waits(step(Objection::unclear("it is not there"), now)), "nothing is about to leave");
    let gone = step(Objection::Held(against), Timestamp::parse("2024-01-08T00:30:00Z").unwrap());
    assert!(matches!(gone.next, Next::Send(_)), "after its date there is nothing to take back");
}

#[test]
fn the_sample_is_spread_over_the_whole_window() {
    let page = |from: u32, count: u32| {
        let one = |i: u32| {
            json!({ "conversationId": format!("c-{i}"), "conversationStart": "2023-01-05T10:00:00.000Z",
                    "conversationEnd": "2023-01-05T10:10:00.000Z" })
        };
        Json(200, json!({ "conversations": (from..from + count).map(one).collect::<Vec<_>>(), "totalHits": 950 }))
    };
    let job = [created(), job("READY"), job("PROCESSING"), job("FULFILLED")];
    let start = |looks: Vec<Answer>| [Before(looks)].into_iter().chain(job.clone());
    let looks = [1, 3, 5, 7, 10].map(|n| page((n - 1) * 100, if n == 10 { 50 } else { 100 }));
    let looks = looks.into_iter().flat_map(|page| [page, there(1), gone()]).collect();
    let story = play(&recordings(|_| {}), start(looks).chain(many(gone, 5)));
    assert_eq!((story.end(), story.run.view().remaining), (verified(), None), "a sample measures no remainder");
    let seen = json!({ "kind": "seen_before", "listed": 950, "checked": 10, "conversations": 5, "recordings": 5 });
    assert_eq!((story.events("seen_before"), &story.events("verified")[0]["checked"]), (vec![seen], &json!(5)));
    let pages: Vec<_> = bodies(&story).iter().filter_map(|b| b["body"]["paging"]["pageNumber"].as_u64()).collect();
    assert_eq!(pages, [1, 3, 5, 7, 10]);
    let asked: Vec<_> = story.requests.iter().filter(|r| r.path.ends_with("recordingmetadata")).collect();
    assert!(asked[0].path.contains("/c-0/") && asked[9].path.contains("/c-949/"));
    // A conversation that had no recordings before is not looked at again.
    let again: Vec<_> = asked[10..].iter().map(|r| r.path.split('/').nth(4).unwrap()).collect();
    assert_eq!(again, ["c-0", "c-200", "c-400", "c-600", "c-900"]);

    // If every conversation is to be looked at, every one is.
    let all = recordings(|order| order["limits"] = json!({ "verifyConversations": 1000 }));
    let looks = (0..10).flat_map(|n| {
        let count = if n == 9 { 50 } else { 100 };
        [page(n * 100, count)].into_iter().chain(many(|| there(1), count as usize))
    });
    let story = play(&all, start(looks.collect()).chain(many(gone, 950)));
    assert_eq!((story.end(), story.run.view().remaining), (verified(), Some(0)));
    assert_eq!(story.times("GET recordingmetadata"), 2 * 950);
}

#[test]
fn protection_explains_only_as_much_as_it_protects() {
    let job = |state: &str| {
        let counts = json!({ "id": "job-1", "state": state, "totalRecordings": 40, "totalProcessedRecordings": 10,
                             "totalSkippedRecordings": 30, "totalFailedRecordings": 0 });
        Json(200, counts)
    };
    let two = Json(200, json!([{ "fileState": "AVAILABLE" }, { "fileState": "AVAILABLE" }]));
    let look = [Json(200, json!([{ "id": "a" }])), two, gone(), conversations(&["a", "b"])];
    let start =
        [Before(vec![conversations(&["a", "b"])]), created(), job("READY"), job("PROCESSING"), job("FULFILLED")];
    let story = play(&recordings(|_| {}), start.into_iter().chain(look));
    assert_eq!(story.end(), ended(Outcome::Residual, "job.skipped"));
    let view = story.run.view();
    // The other skipped recordings were not seen, so what is left is unknown.
    assert_eq!((view.protected, view.remaining, view.records_deleted), (Some(2), None, Some(10)));
}

#[test]
fn a_job_that_is_over_is_not_watched_for_ever() {
    let order = recordings(|_| {});
    let silent = Json(200, json!({ "id": "job-1", "state": "FULFILLED" }));
    for over in [job("CANCELLED"), silent] {
        let answers = [created(), job("READY"), job("PROCESSING"), over, gone()];
        let story = play(&order, answers);
        assert_eq!(story.end().0, Outcome::Unknown);
        let again = [created(), job("READY"), job("PROCESSING"), job("FULFILLED"), gone()];
        let story = go_on(&order, retried(&order, story.run).unwrap(), "2024-01-02T00:00:00Z", again);
        assert_eq!((story.end(), story.times("POST jobs")), (verified(), 1), "what it left is deleted by another");
    }
}

#[test]
fn a_deletion_that_the_server_has_forgotten_is_settled_by_the_counts() {
    let order = deletion(json!({}));
    let forgotten = [count(5), accepted(), always(error(404, "not.found")), count(0)];
    let story = play(&order, forgotten);
    assert_eq!(story.end(), ended(Outcome::Unknown, "deletion.gone"));
    let story = go_on(&order, retried(&order, story.run).unwrap(), "2024-01-02T00:00:00Z", [count(0), count(0)]);
    assert_eq!((story.end(), story.times(SUBMIT)), (verified(), 0));
}

/// A server may give fewer entries per page than it is asked for, and say how many there are.
#[test]
fn short_pages_are_read_to_the_last() {
    let order = recordings(|_| {});
    let short = |entities: Vec<Value>, said: Value| {
        let mut page = json!({ "entities": entities });
        page.as_object_mut().unwrap().extend(said.as_object().unwrap().clone());
        Json(200, page)
    };
    let others = || (0..50).map(|i| json!({ "id": format!("other-{i}"), "state": "FULFILLED" })).collect();
    let ours = json!({ "id": "job-1", "state": "PENDING", "recordingJobsQuery": { "actionDate": "2024-01-01T00:00:00.000Z",
        "conversationQuery": { "interval": "2023-01-01T00:00:00.000Z/2023-02-01T00:00:00.000Z" } } });
    for said in [json!({ "total": 51 }), json!({ "total": 51, "pageCount": 2 }), json!({ "pageCount": 2 })] {
        let listed = [short(others(), said.clone()), short(vec![ours.clone()], said)];
        let rest = [job("READY"), job("PROCESSING"), job("FULFILLED"), gone()];
        let answers = [Lost(NoResponse::Dropped)].into_iter().chain(listed).chain(rest);
        let story = play(&order, answers);
        assert_eq!((story.end(), story.times("POST jobs")), (verified(), 1));
    }
    let over = Json(
        200,
        json!({ "id": "job-1", "state": "FULFILLED", "totalRecordings": 150, "totalProcessedRecordings": 0,
                "totalSkippedRecordings": 0, "totalFailedRecordings": 150 }),
    );
    let item = |i: usize| json!({ "conversation": { "id": "c" }, "recording": { "id": format!("r-{i}") } });
    let failed = |page: usize| short((page * 50..page * 50 + 50).map(item).collect(), json!({ "pageCount": 3 }));
    let start = [created(), job("READY"), job("PROCESSING"), over];
    let story = play(&order, start.into_iter().chain((0..3).map(failed)).chain([there(150)]));
    assert_eq!(story.end(), ended(Outcome::Residual, "job.failed-recordings"));
    assert_eq!(story.log.matches("c/r-").count(), 150, "the log names all that it says it names");
}

#[test]
fn a_job_that_may_have_been_created_counts_and_is_looked_for_by_the_retry() {
    let order = recordings(|_| {});
    let lost = || Lost(NoResponse::Dropped);
    let first = play(&order, [lost(), always(error(503, "service.unavailable"))]);
    assert_eq!((first.end().0, first.run.view().submits), (Outcome::Unknown, 1), "{:?}", first.end());
    let ours = json!({ "id": "job-1", "state": "PENDING", "recordingJobsQuery": { "actionDate": "2024-01-01T00:00:00.000Z",
        "conversationQuery": { "interval": "2023-01-01T00:00:00.000Z/2023-02-01T00:00:00.000Z" } } });
    let list = |jobs: &[&Value]| Json(200, json!({ "entities": jobs }));
    let rest = || [job("READY"), job("PROCESSING"), job("FULFILLED"), gone()];
    let (second, asked_for) = retried_on_record(&order, first.run.clone()).unwrap();
    let again =
        |answers: Vec<Answer>| go_on(&order, second.clone(), "2024-01-02T00:00:00Z", answers.into_iter().chain(rest()));
    let found = again(vec![list(&[&ours])]);
    assert_eq!((found.end(), found.times("POST jobs"), found.run.view().submits), (verified(), 0, 1));
    let missing = again(vec![always(list(&[])), created()]);
    assert_eq!((missing.end(), missing.times("POST jobs"), missing.run.view().submits), (verified(), 1, 1));
    for story in [found, missing] {
        let report = super::reported::report(&order, &[&first.log, &asked_for, &story.log]);
        let wrong: Vec<_> = report.problems.iter().filter(|problem| problem.chunk.is_some()).collect();
        assert_eq!((report.chunks[0].submits, wrong.len()), (1, 0), "{wrong:?}");
    }
}
