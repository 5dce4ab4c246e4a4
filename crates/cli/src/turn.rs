//! Waits for a file's lock, but not for ever: its holder may be suspended, and the operating system does not say so.

use std::fs::{File, TryLockError};
use std::io;
use std::time::{Duration, Instant};

/// Time between two tries.
const LOOK: Duration = Duration::from_millis(20);

/// Locks the file, until it is closed, as soon as no other process holds it.
///
/// # Errors
/// If another process has held the lock for all of `limit`, or the file cannot be locked at all.
pub(crate) fn lock(file: &File, limit: Duration) -> io::Result<()> {
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
        lock(&one, Duration::ZERO).unwrap();
        let refused = lock(&other, Duration::from_millis(50)).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::TimedOut);
        let let_go = std::thread::spawn(move || {
            std::thread::sleep(LOOK * 3);
            drop(one);
        });
        lock(&other, Duration::from_secs(60)).unwrap();
        let_go.join().unwrap();
    }
}
