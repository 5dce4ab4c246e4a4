//! What all calls share: how values cross, and what a wrong call says.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A call that was made wrongly: by the page, not by a person. Becomes an exception.
pub(crate) type Wrong = String;

/// A value as JSON text.
pub(crate) fn answer(value: &impl Serialize) -> String {
    // Everything that crosses has text keys and no float, for which this cannot fail.
    serde_json::to_string(value).unwrap_or_default()
}

/// JSON text as a value, strictly.
pub(crate) fn read<T: DeserializeOwned>(what: &str, text: &str) -> Result<T, Wrong> {
    serde_json::from_str(text).map_err(|why| format!("{what}: {why}"))
}

/// Milliseconds as a number of the page: exact, being far below 2^53.
#[expect(clippy::cast_precision_loss, reason = "milliseconds up to the year 9999 are far below 2^53")]
pub(crate) fn number(millis: i64) -> f64 {
    millis as f64
}
