//! What people see. Results go to standard output, everything else to standard error; colours only to a terminal.

pub(crate) mod findings;
pub(crate) mod hint;
pub(crate) mod log;
pub(crate) mod outlet;
pub(crate) mod plan;
pub(crate) mod policy_unread;
pub(crate) mod progress;
pub(crate) mod result;
pub(crate) mod table;
pub(crate) mod words;

use anstyle::{AnsiColor, Style};

use outlet::Stream;

use crate::events;

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

/// Prints a line of the result.
pub(crate) fn print_out(line: &str) {
    outlet::write_line(Stream::Out, line);
}

/// Prints a line beside the result.
pub(crate) fn print_err(line: &str) {
    outlet::write_line(Stream::Err, line);
}

/// Prints an event on the way to the result. It is left out while nothing reads the output.
pub(crate) fn print_out_news(event: &str) {
    outlet::news(Stream::Out, event, events::left_out);
}

/// Prints a line on the way to the result. It is left out while nothing reads the output.
pub(crate) fn print_err_news(line: &str) {
    outlet::news(Stream::Err, line, |lines| format!("{lines} lines were left out while the output was not read"));
}
