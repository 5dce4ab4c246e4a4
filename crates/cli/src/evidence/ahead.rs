//! Refuses to go on when the evidence knows more than the ledger. The ledger is then an older copy that was put back: going on from
//! it would submit again what has been submitted, and overwrite the only proof of it.

use std::path::Path;

use purge_core::audit::ChainHead;
use purge_core::evidence::MANIFEST;

use super::folder::{current_folder, manifest};
use crate::carry::stored;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::ledger::SqliteLedger;

/// Refuses if the folder has evidence of the run whose chains are longer than those of the ledger, or differ from them.
pub(crate) fn refuse_ahead(folder: &Path, run_id: &str, ledger: &SqliteLedger) -> Result<(), Failure> {
    let folder = &current_folder(folder);
    let Some(manifest) = manifest(folder).filter(|manifest| manifest.run_id == run_id) else { return Ok(()) };
    for (chunk, ChainHead { length, hash }) in &manifest.chains.heads {
        let Some(last) = length.checked_sub(1) else { continue };
        let known = ledger.record_hash(run_id, *chunk, last).map_err(stored::ledger_failure)?;
        if known.as_ref() != Some(hash) {
            let what = if known.is_some() { "is another one" } else { "is missing" };
            return Err(ledger_is_older(folder, &format!("record {length} of chunk {chunk} {what} in the ledger")));
        }
    }
    Ok(())
}

fn ledger_is_older(folder: &Path, what: &str) -> Failure {
    let message = format!("the ledger is older than the evidence in `{}`: {what}", folder.display());
    let help = "restore a newer copy of the ledger. Without one, it is not known what was submitted after that: keep the evidence \
                under another name, because it is the only proof, and check the tenant before you go on, because that may submit it again";
    Failure::new(Exit::Doubtful, "evidence.ahead", folder.join(MANIFEST).display().to_string(), message, help)
}
