//! The policy that applies now: the port to wherever it is kept.

use std::fmt;

use futures_util::future::LocalBoxFuture;

/// Where the policy that applies now is kept. It is read right before each deletion, because a hold may have come since the plan.
pub trait PolicyInForce: fmt::Debug {
    /// The policy as it is now.
    ///
    /// # Errors
    /// In one line, why it cannot be read. Nothing is deleted then.
    fn read(&self) -> LocalBoxFuture<'_, Result<String, String>>;
}
