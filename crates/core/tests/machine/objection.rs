//! Stories of a policy that changes during the run: it is asked right before data goes, and what it keeps stays.

use purge_core::retry::GIVE_UP_BEFORE;

use super::*;

fn held() -> Answer {
    Objects(Objection::Held(against("hold `new` keeps it")))
}

fn unclear() -> Answer {
    Objects(Objection::unclear("there is no `policy.json`"))
}

fn recordings() -> Order {
    order("recordingJobs", |_| {})
}

fn kinds_of(log: &str) -> Vec<String> {
    let records = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    records.map(|record| record["event"]["kind"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_new_hold_keeps_a_deletion_from_leaving() {
    let story = play(&deletion(json!({})), [count(5), held()]);
    assert_eq!(story.end(), ended(Outcome::Held, "policy.keepsMore"));
    let view = story.run.view();
    assert_eq!((story.times(SUBMIT), view.submits, view.requests), (0, 0, 1), "it never left");
    assert_eq!(
        kinds_of(&story.log),
        ["started", "counted", "sending", "withheld", "finished"],
        "and that is on record"
    );
    // The job was created in vain, and is not left behind.
    let story = play(&recordings(), [created(), job("READY"), held()].into_iter().chain(called_off()));
    assert_eq!(story.end(), ended(Outcome::Held, "policy.keepsMore"));
    assert_eq!((story.times("PUT job-1"), story.times("DELETE job-1")), (0, 1));
    assert!(story.run.may_be_retried(), "once the hold is lifted it may be tried again");
}

#[test]
fn the_policy_that_let_a_deletion_out_is_on_record() {
    let order = deletion(json!({ "maxRecords": null }));
    let now = Timestamp::parse("2024-01-01T00:00:00Z").unwrap();
    let cx = Context { order: &order, pace: Pace::default(), now };
    let permitted = || Input::Permitted { policy: "sha256:ab".to_owned() };
    let begun = ChunkRun::new(&order, chunk()).step(cx, Input::Tick);
    assert!(matches!(&begun.next, Next::Send(request) if request.path.ends_with("requests")));
    let asked = begun.run.step(cx, permitted());
    assert!(matches!(asked.next, Next::WaitUntil { reason: WaitReason::InFlight, .. }), "its answer is still to come");
    assert_eq!(asked.records.len(), 1);
    assert!(asked.records[0].line().contains(r#""event":{"kind":"policy_asked","policy":"sha256:ab"}"#));
    let accepted = asked.run.step(cx, Input::Response(HttpResponse::json(202, &json!({ "id": "req-1" }))));
    assert_eq!(accepted.run.view().submits, 1);
    // Where nothing is about to be deleted, nothing was permitted.
    assert!(accepted.run.step(cx, permitted()).records.is_empty());
}

#[test]
fn a_cancel_right_before_the_deletion_keeps_it_back_and_is_on_record() {
    let cancelled = || Objects(Objection::Cancelled(asked()));
    let story = play(&deletion(json!({})), [count(5), cancelled()]);
    assert_eq!(story.end(), ended(Outcome::Cancelled, "cancelled"));
    let view = story.run.view();
    assert_eq!((story.times(SUBMIT), view.submits, view.requests), (0, 0, 1), "it never left");
    let kinds: Vec<_> = ["started", "counted", "sending", "withheld", "cancel_asked", "finished"].into();
    assert_eq!(kinds_of(&story.log), kinds);
    let story = play(&recordings(), [created(), job("READY"), cancelled()].into_iter().chain(called_off()));
    assert_eq!(story.end(), ended(Outcome::Cancelled, "cancelled"));
    assert_eq!((story.times("PUT job-1"), story.times("DELETE job-1")), (0, 1));
}

#[test]
fn a_new_retention_rule_rejects_a_deletion() {
    let forbidden = Objects(Objection::Forbidden(against("retention 90 days keeps it")));
    let story = play(&deletion(json!({})), [count(5), forbidden]);
    assert_eq!(story.end(), ended(Outcome::Rejected, "policy.keepsMore"));
}

#[test]
fn a_policy_that_cannot_be_read_is_waited_for_and_then_nothing_is_deleted() {
    let rest = [accepted(), status("completed"), count(0)];
    let story = play(&deletion(json!({})), [count(5), unclear(), unclear()].into_iter().chain(rest));
    assert_eq!((story.end(), story.times(SUBMIT)), (verified(), 1));
    assert_eq!(story.run.view().requests, 4, "what did not leave is no request");
    let waits = |reason: &WaitReason| matches!(reason, WaitReason::Backoff { .. });
    assert_eq!(story.waits.iter().filter(|reason| waits(reason)).count(), 2);

    // While it waits, the chunk says why.
    let now = Timestamp::parse("2024-01-01T00:00:00Z").unwrap();
    let cx = Context { order: &deletion(json!({"maxRecords": null})), pace: Pace::default(), now };
    let asked = fresh(cx.order).step(cx, Input::Tick).run;
    let waiting = asked.step(cx, Input::Objection(Objection::unclear("it is gone"))).run.view();
    let cause = waiting.cause.unwrap();
    assert_eq!((waiting.outcome, cause.code.as_str()), (None, "policy.unreadable"));
    assert!(cause.message.contains("it is gone"), "{}", cause.message);

    let story = play(&deletion(json!({})), [count(5), always(unclear())]);
    assert_eq!((story.end(), story.times(SUBMIT)), (ended(Outcome::Failed, "policy.unreadable"), 0));
    assert!(story.run.view().cause.unwrap().message.contains("there is no `policy.json`"));
    let tries = (0..GIVE_UP_BEFORE).map(|_| unclear());
    let story = play(&recordings(), [created(), job("READY")].into_iter().chain(tries).chain(called_off()));
    assert_eq!((story.end(), story.times("PUT job-1")), (ended(Outcome::Failed, "policy.unreadable"), 0));
}

#[test]
fn a_hold_after_an_unanswered_execution_believes_the_job_alone() {
    let unanswered = || {
        let lost = [created(), job("READY"), Lost(NoResponse::Dropped)];
        lost.into_iter().chain((0..8).map(|_| job("READY")))
    };
    let in_time = play(&recordings(), unanswered().chain([held()]).chain(called_off()));
    assert_eq!(in_time.end(), ended(Outcome::Held, "policy.keepsMore"));
    let too_late = [held(), error(400, "bad.request"), job("PROCESSING"), job("FULFILLED"), gone()];
    let story = play(&recordings(), unanswered().chain(too_late));
    assert_eq!((story.end(), story.times("PUT job-1")), (verified(), 1), "it had begun, so it is seen through");
}
