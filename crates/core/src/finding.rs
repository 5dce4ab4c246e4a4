//! Findings: what is wrong or worth knowing, where, and what to do about it.

use serde::{Deserialize, Serialize};

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Severity {
    /// The text is wrong: nothing can be planned from it (exit code 2).
    Error,
    /// The text is right but a hold, a retention rule or a guard forbids it (exit code 3).
    Blocked,
    /// It can go on, but a person should know.
    Warning,
    /// Said for completeness.
    Note,
}

impl Severity {
    /// Whether a finding of this weight stops the plan.
    #[must_use]
    pub fn stops(self) -> bool {
        match self {
            Self::Error | Self::Blocked => true,
            Self::Warning | Self::Note => false,
        }
    }
}

/// One problem or remark.
///
/// `message` is one line in lower case without a full stop, with what the person typed in backticks; the advice is in `help`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Finding {
    /// Stable, dotted, for programs and for looking up: `range.reversed`.
    pub code: String,
    /// How much it weighs.
    pub severity: Severity,
    /// Which document, and where in it: `#/range/end` in the request, `policy#/holds/0/range` in the policy.
    pub pointer: String,
    /// What is wrong, in one line.
    pub message: String,
    /// What to do.
    pub help: String,
}

impl Finding {
    /// A finding of the given weight.
    #[must_use]
    pub fn new(
        severity: Severity,
        code: &str,
        pointer: impl Into<String>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self { code: code.to_owned(), severity, pointer: pointer.into(), message: message.into(), help: help.into() }
    }
}

/// Whether any of them stops the plan.
#[must_use]
pub fn stops(findings: &[Finding]) -> bool {
    findings.iter().any(|f| f.severity.stops())
}
