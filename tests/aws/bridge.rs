//! An event source mapping from SQS to a function, as strict as that of AWS about what counts as done.
//!
//! The emulator's own mapping takes a malformed batch response for success and deletes the messages. AWS takes it for a failure of
//! the whole batch. A function tested only with the emulator could lose work unnoticed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName};
use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::chance::Chance;
use crate::lambda::{Answer, Invoke};

/// How long to wait after finding a queue empty.
const IDLE: Duration = Duration::from_millis(200);

/// The result of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// These messages come again; all others are deleted.
    Failed(BTreeSet<String>),
    /// All messages come again, for this reason; none is deleted.
    AllFailed(String),
}

/// AWS's rules for `ReportBatchItemFailures`. Empty answers, and answers without the list, mean that all is done. Whatever cannot be
/// understood, and a list that names anything but messages of the batch, means that nothing is.
#[must_use]
pub fn judge(answer: &Answer, ids: &BTreeSet<String>) -> Verdict {
    let body = match answer {
        Answer::Failed(why) => return Verdict::AllFailed(format!("function error: {why}")),
        Answer::Returned(body) => body,
    };
    let nothing_failed = Verdict::Failed(BTreeSet::new());
    if body.is_empty() {
        return nothing_failed;
    }
    let list = match serde_json::from_str::<Value>(body) {
        Ok(Value::Null) => return nothing_failed,
        Ok(Value::Object(mut answer)) => answer.remove("batchItemFailures").unwrap_or_default(),
        Ok(_) => return Verdict::AllFailed("the answer is no object".to_owned()),
        Err(why) => return Verdict::AllFailed(format!("the answer is not JSON: {why}")),
    };
    if list.is_null() {
        return nothing_failed;
    }
    let Some(list) = list.as_array() else {
        return Verdict::AllFailed("`batchItemFailures` is no list".to_owned());
    };
    let named = list.iter().map(|item| item.get("itemIdentifier").and_then(Value::as_str).map(str::to_owned));
    match named.collect::<Option<BTreeSet<_>>>() {
        None => Verdict::AllFailed("an entry without `itemIdentifier`".to_owned()),
        Some(named) => match named.iter().find(|id| !ids.contains(*id)) {
            Some(id) => Verdict::AllFailed(format!("`{id}` is no message of the batch")),
            None => Verdict::Failed(named),
        },
    }
}

/// What a standard queue may do to its messages and seldom does: deliver them more than once, and in any order.
#[derive(Debug)]
pub struct Disorder {
    pub chance: Chance,
    /// Batches, of a thousand, that two invocations get at the same time.
    pub twice: u64,
    /// Messages, of a thousand, that are twice in their batch.
    pub twins: u64,
    /// Messages, of a thousand, that come again although they are done.
    pub undead: u64,
    /// Batches, of a thousand, that are held back for up to three seconds so that others overtake them.
    pub late: u64,
}

/// What a mapping has done so far.
#[derive(Debug, Default)]
pub struct Tally {
    pub batches: AtomicU64,
    /// How often messages were delivered, repetitions included.
    pub deliveries: AtomicU64,
    /// How many deliveries were unnecessary repetitions.
    pub duplicates: AtomicU64,
    /// How many messages were reported as failed, to come again.
    pub failures: AtomicU64,
    /// How many messages were deleted.
    pub deleted: AtomicU64,
}

/// A mapping between a queue and a function.
#[derive(Debug)]
pub struct Mapping<F> {
    pub sqs: Client,
    pub queue_url: String,
    pub queue_arn: String,
    pub function: Arc<F>,
    /// The most messages in an event.
    pub batch_size: i32,
    /// The most events at a time.
    pub concurrency: usize,
    pub disorder: Option<Disorder>,
    pub tally: Arc<Tally>,
}

/// A running mapping. It stops when this value is dropped.
#[derive(Debug)]
pub struct Mapped(JoinHandle<()>);

impl Drop for Mapped {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl<F: Invoke> Mapping<F> {
    /// Delivers messages for as long as the returned value lives.
    #[must_use]
    pub fn enable(self) -> Mapped {
        let mapping = Arc::new(self);
        Mapped(tokio::spawn(async move {
            let permits = Arc::new(Semaphore::new(mapping.concurrency));
            loop {
                let permit = Arc::clone(&permits).acquire_owned().await.unwrap();
                let messages = mapping.receive().await;
                if messages.is_empty() {
                    tokio::time::sleep(IDLE).await;
                    continue;
                }
                let mapping = Arc::clone(&mapping);
                tokio::spawn(async move {
                    mapping.disorderly(messages).await;
                    drop(permit);
                });
            }
        }))
    }

    /// Receives a batch. It is also empty if the queue does not answer, because the next look may succeed.
    async fn receive(&self) -> Vec<Message> {
        let receive = self
            .sqs
            .receive_message()
            .queue_url(&self.queue_url)
            .max_number_of_messages(self.batch_size)
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .message_attribute_names("All");
        receive.send().await.ok().and_then(|received| received.messages).unwrap_or_default()
    }

    async fn disorderly(&self, mut messages: Vec<Message>) {
        let Some(disorder) = &self.disorder else { return self.deliver(messages).await };
        for place in (1..messages.len()).rev() {
            let other = usize::try_from(disorder.chance.below(place as u64 + 1)).unwrap();
            messages.swap(place, other);
        }
        let twins: Vec<_> =
            messages.iter().filter(|_| disorder.chance.in_a_thousand(disorder.twins)).cloned().collect();
        self.tally.duplicates.fetch_add(twins.len() as u64, Ordering::Relaxed);
        messages.extend(twins);
        if disorder.chance.in_a_thousand(disorder.late) {
            tokio::time::sleep(Duration::from_millis(disorder.chance.below(3_000))).await;
        }
        if disorder.chance.in_a_thousand(disorder.twice) {
            self.tally.duplicates.fetch_add(messages.len() as u64, Ordering::Relaxed);
            tokio::join!(self.deliver(messages.clone()), self.deliver(messages));
        } else {
            self.deliver(messages).await;
        }
    }

    async fn deliver(&self, messages: Vec<Message>) {
        let ids = messages.iter().map(|message| message.message_id().unwrap().to_owned()).collect();
        let records: Vec<_> = messages.iter().map(|message| self.record(message)).collect();
        self.tally.batches.fetch_add(1, Ordering::Relaxed);
        self.tally.deliveries.fetch_add(records.len() as u64, Ordering::Relaxed);
        let answer = self.function.invoke(&json!({"Records": records})).await;
        let failed = match judge(&answer, &ids) {
            Verdict::Failed(failed) => failed,
            Verdict::AllFailed(_) => ids,
        };
        self.tally.failures.fetch_add(failed.len() as u64, Ordering::Relaxed);
        let undead = |_: &&Message| {
            let comes_again = self.disorder.as_ref().is_some_and(|d| d.chance.in_a_thousand(d.undead));
            self.tally.duplicates.fetch_add(u64::from(comes_again), Ordering::Relaxed);
            !comes_again
        };
        let done = messages.iter().filter(|message| !failed.contains(message.message_id().unwrap())).filter(undead);
        self.delete(done).await;
    }

    /// Deletes the messages that are done. The others come again when their visibility timeout is over, as on AWS.
    async fn delete(&self, done: impl Iterator<Item = &Message>) {
        let entries: Vec<_> = done
            .enumerate()
            .map(|(n, message)| {
                let entry = DeleteMessageBatchRequestEntry::builder().id(n.to_string());
                entry.receipt_handle(message.receipt_handle().unwrap()).build().unwrap()
            })
            .collect();
        for entries in entries.chunks(10) {
            let delete = self.sqs.delete_message_batch().queue_url(&self.queue_url).set_entries(Some(entries.to_vec()));
            if let Ok(deleted) = delete.send().await {
                self.tally.deleted.fetch_add(deleted.successful().len() as u64, Ordering::Relaxed);
            }
        }
    }

    /// A message in the form that a function gets. Unlike in SQS, the inner keys of its attributes begin with a lower-case letter.
    fn record(&self, message: &Message) -> Value {
        let attributes = message.attributes().into_iter().flatten();
        let attributes: Map<_, _> = attributes.map(|(name, value)| (name.as_str().to_owned(), json!(value))).collect();
        let message_attributes = message.message_attributes().into_iter().flatten().map(|(name, value)| {
            let value = json!({
                "stringValue": value.string_value(), "dataType": value.data_type(),
                "stringListValues": [], "binaryListValues": [],
            });
            (name.clone(), value)
        });
        json!({
            "messageId": message.message_id(),
            "receiptHandle": message.receipt_handle(),
            "body": message.body(),
            "attributes": attributes,
            "messageAttributes": message_attributes.collect::<Map<_, _>>(),
            "md5OfBody": message.md5_of_body(),
            "eventSource": "aws:sqs",
            "eventSourceARN": self.queue_arn,
            "awsRegion": "us-east-1",
        })
    }
}
