//! Where a JSON value is not what it should be.

use serde_json::{Map, Value};

use crate::json::text;

/// The first place where what is written is not what it should be, in words.
pub(super) fn difference(written: &Value, should: &Value, pointer: &str) -> Option<String> {
    match (written, should) {
        (Value::Object(written), Value::Object(should)) => members(written, should, pointer),
        (Value::Array(written), Value::Array(should)) if written.len() == should.len() => {
            let mut pairs = written.iter().zip(should).enumerate();
            pairs.find_map(|(at, (written, should))| difference(written, should, &format!("{pointer}/{at}")))
        }
        (Value::Array(_), Value::Array(_)) => Some(format!("`{pointer}` has more or fewer entries")),
        _ => (written != should).then(|| format!("`{pointer}` is {}, not {}", text(written), text(should))),
    }
}

fn members(written: &Map<String, Value>, should: &Map<String, Value>, pointer: &str) -> Option<String> {
    let more = written.keys().find(|name| !should.contains_key(*name));
    if let Some(name) = more {
        return Some(format!("`{pointer}/{name}` does not belong there"));
    }
    should.iter().find_map(|(name, should)| match written.get(name) {
        Some(written) => difference(written, should, &format!("{pointer}/{name}")),
        None => Some(format!("`{pointer}/{name}` is missing")),
    })
}
