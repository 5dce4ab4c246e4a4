//! The async runtime of a command.

use std::future::Future;

use crate::failure::Failure;

/// Runs the future on this thread alone. Nothing here is shared between threads, and waiting costs nothing.
pub(crate) fn on_this_thread<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|why| Failure::machine("start", why))?;
    runtime.block_on(future)
}
