//! Measures what one delivery of a message does to its chunk.

use std::cell::Cell;
use std::rc::Rc;

use purge_core::run::{Cause, ChunkRun, Order};
use purge_core::time::Timestamp;
use purge_driver::Watch;

use crate::metrics;

/// Watches one delivery and measures the end of its chunk. Only the delivery that ends the chunk changes it, so the end is counted at
/// most once, and not at all if the process dies between the commit and the line. What a person must learn of is therefore written
/// by what follows up the end, which every further delivery repeats.
#[derive(Debug)]
pub(crate) struct Meter {
    order: Rc<Order>,
    /// When the message was delivered.
    delivered_at: Timestamp,
    changed: Cell<bool>,
}

impl Meter {
    pub(crate) fn new(order: Rc<Order>, delivered_at: Timestamp) -> Self {
        Self { order, delivered_at, changed: Cell::new(false) }
    }

    /// Whether the delivery has changed the chunk.
    pub(crate) fn has_changed_chunk(&self) -> bool {
        self.changed.get()
    }
}

impl Watch for Meter {
    fn changed(&self, run: &ChunkRun) {
        self.changed.set(true);
        if let Some(line) = metrics::chunk_ended(&self.order, &run.view()) {
            metrics::write(&line);
        }
    }

    fn policy_unread(&self, run: &ChunkRun, why: &Cause) {
        let chunk = run.chunk().index;
        tracing::error!(chunk, why = %why.message, "the policy cannot be asked about recordings that wait for their date; it is tried again within the hour");
        metrics::write(&metrics::policy_unread(self.delivered_at, &self.order, chunk));
    }
}
