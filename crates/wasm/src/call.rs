//! What all calls share: how values cross, the error of a wrong call, and how a long call gives others their turn.

use js_sys::{Function, Promise};
use purge_core::json;
use serde::Serialize;
use serde_json::Value;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};
use wasm_bindgen_futures::JsFuture;
use web_sys::AbortSignal;

/// The error of a wrong call: a mistake of the page, not of a person. It is thrown as an exception.
pub(crate) type CallError = String;

/// How all values become objects: as `JSON.parse` would make them from their text.
const OBJECTS: serde_wasm_bindgen::Serializer = serde_wasm_bindgen::Serializer::json_compatible();

/// Converts anything to a JSON value. This detour for all types means that only values are converted to objects and text.
pub(crate) fn value(of: &impl Serialize) -> Value {
    // Everything that crosses has text keys and no floats, so this cannot fail.
    serde_json::to_value(of).unwrap_or_default()
}

/// Converts a value to an object of the page.
pub(crate) fn object(value: &Value) -> JsValue {
    value.serialize(&OBJECTS).unwrap_or(JsValue::NULL)
}

/// Parses JSON text.
pub(crate) fn parse_text(what: &str, text: &str) -> Result<Value, CallError> {
    json::parse(text, usize::MAX).map_err(|why| format!("{what}: {why}"))
}

/// Reads JSON text strictly as a value of a type.
pub(crate) fn read<T: json::FromJson>(what: &str, text: &str) -> Result<T, CallError> {
    T::from_json(&parse_text(what, text)?).map_err(|why| format!("{what}: {why}"))
}

/// Milliseconds as a number of the page, exact because far below 2^53.
#[expect(clippy::cast_precision_loss, reason = "milliseconds up to the year 9999 are far below 2^53")]
pub(crate) fn number(millis: i64) -> f64 {
    millis as f64
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(then: &Function);
}

/// Gives everything else its turn: events, painting. Throws the reason of the signal if it is aborted.
pub(crate) async fn breathe(signal: Option<&AbortSignal>) -> Result<(), JsValue> {
    JsFuture::from(Promise::new(&mut |then, _| set_timeout(&then))).await?;
    match signal {
        Some(signal) if signal.aborted() => Err(signal.reason()),
        Some(_) | None => Ok(()),
    }
}
