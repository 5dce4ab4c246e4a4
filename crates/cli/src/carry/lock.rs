//! One process carries out a run; the others know that it does.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::Path;

use crate::failure::Failure;

/// Held as long as it lives; the operating system lets it go when the process dies, however it dies.
#[derive(Debug)]
pub(crate) struct RunLock {
    _file: File,
}

impl RunLock {
    /// The lock of that run, unless another process has it.
    pub(crate) fn take(ledger: &Path, run_id: &str) -> Result<Option<Self>, Failure> {
        let folder = ledger.join("locks");
        let path = folder.join(format!("{run_id}.lock"));
        let refused = |why: std::io::Error| Failure::machine(&format!("lock `{}`", path.display()), why);
        fs::create_dir_all(&folder).map_err(refused)?;
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(refused)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(why)) => Err(refused(why)),
        }
    }
}
