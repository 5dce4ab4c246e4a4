//! The port through which progress is shown.

use purge_core::run::{Cause, ChunkRun};

/// Is told of every change of a chunk, after the change is durable.
pub trait Watch {
    /// The chunk has changed and is now in this state.
    fn changed(&self, run: &ChunkRun);

    /// The policy that applies now could not be read for a chunk whose recordings wait for their delete date. A new hold goes
    /// unnoticed until it can be read. Only this call reports it, because the chunk does not change.
    fn policy_unread(&self, _run: &ChunkRun, _why: &Cause) {}
}

/// Ignores everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unwatched;

impl Watch for Unwatched {
    fn changed(&self, _run: &ChunkRun) {}
}

impl<W: Watch> Watch for &W {
    fn changed(&self, run: &ChunkRun) {
        (*self).changed(run);
    }

    fn policy_unread(&self, run: &ChunkRun, why: &Cause) {
        (*self).policy_unread(run, why);
    }
}
