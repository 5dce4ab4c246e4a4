//! Findings as text.

use purge_core::finding::{Finding, Severity};

use super::words::plural;
use super::{BAD, CARE, DIM, STRONG, paint};

/// One finding in up to three lines: what, where, what to do.
pub(crate) fn finding(finding: &Finding) -> String {
    let (style, word) = match finding.severity {
        Severity::Error => (BAD, "error"),
        Severity::Blocked => (BAD, "blocked"),
        Severity::Warning => (CARE, "warning"),
        Severity::Note => (DIM, "note"),
    };
    let head = paint(style, &format!("{word}[{}]", finding.code));
    let mut text = format!("{head}{}", paint(STRONG, &format!(": {}", finding.message)));
    if !finding.pointer.is_empty() {
        text.push_str(&format!("\n  {} {}", paint(DIM, "at"), finding.pointer));
    }
    if !finding.help.is_empty() {
        text.push_str(&format!("\n  {} {}", paint(DIM, "help:"), finding.help));
    }
    text
}

/// The number of problems and warnings, for the last line.
pub(crate) fn count(findings: &[Finding]) -> String {
    let of = |wanted: &[Severity]| findings.iter().filter(|f| wanted.contains(&f.severity)).count();
    let stops = of(&[Severity::Error, Severity::Blocked]);
    let warnings = of(&[Severity::Warning]);
    let plural = |n: usize, word: &str| plural(n as u64, word);
    match (stops, warnings) {
        (0, 0) => "no problems".to_owned(),
        (0, w) => plural(w, "warning"),
        (s, 0) => plural(s, "problem"),
        (s, w) => format!("{}, {}", plural(s, "problem"), plural(w, "warning")),
    }
}
