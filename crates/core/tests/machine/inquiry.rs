//! Stories of conversations that analytics lists only in the background, from its long-term store.

use super::*;

fn none() -> Answer {
    Json(200, json!({ "totalHits": 0 }))
}

fn asked() -> Answer {
    Json(202, json!({ "jobId": "q-1" }))
}

fn state(word: &str) -> Answer {
    Json(202, json!({ "state": word }))
}

fn found(ids: &[&str]) -> Answer {
    let one = |id: &&str| json!({ "conversationId": id, "conversationStart": "2023-01-05T10:00:00.000Z" });
    let before = json!({ "conversationId": "early", "conversationStart": "2022-12-31T23:59:59.999Z" });
    let all: Vec<_> = ids.iter().map(one).chain([before]).collect();
    Json(200, json!({ "conversations": all, "cursor": "more" }))
}

/// A job that is carried out after these answers to the looks before it.
fn carried_out(looks: Vec<Answer>, after: impl IntoIterator<Item = Answer>) -> Story {
    let order = order("recordingJobs", |order| order["limits"] = json!({ "verifySeconds": 0 }));
    let job = [created(), job("READY"), job("PROCESSING"), job("FULFILLED")];
    play(&order, [Before(looks)].into_iter().chain(job).chain(after))
}

#[test]
fn conversations_listed_only_in_the_background_are_looked_at_before_and_afterwards() {
    let looks = || vec![none(), asked(), state("QUEUED"), state("PENDING"), state("FULFILLED"), found(&["a", "b"])];
    let recordings = || [gone(), there(2)];
    let story = carried_out(looks().into_iter().chain(recordings()).collect(), [gone()]);
    assert_eq!((story.end(), story.run.view().records_deleted), (verified(), Some(5)));
    let calls = ["POST inquiries", "GET inquiries/q-1", "GET inquiries/q-1/results", "GET recordingmetadata"];
    assert_eq!(calls.map(|call| story.times(call)), [1, 3, 1, 3], "the one that had recordings is looked at again");
    let seen = json!({ "kind": "seen_before", "listed": null, "checked": 2, "conversations": 1, "recordings": 2 });
    assert_eq!(story.events("seen_before"), [seen]);
    let kinds = story.log.matches("\"kind\":\"sending\"").count();
    assert_eq!(kinds, 2, "to ask changes nothing");
    let sent = bodies(&story);
    let body = sent.iter().find(|sent| sent["call"] == format!("POST {DETAILS_JOBS}")).unwrap();
    assert_eq!(
        body["body"],
        json!({ "interval": "2023-01-01T00:00:00.000Z/2023-01-31T23:59:59.999Z", "startOfDayIntervalMatching": true,
                "order": "unordered", "limit": 100 })
    );
    // Conversations that were looked at are not looked at again.
    let twice = [conversations(&["a"]), gone(), asked(), state("FULFILLED"), found(&["a", "b"]), there(1)];
    let story = carried_out(twice.into(), [gone()]);
    assert_eq!((story.end(), story.times("GET recordingmetadata")), (verified(), 3));
    assert_eq!(story.events("seen_before")[0]["checked"], 2);
    // What is still there is left.
    let story = carried_out(looks().into_iter().chain(recordings()).collect(), [there(1)]);
    assert_eq!(story.end(), ended(Outcome::Residual, "verify.residual"));
}

#[test]
fn a_query_in_the_background_without_a_result_does_not_stop_the_chunk() {
    let cases: [(&str, Vec<Answer>); 7] = [
        ("refused", vec![error(400, "bad.request")]),
        ("not offered", vec![error(404, "not.found")]),
        ("failed", vec![asked(), state("FAILED")]),
        ("a state that is not documented", vec![asked(), state("PONDERING")]),
        ("gone", vec![asked(), error(404, "not.found")]),
        ("a result that is gone", vec![asked(), state("FULFILLED"), error(410, "gone")]),
        ("a result with nothing", vec![asked(), state("FULFILLED"), Json(200, json!({}))]),
    ];
    for (what, answers) in cases {
        let story = carried_out([none()].into_iter().chain(answers).collect(), []);
        assert_eq!(story.end(), ended(Outcome::Unknown, "verify.nothing-seen"), "{what}");
        assert_eq!((story.times("POST inquiries"), story.times("PUT job-1")), (1, 1), "{what}");
        assert_eq!(story.events("seen_before")[0]["listed"], 0, "{what}");
    }
    // A query that is never answered is waited for only for a part of the time that the chunk may take.
    let endless = [none(), asked()].into_iter().chain((0..100).map(|_| state("PENDING"))).collect();
    let story = carried_out(endless, []);
    assert_eq!(story.end(), ended(Outcome::Unknown, "verify.nothing-seen"));
    assert!((900..1020).contains(&story.elapsed.as_secs()), "{:?}", story.elapsed);
    // An unwell query does not stop a chunk, which can be deleted without it.
    let unwell: [fn() -> Answer; 5] = [
        || error(503, "service.unavailable"),
        || Lost(NoResponse::TimedOut),
        || Lost(NoResponse::NotSent),
        || Header(429, "retry-after", "900"),
        || error(401, "bad.credentials"),
    ];
    for (nth, answer) in unwell.into_iter().enumerate() {
        for begun in [vec![none()], vec![none(), asked()], vec![none(), asked(), state("FULFILLED")]] {
            // Six refused tokens end the query. After that the API answers other questions.
            let answers = begun.into_iter().chain((0..if nth == 4 { 6 } else { 60 }).map(|_| answer()));
            let story = carried_out(answers.collect(), []);
            assert_eq!(story.end(), ended(Outcome::Unknown, "verify.nothing-seen"), "{nth}: {:?}", story.calls);
            assert!(
                story.times("PUT job-1") == 1 && story.elapsed < Duration::from_secs(2_800),
                "{nth}: {:?}",
                story.elapsed
            );
        }
    }
    // If the chunk has less time, so has the query.
    let order =
        order("recordingJobs", |order| order["limits"] = json!({ "chunkDeadlineSeconds": 600, "verifySeconds": 0 }));
    let endless = [none(), asked()].into_iter().chain((0..100).map(|_| state("PENDING"))).collect();
    let job = [created(), job("READY"), job("PROCESSING"), job("FULFILLED")];
    let story = play(&order, [Before(endless)].into_iter().chain(job));
    assert_eq!(story.end(), ended(Outcome::Unknown, "verify.nothing-seen"));
    // An answer without a body means that the query is under way.
    let bare = [none(), asked(), Text(202, ""), state("FULFILLED"), found(&["a"]), there(1)];
    assert_eq!(carried_out(bare.into(), [gone()]).end(), verified());
    // There is no query if the listed conversations had recordings.
    assert_eq!(carried_out(vec![conversations(&["a"]), there(1)], [gone()]).times("POST inquiries"), 0);
}
