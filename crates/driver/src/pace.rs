//! How long the jobs of a run take, for a process that goes on with the run without having seen any of them.

use purge_core::run::{Order, Pace};

use crate::ledger::{Ledger, LedgerError};

/// How many of the ended chunks are looked at.
const REMEMBERED: usize = 8;

/// The pace that the last ended chunks of a run have shown, so that a process that has just started does not begin in ignorance.
/// `None` if they have shown none.
///
/// # Errors
/// If the ledger fails.
pub async fn remembered_pace<L: Ledger>(ledger: &L, order: &Order) -> Result<Option<Pace>, LedgerError> {
    let open = ledger.open_chunks(&order.run_id, 0, u32::MAX).await?;
    let ended = (1..=order.chunks).rev().filter(|index| open.binary_search(index).is_err());
    let mut remembered = None;
    for index in ended.take(REMEMBERED) {
        let row = ledger.chunk(&order.run_id, index).await?;
        if let Some(seen) = row.and_then(|row| row.run.observed_pace()) {
            remembered = Some(remembered.map_or(seen, |later| seen.and(later)));
        }
    }
    Ok(remembered)
}
