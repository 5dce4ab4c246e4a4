//! The bridge keeps the rules of AWS: a batch is done only if its answer says so in a form that AWS understands. Tested on the
//! queues of the emulator and of moto.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use purge_tests_aws::bridge::{Mapping, Tally, Verdict, judge};
use purge_tests_aws::emulator::{Emulator, Moto, config};
use purge_tests_aws::lambda::{Answer, Invoke};
use purge_tests_aws::queues::{Depth, Queue};
use serde_json::{Value, json};

/// Answers that AWS takes for a failure of the whole batch. `ID` becomes the id of a message of the batch.
const MALFORMED: [(&str, &str); 12] = [
    ("unknown id", r#"{"batchItemFailures":[{"itemIdentifier":"ID"},{"itemIdentifier":"another"}]}"#),
    ("empty id", r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#),
    ("null id", r#"{"batchItemFailures":[{"itemIdentifier":null}]}"#),
    ("number", r#"{"batchItemFailures":[{"itemIdentifier":7}]}"#),
    ("wrong key", r#"{"batchItemFailures":[{"itemIdentifer":"ID"}]}"#),
    ("bare id", r#"{"batchItemFailures":["ID"]}"#),
    ("no list", r#"{"batchItemFailures":{"itemIdentifier":"ID"}}"#),
    ("list alone", r#"[{"itemIdentifier":"ID"}]"#),
    ("text", r#""done""#),
    ("cut off", r#"{"batchItemFailures":["#),
    ("not JSON", "done"),
    ("function error", "ERROR"),
];

/// Answers that AWS takes for success.
const DONE: [&str; 6] = [
    "",
    "null",
    "{}",
    r#"{"statusCode":200,"body":"fine"}"#,
    r#"{"batchItemFailures":null}"#,
    r#"{"batchItemFailures":[]}"#,
];

fn answer(text: &str, id: &str) -> Answer {
    match text {
        "ERROR" => Answer::Failed("boom".to_owned()),
        other => Answer::Returned(other.replace("ID", id)),
    }
}

#[test]
fn the_verdict_is_that_of_aws() {
    let ids = BTreeSet::from(["a".to_owned(), "b".to_owned()]);
    for (what, text) in MALFORMED {
        assert!(matches!(judge(&answer(text, "a"), &ids), Verdict::AllFailed(_)), "{what}");
    }
    for text in DONE {
        assert_eq!(judge(&answer(text, "a"), &ids), Verdict::Failed(BTreeSet::new()), "{text}");
    }
    let one = answer(r#"{"batchItemFailures":[{"itemIdentifier":"ID"},{"itemIdentifier":"ID"}]}"#, "a");
    assert_eq!(judge(&one, &ids), Verdict::Failed(BTreeSet::from(["a".to_owned()])));
}

/// A function that gives this answer to its first event and succeeds afterwards. It keeps the events.
#[derive(Debug)]
struct Scripted {
    first: &'static str,
    events: Mutex<Vec<Value>>,
}

impl Invoke for Scripted {
    async fn invoke(&self, event: &Value) -> Answer {
        let mut events = self.events.lock().unwrap();
        events.push(event.clone());
        let first = if events.len() == 1 { self.first } else { "{}" };
        answer(first, event["Records"][0]["messageId"].as_str().unwrap())
    }
}

impl Scripted {
    /// How often each body was delivered.
    fn handed_over(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for event in self.events.lock().unwrap().iter() {
            for record in event["Records"].as_array().unwrap() {
                *counts.entry(record["body"].as_str().unwrap().to_owned()).or_default() += 1;
            }
        }
        counts
    }
}

/// Sends three messages, answers the first batch with `first`, and returns what happens until the queue is empty.
async fn deliver(sqs: aws_sdk_sqs::Client, name: String, first: &'static str) -> (BTreeMap<String, usize>, Value) {
    let queue = Queue::create(&sqs, &name, Duration::from_secs(1), None).await;
    for body in ["1", "2", "3"] {
        queue.send(&sqs, body).await;
    }
    let function = Arc::new(Scripted { first, events: Mutex::default() });
    let mapping = Mapping {
        sqs: sqs.clone(),
        queue_url: queue.url.clone(),
        queue_arn: queue.arn.clone(),
        function: Arc::clone(&function),
        batch_size: 10,
        concurrency: 1,
        disorder: None,
        tally: Arc::new(Tally::default()),
    };
    let enabled = mapping.enable();
    let deadline = Instant::now() + Duration::from_secs(30);
    while queue.depth(&sqs).await != Depth::EMPTY {
        assert!(Instant::now() < deadline, "{name}: the queue is not emptied");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    drop(enabled);
    let event = function.events.lock().unwrap()[0].clone();
    (function.handed_over(), event)
}

async fn whole_batches_come_again(url: &str) {
    let sqs = aws_sdk_sqs::Client::new(&config(url).await);
    let all = |times| ["1", "2", "3"].map(|body| (body.to_owned(), times)).into_iter().collect::<BTreeMap<_, _>>();
    let malformed = MALFORMED.iter().enumerate().map(|(n, (what, first))| {
        let sqs = sqs.clone();
        async move { (*what, deliver(sqs, format!("malformed-{n}"), first).await.0) }
    });
    for (what, counts) in futures_util::future::join_all(malformed).await {
        assert_eq!(counts, all(2), "{what}");
    }
    let done = DONE.iter().enumerate().map(|(n, first)| deliver(sqs.clone(), format!("done-{n}"), first));
    for (counts, _) in futures_util::future::join_all(done).await {
        assert_eq!(counts, all(1));
    }
    let one = r#"{"batchItemFailures":[{"itemIdentifier":"ID"}]}"#;
    let (counts, event) = deliver(sqs, "one".to_owned(), one).await;
    let first = event["Records"][0]["body"].as_str().unwrap();
    assert_eq!(counts.iter().filter(|(_, times)| **times == 2).map(|(body, _)| body).collect::<Vec<_>>(), [first]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_malformed_answer_brings_the_whole_batch_again_on_the_emulator() {
    let emulator = Emulator::start();
    whole_batches_come_again(&emulator.url).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_malformed_answer_brings_the_whole_batch_again_on_moto() {
    let moto = Moto::start();
    whole_batches_come_again(&moto.url).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_look_as_functions_get_them() {
    let emulator = Emulator::start();
    let sqs = aws_sdk_sqs::Client::new(&config(&emulator.url).await);
    let queue = Queue::create(&sqs, "shape", Duration::from_secs(5), None).await;
    let traced = aws_sdk_sqs::types::MessageAttributeValue::builder().data_type("String").string_value("00-1-2-01");
    let send = sqs.send_message().queue_url(&queue.url).message_body("x");
    send.message_attributes("traceparent", traced.build().unwrap()).send().await.unwrap();
    let function = Arc::new(Scripted { first: "", events: Mutex::default() });
    let mapping = Mapping {
        sqs: sqs.clone(),
        queue_url: queue.url.clone(),
        queue_arn: queue.arn.clone(),
        function: Arc::clone(&function),
        batch_size: 1,
        concurrency: 1,
        disorder: None,
        tally: Arc::new(Tally::default()),
    };
    let _enabled = mapping.enable();
    let deadline = Instant::now() + Duration::from_secs(10);
    while queue.depth(&sqs).await != Depth::EMPTY {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let record = function.events.lock().unwrap()[0]["Records"][0].clone();
    assert_eq!(record["attributes"]["ApproximateReceiveCount"], "1");
    assert_eq!(record["messageAttributes"]["traceparent"]["stringValue"], "00-1-2-01");
    assert_eq!(record["messageAttributes"]["traceparent"]["dataType"], json!("String"));
    assert_eq!(record["eventSource"], "aws:sqs");
    assert_eq!(record["eventSourceARN"], queue.arn.as_str());
    assert!(!record["receiptHandle"].as_str().unwrap().is_empty() && !record["md5OfBody"].as_str().unwrap().is_empty());
}
