//! The policy port: reads the policy that applies now from wherever it is kept.

use std::fmt;

use futures_util::future::LocalBoxFuture;

/// Reads the policy that applies now. The driver asks right before each deletion, because a hold may have come since the plan.
pub trait PolicyInForce: fmt::Debug {
    /// The text of the policy as it is now.
    ///
    /// # Errors
    /// Why it cannot be read, in one line. Nothing is deleted then.
    fn read(&self) -> LocalBoxFuture<'_, Result<String, String>>;
}
