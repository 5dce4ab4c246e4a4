//! Stories of answers that prove less than they seem to.

use super::*;

fn recordings(change: impl FnOnce(&mut Value)) -> Order {
    order("recordingJobs", change)
}

fn held(api: &str, limits: Value) -> Order {
    order(api, |order| {
        order["heldConversations"] = json!([{ "id": "a", "hold": "H-1" }]);
        order["limits"] = limits;
    })
}

fn unknown() -> Answer {
    Json(200, json!({}))
}

#[test]
fn a_look_up_that_failed_inside_a_200_is_not_an_empty_one() {
    let order = held("dataDeletion", json!({}));
    let rest = || [count(1), accepted(), status("completed"), count(0)];
    for odd in [
        json!({ "status": 500, "code": "internal.server.error", "message": "try later" }),
        json!({ "message": "Endpoint request timed out" }),
        json!({ "errors": "yes", "conversations": null }),
        // Two exist and one is shown: the other may be the one on hold.
        json!({ "totalHits": 2, "conversations": [{ "conversationId": "x", "conversationStart": "2020-01-01T00:00:00.000Z" }] }),
        json!({ "totalHits": 1 }),
        json!({ "totalHits": -1 }),
        json!([]),
    ] {
        let story = play(&order, [Json(200, odd.clone()), unknown()].into_iter().chain(rest()));
        assert_eq!((story.end(), story.times("GET details")), (verified(), 2), "it is asked again: {odd}");
        let story = play(&order, [always(Json(200, odd))]);
        assert_eq!((story.end().0, story.times(SUBMIT)), (Outcome::Failed, 0));
    }
}

#[test]
fn a_page_that_is_shorter_than_it_says_is_not_the_last() {
    let window = json!({ "start": "2023-02-01T00:00:00.000Z", "end": "2023-02-05T00:00:00.000Z" });
    let order = recordings(|order| order["heldWindows"] = json!([{ "window": window, "hold": "H-2" }]));
    let page = |ids: std::ops::Range<u32>| {
        let one = |i: u32| {
            json!({ "conversationId": format!("c-{i}"), "conversationStart": "2023-01-31T10:00:00.000Z",
                    "conversationEnd": "2023-02-02T10:00:00.000Z" })
        };
        Json(200, json!({ "conversations": ids.map(one).collect::<Vec<_>>(), "totalHits": 150 }))
    };
    let none = Json(200, json!({ "totalHits": 0 }));
    // The platform protects the conversations of the first page, and not those of the second.
    let protected: Vec<Value> = (0..99).map(|i| json!({ "id": format!("c-{i}") })).collect();
    let answers = [created(), job("READY"), page(0..99), page(99..150), none, Json(200, json!(protected))];
    let story = play(&order, answers.into_iter().chain([Json(200, json!([]))]).chain(called_off()));
    assert_eq!((story.end(), story.times("PUT job-1")), (ended(Outcome::Held, "hold"), 0));
    assert!(
        bodies(&story).iter().any(|body| body.pointer("/body/paging/pageNumber") == Some(&json!(2))),
        "{:?}",
        story.calls
    );
}

#[test]
fn looking_for_what_is_left_ends_with_the_deadline() {
    // The index lags for longer than the chunk may take.
    let order = deletion(json!({ "chunkDeadlineSeconds": 120, "verifySeconds": 7200 }));
    let story = play(&order, [count(5), accepted(), status("completed"), always(count(5))]);
    assert_eq!(story.end(), ended(Outcome::Residual, "deadline"));
    assert!((110..200).contains(&story.elapsed.as_secs()), "{:?}", story.elapsed);
    // A zero that was seen only once is neither proof nor something left over.
    let order = deletion(json!({}));
    let story = play(&order, [count(5), accepted(), status("completed"), count(5), count(0), error(403, "forbidden")]);
    assert_eq!(story.end(), ended(Outcome::Unknown, "forbidden"));
}

#[test]
fn one_zero_may_be_a_flicker() {
    let order = deletion(json!({ "confirmSubmitSeconds": 10 }));
    // The submit never arrived, and the index was empty for a moment.
    let lost = [count(9), Lost(NoResponse::Dropped), count(9), count(0), always(count(9))];
    let story = play(&order, lost.into_iter().chain([accepted(), status("completed"), count(0)]));
    assert_eq!((story.end(), story.times(SUBMIT)), (verified(), 2));
    // If the window was empty before, an empty window shows nothing.
    let story = play(&order, [count(0), Lost(NoResponse::Dropped), count(0)]);
    assert_eq!(story.end(), verified());
    assert!(!story.log.contains("\"arrived\":true"), "{}", story.log);
}

#[test]
fn a_submit_is_watched_for_as_long_as_the_policy_says_whatever_the_deadline() {
    let order = deletion(json!({ "confirmSubmitSeconds": 7200, "chunkDeadlineSeconds": 10800 }));
    let again = [count(9), Lost(NoResponse::Dropped), always(count(9)), accepted(), status("completed"), count(0)];
    let story = play(&order, again);
    assert_eq!((story.end(), story.times(SUBMIT)), (verified(), 2));
    assert!(story.elapsed >= Duration::from_secs(7200), "{:?}", story.elapsed);
    // The watch is longer than the deadline: what became of the submit stays unknown, and no other is sent.
    let order = deletion(json!({ "confirmSubmitSeconds": 7200, "chunkDeadlineSeconds": 3600 }));
    let story = play(&order, [count(9), Lost(NoResponse::Dropped), always(count(9))]);
    assert_eq!((story.end(), story.times(SUBMIT)), (ended(Outcome::Unknown, "deadline"), 1));
    // The sender may still be alive and waiting for the answer.
    let order = deletion(json!({ "confirmSubmitSeconds": 0 }));
    let died = [count(9), Lost(NoResponse::Interrupted), always(count(9)), accepted(), status("completed"), count(0)];
    let story = play(&order, died);
    assert_eq!((story.end(), story.times(SUBMIT)), (verified(), 2));
    assert!(story.elapsed >= Duration::from_secs(60), "{:?}", story.elapsed);
}

/// The tenant deletes five of nine and stops, and the answer to the submit is lost.
#[test]
fn the_rest_after_an_unanswered_submit_is_deleted_by_a_retry() {
    let order = deletion(json!({ "chunkDeadlineSeconds": 3600 }));
    let first = play(&order, [count(9), Lost(NoResponse::Dropped), always(count(4))]);
    assert_eq!((first.end(), first.times(SUBMIT)), (ended(Outcome::Unknown, "deadline"), 1));
    let (second, asked_for) = retried_on_record(&order, first.run.clone()).unwrap();
    let again = |answers: Vec<Answer>| go_on(&order, second.clone(), "2024-01-02T00:00:00Z", answers);
    let story = again(vec![always(count(4)), accepted(), status("completed"), count(0)]);
    assert_eq!((story.end(), story.times(SUBMIT)), (verified(), 1));
    let report = super::reported::report(&order, &[&first.log, &asked_for, &story.log]);
    assert!(report.problems.iter().all(|problem| problem.chunk.is_none()), "{:?}", report.problems);
    assert_eq!((report.chunks[0].submits, report.chunks[0].records_deleted), (2, Some(9)));
    // While the deletion goes on, nothing is submitted, and what it finishes counts as there before.
    let story = again(vec![count(4), count(2), count(0), count(0)]);
    assert_eq!((story.end(), story.times(SUBMIT), story.run.view().records_deleted), (verified(), 0, Some(9)));
    let story = again(vec![count(4), CancelFirst(Box::new(count(4))), always(count(4))]);
    assert_eq!((story.end(), story.run.view().remaining), (ended(Outcome::Residual, "cancelled"), Some(4)));
}

/// Without a limit of records nothing is counted before. What the submit deleted before the first look is then unknown.
#[test]
fn without_a_count_before_it_a_submit_is_not_said_to_be_lost() {
    let order = deletion(json!({ "maxRecords": null, "chunkDeadlineSeconds": 3600 }));
    let lost = [Lost(NoResponse::Dropped), always(count(4)), accepted(), status("completed"), count(0)];
    let story = play(&order, lost);
    assert_eq!((story.end(), story.times(SUBMIT)), (verified(), 2));
    assert!(!story.log.contains("\"arrived\":false"), "{}", story.log);
    let report = super::reported::report(&order, &[&story.log]);
    assert!(report.problems.iter().all(|problem| problem.chunk.is_none()), "{:?}", report.problems);
    assert_eq!((report.chunks[0].submits, report.chunks[0].records_deleted), (2, None));

    let cancelled = [Lost(NoResponse::Dropped), count(4), CancelFirst(Box::new(count(4))), always(count(4))];
    let story = play(&order, cancelled);
    assert_eq!((story.end(), story.times(SUBMIT)), (ended(Outcome::Unknown, "cancelled"), 1));
    assert_eq!(story.run.view().remaining, Some(4));
}

/// Once its sender cannot be waiting any more, an interrupted submit is watched no longer than any other.
#[test]
fn a_submit_that_was_interrupted_long_ago_is_not_watched_longer() {
    let order = deletion(json!({ "confirmSubmitSeconds": 15 }));
    let start = Timestamp::parse("2024-01-01T00:00:00Z").unwrap();
    let cx = Context { order: &order, pace: Pace::default(), now: start };
    let asked = fresh(&order).step(cx, Input::Tick).run;
    let sent = asked.step(cx, input_of(count(9))).run;
    assert!(sent.is_deleting());
    for (after, again) in [(0, 75), (40, 75), (60, 75), (90, 105)] {
        let mut now = start.plus(Duration::from_secs(after));
        let mut step = sent.clone().step(Context { now, ..cx }, Input::NoResponse(NoResponse::Interrupted));
        let submitted = loop {
            let input = match &step.next {
                Next::Send(request) if request.path.ends_with("/requests") => break now.since(start).as_secs(),
                Next::Send(_) => input_of(count(9)),
                Next::WaitUntil { at, .. } => {
                    now = *at;
                    Input::Tick
                }
                other @ (Next::TakeSlot | Next::Done(_)) => panic!("{other:?}"),
            };
            step = step.run.step(Context { now, ..cx }, input);
        };
        assert!(
            (again..again + 10).contains(&submitted),
            "interrupted after {after} s, submitted again after {submitted}"
        );
    }
}

/// The time of the watch is the sum of its pauses, not the difference between two clocks.
#[test]
fn a_clock_that_is_ahead_does_not_shorten_the_watch() {
    let order = deletion(json!({ "confirmSubmitSeconds": 60 }));
    for hours_ahead in [0, 2] {
        let mut now = Timestamp::parse("2024-01-01T00:00:00Z").unwrap();
        let at = |now| Context { order: &order, pace: Pace::default(), now };
        let asked = fresh(&order).step(at(now), Input::Tick).run;
        let sent = asked.step(at(now), input_of(count(9))).run;
        let mut step = sent.step(at(now), Input::NoResponse(NoResponse::Dropped));
        // From here on another machine goes on.
        now = now.plus(Duration::from_secs(hours_ahead * 3_600));
        let took_over = now;
        while !matches!(&step.next, Next::Send(request) if request.path.ends_with("/requests")) {
            let input = match step.next {
                Next::Send(_) => input_of(count(9)),
                Next::WaitUntil { at, .. } => {
                    now = now.max(at);
                    Input::Tick
                }
                other @ (Next::TakeSlot | Next::Done(_)) => panic!("{other:?}"),
            };
            step = step.run.step(at(now), input);
        }
        let watched = now.since(took_over).as_secs();
        assert!((59..80).contains(&watched), "{hours_ahead} hours ahead, it was watched for {watched} s");
    }
}

#[test]
fn a_refused_second_submit_may_be_refused_because_of_the_first() {
    let order = deletion(json!({ "confirmSubmitSeconds": 30 }));
    for refusal in [error(409, "request.conflict"), error(400, "bad.request"), error(404, "not.found")] {
        let answers = [count(9), Lost(NoResponse::Dropped), always(count(9)), refusal, count(5), count(0), count(0)];
        let story = play(&order, answers);
        assert_eq!((story.end(), story.times(SUBMIT)), (verified(), 2), "the first was under way after all");
        assert_eq!(story.run.view().records_deleted, Some(9));
    }
}

#[test]
fn holds_are_checked_again_before_a_second_submit() {
    let order = held("dataDeletion", json!({ "confirmSubmitSeconds": 30 }));
    let first = || [unknown(), count(9), Lost(NoResponse::Dropped), always(count(9))];
    let story = play(&order, first().into_iter().chain([conversations(&["a"])]));
    assert_eq!(
        (story.end(), story.times(SUBMIT)),
        (ended(Outcome::Held, "hold"), 1),
        "it came while the first was watched"
    );
}

/// A submit that turns out not to have arrived has deleted nothing: what went meanwhile is not what the second one deletes.
#[test]
fn only_what_was_there_before_the_second_submit_can_be_deleted_by_it() {
    let order = held("dataDeletion", json!({ "confirmSubmitSeconds": 30 }));
    let first = [unknown(), count(9), Lost(NoResponse::Dropped), always(count(9))];
    let second = [unknown(), count(7), accepted(), status("completed"), count(0)];
    let story = play(&order, first.into_iter().chain(second));
    assert_eq!((story.end(), story.times(SUBMIT)), (verified(), 2));
    assert_eq!(story.run.view().records_deleted, Some(7));
}

/// The index may flicker: only zeros that follow each other show that an unanswered submit has deleted everything.
#[test]
fn zeros_with_a_count_between_them_prove_nothing() {
    let counts = [count(0), count(4), count(0), count(0)];
    let story = play(&deletion(json!({})), [count(9), Lost(NoResponse::Dropped)].into_iter().chain(counts));
    assert_eq!((story.end(), story.times(COUNT)), (verified(), 5));
}

#[test]
fn protection_is_asked_for_again_when_an_execution_was_put_off() {
    let order = held("recordingJobs", json!({}));
    let start = [created(), job("READY"), conversations(&["a"]), Json(200, json!([{ "id": "a" }]))];
    let put_off = Header(429, "retry-after", "900");
    let lifted = [put_off, conversations(&["a"]), Json(200, json!([]))];
    let story = play(&order, start.into_iter().chain(lifted).chain(called_off()));
    assert_eq!((story.end(), story.times("PUT job-1")), (ended(Outcome::Held, "hold"), 1));
}

#[test]
fn protection_is_asked_for_again_after_hours_without_a_worker() {
    let order = held("recordingJobs", json!({}));
    let start = || [created(), job("READY"), conversations(&["a"]), Json(200, json!([{ "id": "a" }]))];
    let lifted = [conversations(&["a"]), Json(200, json!([]))].into_iter().chain(called_off());
    let stopped = || Stopped(Duration::from_secs(3000));
    let story = play(&order, start().into_iter().chain([stopped(), stopped()]).chain(lifted));
    assert_eq!((story.end(), story.times("PUT job-1")), (ended(Outcome::Held, "hold"), 0));
    // Waiting for room in the budget does not have the holds checked again.
    let rest = [job("PROCESSING"), job("FULFILLED"), gone()];
    let before = [Before(vec![conversations(&["b"])])].into_iter();
    let story = play(&order, before.chain(start()).chain([Stopped(Duration::from_secs(1800))]).chain(rest));
    assert_eq!((story.end(), story.times("PUT job-1")), (verified(), 1));
}

#[test]
fn an_execution_beyond_the_job_limit_waits_like_a_creation() {
    let limit = Json(
        400,
        json!({ "code": "bad.request", "message": "The maximum of 2 pending or processing jobs is reached." }),
    );
    let answers = [created(), job("READY"), limit, job("PROCESSING"), job("FULFILLED"), gone()];
    let story = play(&recordings(|_| {}), answers);
    assert_eq!((story.end(), story.times("PUT job-1"), story.times("DELETE job-1")), (verified(), 2, 0));
    assert!(story.waits.contains(&WaitReason::SlotBusy));
    // Another limit is not that of jobs, and waiting would not help.
    let other = Json(400, json!({ "code": "bad.request", "message": "The interval exceeds the maximum of 181 days." }));
    let story = play(&recordings(|_| {}), [other]);
    assert_eq!(story.end(), ended(Outcome::Rejected, "bad.request"));
}

#[test]
fn being_told_to_wait_is_no_failure() {
    let limited = (0..20).map(|_| Header(429, "retry-after", "1"));
    let rest = [error(503, "service.unavailable"), count(1), accepted(), status("completed"), count(0)];
    assert_eq!(play(&deletion(json!({})), limited.chain(rest)).end(), verified());
    let busy = (0..20).map(|_| error(409, "request.conflict"));
    let rest = [Lost(NoResponse::NotSent), created(), job("READY"), job("PROCESSING"), job("FULFILLED")];
    assert_eq!(play(&recordings(|_| {}), busy.chain(rest).chain([gone()])).end(), verified());
}

#[test]
fn our_job_is_not_missing_before_every_page_has_been_seen() {
    let old = |i: u32| {
        json!({ "id": format!("old-{i}"), "state": "FULFILLED", "recordingJobsQuery": {
            "actionDate": "2020-01-01T00:00:00.000Z", "conversationQuery": { "interval": "2019-01-01T00:00:00.000Z/2019-01-02T00:00:00.000Z" } } })
    };
    let page = Json(200, json!({ "entities": (0..100).map(old).collect::<Vec<_>>() }));
    let order = recordings(|_| {});
    let story = play(&order, [Lost(NoResponse::Dropped), always(page)]);
    assert_eq!((story.end(), story.times("POST jobs")), (ended(Outcome::Unknown, "submit.too-many-jobs"), 1));
    // Looking again would show no more. The retry creates another job, and the one that was not found is never executed.
    let answers = deleted().into_iter().chain([gone()]);
    let again = go_on(&order, retried(&order, story.run).unwrap(), "2024-01-02T00:00:00Z", answers);
    assert_eq!((again.end(), again.times("POST jobs")), (verified(), 1));
    // A server that keeps only whole seconds lists the same job.
    let ours = json!({ "entities": [{ "id": "job-1", "state": "PENDING", "recordingJobsQuery": { "actionDate": "2024-01-01T00:00:00Z",
        "conversationQuery": { "interval": "2023-01-01T00:00:00.000Z/2023-02-01T00:00:00.000Z" } } }] });
    let answers = [Lost(NoResponse::Dropped), Json(200, ours), job("READY"), job("PROCESSING"), job("FULFILLED")];
    let run = ChunkRun::new(&recordings(|_| {}), chunk());
    let story = go_on(&recordings(|_| {}), run, "2024-01-01T00:00:00.700Z", answers.into_iter().chain([gone()]));
    assert_eq!((story.end(), story.times("POST jobs")), (verified(), 1));
}

#[test]
fn a_job_that_is_over_has_to_say_what_became_of_every_recording() {
    let looked = |left: usize| [Json(200, vec![json!({ "fileState": "AVAILABLE" }); left].into())];
    let started = || [created(), job("READY"), job("PROCESSING")].into_iter();
    for processed in [600, 999] {
        let silent = json!({ "id": "job-1", "state": "FULFILLED", "totalRecordings": 1000, "totalProcessedRecordings": processed,
                             "totalSkippedRecordings": 0, "totalFailedRecordings": 0 });
        let story = play(&recordings(|_| {}), started().chain([Json(200, silent)]).chain(looked(0)));
        assert_eq!(story.end(), ended(Outcome::Residual, "job.counts"), "{processed}");
    }
    let failed = json!({ "id": "job-1", "state": "FULFILLED", "totalRecordings": 1000, "totalProcessedRecordings": 600,
                         "totalSkippedRecordings": 0, "totalFailedRecordings": 1 });
    let item = json!({ "entities": [{ "conversation": { "id": "a" }, "recording": { "id": "r" } }] });
    let answers = started().chain([Json(200, failed), Json(200, item)]).chain(looked(400));
    let story = play(&recordings(|_| {}), answers);
    assert_eq!(story.end(), ended(Outcome::Residual, "job.failed-recordings"));
    let message = story.run.view().cause.unwrap().message;
    assert_eq!(message, "the job did not delete 400 recordings; the audit log names those that failed");
}

#[test]
fn a_deadline_names_what_went_wrong_last() {
    let order = deletion(json!({ "chunkDeadlineSeconds": 60 }));
    let boom = || Json(500, json!({ "code": "internal.server.error", "message": "boom", "contextId": "c-7" }));
    let story = play(&order, [count(1), accepted(), always(boom()), count(1)]);
    let cause = story.run.view().cause.unwrap();
    assert_eq!((cause.code.as_str(), cause.context_id.as_deref()), ("deadline", Some("c-7")));
    assert!(cause.message.contains("boom"), "{}", cause.message);
}

fn deleted() -> [Answer; 4] {
    [created(), job("READY"), job("PROCESSING"), job("FULFILLED")]
}

#[test]
fn where_nothing_is_listed_nothing_is_verified() {
    let nothing = Json(200, json!({ "totalHits": 0 }));
    let order = recordings(|order| order["limits"] = json!({ "verifySeconds": 60 }));
    let none = || Before(vec![nothing.clone()]);
    let story = play(&order, [none()].into_iter().chain(deleted()));
    assert_eq!(story.end(), ended(Outcome::Unknown, "verify.nothing-seen"));
    assert_eq!(story.run.view().remaining, None);
    let seen = json!({ "kind": "seen_before", "listed": 0, "checked": 0, "conversations": 0, "recordings": 0 });
    assert_eq!(story.events("seen_before"), [seen]);
    // A later look would not show anything either.
    let story = go_on(&order, retried(&order, story.run).unwrap(), "2024-01-02T00:00:00Z", [job("FULFILLED")]);
    assert_eq!((story.end(), story.times("POST jobs")), (ended(Outcome::Unknown, "verify.nothing-seen"), 0));
    // Conversations of more than five years ago may not be listed at all.
    let window = json!({ "start": "2018-01-01T00:00:00.000Z", "end": "2018-01-02T00:00:00.000Z" });
    let aged: Chunk =
        serde_json::from_value(json!({ "index": 1, "total": 1, "window": window, "age": "aged" })).unwrap();
    let old = [Before(vec![error(400, "bad.request")])].into_iter().chain(deleted());
    let story = go_on(&order, ChunkRun::new(&order, aged), "2024-01-01T00:00:00Z", old);
    let view = story.run.view();
    assert_eq!(story.end(), ended(Outcome::Unknown, "verify.nothing-seen"));
    assert_eq!((view.remaining, view.records_deleted), (None, None), "nobody has looked at a single recording");
    assert!(story.elapsed < Duration::from_secs(60), "nobody waits for what will not be listed: {:?}", story.elapsed);
    // If the job had nothing to delete, there is nothing to look at.
    let empty = |state: &str| {
        Json(
            200,
            json!({ "id": "job-1", "state": state, "totalRecordings": 0, "totalProcessedRecordings": 0,
                          "totalSkippedRecordings": 0, "totalFailedRecordings": 0 }),
        )
    };
    let story = play(&order, [none(), created(), empty("READY"), empty("PROCESSING"), empty("FULFILLED")]);
    assert_eq!((story.end(), story.run.view().remaining), (verified(), Some(0)));
}

#[test]
fn a_page_that_shows_less_than_there_is_measures_no_remainder() {
    let one = json!({ "conversationId": "a", "conversationStart": "2023-01-05T10:00:00.000Z" });
    let short = Json(200, json!({ "conversations": [one], "totalHits": 9 }));
    let story = play(&recordings(|_| {}), [Before(vec![short])].into_iter().chain(deleted()).chain([gone()]));
    assert_eq!((story.end(), story.run.view().remaining), (verified(), None));
}

#[test]
fn recordings_that_the_request_leaves_out_are_not_left_over() {
    let found = |recording: Value| [Json(200, json!([recording]))];
    let call = json!({ "media": "audio", "fileState": "AVAILABLE" });
    let snippet = json!({ "media": "audio", "mediaSubtype": "Snippet", "fileState": "AVAILABLE" });
    let screen = json!({ "media": "audio", "mediaSubtype": "Screen", "fileState": "AVAILABLE" });
    let left_out = [
        (json!(["message"]), json!({}), call.clone()),
        (json!(["recording"]), json!({ "includeSnippets": false }), snippet),
        (json!(["recording"]), json!({}), screen),
    ];
    // The answer shows neither property, so each recording may have it. A policy gives a date of its own.
    let dated = json!({ "media": "audio", "fileState": "AVAILABLE", "deleteDate": "2031-06-01T00:00:00.000Z" });
    let untold = [
        (json!(["recording"]), json!({ "includePolicyBased": false }), call.clone()),
        (json!(["recording"]), json!({ "includeSensitiveData": false }), call.clone()),
        (json!(["recording"]), json!({ "includePolicyBased": false }), dated),
    ];
    for (types, options, recording) in left_out.into_iter().chain(untold) {
        let order = recordings(|order| {
            order["request"]["recordTypes"] = types.clone();
            order["request"]["recordings"] = options.clone();
        });
        // Two are looked at again, and one of them has no recordings left.
        let before = Before(vec![conversations(&["a", "b"])]);
        let story = play(&order, [before].into_iter().chain(deleted()).chain(found(recording)).chain([gone()]));
        assert_eq!(story.end(), verified(), "{types} {options}");
        let is_told = !options.to_string().contains("PolicyBased") && !options.to_string().contains("Sensitive");
        assert_eq!(story.run.view().remaining, is_told.then_some(0), "{types} {options}");
        assert_eq!(story.events("verified")[0]["checked"], if is_told { 2 } else { 1 }, "{types} {options}");
    }
    let story = play(
        &recordings(|order| order["limits"] = json!({ "verifySeconds": 0 })),
        deleted().into_iter().chain(found(call)),
    );
    assert_eq!(story.end(), ended(Outcome::Residual, "verify.residual"));
}

#[test]
fn a_held_conversation_that_analytics_no_longer_knows_may_be_among_the_old_ones() {
    let order = held("recordingJobs", json!({}));
    let window = json!({ "start": "2018-01-01T00:00:00.000Z", "end": "2018-01-02T00:00:00.000Z" });
    let aged: Chunk =
        serde_json::from_value(json!({ "index": 1, "total": 1, "window": window, "age": "aged" })).unwrap();
    let play = |answers: Vec<Answer>| go_on(&order, ChunkRun::new(&order, aged), "2024-01-01T00:00:00Z", answers);
    let unprotected = [created(), job("READY"), unknown(), Json(200, json!([]))];
    let story = play(unprotected.into_iter().chain(called_off()).collect());
    assert_eq!((story.end(), story.times("PUT job-1")), (ended(Outcome::Held, "hold"), 0));
    // What the platform protects stays, wherever it lies. A conversation that is known to lie elsewhere is not touched.
    let none = || Before(vec![Json(200, json!({ "totalHits": 0 }))]);
    let rest = [job("PROCESSING"), job("FULFILLED")];
    let protected = [none(), created(), job("READY"), unknown(), Json(200, json!([{ "id": "a" }]))];
    let elsewhere = [none(), created(), job("READY"), conversations(&["a"])];
    for start in [protected.to_vec(), elsewhere.to_vec()] {
        let story = play(start.into_iter().chain(rest.clone()).collect());
        assert_eq!((story.end().0, story.times("PUT job-1")), (Outcome::Unknown, 1), "what it left is not listed");
    }
}

#[test]
fn a_recent_chunk_that_has_become_old_is_not_carried_out() {
    let order = recordings(|_| {});
    let story = go_on(&order, ChunkRun::new(&order, chunk()), "2028-01-02T00:00:00Z", []);
    assert_eq!(story.end(), ended(Outcome::Rejected, "chunk.fiveYears"));
    assert_eq!(story.calls, Vec::<String>::new());
}

#[test]
fn an_uncounted_window_is_not_said_to_have_been_empty() {
    let lost = || Lost(NoResponse::Dropped);
    let story = play(&deletion(json!({ "maxRecords": null })), [lost(), count(0), count(0)]);
    assert_eq!(story.end(), verified());
    assert!(!story.log.contains("the window was empty before"), "{}", story.log);
    let story = play(&deletion(json!({})), [count(0), lost(), count(0)]);
    assert!(story.log.contains("the window was empty before"), "{}", story.log);
}

#[test]
fn a_chunk_with_an_unanswered_submit_ends_unknown_when_no_other_may_leave() {
    let hold = || Objects(Objection::Held(against("hold `new` keeps it")));
    let limits = json!({ "confirmSubmitSeconds": 30, "chunkDeadlineSeconds": 3600, "maxRecords": null });
    let order = deletion(limits);
    let lost = || [Lost(NoResponse::Dropped), always(count(4))];
    // Nothing was counted before the submit, so the four may not be all there were.
    for (last, code) in [
        (hold(), "policy.keepsMore"),
        (Objects(Objection::Cancelled(asked())), "cancelled"),
        (always(Header(429, "retry-after", "900")), "deadline"),
    ] {
        let story = play(&order, lost().into_iter().chain([last, count(4)]));
        assert_eq!(
            (story.end(), story.run.view().remaining),
            (ended(Outcome::Unknown, code), Some(4)),
            "{}",
            story.log
        );
        assert!(!story.run.view().cause.unwrap().message.contains("before anything was deleted"));
    }
    // The same if every submit is lost and none seems to have an effect.
    let five = (0..5).flat_map(|_| [Lost(NoResponse::Dropped), always(count(4))]);
    let story = play(&order, five);
    assert_eq!((story.end(), story.times(SUBMIT)), (ended(Outcome::Unknown, "submit.gave-up"), 5), "{}", story.log);
    // The window was counted, and a part has gone; then another attempt finds the reason to stop.
    let counted = deletion(json!({ "confirmSubmitSeconds": 30 }));
    let held = held("dataDeletion", json!({ "confirmSubmitSeconds": 30 }));
    let empty = || Json(200, json!({}));
    for (order, first, second, code) in [
        (&counted, vec![count(9)], vec![hold()], "policy.keepsMore"),
        (&counted, vec![count(9)], vec![Objects(Objection::Cancelled(asked()))], "cancelled"),
        (&held, vec![empty(), count(9)], vec![conversations(&["a"])], "hold"),
    ] {
        let story = play(order, first.into_iter().chain(lost()));
        let again = retried(order, story.run).unwrap();
        let story =
            go_on(order, again, "2024-01-02T00:00:00Z", [always(count(4))].into_iter().chain(second).chain([count(4)]));
        assert_eq!(story.end(), ended(Outcome::Unknown, code), "{}", story.log);
    }
}

#[test]
fn a_count_of_2_to_the_53_or_more_is_not_read() {
    let order = deletion(json!({}));
    for odd in [u64::MAX, (1 << 53) + 1, 1 << 53] {
        let story = play(&order, [always(count(odd))]);
        assert_eq!((story.end().0, story.times(SUBMIT)), (Outcome::Failed, 0), "{odd}");
    }
    // Each count can be read, but their sum cannot be written down.
    let order =
        self::order("dataDeletion", |order| order["request"]["recordTypes"] = json!(["interaction", "message"]));
    let story = play(&order, [count((1 << 53) - 1), always(count(1))]);
    assert_eq!((story.end().0, story.times(SUBMIT)), (Outcome::Failed, 0));
}
