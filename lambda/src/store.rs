//! What the functions want of a ledger beyond what the driver wants.

use std::future::Future;
use std::rc::Rc;

use purge_core::run::Order;
use purge_core::time::Timestamp;
use purge_driver::Ledger;
use purge_driver::ledger::{LedgerError, OutboxRow};

/// A ledger with single things to be had by their name, and notes about wake-ups.
///
/// # Errors
/// As those of [`Ledger`].
pub trait Store: Ledger {
    /// What the chunks of a run share. It never changes, so it may be read once per process.
    fn order(&self, run_id: &str) -> impl Future<Output = Result<Option<Rc<Order>>, LedgerError>>;

    /// One message of the outbox.
    fn message(&self, run_id: &str, id: &str) -> impl Future<Output = Result<Option<OutboxRow>, LedgerError>>;

    /// Whether this message is the one that stands by for the wait that ends then: the first that asks is, and is again when it asks
    /// again.
    fn stands_by(
        &self,
        run_id: &str,
        index: u32,
        at: Timestamp,
        message: &str,
    ) -> impl Future<Output = Result<bool, LedgerError>>;
}
