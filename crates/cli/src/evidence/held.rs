//! Whether the evidence in a folder is that of the state in the ledger.

use std::io;
use std::path::{Path, PathBuf};

use purge_core::evidence::MANIFEST;
use purge_core::json::digest;
use purge_core::report::Report;

use super::ahead::refuse_ahead;
use super::folder::{assemble, current_folder};
use super::verify::read;
use crate::carry::stored::Stored;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::ledger::SqliteLedger;

/// What a folder has of a run, compared with the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    /// The evidence of the state in the ledger, with this digest of its manifest.
    Current(String),
    /// No evidence.
    Nothing,
    /// Evidence that knows more than the ledger.
    Newer,
    /// Evidence of an earlier state, of another run, or damaged.
    Other,
}

/// The folder in which the evidence lies, and whether it is that of this state. The same state gives the same bytes, so the digest of
/// the manifest decides.
pub(crate) fn held(
    folder: &Path,
    ledger: &SqliteLedger,
    stored: &Stored,
    report: &Report,
) -> Result<(PathBuf, Held), Failure> {
    let folder = current_folder(folder);
    let held = match read(&folder.join(MANIFEST)) {
        Ok(manifest) if digest(&manifest) == assemble(stored, report)?.digest() => Held::Current(digest(&manifest)),
        Err(why) if why.kind() == io::ErrorKind::NotFound => Held::Nothing,
        Ok(_) | Err(_) => match refuse_ahead(&folder, &report.run_id, ledger) {
            Ok(()) => Held::Other,
            Err(failure) if failure.exit == Exit::Doubtful => Held::Newer,
            Err(failure) => return Err(failure),
        },
    };
    Ok((folder, held))
}
