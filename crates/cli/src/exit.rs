//! Exit codes: the one thing that every caller reads.

use std::process::ExitCode;

/// How the program ends. The numbers are part of the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything verified, or nothing to object to.
    Fine,
    /// A defect of this program or of the machine.
    Internal,
    /// Request, policy, settings or arguments are wrong; nothing was sent.
    BadInput,
    /// A hold, a retention rule or a guard stands against it; nothing was deleted.
    Blocked,
    /// Something is left over, nobody can say, or evidence does not hold.
    Doubtful,
    /// Approval is missing or does not match.
    NotApproved,
    /// Stopped before the end; may be tried again.
    Temporary,
    /// What the report of a run says.
    Report(u8),
}

impl Exit {
    /// The number.
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
