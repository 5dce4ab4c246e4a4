//! What all calls share: how values cross, what a wrong call says, and how a long one lets others have their turn.

use js_sys::{Function, Promise};
use purge_core::json;
use serde::Serialize;
use serde_json::Value;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};
use wasm_bindgen_futures::JsFuture;
use web_sys::AbortSignal;

/// A call that was made wrongly: by the page, not by a person. Becomes an exception.
pub(crate) type Wrong = String;

/// How values become objects, all of them: as `JSON.parse` would make them of their text.
const OBJECTS: serde_wasm_bindgen::Serializer = serde_wasm_bindgen::Serializer::json_compatible();

/// Anything as a JSON value. One detour for all types, so that only values have to become objects and text.
pub(crate) fn value(of: &impl Serialize) -> Value {
    // Everything that crosses has text keys and no float, for which this cannot fail.
    serde_json::to_value(of).unwrap_or_default()
}

/// A value as an object of the page.
pub(crate) fn object(value: &Value) -> JsValue {
    value.serialize(&OBJECTS).unwrap_or(JsValue::NULL)
}

/// JSON text as a value.
pub(crate) fn parsed(what: &str, text: &str) -> Result<Value, Wrong> {
    json::parse(text, usize::MAX).map_err(|why| format!("{what}: {why}"))
}

/// JSON text as a value of a type, strictly.
pub(crate) fn read<T: json::FromJson>(what: &str, text: &str) -> Result<T, Wrong> {
    T::from_json(&parsed(what, text)?).map_err(|why| format!("{what}: {why}"))
}

/// Milliseconds as a number of the page: exact, being far below 2^53.
#[expect(clippy::cast_precision_loss, reason = "milliseconds up to the year 9999 are far below 2^53")]
pub(crate) fn number(millis: i64) -> f64 {
    millis as f64
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(then: &Function);
}

/// Lets everything else have its turn: events, painting. Throws the signal's reason when it says stop.
pub(crate) async fn breathe(signal: Option<&AbortSignal>) -> Result<(), JsValue> {
    JsFuture::from(Promise::new(&mut |then, _| set_timeout(&then))).await?;
    match signal {
        Some(signal) if signal.aborted() => Err(signal.reason()),
        Some(_) | None => Ok(()),
    }
}
