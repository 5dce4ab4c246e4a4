//! Asking the ledger without holding anybody up: it blocks, so it is asked on threads that may be blocked.

use std::future::Future;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Handle;

use crate::carry::stored;
use crate::failure::Failure;
use crate::ledger::SqliteLedger;

/// Ledgers that are open and not in use.
#[derive(Debug)]
pub(crate) struct Desk {
    folder: PathBuf,
    idle: Mutex<Vec<SqliteLedger>>,
}

/// How many are kept open.
const KEPT: usize = 4;

impl Desk {
    /// For the ledger in that folder, which is made when somebody first asks.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder, idle: Mutex::default() }
    }

    /// Asks the ledger.
    pub(crate) async fn ask<T: Send + 'static>(
        self: &Arc<Self>,
        what: impl FnOnce(&SqliteLedger) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let desk = Arc::clone(self);
        let asked = tokio::task::spawn_blocking(move || {
            let ledger = desk.take()?;
            let answer = what(&ledger);
            desk.put_back(ledger);
            answer
        });
        asked.await.map_err(|why| Failure::machine("ask the ledger", why))?
    }

    fn take(&self) -> Result<SqliteLedger, Failure> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.map_or_else(|| SqliteLedger::open(&self.folder).map_err(stored::unopened(&self.folder)), Ok)
    }

    fn put_back(&self, ledger: SqliteLedger) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < KEPT {
            idle.push(ledger);
        }
    }
}

/// Waits on a thread that may be blocked; only inside [`Desk::ask`].
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    Handle::current().block_on(future)
}
