//! What goes wrong on the way, on standard error: why nothing could be reached, for example. The same is not said again and again.

use std::collections::VecDeque;
use std::fmt::{self, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use super::{BAD, CARE, paint, tell_news};

/// The same line is not said again for so long.
const QUIET: Duration = Duration::from_secs(30);

/// So many different lines are remembered.
const REMEMBERED: usize = 50;

/// Says warnings and errors of this program from now on.
pub(crate) fn start() {
    // An error means that somebody else listens already.
    let _ = tracing_subscriber::registry().with(Log::default()).try_init();
}

#[derive(Debug, Default)]
struct Log {
    said: Mutex<VecDeque<(String, Instant)>>,
}

impl Log {
    fn is_news(&self, line: &str, now: Instant) -> bool {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.retain(|(_, at)| now.duration_since(*at) < QUIET);
        if said.iter().any(|(text, _)| text == line) {
            return false;
        }
        said.truncate(REMEMBERED - 1);
        said.push_front((line.to_owned(), now));
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
        let mut said = Said::default();
        event.record(&mut said);
        let line = said.line();
        if self.is_news(&line, Instant::now()) {
            tell_news(&format!("{}: {line}", paint(style, word)));
        }
    }
}

/// The message of an event, and its fields.
#[derive(Default)]
struct Said {
    message: String,
    fields: String,
}

impl Said {
    fn line(self) -> String {
        let line = if self.fields.is_empty() { self.message } else { format!("{} ({})", self.message, self.fields) };
        line.replace(|c: char| c.is_control(), " ")
    }

    fn put(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        // Writing to a text cannot fail.
        let _ = match field.name() {
            "message" => self.message.write_fmt(value),
            name if self.fields.is_empty() => write!(self.fields, "{name} {value}"),
            name => write!(self.fields, ", {name} {value}"),
        };
    }
}

impl Visit for Said {
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
        assert!(log.said.lock().unwrap().len() <= REMEMBERED);
    }
}
