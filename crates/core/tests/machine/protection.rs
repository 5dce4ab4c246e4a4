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
    let answers = [created(), job("READY"), reaching(), none(), Json(200, json!([])), Text(204, "")];
    assert_eq!(play(&held, answers).end(), ended(Outcome::Held, "hold"));
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
    assert_eq!(story.end(), verified());
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
    let stopped = || begun().into_iter().chain([endless(), Json(200, json!([])), Text(204, "")]);
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
        reaching.into_iter().chain([Json(200, json!([])), Text(204, "")]),
    );
    assert_eq!(story.end(), ended(Outcome::Held, "hold"));
    // Within the month it depends on when it began.
    let old = Json(
        200,
        json!({ "conversations": [{ "conversationId": "b", "conversationStart": "2023-01-02T10:00:00.000Z" }], "totalHits": 1 }),
    );
    let story = play(&rule("2023-02-20T00:00:00.000Z", true), begun().into_iter().chain([old]).chain(rest()));
    assert_eq!(story.end(), verified());
}
