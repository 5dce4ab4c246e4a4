//! Ctrl-C, termination, and a closed terminal: the first stops in order, the second stops at once.

use std::future::Future;
use std::pin::pin;

use futures_util::future::{Either, select};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::exit::Exit;

/// Runs the future to its end. Calls `on_first` at the first interrupt, and ends the process at the second.
pub(crate) async fn with_interrupts<T>(future: impl Future<Output = T>, on_first: impl FnOnce()) -> T {
    let interrupted = pin!(async {
        next_signal().await;
        on_first();
        next_signal().await;
        std::process::exit(i32::from(Exit::Temporary.code()));
    });
    match select(pin!(future), interrupted).await {
        Either::Left((done, _)) => done,
        Either::Right((never, _)) => never,
    }
}

/// Waits for the next interrupt, hang-up or request to terminate; for ever if the system does not report them.
async fn next_signal() {
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    let hang_up = pin!(async {
        match hang_up_signal() {
            Some(mut hang_up) => hang_up.recv().await,
            None => std::future::pending().await,
        }
    });
    select(hang_up, select(pin!(interrupt.recv()), pin!(terminate.recv()))).await;
}

/// The signal that the terminal is gone, unless it is ignored (`nohup`). Only Linux says whether it is; elsewhere its handling is
/// left to the system.
fn hang_up_signal() -> Option<Signal> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
    let ignored = u64::from_str_radix(ignored.trim(), 16).ok()?;
    // Signal N is bit N - 1.
    let is_ignored = ignored & 1 << (SignalKind::hangup().as_raw_value() - 1) != 0;
    if is_ignored { None } else { signal(SignalKind::hangup()).ok() }
}
