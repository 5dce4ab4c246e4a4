//! Tests that a made-up log with fitting hashes is recognised: it tells a story that no run can have, and the report names what is
//! wrong.

use std::time::Duration;

use purge_core::audit::AuditRecord;
use purge_core::report::Report;
use purge_core::request::{DeletionApi, RecordingOptions};
use purge_core::run::{HeldConversation, HeldWindow};
use purge_core::window::Window;
use serde_json::{Value, json};

use crate::honest::world;
use crate::support::{World, at};
use crate::tenant::records;

type Forge = fn(&mut Vec<Value>);

fn deletion() -> World {
    world(DeletionApi::DataDeletion, |order| order.limits.max_records = Some(1_000))
}

/// A recording job with all guards and a cool-off.
fn job() -> World {
    world(DeletionApi::RecordingJobs, |order| {
        order.limits.max_records = Some(1_000);
        order.request.recordings = Some(RecordingOptions { cool_off_days: 7, ..RecordingOptions::default() });
        order.held_conversations = vec![HeldConversation { id: "c-9".to_owned(), hold: "H".to_owned() }];
        let window = Window::new(at("2023-01-05T00:00:00Z"), at("2023-01-06T00:00:00Z")).unwrap();
        order.held_windows = vec![HeldWindow { window, hold: "W".to_owned(), rule: false }];
    })
}

/// The records of an honest run.
fn honest(world: &World) -> Vec<Value> {
    let honest = records(&world.order, world.chunks[0], &[]);
    honest.iter().map(|record| serde_json::to_value(record).unwrap()).collect()
}

/// The problems that the report names after the records of an honest run are forged.
fn problems_after(world: &World, forge: Forge) -> String {
    let mut values = honest(world);
    forge(&mut values);
    reported(world, &values)
}

/// The codes of the problems in a report of these records.
fn reported(world: &World, values: &[Value]) -> String {
    let forged: Vec<AuditRecord> =
        values.iter().map(|value| serde_json::from_str(&value.to_string()).unwrap()).collect();
    let report = Report::of(world.ordered(), &forged);
    report.problems.into_iter().map(|problem| problem.code).collect::<Vec<_>>().join(" ")
}

fn kind(record: &Value) -> &str {
    record["event"]["kind"].as_str().unwrap()
}

/// Sets members in all events of this kind.
fn set_members(records: &mut [Value], of: &str, members: &Value) {
    for record in records.iter_mut().filter(|record| kind(record) == of) {
        let event = record["event"].as_object_mut().unwrap();
        event.extend(members.as_object().unwrap().clone());
    }
}

/// Removes all events of these kinds.
fn drop_all(records: &mut Vec<Value>, kinds: &[&str]) {
    records.retain(|record| !kinds.contains(&kind(record)));
}

/// Inserts an event before the first one of this kind.
fn insert_before(records: &mut Vec<Value>, of: &str, event: Value) {
    let place = records.iter().position(|record| kind(record) == of).unwrap();
    let mut record = records[place].clone();
    record["event"] = event;
    records.insert(place, record);
}

/// Somebody asks for another attempt.
fn retried() -> Value {
    json!({ "kind": "retried", "asked_by": "cy", "asked_at": "2026-01-01T00:00:00.000Z" })
}

/// Changes how the attempt ends.
fn change_end(records: &mut [Value], outcome: &str, deleted: Value, members: &Value) {
    let cause = json!({ "code": "made.up", "message": "made up" });
    set_members(records, "finished", &json!({ "outcome": outcome, "cause": cause }));
    set_members(records, "finished", members);
    let last = records.last_mut().unwrap();
    last["status"] = json!(outcome);
    last["records_deleted"] = deleted;
}

fn is_put(record: &Value) -> bool {
    record["event"]["call"].as_str().is_some_and(|call| call.starts_with("PUT "))
}

#[test]
fn a_deletion_that_cannot_have_been_is_named() {
    assert_eq!(problems_after(&deletion(), |_| {}), "");
    let table: [(&str, Forge, &str); 33] = [
        ("another body", |r| set_members(r, "sending", &json!({ "body_sha256": "sha256:00" })), "request.body"),
        ("no body", |r| set_members(r, "sending", &json!({ "body_sha256": null })), "request.body"),
        (
            "another call",
            |r| set_members(r, "sending", &json!({ "call": "POST /api/v2/conversations" })),
            "request.body",
        ),
        (
            "an execution",
            |r| insert_before(r, "counted", json!({ "kind": "sending", "call": "PUT /api/v2/recording/jobs/abc" })),
            "request.body",
        ),
        ("another id at the end", |r| r.last_mut().unwrap()["request_id"] = json!("other"), "request.id"),
        (
            "accepted without an id",
            |r| {
                let of = r.iter_mut().filter(|record| kind(record) == "submitted");
                of.for_each(|record| record["request_id"] = Value::Null);
            },
            "request.id",
        ),
        ("an id before it", |r| r[1]["request_id"] = json!("req-1"), "request.id"),
        (
            "nothing sent",
            |r| {
                drop_all(r, &["sending", "submitted", "status"]);
                r.iter_mut().for_each(|record| record["request_id"] = Value::Null);
                set_members(r, "finished", &json!({ "submits": 0 }));
            },
            "verified.undone records.deleted",
        ),
        (
            "nothing sent, and nothing there",
            |r| {
                drop_all(r, &["sending", "submitted", "status"]);
                r.iter_mut().for_each(|record| record["request_id"] = Value::Null);
                set_members(r, "counted", &json!({ "records": 0 }));
                set_members(r, "finished", &json!({ "submits": 0, "before": 0 }));
                r.last_mut().unwrap()["records_deleted"] = json!(0);
            },
            "verified.undone",
        ),
        (
            "looked before it was done",
            |r| {
                let look = r.iter().position(|record| kind(record) == "verified").unwrap();
                let status = r.iter().position(|record| kind(record) == "status").unwrap();
                r.swap(look, status);
            },
            "verified.unseen records.left",
        ),
        ("done by nobody", |r| drop_all(r, &["status"]), "verified.undone"),
        ("failed, and verified", |r| set_members(r, "status", &json!({ "remote": "failed" })), "verified.undone"),
        ("no look", |r| drop_all(r, &["verified"]), "verified.unseen records.left"),
        ("a look of another kind", |r| set_members(r, "verified", &json!({ "method": "trust me" })), "verified.unseen"),
        ("found something", |r| set_members(r, "verified", &json!({ "found": 3 })), "verified.unseen"),
        (
            "looked before it was sent",
            |r| {
                let look = r.remove(r.iter().position(|record| kind(record) == "verified").unwrap());
                let place = r.iter().position(|record| kind(record) == "sending").unwrap();
                r.insert(place, look);
                r[place]["request_id"] = Value::Null;
            },
            "verified.unseen records.left",
        ),
        (
            "cancelled after it was accepted",
            |r| {
                drop_all(r, &["verified"]);
                change_end(r, "cancelled", Value::Null, &json!({ "remaining": null }));
            },
            "outcome.denied",
        ),
        (
            "failed without a submit",
            |r| {
                let none =
                    json!({ "kind": "no_answer", "call": "POST /api/v2/data/deletion/requests", "why": "timedOut" });
                insert_before(r, "submitted", none);
                drop_all(r, &["submitted", "status", "verified"]);
                r.iter_mut().for_each(|record| record["request_id"] = Value::Null);
                change_end(r, "failed", Value::Null, &json!({ "submits": 0, "remaining": null }));
            },
            "submits.unsent",
        ),
        (
            "another count before",
            |r| {
                set_members(r, "finished", &json!({ "before": 900_000 }));
                r.last_mut().unwrap()["records_deleted"] = json!(900_000);
            },
            "records.before",
        ),
        (
            "more deleted than there was",
            |r| {
                set_members(r, "finished", &json!({ "before": null }));
                r.last_mut().unwrap()["records_deleted"] = json!(777);
            },
            "records.before records.sum",
        ),
        (
            "too many",
            |r| {
                set_members(r, "counted", &json!({ "records": 5_000_000 }));
                set_members(r, "finished", &json!({ "before": 5_000_000 }));
                r.last_mut().unwrap()["records_deleted"] = json!(5_000_000);
            },
            "guards.limit",
        ),
        ("not counted", |r| drop_all(r, &["counted"]), "guards.limit records.before"),
        (
            "another number left",
            |r| {
                set_members(r, "verified", &json!({ "found": 5, "remaining": 5 }));
                change_end(r, "residual", json!(12), &json!({}));
            },
            "records.left",
        ),
        (
            "asked to stop",
            |r| {
                let event = json!({ "kind": "cancel_asked", "asked_by": "cy", "asked_at": "2026-01-01T00:00:00.000Z" });
                insert_before(r, "sending", event);
            },
            "cancel.sent",
        ),
        (
            "withheld, and accepted",
            |r| {
                let (call, cause) = ("POST /api/v2/data/deletion/requests", json!({ "code": "a", "message": "b" }));
                insert_before(r, "submitted", json!({ "kind": "withheld", "call": call, "cause": cause }));
                let place = r.iter().position(|record| kind(record) == "withheld").unwrap();
                r[place]["request_id"] = Value::Null;
            },
            "submits.unrecorded",
        ),
        (
            "two submits accepted",
            |r| {
                let mut both: Vec<_> =
                    r.iter().filter(|record| ["sending", "submitted"].contains(&kind(record))).cloned().collect();
                both[0]["request_id"] = both[1]["request_id"].clone();
                let place = r.iter().position(|record| kind(record) == "status").unwrap();
                r.splice(place..place, both);
                set_members(r, "finished", &json!({ "submits": 2 }));
            },
            "guards.limit submits.accepted",
        ),
        (
            "submitted again on an old count",
            |r| {
                let sent = r.iter().find(|record| kind(record) == "sending").unwrap().clone();
                unanswered(r);
                insert_before(r, "verified", sent["event"].clone());
            },
            "guards.limit",
        ),
        (
            "accepted, and submitted nothing",
            |r| set_members(r, "finished", &json!({ "submits": 0 })),
            "submits.unsent verified.undone records.deleted",
        ),
        (
            "nothing left, says nobody",
            |r| {
                set_members(r, "verified", &json!({ "remaining": null }));
                set_members(r, "finished", &json!({ "remaining": null }));
                r.last_mut().unwrap()["records_deleted"] = Value::Null;
            },
            "verified.remaining",
        ),
        ("something protected", |r| set_members(r, "finished", &json!({ "protected": 3 })), "records.sum"),
        (
            "verified, and something left",
            |r| {
                set_members(r, "verified", &json!({ "remaining": 2 }));
                set_members(r, "finished", &json!({ "remaining": 2 }));
                r.last_mut().unwrap()["records_deleted"] = json!(10);
            },
            "verified.remaining",
        ),
        (
            "verified, and why not",
            |r| set_members(r, "finished", &json!({ "cause": { "code": "made.up", "message": "made up" } })),
            "verified.cause",
        ),
        (
            "failed, and not why",
            |r| {
                change_end(r, "failed", json!(12), &json!({}));
                set_members(r, "finished", &json!({ "cause": null }));
            },
            "cause.missing",
        ),
    ];
    for (what, forge, codes) in table {
        assert_eq!(problems_after(&deletion(), forge), codes, "{what}");
    }
}

/// Makes the submit an unanswered one that was looked for.
fn unanswered(records: &mut Vec<Value>) {
    let none = json!({ "kind": "no_answer", "call": "POST /api/v2/data/deletion/requests", "why": "timedOut" });
    set_members(records, "submitted", &json!({ "kind": "was_submitted" }));
    let of = records.iter_mut().find(|record| kind(record) == "was_submitted").unwrap();
    of["event"] = none;
    insert_before(records, "verified", json!({ "kind": "submit_looked_for", "arrived": true, "how": "it is empty" }));
    drop_all(records, &["status"]);
    records.iter_mut().for_each(|record| record["request_id"] = Value::Null);
}

#[test]
fn a_submit_without_an_answer_that_cannot_have_been_is_named() {
    let table: [(&str, Forge, &str); 4] = [
        ("watched until the window was empty", |_| {}, ""),
        ("nobody watched", |r| drop_all(r, &["submit_looked_for"]), "verified.undone"),
        (
            "failed after all",
            |r| insert_before(r, "verified", json!({ "kind": "status", "remote": "failed", "known": true })),
            "verified.undone",
        ),
        (
            "looked before it was sent",
            |r| {
                let look = r.remove(r.iter().position(|record| kind(record) == "verified").unwrap());
                let place = r.iter().position(|record| kind(record) == "sending").unwrap();
                r.insert(place, look);
            },
            "verified.unseen",
        ),
    ];
    for (what, forge, codes) in table {
        let mut values = honest(&deletion());
        unanswered(&mut values);
        forge(&mut values);
        assert_eq!(reported(&deletion(), &values), codes, "{what}");
    }
}

#[test]
fn a_job_that_cannot_have_been_is_named() {
    assert_eq!(problems_after(&job(), |_| {}), "");
    let table: [(&str, Forge, &str); 37] = [
        (
            "the body of an execution",
            |r| {
                let put = r.iter_mut().find(|record| is_put(record)).unwrap();
                put["event"]["body_sha256"] = json!("sha256:00");
            },
            "request.body",
        ),
        (
            "created for another date",
            |r| {
                let post = r.iter_mut().find(|record| kind(record) == "sending").unwrap();
                post["timestamp"] = json!("2026-01-01T00:00:01.000Z");
            },
            "request.body",
        ),
        (
            "executed another job",
            |r| {
                let put = r.iter_mut().find(|record| is_put(record)).unwrap();
                put["event"]["call"] = json!("PUT /api/v2/recording/jobs/other");
            },
            "request.body",
        ),
        (
            "never executed",
            |r| {
                drop_all(r, &["gate", "holds_checked", "processed", "waiting"]);
                r.retain(|record| {
                    let later = kind(record) == "status" && record["event"]["remote"] != "PENDING";
                    !(later || is_put(record))
                });
            },
            "verified.undone records.before records.sum",
        ),
        ("no gate", |r| drop_all(r, &["gate"]), "guards.limit"),
        ("a gate that did not pass", |r| set_members(r, "gate", &json!({ "passed": false })), "guards.limit"),
        ("a gate with another limit", |r| set_members(r, "gate", &json!({ "max_records": 5_000 })), "guards.limit"),
        (
            "a gate that passed too many",
            |r| set_members(r, "gate", &json!({ "recordings": 9_000_000 })),
            "guards.limit",
        ),
        ("no hold asked for", |r| set_members(r, "holds_checked", &json!({ "asked": 0 })), "guards.unasked"),
        ("no window searched", |r| set_members(r, "holds_checked", &json!({ "periods": 0 })), "guards.unasked"),
        ("no look for holds", |r| drop_all(r, &["holds_checked"]), "guards.unasked"),
        ("held, and executed", |r| set_members(r, "holds_checked", &json!({ "unprotected": ["c-9"] })), "held.sent"),
        (
            "cancelled after it ran",
            |r| {
                drop_all(r, &["verified", "processed", "waiting"]);
                change_end(r, "cancelled", Value::Null, &json!({ "before": 12, "remaining": null }));
            },
            "outcome.denied",
        ),
        (
            "held after it ran",
            |r| {
                drop_all(r, &["verified"]);
                change_end(r, "held", Value::Null, &json!({ "remaining": null }));
            },
            "outcome.denied",
        ),
        (
            "an execution without an answer, and timed out",
            |r| {
                let id = r.last().unwrap()["request_id"].as_str().unwrap().to_owned();
                let call = format!("PUT /api/v2/recording/jobs/{id}");
                let status = r.iter().position(|record| record["event"]["remote"] == "PROCESSING").unwrap();
                r[status]["event"] = json!({ "kind": "no_answer", "call": call, "why": "dropped" });
                r.retain(|record| record["event"]["remote"] != "FULFILLED");
                drop_all(r, &["verified", "processed", "waiting"]);
                change_end(r, "timedOut", Value::Null, &json!({ "remaining": null }));
            },
            "outcome.denied",
        ),
        ("too early", |r| drop_all(r, &["waiting"]), "verified.early"),
        (
            "deleted more than it processed",
            |r| set_members(r, "processed", &json!({ "processed": 1, "skipped": 0, "failed": 0 })),
            "records.sum",
        ),
        (
            "deleted more than it counted",
            |r| {
                set_members(r, "finished", &json!({ "before": 99_999 }));
                r.last_mut().unwrap()["records_deleted"] = json!(99_999);
            },
            "records.before records.sum",
        ),
        ("nothing looked at", |r| set_members(r, "verified", &json!({ "checked": 0 })), "verified.unseen"),
        ("nobody knows at how many", |r| set_members(r, "verified", &json!({ "checked": null })), "verified.unseen"),
        ("a count is no look", |r| set_members(r, "verified", &json!({ "method": "analytics" })), "verified.unseen"),
        (
            "not over",
            |r| {
                let of = r.iter_mut().filter(|record| record["event"]["remote"] == "FULFILLED");
                of.for_each(|record| record["event"]["remote"] = json!("PROCESSING"));
            },
            "verified.undone",
        ),
        (
            "one failed",
            |r| set_members(r, "processed", &json!({ "processed": 11, "failed": 1 })),
            "verified.undone records.sum",
        ),
        ("what it processed is not said", |r| drop_all(r, &["processed"]), "verified.undone records.sum"),
        (
            "deleted what it skipped",
            |r| {
                set_members(r, "processed", &json!({ "skipped": 2 }));
                change_end(r, "residual", json!(12), &json!({}));
            },
            "records.sum",
        ),
        (
            "deleted what failed",
            |r| {
                set_members(r, "processed", &json!({ "failed": 2 }));
                change_end(r, "residual", json!(12), &json!({}));
            },
            "records.sum",
        ),
        (
            "skipped all of it, and held",
            |r| {
                set_members(r, "processed", &json!({ "processed": 0, "skipped": 12 }));
                change_end(r, "held", json!(0), &json!({ "protected": 12 }));
            },
            "",
        ),
        (
            "skipped what the platform protects",
            |r| {
                set_members(r, "processed", &json!({ "processed": 10, "skipped": 2 }));
                set_members(r, "finished", &json!({ "protected": 2 }));
                r.last_mut().unwrap()["records_deleted"] = json!(10);
            },
            "",
        ),
        (
            "deleted and left more than there was",
            |r| {
                set_members(r, "verified", &json!({ "found": 5, "remaining": 5 }));
                change_end(r, "residual", json!(12), &json!({ "remaining": 5 }));
            },
            "records.sum",
        ),
        (
            "something left, and no look",
            |r| {
                insert_before(r, "gate", json!({ "kind": "submit_looked_for", "arrived": true, "how": "in the list" }));
                drop_all(r, &["verified"]);
                change_end(r, "residual", Value::Null, &json!({ "remaining": 5 }));
            },
            "records.left",
        ),
        (
            "nothing there, and nothing to look at",
            |r| {
                set_members(r, "gate", &json!({ "recordings": 0 }));
                set_members(r, "processed", &json!({ "recordings": 0, "processed": 0 }));
                set_members(r, "verified", &json!({ "checked": 0 }));
                set_members(r, "finished", &json!({ "before": 0 }));
                r.last_mut().unwrap()["records_deleted"] = json!(0);
            },
            "",
        ),
        (
            "something deleted, nothing looked at, and no number of it",
            |r| {
                set_members(r, "verified", &json!({ "checked": 0 }));
                r.last_mut().unwrap()["records_deleted"] = Value::Null;
            },
            "verified.unseen",
        ),
        (
            "more looked at than had recordings before",
            |r| set_members(r, "verified", &json!({ "checked": 99 })),
            "verified.unseen",
        ),
        (
            "cancelled midway, and nothing deleted",
            |r| {
                let of = r.iter_mut().filter(|record| record["event"]["remote"] == "FULFILLED");
                of.for_each(|record| record["event"]["remote"] = json!("CANCELLED"));
                set_members(r, "processed", &json!({ "processed": 5 }));
                change_end(r, "cancelled", Value::Null, &json!({}));
            },
            "outcome.denied",
        ),
        (
            "cancelled before it began",
            |r| {
                let of = r.iter_mut().filter(|record| record["event"]["remote"] == "FULFILLED");
                of.for_each(|record| record["event"]["remote"] = json!("CANCELLED"));
                set_members(r, "processed", &json!({ "processed": 0 }));
                change_end(r, "cancelled", json!(0), &json!({}));
            },
            "",
        ),
        (
            "cancelled, and deleted something",
            |r| {
                let of = r.iter_mut().filter(|record| record["event"]["remote"] == "FULFILLED");
                of.for_each(|record| record["event"]["remote"] = json!("CANCELLED"));
                set_members(r, "processed", &json!({ "processed": 0 }));
                change_end(r, "cancelled", json!(5), &json!({}));
            },
            "records.deleted records.sum",
        ),
        (
            "executed twice on one look",
            |r| {
                let put = r.iter().find(|record| is_put(record)).unwrap().clone();
                let none = json!({ "kind": "no_answer", "call": put["event"]["call"].clone(), "why": "dropped" });
                let place = r.iter().position(|record| record["event"]["remote"] == "PROCESSING").unwrap();
                let mut lost = put.clone();
                lost["event"] = none;
                r.splice(place..place, [lost, put]);
            },
            "guards.unasked guards.limit",
        ),
    ];
    for (what, forge, codes) in table {
        assert_eq!(problems_after(&job(), forge), codes, "{what}");
    }
    // The recordings of a job are counted even without a limit.
    let mut unlimited = job();
    unlimited.order.limits.max_records = None;
    assert_eq!(problems_after(&unlimited, |_| {}), "");
    assert_eq!(problems_after(&unlimited, |r| drop_all(r, &["gate"])), "guards.limit");
    // The date lies seven days after the request that created the job.
    let early_by = |millis| {
        let mut values = honest(&job());
        drop_all(&mut values, &["waiting"]);
        let post = values.iter().find(|record| kind(record) == "sending").unwrap();
        let date = at(post["timestamp"].as_str().unwrap()).plus_days(7);
        let done = values.iter_mut().find(|record| kind(record) == "processed").unwrap();
        done["timestamp"] = json!(date.minus(Duration::from_millis(millis)).to_string());
        reported(&job(), &values)
    };
    assert_eq!((early_by(1).as_str(), early_by(0).as_str()), ("verified.early", ""));
}

#[test]
fn attempts_that_cannot_follow_each_other_are_named() {
    let table: [(&str, Forge, &str); 5] = [
        (
            "verified, and tried again",
            |r| {
                let mut again = r.clone();
                insert_before(&mut again, "started", retried());
                again.iter_mut().for_each(|record| record["attempt"] = json!(2));
                r.extend(again);
            },
            "attempt.order",
        ),
        ("started twice", |r| r.insert(1, r[0].clone()), "attempt.start"),
        ("never started", |r| drop(r.remove(0)), "attempt.start"),
        ("started late", |r| r.swap(0, 1), "attempt.start"),
        ("asked for, though it is the first", |r| insert_before(r, "started", retried()), "attempt.retry"),
    ];
    for (what, forge, codes) in table {
        assert_eq!(problems_after(&deletion(), forge), codes, "{what}");
    }
    // One request cannot have deleted two chunks.
    let world = World::of(3);
    let mut all: Vec<_> = world.chunks.iter().flat_map(|chunk| records(&world.order, *chunk, &[])).collect();
    all.iter_mut().filter(|r| r.chunk == 2 && r.request_id.is_some()).for_each(|r| r.request_id = Some("z".to_owned()));
    let report = Report::of(world.ordered(), &all);
    assert_eq!(
        report.problems.iter().map(|p| (p.code.as_str(), p.chunk)).collect::<Vec<_>>(),
        [("request.shared", Some(3))]
    );
}
