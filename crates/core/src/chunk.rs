//! Cutting a range into chunks.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::json::{FromJson, Members, word};
use crate::request::Chunking;
use crate::time::{DAY_MS, Timestamp};
use crate::window::Window;

const HOUR_MS: i64 = 3_600_000;

/// Which kind of interval `recordingJobs` needs for a window; the other API ignores it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Age {
    /// Conversations of the last five years: `conversationQuery`.
    #[default]
    Recent,
    /// Conversations older than five years: `agedConversationInterval`.
    Aged,
}

/// One window to delete, and its place among the plan's chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Chunk {
    /// From 1.
    pub index: u32,
    /// How many chunks the plan has.
    pub total: u32,
    /// What to delete.
    pub window: Window,
    /// Which kind of interval.
    #[serde(default)]
    pub age: Age,
}

impl FromJson for Age {
    fn from_json(value: &Value) -> Result<Self, String> {
        word(value, &[("recent", Self::Recent), ("aged", Self::Aged)])
    }
}

impl FromJson for Chunk {
    fn from_json(value: &Value) -> Result<Self, String> {
        let m = Members::of(value, &["index", "total", "window", "age"])?;
        Ok(Self {
            index: m.take("index")?,
            total: m.take("total")?,
            window: m.take("window")?,
            age: m.take_or("age", Age::default())?,
        })
    }
}

/// How a range is cut: cells of one length, counted from an origin.
///
/// UTC days all have the same length, so calendar days and hours are both a number of milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grid {
    origin: i64,
    step: i64,
}

impl Grid {
    /// The grid that starts at `origin`.
    pub(crate) fn new(origin: Timestamp, chunking: Chunking) -> Self {
        let step = match chunking {
            Chunking::Days(days) => i64::from(days) * DAY_MS,
            Chunking::Hours(hours) => i64::from(hours) * HOUR_MS,
        };
        // A step of zero cannot be read from a request; one millisecond keeps the arithmetic total.
        Self { origin: origin.millis(), step: step.max(1) }
    }

    /// How many cells the window touches.
    pub(crate) fn cells(self, window: Window) -> u64 {
        let first = (window.start().millis() - self.origin).div_euclid(self.step);
        let last = (window.last_millisecond().millis() - self.origin).div_euclid(self.step);
        u64::try_from(last - first + 1).unwrap_or(0)
    }

    /// The end of the cell that holds this instant.
    fn cell_end(self, at: Timestamp) -> Timestamp {
        let cell = (at.millis() - self.origin).div_euclid(self.step);
        Timestamp::from_millis(self.origin + (cell + 1) * self.step)
    }

    /// The window, cut at the grid.
    pub(crate) fn cut(self, window: Window) -> impl Iterator<Item = Window> {
        let mut rest = Some(window);
        std::iter::from_fn(move || {
            let window = rest?;
            let end = self.cell_end(window.start());
            rest = window.from(end);
            window.before(end)
        })
    }
}
