//! Queues like those of the template, with other times.

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::json;

/// A queue.
#[derive(Clone, Debug)]
pub struct Queue {
    pub url: String,
    pub arn: String,
}

/// How many messages are in a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Depth {
    pub visible: u64,
    pub in_flight: u64,
    pub delayed: u64,
}

impl Depth {
    pub const EMPTY: Self = Self { visible: 0, in_flight: 0, delayed: 0 };
}

impl Queue {
    /// Creates a queue. After `receives` failed deliveries its messages move to `dead`.
    pub async fn create(sqs: &Client, name: &str, visibility: Duration, dead: Option<(&Self, u32)>) -> Self {
        let mut create = sqs
            .create_queue()
            .queue_name(name)
            .attributes(QueueAttributeName::VisibilityTimeout, visibility.as_secs().to_string());
        if let Some((dead, receives)) = dead {
            let policy = json!({"deadLetterTargetArn": dead.arn, "maxReceiveCount": receives.to_string()});
            create = create.attributes(QueueAttributeName::RedrivePolicy, policy.to_string());
        }
        let url = create.send().await.unwrap().queue_url.unwrap();
        let got = sqs.get_queue_attributes().queue_url(&url).attribute_names(QueueAttributeName::QueueArn);
        let arn = got.send().await.unwrap().attributes.unwrap().remove(&QueueAttributeName::QueueArn).unwrap();
        Self { url, arn }
    }

    pub async fn depth(&self, sqs: &Client) -> Depth {
        // Ask for all counts at once: between two calls a message may move from one count to another.
        let got = sqs.get_queue_attributes().queue_url(&self.url).attribute_names(QueueAttributeName::All);
        let attributes = got.send().await.unwrap().attributes.unwrap();
        let count = |name| attributes[&name].parse().unwrap();
        Depth {
            visible: count(QueueAttributeName::ApproximateNumberOfMessages),
            in_flight: count(QueueAttributeName::ApproximateNumberOfMessagesNotVisible),
            delayed: count(QueueAttributeName::ApproximateNumberOfMessagesDelayed),
        }
    }

    /// Deletes every message, including those that are delayed or being handled, as a person may do by mistake.
    pub async fn purge(&self, sqs: &Client) {
        sqs.purge_queue().queue_url(&self.url).send().await.unwrap();
    }

    /// Sends a message and returns its id.
    pub async fn send(&self, sqs: &Client, body: &str) -> String {
        sqs.send_message().queue_url(&self.url).message_body(body).send().await.unwrap().message_id.unwrap()
    }
}
