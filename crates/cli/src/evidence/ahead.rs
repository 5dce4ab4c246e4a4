//! Evidence that knows more than the ledger: then the ledger is an older copy, put back. To go on from there would submit again
//! what has been submitted, and write over the only proof of it.

use std::path::Path;

use purge_core::audit::ChainHead;
use purge_core::evidence::MANIFEST;

use super::folder::{manifest, standing};
use crate::carry::stored;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::ledger::SqliteLedger;

/// Refuses a folder with evidence of the run whose chains are longer than the ledger's, or other ones.
pub(crate) fn refuse_ahead(folder: &Path, run_id: &str, ledger: &SqliteLedger) -> Result<(), Failure> {
    let folder = &standing(folder);
    let Some(manifest) = manifest(folder).filter(|manifest| manifest.run_id == run_id) else { return Ok(()) };
    for (chunk, ChainHead { length, hash }) in &manifest.chains.heads {
        let Some(last) = length.checked_sub(1) else { continue };
        let known = ledger.record_hash(run_id, *chunk, last).map_err(stored::failed)?;
        if known.as_ref() != Some(hash) {
            let what = if known.is_some() { "is another one" } else { "is missing" };
            return Err(ahead(folder, &format!("record {length} of chunk {chunk} {what} in the ledger")));
        }
    }
    Ok(())
}

fn ahead(folder: &Path, what: &str) -> Failure {
    let message = format!("the ledger is older than the evidence in `{}`: {what}", folder.display());
    let help = "restore a newer copy of the ledger. Without one nobody knows what was submitted after that: keep the evidence \
                under another name, it is the only proof, and look at the tenant before you go on, which may submit it again";
    Failure::new(Exit::Doubtful, "evidence.ahead", folder.join(MANIFEST).display().to_string(), message, help)
}
