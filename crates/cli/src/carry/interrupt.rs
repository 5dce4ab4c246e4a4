//! Ctrl-C, termination, a terminal that is closed: once to stop in order, twice to stop at once.

use std::future::Future;
use std::pin::pin;

use futures_util::future::{Either, select};
use tokio::signal::unix::{Signal, SignalKind, signal};

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

/// The next interrupt, hang-up or request to terminate; never, if the system does not tell us.
async fn next() {
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    let hang_up = pin!(async {
        match hang_up() {
            Some(mut hang_up) => hang_up.recv().await,
            None => std::future::pending().await,
        }
    });
    select(hang_up, select(pin!(interrupt.recv()), pin!(terminate.recv()))).await;
}

/// That the terminal is gone. Not for whoever does not want to know of it (`nohup`), which only Linux says: elsewhere it is left to the
/// system.
fn hang_up() -> Option<Signal> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
    let ignored = u64::from_str_radix(ignored.trim(), 16).ok()?;
    // Signal N is bit N - 1.
    let is_ignored = ignored & 1 << (SignalKind::hangup().as_raw_value() - 1) != 0;
    if is_ignored { None } else { signal(SignalKind::hangup()).ok() }
}
