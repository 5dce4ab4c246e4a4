//! The ledger in one SQLite file.
//!
//! With a write-ahead log and `synchronous = full`, what a call has written survives a loss of power. Each process has one
//! connection; other processes wait for their turn.

mod disk;
mod look;
mod rows;
mod store;
#[cfg(test)]
mod tests;

pub(crate) use look::{ChunkKind, Mark, Unreadable};

use std::cell::{RefCell, RefMut};
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::Duration;

use purge_driver::ledger::LedgerError;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use crate::{private, turn};

/// The name of the ledger's file in its folder.
const FILE_NAME: &str = "ledger.sqlite3";
/// Brings the schema from each version to the next. Existing migrations never change, because there are files of every version.
const MIGRATIONS: [&str; 7] = [
    include_str!("migrations/1-ledger.sql"),
    include_str!("migrations/2-changes.sql"),
    include_str!("migrations/3-budgets.sql"),
    include_str!("migrations/4-evidence.sql"),
    include_str!("migrations/5-policies.sql"),
    include_str!("migrations/6-address.sql"),
    include_str!("migrations/7-asked.sql"),
];
/// How long a statement waits for other processes. Longer than the longest write, which creates a run with very many chunks.
const BUSY_TIMEOUT: Duration = Duration::from_secs(60);

/// How long to wait while another process opens the ledger. That process does no more than migrate the file, or recover what a
/// killed process left.
const OPEN_TIMEOUT: Duration = Duration::from_secs(30);

/// Why a ledger cannot be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OpenError {
    /// The folder cannot be used: it is no folder, or may not be written.
    Folder(String),
    /// The folder is on this network file system, which several machines share.
    Network(&'static str),
    /// A newer program wrote the ledger, in a format of this version.
    Newer(i64),
    /// The folder can be used, but not the ledger in it.
    Ledger(LedgerError),
}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
                Self::Folder(error.to_string())
            }
            _ => Self::Ledger(ledger_error(error)),
        }
    }
}

/// An open ledger.
#[derive(Debug)]
pub(crate) struct SqliteLedger {
    connection: RefCell<Connection>,
}

impl SqliteLedger {
    /// Opens the ledger in that folder. Creates both if they are missing.
    pub(crate) fn open(folder: &Path) -> Result<Self, OpenError> {
        Self::open_within(folder, OPEN_TIMEOUT)
    }

    fn open_within(folder: &Path, limit: Duration) -> Result<Self, OpenError> {
        let refused = |doing: &str, why: io::Error| OpenError::Folder(format!("cannot {doing} it: {why}"));
        private::create_dir_all(folder).map_err(|why| refused("make", why))?;
        if let Some(network) = disk::network(folder) {
            return Err(OpenError::Network(network));
        }
        // SQLite does not wait for its turn while another process creates the file or turns on its write-ahead log.
        let lock = folder.join("ledger.lock");
        let opening = File::create(&lock).map_err(|why| refused("lock", why))?;
        turn::lock(&opening, limit).map_err(|why| {
            let late = why.kind() == io::ErrorKind::TimedOut;
            let message = || format!("cannot lock `{}`: {why}", lock.display());
            if late { OpenError::Ledger(LedgerError::Unavailable(message())) } else { refused("lock", why) }
        })?;
        let mut connection = Connection::open(folder.join(FILE_NAME))?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "full")?;
        connection.pragma_update(None, "foreign_keys", "on")?;
        migrate(&mut connection)?;
        Ok(Self::of(connection))
    }

    /// Opens the ledger in that folder if there is one.
    pub(crate) fn open_existing(folder: &Path) -> Result<Option<Self>, OpenError> {
        if is_there(folder)? { Self::open(folder).map(Some) } else { Ok(None) }
    }

    /// Opens the ledger in that folder for reading, if there is one, even if it cannot be written.
    pub(crate) fn open_for_reading(folder: &Path) -> Result<Option<Self>, OpenError> {
        match Self::open_existing(folder) {
            Err(OpenError::Folder(_)) if is_there(folder)? => Self::read_only(folder).map(Some),
            opened => opened,
        }
    }

    fn read_only(folder: &Path) -> Result<Self, OpenError> {
        let path = folder.join(FILE_NAME);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
        let version = |connection: &Connection| -> rusqlite::Result<i64> {
            connection.pragma_query_value(None, "user_version", |row| row.get(0))
        };
        let opened = Connection::open_with_flags(&path, flags).and_then(|it| Ok((version(&it)?, it)));
        // A write-ahead log that is left over belongs to the file. Without one, the file alone is the whole ledger; but SQLite
        // would begin by creating a log, unless it is told that the file never changes.
        let left_over = fs::metadata(folder.join(format!("{FILE_NAME}-wal"))).is_ok_and(|about| about.len() > 0);
        let (found, connection) = match opened {
            Err(_) if !left_over => {
                let escaped = path.display().to_string().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
                let connection = Connection::open_with_flags(format!("file:{escaped}?immutable=1"), flags)?;
                (version(&connection)?, connection)
            }
            opened => opened?,
        };
        if is_newer(found) {
            return Err(OpenError::Newer(found));
        }
        if usize::try_from(found) != Ok(MIGRATIONS.len()) {
            let message = format!("its format is version {found}, and it may only be read");
            return Err(OpenError::Folder(message));
        }
        Ok(Self::of(connection))
    }

    fn of(connection: Connection) -> Self {
        connection.set_prepared_statement_cache_capacity(64);
        Self { connection: RefCell::new(connection) }
    }

    /// No borrow outlives a call, because nothing here awaits while holding one.
    fn connection(&self) -> RefMut<'_, Connection> {
        self.connection.borrow_mut()
    }
}

fn is_there(folder: &Path) -> Result<bool, OpenError> {
    folder.join(FILE_NAME).try_exists().map_err(|why| OpenError::Folder(format!("cannot look into it: {why}")))
}

/// The newest version of the format that this program knows.
pub(crate) fn newest_version() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

fn is_newer(version: i64) -> bool {
    version > newest_version()
}

/// Brings the file to this program's schema, from nothing or from an earlier version. Refuses an unknown version.
fn migrate(connection: &mut Connection) -> Result<(), OpenError> {
    let failed = |why| OpenError::Ledger(ledger_error(why));
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    let version: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(failed)?;
    if is_newer(version) {
        return Err(OpenError::Newer(version));
    }
    let Some(missing) = usize::try_from(version).ok().and_then(|version| MIGRATIONS.get(version..)) else {
        return Err(OpenError::Ledger(LedgerError::Corrupt(format!("its format is version {version}"))));
    };
    if missing.is_empty() {
        return Ok(());
    }
    for migration in missing {
        transaction.execute_batch(migration).map_err(failed)?;
    }
    transaction.pragma_update(None, "user_version", newest_version()).map_err(failed)?;
    transaction.commit().map_err(failed)
}

/// An error of SQLite as an error of the ledger.
#[expect(clippy::needless_pass_by_value, reason = "the shape of `map_err`")]
fn ledger_error(error: rusqlite::Error) -> LedgerError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::ConstraintViolation) => {
            LedgerError::Corrupt(error.to_string())
        }
        _ => LedgerError::Unavailable(error.to_string()),
    }
}
