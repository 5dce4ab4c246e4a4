//! The step machine, told as stories: what the server answers, what is asked of it, and how it ends.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test that cannot go on has failed")]

mod claims;
mod doubt;
mod inquiry;
mod objection;
mod pace;
mod protection;
mod recordings;
mod reported;

use std::time::Duration;

use purge_core::analytics::DETAILS_JOBS;
use purge_core::audit::Verifier;
use purge_core::chunk::Chunk;
use purge_core::http::{Auth, HttpRequest, HttpResponse, NoResponse};
use purge_core::request::DeletionApi;
use purge_core::run::{
    Against, Asked, Cause, ChunkRun, Context, Input, Next, Objection, Order, Outcome, Pace, Step, WaitReason,
};
use purge_core::time::Timestamp;
use serde_json::{Value, json};

/// What the other side does with one request.
#[derive(Clone)]
enum Answer {
    Json(u16, Value),
    Text(u16, &'static str),
    Header(u16, &'static str, &'static str),
    Lost(NoResponse),
    /// The request does not leave: the policy that applies now objects.
    Objects(Objection),
    /// The request does not leave: the worker is stopped, and goes on after this time.
    Stopped(Duration),
    /// A cancel is asked for while the request is under way.
    CancelFirst(Box<Answer>),
    /// The answers, one after the other, to the looks before a recording job is executed. It has to be the first answer of a story;
    /// without it, conversation `a` has one recording.
    Before(Vec<Answer>),
    /// The same answer as long as the same call is repeated.
    Always(Box<Answer>),
}

use Answer::{Always, Before, CancelFirst, Header, Json, Lost, Objects, Stopped, Text};

struct Story {
    calls: Vec<String>,
    requests: Vec<HttpRequest>,
    waits: Vec<WaitReason>,
    run: ChunkRun,
    log: String,
    elapsed: Duration,
}

impl Story {
    fn end(&self) -> (Outcome, String) {
        let code = self.run.view().cause.map(|cause| cause.code).unwrap_or_default();
        (self.run.outcome().unwrap(), code)
    }

    fn times(&self, call: &str) -> usize {
        self.calls.iter().filter(|c| *c == call).count()
    }

    /// The records of one kind of event.
    fn records(&self, kind: &str) -> Vec<Value> {
        let records = self.log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        records.filter(|record| record["event"]["kind"] == kind).collect()
    }

    /// The events of one kind.
    fn events(&self, kind: &str) -> Vec<Value> {
        self.records(kind).into_iter().map(|record| record["event"].clone()).collect()
    }
}

fn order(api: &str, change: impl FnOnce(&mut Value)) -> Order {
    let types = if api == "recordingJobs" { json!(["recording"]) } else { json!(["conversation", "message"]) };
    let mut order = json!({
        "version": 2,
        "runId": "run-1",
        "planDigest": format!("sha256:{}", "a".repeat(64)),
        "policyDigest": format!("sha256:{}", "b".repeat(64)),
        "request": {
            "version": 1, "name": "test", "api": api, "recordTypes": types,
            "range": { "start": "2023-01-01T00:00:00.000Z", "end": "2023-02-01T00:00:00.000Z" },
            "jurisdiction": "us-east-1", "query": null, "chunking": { "days": 31 },
            "reason": "test", "requestedBy": "a@example.com"
        },
        "limits": {},
        "heldConversations": [],
        "heldWindows": [],
        "complianceNote": "none",
        "chunks": 1,
        "approvedBy": "b@example.com",
        "approvedAt": "2024-01-01T00:00:00.000Z",
        "tenant": "https://api.mypurecloud.com",
        "simulated": false
    });
    change(&mut order);
    serde_json::from_value(order).unwrap()
}

/// What a newer policy says against a deletion.
fn against(message: &str) -> Against {
    Against { policy: format!("sha256:{}", "c".repeat(64)), cause: Cause::new("policy.keepsMore", message) }
}

fn deletion(limits: Value) -> Order {
    order("dataDeletion", |order| order["limits"] = limits)
}

fn chunk() -> Chunk {
    let window = json!({ "start": "2023-01-01T00:00:00.000Z", "end": "2023-02-01T00:00:00.000Z" });
    serde_json::from_value(json!({ "index": 1, "total": 1, "window": window })).unwrap()
}

/// The word of a person who asks for something.
fn asked() -> Asked {
    Asked::new("c@example.com", Timestamp::EPOCH).unwrap()
}

/// The next attempt at a chunk, which a person asked for, and its first record.
fn retried_on_record(order: &Order, run: ChunkRun) -> Option<(ChunkRun, String)> {
    let cx = Context { order, pace: Pace::default(), now: Timestamp::EPOCH };
    let (run, records) = run.retried(cx, &asked())?;
    Some((run, records.iter().map(|record| record.line() + "\n").collect()))
}

/// The next attempt at a chunk, which a person asked for.
fn retried(order: &Order, run: ChunkRun) -> Option<ChunkRun> {
    retried_on_record(order, run).map(|(run, _)| run)
}

/// Plays a story to its end.
fn play(order: &Order, answers: impl IntoIterator<Item = Answer>) -> Story {
    go_on(order, ChunkRun::new(order, chunk()), "2024-01-01T00:00:00Z", answers)
}

/// Plays a story from a stored state on. Every state is stored and read back between two steps, and every wait is first disturbed
/// by a tick that comes too early.
fn go_on(order: &Order, run: ChunkRun, start: &str, answers: impl IntoIterator<Item = Answer>) -> Story {
    let start = Timestamp::parse(start).unwrap();
    let mut answers = answers.into_iter().peekable();
    let before = match answers.next_if(|answer| matches!(answer, Before(_))) {
        Some(Before(before)) => before,
        _ => vec![conversations(&["a"])],
    };
    let mut before = before.into_iter();
    let (mut now, mut run, mut input) = (start, run, Input::Tick);
    let (mut calls, mut requests, mut waits, mut log) = (Vec::<String>::new(), Vec::new(), Vec::new(), String::new());
    for _ in 0..10_000 {
        let cx = Context { order, pace: Pace::default(), now };
        let mut step = run.step(cx, input);
        let looks = order.request.api == DeletionApi::RecordingJobs && step.run.view().state == "counting";
        if let Next::Send(_) = step.next
            && !looks
            && matches!(answers.peek(), Some(CancelFirst(_)))
        {
            let cancelled = step.run.clone().step(cx, Input::Cancel(asked()));
            assert!(matches!(cancelled.next, Next::WaitUntil { reason: WaitReason::InFlight, .. }));
            step.records.extend(cancelled.records);
            step.run = cancelled.run;
        }
        for record in &step.records {
            log += &format!("{}\n", record.line());
        }
        run = serde_json::from_str(&serde_json::to_string(&step.run).unwrap()).unwrap();
        assert_eq!(run, step.run, "the state survives being stored");
        input = match step.next {
            Next::Done(outcome) => {
                assert_eq!(run.outcome(), Some(outcome));
                assert!(answers.all(|rest| matches!(rest, Always(_))), "not all answers were asked for: {calls:?}");
                return Story { calls, requests, waits, run, log, elapsed: now.since(start) };
            }
            Next::TakeSlot => Input::Slot { granted: true },
            Next::WaitUntil { at, reason } => {
                if at > now {
                    let early = run.clone().step(cx, Input::Tick);
                    assert_eq!(early.next, Next::WaitUntil { at, reason }, "an early tick changes nothing");
                    assert!(early.records.is_empty());
                }
                waits.push(reason);
                now = now.max(at);
                Input::Tick
            }
            Next::Send(request) => {
                let path = request.path.split('?').next().unwrap();
                let name = path
                    .strip_prefix(DETAILS_JOBS)
                    .map_or_else(|| path.rsplit('/').next().unwrap().to_owned(), |rest| format!("inquiries{rest}"));
                let call = format!("{} {name}", request.method.as_str());
                if let Some(Always(_)) = answers.peek()
                    && calls.last().is_some_and(|last| *last != call)
                    && calls.len() > 1
                    && calls[calls.len() - 2] == calls[calls.len() - 1]
                {
                    answers.next();
                }
                now = now.plus(Duration::from_millis(5));
                let answer = match answers.peek() {
                    _ if looks => match before.next() {
                        Some(answer) => answer,
                        None if name.starts_with("inquiries") => error(404, "not.found"),
                        None => there(1),
                    },
                    Some(Always(answer)) => (**answer).clone(),
                    Some(_) => answers.next().unwrap(),
                    None => panic!("one call too many: {calls:?} then {call}"),
                };
                assert_eq!(run.is_deleting(), deletes(&call, order), "{call}");
                if let Stopped(pause) = answer {
                    input = Input::NotYet { at: now.plus(pause) };
                    continue;
                }
                if !matches!(answer, Objects(_)) {
                    calls.push(call);
                    requests.push(request);
                }
                input_of(answer)
            }
        };
    }
    panic!("the story does not end: {calls:?}");
}

/// Whether data is lost after this call.
fn deletes(call: &str, order: &Order) -> bool {
    match order.request.api {
        DeletionApi::DataDeletion => call == SUBMIT,
        DeletionApi::RecordingJobs => call.starts_with("PUT "),
    }
}

fn input_of(answer: Answer) -> Input {
    let response = |status, headers: Vec<(String, String)>, body: &str| {
        Input::Response(HttpResponse { status, headers, body: body.to_owned() })
    };
    match answer {
        Json(status, body) => Input::Response(HttpResponse::json(status, &body)),
        Text(status, body) => response(status, vec![], body),
        Header(status, name, value) => response(status, vec![(name.to_owned(), value.to_owned())], ""),
        Lost(why) => Input::NoResponse(why),
        Objects(objection) => Input::Objection(objection),
        Stopped(_) | Before(_) => panic!("only the story knows what to make of it"),
        CancelFirst(then) | Always(then) => input_of(*then),
    }
}

fn always(answer: Answer) -> Answer {
    Always(Box::new(answer))
}

fn count(n: u64) -> Answer {
    Json(200, json!({ "results": [{ "count": n }] }))
}

fn accepted() -> Answer {
    Json(202, json!({ "id": "req-1" }))
}

fn status(word: &str) -> Answer {
    Json(200, json!({ "id": "req-1", "status": word }))
}

fn job(state: &str) -> Answer {
    Json(
        200,
        json!({ "id": "job-1", "state": state, "totalConversations": 1, "totalRecordings": 5,
                "totalProcessedRecordings": 5, "totalSkippedRecordings": 0, "totalFailedRecordings": 0 }),
    )
}

/// A job that was cancelled before it had deleted anything.
fn cancelled() -> Answer {
    Json(200, json!({ "id": "job-1", "state": "CANCELLED", "totalRecordings": 5, "totalProcessedRecordings": 0 }))
}

/// A job that is cancelled, and says so when it is asked.
fn called_off() -> [Answer; 2] {
    [Text(204, ""), cancelled()]
}

fn created() -> Answer {
    Json(202, json!({ "id": "job-1", "state": "PENDING" }))
}

fn conversations(ids: &[&str]) -> Answer {
    let one = |id: &&str| {
        json!({ "conversationId": id, "conversationStart": "2023-01-05T10:00:00.000Z",
                "conversationEnd": "2023-01-05T10:10:00.000Z" })
    };
    Json(200, json!({ "conversations": ids.iter().map(one).collect::<Vec<_>>(), "totalHits": ids.len() }))
}

fn there(count: usize) -> Answer {
    Json(200, vec![json!({ "fileState": "AVAILABLE" }); count].into())
}

/// The answer about a conversation that has no recordings any more.
fn gone() -> Answer {
    Json(200, json!([]))
}

fn error(status: u16, code: &str) -> Answer {
    Json(status, json!({ "code": code, "message": code, "status": status, "contextId": "ctx" }))
}

fn bodies(story: &Story) -> Vec<Value> {
    let of = |r: &HttpRequest| r.body.as_deref().map_or(Value::Null, |body| serde_json::from_str(body).unwrap());
    let call = |r: &HttpRequest| format!("{} {}", r.method.as_str(), r.path);
    story.requests.iter().map(|r| json!({ "call": call(r), "body": of(r) })).collect()
}

const SUBMIT: &str = "POST requests";
const COUNT: &str = "POST query";
const POLL: &str = "GET req-1";

fn verified() -> (Outcome, String) {
    (Outcome::Verified, String::new())
}

fn ended(outcome: Outcome, code: &str) -> (Outcome, String) {
    (outcome, code.to_owned())
}

#[test]
fn a_deletion_is_counted_submitted_watched_and_verified() {
    let story = play(&deletion(json!({})), [count(7), accepted(), status("processing"), status("completed"), count(0)]);
    assert_eq!(story.end(), verified());
    assert_eq!(story.calls, [COUNT, SUBMIT, POLL, POLL, COUNT]);
    let view = story.run.view();
    assert_eq!((view.before, view.remaining, view.records_deleted), (Some(7), Some(0), Some(7)));
    assert_eq!((view.submits, view.requests), (1, 5));
    insta::assert_json_snapshot!("data_deletion_bodies", bodies(&story));
}

#[test]
fn the_records_of_a_story_are_one_chain() {
    let answers = [count(7), accepted(), status("completed"), count(3), count(0), count(0)];
    let story = play(&deletion(json!({})), answers);
    let mut verifier = Verifier::new();
    story.log.lines().for_each(|line| drop(verifier.line(line)));
    let verdict = verifier.finish(None);
    assert!(verdict.is_good(), "{verdict:?}");
    let kind = |line: &str| serde_json::from_str::<Value>(line).unwrap().pointer("/event/kind").unwrap().clone();
    insta::assert_json_snapshot!("record_kinds", story.log.lines().map(kind).collect::<Vec<_>>());
}

#[test]
fn every_retry_of_a_rate_limited_submit_carries_the_same_bytes() {
    let limited = || Header(429, "retry-after", "1");
    let story = play(&deletion(json!({})), [count(1), limited(), limited(), accepted(), status("completed"), count(0)]);
    assert_eq!(story.end(), verified());
    let sent: Vec<_> = story.requests.iter().filter(|r| r.path.ends_with("/requests")).collect();
    assert_eq!(sent.len(), 3);
    assert!(sent.iter().all(|r| r.body == sent[0].body && r.body.as_ref().is_some_and(|b| b.len() > 100)));
    assert_eq!(story.run.view().submits, 1, "a refused submit is not a submit");
    assert_eq!(story.waits[0], WaitReason::RateLimited { retry_after_seconds: Some(1) });
}

#[test]
fn a_401_is_answered_with_one_new_token() {
    let no = || error(401, "bad.credentials");
    let answers = [no(), count(1), no(), accepted(), no(), status("completed"), no(), count(0)];
    let story = play(&deletion(json!({})), answers);
    assert_eq!(story.end(), verified());
    let auths: Vec<_> = story.requests.iter().map(|r| r.auth).collect();
    assert_eq!(auths, [Auth::Bearer, Auth::BearerRenewed].repeat(4));
    assert!(story.waits.iter().all(|wait| matches!(wait, WaitReason::JobPending { .. })));
    let twice = play(&deletion(json!({})), [always(no())]);
    assert_eq!(twice.end(), ended(Outcome::Failed, "bad.credentials"));
    assert_eq!(twice.calls.len(), 6, "each of three tries with two tokens");
    let message = twice.run.view().cause.unwrap().message;
    assert!(message.contains("the API refuses every new token: bad.credentials"), "{message}");
}

#[test]
fn what_the_submit_answers_decides() {
    for (answer, outcome, code) in [
        (error(400, "bad.request"), Outcome::Rejected, "bad.request"),
        (error(400, "legal.hold.conflict"), Outcome::Held, "legal.hold.conflict"),
        (error(403, "missing.permissions"), Outcome::Rejected, "missing.permissions"),
        (error(404, "not.found"), Outcome::Rejected, "not.found"),
        (error(413, "request.entity.too.large"), Outcome::Rejected, "request.entity.too.large"),
        (Text(403, "<html>Forbidden</html>"), Outcome::Rejected, "http.403"),
    ] {
        let story = play(&deletion(json!({})), [count(1), answer]);
        assert_eq!(story.end(), ended(outcome, code));
        assert_eq!(story.run.view().submits, 0);
    }
}

#[test]
fn an_unclear_submit_is_never_posted_again_while_the_window_empties() {
    for unclear in [
        Lost(NoResponse::Dropped),
        Lost(NoResponse::TimedOut),
        Lost(NoResponse::Interrupted),
        error(500, "internal.server.error"),
        error(503, "service.unavailable"),
        Text(202, "{\"id\":"),
        Text(202, "garbage"),
        Text(202, ""),
        Json(202, json!({})),
        Json(202, json!({ "id": "" })),
        Json(202, json!({ "id": 7 })),
        Text(302, ""),
    ] {
        let story = play(&deletion(json!({})), [count(9), unclear, count(9), count(4), count(0), count(0)]);
        assert_eq!(story.end(), verified());
        assert_eq!(story.times(SUBMIT), 1);
        assert_eq!(story.run.view().records_deleted, Some(9));
    }
}

#[test]
fn an_unclear_submit_is_posted_again_once_the_window_has_not_moved() {
    let order = deletion(json!({ "confirmSubmitSeconds": 30 }));
    let story = play(
        &order,
        [count(9), Lost(NoResponse::Dropped), always(count(9)), accepted(), status("completed"), count(0)],
    );
    assert_eq!(story.end(), verified());
    assert_eq!((story.times(SUBMIT), story.run.view().submits), (2, 1));
    assert!(story.elapsed >= Duration::from_secs(30));
}

#[test]
fn a_submit_that_did_not_leave_is_simply_tried_again() {
    let answers = [count(1), Lost(NoResponse::NotSent), accepted(), status("completed"), count(0)];
    let story = play(&deletion(json!({})), answers);
    assert_eq!(story.end(), verified());
    assert_eq!((story.run.view().submits, story.run.view().requests), (1, 4));
}

#[test]
fn not_being_able_to_see_is_not_failing() {
    let story = play(
        &deletion(json!({})),
        [
            count(1),
            accepted(),
            error(500, "internal.server.error"),
            Text(200, "<html>"),
            Lost(NoResponse::TimedOut),
            Header(429, "retry-after", "2"),
            error(404, "not.found"),
            Json(200, json!({ "id": "other", "status": "completed" })),
            status("completed"),
            error(503, "service.unavailable"),
            count(0),
        ],
    );
    assert_eq!(story.end(), verified());
    assert_eq!(story.times(SUBMIT), 1);
}

#[test]
fn a_status_that_is_not_known_is_never_success() {
    let order = deletion(json!({ "chunkDeadlineSeconds": 60 }));
    let story = play(&order, [count(5), accepted(), always(status("cancelled")), count(0)]);
    assert_eq!(story.end(), ended(Outcome::Unknown, "status.unknown"));
    assert_eq!(story.run.view().remaining, Some(0), "what was measured is still said");
}

#[test]
fn a_failed_deletion_ends_as_failed() {
    let failed = Json(200, json!({ "id": "req-1", "status": "failed", "message": "index unavailable" }));
    let story = play(&deletion(json!({})), [count(5), accepted(), failed]);
    assert_eq!(story.end(), ended(Outcome::Failed, "deletion.failed"));
}

#[test]
fn residue_is_looked_at_until_it_is_gone_twice_or_it_is_too_late() {
    let order = deletion(json!({ "verifySeconds": 20 }));
    let lag = play(&order, [count(5), accepted(), status("completed"), count(5), count(2), count(0), count(0)]);
    assert_eq!(lag.end(), verified());
    assert!(lag.waits.contains(&WaitReason::IndexLag));
    let flicker = [count(5), accepted(), status("completed"), count(5), count(0), count(1), count(0), count(0)];
    assert_eq!(play(&order, flicker).end(), verified());
    let stays = play(&order, [count(5), accepted(), status("completed"), always(count(3))]);
    assert_eq!(stays.end(), ended(Outcome::Residual, "verify.residual"));
    assert_eq!(stays.run.view().records_deleted, Some(2));
}

#[test]
fn an_unreadable_count_is_never_zero() {
    let start = || [count(5), accepted(), status("completed")];
    for odd in [json!({}), json!({ "conversations": [] }), json!({ "results": [{ "n": 0 }] }), json!([]), json!(null)] {
        let once = play(&deletion(json!({})), start().into_iter().chain([Json(200, odd.clone()), count(0)]));
        assert_eq!(once.end(), verified(), "it asks again instead");
        let ever = play(&deletion(json!({})), start().into_iter().chain([always(Json(200, odd))]));
        assert_eq!(ever.end(), ended(Outcome::Unknown, "reply.unreadable"));
        assert_eq!(ever.run.view().remaining, None);
    }
}

#[test]
fn a_guard_that_cannot_be_asked_stops_the_chunk() {
    let story = play(&deletion(json!({})), [always(error(500, "internal.server.error"))]);
    assert_eq!(story.end(), ended(Outcome::Failed, "internal.server.error"));
    assert_eq!(story.times(SUBMIT), 0);
}

#[test]
fn too_many_records_stop_the_chunk() {
    let story = play(&deletion(json!({ "maxRecords": 10 })), [count(11)]);
    assert_eq!(story.end(), ended(Outcome::Rejected, "guard.max-records"));
    let most = [count(10), accepted(), status("completed"), count(0)];
    assert_eq!(play(&deletion(json!({ "maxRecords": 10 })), most).end(), verified());
    let off = play(&deletion(json!({ "maxRecords": null })), [accepted(), status("completed"), count(0)]);
    assert_eq!(off.end(), verified());
    assert_eq!(off.run.view().records_deleted, None, "what was not counted before cannot be measured as deleted");
}

#[test]
fn a_held_conversation_in_the_window_stops_the_chunk() {
    let held = || order("dataDeletion", |order| order["heldConversations"] = json!([{ "id": "c-1", "hold": "H-1" }]));
    assert_eq!(play(&held(), [conversations(&["c-1"])]).end(), ended(Outcome::Held, "hold"));
    let outside = json!({ "conversations": [{ "conversationId": "c-1", "conversationStart": "2022-05-01T00:00:00.000Z",
                                              "conversationEnd": "2022-06-01T00:00:00.000Z" }] });
    for clear in [Json(200, outside), Json(200, json!({ "conversations": [] })), Json(200, json!({}))] {
        let story = play(&held(), [clear, count(1), accepted(), status("completed"), count(0)]);
        assert_eq!(story.end(), verified());
    }
    let ongoing =
        json!({ "conversations": [{ "conversationId": "c-1", "conversationStart": "2022-05-01T00:00:00.000Z" }] });
    assert_eq!(play(&held(), [Json(200, ongoing)]).end(), ended(Outcome::Held, "hold"));
    let unreadable = always(Json(200, json!({ "conversations": [{ "conversationId": "c-1" }] })));
    assert_eq!(play(&held(), [unreadable]).end(), ended(Outcome::Failed, "reply.unreadable"));
    let unrouted = play(&held(), [error(404, "not.found")]);
    assert_eq!(unrouted.end(), ended(Outcome::Failed, "hold.no-lookup"), "where nobody can look, nobody has looked");
    assert!(unrouted.log.contains("\"http_status\":404"), "the records say why: {}", unrouted.log);
}

#[test]
fn a_cancel_stops_what_has_not_been_submitted_and_watches_what_has() {
    let before = play(&deletion(json!({})), [CancelFirst(Box::new(count(3)))]);
    assert_eq!((before.end(), before.calls.len()), (ended(Outcome::Cancelled, "cancelled"), 1));
    let under_way = CancelFirst(Box::new(status("processing")));
    let after = play(&deletion(json!({})), [count(3), accepted(), under_way, status("completed"), count(0)]);
    assert_eq!(after.end(), verified(), "a deletion under way is seen through and told");
}

#[test]
fn a_deadline_ends_every_wait() {
    let order = deletion(json!({ "chunkDeadlineSeconds": 10 }));
    let limited = play(&order, [always(Header(429, "retry-after", "3600"))]);
    assert_eq!(limited.end(), ended(Outcome::TimedOut, "deadline"));
    assert!(limited.elapsed <= Duration::from_secs(11));
    let stuck = play(&order, [count(5), accepted(), always(status("processing")), count(5)]);
    assert_eq!(stuck.end(), ended(Outcome::Unknown, "deadline"));
    assert_eq!(stuck.run.view().remaining, Some(5));
}

#[test]
fn a_recording_job_is_counted_before_it_is_executed() {
    let before = Before(vec![conversations(&["a", "b", "c"]), there(2), there(3), gone()]);
    let answers = [before, created(), job("PENDING"), job("READY"), job("PROCESSING"), job("FULFILLED")];
    let looks = [Json(200, json!([{ "fileState": "DELETED" }])), gone()];
    let story = play(&order("recordingJobs", |_| {}), answers.into_iter().chain(looks));
    assert_eq!(story.end(), verified());
    let view = story.run.view();
    assert_eq!((view.before, view.records_deleted, view.remaining), (Some(5), Some(5), Some(0)));
    assert!(!story.run.wants_slot());
    let before = ["POST query", "GET recordingmetadata", "GET recordingmetadata", "GET recordingmetadata"];
    assert_eq!(story.calls[..3], ["POST jobs", "GET job-1", "GET job-1"]);
    assert_eq!(
        (&story.calls[3..7], &story.calls[7..9]),
        (&before.map(str::to_owned)[..], &["PUT job-1", "GET job-1"].map(str::to_owned)[..])
    );
    insta::assert_json_snapshot!("recording_jobs_bodies", bodies(&story));
}

#[test]
fn a_job_that_must_not_run_is_cancelled() {
    let jobs = |change: fn(&mut Value)| order("recordingJobs", change);
    let off = |answers: Vec<Answer>| answers.into_iter().chain(called_off());
    let over = play(&jobs(|o| o["limits"] = json!({ "maxRecords": 4 })), off(vec![created(), job("READY")]));
    assert_eq!(over.end(), ended(Outcome::Rejected, "guard.max-records"));
    assert_eq!(over.calls[2..], ["DELETE job-1", "GET job-1"]);

    let held = || jobs(|o| o["heldConversations"] = json!([{ "id": "a", "hold": "H-1" }]));
    let unprotected = vec![created(), job("READY"), conversations(&["a"]), Json(200, json!([]))];
    let story = play(&held(), off(unprotected));
    assert_eq!(story.end(), ended(Outcome::Held, "hold"));
    assert_eq!(story.times("PUT job-1"), 0);

    let before = Before(vec![conversations(&["a", "b"])]);
    let protected = [before, created(), job("READY"), conversations(&["a"]), Json(200, json!([{ "id": "a" }]))];
    let rest = [job("PROCESSING"), job("FULFILLED"), gone()];
    let story = play(&held(), protected.into_iter().chain(rest));
    assert_eq!(story.end(), verified(), "the platform protects it, so the job will skip it");

    let missing = Json(200, json!({ "id": "job-1", "state": "READY" }));
    let story = play(&jobs(|_| {}), off(vec![created(), missing]));
    assert_eq!(story.end(), ended(Outcome::Failed, "job.counts-missing"));

    let story = play(&jobs(|_| {}), off(vec![created(), CancelFirst(Box::new(job("PENDING")))]));
    assert_eq!(story.end(), ended(Outcome::Cancelled, "cancelled"));
}

#[test]
fn an_unanswered_creation_is_found_again_by_its_window_and_action_date() {
    let order = order("recordingJobs", |_| {});
    let probe = play(&order, [error(403, "missing.permissions")]);
    let body: Value = serde_json::from_str(probe.requests[0].body.as_deref().unwrap()).unwrap();
    let interval = &body["conversationQuery"]["interval"];
    let entry = |id: &str, interval: &Value, date: &Value| {
        let query = json!({ "actionDate": date, "conversationQuery": { "interval": interval } });
        json!({ "id": id, "state": "READY", "recordingJobsQuery": query })
    };
    let another_time = entry("other-1", interval, &json!("2023-01-01T00:00:00.000Z"));
    let another_chunk =
        entry("other-2", &json!("2023-02-01T00:00:00.000Z/2023-03-01T00:00:00.000Z"), &body["actionDate"]);
    let ours = entry("job-1", interval, &body["actionDate"]);
    let listed = Json(200, json!({ "entities": [another_time, another_chunk, ours] }));
    let rest = || [job("READY"), job("PROCESSING"), job("FULFILLED"), gone()];
    let story = play(&order, [Lost(NoResponse::TimedOut), listed.clone()].into_iter().chain(rest()));
    assert_eq!((story.end(), story.times("POST jobs")), (verified(), 1));
    // One look is not enough to find it missing, however late it comes.
    let late =
        [Lost(NoResponse::TimedOut), Header(429, "retry-after", "60"), Json(200, json!({ "entities": [] })), listed];
    let story = play(&order, late.into_iter().chain(rest()));
    assert_eq!((story.end(), story.times("POST jobs")), (verified(), 1));
    // The documents write intervals without an offset, and an answer may name both kinds of query.
    let mut bare = entry("job-1", &json!(interval.as_str().unwrap().replace(".000Z", "")), &body["actionDate"]);
    for aged in [false, true] {
        if aged {
            let query = &mut bare["recordingJobsQuery"];
            query["agedConversationInterval"] = query["conversationQuery"]["interval"].take();
            query["conversationQuery"] = json!(null);
        }
        let listed = Json(200, json!({ "entities": [bare] }));
        let story = play(&order, [Lost(NoResponse::TimedOut), listed].into_iter().chain(rest()));
        assert_eq!((story.end(), story.times("POST jobs")), (verified(), 1), "{bare}");
    }

    let nothing = always(Json(200, json!({ "entities": [] })));
    let story = play(&order, [Lost(NoResponse::Dropped), nothing, created()].into_iter().chain(rest()));
    assert_eq!((story.end(), story.times("POST jobs"), story.run.view().submits), (verified(), 2, 1));
    // The list may lag behind, so it is read for a while before another job is created.
    let until_again = story.calls.iter().skip(1).take_while(|call| *call != "POST jobs").count();
    assert!(until_again >= 4, "{:?}", story.calls);
}

#[test]
fn a_chunk_that_gives_way_to_others_waits_once_however_often_it_is_woken() {
    let order = |chunks: u32, limits: Value| {
        order("dataDeletion", |order| (order["chunks"], order["limits"]) = (json!(chunks), limits))
    };
    let rest = || [count(5), accepted(), status("completed"), count(0)];
    let budget = |story: &Story| story.waits.iter().filter(|reason| **reason == WaitReason::RequestBudget).count();
    // A chunk is sent away for six hours at most; an early wake-up changes nothing, as in every story.
    let large = order(20_000, json!({ "requestsPerMinute": 30 }));
    let story = play(&large, [Stopped(Duration::from_secs(60))].into_iter().chain(rest()));
    assert_eq!((story.end(), budget(&story)), (verified(), 1));
    assert!(story.elapsed > Duration::from_secs(3600), "{:?}", story.elapsed);
    // A chunk whose worker was stopped is not sent to the end of the queue, nor is one of the few that are tried again.
    let story = play(&large, [Stopped(Duration::ZERO)].into_iter().chain(rest()));
    assert!(story.elapsed < Duration::from_secs(60), "{:?}", story.elapsed);
    let failed = retried(&large, play(&large, [error(403, "forbidden")]).run).unwrap();
    let story =
        go_on(&large, failed, "2024-01-02T00:00:00Z", [Stopped(Duration::from_secs(60))].into_iter().chain(rest()));
    assert!(story.elapsed < Duration::from_secs(3700), "{:?}", story.elapsed);
    // No chunk waits longer than it may.
    let short = order(20_000, json!({ "requestsPerMinute": 30, "queueDeadlineSeconds": 600 }));
    let story = play(&short, [Stopped(Duration::from_secs(60))]);
    assert_eq!((story.end().0, story.elapsed), (Outcome::TimedOut, Duration::from_secs(600)));
}

#[test]
fn an_execution_that_is_refused_ends_the_chunk_and_its_job() {
    let order = order("recordingJobs", |_| {});
    // An execution that is refused because of the job limit waits instead.
    let story = play(&order, [created(), job("READY"), error(400, "bad.request"), Text(204, ""), cancelled()]);
    assert_eq!((story.end(), story.times("DELETE job-1")), (ended(Outcome::Rejected, "bad.request"), 1));
    let done = [job("PROCESSING"), job("FULFILLED"), gone()];
    let story =
        play(&order, [created(), job("READY"), error(400, "jobs.limit.reached"), job("READY")].into_iter().chain(done));
    assert_eq!(story.end(), verified());
}

#[test]
fn a_state_that_is_not_known_before_the_execution_is_watched_for_a_third_of_the_time() {
    let order = order("recordingJobs", |order| order["limits"] = json!({ "chunkDeadlineSeconds": 3600 }));
    let story = play(&order, [created(), always(job("PONDERING")), Text(204, ""), cancelled()]);
    assert_eq!((story.end(), story.times("PUT job-1")), (ended(Outcome::Failed, "status.unknown"), 0));
    assert!((1200..1300).contains(&story.elapsed.as_secs()), "{:?}", story.elapsed);
    // An unknown state is recorded as unknown even if the job begins with it.
    let story =
        play(&order, [job("PONDERING"), job("PONDERING"), job("READY"), job("PROCESSING"), job("FULFILLED"), gone()]);
    let told: Vec<_> = story.events("status").iter().map(|event| event["known"].clone()).collect();
    assert_eq!((story.end(), told), (verified(), vec![json!(false), json!(true), json!(true), json!(true)]));
}

#[test]
fn a_third_job_waits_instead_of_failing() {
    for busy in [error(409, "request.conflict"), error(400, "recording.jobs.limit"), Header(429, "retry-after", "5")] {
        let rest = [created(), job("READY"), job("PROCESSING"), job("FULFILLED"), gone()];
        let story = play(&order("recordingJobs", |_| {}), [busy].into_iter().chain(rest));
        assert_eq!((story.end(), story.run.view().submits), (verified(), 1));
    }
}

#[test]
fn failed_and_skipped_recordings_are_reported() {
    let order = order("recordingJobs", |_| {});
    let done = |skipped: u64, failed: u64| {
        let counts = json!({ "id": "job-1", "state": "FULFILLED", "totalRecordings": 5,
                             "totalProcessedRecordings": 5 - skipped - failed,
                             "totalSkippedRecordings": skipped, "totalFailedRecordings": failed });
        Json(200, counts)
    };
    let failures = Json(200, json!({ "entities": [{ "conversation": { "id": "a" }, "recording": { "id": "r" } }] }));
    let failing = [created(), job("READY"), job("PROCESSING"), done(0, 1), failures];
    let story = play(&order, failing.into_iter().chain([there(1)]));
    assert_eq!(story.end(), ended(Outcome::Residual, "job.failed-recordings"));
    assert_eq!((story.run.view().records_deleted, story.run.view().remaining), (Some(4), Some(1)));
    assert!(story.log.contains("a/r"));

    let before = || Before(vec![conversations(&["b"])]);
    let start = || [before(), created(), job("READY"), job("PROCESSING"), done(2, 0)].into_iter();
    let listed = || conversations(&["a", "b"]);
    // First the sample is asked about and looked at again, then the whole window is searched for what explains the skips.
    let unexplained = play(&order, start().chain([gone(), gone(), listed(), gone()]));
    assert_eq!(unexplained.end(), ended(Outcome::Residual, "job.skipped"));
    let story = |of_the_protected: usize| {
        let protected = [gone(), gone(), listed(), Json(200, json!([{ "id": "a" }])), there(of_the_protected)];
        play(&order, start().chain(protected))
    };
    assert_eq!(
        (story(3).end(), story(3).run.view().protected),
        (verified(), Some(2)),
        "what the job skipped, not more"
    );
}

#[test]
fn a_retry_goes_on_watching_what_may_still_be_under_way() {
    let order = deletion(json!({ "chunkDeadlineSeconds": 10 }));
    let first = play(&order, [count(5), accepted(), always(status("processing")), count(5)]);
    assert_eq!(first.end(), ended(Outcome::Unknown, "deadline"));
    let second = retried(&order, first.run).unwrap();
    let second = go_on(&order, second, "2024-01-02T00:00:00Z", [status("completed"), count(0)]);
    assert_eq!(second.end(), verified());
    assert_eq!((second.run.attempt(), second.run.view().records_deleted), (2, Some(5)));
    assert!(
        retried(&order, second.run.clone()).is_none() && !second.run.may_be_retried(),
        "what is verified is not done again"
    );
}

/// Between the two attempts there was a retry whose wake-ups were all lost.
#[test]
fn an_attempt_that_never_began_hands_on_what_may_still_be_under_way() {
    let late = json!({ "chunkDeadlineSeconds": 60 });
    let job_order = order("recordingJobs", |order| order["limits"] = late.clone());
    let running = [created(), job("READY"), job("PROCESSING"), always(job("PROCESSING")), gone()];
    let submitted = [count(5), accepted(), always(status("processing")), count(5)];
    for (order, first, rest) in [
        (deletion(late), submitted.to_vec(), vec![status("completed"), count(0)]),
        (job_order, running.to_vec(), vec![job("FULFILLED"), gone()]),
    ] {
        let first = play(&order, first);
        assert_eq!(first.end(), ended(Outcome::Unknown, "deadline"));
        let now = Timestamp::parse("2024-01-02T00:00:00Z").unwrap();
        let cause = purge_core::run::Cause::new("message.dead", "given up");
        let heir = retried(&order, first.run).unwrap();
        let dead = heir.abandoned(Context { order: &order, pace: Pace::default(), now }, cause).run;
        assert_eq!((dead.outcome(), dead.view().submits), (Some(Outcome::Unknown), 1));
        let third = go_on(&order, retried(&order, dead).unwrap(), "2024-01-03T00:00:00Z", rest);
        assert_eq!((third.end(), third.run.attempt()), (verified(), 3));
    }
}

#[test]
fn after_the_end_nothing_happens() {
    let order = deletion(json!({}));
    let story = play(&order, [count(1), accepted(), status("completed"), count(0)]);
    let objection = Input::Objection(Objection::unclear("late"));
    let late = [Input::Tick, Input::Cancel(asked()), Input::Slot { granted: true }, objection];
    for input in late.into_iter().chain([Input::NoResponse(NoResponse::Dropped)]) {
        let now = Timestamp::parse("2025-01-01T00:00:00Z").unwrap();
        let step = story.run.clone().step(Context { order: &order, pace: Pace::default(), now }, input);
        assert_eq!(step.next, Next::Done(Outcome::Verified));
        assert!(step.records.is_empty());
        assert_eq!(step.run, story.run);
    }
}

#[test]
fn an_abandoned_chunk_claims_no_more_than_is_known() {
    let order = order("dataDeletion", |_| {});
    let window = order.request.range;
    let chunk = Chunk { index: 1, total: 1, window, age: purge_core::chunk::Age::Recent };
    let cx = Context { order: &order, pace: Pace::default(), now: Timestamp::EPOCH };
    let abandoned = |run: &ChunkRun| {
        let cause = purge_core::run::Cause::new("worker.gone", "nobody carries it on");
        let run = run.clone().abandoned(cx, cause).run;
        (run.outcome().unwrap(), retried(&order, run).unwrap().view().submits)
    };
    let mut run = ChunkRun::new(&order, chunk);
    assert_eq!(abandoned(&run), (Outcome::Failed, 0));
    let mut next = None;
    for _ in 0..9 {
        let input = match &next {
            Some(Next::Send(request)) if request.path.contains("deletion") => {
                assert_eq!(abandoned(&run), (Outcome::Unknown, 1), "a submit is under way");
                return;
            }
            Some(_) => Input::Response(HttpResponse::json(200, &json!({"results": [], "totalHits": 0}))),
            None => Input::Tick,
        };
        let step = run.step(cx, input);
        run = step.run;
        next = Some(step.next);
    }
    panic!("no submit was sent: {next:?}");
}

#[test]
fn waiting_for_the_request_budget_is_no_request_and_no_failure() {
    let order = deletion(json!({}));
    let (mut now, mut run, mut input) = (Timestamp::parse("2024-01-01T00:00:00Z").unwrap(), fresh(&order), Input::Tick);
    let mut refusals = 0;
    let mut answers = [count(5), accepted(), status("completed"), count(0)].into_iter();
    let mut log = String::new();
    loop {
        let step = run.step(Context { order: &order, pace: Pace::default(), now }, input);
        log.extend(step.records.iter().map(|record| record.line() + "\n"));
        run = step.run;
        input = match step.next {
            // More often than a failing call would be tried.
            Next::Send(_) if refusals % 20 != 19 => {
                refusals += 1;
                Input::NotYet { at: now.plus(Duration::from_secs(3)) }
            }
            Next::Send(_) => {
                refusals += 1;
                match answers.next() {
                    Some(Json(status, body)) => Input::Response(HttpResponse::json(status, &body)),
                    _ => panic!("more was asked than expected"),
                }
            }
            Next::WaitUntil { at, reason } => {
                if reason == WaitReason::RequestBudget {
                    let wait = at.since(now);
                    assert!(wait >= Duration::from_secs(3) && wait <= Duration::from_secs(13), "{wait:?}");
                }
                now = at;
                Input::Tick
            }
            Next::TakeSlot => panic!("no slot is needed"),
            Next::Done(outcome) => {
                assert_eq!(outcome, Outcome::Verified);
                break;
            }
        }
    }
    assert_eq!((run.view().requests, run.view().submits), (4, 1));
    // Each recorded departure of the submit but the last is taken back by a wait.
    let times = |text: &str| log.matches(text).count();
    assert_eq!((times("\"kind\":\"sending\""), times("\"kind\":\"requestBudget\"")), (20, 19));
}

/// After the deadline, a job has to be cancelled while nothing may leave for a quarter of an hour.
#[test]
fn what_is_asked_after_the_deadline_waits_for_its_turn() {
    let order = order("recordingJobs", |order| order["limits"] = json!({ "chunkDeadlineSeconds": 60 }));
    let start = Timestamp::parse("2024-01-01T00:00:00Z").unwrap();
    let cx = |now| Context { order: &order, pace: Pace::default(), now };
    let step = fresh(&order).step(cx(start), Input::Tick).run.step(cx(start), Input::Slot { granted: true });
    let run = step.run.step(cx(start), input_of(created())).run;
    let late = start.plus(Duration::from_secs(61));
    let step = run.step(cx(late), Input::Tick);
    assert!(matches!(&step.next, Next::Send(request) if request.method.as_str() == "DELETE"), "{:?}", step.next);
    let free = late.plus(Duration::from_secs(900));
    let step = step.run.step(cx(late), Input::NotYet { at: free });
    assert!(matches!(step.next, Next::WaitUntil { at, .. } if at >= free), "{:?}", step.next);
}

/// The budget lets one request of this chunk leave every half hour.
#[test]
fn waiting_for_the_request_budget_does_not_count_against_the_deadline() {
    let wait = Duration::from_secs(1800);
    let answers = [count(5), accepted(), status("processing"), status("processing"), status("completed"), count(0)];
    let out_of_turn = answers.into_iter().flat_map(|answer| [Stopped(wait), answer]);
    let story = play(&deletion(json!({ "chunkDeadlineSeconds": 3600 })), out_of_turn);
    assert_eq!(story.end(), verified());
    assert!(story.elapsed > 6 * wait, "{:?}", story.elapsed);
}

#[test]
fn a_chunk_that_has_asked_nothing_is_queued_until_its_deadline() {
    let order = deletion(json!({ "chunkDeadlineSeconds": 60, "queueDeadlineSeconds": 7200 }));
    let start = Timestamp::parse("2024-01-01T00:00:00Z").unwrap();
    let cx = |now| Context { order: &order, pace: Pace::default(), now };
    let mut step = fresh(&order).step(cx(start), Input::Tick);
    assert_eq!(step.records.len(), 1);
    let mut now = start;
    let mut asked = 0;
    let outcome = loop {
        let at = now.plus(Duration::from_secs(600));
        // Alternately, the worker sees that there is no room before a request is about to leave, or only when it is.
        let input = match step.next {
            Next::Send(_) => Input::NotYet { at },
            Next::WaitUntil { at: due, reason } => {
                assert_eq!((reason, step.run.view().state.as_str()), (WaitReason::RequestBudget, "queued"));
                assert_eq!(step.run.view().started_at, None);
                now = due;
                asked += 1;
                if asked % 2 == 0 { Input::Tick } else { Input::NotYet { at } }
            }
            Next::Done(outcome) => break outcome,
            Next::TakeSlot => panic!("no slot is needed"),
        };
        step = step.run.step(cx(now), input);
        assert!(step.records.is_empty() || step.run.outcome().is_some(), "{:?}", step.records);
    };
    assert_eq!((outcome, step.run.view().requests), (Outcome::TimedOut, 0));
    assert!((7200..8100).contains(&now.since(start).as_secs()), "{:?}", now.since(start));
}

/// A job that has to be cancelled is given up if nothing may leave for hours after the deadline.
#[test]
fn no_wait_for_the_request_budget_is_for_ever() {
    let order = order("recordingJobs", |order| {
        order["limits"] = json!({ "chunkDeadlineSeconds": 60, "queueDeadlineSeconds": 7200 });
    });
    let start = Timestamp::parse("2024-01-01T00:00:00Z").unwrap();
    let cx = |now| Context { order: &order, pace: Pace::default(), now };
    let step = fresh(&order).step(cx(start), Input::Tick).run.step(cx(start), Input::Slot { granted: true });
    let mut step = step.run.step(cx(start), input_of(created()));
    let mut now = start;
    let mut records = 0;
    let outcome = loop {
        let at = now.plus(Duration::from_secs(600));
        let input = match step.next {
            Next::Send(_) => Input::NotYet { at },
            Next::WaitUntil { at: due, reason: WaitReason::RequestBudget } => {
                now = due;
                Input::NotYet { at }
            }
            Next::WaitUntil { at: due, .. } => {
                now = due;
                Input::Tick
            }
            Next::Done(outcome) => break outcome,
            Next::TakeSlot => panic!("it has its slot"),
        };
        step = step.run.step(cx(now), input);
        records += step.records.len();
    };
    assert_eq!(outcome, Outcome::Unknown, "nobody knows what became of the job");
    let hours = now.since(start).as_secs() / 3600;
    assert!((2..5).contains(&hours) && records < 10, "{records} records in {hours} hours");
}

#[test]
fn an_abandoned_chunk_names_what_the_server_complained_about_last() {
    let order = deletion(json!({}));
    let now = Timestamp::parse("2024-01-01T00:00:00Z").unwrap();
    let cx = Context { order: &order, pace: Pace::default(), now };
    let asked = fresh(&order).step(cx, Input::Tick).run;
    let complaint = json!({ "code": "internal.server.error", "message": "broken", "contextId": "c-7" });
    let waiting = asked.step(cx, Input::Response(HttpResponse::json(500, &complaint))).run;
    let ended = waiting.abandoned(cx, purge_core::run::Cause::new("message.dead", "given up")).run;
    let cause = ended.view().cause.unwrap();
    assert_eq!((cause.code.as_str(), cause.context_id.as_deref()), ("message.dead", Some("c-7")));
    assert!(cause.message.contains("internal.server.error") && cause.message.contains("broken"), "{}", cause.message);
}

fn fresh(order: &Order) -> ChunkRun {
    ChunkRun::new(order, chunk())
}

/// A ledger may hold a hundred thousand of these states.
#[test]
fn what_has_not_happened_is_left_out_of_the_stored_state() {
    let stored = serde_json::to_value(fresh(&deletion(json!({})))).unwrap();
    for name in ["waits", "uncountedMs", "executed", "processed", "residue", "trouble"] {
        assert_eq!(stored.get(name), None, "{name}");
    }
}

#[test]
fn every_end_is_the_last_record_whatever_it_is() {
    let refused = || [count(1), error(403, "missing.permissions")];
    let failed = || [count(5), accepted(), Json(200, json!({ "id": "req-1", "status": "failed" }))];
    let late = deletion(json!({ "chunkDeadlineSeconds": 10, "verifySeconds": 5 }));
    for (story, ends) in [
        (play(&deletion(json!({})), refused()), "rejected"),
        (play(&deletion(json!({})), [count(1), error(400, "legal.hold.conflict")]), "held"),
        (play(&deletion(json!({})), failed()), "failed"),
        (play(&late, [always(Header(429, "retry-after", "3600"))]), "timedOut"),
        (play(&late, [count(5), accepted(), status("completed"), always(count(3))]), "residual"),
        (play(&late, [count(5), accepted(), always(status("processing")), count(5)]), "unknown"),
        (play(&deletion(json!({})), [CancelFirst(Box::new(count(3)))]), "cancelled"),
    ] {
        let records: Vec<Value> = story.log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let kind = |kind: &str| records.iter().filter(|r| r["event"]["kind"] == kind).count();
        let last = records.last().unwrap();
        assert_eq!((&last["event"]["kind"], &last["event"]["outcome"]), (&json!("finished"), &json!(ends)));
        assert!(last["event"]["cause"]["code"].is_string(), "{ends} has its cause: {last}");
        assert_eq!((kind("started"), kind("finished")), (1, 1), "{ends}");
        // What was sent is recorded before what came of it.
        assert!(kind("sending") >= story.times(SUBMIT), "{ends}");
    }
}

#[test]
fn after_the_last_try_nobody_waits() {
    let story = play(&deletion(json!({})), [always(error(500, "internal.server.error"))]);
    assert_eq!(story.end(), ended(Outcome::Failed, "internal.server.error"));
    assert!(story.calls.len() > 2, "it is tried again");
    assert_eq!(story.waits.len(), story.calls.len() - 1, "one pause between two tries, none after the last");
}

#[test]
fn an_odd_id_stays_inside_its_place_in_the_path() {
    let odd = "../../users/me?x=1#y%2F";
    let answers = [count(1), Json(202, json!({ "id": odd })), Json(200, json!({ "id": odd, "status": "completed" }))];
    let story = play(&deletion(json!({})), answers.into_iter().chain([count(0)]));
    assert_eq!(story.end(), verified());
    assert_eq!(story.requests[2].path, "/api/v2/data/deletion/requests/..%2F..%2Fusers%2Fme%3Fx%3D1%23y%252F");
    // Nothing can be asked with these ids: the submit counts as unclear, never as accepted.
    for unusable in ["a b", "a\r\nHost: elsewhere", "\u{e9}"] {
        let answers = [count(9), Json(202, json!({ "id": unusable })), count(4), count(0), count(0)];
        let story = play(&deletion(json!({})), answers);
        assert_eq!((story.end(), story.times(SUBMIT)), (verified(), 1), "{unusable:?}");
        assert!(story.calls.iter().all(|call| !call.starts_with("GET")), "{:?}", story.calls);
    }
}
