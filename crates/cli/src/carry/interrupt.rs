//! Ctrl-C and termination: once to stop in order, twice to stop at once.

use std::future::Future;
use std::pin::pin;

use futures_util::future::{Either, select};
use tokio::signal::unix::{SignalKind, signal};

use crate::exit::Exit;

/// Runs the future to its end; calls `asked` when somebody interrupts, and ends the process when they do it again.
pub(crate) async fn or_interrupted<T>(future: impl Future<Output = T>, asked: impl FnOnce()) -> T {
    let interrupted = pin!(async {
        next().await;
        asked();
        next().await;
        std::process::exit(i32::from(Exit::Temporary.code()));
    });
    match select(pin!(future), interrupted).await {
        Either::Left((done, _)) => done,
        Either::Right((never, _)) => never,
    }
}

/// The next interrupt or request to terminate; never, if the system does not tell us.
async fn next() {
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    select(pin!(interrupt.recv()), pin!(terminate.recv())).await;
}
