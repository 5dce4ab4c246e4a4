//! What one delivery of a message does to its chunk.

use std::cell::Cell;
use std::rc::Rc;

use purge_core::run::{Cause, ChunkRun, Order};
use purge_core::time::Timestamp;
use purge_driver::Watch;

use crate::metrics;

/// Measures the end of a chunk in the delivery that brings it about, and so once: every later delivery finds it ended.
#[derive(Debug)]
pub(crate) struct Meter {
    order: Rc<Order>,
    /// When the message came.
    came_at: Timestamp,
    worked: Cell<bool>,
}

impl Meter {
    pub(crate) fn new(order: Rc<Order>, came_at: Timestamp) -> Self {
        Self { order, came_at, worked: Cell::new(false) }
    }

    /// Whether anything was changed at all.
    pub(crate) fn has_worked(&self) -> bool {
        self.worked.get()
    }
}

impl Watch for Meter {
    fn changed(&self, run: &ChunkRun) {
        self.worked.set(true);
        let view = run.view();
        let lines = [metrics::chunk_ended(&self.order, &view), metrics::needs_somebody(&self.order, &view)];
        for line in lines.iter().flatten() {
            metrics::write(line);
        }
    }

    fn unasked(&self, run: &ChunkRun, why: &Cause) {
        let chunk = run.chunk().index;
        tracing::error!(chunk, why = %why.message, "the policy cannot be asked about recordings that wait for their date; it is tried again within the hour");
        metrics::write(&metrics::policy_unasked(self.came_at, &self.order, chunk));
    }
}
