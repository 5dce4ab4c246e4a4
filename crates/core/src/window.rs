//! Half-open windows of time, `[start, end)`, and the algebra on which plans are built.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// A non-empty half-open window `[start, end)`: the start belongs to it, the end does not.
///
/// Serialised as `{"start": …, "end": …}`. An empty or reversed window does not deserialise.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Bounds")]
pub struct Window {
    start: Timestamp,
    end: Timestamp,
}

/// The two ends as written, before they are known to be in order.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Bounds {
    start: Timestamp,
    end: Timestamp,
}

impl TryFrom<Bounds> for Window {
    type Error = &'static str;

    fn try_from(bounds: Bounds) -> Result<Self, Self::Error> {
        Self::new(bounds.start, bounds.end).ok_or("the end of a window must lie after its start")
    }
}

impl Window {
    /// The window, if the end lies after the start.
    #[must_use]
    pub fn new(start: Timestamp, end: Timestamp) -> Option<Self> {
        (start < end).then_some(Self { start, end })
    }

    /// The first instant inside the window.
    #[must_use]
    pub fn start(self) -> Timestamp {
        self.start
    }

    /// The first instant after the window.
    #[must_use]
    pub fn end(self) -> Timestamp {
        self.end
    }

    /// The last millisecond inside: what goes to an API that counts the end of a range as included.
    #[must_use]
    pub fn last_millisecond(self) -> Timestamp {
        self.end.minus(Duration::from_millis(1))
    }

    /// Length in milliseconds, at least 1.
    #[must_use]
    pub fn millis(self) -> i64 {
        self.end.millis() - self.start.millis()
    }

    /// Whether the instant lies inside.
    #[must_use]
    pub fn contains(self, at: Timestamp) -> bool {
        self.start <= at && at < self.end
    }

    /// The part that both windows share, if there is any.
    #[must_use]
    pub fn intersection(self, other: Self) -> Option<Self> {
        Self::new(self.start.max(other.start), self.end.min(other.end))
    }

    /// Whether the two share at least one millisecond.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// The part before `at`, if any.
    #[must_use]
    pub fn before(self, at: Timestamp) -> Option<Self> {
        Self::new(self.start, self.end.min(at))
    }

    /// The part from `at` on, if any.
    #[must_use]
    pub fn from(self, at: Timestamp) -> Option<Self> {
        Self::new(self.start.max(at), self.end)
    }

    /// The smallest window of whole UTC days that covers this one.
    #[must_use]
    pub fn widened_to_days(self) -> Self {
        let end = if self.end.is_midnight() { self.end } else { self.end.start_of_day().plus_days(1) };
        Self { start: self.start.start_of_day(), end: end.max(self.end) }
    }
}

impl fmt::Display for Window {
    /// ISO 8601 `start/end`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.start, self.end)
    }
}

impl fmt::Debug for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {})", self.start, self.end)
    }
}
