//! The port to a queue, and SQS behind it: messages that are delivered later.

use std::future::Future;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::DisplayErrorContext;
use aws_sdk_sqs::types::{MessageAttributeValue, QueueAttributeName, SendMessageBatchRequestEntry};
use futures_util::{TryStreamExt as _, stream};

use crate::clients::Lazy;

/// Messages in one SendMessageBatch (limit of SQS).
const BATCH: usize = 10;
/// Batches that are sent at the same time.
const AT_ONCE: usize = 16;
/// Attempts at the entries of a batch that SQS refuses.
const ROUNDS: u32 = 5;
/// SQS's name for the number of messages that it could deliver now.
const WAITING: QueueAttributeName = QueueAttributeName::ApproximateNumberOfMessages;
/// The message attribute with the W3C trace context.
pub const TRACEPARENT: &str = "traceparent";

/// A message and its delay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delayed {
    /// Its text.
    pub body: String,
    /// For how long the queue holds it back, in seconds: 0 to 900.
    pub delay_seconds: i32,
}

/// Why messages could not be sent or counted. The text is for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the queue does not do what it is asked: {0}")]
pub struct QueueError(pub String);

/// A queue that delivers each message at least once.
pub trait Queue {
    /// Sends all messages. When it fails, some may have been sent; sending them again is harmless.
    ///
    /// # Errors
    /// When the queue has not accepted all of them after several attempts.
    fn send(&self, messages: Vec<Delayed>, traceparent: Option<&str>) -> impl Future<Output = Result<(), QueueError>>;

    /// About how many messages wait to be received. Messages that are held back, or that a receiver has in hand, are not counted.
    ///
    /// # Errors
    /// When the queue does not answer with a number.
    fn waiting(&self) -> impl Future<Output = Result<u64, QueueError>>;
}

/// An SQS standard queue.
#[derive(Clone, Debug)]
pub struct SqsQueue {
    client: Lazy<Client>,
    url: String,
}

impl SqsQueue {
    /// The queue at this address.
    #[must_use]
    pub fn new(client: impl Into<Lazy<Client>>, url: impl Into<String>) -> Self {
        Self { client: client.into(), url: url.into() }
    }

    /// Sends one batch. SQS reports the failure of an entry only in that entry, while the batch as a whole succeeds.
    async fn send_batch(&self, messages: &[Delayed], traceparent: Option<&str>) -> Result<(), QueueError> {
        let mut left: Vec<usize> = (0..messages.len()).collect();
        let mut why = String::new();
        for round in 0..ROUNDS {
            if round > 0 {
                tokio::time::sleep(std::time::Duration::from_millis(100 << round)).await;
            }
            let mut entries = Vec::new();
            for &place in &left {
                let Some(message) = messages.get(place) else { continue };
                entries.push(entry(place, message, traceparent)?);
            }
            let batch = self.client.send_message_batch().queue_url(&self.url).set_entries(Some(entries));
            match batch.send().await {
                Ok(answer) => {
                    let failed: Vec<_> = answer.failed().iter().map(|entry| entry.id().to_owned()).collect();
                    why = answer.failed().iter().map(|entry| entry.code().to_owned()).collect::<Vec<_>>().join(", ");
                    left.retain(|place| failed.contains(&place.to_string()));
                }
                Err(error) => why = DisplayErrorContext(error).to_string(),
            }
            if left.is_empty() {
                return Ok(());
            }
        }
        Err(QueueError(why))
    }
}

impl Queue for SqsQueue {
    async fn send(&self, messages: Vec<Delayed>, traceparent: Option<&str>) -> Result<(), QueueError> {
        stream::iter(messages.chunks(BATCH).map(Ok))
            .map_ok(|batch| self.send_batch(batch, traceparent))
            .try_buffer_unordered(AT_ONCE)
            .try_collect::<()>()
            .await
    }

    async fn waiting(&self) -> Result<u64, QueueError> {
        let asked = self.client.get_queue_attributes().queue_url(&self.url).attribute_names(WAITING);
        let answer = asked.send().await.map_err(|error| QueueError(DisplayErrorContext(error).to_string()))?;
        let count = answer.attributes().and_then(|attributes| attributes.get(&WAITING)?.parse().ok());
        count.ok_or_else(|| QueueError(format!("it was answered without {WAITING}")))
    }
}

fn entry(
    place: usize,
    message: &Delayed,
    traceparent: Option<&str>,
) -> Result<SendMessageBatchRequestEntry, QueueError> {
    if !(0..=900).contains(&message.delay_seconds) {
        return Err(QueueError(format!("`{}` is no delay that SQS takes", message.delay_seconds)));
    }
    let mut entry = SendMessageBatchRequestEntry::builder()
        .id(place.to_string())
        .message_body(&message.body)
        .delay_seconds(message.delay_seconds);
    if let Some(traceparent) = traceparent {
        let value = MessageAttributeValue::builder().data_type("String").string_value(traceparent).build();
        entry = entry.message_attributes(TRACEPARENT, value.map_err(|why| QueueError(why.to_string()))?);
    }
    entry.build().map_err(|why| QueueError(why.to_string()))
}
