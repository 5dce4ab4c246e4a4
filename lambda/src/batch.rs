//! Batches of queue messages. Each message is handled by itself, and the answer names those that must be delivered again.

use std::future::Future;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use purge_core::time::Timestamp;
use serde_json::{Value, json};

use crate::metrics;
use crate::queue::TRACEPARENT;

/// One message as SQS delivers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Identifies the message in the answer.
    pub id: String,
    /// Its place in the batch. A queue may deliver the same message twice in one batch, so the id alone is not unique.
    pub place: usize,
    /// Its text, which is whatever the sender has put in.
    pub body: String,
    /// How often it has been delivered, this delivery included.
    pub receives: u32,
    /// The W3C trace context that it carries.
    pub traceparent: Option<String>,
}

/// The result of a delivery in which nothing failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handled {
    /// The message is no longer needed.
    Done,
    /// The message must be delivered again, because something else comes first. This is not a failure.
    NotYet(String),
}

/// Why a delivery failed. The message must be delivered again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Again {
    /// The ledger did not answer, and may at any moment.
    #[error("{0}")]
    Unavailable(String),
    /// Anything else, which may take a person to change.
    #[error("{0}")]
    Failed(String),
}

/// The event is not a batch of messages. None of it has been handled, and all of it must be delivered again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the event is not a batch of queue messages: {0}")]
pub struct NoBatch(String);

/// Handles every message by itself and returns the answer that the event source understands (`ReportBatchItemFailures`). A failed
/// delivery is not an error of the function in CloudWatch, so it is measured here.
///
/// # Errors
/// When the event is not a batch, or a message has no id. Without an id its failure could not be reported: Lambda takes an answer
/// with an unknown or empty id for the failure of all messages.
pub async fn each<'a, F>(
    event: &'a Value,
    now: impl Fn() -> Timestamp,
    handle: impl Fn(Received) -> F,
) -> Result<Value, NoBatch>
where
    F: Future<Output = Result<Handled, Again>> + 'a,
{
    let (answer, failed) = handle_each(event, handle).await?;
    for (id, deliveries) in failed {
        metrics::write(&metrics::failed_delivery(now(), &id, deliveries));
    }
    Ok(answer)
}

/// The answer, and the failed deliveries: the id of each message, and how often it has been delivered.
async fn handle_each<'a, F>(
    event: &'a Value,
    handle: impl Fn(Received) -> F,
) -> Result<(Value, Vec<(String, u32)>), NoBatch>
where
    F: Future<Output = Result<Handled, Again>> + 'a,
{
    let records = event.get("Records").and_then(Value::as_array).ok_or_else(|| NoBatch("no `Records`".to_owned()))?;
    let received: Vec<_> = records.iter().enumerate().map(read_record).collect::<Result<_, _>>()?;
    let ids: Vec<_> = received.iter().map(|message| (message.id.clone(), message.receives, message.about())).collect();
    let handled = received.into_iter().map(|message| AssertUnwindSafe(handle(message)).catch_unwind());
    let (mut back, mut failed) = (Vec::new(), Vec::new());
    for ((id, deliveries, about), outcome) in ids.into_iter().zip(join_all(handled).await) {
        let (run_id, chunk) = (about.get("runId").and_then(Value::as_str), about.get("chunk").and_then(Value::as_u64));
        let why = match outcome.unwrap_or_else(|_panic| Err(Again::Failed("the handler panicked".to_owned()))) {
            Ok(Handled::Done) => continue,
            Ok(Handled::NotYet(why)) => {
                tracing::info!(messageId = %id, runId = run_id, chunk, %why, "the message will come again");
                back.push(json!({"itemIdentifier": id}));
                continue;
            }
            Err(Again::Unavailable(why) | Again::Failed(why)) => why,
        };
        tracing::error!(messageId = %id, runId = run_id, chunk, deliveries, %why, "the message will come again");
        back.push(json!({"itemIdentifier": id}));
        failed.push((id, deliveries));
    }
    Ok((json!({"batchItemFailures": back}), failed))
}

fn read_record((place, record): (usize, &Value)) -> Result<Received, NoBatch> {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let id = text(record.get("messageId")).filter(|id| !id.is_empty());
    let id = id.ok_or_else(|| NoBatch("a message without an id".to_owned()))?;
    let receives = text(record.pointer("/attributes/ApproximateReceiveCount")).and_then(|n| n.parse().ok());
    let traceparent =
        record.pointer("/messageAttributes").and_then(|a| a.get(TRACEPARENT)).and_then(|a| a.get("stringValue"));
    Ok(Received {
        id,
        place,
        body: text(record.get("body")).unwrap_or_default(),
        receives: receives.unwrap_or(1),
        traceparent: text(traceparent),
    })
}

impl Received {
    /// Its text as JSON, for the log; `null` if it is not JSON.
    fn about(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// A unique name for the handling of this delivery in that invocation. Another delivery of the same message has another name.
    #[must_use]
    pub fn owner(&self, invocation: &str) -> String {
        format!("{invocation}/{}/{}", self.place, self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(ids: &[&str]) -> Value {
        json!({"Records": ids.iter().map(|id| json!({"messageId": id, "body": id})).collect::<Vec<_>>()})
    }

    async fn answer(event: &Value) -> Result<(Value, Vec<(String, u32)>), NoBatch> {
        handle_each(event, |message| async move {
            assert!(message.body != "panics");
            match message.body.as_str() {
                "fails" => Err(Again::Failed("no".to_owned())),
                "waits" => Ok(Handled::NotYet("no".to_owned())),
                _ => Ok(Handled::Done),
            }
        })
        .await
    }

    #[tokio::test(flavor = "current_thread")]
    async fn failures_are_named_one_by_one() {
        let event = batch(&["fine", "fails", "panics", "also fine"]);
        let failed = json!({"batchItemFailures": [{"itemIdentifier": "fails"}, {"itemIdentifier": "panics"}]});
        assert_eq!(answer(&event).await.unwrap().0, failed);
        assert_eq!(answer(&batch(&[])).await.unwrap().0, json!({"batchItemFailures": []}));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_fails_is_measured_with_its_deliveries_and_what_waits_is_not() {
        let mut event = batch(&["fine", "waits", "fails", "panics"]);
        event["Records"][2]["attributes"] = json!({"ApproximateReceiveCount": "4"});
        let (answer, failed) = answer(&event).await.unwrap();
        let back = ["waits", "fails", "panics"].map(|id| json!({"itemIdentifier": id}));
        assert_eq!(answer, json!({"batchItemFailures": back}), "each comes again");
        assert_eq!(failed, [("fails".to_owned(), 4), ("panics".to_owned(), 1)]);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_message_that_is_in_a_batch_twice_has_two_owners() {
        let owners = std::cell::RefCell::new(std::collections::BTreeSet::new());
        let handle = |message: Received| {
            owners.borrow_mut().insert(message.owner("invocation"));
            std::future::ready(Ok(Handled::Done))
        };
        handle_each(&batch(&["same", "same"]), handle).await.unwrap();
        assert_eq!(owners.borrow().len(), 2);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_could_not_be_named_fails_the_batch() {
        for event in [json!({}), json!({"Records": [{"body": "fine"}]}), batch(&["fine", ""])] {
            assert!(answer(&event).await.is_err(), "{event}");
        }
    }
}
