//! Cutting a range into chunks.

use serde::{Deserialize, Serialize};

use crate::window::Window;

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
