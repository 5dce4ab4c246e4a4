//! Stories of what an end may claim: no more than a look has shown.

use super::*;

fn recordings(change: impl FnOnce(&mut Value)) -> Order {
    order("recordingJobs", change)
}

/// A job that has been carried out, with its own counts.
fn fulfilled(of: u64, processed: u64, failed: u64) -> Answer {
    let counts = json!({ "id": "job-1", "state": "FULFILLED", "totalRecordings": of, "totalProcessedRecordings": processed,
                         "totalSkippedRecordings": 0, "totalFailedRecordings": failed });
    Json(200, counts)
}

fn failures() -> Answer {
    Json(200, json!({ "entities": [{ "conversation": { "id": "a" }, "recording": { "id": "r" } }] }))
}

/// Recordings that are there although their delete date has come.
fn still_to_go(count: usize) -> Answer {
    let recording = json!({ "fileState": "AVAILABLE", "deleteDate": "2024-01-01T00:00:00.000Z" });
    Json(200, vec![recording; count].into())
}

fn executed(over: Answer) -> impl Iterator<Item = Answer> {
    [created(), job("READY"), job("PROCESSING"), over].into_iter()
}

fn cause(story: &Story) -> String {
    story.run.view().cause.unwrap().message
}

#[test]
fn a_sample_measures_only_a_part_of_what_is_left() {
    let order = recordings(|order| order["limits"] = json!({ "verifySeconds": 0 }));
    let ids: Vec<_> = (0..51).map(|i| format!("c-{i}")).collect();
    let listed = || conversations(&ids.iter().map(String::as_str).collect::<Vec<_>>());
    let sample = [there(2), there(10)].into_iter().chain((0..8).map(|_| gone()));
    let executed_after = |listed: Answer| [Before(vec![listed])].into_iter().chain(executed(job("FULFILLED")));
    let story = play(&order, executed_after(listed()).chain(sample));
    assert_eq!(story.end(), ended(Outcome::Residual, "verify.residual"));
    assert_eq!(cause(&story), "at least 12 recordings in 10 of 51 conversations are still there");
    let view = story.run.view();
    assert_eq!((view.remaining, view.records_deleted), (None, None), "nobody has looked at the others");
    let looks = story.events("verified");
    assert_eq!(
        looks,
        [json!({ "kind": "verified", "method": "recordingMetadata", "checked": 10, "listed": 51, "found": 12,
                 "remaining": null })]
    );
    let report = super::reported::report(&order, &[&story.log]);
    assert_eq!((report.totals.remaining, report.totals.records_deleted), (None, None));

    // If the server does not say how many there are, no total is given.
    let unsaid = Json(
        200,
        json!({ "conversations": [{ "conversationId": "a", "conversationStart": "2023-01-05T10:00:00.000Z" }] }),
    );
    let story = play(&order, executed_after(unsaid).chain([there(1)]));
    assert_eq!(cause(&story), "at least 1 recordings in 1 conversations are still there");
    // If a sample finds nothing left, the job's own figure counts.
    let story = play(&order, executed_after(listed()).chain((0..10).map(|_| gone())));
    let view = story.run.view();
    assert_eq!((story.end(), view.remaining, view.records_deleted), (verified(), None, Some(5)));
    // A look at all of them measures how many are left.
    let story = play(&order, executed(job("FULFILLED")).chain([there(1)]));
    assert_eq!((cause(&story).as_str(), story.run.view().remaining), ("1 recordings are still there", Some(1)));
    // A look that found something still counts if the next look fails.
    let order = recordings(|_| {});
    let sample = [there(2), there(10)].into_iter().chain((0..8).map(|_| gone()));
    let story = play(&order, executed_after(listed()).chain(sample).chain([error(403, "forbidden")]));
    assert_eq!((story.end(), story.run.view().remaining), (ended(Outcome::Residual, "forbidden"), None));
}

#[test]
fn a_search_of_a_part_of_the_window_gives_no_total() {
    let window = json!({ "start": "2022-11-01T00:00:00.000Z", "end": "2023-02-01T00:00:00.000Z" });
    let long: Chunk = serde_json::from_value(json!({ "index": 1, "total": 1, "window": window })).unwrap();
    let order = recordings(|order| order["limits"] = json!({ "verifySeconds": 0 }));
    let answers = executed(job("FULFILLED")).chain([gone()]);
    let story = go_on(&order, ChunkRun::new(&order, long), "2024-01-01T00:00:00Z", answers);
    assert_eq!((story.end(), story.run.view().remaining), (verified(), None));
    let look = &story.events("verified")[0];
    assert_eq!((&look["checked"], &look["listed"], &look["found"]), (&json!(1), &Value::Null, &json!(0)));
}

#[test]
fn nothing_counts_as_deleted_before_a_look_confirms_it() {
    let story = play(&recordings(|_| {}), executed(job("FULFILLED")).chain([gone()]));
    let deleted = |kind: &str| story.records(kind)[0]["records_deleted"].clone();
    assert_eq!((deleted("processed"), deleted("verified"), deleted("finished")), (Value::Null, json!(5), json!(5)));
    // The deadline comes while every look fails.
    let order = recordings(|order| order["limits"] = json!({ "chunkDeadlineSeconds": 60 }));
    let blind = always(error(503, "service.unavailable"));
    let story = play(&order, executed(job("FULFILLED")).chain([blind]));
    assert_eq!((story.end().0, story.run.view().records_deleted), (Outcome::Unknown, None));
}

#[test]
fn a_job_with_nothing_to_delete_is_verified_without_a_sample() {
    let window = json!({ "start": "2018-01-01T00:00:00.000Z", "end": "2018-01-02T00:00:00.000Z" });
    let aged: Chunk =
        serde_json::from_value(json!({ "index": 1, "total": 1, "window": window, "age": "aged" })).unwrap();
    let order = recordings(|_| {});
    let empty = |state: &str| {
        Json(
            200,
            json!({ "id": "job-1", "state": state, "totalRecordings": 0,
        "totalProcessedRecordings": 0, "totalSkippedRecordings": 0, "totalFailedRecordings": 0 }),
        )
    };
    let none = || Before(vec![Json(200, json!({ "totalHits": 0 }))]);
    let answers = [none(), created(), empty("READY"), empty("PROCESSING"), empty("FULFILLED")];
    let story = go_on(&order, ChunkRun::new(&order, aged), "2024-01-01T00:00:00Z", answers);
    let view = story.run.view();
    assert_eq!((story.end(), view.remaining, view.records_deleted), (verified(), Some(0), Some(0)));
    // An empty list proves nothing about a job that does not say what it has done.
    let silent = Json(200, json!({ "id": "job-1", "state": "FULFILLED" }));
    let story = play(&order, [none()].into_iter().chain(executed(silent)));
    assert_eq!((story.end(), story.run.view().remaining), (ended(Outcome::Unknown, "job.counts-missing"), None));
}

#[test]
fn after_failures_something_is_left_whatever_a_look_finds() {
    let order = recordings(|_| {});
    let failing = || executed(fulfilled(5, 3, 2)).chain([failures()]);
    let told = "the job did not delete 2 recordings; the audit log names those that failed";
    for (look, remaining, deleted) in [
        // As many are left as the job says.
        (there(2), Some(2), Some(3)),
        // More are left: some of what the job calls processed is still there.
        (there(4), Some(4), None),
        // Fewer are found than the job says it has left: where the others are is unknown.
        (gone(), None, Some(3)),
        (there(1), None, None),
    ] {
        let story = play(&order, failing().chain([look]));
        let view = story.run.view();
        assert_eq!((story.end(), cause(&story).as_str()), (ended(Outcome::Residual, "job.failed-recordings"), told));
        assert_eq!((view.remaining, view.records_deleted), (remaining, deleted));
    }
    // What has its date and is still there may yet go; what failed has no date.
    let going = [still_to_go(3), there(2)];
    let story = play(&order, failing().chain(going));
    assert_eq!(
        (story.end(), story.run.view().records_deleted),
        (ended(Outcome::Residual, "job.failed-recordings"), Some(3))
    );
    assert!(story.waits.contains(&WaitReason::IndexLag));
    // A job may count what failed among what it has processed.
    let story = play(&order, executed(fulfilled(5, 5, 2)).chain([failures(), there(2)]));
    assert_eq!((cause(&story).as_str(), story.run.view().records_deleted), (told, Some(3)));
    // Where nothing is listed, nothing was looked at.
    let story = play(&order, [Before(vec![Json(200, json!({ "totalHits": 0 }))])].into_iter().chain(failing()));
    let view = story.run.view();
    assert_eq!(story.end(), ended(Outcome::Residual, "job.failed-recordings"));
    assert_eq!((view.remaining, view.records_deleted), (None, None));
    // The same if the look is refused. The list of the failed recordings is refused as well.
    let blind = [error(403, "forbidden"), error(403, "forbidden")];
    let story = play(&order, executed(fulfilled(5, 3, 2)).chain(blind));
    assert_eq!((story.end(), story.run.view().records_deleted), (ended(Outcome::Residual, "forbidden"), None));
    let untold = [there(2)];
    let story = play(&order, executed(fulfilled(5, 3, 2)).chain([error(403, "forbidden")]).chain(untold));
    assert_eq!(
        (story.end().1.as_str(), cause(&story).as_str()),
        ("job.failed-recordings", "the job did not delete 2 recordings")
    );
    // What a job says nothing of is looked for in the same way.
    let story = play(&order, executed(fulfilled(5, 3, 0)).chain([there(2)]));
    let view = story.run.view();
    assert_eq!(
        (story.end(), view.remaining, view.records_deleted),
        (ended(Outcome::Residual, "job.counts"), Some(2), Some(3))
    );
}

#[test]
fn after_failures_the_other_recordings_keep_their_cool_off() {
    let order = recordings(|order| order["request"]["recordings"] = json!({ "coolOffDays": 7 }));
    let failing = || executed(fulfilled(5, 3, 2)).chain([failures()]);
    let story = play(&order, failing().chain([Json(200, json!([])), there(2)]));
    assert_eq!(
        (story.end(), story.run.view().records_deleted),
        (ended(Outcome::Residual, "job.failed-recordings"), Some(3))
    );
    assert!(story.waits.contains(&WaitReason::CoolOff) && story.elapsed >= Duration::from_secs(7 * 86_400));
    // Cancelled in the cool-off: what has a date goes, and the chunk does not wait for it.
    let asked = executed(fulfilled(5, 3, 2)).chain([CancelFirst(Box::new(failures()))]);
    let story = play(&order, asked);
    assert_eq!((story.end(), story.run.view().records_deleted), (ended(Outcome::Unknown, "cancelled.scheduled"), None));
    assert!(story.elapsed < Duration::from_secs(3_600));
}

#[test]
fn after_failures_a_missed_deadline_ends_as_residual() {
    let order = recordings(|order| order["limits"] = json!({ "chunkDeadlineSeconds": 60 }));
    for late in
        [vec![always(error(503, "service.unavailable"))], vec![failures(), always(error(503, "service.unavailable"))]]
    {
        let story = play(&order, executed(fulfilled(5, 3, 2)).chain(late));
        assert_eq!((story.end(), story.run.view().records_deleted), (ended(Outcome::Residual, "deadline"), None));
    }
}

#[test]
fn a_job_that_somebody_else_cancelled_has_deleted_nothing_only_if_it_says_so() {
    let order = recordings(|_| {});
    let story = play(&order, [created(), cancelled()]);
    assert_eq!(story.end(), ended(Outcome::Cancelled, "job.cancelled-elsewhere"));
    // Between two looks the job was executed as well.
    for over in [job("CANCELLED"), Json(200, json!({ "id": "job-1", "state": "CANCELLED" }))] {
        let story = play(&order, [created(), over]);
        assert_eq!(story.end(), ended(Outcome::Unknown, "job.cancelled-midway"));
        assert_eq!((story.times("PUT job-1"), story.run.view().records_deleted), (0, None));
    }
}

#[test]
fn a_job_that_we_cancel_is_asked_what_it_has_done() {
    let held = || Objects(Objection::Held(against("hold `new` keeps it")));
    let order = recordings(|_| {});
    let start = || [created(), job("READY"), held()].into_iter();
    // The answer to the cancellation does not matter.
    let answers = || {
        [Text(204, ""), error(404, "not.found"), Text(200, "<html>"), error(409, "conflict"), error(403, "forbidden")]
    };
    for answer in answers() {
        let story = play(&order, start().chain([answer, cancelled()]));
        assert_eq!(story.end(), ended(Outcome::Held, "policy.keepsMore"));
    }
    for answer in answers() {
        let story = play(&order, start().chain([answer, job("CANCELLED"), gone()]));
        assert_eq!((story.end(), story.times("PUT job-1")), (ended(Outcome::Unknown, "job.cancelled-midway"), 0));
    }
    for answer in answers() {
        let rest = [answer, job("PROCESSING"), job("FULFILLED"), gone()];
        let story = play(&order, start().chain(rest));
        assert_eq!((story.end(), story.times("PUT job-1")), (ended(Outcome::Unknown, "policy.keepsMore"), 0));
        assert_eq!(cause(&story), "hold `new` keeps it; its job was executed anyway, but not by this program");
    }
    // The job is there, and it was not executed.
    let story = play(&order, start().chain([error(403, "forbidden"), job("READY")]));
    assert_eq!(story.end(), ended(Outcome::Held, "policy.keepsMore"));
    // What a job that is gone has done is unknown; the next attempt creates another.
    let story = play(&order, start().chain([Text(204, ""), always(error(404, "not.found")), gone()]));
    assert_eq!((story.end(), story.times("GET job-1")), (ended(Outcome::Unknown, "job.gone"), 9));
    assert_eq!(cause(&story), "hold `new` keeps it; its job no longer exists, and what it had processed is unknown");
    let again = executed(job("FULFILLED")).chain([gone()]);
    let story = go_on(&order, retried(&order, story.run).unwrap(), "2024-01-02T00:00:00Z", again);
    assert_eq!((story.end(), story.times("POST jobs")), (verified(), 1));
    // So is what a job has done that can be neither cancelled nor asked; the next attempt goes on with it.
    let blind = || always(error(503, "service.unavailable"));
    for silence in [vec![blind()], vec![Text(204, ""), blind()]] {
        let story = play(&order, start().chain(silence));
        assert_eq!(story.end(), ended(Outcome::Unknown, "policy.keepsMore"));
        assert_eq!(cause(&story), "hold `new` keeps it; whether its job was cancelled is not known");
        let story =
            go_on(&order, retried(&order, story.run).unwrap(), "2024-01-02T00:00:00Z", [job("CANCELLED"), gone()]);
        assert_eq!((story.end(), story.times("POST jobs")), (ended(Outcome::Unknown, "job.cancelled-midway"), 0));
    }
}

/// Most conversations of a window may have nothing that the job could delete: calls where it takes messages, or calls that were not
/// recorded. Looking at those shows nothing.
#[test]
fn only_conversations_that_had_recordings_show_a_deletion() {
    let order = recordings(|order| order["limits"] = json!({ "verifySeconds": 0 }));
    let call = |id: usize, recorded: bool| {
        json!({ "conversationId": format!("c-{id}"), "conversationStart": "2023-01-05T10:00:00.000Z",
                "participants": [{ "sessions": [{ "mediaType": "voice" }, { "mediaType": "voice", "recording": recorded }] }] })
    };
    let page = |recorded: &[usize]| {
        let all: Vec<_> = (0..100).map(|id| call(id, recorded.contains(&id))).collect();
        Json(200, json!({ "conversations": all, "totalHits": 100 }))
    };
    // Nothing was there, so nothing shows that it is gone: the tenant may have deleted nothing.
    let before = [page(&[])].into_iter().chain((0..10).map(|_| gone())).collect();
    let story = play(&order, [Before(before)].into_iter().chain(executed(job("FULFILLED"))));
    assert_eq!((story.end(), story.run.view().records_deleted), (ended(Outcome::Unknown, "verify.nothing-seen"), None));
    assert!(story.events("verified").iter().all(|look| look["checked"] == 0));
    // Conversations that were recorded are looked at first.
    let before = [page(&[7, 42]), there(1), there(1)].into_iter().chain((0..8).map(|_| gone())).collect();
    let story = play(&order, [Before(before)].into_iter().chain(executed(job("FULFILLED"))).chain([gone(), there(1)]));
    assert_eq!(story.requests[3].path, "/api/v2/conversations/c-7/recordingmetadata");
    assert_eq!(story.events("verified")[0]["found"], 1);
    // For a job that takes only messages, only conversations of that kind are listed, by the filter of the job's own query.
    let messages = recordings(|order| order["request"]["recordTypes"] = json!(["message"]));
    let story = play(&messages, executed(job("FULFILLED")).chain([gone()]));
    let sent = bodies(&story);
    let filters = |call: &str| sent.iter().find(|sent| sent["call"] == call).unwrap()["body"].clone();
    let (listed, made) =
        (filters("POST /api/v2/analytics/conversations/details/query"), filters("POST /api/v2/recording/jobs"));
    assert!(listed["segmentFilters"].is_array());
    assert_eq!(listed["segmentFilters"], made["conversationQuery"]["segmentFilters"]);
}

/// Where looking is forbidden or refused, nothing is deleted. What is too old to be listed is deleted all the same.
#[test]
fn a_forbidden_look_before_the_execution_stops_the_chunk() {
    for (status, code) in [(403, "missing.permissions"), (400, "invalid.interval")] {
        let refused = [Before(vec![error(status, code)]), created(), job("READY")];
        let story = play(&recordings(|_| {}), refused.into_iter().chain(called_off()));
        assert_eq!((story.end(), story.times("PUT job-1")), (ended(Outcome::Failed, code), 0));
    }
    let (order, refused) = (recordings(|_| {}), Before(vec![error(400, "invalid.interval")]));
    let answers = [refused].into_iter().chain(executed(job("FULFILLED")));
    let story = go_on(&order, ChunkRun::new(&order, chunk()), "2024-09-01T00:00:00Z", answers);
    assert_eq!((story.end(), story.times("PUT job-1")), (ended(Outcome::Unknown, "verify.nothing-seen"), 1));
}

/// The provider removes recordings some time after their date, and does not say how long that takes. A second job would only give
/// them a later date.
#[test]
fn recordings_that_are_merely_late_are_watched_and_not_deleted_again() {
    let order = recordings(|order| order["limits"] = json!({ "verifySeconds": 60 }));
    let story = play(&order, executed(job("FULFILLED")).chain([always(still_to_go(2))]));
    assert_eq!((story.end(), story.run.view().records_deleted), (ended(Outcome::Unknown, "verify.late"), None));
    assert_eq!(
        cause(&story),
        "2 recordings are still there, with the job's delete date: no other job is needed; check again later"
    );
    let again = go_on(&order, retried(&order, story.run).unwrap(), "2024-01-03T00:00:00Z", [job("FULFILLED"), gone()]);
    assert_eq!((again.end(), again.times("POST jobs"), again.run.view().records_deleted), (verified(), 0, Some(5)));
    // What has no date, or another one, is left over.
    let other = Json(200, json!([{ "fileState": "AVAILABLE", "deleteDate": "2031-01-01T00:00:00.000Z" }]));
    for left in [there(1), other] {
        let story = play(&order, executed(job("FULFILLED")).chain([always(left)]));
        assert_eq!(story.end(), ended(Outcome::Residual, "verify.residual"));
    }
}
