//! Whoever shows progress.

use purge_core::run::{Cause, ChunkRun};

/// Is told of every change of a chunk, after it is durable.
pub trait Watch {
    /// The chunk stands there now.
    fn changed(&self, run: &ChunkRun);

    /// The recordings of that chunk wait for their date, and the policy that applies now could not be asked about them: a hold that has come
    /// goes unnoticed until it can be. Nothing else tells of it, for nothing changes.
    fn unasked(&self, _run: &ChunkRun, _why: &Cause) {}
}

/// Nobody watches.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unwatched;

impl Watch for Unwatched {
    fn changed(&self, _run: &ChunkRun) {}
}

impl<W: Watch> Watch for &W {
    fn changed(&self, run: &ChunkRun) {
        (*self).changed(run);
    }

    fn unasked(&self, run: &ChunkRun, why: &Cause) {
        (*self).unasked(run, why);
    }
}
