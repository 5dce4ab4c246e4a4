//! A batch of queue messages: each is a world of its own, and the answer names those to be delivered again.

use std::future::Future;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use purge_core::time::Timestamp;
use serde_json::{Value, json};

use crate::metrics;
use crate::queue::TRACEPARENT;

/// One message as SQS hands it over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Identifies the message in the answer.
    pub id: String,
    /// Where in the batch it is: nothing forbids a queue to hand over the same message twice in one.
    pub place: usize,
    /// What it says; whatever somebody put in.
    pub body: String,
    /// How often it has been handed over.
    pub receives: u32,
    /// The W3C trace context that it carries.
    pub traceparent: Option<String>,
}

/// What came of a message at which nothing failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handled {
    /// Nobody needs it any more.
    Done,
    /// It is to be delivered again, because something else comes first. That is no failure.
    NotYet(String),
}

/// Something failed, and the message is to be delivered again, for this reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Again(pub String);

/// The event is no batch of messages: nothing in it has been looked at, and all of it must come again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the event is not a batch of queue messages: {0}")]
pub struct NoBatch(String);

/// Handles every message by itself and gives the answer that the event source understands (`ReportBatchItemFailures`). A delivery that
/// fails is no error of the function, so it is measured here.
///
/// # Errors
/// When the event is no batch, or a message has no id, so that its failure could not be said: an answer with an unknown or empty
/// id would be taken for the failure of all.
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

/// The answer, and which deliveries have failed: by the id of the message, with how often it has been delivered.
async fn handle_each<'a, F>(
    event: &'a Value,
    handle: impl Fn(Received) -> F,
) -> Result<(Value, Vec<(String, u32)>), NoBatch>
where
    F: Future<Output = Result<Handled, Again>> + 'a,
{
    let records = event.get("Records").and_then(Value::as_array).ok_or_else(|| NoBatch("no `Records`".to_owned()))?;
    let received: Vec<_> = records.iter().enumerate().map(read).collect::<Result<_, _>>()?;
    let ids: Vec<_> = received.iter().map(|message| (message.id.clone(), message.receives, message.about())).collect();
    let handled = received.into_iter().map(|message| AssertUnwindSafe(handle(message)).catch_unwind());
    let (mut back, mut failed) = (Vec::new(), Vec::new());
    for ((id, deliveries, about), outcome) in ids.into_iter().zip(join_all(handled).await) {
        let (run_id, chunk) = (about.get("runId").and_then(Value::as_str), about.get("chunk").and_then(Value::as_u64));
        let why = match outcome.unwrap_or_else(|_panic| Err(Again("the handler panicked".to_owned()))) {
            Ok(Handled::Done) => continue,
            Ok(Handled::NotYet(why)) => {
                tracing::info!(messageId = %id, runId = run_id, chunk, %why, "the message will come again");
                back.push(json!({"itemIdentifier": id}));
                continue;
            }
            Err(Again(why)) => why,
        };
        tracing::error!(messageId = %id, runId = run_id, chunk, deliveries, %why, "the message will come again");
        back.push(json!({"itemIdentifier": id}));
        failed.push((id, deliveries));
    }
    Ok((json!({"batchItemFailures": back}), failed))
}

fn read((place, record): (usize, &Value)) -> Result<Received, NoBatch> {
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
    /// What it says, as far as that can be read: for the log.
    fn about(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// A name for whoever handles this delivery of the message in that invocation: nobody else has it, not even another delivery
    /// of the same message.
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
                "fails" => Err(Again("no".to_owned())),
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
