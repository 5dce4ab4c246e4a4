//! The ledger in one DynamoDB table.
//!
//! | partition | sort | what |
//! |---|---|---|
//! | `runs` | time and run id | the list of runs |
//! | `unfinished` | run id | the runs that need looking after: they have not ended, or what follows their end is not all done |
//! | `firings#K` | time | the run that a firing of the schedule started, for the standing request of that key |
//! | `run#R` | `run` | the head: what the chunks of a run share, and whether it is cancelled |
//! | `run#R` | `tally#N` | which chunks have ended, and when one last changed, for every N-th chunk |
//! | `run#R` | `sequence` | the position that was given out last |
//! | `run#R` | `gone` | the receiver that wants no more messages, by the digest of its address |
//! | `run#R#plan#D` | page | the windows of the chunks |
//! | `run#R#state` | chunk | the state of a chunk that was claimed at least once, its version and lease |
//! | `run#R#records` | position | the audit log |
//! | `run#R#outbox` | message id | messages; those to be sent are in the index `byDue` |
//! | `slots#T` | `slots` | who holds the job slots of a tenant |
//! | `budget#T` | `budget` | what has been sent to a tenant in the last minute, and its version |
//! | `text#H` | part | a text that is too long for its item, by its digest |
//!
//! A chunk that was never claimed has no item of its own: its state follows from the order and its window. So creating a run of a
//! hundred thousand chunks writes a few hundred items. The tallies, which change with every commit, are spread over several items
//! so that workers do not conflict. What must be read together is in one partition, and every read is consistent.

mod attributes;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
pub(crate) mod canned;
mod chunks;
mod commit;
mod error;
mod item;
mod keys;
mod operations;
mod outbox;
mod runs;
mod store;
mod table;
mod text;
mod windows;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use aws_sdk_dynamodb::Client;
use purge_core::run::Order;

use crate::clients::Lazy;

pub use keys::{BY_DUE, DUE, PARTITION, SORT};

/// The ledger in a DynamoDB table with the keys [`PARTITION`] and [`SORT`], both text, and the local index [`BY_DUE`] on the number
/// [`DUE`].
#[derive(Debug)]
pub struct DynamoLedger {
    client: Lazy<Client>,
    table: String,
    /// The orders that were read already: they never change, and every step needs one.
    orders: RefCell<BTreeMap<String, Rc<Order>>>,
}

impl DynamoLedger {
    /// The ledger in the table of that name.
    #[must_use]
    pub fn new(client: impl Into<Lazy<Client>>, table: impl Into<String>) -> Self {
        Self { client: client.into(), table: table.into(), orders: RefCell::default() }
    }
}
