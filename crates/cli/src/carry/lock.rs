//! File locks: one process carries out a run, and the others can see that it does.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::failure::Failure;
use crate::turn;

/// The lock of a run, held while this value lives. The operating system releases it when the process dies, however it dies.
#[derive(Debug)]
pub(crate) struct RunLock {
    _file: File,
}

/// A process that only looks whether a run is carried out holds its lock for less than this.
const GLANCE: Duration = Duration::from_millis(5);

/// Tries before the lock counts as held by a process that carries out the run.
const TRIES: u32 = 3;

impl RunLock {
    /// Takes the lock of that run, unless another process holds it.
    pub(crate) fn take(ledger: &Path, run_id: &str) -> Result<Option<Self>, Failure> {
        for _ in 1..TRIES {
            if let Some(lock) = Self::try_once(ledger, run_id)? {
                return Ok(Some(lock));
            }
            std::thread::sleep(GLANCE);
        }
        Self::try_once(ledger, run_id)
    }

    /// Whether a process carries out the run.
    ///
    /// Creates nothing, so that it can be asked where nothing may be written.
    pub(crate) fn is_taken(ledger: &Path, run_id: &str) -> Result<bool, Failure> {
        let path = path(ledger, run_id);
        let tried = match File::open(&path) {
            Ok(file) => file.try_lock_shared(),
            Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(why) => Err(TryLockError::Error(why)),
        };
        match tried {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(why)) => Err(refused(&path, why)),
        }
    }

    /// The file of that run's lock, if it exists. It is made when a run that the ledger has is carried out for the first time, and
    /// it stays.
    pub(crate) fn existing_file(ledger: &Path, run_id: &str) -> Option<PathBuf> {
        Some(path(ledger, run_id)).filter(|path| path.exists())
    }

    fn try_once(ledger: &Path, run_id: &str) -> Result<Option<Self>, Failure> {
        let (file, path) = open(ledger, run_id)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(why)) => Err(refused(&path, why)),
        }
    }
}

/// How long to wait while other processes write a run's evidence: several times what the largest run takes.
const EVIDENCE_TIMEOUT: Duration = Duration::from_mins(10);

/// The lock on writing a run's evidence, held while the evidence is read from the ledger and written. A process that followed the
/// run writes it at the same moment, and an older state must not replace a newer one.
#[derive(Debug)]
pub(crate) struct EvidenceLock {
    _file: File,
}

impl EvidenceLock {
    /// Takes the lock as soon as no other process has it. Each holder has it only for a moment, longest for very many chunks.
    pub(crate) fn acquire(ledger: &Path, run_id: &str) -> Result<Self, Failure> {
        let (file, path) = open(ledger, &format!("{run_id}.evidence"))?;
        turn::lock(&file, EVIDENCE_TIMEOUT).map_err(|why| refused(&path, why))?;
        Ok(Self { _file: file })
    }
}

fn open(ledger: &Path, name: &str) -> Result<(File, PathBuf), Failure> {
    let path = path(ledger, name);
    fs::create_dir_all(ledger.join("locks")).map_err(|why| refused(&path, why))?;
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    Ok((file.map_err(|why| refused(&path, why))?, path))
}

fn path(ledger: &Path, name: &str) -> PathBuf {
    ledger.join("locks").join(format!("{name}.lock"))
}

fn refused(path: &Path, why: io::Error) -> Failure {
    Failure::machine(&format!("lock `{}`", path.display()), why)
}
