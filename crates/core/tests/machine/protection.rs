//! Stories of conversations that reach from a chunk into a held window.

use super::*;

fn held_after(api: &str, change: impl FnOnce(&mut Value)) -> Order {
    let window = json!({ "start": "2023-02-01T00:00:00.000Z", "end": "2023-02-05T00:00:00.000Z" });
    order(api, |order| {
        order["heldWindows"] = json!([{ "window": window, "hold": "H-2" }]);
        change(order);
    })
}

fn reaching() -> Answer {
    Json(
        200,
        json!({ "conversations": [{ "conversationId": "a", "conversationStart": "2023-01-31T10:00:00.000Z",
                                    "conversationEnd": "2023-02-02T10:00:00.000Z" }], "totalHits": 1 }),
    )
}

fn none() -> Answer {
    Json(200, json!({ "totalHits": 0 }))
}

#[test]
fn a_conversation_that_reaches_into_a_held_window_stops_the_job() {
    let held = held_after("recordingJobs", |_| {});
    let answers = [created(), job("READY"), reaching(), none(), Json(200, json!([]))];
    let story = play(&held, answers.into_iter().chain(called_off()));
    assert_eq!(story.end(), ended(Outcome::Held, "hold"));
    let message = story.run.view().cause.unwrap().message;
    assert!(message.ends_with(": 1 of them, by hold `H-2`"), "{message}");
    let clear = [created(), job("READY"), conversations(&["a"]), none(), job("PROCESSING"), job("FULFILLED")];
    let rest = [conversations(&["a"]), Json(200, json!([]))];
    assert_eq!(play(&held, clear.into_iter().chain(rest)).end(), verified());
}

#[test]
fn it_stops_a_deletion_of_conversations_too() {
    let held = held_after("dataDeletion", |order| order["limits"] = json!({ "spanningConversations": true }));
    let story = play(&held, [reaching(), none()]);
    assert_eq!((story.end(), story.times(SUBMIT)), (ended(Outcome::Held, "hold"), 0));
    let endless = json!({ "conversations": [{ "conversationId": "b", "conversationStart": "2023-01-31T10:00:00.000Z" }],
                          "totalHits": 1 });
    assert_eq!(play(&held, [none(), Json(200, endless)]).end(), ended(Outcome::Held, "hold"));
    let clear = [conversations(&["a"]), none(), count(1), accepted(), status("completed"), count(0)];
    assert_eq!(play(&held, clear).end(), verified());
    // Messages are deleted by their own time, so those of the held window stay.
    let messages = held_after("dataDeletion", |order| {
        order["limits"] = json!({ "spanningConversations": true });
        order["request"]["recordTypes"] = json!(["message"]);
    });
    assert_eq!(play(&messages, [count(1), accepted(), status("completed"), count(0)]).end(), verified());
}

#[test]
fn a_long_window_is_searched_in_pieces_that_the_query_takes() {
    let window = json!({ "start": "2018-01-01T00:00:00.000Z", "end": "2018-04-01T00:00:00.000Z" });
    let chunk: Chunk =
        serde_json::from_value(json!({ "index": 1, "total": 1, "window": window, "age": "aged" })).unwrap();
    let held = held_after("recordingJobs", |_| {});
    let pieces = [none(), none(), none(), none(), none(), none()];
    let answers = [created(), job("READY")].into_iter().chain(pieces);
    let rest = [job("PROCESSING"), job("FULFILLED"), none()];
    let story = go_on(&held, ChunkRun::new(&held, chunk), "2024-01-01T00:00:00Z", answers.chain(rest));
    assert_eq!((story.end().0, story.times("PUT job-1")), (Outcome::Unknown, 1), "what it left is not listed");
    let intervals: Vec<_> =
        bodies(&story).iter().filter_map(|b| b["body"]["interval"].as_str().map(str::to_owned)).collect();
    let both = |interval: &str| [interval.to_owned(), interval.to_owned()];
    let asked = [
        "2018-01-01T00:00:00.000Z/2018-01-31T23:59:59.999Z",
        "2018-02-01T00:00:00.000Z/2018-03-03T23:59:59.999Z",
        "2018-03-04T00:00:00.000Z/2018-03-31T23:59:59.999Z",
    ];
    assert_eq!(intervals[..6], asked.iter().flat_map(|interval| both(interval)).collect::<Vec<_>>());
}

/// Some conversations never end. For a hold they reach into everything that comes after; a rule would keep them, and with them every
/// chunk of their time, for ever.
#[test]
fn a_conversation_without_an_end_reaches_into_what_a_rule_keeps_for_a_month() {
    let rule = |from: &str, rule: bool| {
        let window = json!({ "start": from, "end": Timestamp::LATEST });
        held_after("recordingJobs", |order| {
            order["heldWindows"] = json!([{ "window": window, "hold": "R-1", "rule": rule }]);
        })
    };
    let endless = || {
        Json(
            200,
            json!({ "conversations": [{ "conversationId": "b", "conversationStart": "2023-01-31T10:00:00.000Z" }], "totalHits": 1 }),
        )
    };
    let begun = || [created(), job("READY"), none()];
    let stopped = || begun().into_iter().chain([endless(), Json(200, json!([]))]).chain(called_off());
    assert_eq!(play(&rule("2023-02-20T00:00:00.000Z", true), stopped()).end(), ended(Outcome::Held, "hold"));
    assert_eq!(play(&rule("2023-12-01T00:00:00.000Z", false), stopped()).end(), ended(Outcome::Held, "hold"));
    // Those that have ended are still asked for.
    let rest = || [job("PROCESSING"), job("FULFILLED"), conversations(&["a"]), gone()];
    let story = play(&rule("2023-12-01T00:00:00.000Z", true), begun().into_iter().chain(rest()));
    assert_eq!(story.end(), verified());
    let reaching = [
        created(),
        job("READY"),
        Json(
            200,
            json!({ "conversations": [{ "conversationId": "a",
        "conversationStart": "2023-01-31T10:00:00.000Z", "conversationEnd": "2023-12-02T10:00:00.000Z" }], "totalHits": 1 }),
        ),
    ];
    let story = play(
        &rule("2023-12-01T00:00:00.000Z", true),
        reaching.into_iter().chain([Json(200, json!([]))]).chain(called_off()),
    );
    assert_eq!(story.end(), ended(Outcome::Held, "hold"));
    let message = story.run.view().cause.unwrap().message;
    assert!(message.ends_with(": 1 of them, by R-1"), "a rule is named as it is: {message}");
    // Within the month it depends on when it began.
    let old = Json(
        200,
        json!({ "conversations": [{ "conversationId": "b", "conversationStart": "2023-01-02T10:00:00.000Z" }], "totalHits": 1 }),
    );
    let story = play(&rule("2023-02-20T00:00:00.000Z", true), begun().into_iter().chain([old]).chain(rest()));
    assert_eq!(story.end(), verified());
}

/// Whatever a look finds, it is on record that it was made, and over how much.
#[test]
fn every_look_for_what_is_held_is_on_record() {
    let rest = || [job("PROCESSING"), job("FULFILLED"), conversations(&["z"]), gone()];
    let begun = || [created(), job("READY")].into_iter();
    let checked = |asked: u64, periods: u64| json!({ "kind": "holds_checked", "asked": asked, "periods": periods, "unprotected": [], "protected": [] });
    // A window before the chunk is none that its conversations reach into.
    let windows = json!([
        { "window": { "start": "2022-12-01T00:00:00.000Z", "end": "2022-12-05T00:00:00.000Z" }, "hold": "H-1" },
        { "window": { "start": "2023-02-01T00:00:00.000Z", "end": "2023-02-05T00:00:00.000Z" }, "hold": "H-2" },
        { "window": { "start": "2023-12-01T00:00:00.000Z", "end": Timestamp::LATEST }, "hold": "R-1", "rule": true },
    ]);
    let held = held_after("recordingJobs", |order| order["heldWindows"] = windows.clone());
    let story = play(&held, begun().chain([none(), none()]).chain(rest()));
    assert_eq!((story.end(), story.events("holds_checked")), (verified(), vec![checked(0, 2)]));
    let named = held_after("recordingJobs", |order| {
        order["heldWindows"] = windows.clone();
        order["heldConversations"] = json!([{ "id": "a", "hold": "H-1" }, { "id": "b", "hold": "H-1" }]);
    });
    let story = play(&named, begun().chain([Json(200, json!({})), none(), none()]).chain(rest()));
    assert_eq!((story.end(), story.events("holds_checked")), (verified(), vec![checked(2, 2)]));
    // Where there is nothing to look up, nobody has looked.
    let story = play(&order("recordingJobs", |_| {}), begun().chain(rest()));
    assert_eq!((story.end(), story.events("holds_checked")), (verified(), vec![]));
    // Nor are there periods that reach anywhere where conversations are not deleted as a whole.
    let deletion = held_after("dataDeletion", |_| {});
    let story = play(&deletion, [count(1), accepted(), status("completed"), count(0)]);
    assert_eq!((story.end(), story.events("holds_checked")), (verified(), vec![]));
}

/// Of several that keep something, those are named that keep what nothing protects.
#[test]
fn what_stops_a_chunk_is_named_with_what_is_protected() {
    let held = held_after("recordingJobs", |order| {
        order["heldConversations"] = json!([{ "id": "b", "hold": "H-1" }, { "id": "c", "hold": "H-3" }]);
    });
    let guarded = [conversations(&["b", "c"]), reaching(), none(), Json(200, json!([{ "id": "c" }]))];
    let story = play(&held, [created(), job("READY")].into_iter().chain(guarded).chain(called_off()));
    assert_eq!(story.end(), ended(Outcome::Held, "hold"));
    let message = story.run.view().cause.unwrap().message;
    assert!(message.ends_with("the platform does not protect: 2 of them, by hold `H-1`, hold `H-2`"), "{message}");
    assert_eq!(
        story.events("holds_checked"),
        [json!({ "kind": "holds_checked", "asked": 2, "periods": 1, "unprotected": ["a", "b"], "protected": ["c"] })]
    );
}

/// A look that was given up has found nothing, and does not say so.
#[test]
fn a_search_without_an_end_stops_the_chunk_and_is_no_look() {
    let held = held_after("recordingJobs", |_| {});
    let page = |n: u32| {
        let one = |i: u32| {
            json!({ "conversationId": format!("c-{n}-{i}"), "conversationStart": "2023-01-31T10:00:00.000Z",
                    "conversationEnd": "2023-02-02T10:00:00.000Z" })
        };
        Json(200, json!({ "conversations": (0..100).map(one).collect::<Vec<_>>(), "totalHits": 5000 }))
    };
    let story = play(&held, [created(), job("READY")].into_iter().chain((0..20).map(page)).chain(called_off()));
    assert_eq!((story.end(), story.events("holds_checked")), (ended(Outcome::Held, "hold"), vec![]));
    assert!(story.run.view().cause.unwrap().message.contains("hold `H-2`"));
}

/// What explains the recordings that a job skipped is not what was looked up before it was executed.
#[test]
fn protection_that_explains_what_a_job_skipped_is_no_look_before_it() {
    let skipped = json!({ "id": "job-1", "state": "FULFILLED", "totalRecordings": 5, "totalProcessedRecordings": 3,
                          "totalSkippedRecordings": 2, "totalFailedRecordings": 0 });
    let there = Json(200, vec![json!({ "fileState": "AVAILABLE" }); 2].into());
    let look = [conversations(&["a", "b"]), Json(200, json!([{ "id": "a" }])), there, gone()];
    let start = [created(), job("READY"), job("PROCESSING"), Json(200, skipped)];
    let story = play(&order("recordingJobs", |_| {}), start.into_iter().chain(look));
    let view = story.run.view();
    assert_eq!(
        (story.end(), view.protected, view.remaining, view.records_deleted),
        (verified(), Some(2), Some(0), Some(3))
    );
    assert_eq!(story.events("skips_explained"), [json!({ "kind": "skips_explained", "asked": 2, "protected": ["a"] })]);
    assert_eq!(story.events("holds_checked"), Vec::<Value>::new());
}

#[test]
fn however_many_conversations_are_held_all_of_them_are_looked_up() {
    let held = |n: usize| {
        order("dataDeletion", |order| {
            order["heldConversations"] = (0..n).map(|n| json!({ "id": format!("h{n}"), "hold": "H-1" })).collect();
        })
    };
    let rest = || [count(1), accepted(), status("completed"), count(0)];
    let asked = |story: &Story| story.times("GET details");
    let story = play(&held(50), [none()].into_iter().chain(rest()));
    assert_eq!((story.end(), asked(&story)), (verified(), 1));
    let story = play(&held(51), [none(), none()].into_iter().chain(rest()));
    assert_eq!((story.end(), asked(&story)), (verified(), 2));
    let story = play(&held(51), [none(), conversations(&["h50"])]);
    assert_eq!((story.end(), asked(&story), story.times(SUBMIT)), (ended(Outcome::Held, "hold"), 2, 0));
}

/// Conversations of the chunk, the last to end first; of some it is asked whether the platform protects them.
fn page(ids: std::ops::Range<u32>, end: &str, total: u32) -> Value {
    let one = |n: u32| json!({ "conversationId": format!("c-{n:03}"), "conversationStart": "2023-01-31T10:00:00.000Z", "conversationEnd": end });
    json!({ "conversations": ids.map(one).collect::<Vec<_>>(), "totalHits": total })
}

#[test]
fn however_many_conversations_reach_into_a_held_window_all_are_asked_about() {
    let into = "2023-02-02T10:00:00.000Z";
    let held = held_after("recordingJobs", |_| {});
    let protects = |ids: std::ops::Range<u32>| Json(200, ids.map(|n| json!({ "id": format!("c-{n:03}") })).collect());
    let found =
        || [created(), job("READY"), Json(200, page(0..100, into, 101)), Json(200, page(100..101, into, 101)), none()];
    let story = play(&held, found().into_iter().chain([protects(0..100), protects(0..0)]).chain(called_off()));
    let asked = |story: &Story| story.times("POST deletionprotection");
    assert_eq!((story.end(), asked(&story)), (ended(Outcome::Held, "hold"), 2));
    let message = story.run.view().cause.unwrap().message;
    assert!(message.ends_with(": 1 of them, by hold `H-2`"), "{message}");
    // All that is left is protected: the job may run, and leaves them out.
    let rest = [job("PROCESSING"), job("FULFILLED"), conversations(&["a"]), Json(200, json!([]))];
    let story = play(&held, found().into_iter().chain([protects(0..100), protects(100..101)]).chain(rest));
    assert_eq!((story.end(), asked(&story)), (verified(), 2));
    // Once one has ended before the window, so have all that follow.
    let mut mixed = page(0..2, into, 101);
    mixed["conversations"][1]["conversationEnd"] = json!("2023-01-31T11:00:00.000Z");
    let story = play(
        &held,
        [created(), job("READY"), Json(200, mixed), none(), protects(0..0)].into_iter().chain(called_off()),
    );
    assert_eq!(story.end(), ended(Outcome::Held, "hold"));
    // Those without an end are asked for by themselves, if only one of the windows is one that they can reach into.
    let mut both = held.clone();
    both.held_windows.push(both.held_windows[0].clone());
    both.held_windows[1].rule = true;
    both.held_windows[1].window =
        serde_json::from_value(json!({ "start": "2023-06-01T00:00:00.000Z", "end": "2023-07-01T00:00:00.000Z" }))
            .unwrap();
    let answers = [created(), job("READY"), none(), none(), job("PROCESSING"), job("FULFILLED")];
    let story = play(&both, answers.into_iter().chain([conversations(&["a"]), Json(200, json!([]))]));
    assert_eq!(story.end(), verified());
    let asked: Vec<_> = bodies(&story).into_iter().filter(|body| body["body"]["interval"].is_string()).collect();
    assert_ne!(asked[0]["body"], asked[1]["body"]);
}
