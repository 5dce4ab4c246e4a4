//! Findings: what is wrong or worth knowing, where it is, and what to do about it.

use serde::{Deserialize, Serialize};

/// How serious a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Severity {
    /// The document is wrong: no plan can be made from it (exit code 2).
    Error,
    /// The document is right, but a hold, a retention rule or a guard forbids the plan (exit code 3).
    Blocked,
    /// The plan can be made, but a person should know this.
    Warning,
    /// For completeness only.
    Note,
}

impl Severity {
    /// Whether a finding of this severity prevents a plan.
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
/// `message` is one line in lower case without a full stop, with what the person typed in backticks. Advice is in `help`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Finding {
    /// A stable, dotted code for programs and for looking up, such as `range.reversed`.
    pub code: String,
    /// How serious it is.
    pub severity: Severity,
    /// The document and the place in it: `#/range/end` in the request, `policy#/holds/0/range` in the policy.
    pub pointer: String,
    /// What is wrong, in one line.
    pub message: String,
    /// What to do.
    pub help: String,
}

impl Finding {
    /// Makes a finding.
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

/// Whether any of the findings prevents a plan.
#[must_use]
pub fn stops(findings: &[Finding]) -> bool {
    findings.iter().any(|f| f.severity.stops())
}
