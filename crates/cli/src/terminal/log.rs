//! Prints warnings and errors from the log on standard error, for example why nothing could be reached. Repetitions are dropped.

use std::collections::VecDeque;
use std::fmt::{self, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use super::{BAD, CARE, paint, print_err_news};

/// How long the same line is not repeated.
const QUIET: Duration = Duration::from_secs(30);

/// How many different lines are remembered.
const REMEMBERED: usize = 50;

/// Prints warnings and errors of this program from now on.
pub(crate) fn start() {
    // An error means that a subscriber is already set.
    let _ = tracing_subscriber::registry().with(Log::default()).try_init();
}

#[derive(Debug, Default)]
struct Log {
    recent: Mutex<VecDeque<(String, Instant)>>,
}

impl Log {
    fn is_news(&self, line: &str, now: Instant) -> bool {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.retain(|(_, at)| now.duration_since(*at) < QUIET);
        if recent.iter().any(|(said, _)| said == line) {
            return false;
        }
        recent.truncate(REMEMBERED - 1);
        recent.push_front((line.to_owned(), now));
        true
    }
}

impl<S: Subscriber> Layer<S> for Log {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let about = event.metadata();
        let (style, word) = match *about.level() {
            Level::ERROR => (BAD, "error"),
            Level::WARN => (CARE, "warning"),
            _ => return,
        };
        // Libraries have their own idea of what is worth a warning.
        if !about.target().starts_with("purge_") && !about.target().starts_with("genesys_purge") {
            return;
        }
        let mut text = EventText::default();
        event.record(&mut text);
        let line = text.line();
        if self.is_news(&line, Instant::now()) {
            print_err_news(&format!("{}: {line}", paint(style, word)));
        }
    }
}

/// The message of an event, and its fields.
#[derive(Default)]
struct EventText {
    message: String,
    fields: String,
}

impl EventText {
    fn line(self) -> String {
        let line = if self.fields.is_empty() { self.message } else { format!("{} ({})", self.message, self.fields) };
        line.replace(|c: char| c.is_control(), " ")
    }

    fn put(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        // Writing into a string cannot fail.
        let _ = match field.name() {
            "message" => self.message.write_fmt(value),
            name if self.fields.is_empty() => write!(self.fields, "{name} {value}"),
            name => write!(self.fields, ", {name} {value}"),
        };
    }
}

impl Visit for EventText {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format_args!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_line_is_said_once_in_a_while() {
        let (log, begin) = (Log::default(), Instant::now());
        assert!(log.is_news("a", begin));
        assert!(log.is_news("b", begin));
        assert!(!log.is_news("a", begin + QUIET / 2));
        assert!(log.is_news("a", begin + QUIET));
        for n in 0..REMEMBERED * 2 {
            assert!(log.is_news(&n.to_string(), begin + QUIET));
        }
        assert!(log.recent.lock().unwrap().len() <= REMEMBERED);
    }
}
