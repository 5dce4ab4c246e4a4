//! The names of the table's keys, and the key of every kind of item.

use aws_sdk_dynamodb::types::AttributeValue;

use super::item::{Item, number, text};

/// Partition key of the table.
pub const PARTITION: &str = "pk";
/// Sort key of the table.
pub const SORT: &str = "sk";
/// The local index of messages that are still to be sent.
pub const BY_DUE: &str = "byDue";
/// Sort key of that index: when the message is due, in milliseconds since 1970.
pub const DUE: &str = "due";

/// Partition of the list of runs.
pub(super) const RUNS: &str = "runs";
/// Partition of the list of unfinished runs.
pub(super) const UNFINISHED: &str = "unfinished";
/// Sort key of what the chunks of a run share.
pub(super) const HEAD: &str = "run";
/// Prefix of the sort keys of tallies.
pub(super) const TALLY: &str = "tally#";

/// Chunks per tally of a large run: the set of their numbers stays below a few kilobytes.
const CHUNKS_PER_TALLY: u32 = 256;
/// Tallies of a small run. Neighbouring chunks are worked on at the same time, so they get different tallies.
const FEWEST_TALLIES: u32 = 16;

/// The key of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) partition: String,
    pub(super) sort: String,
}

impl Key {
    fn new(partition: impl Into<String>, sort: impl Into<String>) -> Self {
        Self { partition: partition.into(), sort: sort.into() }
    }

    /// An item with these keys and no other attributes.
    pub(super) fn item(&self) -> Item {
        Item::from([(PARTITION.to_owned(), text(&self.partition)), (SORT.to_owned(), text(&self.sort))])
    }
}

/// An entry in the list of runs, in which the youngest is last.
pub(super) fn listed(created_at: i64, run_id: &str) -> Key {
    Key::new(RUNS, format!("{created_at:020}#{run_id}"))
}

/// A firing of the schedule for the standing request of that key.
pub(super) fn firing(request_key: &str, scheduled_at: i64) -> Key {
    Key::new(format!("firings#{request_key}"), format!("{scheduled_at:020}"))
}

/// An entry in the list of unfinished runs.
pub(super) fn unfinished(run_id: &str) -> Key {
    Key::new(UNFINISHED, run_id)
}

/// The partition with the head of a run, its tallies and its small notes.
pub(super) fn run_partition(run_id: &str) -> String {
    format!("run#{run_id}")
}

pub(super) fn head(run_id: &str) -> Key {
    Key::new(run_partition(run_id), HEAD)
}

pub(super) fn sequence(run_id: &str) -> Key {
    Key::new(run_partition(run_id), "sequence")
}

/// The note that the receiver of the run's messages is gone for good.
pub(super) fn gone(run_id: &str) -> Key {
    Key::new(run_partition(run_id), "gone")
}

/// The tally that counts this chunk.
pub(super) fn tally(run_id: &str, index: u32, chunks: u32) -> Key {
    let tallies = chunks.div_ceil(CHUNKS_PER_TALLY).max(FEWEST_TALLIES);
    Key::new(run_partition(run_id), format!("{TALLY}{:05}", index % tallies))
}

pub(super) fn windows(run_id: &str, plan_digest: &str, page: u32) -> Key {
    Key::new(format!("run#{run_id}#plan#{plan_digest}"), format!("{page:05}"))
}

pub(super) fn state_partition(run_id: &str) -> String {
    format!("run#{run_id}#state")
}

pub(super) fn state_sort(index: u32) -> String {
    format!("{index:010}")
}

pub(super) fn state(run_id: &str, index: u32) -> Key {
    Key::new(state_partition(run_id), state_sort(index))
}

pub(super) fn records_partition(run_id: &str) -> String {
    format!("run#{run_id}#records")
}

pub(super) fn record_sort(position: u64) -> String {
    format!("{position:020}")
}

pub(super) fn record(run_id: &str, position: u64) -> Key {
    Key::new(records_partition(run_id), record_sort(position))
}

pub(super) fn outbox_partition(run_id: &str) -> String {
    format!("run#{run_id}#outbox")
}

pub(super) fn message(run_id: &str, id: &str) -> Key {
    Key::new(outbox_partition(run_id), id)
}

pub(super) fn policies_partition(run_id: &str) -> String {
    format!("run#{run_id}#policies")
}

/// A policy that was consulted about a deletion of the run.
pub(super) fn policy(run_id: &str, digest: &str) -> Key {
    Key::new(policies_partition(run_id), digest)
}

pub(super) fn slots(tenant: &str) -> Key {
    Key::new(format!("slots#{tenant}"), "slots")
}

pub(super) fn budget(tenant: &str) -> Key {
    Key::new(format!("budget#{tenant}"), "budget")
}

pub(super) fn long_text(digest: &str, part: usize) -> Key {
    Key::new(format!("text#{digest}"), format!("{part:05}"))
}

/// A point in time as an attribute.
pub(super) fn instant(at: purge_core::time::Timestamp) -> AttributeValue {
    number(at.millis())
}
