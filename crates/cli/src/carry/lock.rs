//! One process carries out a run; the others know that it does.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// Held as long as it lives; the operating system lets it go when the process dies, however it dies.
#[derive(Debug)]
pub(crate) struct RunLock {
    _file: File,
}

impl RunLock {
    /// The lock of that run, unless another process has it.
    pub(crate) fn take(ledger: &Path, run_id: &str) -> Result<Option<Self>, Failure> {
        let (file, path) = open(ledger, run_id)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(why)) => Err(refused(&path, why)),
        }
    }
}

/// Held while a run's evidence is read from the ledger and written: whoever followed the run writes it at the same moment, and
/// an older state must not replace a newer one.
#[derive(Debug)]
pub(crate) struct EvidenceLock {
    _file: File,
}

impl EvidenceLock {
    /// The lock, as soon as nobody else has it. Everybody has it for a moment only.
    pub(crate) fn wait(ledger: &Path, run_id: &str) -> Result<Self, Failure> {
        let (file, path) = open(ledger, &format!("{run_id}.evidence"))?;
        file.lock().map_err(|why| refused(&path, why))?;
        Ok(Self { _file: file })
    }
}

fn open(ledger: &Path, name: &str) -> Result<(File, PathBuf), Failure> {
    let folder = ledger.join("locks");
    let path = folder.join(format!("{name}.lock"));
    fs::create_dir_all(&folder).map_err(|why| refused(&path, why))?;
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    Ok((file.map_err(|why| refused(&path, why))?, path))
}

fn refused(path: &Path, why: io::Error) -> Failure {
    Failure::machine(&format!("lock `{}`", path.display()), why)
}
