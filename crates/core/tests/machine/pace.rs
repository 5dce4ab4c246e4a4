//! What a story shows later chunks about how long jobs take.

use super::*;

/// Milliseconds between two records, each the last of its kind that contains the text.
fn between(story: &Story, from: &str, to: &str) -> u64 {
    let at = |text: &str| {
        let line = story.log.lines().rfind(|line| line.contains(text)).unwrap();
        let record: Value = serde_json::from_str(line).unwrap();
        Timestamp::parse(record["timestamp"].as_str().unwrap()).unwrap()
    };
    u64::try_from(at(to).since(at(from)).as_millis()).unwrap()
}

#[test]
fn a_finished_job_shows_how_long_it_took_and_how_late_the_index_was() {
    let (submitted, going, completed) =
        (r#""kind":"submitted""#, r#""remote":"processing""#, r#""remote":"completed""#);
    let start = || [count(5), accepted(), status("processing"), status("completed")].into_iter();
    let story = play(&deletion(json!({})), start().chain([count(5), count(0), count(0)]));
    assert_eq!(story.end(), verified());
    let seen = Pace {
        unfinished_ms: between(&story, submitted, going),
        finished_ms: between(&story, submitted, completed),
        lag_ms: between(&story, completed, r#""kind":"verified""#),
        slowest_ms: 0,
    };
    assert!(seen.unfinished_ms > 0 && seen.finished_ms > seen.unfinished_ms && seen.lag_ms > 0, "{seen:?}");
    assert_eq!(story.run.observed_pace(), Some(seen));
    // Where the first look found nothing, the index was in time.
    let story = play(&deletion(json!({})), start().chain([count(0)]));
    assert_eq!(story.run.observed_pace().unwrap().lag_ms, 0);
    // A job that never finished shows nothing, nor does a chunk without a submit.
    let order = deletion(json!({ "chunkDeadlineSeconds": 10 }));
    let story = play(&order, [count(5), accepted(), always(status("processing")), count(5)]);
    assert_eq!((story.end().0, story.run.observed_pace()), (Outcome::Unknown, None));
    assert_eq!(fresh(&order).observed_pace(), None);
}
