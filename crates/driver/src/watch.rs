//! Whoever shows progress.

use purge_core::run::ChunkRun;

/// Is told of every change of a chunk, after it is durable.
pub trait Watch {
    /// The chunk stands there now.
    fn changed(&self, run: &ChunkRun);
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
}
