//! Stories of what an end may claim: no more than somebody has seen.

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

/// With a delete date that has come.
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
fn what_a_sample_finds_is_a_part_of_what_is_left() {
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

    // Where the server does not say how many there are, nobody says so.
    let unsaid = Json(
        200,
        json!({ "conversations": [{ "conversationId": "a", "conversationStart": "2023-01-05T10:00:00.000Z" }] }),
    );
    let story = play(&order, executed_after(unsaid).chain([there(1)]));
    assert_eq!(cause(&story), "at least 1 recordings in 1 conversations are still there");
    // What a sample does not find, the job's own figure stands for.
    let story = play(&order, executed_after(listed()).chain((0..10).map(|_| gone())));
    let view = story.run.view();
    assert_eq!((story.end(), view.remaining, view.records_deleted), (verified(), None, Some(5)));
    // Whoever has looked at all of them knows how many are left.
    let story = play(&order, executed(job("FULFILLED")).chain([there(1)]));
    assert_eq!((cause(&story).as_str(), story.run.view().remaining), ("1 recordings are still there", Some(1)));
    // A look that was seen to find something is not forgotten when nobody can look again.
    let order = recordings(|_| {});
    let sample = [there(2), there(10)].into_iter().chain((0..8).map(|_| gone()));
    let story = play(&order, executed_after(listed()).chain(sample).chain([error(403, "forbidden")]));
    assert_eq!((story.end(), story.run.view().remaining), (ended(Outcome::Residual, "forbidden"), None));
}

#[test]
fn what_a_search_does_not_reach_is_not_said_to_be_listed() {
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
fn nothing_is_called_deleted_before_somebody_has_looked() {
    let story = play(&recordings(|_| {}), executed(job("FULFILLED")).chain([gone()]));
    let deleted = |kind: &str| story.records(kind)[0]["records_deleted"].clone();
    assert_eq!((deleted("processed"), deleted("verified"), deleted("finished")), (Value::Null, json!(5), json!(5)));
    // The deadline comes while nobody can look.
    let order = recordings(|order| order["limits"] = json!({ "chunkDeadlineSeconds": 60 }));
    let blind = always(error(503, "service.unavailable"));
    let story = play(&order, executed(job("FULFILLED")).chain([blind]));
    assert_eq!((story.end().0, story.run.view().records_deleted), (Outcome::Unknown, None));
}

#[test]
fn where_a_job_has_deleted_nothing_there_is_nothing_to_look_at() {
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
    // Of a job that does not say what it has done, an empty list says nothing.
    let silent = Json(200, json!({ "id": "job-1", "state": "FULFILLED" }));
    let story = play(&order, [none()].into_iter().chain(executed(silent)));
    assert_eq!((story.end(), story.run.view().remaining), (ended(Outcome::Unknown, "job.counts-missing"), None));
}

#[test]
fn after_failures_somebody_looks_and_something_is_left_whatever_they_find() {
    let order = recordings(|_| {});
    let failing = || executed(fulfilled(5, 3, 2)).chain([failures()]);
    let told = "the job did not delete 2 recordings; the audit log names those that failed";
    for (look, remaining, deleted) in [
        // As many as the job says that it has left.
        (there(2), Some(2), Some(3)),
        // More: some of what it calls processed is there.
        (there(4), Some(4), None),
        // Fewer than it has left: nobody knows where those are.
        (gone(), None, Some(3)),
        (there(1), None, None),
    ] {
        let story = play(&order, failing().chain([look]));
        let view = story.run.view();
        assert_eq!((story.end(), cause(&story).as_str()), (ended(Outcome::Residual, "job.failed-recordings"), told));
        assert_eq!((view.remaining, view.records_deleted), (remaining, deleted));
    }
    // What has its date and is there still may go; what failed has none.
    let going = [still_to_go(3), there(2)];
    let story = play(&order, failing().chain(going));
    assert_eq!(
        (story.end(), story.run.view().records_deleted),
        (ended(Outcome::Residual, "job.failed-recordings"), Some(3))
    );
    assert!(story.waits.contains(&WaitReason::IndexLag));
    // Where nothing is listed, nobody has looked.
    let story = play(&order, [Before(vec![Json(200, json!({ "totalHits": 0 }))])].into_iter().chain(failing()));
    let view = story.run.view();
    assert_eq!(story.end(), ended(Outcome::Residual, "job.failed-recordings"));
    assert_eq!((view.remaining, view.records_deleted), (None, None));
    // Nor where nobody can, and which of them failed is not told either.
    let blind = [error(403, "forbidden"), error(403, "forbidden")];
    let story = play(&order, executed(fulfilled(5, 3, 2)).chain(blind));
    assert_eq!((story.end(), story.run.view().records_deleted), (ended(Outcome::Residual, "forbidden"), None));
    let untold = [there(2)];
    let story = play(&order, executed(fulfilled(5, 3, 2)).chain([error(403, "forbidden")]).chain(untold));
    assert_eq!(
        (story.end().1.as_str(), cause(&story).as_str()),
        ("job.failed-recordings", "the job did not delete 2 recordings")
    );
    // And what a job says nothing of is looked for in the same way.
    let story = play(&order, executed(fulfilled(5, 3, 0)).chain([there(2)]));
    let view = story.run.view();
    assert_eq!(
        (story.end(), view.remaining, view.records_deleted),
        (ended(Outcome::Residual, "job.counts"), Some(2), Some(3))
    );
}

#[test]
fn after_failures_the_others_have_their_cool_off() {
    let order = recordings(|order| order["request"]["recordings"] = json!({ "coolOffDays": 7 }));
    let failing = || executed(fulfilled(5, 3, 2)).chain([failures()]);
    let story = play(&order, failing().chain([Json(200, json!([])), there(2)]));
    assert_eq!(
        (story.end(), story.run.view().records_deleted),
        (ended(Outcome::Residual, "job.failed-recordings"), Some(3))
    );
    assert!(story.waits.contains(&WaitReason::CoolOff) && story.elapsed >= Duration::from_secs(7 * 86_400));
    // Cancelled meanwhile: what has a date goes, and nobody waits for it.
    let asked = executed(fulfilled(5, 3, 2)).chain([CancelFirst(Box::new(failures()))]);
    let story = play(&order, asked);
    assert_eq!((story.end(), story.run.view().records_deleted), (ended(Outcome::Unknown, "cancelled.scheduled"), None));
    assert!(story.elapsed < Duration::from_secs(3_600));
}

#[test]
fn after_failures_a_late_run_ends_with_something_left() {
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
    // Between two looks it was executed, too.
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
    // Whatever the cancellation is answered.
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
        assert_eq!(cause(&story), "hold `new` keeps it; somebody else has executed its job all the same");
    }
    // It is there, and nobody has executed it.
    let story = play(&order, start().chain([error(403, "forbidden"), job("READY")]));
    assert_eq!(story.end(), ended(Outcome::Held, "policy.keepsMore"));
    // Of one that is gone nobody can say what it has done; the next attempt makes another.
    let story = play(&order, start().chain([Text(204, ""), always(error(404, "not.found")), gone()]));
    assert_eq!((story.end(), story.times("GET job-1")), (ended(Outcome::Unknown, "job.gone"), 9));
    assert_eq!(cause(&story), "hold `new` keeps it; its job is gone, and nobody can say what it had processed");
    let again = executed(job("FULFILLED")).chain([gone()]);
    let story = go_on(&order, story.run.retried().unwrap(), "2024-01-02T00:00:00Z", again);
    assert_eq!((story.end(), story.times("POST jobs")), (verified(), 1));
    // Nor of one that nobody could cancel or ask; the next attempt goes on with it.
    let blind = || always(error(503, "service.unavailable"));
    for silence in [vec![blind()], vec![Text(204, ""), blind()]] {
        let story = play(&order, start().chain(silence));
        assert_eq!(story.end(), ended(Outcome::Unknown, "policy.keepsMore"));
        assert_eq!(cause(&story), "hold `new` keeps it; whether its job was cancelled is not known");
        let story = go_on(&order, story.run.retried().unwrap(), "2024-01-02T00:00:00Z", [job("CANCELLED"), gone()]);
        assert_eq!((story.end(), story.times("POST jobs")), (ended(Outcome::Unknown, "job.cancelled-midway"), 0));
    }
}

/// Most conversations of a window may have nothing that the job could delete: calls where it takes messages, or calls that nobody
/// recorded. Looking at those shows nothing.
#[test]
fn only_what_had_recordings_shows_that_they_are_gone() {
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
    // Those that were recorded are looked at first.
    let before = [page(&[7, 42]), there(1), there(1)].into_iter().chain((0..8).map(|_| gone())).collect();
    let story = play(&order, [Before(before)].into_iter().chain(executed(job("FULFILLED"))).chain([gone(), there(1)]));
    assert_eq!(story.requests[3].path, "/api/v2/conversations/c-7/recordingmetadata");
    assert_eq!(story.events("verified")[0]["found"], 1);
    // A job that takes messages alone has only conversations of that kind listed for it, by the filter of its own query.
    let messages = recordings(|order| order["request"]["recordTypes"] = json!(["message"]));
    let story = play(&messages, executed(job("FULFILLED")).chain([gone()]));
    let sent = bodies(&story);
    let filters = |call: &str| sent.iter().find(|sent| sent["call"] == call).unwrap()["body"].clone();
    let (listed, made) =
        (filters("POST /api/v2/analytics/conversations/details/query"), filters("POST /api/v2/recording/jobs"));
    assert!(listed["segmentFilters"].is_array());
    assert_eq!(listed["segmentFilters"], made["conversationQuery"]["segmentFilters"]);
}

/// Where one may not look, nothing is deleted; what is too old to be listed is deleted all the same.
#[test]
fn a_look_before_that_is_forbidden_stops_the_chunk() {
    let forbidden = [Before(vec![error(403, "missing.permissions")]), created(), job("READY")];
    let story = play(&recordings(|_| {}), forbidden.into_iter().chain(called_off()));
    assert_eq!((story.end(), story.times("PUT job-1")), (ended(Outcome::Failed, "missing.permissions"), 0));
    let refused = Before(vec![error(400, "invalid.interval")]);
    let story = play(&recordings(|_| {}), [refused].into_iter().chain(executed(job("FULFILLED"))));
    assert_eq!((story.end(), story.times("PUT job-1")), (ended(Outcome::Unknown, "verify.nothing-seen"), 1));
}

/// The provider removes recordings some time after their date, and says nowhere how long that takes. A second job would only give them
/// a later one.
#[test]
fn what_is_merely_late_is_watched_and_not_deleted_again() {
    let order = recordings(|order| order["limits"] = json!({ "verifySeconds": 60 }));
    let story = play(&order, executed(job("FULFILLED")).chain([always(still_to_go(2))]));
    assert_eq!((story.end(), story.run.view().records_deleted), (ended(Outcome::Unknown, "verify.late"), None));
    assert_eq!(
        cause(&story),
        "2 recordings are still there, with the delete date of the job: they go by themselves; look again later"
    );
    let again = go_on(&order, story.run.retried().unwrap(), "2024-01-03T00:00:00Z", [job("FULFILLED"), gone()]);
    assert_eq!((again.end(), again.times("POST jobs"), again.run.view().records_deleted), (verified(), 0, Some(5)));
    // What has no date, or another, is left over.
    let other = Json(200, json!([{ "fileState": "AVAILABLE", "deleteDate": "2031-01-01T00:00:00.000Z" }]));
    for left in [there(1), other] {
        let story = play(&order, executed(job("FULFILLED")).chain([always(left)]));
        assert_eq!(story.end(), ended(Outcome::Residual, "verify.residual"));
    }
}
