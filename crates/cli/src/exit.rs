//! Exit codes, the one result that every caller reads.

use std::process::ExitCode;

/// How the program ends. The numbers are part of the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything is verified, or there is nothing to object to.
    Fine,
    /// A defect of this program, or the machine refused something.
    Internal,
    /// Request, policy, settings or arguments are wrong; nothing was sent.
    BadInput,
    /// A hold, a retention rule or a guard stands against the deletion; nothing was deleted.
    Blocked,
    /// Something is left over, its state is unknown, or the evidence does not hold.
    Doubtful,
    /// Approval is missing or does not match.
    NotApproved,
    /// Stopped before the end. The command may be given again.
    Temporary,
    /// The exit code that the report of a run gives.
    Report(u8),
}

impl Exit {
    /// The number of the exit code.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Fine => 0,
            Self::Internal => 1,
            Self::BadInput => 2,
            Self::Blocked => 3,
            Self::Doubtful => 5,
            Self::NotApproved => 7,
            Self::Temporary => 75,
            Self::Report(code) => code,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
