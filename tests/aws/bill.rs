//! What AWS charges for calls, in its own units, from what was really sent.
//!
//! Of the table it is a lower bound: DynamoDB charges an update by the larger of the item before and after it, and so a deletion by the
//! item, and neither is in the request. Most updates here replace the larger part of their item; a claim and a note that a message stands
//! by are the ones that change a few words of a chunk's state, which may have several kilobytes, and a tally of chunks that have ended
//! grows to some, too.

use std::collections::BTreeMap;

use purge_core::plan::price;
use serde_json::Value;

/// Bytes of one write unit.
const WRITTEN: u64 = 1024;
/// Bytes of one read unit.
const READ: u64 = 4096;
/// Bytes of a message for which a queue charges once.
const QUEUED: u64 = 64 * 1024;

/// Calls, and what they cost.
#[derive(Clone, Debug, Default)]
pub struct Bill {
    /// By the name of the action.
    pub calls: BTreeMap<String, u64>,
    /// Messages that were sent.
    pub messages: u64,
    /// Requests to queues.
    pub queue_requests: u64,
    /// Kilobytes written, in the table and in its index. From the JSON that was sent: of a put, which is somewhat larger than the item,
    /// and of an update, which may be much smaller.
    pub write_units: u64,
    /// Halves of a read unit: what need not be consistent costs half.
    pub half_read_units: u64,
}

impl Bill {
    /// Counts one call.
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
            // Whoever makes a table of it asks for those with `unknown`.
            _ => {}
        }
    }

    /// Calls of which nobody here knows what they cost.
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

    /// What has been added since.
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

    /// Billionths of a dollar for queues: every message is sent, and received and deleted in the worst case by itself.
    #[must_use]
    pub fn of_queues(&self) -> u64 {
        (self.queue_requests + 2 * self.messages) * price::QUEUE_REQUEST
    }

    /// Billionths of a dollar for the table.
    #[must_use]
    pub fn of_the_table(&self) -> u64 {
        self.write_units * price::WRITE_UNIT + self.half_read_units * price::READ_UNIT / 2
    }
}

/// Units of an item; one that is in the index is written there, too.
fn written(item: &Value) -> u64 {
    let text = item.to_string();
    size(&text).div_ceil(WRITTEN).max(1) * if text.contains("\"due\"") { 2 } else { 1 }
}

fn size(text: &str) -> u64 {
    text.len() as u64
}
