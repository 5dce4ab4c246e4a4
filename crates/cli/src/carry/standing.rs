//! Where a run stands, in one word.

use purge_driver::ledger::RunRow;
use serde::Serialize;

/// Whether a run has ended, and whether a process carries it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Standing {
    /// Every chunk has ended.
    Ended,
    /// Somebody asked to cancel it, and some chunks have not ended.
    Cancelling,
    /// A process carries it out.
    UnderWay,
    /// Chunks are open, and no process carries it out.
    Stopped,
}

impl Standing {
    /// The standing of a run, given whether a process carries it out.
    pub(crate) fn of(row: &RunRow, under_way: bool) -> Self {
        match (row.open, row.cancel_asked.is_some(), under_way) {
            (0, _, _) => Self::Ended,
            (_, true, _) => Self::Cancelling,
            (_, false, true) => Self::UnderWay,
            (_, false, false) => Self::Stopped,
        }
    }

    /// The word that people are shown.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Ended => "ended",
            Self::Cancelling => "cancelling",
            Self::UnderWay => "under way",
            Self::Stopped => "stopped",
        }
    }
}
