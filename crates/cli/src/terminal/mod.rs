//! What people see: colours only on a terminal, results on standard output, everything else on standard error.

pub(crate) mod findings;
pub(crate) mod plan;
pub(crate) mod progress;
pub(crate) mod result;
pub(crate) mod table;
pub(crate) mod words;

use std::io::Write;

use anstyle::{AnsiColor, Style};

/// Needs a person.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
/// Worth knowing.
pub(crate) const CARE: Style = AnsiColor::Yellow.on_default();
/// All is well.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// Less important.
pub(crate) const DIM: Style = Style::new().dimmed();
/// More important.
pub(crate) const STRONG: Style = Style::new().bold();

/// The text in that style. Written through `anstream`, it is plain where colours do not belong.
pub(crate) fn paint(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// A line of the result. A reader that has gone away (`| head`) is no error of ours.
pub(crate) fn say(line: &str) {
    let _ = writeln!(anstream::stdout(), "{line}");
}

/// A line beside the result.
pub(crate) fn tell(line: &str) {
    let _ = writeln!(anstream::stderr(), "{line}");
}
