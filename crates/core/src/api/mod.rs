//! The deletion APIs: requests to send and strict readers of their answers.

pub mod data_deletion;
pub mod protection;
pub mod recording_jobs;

use serde_json::Value;

/// Reads an id that can be written into a path, so that it can be asked for again.
pub(crate) fn valid_id(value: &Value) -> Option<String> {
    let id = value.as_str()?;
    let usable = !id.is_empty() && id.len() <= 256 && id.chars().all(|c| c.is_ascii_graphic());
    usable.then(|| id.to_owned())
}
