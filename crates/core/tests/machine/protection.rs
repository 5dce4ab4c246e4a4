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
    assert!(message.ends_with(": 1 of them, kept by hold `H-2`"), "{message}");
    let clear = [created(), job("READY"), conversations(&["a"]), none(), job("PROCESSING"), job("FULFILLED")];
    let rest = [Json(200, json!([]))];
    assert_eq!(play(&held, clear.into_iter().chain(rest)).end(), verified());
}

#[test]
fn a_conversation_that_reaches_into_a_held_window_stops_a_deletion_of_conversations() {
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
    let rest = [job("PROCESSING"), job("FULFILLED")];
    let answers = [Before(vec![none()])].into_iter().chain(answers).chain(rest);
    let story = go_on(&held, ChunkRun::new(&held, chunk), "2024-01-01T00:00:00Z", answers);
    assert_eq!((story.end().0, story.times("PUT job-1")), (Outcome::Unknown, 1), "what it left is not listed");
    let intervals: Vec<_> =
        bodies(&story).iter().filter_map(|b| b["body"]["interval"].as_str().map(str::to_owned)).collect();
    let both = |interval: &str| [interval.to_owned(), interval.to_owned()];
    let asked = [
        "2018-01-01T00:00:00.000Z/2018-01-31T23:59:59.999Z",
        "2018-02-01T00:00:00.000Z/2018-03-03T23:59:59.999Z",
        "2018-03-04T00:00:00.000Z/2018-03-31T23:59:59.999Z",
    ];
    // The first two queries look for what has recordings.
    assert_eq!(intervals[2..], asked.iter().flat_map(|interval| both(interval)).collect::<Vec<_>>());
}

/// A job that has counted that number of conversations.
fn counted(conversations: impl Into<Value>) -> [Answer; 2] {
    let conversations: Value = conversations.into();
    let ready =
        json!({ "id": "job-1", "state": "READY", "totalConversations": conversations, "totalRecordings": 1500 });
    [created(), Json(200, ready)]
}

/// The job finds conversations of long ago, and of divisions that the client does not see; analytics does not list them.
#[test]
fn unlisted_conversations_may_reach_into_what_is_kept() {
    let held = held_after("recordingJobs", |_| {});
    for (conversations, says) in [(json!(1000), "counts 1000 "), (json!(null), "counts an unknown number of ")] {
        let story = play(&held, counted(conversations).into_iter().chain([none(), none()]).chain(called_off()));
        assert_eq!((story.end(), story.times("PUT job-1")), (ended(Outcome::Held, "hold.not-listed"), 0));
        let message = story.run.view().cause.unwrap().message;
        for said in [says, "lists 0,", "hold `H-2`", "all divisions", "18 months", "name the held conversations"] {
            assert!(message.contains(said), "{said}: {message}");
        }
        assert_eq!(story.events("holds_checked"), Vec::<Value>::new(), "nobody has looked at them");
    }
    // One conversation too few is enough, and one piece of the window.
    let some = |total: u64| {
        let page = [("09:00", "09:40"), ("09:10", "09:30"), ("09:05", "09:20")].map(|(start, end)| {
            json!({ "conversationId": start, "conversationStart": format!("2023-01-05T{start}:00.000Z"),
                    "conversationEnd": format!("2023-01-05T{end}:00.000Z") })
        });
        Json(200, json!({ "conversations": page, "totalHits": total }))
    };
    let story = play(&held, counted(1000).into_iter().chain([some(999), none()]).chain(called_off()));
    assert_eq!(story.end(), ended(Outcome::Held, "hold.not-listed"));
    let rest = || [job("PROCESSING"), job("FULFILLED"), conversations(&["a"]), gone()];
    let story = play(&held, counted(1000).into_iter().chain([some(1000), none()]).chain(rest()));
    assert_eq!(story.end(), verified());
    let window = json!({ "start": "2022-12-01T00:00:00.000Z", "end": "2023-02-01T00:00:00.000Z" });
    let long = || serde_json::from_value(json!({ "index": 1, "total": 1, "window": window })).unwrap();
    for (second, end) in [(400, verified()), (399, ended(Outcome::Held, "hold.not-listed"))] {
        let pieces = [some(600), none(), some(second), none()];
        let rest = if end == verified() { rest().to_vec() } else { called_off().to_vec() };
        let answers = counted(1000).into_iter().chain(pieces).chain(rest);
        let story = go_on(&held, ChunkRun::new(&held, long()), "2024-01-01T00:00:00Z", answers);
        assert_eq!(story.end(), end, "{second}");
    }
}

/// A rule that keeps what is younger keeps something after every chunk. Conversations that cannot be looked up are taken to have
/// gone on for a month before a rule's period. Before a hold there is no such limit.
#[test]
fn unlisted_conversations_are_taken_to_go_on_for_a_month() {
    let rule = |from: &str, rule: bool| {
        let window = json!({ "start": from, "end": Timestamp::LATEST });
        held_after("recordingJobs", |order| {
            order["heldWindows"] = json!([{ "window": window, "hold": "R-1", "rule": rule }]);
        })
    };
    let listed = |pages: usize| counted(1000).into_iter().chain(vec![none(); pages]);
    let near = play(&rule("2023-02-20T00:00:00.000Z", true), listed(2).chain(called_off()));
    assert_eq!(near.end(), ended(Outcome::Held, "hold.not-listed"));
    let hold = play(&rule("2023-12-01T00:00:00.000Z", false), listed(2).chain(called_off()));
    assert_eq!(hold.end(), ended(Outcome::Held, "hold.not-listed"));
    let rest = [job("PROCESSING"), job("FULFILLED"), conversations(&["a"]), gone()];
    assert_eq!(play(&rule("2023-12-01T00:00:00.000Z", true), listed(1).chain(rest)).end(), verified());
}

/// A job finds conversations that analytics does not know, whatever else is listed: only the platform's protection keeps them.
#[test]
fn an_unlisted_held_conversation_may_be_one_that_the_job_deletes() {
    for types in [json!(["recording"]), json!(["message"])] {
        let named = order("recordingJobs", |order| {
            order["request"]["recordTypes"] = types.clone();
            order["heldConversations"] = json!([{ "id": "b", "hold": "H-1" }, { "id": "c", "hold": "H-3" }]);
        });
        let asked = || counted(1000).into_iter().chain([Json(200, json!({ "conversations": [] }))]);
        let story = play(&named, asked().chain([Json(200, json!([{ "id": "c" }]))]).chain(called_off()));
        assert_eq!((story.end(), story.times("PUT job-1")), (ended(Outcome::Held, "hold"), 0));
        let message = story.run.view().cause.unwrap().message;
        assert!(message.ends_with("1 of them, kept by hold `H-1` (not known to analytics)"), "{message}");
        assert_eq!(
            story.events("holds_checked"),
            [json!({ "kind": "holds_checked", "asked": 2, "periods": 0, "unprotected": ["b"], "protected": ["c"] })]
        );
        let both = Json(200, json!([{ "id": "b" }, { "id": "c" }]));
        let rest = [job("PROCESSING"), job("FULFILLED"), conversations(&["a"]), gone()];
        assert_eq!(play(&named, asked().chain([both]).chain(rest)).end(), verified(), "the platform keeps them");
    }
}

/// A job for messages counts no conversation without one, so none is listed either: calls would hide that messages are missing.
#[test]
fn what_is_listed_is_compared_with_what_the_job_can_count() {
    let listed = |types: Value| {
        let held = held_after("recordingJobs", |order| order["request"]["recordTypes"] = types);
        let story = play(&held, [created(), job("READY"), reaching(), none(), gone()].into_iter().chain(called_off()));
        let bodies = bodies(&story);
        let searches = bodies.iter().map(|b| &b["body"]).filter(|body| body["paging"].is_object());
        searches.map(|body| body["segmentFilters"][0]["predicates"].as_array().map_or(0, Vec::len)).collect::<Vec<_>>()
    };
    // One look at what has recordings, then those that ended last, and those that have not ended.
    assert_eq!(listed(json!(["message"])), [3, 3, 3]);
    assert_eq!(listed(json!(["recording", "message"])), [0, 0, 0]);
}

/// A hundred conversations of January, with these starts and ends in minutes before its last noon, latest first.
fn full_page_of(starts: impl Fn(i64) -> i64, ends: impl Fn(i64) -> Option<i64>) -> Value {
    let noon = Timestamp::parse("2023-01-31T12:00:00Z").unwrap();
    let at = |minutes: i64| Timestamp::from_millis(noon.millis() - minutes * 60_000);
    let one = |n: i64| json!({ "conversationId": format!("c-{n}"), "conversationStart": at(starts(n)), "conversationEnd": ends(n).map(at) });
    json!({ "conversations": (0..100).map(one).collect::<Vec<_>>(), "totalHits": 101 })
}

/// A job that has counted 101 conversations.
fn counted_101() -> [Answer; 2] {
    let ready = json!({ "id": "job-1", "state": "READY", "totalConversations": 101, "totalRecordings": 5 });
    [created(), Json(200, ready)]
}

/// The documents list the order by end among the values, and leave it out where they say what can be chosen.
#[test]
fn the_search_ends_early_only_where_the_order_is_seen() {
    let held = held_after("recordingJobs", |_| {});
    for page in [
        // By start, whatever the ends: a long one begins before or after all others, and is on the last page.
        full_page_of(|n| 2 * n + 9, |n| Some(2 * n + n % 5)),
        full_page_of(|n| 300 - n, |_| Some(2)),
        full_page_of(|n| 300 - n, |n| Some(2 + n % 2)),
        // One after the other: by start or by end, both look the same.
        full_page_of(|n| 2 * n + 1, |n| Some(2 * n)),
        full_page_of(|n| 300 - n, |n| (n == 99).then_some(2)),
    ] {
        let answers = [Json(200, page), reaching(), none(), gone()];
        let story = play(&held, counted_101().into_iter().chain(answers).chain(called_off()));
        assert_eq!((story.end(), story.times("PUT job-1")), (ended(Outcome::Held, "hold"), 0));
        assert_eq!(pages(&story)[1..], [(100, 1), (100, 2), (100, 1)], "and those without an end");
    }
    let by_end = Json(200, full_page_of(|n| 2 * n + 1 + n % 5, |n| Some(2 * n)));
    let rest = || [none(), job("PROCESSING"), job("FULFILLED"), gone()];
    assert_eq!(play(&held, counted_101().into_iter().chain([by_end]).chain(rest())).end(), verified());
}

/// Also of a list that is sorted by end, the next page is asked for as long as it may have conversations that reach into what is kept,
/// be it by their last millisecond.
#[test]
fn a_sorted_list_is_read_until_one_ended_before_what_is_kept() {
    let held = held_after("recordingJobs", |_| {});
    // The last one ends when the held window starts, twelve hours after noon.
    let by_end = full_page_of(|n| 300 + n % 2, |n| Some(n - 99 - 720));
    let Json(200, mut touching) = reaching() else { panic!("a page is an answer") };
    touching["conversations"][0]["conversationEnd"] = json!("2023-02-01T00:00:00.000Z");
    let protected = Json(200, (0..100).map(|n| json!({ "id": format!("c-{n}") })).collect());
    let answers = [Json(200, by_end), Json(200, touching), none(), protected, gone()];
    let story = play(&held, counted_101().into_iter().chain(answers).chain(called_off()));
    assert_eq!((story.end(), story.times("PUT job-1")), (ended(Outcome::Held, "hold"), 0));
    assert_eq!(story.events("holds_checked")[0]["unprotected"], json!(["a"]));
    assert_eq!(pages(&story)[1..], [(100, 1), (100, 2), (100, 1)], "and those without an end");
}

/// What is compared with the job's count is the number of conversations. Neither a second page nor the list of those without an end
/// adds to it.
#[test]
fn no_conversation_is_counted_as_listed_twice() {
    let held = held_after("recordingJobs", |_| {});
    let ready = json!({ "id": "job-1", "state": "READY", "totalConversations": 102, "totalRecordings": 5 });
    let first = full_page_of(|n| 2 * n + 1, |n| Some(2 * n));
    let earlier = json!({ "conversationId": "b", "conversationStart": "2022-12-20T10:00:00.000Z" });
    let endless = json!({ "conversations": [earlier], "totalHits": 1 });
    let answers = [created(), Json(200, ready), Json(200, first), conversations(&["z"]), Json(200, endless)];
    let story = play(&held, answers.into_iter().chain(called_off()));
    assert_eq!((story.end(), story.times("PUT job-1")), (ended(Outcome::Held, "hold.not-listed"), 0));
    assert!(story.run.view().cause.unwrap().message.contains("counts 102 conversations and analytics lists 101,"));
}

/// A list whose order is not seen is read to its end, however long it is, but for what reaches into what is kept.
#[test]
fn a_list_without_a_visible_order_is_read_to_its_end() {
    let held = held_after("recordingJobs", |_| {});
    let ready = json!({ "id": "job-1", "state": "READY", "totalConversations": 2500, "totalRecordings": 5 });
    let page = |reaching: bool, nth: usize| {
        let mut page = full_page_of(|n| 2 * n + 1, |n| Some(2 * n).filter(|_| !reaching));
        page["totalHits"] = json!(2500);
        for (n, conversation) in page["conversations"].as_array_mut().unwrap().iter_mut().enumerate() {
            conversation["conversationId"] = json!(format!("c-{nth}-{n}"));
        }
        Json(200, page)
    };
    let pages = |reaching: bool, count: usize| (0..count).map(move |nth| page(reaching, nth));
    let begun = || [created(), Json(200, ready.clone())].into_iter();
    let rest = [none(), job("PROCESSING"), job("FULFILLED"), gone()];
    let beyond = Json(200, json!({ "totalHits": 2500 }));
    let story = play(&held, begun().chain(pages(false, 25)).chain([beyond]).chain(rest));
    assert_eq!(story.end(), verified());
    let story = play(&held, begun().chain(pages(true, 20)).chain(called_off()));
    assert_eq!(story.end(), ended(Outcome::Held, "hold"));
    assert!(story.run.view().cause.unwrap().message.contains("hold `H-2`"));
    // However many conversations holds name, they are no reason to stop reading.
    let ids: Vec<_> = (0..2001).map(|n| format!("h-{n}")).collect();
    let named = held_after("recordingJobs", |order| {
        order["heldConversations"] = ids.iter().map(|id| json!({ "id": id, "hold": "H-1" })).collect();
    });
    let unknown = (0..41).map(|_| Json(200, json!({ "conversations": [] })));
    let two_pages = [Json(200, full_page_of(|n| 2 * n + 1, |n| Some(2 * n))), conversations(&["z"]), none()];
    let protects = (0..21).map(|_| Json(200, ids.iter().map(|id| json!({ "id": id })).collect()));
    let rest = [job("PROCESSING"), job("FULFILLED"), gone()];
    let answers = counted_101().into_iter().chain(unknown).chain(two_pages).chain(protects).chain(rest);
    assert_eq!(play(&named, answers).end(), verified());
}

/// Asking for conversations that are too old may be refused. Nothing is listed then, as where the list is empty.
#[test]
fn what_is_too_old_to_be_listed_may_be_refused() {
    let rule = |from: &str| {
        let window = json!({ "start": from, "end": Timestamp::LATEST });
        held_after("recordingJobs", |order| {
            order["heldWindows"] = json!([{ "window": window, "hold": "R-1", "rule": true }]);
        })
    };
    let (far, near) = (rule("2023-12-01T00:00:00.000Z"), rule("2023-02-20T00:00:00.000Z"));
    let on = |day: &str, order: &Order, answers: Vec<Answer>| go_on(order, ChunkRun::new(order, chunk()), day, answers);
    let later = "2025-01-01T00:00:00Z";
    let refused = || error(400, "bad.request");
    let asked = |counted_as: Value, list: Vec<Answer>| counted(counted_as).into_iter().chain(list);
    let rest = [job("PROCESSING"), job("FULFILLED"), gone()];
    let story = on(later, &far, asked(json!(1000), vec![refused()]).chain(rest).collect());
    assert_eq!((story.end(), story.times("PUT job-1")), (verified(), 1));
    assert_eq!(story.events("answered")[0]["http_status"], 400, "it is on record");
    for counted_as in [json!(1000), json!(0), json!(null)] {
        let story = on(later, &near, asked(counted_as, vec![refused()]).chain(called_off()).collect());
        assert_eq!((story.end(), story.times("PUT job-1")), (ended(Outcome::Held, "hold.not-listed"), 0));
    }
    // Where their age cannot be why, nothing has been looked at.
    let first = || Json(200, full_page_of(|n| 2 * n + 1, |n| Some(2 * n)));
    let too_large = || error(400, "response.entity.too.large");
    for (day, order, list) in [
        ("2024-01-01T00:00:00Z", &far, vec![refused()]),
        (later, &far, vec![first(), refused()]),
        (later, &far, vec![error(403, "missing.permissions")]),
        (later, &far, vec![too_large(), too_large(), too_large()]),
        // Those that have not ended are asked for by themselves.
        (later, &near, vec![conversations(&["a"]), refused()]),
    ] {
        let story = on(day, order, asked(json!(1), list).chain(called_off()).collect());
        assert_eq!((story.end().0, story.times("PUT job-1")), (Outcome::Failed, 0), "{day} {:?}", story.calls);
    }
    let spanning = held_after("dataDeletion", |order| order["limits"] = json!({ "spanningConversations": true }));
    assert_eq!(on(later, &spanning, vec![refused()]).end(), ended(Outcome::Failed, "bad.request"));
}

/// What a job skipped is explained by what lies in its window, and by nothing that lies elsewhere.
#[test]
fn a_held_conversation_that_lies_elsewhere_explains_no_skip() {
    let named = order("recordingJobs", |order| order["heldConversations"] = json!([{ "id": "b", "hold": "H-1" }]));
    let skipped = json!({ "id": "job-1", "state": "FULFILLED", "totalRecordings": 5, "totalProcessedRecordings": 3,
                          "totalSkippedRecordings": 2, "totalFailedRecordings": 0 });
    let end = |began: Value, searched: Vec<Answer>| {
        let two = Json(200, vec![json!({ "fileState": "AVAILABLE", "startTime": began }); 2].into());
        let unknown = Json(200, json!({ "conversations": [] }));
        let protects = Json(200, json!([{ "id": "b" }]));
        let begun = [created(), job("READY"), unknown, protects, job("PROCESSING"), Json(200, skipped.clone())];
        let looks = [Json(200, json!([])), two, gone()];
        let story = play(&named, begun.into_iter().chain(looks).chain(searched));
        (story.end(), story.run.view().protected)
    };
    assert_eq!(end(json!("2023-01-20T10:00:00.000Z"), vec![]), (verified(), Some(2)));
    for elsewhere in [json!("2022-12-31T10:00:00.000Z"), json!("2023-02-01T00:00:00.000Z"), json!(null)] {
        assert_eq!(end(elsewhere, vec![none()]), (ended(Outcome::Residual, "job.skipped"), None));
    }
}

/// The answer about a hundred conversations of which one has no recording.
fn no_recording() -> Answer {
    error(404, "recording.conversation.not.found")
}

/// For each question about protection: the number of conversations it asks about, and the first of them.
fn questions(story: &Story) -> Vec<(usize, String)> {
    let about = |body: &Value| {
        let ids = body["body"]["conversationIds"].as_array()?.clone();
        Some((ids.len(), ids[0].as_str().unwrap().to_owned()))
    };
    bodies(story).iter().filter_map(about).collect()
}

#[test]
fn a_held_conversation_without_a_recording_does_not_stop_the_chunk() {
    let ids: Vec<_> = (0..25).map(|n| format!("c-{n:02}")).collect();
    let named = order("recordingJobs", |order| {
        let held = |id: &String| json!({ "id": id, "hold": "H-1" });
        order["heldConversations"] = ids.iter().map(held).collect();
    });
    let touched = || conversations(&ids.iter().map(String::as_str).collect::<Vec<_>>());
    let are = |ids: &[String]| Json(200, ids.iter().map(|id| json!({ "id": id })).collect());
    // The twelfth has no recording.
    let asked = |sixteenth: Answer| {
        let tens = [no_recording(), are(&ids[..10]), no_recording(), are(&ids[10..11]), no_recording()];
        let alone = [12, 13, 14].map(|n| are(&ids[n..=n])).into_iter().chain([sixteenth]);
        [created(), job("READY"), touched()].into_iter().chain(tens).chain(alone)
    };
    let more = || [16, 17, 18, 19, 20].map(|n| are(&ids[n..=n])).into_iter().chain([are(&ids[21..])]);
    let rest = || [job("PROCESSING"), job("FULFILLED"), conversations(&["z"]), gone()];
    let story = play(&named, asked(are(&ids[15..16])).chain(more()).chain(rest()));
    assert_eq!(story.end(), verified());
    let found = &story.events("holds_checked")[0];
    assert_eq!((found["protected"].as_array().unwrap().len(), &found["unprotected"]), (24, &json!([])));
    let sizes: Vec<_> = questions(&story).into_iter().map(|(size, _)| size).collect();
    assert_eq!(sizes, [25, 10, 10, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 4]);
    // A conversation that has a recording and is not protected still stops the chunk.
    let story = play(&named, asked(are(&[])).chain(more()).chain(called_off()));
    assert_eq!(story.end(), ended(Outcome::Held, "hold"));
    assert_eq!(story.events("holds_checked")[0]["unprotected"], json!(["c-15"]));
    // None of the three has a recording.
    let three = order("recordingJobs", |order| {
        order["heldConversations"] = ["a", "b", "c"].map(|id| json!({ "id": id, "hold": "H-1" })).into();
    });
    let begun = || [created(), job("READY"), conversations(&["a", "b", "c"])].into_iter();
    let story = play(&three, begun().chain((0..5).map(|_| no_recording())).chain(rest()));
    assert_eq!(story.end(), verified());
    // Any other 404 may come from a server that does not know the question: it permits nothing.
    let unknown = [no_recording(), no_recording(), always(error(404, "not.found"))];
    let story = play(&three, begun().chain(unknown).chain(called_off()));
    assert_eq!((story.end().0, story.times("PUT job-1")), (Outcome::Failed, 0));
}

#[test]
fn a_conversation_without_a_recording_hides_no_protection_that_explains_a_skip() {
    let skipped = json!({ "id": "job-1", "state": "FULFILLED", "totalRecordings": 5, "totalProcessedRecordings": 3,
                          "totalSkippedRecordings": 2, "totalFailedRecordings": 0 });
    let before = Before(vec![conversations(&["c"])]);
    let start = [before, created(), job("READY"), job("PROCESSING"), Json(200, skipped)];
    let sample = [gone(), gone(), conversations(&["a", "b", "c"])];
    let asked = [no_recording(), no_recording(), no_recording(), Json(200, json!([{ "id": "b" }])), there(2)];
    let story = play(&order("recordingJobs", |_| {}), start.into_iter().chain(sample).chain(asked));
    assert_eq!((story.end(), story.run.view().protected), (verified(), Some(2)));
    assert_eq!(story.events("protection_found"), [protection_found(2, &["b"])]);
    assert_eq!(questions(&story).last().unwrap(), &(1, "b".to_owned()));
}

/// Some conversations never end. They reach into every later held window. Into a retention period they would reach for ever, and
/// keep every chunk of their time.
#[test]
fn a_conversation_without_an_end_is_taken_to_reach_into_a_retention_period_for_a_month() {
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
    let begun = || [created(), job("READY"), conversations(&["a"])];
    let stopped = || begun().into_iter().chain([endless(), Json(200, json!([]))]).chain(called_off());
    assert_eq!(play(&rule("2023-02-20T00:00:00.000Z", true), stopped()).end(), ended(Outcome::Held, "hold"));
    assert_eq!(play(&rule("2023-12-01T00:00:00.000Z", false), stopped()).end(), ended(Outcome::Held, "hold"));
    // Conversations that have ended are still asked for.
    let rest = || [job("PROCESSING"), job("FULFILLED"), gone()];
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
    assert!(message.ends_with(": 1 of them, kept by R-1"), "a rule is named as it is: {message}");
    // Within the month it depends on when the conversation began.
    let old = Json(
        200,
        json!({ "conversations": [{ "conversationId": "b", "conversationStart": "2023-01-02T10:00:00.000Z" }], "totalHits": 1 }),
    );
    let story = play(&rule("2023-02-20T00:00:00.000Z", true), begun().into_iter().chain([old]).chain(rest()));
    assert_eq!(story.end(), verified());
}

/// Every check of the holds is on record with the number of conversations and periods it covered, whatever it finds.
#[test]
fn every_check_of_the_holds_is_on_record() {
    let rest = || [job("PROCESSING"), job("FULFILLED"), gone()];
    let begun = || [created(), job("READY")].into_iter();
    let checked = |asked: u64, periods: u64| json!({ "kind": "holds_checked", "asked": asked, "periods": periods, "unprotected": [], "protected": [] });
    // The conversations of a chunk cannot reach into a window before it.
    let windows = json!([
        { "window": { "start": "2022-12-01T00:00:00.000Z", "end": "2022-12-05T00:00:00.000Z" }, "hold": "H-1" },
        { "window": { "start": "2023-02-01T00:00:00.000Z", "end": "2023-02-05T00:00:00.000Z" }, "hold": "H-2" },
        { "window": { "start": "2023-12-01T00:00:00.000Z", "end": Timestamp::LATEST }, "hold": "R-1", "rule": true },
    ]);
    let held = held_after("recordingJobs", |order| order["heldWindows"] = windows.clone());
    let story = play(&held, begun().chain([conversations(&["z"]), none()]).chain(rest()));
    assert_eq!((story.end(), story.events("holds_checked")), (verified(), vec![checked(0, 2)]));
    let named = held_after("recordingJobs", |order| {
        order["heldWindows"] = windows.clone();
        order["heldConversations"] = json!([{ "id": "a", "hold": "H-1" }, { "id": "b", "hold": "H-1" }]);
    });
    let elsewhere = ["a", "b"].map(|id| {
        json!({ "conversationId": id, "conversationStart": "2022-06-01T10:00:00.000Z",
                "conversationEnd": "2022-06-01T10:01:00.000Z" })
    });
    let elsewhere = Json(200, json!({ "conversations": elsewhere }));
    let story = play(&named, begun().chain([elsewhere, conversations(&["z"]), none()]).chain(rest()));
    assert_eq!((story.end(), story.events("holds_checked")), (verified(), vec![checked(2, 2)]));
    // If there is nothing to look up, no check is recorded.
    let story = play(&order("recordingJobs", |_| {}), begun().chain(rest()));
    assert_eq!((story.end(), story.events("holds_checked")), (verified(), vec![]));
    // The same where conversations are not deleted as a whole, so that none reaches into a held window.
    let deletion = held_after("dataDeletion", |_| {});
    let story = play(&deletion, [count(1), accepted(), status("completed"), count(0)]);
    assert_eq!((story.end(), story.events("holds_checked")), (verified(), vec![]));
}

/// Only the holds are named that keep something unprotected.
#[test]
fn a_held_chunk_names_what_stops_it_and_what_is_protected() {
    let held = held_after("recordingJobs", |order| {
        order["heldConversations"] = json!([{ "id": "b", "hold": "H-1" }, { "id": "c", "hold": "H-3" }]);
    });
    let guarded = [conversations(&["b", "c"]), reaching(), none(), Json(200, json!([{ "id": "c" }]))];
    let story = play(&held, [created(), job("READY")].into_iter().chain(guarded).chain(called_off()));
    assert_eq!(story.end(), ended(Outcome::Held, "hold"));
    let message = story.run.view().cause.unwrap().message;
    assert!(message.ends_with("the platform does not protect: 2 of them, kept by hold `H-1`, hold `H-2`"), "{message}");
    assert_eq!(
        story.events("holds_checked"),
        [json!({ "kind": "holds_checked", "asked": 2, "periods": 1, "unprotected": ["a", "b"], "protected": ["c"] })]
    );
}

/// A search that was given up is not recorded as a check.
#[test]
fn a_search_that_is_given_up_stops_the_chunk_and_is_no_check() {
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

/// A page of a hundred conversations that reach into a held window, and the answer that all of them are protected.
fn full_page(said: u64) -> (Answer, Answer) {
    let one = |id: String| {
        json!({ "conversationId": id, "conversationStart": "2023-01-31T10:00:00.000Z",
                "conversationEnd": "2023-02-02T10:00:00.000Z" })
    };
    let all: Vec<_> = (0..100).map(|n| format!("c-{n:03}")).collect();
    let page = json!({ "conversations": all.iter().cloned().map(one).collect::<Vec<_>>(), "totalHits": said });
    (Json(200, page), Json(200, all.iter().map(|id| json!({ "id": id })).collect()))
}

/// Genesys's totals are only about right: a full page means that there may be more.
#[test]
fn a_full_page_is_followed_by_another_whatever_the_total_is() {
    let held = held_after("recordingJobs", |_| {});
    let (page, protected) = full_page(100);
    let start = || [created(), job("READY"), page.clone()].into_iter();
    let further = [reaching(), none(), protected.clone(), Json(200, json!([]))];
    let story = play(&held, start().chain(further).chain(called_off()));
    assert_eq!(story.end(), ended(Outcome::Held, "hold"));
    assert_eq!(story.events("holds_checked")[0]["unprotected"], json!(["a"]));
    // The first page is from the look at what has recordings.
    assert_eq!(pages(&story)[1..], [(100, 1), (100, 2), (100, 1)], "and those without an end");
    // Beyond the last page there is no list, and the total stays.
    let rest = [job("PROCESSING"), job("FULFILLED"), gone()];
    let empty = Json(200, json!({ "totalHits": 100 }));
    let story = play(&held, start().chain([empty, none(), protected]).chain(rest));
    assert_eq!(story.end(), verified());
    assert!(story.waits.iter().all(|wait| matches!(wait, WaitReason::JobPending { .. })), "{:?}", story.waits);
    // A page without a list is unreadable if the total says that it has conversations.
    let short = always(Json(200, json!({ "totalHits": 101 })));
    let story = play(&held, start().chain([short]).chain(called_off()));
    assert_eq!(story.end(), ended(Outcome::Failed, "reply.unreadable"));
}

/// Sizes and numbers of the pages that were asked for.
fn pages(story: &Story) -> Vec<(u64, u64)> {
    let paging = |body: &Value| {
        let paging = body["body"].get("paging")?;
        Some((paging["pageSize"].as_u64()?, paging["pageNumber"].as_u64()?))
    };
    bodies(story).iter().filter_map(paging).collect()
}

#[test]
fn a_page_that_is_too_large_is_asked_for_again_and_smaller() {
    let held = held_after("recordingJobs", |_| {});
    for too_large in [
        error(413, "payload.too.large"),
        error(413, "request.entity.too.large"),
        error(400, "response.entity.too.large"),
        Text(413, ""),
    ] {
        // What the page before has found still counts, and its total is not counted twice.
        let ready = json!({ "id": "job-1", "state": "READY", "totalConversations": 101, "totalRecordings": 5 });
        let begun = || [created(), Json(200, ready.clone()), full_page(101).0, too_large.clone(), too_large.clone()];
        let Json(200, mut page) = reaching() else { panic!("a page is an answer") };
        let short = ["10:00:30", "10:00:10"].map(|start| {
            json!({ "conversationId": start, "conversationStart": format!("2023-01-31T{start}.000Z"),
                    "conversationEnd": "2023-01-31T10:01:00.000Z" })
        });
        page["conversations"].as_array_mut().unwrap().extend(short);
        for (total, end) in [(101, "hold"), (100, "hold.not-listed")] {
            page["totalHits"] = json!(total);
            let asked = if total == 101 { vec![full_page(0).1, Json(200, json!([]))] } else { vec![] };
            let further = [Json(200, page.clone()), none()].into_iter().chain(asked);
            let story = play(&held, begun().into_iter().chain(further).chain(called_off()));
            assert_eq!(story.end(), ended(Outcome::Held, end));
            // The first page is from the look at what has recordings.
            assert_eq!(pages(&story)[1..6], [(100, 1), (100, 2), (25, 1), (5, 1), (5, 1)]);
            if total == 101 {
                assert_eq!(story.events("holds_checked")[0]["protected"].as_array().unwrap().len(), 100);
            }
        }
    }
    let too_large = || error(413, "payload.too.large");
    // The same in the look at what has recordings, which starts again from the first page.
    let listed = |n: usize| {
        let Json(200, mut page) = conversations(&["a", "b", "c", "d", "e"][..n]) else { panic!("a page is an answer") };
        page["totalHits"] = json!(7);
        Json(200, page)
    };
    let looks = [too_large(), too_large(), listed(5)].into_iter().chain((0..5).map(|_| there(1)));
    let looks = looks.chain([listed(2), there(1), there(1)]).collect();
    let begun =
        [Before(looks), created(), job("READY"), conversations(&["a"]), none(), job("PROCESSING"), job("FULFILLED")];
    let story = play(&held, begun.into_iter().chain((0..7).map(|_| gone())));
    assert_eq!((story.end(), story.run.view().remaining), (verified(), Some(0)));
    assert_eq!(pages(&story)[..4], [(100, 1), (25, 1), (5, 1), (5, 2)]);
    // Page sizes shrink only so far, and smaller pages do not mean that fewer conversations are searched.
    let refused = [created(), job("READY"), too_large(), too_large(), too_large()];
    let story = play(&held, refused.into_iter().chain(called_off()));
    assert_eq!(story.end(), ended(Outcome::Failed, "payload.too.large"));
    let five = |nth: usize| {
        let Json(200, mut page) = reaching() else { panic!("a page is an answer") };
        page["conversations"] = vec![page["conversations"][0].clone(); 5].into();
        for n in 0..5 {
            page["conversations"][n]["conversationId"] = json!(format!("c-{nth}-{n}"));
        }
        page["totalHits"] = json!(5000);
        Json(200, page)
    };
    let pages = [created(), job("READY"), too_large(), too_large()].into_iter().chain((0..400).map(five));
    let story = play(&held, pages.chain(called_off()));
    assert_eq!(story.end(), ended(Outcome::Held, "hold"));
    // Any other request that is too large is simply refused.
    let story = play(&held, [created(), error(413, "payload.too.large")].into_iter().chain(called_off()));
    assert_eq!(story.end(), ended(Outcome::Failed, "payload.too.large"));
}

/// The protection that explains skipped recordings is not what was checked before the execution.
#[test]
fn protection_that_explains_what_a_job_skipped_is_no_check_of_the_holds() {
    let skipped = json!({ "id": "job-1", "state": "FULFILLED", "totalRecordings": 5, "totalProcessedRecordings": 3,
                          "totalSkippedRecordings": 2, "totalFailedRecordings": 0 });
    let look = [Json(200, json!([{ "id": "a" }])), there(2), gone()];
    let before = Before(vec![conversations(&["a", "b"])]);
    let start = [before, created(), job("READY"), job("PROCESSING"), Json(200, skipped)];
    let story = play(&order("recordingJobs", |_| {}), start.into_iter().chain(look));
    let view = story.run.view();
    assert_eq!(
        (story.end(), view.protected, view.remaining, view.records_deleted),
        (verified(), Some(2), Some(0), Some(3))
    );
    assert_eq!(story.events("protection_found"), [protection_found(2, &["a"])]);
    assert_eq!(story.events("holds_checked"), Vec::<Value>::new());
}

/// A hold that comes in the cool-off keeps recordings that the job has given a date and did not skip.
#[test]
fn protection_that_came_in_the_cool_off_is_asked_for_after_it() {
    let order = order("recordingJobs", |order| {
        order["request"]["recordings"] = json!({ "coolOffDays": 3 });
    });
    let done = json!({ "id": "job-1", "state": "FULFILLED", "totalRecordings": 3, "totalProcessedRecordings": 3,
                       "totalSkippedRecordings": 0, "totalFailedRecordings": 0 });
    let before = Before(vec![conversations(&["a", "b", "c"])]);
    let start = [before, created(), job("READY"), job("PROCESSING"), Json(200, done)];
    let date = "2024-01-04T00:00:00.000Z";
    let there = Json(200, json!([{ "fileState": "AVAILABLE", "deleteDate": date }]));
    let kept = [Json(200, json!([{ "id": "c" }])), there, gone(), gone()];
    let story = play(&order, start.clone().into_iter().chain(kept));
    assert_eq!(story.end(), ended(Outcome::Residual, "job.protected-since"));
    assert_eq!(story.events("protection_found"), [protection_found(3, &["c"])]);
    assert_eq!(story.run.view().records_deleted, None, "the job's figure is not what is gone");
    let story = play(&order, start.into_iter().chain([gone(), gone(), gone(), gone()]));
    assert_eq!((story.end(), story.run.view().records_deleted), (verified(), Some(3)));
}

fn protection_found(asked: u64, protected: &[&str]) -> Value {
    json!({ "kind": "protection_found", "asked": asked, "protected": protected })
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

/// A page of the chunk's conversations, those first that ended last.
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
    assert!(message.ends_with(": 1 of them, kept by hold `H-2`"), "{message}");
    // Everything touched is protected: the job may run, and leaves it out.
    let rest = [job("PROCESSING"), job("FULFILLED"), gone()];
    let story = play(&held, found().into_iter().chain([protects(0..100), protects(100..101)]).chain(rest));
    assert_eq!((story.end(), asked(&story)), (verified(), 2));
    // After one that ended before the held window, all have.
    let mut mixed = page(0..3, into, 101);
    mixed["conversations"][1]["conversationStart"] = json!("2023-01-31T10:30:00.000Z");
    for nth in [1, 2] {
        mixed["conversations"][nth]["conversationEnd"] = json!("2023-01-31T11:00:00.000Z");
    }
    let story = play(
        &held,
        [created(), job("READY"), Json(200, mixed), none(), protects(0..0)].into_iter().chain(called_off()),
    );
    assert_eq!(story.end(), ended(Outcome::Held, "hold"));
    // Conversations without an end are asked for separately if they can reach into at least one of the windows.
    let mut both = held.clone();
    both.held_windows.push(both.held_windows[0].clone());
    both.held_windows[1].rule = true;
    both.held_windows[1].window =
        serde_json::from_value(json!({ "start": "2023-06-01T00:00:00.000Z", "end": "2023-07-01T00:00:00.000Z" }))
            .unwrap();
    let all = Json(200, page(0..3, "2023-01-31T11:00:00.000Z", 3));
    let answers = [created(), job("READY"), all, none(), job("PROCESSING"), job("FULFILLED")];
    let story = play(&both, answers.into_iter().chain([gone()]));
    assert_eq!(story.end(), verified());
    let asked: Vec<_> = bodies(&story).into_iter().filter(|body| body["body"]["interval"].is_string()).collect();
    // The first page is from the look at what has recordings.
    assert_eq!((asked.len(), asked[1]["body"] == asked[2]["body"]), (3, false));
}
