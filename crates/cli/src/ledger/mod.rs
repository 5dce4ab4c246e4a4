//! The ledger in one SQLite file.
//!
//! Write-ahead log and `synchronous = full`: what a call has written survives the loss of power. One connection a process; other
//! processes wait for their turn.

mod store;
#[cfg(test)]
mod tests;

pub(crate) use store::{ChunkKind, Mark, Unreadable};

use std::cell::{RefCell, RefMut};
use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use purge_driver::ledger::LedgerError;
use rusqlite::{Connection, ErrorCode, TransactionBehavior};

/// What brings the schema from each version to the next. Those that are there stay as they are: there are files of every version.
const MIGRATIONS: [&str; 3] = [
    include_str!("migrations/1-ledger.sql"),
    include_str!("migrations/2-changes.sql"),
    include_str!("migrations/3-budgets.sql"),
];
/// Longer than the longest write, which is the creation of a run with very many chunks.
const BUSY_TIMEOUT: Duration = Duration::from_secs(60);

/// A ledger that is open.
#[derive(Debug)]
pub(crate) struct SqliteLedger {
    connection: RefCell<Connection>,
}

impl SqliteLedger {
    /// Opens the ledger in that folder; makes both when they are missing.
    pub(crate) fn open(folder: &Path) -> Result<Self, LedgerError> {
        fs::create_dir_all(folder)
            .map_err(|why| LedgerError::Unavailable(format!("cannot make `{}`: {why}", folder.display())))?;
        let path = folder.join("ledger.sqlite3");
        // SQLite does not wait its turn while another process makes the file or turns its write-ahead log on.
        let opening = File::create(folder.join("ledger.lock"));
        let _opening = opening
            .and_then(|file| file.lock().map(|()| file))
            .map_err(|why| LedgerError::Unavailable(format!("cannot lock `{}`: {why}", folder.display())))?;
        let mut connection = Connection::open(&path)
            .map_err(|why| LedgerError::Unavailable(format!("cannot open `{}`: {why}", path.display())))?;
        connection.busy_timeout(BUSY_TIMEOUT).map_err(told)?;
        connection.pragma_update(None, "journal_mode", "wal").map_err(told)?;
        connection.pragma_update(None, "synchronous", "full").map_err(told)?;
        connection.pragma_update(None, "foreign_keys", "on").map_err(told)?;
        migrate(&mut connection)?;
        connection.set_prepared_statement_cache_capacity(64);
        Ok(Self { connection: RefCell::new(connection) })
    }

    /// Opens the ledger in that folder if there is one.
    pub(crate) fn open_existing(folder: &Path) -> Result<Option<Self>, LedgerError> {
        if folder.join("ledger.sqlite3").exists() { Self::open(folder).map(Some) } else { Ok(None) }
    }

    /// No borrow outlives a call: nothing here awaits while it holds one.
    fn connection(&self) -> RefMut<'_, Connection> {
        self.connection.borrow_mut()
    }
}

/// Brings the file to the schema of this program, from nothing or from an earlier version, and refuses one that it does not know.
fn migrate(connection: &mut Connection) -> Result<(), LedgerError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(told)?;
    let version: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(told)?;
    let Some(missing) = usize::try_from(version).ok().and_then(|version| MIGRATIONS.get(version..)) else {
        let newest = MIGRATIONS.len();
        return Err(LedgerError::Corrupt(format!(
            "its format is version {version}, this program knows version {newest}"
        )));
    };
    if missing.is_empty() {
        return Ok(());
    }
    for migration in missing {
        transaction.execute_batch(migration).map_err(told)?;
    }
    let newest = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    transaction.pragma_update(None, "user_version", newest).map_err(told)?;
    transaction.commit().map_err(told)
}

/// What SQLite says, in the ledger's terms.
#[expect(clippy::needless_pass_by_value, reason = "the shape of `map_err`")]
fn told(error: rusqlite::Error) -> LedgerError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::ConstraintViolation) => {
            LedgerError::Corrupt(error.to_string())
        }
        _ => LedgerError::Unavailable(error.to_string()),
    }
}
