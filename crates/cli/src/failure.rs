//! Why a command could not do what it was asked, for people and for programs.

use std::fmt::Display;
use std::path::Path;

use purge_core::finding::{Finding, Severity};

use crate::exit::Exit;

/// The end of a command that has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// How the program ends.
    pub(crate) exit: Exit,
    /// Everything that is wrong; at least one finding.
    pub(crate) findings: Vec<Finding>,
}

impl Failure {
    /// A failure with a single finding.
    pub(crate) fn new(
        exit: Exit,
        code: &str,
        pointer: impl Into<String>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self { exit, findings: vec![Finding::new(Severity::Error, code, pointer, message, help)] }
    }

    /// A file that was named cannot be read.
    pub(crate) fn unreadable(path: &Path, why: impl Display) -> Self {
        Self::new(
            Exit::BadInput,
            "file.unreadable",
            path.display().to_string(),
            format!("cannot read `{}`: {why}", path.display()),
            "check the name and the permissions",
        )
    }

    /// A file or folder that was named cannot be written.
    pub(crate) fn unwritable(path: &Path, why: impl Display) -> Self {
        Self::new(
            Exit::BadInput,
            "file.unwritable",
            path.display().to_string(),
            format!("cannot write `{}`: {why}", path.display()),
            "check the name, the permissions and the free space",
        )
    }

    /// The machine refused something: disk, network, memory.
    pub(crate) fn machine(doing: &str, why: impl Display) -> Self {
        Self::new(
            Exit::Internal,
            "machine.refused",
            "",
            format!("cannot {doing}: {why}"),
            "nothing is lost; fix the cause and run the same command again",
        )
    }

    /// The failure for the findings of a check: blocked only if nothing is wrong with the text itself.
    pub(crate) fn of_findings(findings: Vec<Finding>) -> Self {
        let wrong = findings.iter().any(|f| f.severity == Severity::Error);
        Self { exit: if wrong { Exit::BadInput } else { Exit::Blocked }, findings }
    }
}
