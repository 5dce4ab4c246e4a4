//! Asks the ledger on threads that may block, because its calls block and must not hold up others.

use std::future::Future;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Handle;

use crate::carry::stored;
use crate::failure::Failure;
use crate::ledger::SqliteLedger;

/// A pool of open ledgers that are not in use.
#[derive(Debug)]
pub(crate) struct LedgerPool {
    folder: PathBuf,
    idle: Mutex<Vec<SqliteLedger>>,
}

/// How many ledgers are kept open.
const KEPT: usize = 4;

impl LedgerPool {
    /// A pool for the ledger in that folder, which is created at the first question.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder, idle: Mutex::default() }
    }

    /// Runs `what` with a ledger, on a thread that may block.
    pub(crate) async fn ask<T: Send + 'static>(
        self: &Arc<Self>,
        what: impl FnOnce(&SqliteLedger) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let ledgers = Arc::clone(self);
        let asked = tokio::task::spawn_blocking(move || {
            let ledger = ledgers.take()?;
            let answer = what(&ledger);
            ledgers.put_back(ledger);
            answer
        });
        asked.await.map_err(|why| Failure::machine("ask the ledger", why))?
    }

    fn take(&self) -> Result<SqliteLedger, Failure> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.map_or_else(|| SqliteLedger::open(&self.folder).map_err(stored::open_failure(&self.folder)), Ok)
    }

    fn put_back(&self, ledger: SqliteLedger) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < KEPT {
            idle.push(ledger);
        }
    }
}

/// Waits for a future on a thread that may block; only inside [`LedgerPool::ask`].
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    Handle::current().block_on(future)
}
