//! The bucket's policy, which applies now, stands against plans, requests and retries that were approved under another policy.

use std::time::Duration;

use purge_core::http::HttpResponse;
use purge_core::plan::{self, CheckContext, PlanFile};
use purge_core::run::{Cause, ChunkView, Outcome, WaitReason};
use purge_core::time::Timestamp;
use purge_core::wake::WakeUp;
use purge_driver::{Clock as _, Ledger as _};
use serde_json::{Value, json};

use super::fakes::{
    Sent, World, event, in_virtual_time, no_webhook, policy, request, sent, take_metrics, upload_event,
};
use crate::sweep::WAKE_UP_MARGIN;

const TIME: Duration = Duration::from_secs(120);

async fn ask(world: &World, event: &Value) -> Value {
    world.functions().plan(event, &world.invocation(TIME)).await.unwrap()
}

fn put(world: &World, key: &str, value: &Value) -> String {
    world.plans.put(key, &value.to_string())
}

fn codes(answer: &Value) -> Vec<&str> {
    let findings = answer["findings"].as_array().map(Vec::as_slice).unwrap_or_default();
    findings.iter().filter_map(|finding| finding["code"].as_str()).collect()
}

fn plan_file(world: &World, policy: &Value) -> Value {
    let context = CheckContext {
        now: world.clock.now(),
        tenant_jurisdiction: Some("us-east-1".to_owned()),
        default_jurisdiction: None,
    };
    let checked = plan::check(&request(3).to_string(), Some(&policy.to_string()), &context);
    serde_json::to_value(PlanFile::new(&checked.plan.unwrap(), context.now)).unwrap()
}

/// A hold on one hour of the first of January 2022.
fn hold_on(hour: u32) -> Value {
    let start = Timestamp::parse("2022-01-01T00:00:00Z").unwrap().plus(Duration::from_secs(u64::from(hour) * 3600));
    json!({"version": 1, "holds": [{"id": "case", "range": {"start": start, "end": start.plus(Duration::from_secs(3600))}}]})
}

/// The three ways to start a plan that was approved under a policy that keeps nothing.
fn starts(world: &World) -> Vec<Value> {
    let file = plan_file(world, &policy());
    let version = put(world, "plans/a.json", &file);
    let approval = json!({"digest": file["planDigest"], "approvedBy": "b@example.com"});
    vec![
        json!({"action": "runPlan", "planFile": file, "approvedBy": "b@example.com"}),
        json!({"action": "run", "request": request(3), "policy": policy(), "approval": approval}),
        upload_event("plans/a.json", Some(&version), "AWS:AIDA"),
    ]
}

/// The answer itself, which is in a file if the event was about a file.
fn read_answer(world: &World, answer: Value) -> Value {
    let Some(key) = answer["answers"][0]["key"].as_str() else { return answer };
    serde_json::from_str(&world.plans.kept.borrow()[&format!("answers/{key}")]).unwrap()
}

#[test]
fn nothing_that_was_approved_before_a_hold_starts_after_it() {
    for place in 0..3 {
        in_virtual_time(async |world| {
            let start = starts(world)[place].clone();
            put(world, "policy.json", &hold_on(1));
            let answer = read_answer(world, ask(world, &start).await);
            assert_eq!(codes(&answer), ["policy.keepsMore"], "{answer}");
            assert!(answer["detail"].as_str().unwrap().contains("hold `case`"), "{answer}");

            world.plans.kept.borrow_mut().remove("policy.json");
            let answer = read_answer(world, ask(world, &start).await);
            assert_eq!(codes(&answer), ["policy.missing"], "{answer}");
            assert_eq!(world.ledger.runs().await.unwrap(), []);
            assert!(world.for_couriers().is_empty());

            // A hold on something else changes nothing.
            put(world, "policy.json", &hold_on(9));
            let answer = read_answer(world, ask(world, &start).await);
            assert_eq!(answer["new"], true, "{answer}");
        });
    }
}

#[test]
fn a_worker_asks_the_policy_that_applies_now_before_it_deletes() {
    in_virtual_time(async |world| {
        // Without a count before it, the deletion is the first call.
        let uncounted = json!({"version": 1, "limits": {"maxRecords": null}});
        let run_id = world.run_under(3, &uncounted).await;
        let wake = async |chunk: u32| {
            let wake = sent(serde_json::to_string(&WakeUp::new(&run_id, chunk)).unwrap());
            let answer = world.functions().work(&event(&[wake]), &world.invocation(TIME)).await.unwrap();
            assert_eq!(answer["batchItemFailures"], json!([]));
            world.ledger.chunk(&run_id, chunk).await.unwrap().unwrap().run.view()
        };
        let mut now = hold_on(1);
        now["limits"] = uncounted["limits"].clone();
        put(world, "policy.json", &now);
        let held = wake(2).await;
        assert_eq!((held.outcome, held.cause.unwrap().code.as_str()), (Some(Outcome::Held), "policy.keepsMore"));
        assert_eq!(held.requests, 0, "nothing left");
        let other = wake(1).await;
        assert_eq!((other.outcome, other.requests), (None, 1), "a hold on something else is no obstacle");
        world.plans.kept.borrow_mut().remove("policy.json");
        let waits = wake(3).await;
        assert_eq!((waits.outcome, waits.requests), (None, 0), "without a policy nobody can tell, so it waits");
        assert!(matches!(waits.wait, Some(WaitReason::Backoff { attempt: 1 })), "{:?}", waits.wait);
    });
}

/// A run of one chunk whose recordings wait for their date.
struct Cooling<'w> {
    world: &'w World,
    run_id: String,
    date: Timestamp,
}

impl<'w> Cooling<'w> {
    /// Creates such a run, and returns it with the wake-up that is under way.
    async fn begin(world: &'w World) -> (Self, Sent) {
        let mut wanted = request(24);
        (wanted["api"], wanted["recordTypes"]) = (json!("recordingJobs"), json!(["recording"]));
        (wanted["chunking"], wanted["recordings"]) = (json!({"days": 1}), json!({"coolOffDays": 7}));
        let run_id = world.run_of(&wanted, &policy()).await;
        let mut cooling = Self { world, run_id, date: Timestamp::EPOCH };
        let job = |state: &str| {
            let counts = json!({"id": "job-1", "state": state, "totalConversations": 3, "totalRecordings": 5,
                "totalProcessedRecordings": 5, "totalSkippedRecordings": 0, "totalFailedRecordings": 0});
            world.http.answer.replace(HttpResponse::json(200, &counts));
        };
        job("READY");
        let mut next = cooling.deliver(sent(WakeUp::new(&cooling.run_id, 1).text())).await.unwrap();
        job("FULFILLED");
        while cooling.view().await.wait != Some(WaitReason::CoolOff) {
            next = cooling.deliver(next).await.unwrap();
        }
        cooling.date = cooling.view().await.due.unwrap();
        (cooling, next)
    }

    async fn view(&self) -> ChunkView {
        self.world.ledger.chunk(&self.run_id, 1).await.unwrap().unwrap().run.view()
    }

    /// Delivers a message after its delay, and returns the message that this sends.
    async fn deliver(&self, message: Sent) -> Option<Sent> {
        let held_back = Duration::from_secs(u64::try_from(message.delay_seconds).unwrap());
        self.world.clock.sleep(held_back).await;
        let answer = self.world.functions().work(&event(&[message]), &self.world.invocation(TIME)).await.unwrap();
        assert_eq!(answer["batchItemFailures"], json!([]));
        self.world.chunks.take().pop()
    }

    /// Delivers this message and those that follow from it, `times` times. The chunk still waits for its date afterwards.
    async fn deliver_times(&self, mut next: Sent, times: usize) -> Sent {
        for _ in 0..times {
            next = self.deliver(next).await.unwrap();
        }
        assert_eq!((self.view().await.due, self.view().await.outcome), (Some(self.date), None));
        next
    }

    /// Places a hold, and checks that the chunk, which goes on from this message, notices it within the hour.
    async fn assert_notices_hold(&self, next: Sent) {
        put(self.world, "policy.json", &hold_on(0));
        let placed = self.world.clock.now();
        let mut last = Some(next);
        while let Some(next) = last {
            last = self.deliver(next).await;
        }
        self.assert_ended_for_hold(placed, AN_HOUR).await;
    }

    /// Checks that the chunk has ended because of a hold that was placed at `placed`, and within that time.
    async fn assert_ended_for_hold(&self, placed: Timestamp, within: Duration) {
        let told = self.view().await;
        let Cause { code, message, .. } = told.cause.unwrap();
        assert_eq!((told.outcome, code.as_str()), (Some(Outcome::Unknown), "policy.scheduled"));
        assert!(message.contains("hold `case`") && message.contains(&self.date.to_string()), "{message}");
        let ended_at = told.ended_at.unwrap();
        assert!(ended_at.since(placed) <= within, "placed at {placed}, and noticed at {ended_at}");
    }
}

/// An hour, and some time for a message.
const AN_HOUR: Duration = Duration::from_secs(3_700);

/// Until the date comes, wake-ups are sent on, and the policy is read once an hour.
#[test]
fn recordings_that_wait_for_their_date_are_looked_after_until_a_hold_comes() {
    in_virtual_time(async |world| {
        let (cooling, next) = Cooling::begin(world).await;
        let calls = world.http.called.borrow().len();
        let next = cooling.deliver_times(next, 20).await;
        cooling.assert_notices_hold(next).await;
        let lines = take_metrics("ChunksNeedSomebody");
        assert_eq!(lines.len(), 1, "somebody is called while there is time");
        assert_eq!((&lines[0]["runId"], &lines[0]["cause"]), (&json!(cooling.run_id), &json!("policy.scheduled")));
        assert_eq!(world.http.called.borrow().len(), calls, "nothing was asked of the organisation");
        assert!(!world.for_couriers().is_empty(), "the governance system is told");
    });
}

/// The stored wait ends at the date, but the replacement of a dead wake-up must come for the next look at the policy.
#[test]
fn recordings_that_wait_for_their_date_are_looked_after_when_a_wake_up_dies() {
    for looks in [1, 6, 20] {
        in_virtual_time(async |world| {
            let (cooling, next) = Cooling::begin(world).await;
            let mut next = cooling.deliver_times(next, looks).await;
            // It is replaced however often it dies, because each look is a wait of its own.
            for _ in 0..3 {
                world.clock.sleep(WAKE_UP_MARGIN).await;
                let answer = world.functions().bury(&event(&[next]), &world.invocation(TIME)).await.unwrap();
                assert_eq!(answer["batchItemFailures"], json!([]));
                next = world.chunks.take().pop().unwrap();
            }
            cooling.assert_notices_hold(next).await;
        });
    }
}

/// Once the date has come, a chunk whose every wake-up dies cannot be carried on.
#[test]
fn a_cool_off_whose_every_wake_up_dies_ends_after_the_date() {
    in_virtual_time(async |world| {
        let (cooling, mut next) = Cooling::begin(world).await;
        let mut dead = 0;
        while cooling.view().await.outcome.is_none() {
            world.clock.sleep(WAKE_UP_MARGIN).await;
            world.functions().bury(&event(&[next.clone()]), &world.invocation(TIME)).await.unwrap();
            next = world.chunks.take().pop().unwrap_or(next);
            dead += 1;
        }
        let ended = cooling.view().await;
        assert_eq!(ended.cause.unwrap().code, "message.dead");
        let late = ended.ended_at.unwrap().since(cooling.date);
        assert!(late <= WAKE_UP_MARGIN * 3 && dead > 100, "{late:?}, {dead}");
    });
}

/// The chunk's wake-up is lost, and the sweep alone brings the chunk to its end: whatever the workers send is lost as well.
#[test]
fn recordings_that_wait_for_their_date_are_looked_after_when_a_wake_up_is_lost() {
    in_virtual_time(async |world| {
        let (cooling, next) = Cooling::begin(world).await;
        drop(cooling.deliver_times(next, 6).await);
        put(world, "policy.json", &hold_on(0));
        let placed = world.clock.now();
        let sweep = json!({"action": "sweep"});
        while cooling.view().await.outcome.is_none() {
            world.clock.sleep(Duration::from_secs(900)).await;
            ask(world, &sweep).await;
            let errands = world.for_couriers();
            world.functions().run_errands(&event(&errands), &no_webhook, &world.invocation(TIME)).await.unwrap();
            let woken = world.chunks.take();
            assert!(woken.len() <= 1);
            world.functions().work(&event(&woken), &world.invocation(TIME)).await.unwrap();
            world.chunks.take();
        }
        cooling.assert_ended_for_hold(placed, Duration::from_secs(4 * 3_600 + 1_800)).await;
        let lines = take_metrics("StalledChunks");
        assert!(
            lines.len() > 1 && lines.iter().all(|line| line["StalledRuns"] == 0),
            "it is nobody's fault: {lines:?}"
        );
    });
}

#[test]
fn a_policy_that_is_gone_calls_somebody_while_recordings_wait_for_their_date() {
    in_virtual_time(async |world| {
        let (cooling, mut next) = Cooling::begin(world).await;
        world.plans.kept.borrow_mut().remove("policy.json");
        let mut lines = Vec::new();
        for _ in 0..12 {
            next = cooling.deliver_times(next, 1).await;
            lines.extend(take_metrics("PolicyUnread"));
        }
        let of = |line: &Value| (line["runId"].clone(), line["chunk"].clone(), line["Simulated"].clone());
        assert_eq!(lines.len(), 3, "once an hour, of four hops each");
        assert!(lines.iter().all(|line| of(line) == (json!(cooling.run_id), json!(1), json!("true"))), "{lines:?}");
    });
}

#[test]
fn somebody_who_knows_that_messages_are_gone_has_every_cool_off_looked_at_at_once() {
    in_virtual_time(async |world| {
        let (cooling, _) = Cooling::begin(world).await;
        put(world, "policy.json", &hold_on(0));
        let placed = world.clock.now();
        ask(world, &json!({"action": "sweep", "overdueSeconds": 60})).await;
        let errands = world.for_couriers();
        world.functions().run_errands(&event(&errands), &no_webhook, &world.invocation(TIME)).await.unwrap();
        world.functions().work(&event(&world.chunks.take()), &world.invocation(TIME)).await.unwrap();
        cooling.assert_ended_for_hold(placed, Duration::ZERO).await;
    });
}

/// Ends the chunk as failed.
async fn fail_chunk(world: &World, run_id: &str, chunk: u32) {
    let dead = sent(serde_json::to_string(&WakeUp::new(run_id, chunk)).unwrap());
    world.functions().bury(&event(&[dead]), &world.invocation(TIME)).await.unwrap();
}

#[test]
fn a_retry_stops_at_a_hold_on_what_it_would_still_delete() {
    in_virtual_time(async |world| {
        let run_id = world.run(3).await;
        for chunk in [1, 2, 3] {
            fail_chunk(world, &run_id, chunk).await;
        }
        put(world, "policy.json", &hold_on(1));
        let retry = |chunks: Option<Value>| json!({"action": "retry", "runId": run_id, "askedBy": "a@example.com", "chunks": chunks});
        assert_eq!(codes(&ask(world, &retry(None)).await), ["policy.keepsMore"]);
        assert_eq!(codes(&ask(world, &retry(Some(json!([1, 2])))).await), ["policy.keepsMore"]);
        assert_eq!(world.ledger.run(&run_id).await.unwrap().unwrap().open, 0);
        assert_eq!(ask(world, &retry(Some(json!([1, 3])))).await["queued"], 2);

        let named = json!({"version": 1, "holds": [{"id": "case", "conversationIds": ["6b1f3c1e-0000-4000-8000-000000000001"]}]});
        put(world, "policy.json", &named);
        assert_eq!(codes(&ask(world, &retry(None)).await), ["policy.newHold"]);
        world.plans.kept.borrow_mut().remove("policy.json");
        assert_eq!(codes(&ask(world, &retry(None)).await), ["policy.missing"]);
    });
}

#[test]
fn a_retry_of_some_chunks_takes_the_cancellation_of_the_others_not_back() {
    in_virtual_time(async |world| {
        let run_id = world.run(3).await;
        fail_chunk(world, &run_id, 1).await;
        ask(world, &json!({"action": "cancel", "runId": run_id, "askedBy": "a@example.com"})).await;
        let cancel_asked = world.ledger.cancel_asked(&run_id).await.unwrap().map(|asked| asked.at);
        let retry = |chunks: Value| json!({"action": "retry", "runId": run_id, "askedBy": "a@example.com", "chunks": chunks, "cancelAsked": cancel_asked});
        let cancelled = async || world.ledger.cancel_asked(&run_id).await.unwrap().is_some();
        assert_eq!(codes(&ask(world, &retry(json!([1]))).await), ["run.cancelling"]);
        for chunks in [json!([2]), json!([])] {
            assert_eq!(codes(&ask(world, &retry(chunks)).await), ["run.nothingToRetry"]);
        }
        for chunks in [json!([0]), json!([1, 9])] {
            assert_eq!(codes(&ask(world, &retry(chunks)).await), ["run.noChunk"]);
        }
        assert!(cancelled().await);
        for chunk in [2, 3] {
            fail_chunk(world, &run_id, chunk).await;
        }
        assert_eq!(ask(world, &retry(json!([1]))).await["queued"], 1);
        assert!(!cancelled().await);
        assert_eq!(world.ledger.open_chunks(&run_id, 0, 9).await.unwrap(), [1]);
    });
}

#[test]
fn an_upload_is_no_second_person() {
    in_virtual_time(async |world| {
        let two = json!({"version": 1, "limits": {"secondPerson": true}});
        let file = plan_file(world, &two);
        let version = put(world, "plans/a.json", &file);
        let upload = upload_event("plans/a.json", Some(&version), "AWS:AIDA");
        assert_eq!(codes(&read_answer(world, ask(world, &upload).await)), ["approval.upload"]);
        assert_eq!(world.ledger.runs().await.unwrap(), []);
        let run = |by: &str| json!({"action": "runPlan", "planFile": file, "approvedBy": by});
        assert_eq!(codes(&ask(world, &run("A@example.com")).await), ["approval.samePerson"]);
        assert_eq!(codes(&ask(world, &run("a@example.com\u{200b}")).await), ["approval.name"]);
        assert_eq!(ask(world, &run("b@example.com")).await["new"], true);
    });
}
