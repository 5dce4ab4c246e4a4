//! The run's outcome in one word, and the exit code for scripts.

use serde::{Deserialize, Serialize};

use super::{ChunkReport, Report};
use crate::outcome::Outcome;

/// How a run ended. Where several outcomes fit, it is the one that most needs a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RunOutcome {
    /// Every chunk is verified.
    Verified,
    /// Some chunks are verified and others ended otherwise, or a chunk was stopped after an earlier attempt that may have deleted
    /// something.
    Partial,
    /// Something is still there.
    Residual,
    /// It is unknown what became of at least one chunk.
    Unknown,
    /// Legal holds or retention rules stopped it; nothing was deleted.
    Held,
    /// The API or a guard stopped it; nothing was deleted.
    Rejected,
    /// Somebody cancelled it.
    Cancelled,
    /// No chunk is verified, and at least one failed or ran out of time.
    Failed,
    /// Chunks are still to be carried out.
    Open,
}

impl RunOutcome {
    /// The name in reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Partial => "partial",
            Self::Residual => "residual",
            Self::Unknown => "unknown",
            Self::Held => "held",
            Self::Rejected => "rejected",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
            Self::Open => "open",
        }
    }

    pub(super) fn of(chunks: &[ChunkReport], may_have_deleted: bool) -> Self {
        let any = |outcome| chunks.iter().any(|chunk| chunk.outcome == Some(outcome));
        // A run without chunks has proved nothing.
        if chunks.is_empty() {
            Self::Unknown
        } else if chunks.iter().any(|chunk| chunk.outcome.is_none()) {
            Self::Open
        } else if any(Outcome::Unknown) {
            Self::Unknown
        } else if any(Outcome::Residual) {
            Self::Residual
        } else if any(Outcome::Cancelled) {
            Self::Cancelled
        } else if chunks.iter().all(|chunk| chunk.outcome == Some(Outcome::Verified)) {
            Self::Verified
        } else if any(Outcome::Verified) {
            Self::Partial
        } else if any(Outcome::Failed) || any(Outcome::TimedOut) {
            Self::Failed
        } else if may_have_deleted {
            // An earlier attempt may have deleted something, so the run must not claim that nothing was deleted.
            Self::Partial
        } else if any(Outcome::Held) {
            Self::Held
        } else {
            Self::Rejected
        }
    }
}

/// The exit code of a run: 0 all verified · 1 the report does not add up · 3 holds or guards stopped it and nothing was deleted · 4
/// partial, failed, or stopped by the API · 5 residual or unknown · 6 cancelled · 75 not ended yet, and the same command goes on.
#[must_use]
pub fn exit_code(report: &Report) -> u8 {
    if !report.problems.is_empty() {
        return 1;
    }
    match report.outcome {
        RunOutcome::Verified => 0,
        RunOutcome::Held | RunOutcome::Rejected if report.chunks.iter().any(|chunk| chunk.refused_by_api) => 4,
        RunOutcome::Held | RunOutcome::Rejected => 3,
        RunOutcome::Partial | RunOutcome::Failed => 4,
        RunOutcome::Residual | RunOutcome::Unknown => 5,
        RunOutcome::Cancelled => 6,
        RunOutcome::Open => 75,
    }
}
