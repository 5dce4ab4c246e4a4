//! Finds where a JSON value is not what it should be.

use serde_json::{Map, Value};

use crate::json::text;

/// The first place, in words, where the value written is not the expected one.
pub(super) fn difference(written: &Value, expected: &Value, pointer: &str) -> Option<String> {
    match (written, expected) {
        (Value::Object(written), Value::Object(expected)) => member_difference(written, expected, pointer),
        (Value::Array(written), Value::Array(expected)) if written.len() == expected.len() => {
            let mut pairs = written.iter().zip(expected).enumerate();
            pairs.find_map(|(at, (written, expected))| difference(written, expected, &format!("{pointer}/{at}")))
        }
        (Value::Array(_), Value::Array(_)) => Some(format!("`{pointer}` has more or fewer entries")),
        _ => (written != expected).then(|| format!("`{pointer}` is {}, not {}", text(written), text(expected))),
    }
}

fn member_difference(written: &Map<String, Value>, expected: &Map<String, Value>, pointer: &str) -> Option<String> {
    let more = written.keys().find(|name| !expected.contains_key(*name));
    if let Some(name) = more {
        return Some(format!("`{pointer}/{name}` does not belong there"));
    }
    expected.iter().find_map(|(name, expected)| match written.get(name) {
        Some(written) => difference(written, expected, &format!("{pointer}/{name}")),
        None => Some(format!("`{pointer}/{name}` is missing")),
    })
}
