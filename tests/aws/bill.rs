//! What AWS charges for calls, in its own units, calculated from what was really sent.
//!
//! For the table this is a lower bound. DynamoDB charges an update by the larger of the item before and after it, and a deletion by
//! the item, and neither is in the request. Most updates here replace the larger part of their item. The exceptions are a claim and
//! a note that a message stands by, which change a few words of a chunk's state of perhaps several kilobytes, and a tally of ended
//! chunks, which also grows to some kilobytes.

use std::collections::BTreeMap;

use purge_core::plan::price;
use serde_json::Value;

/// Bytes in a write unit.
const WRITTEN: u64 = 1024;
/// Bytes in a read unit.
const READ: u64 = 4096;
/// Bytes of a message that a queue charges as one request.
const QUEUED: u64 = 64 * 1024;

/// Calls, and what they cost.
#[derive(Clone, Debug, Default)]
pub struct Bill {
    /// The number of calls by action.
    pub calls: BTreeMap<String, u64>,
    /// How many messages were sent.
    pub messages: u64,
    /// How many requests were sent to queues.
    pub queue_requests: u64,
    /// Kilobytes written to the table and its index, from the JSON that was sent. For a put this is somewhat more than the item;
    /// for an update it may be much less.
    pub write_units: u64,
    /// Halves of read units, because a read that need not be consistent costs half a unit.
    pub half_read_units: u64,
}

impl Bill {
    /// Adds a call.
    pub fn add(&mut self, action: &str, asked: &str, answered: &str) {
        *self.calls.entry(action.to_owned()).or_default() += 1;
        let question: Value = serde_json::from_str(asked).unwrap_or_default();
        match action {
            "SendMessageBatch" | "SendMessage" => {
                self.queue_requests += size(asked).div_ceil(QUEUED);
                self.messages += question["Entries"].as_array().map_or(1, |entries| entries.len() as u64);
            }
            "PutItem" => self.write_units += written(&question["Item"]),
            "UpdateItem" | "DeleteItem" => self.write_units += written(&question),
            "BatchWriteItem" => {
                let tables = question["RequestItems"].as_object().into_iter().flatten();
                let puts = tables.flat_map(|(_, requests)| requests.as_array().into_iter().flatten());
                self.write_units += puts.map(|put| written(&put["PutRequest"]["Item"])).sum::<u64>();
            }
            // A transaction writes everything twice.
            "TransactWriteItems" => {
                let items = question["TransactItems"].as_array().into_iter().flatten();
                self.write_units += items.map(|item| 2 * written(item)).sum::<u64>();
            }
            "GetItem" | "Query" => {
                let consistent = question["ConsistentRead"] == true;
                self.half_read_units += size(answered).div_ceil(READ).max(1) * if consistent { 2 } else { 1 };
            }
            // Callers find actions that are not handled here with `unknown`.
            _ => {}
        }
    }

    /// The actions whose costs are not known here.
    #[must_use]
    pub fn unknown(&self) -> Vec<&str> {
        let known = [
            "SendMessageBatch",
            "SendMessage",
            "PutItem",
            "UpdateItem",
            "DeleteItem",
            "BatchWriteItem",
            "TransactWriteItems",
            "GetItem",
            "Query",
        ];
        self.calls.keys().map(String::as_str).filter(|name| !known.contains(name)).collect()
    }

    /// What has been added since `before`.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let calls = self.calls.iter().map(|(name, n)| (name.clone(), n - before.calls.get(name).unwrap_or(&0)));
        Self {
            calls: calls.filter(|(_, n)| *n > 0).collect(),
            messages: self.messages - before.messages,
            queue_requests: self.queue_requests - before.queue_requests,
            write_units: self.write_units - before.write_units,
            half_read_units: self.half_read_units - before.half_read_units,
        }
    }

    /// The cost of queues in billionths of a dollar. Every message is sent, and in the worst case received and deleted on its own.
    #[must_use]
    pub fn of_queues(&self) -> u64 {
        (self.queue_requests + 2 * self.messages) * price::QUEUE_REQUEST
    }

    /// The cost of the table in billionths of a dollar.
    #[must_use]
    pub fn of_the_table(&self) -> u64 {
        self.write_units * price::WRITE_UNIT + self.half_read_units * price::READ_UNIT / 2
    }
}

/// The write units of an item. An item that is in the index is written there as well.
fn written(item: &Value) -> u64 {
    let text = item.to_string();
    size(&text).div_ceil(WRITTEN).max(1) * if text.contains("\"due\"") { 2 } else { 1 }
}

fn size(text: &str) -> u64 {
    text.len() as u64
}
