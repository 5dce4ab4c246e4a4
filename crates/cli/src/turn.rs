//! Waiting for one's turn at a file's lock, but not for ever: whoever holds it may have stopped, and an operating system tells nobody.

use std::fs::{File, TryLockError};
use std::io;
use std::time::{Duration, Instant};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(20);

/// Locks the file as soon as nobody else has it, until it is closed.
///
/// # Errors
/// When another process has had it for that long, or it cannot be locked at all.
pub(crate) fn take(file: &File, limit: Duration) -> io::Result<()> {
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(why)) => return Err(why),
            Err(TryLockError::WouldBlock) if begun.elapsed() < limit => std::thread::sleep(LOOK),
            Err(TryLockError::WouldBlock) => {
                let message = format!("another process has held it for {} s", limit.as_secs());
                return Err(io::Error::new(io::ErrorKind::TimedOut, message));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_comes_when_it_is_let_go_or_not_at_all() {
        let folder = tempfile::TempDir::new().unwrap();
        let open = || File::create(folder.path().join("lock")).unwrap();
        let (one, other) = (open(), open());
        take(&one, Duration::ZERO).unwrap();
        let refused = take(&other, Duration::from_millis(50)).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::TimedOut);
        let let_go = std::thread::spawn(move || {
            std::thread::sleep(LOOK * 3);
            drop(one);
        });
        take(&other, Duration::from_secs(60)).unwrap();
        let_go.join().unwrap();
    }
}
