//! The browser's door: calls in, answers out, nothing decided here.
//!
//! One policy for every value that crosses: JSON text in, read strictly, so that a misspelt `holds` is refused and not dropped;
//! JSON text out, exactly as core serialises it; typed arrays for what a picture is drawn from. A call that was made wrongly
//! throws; everything that a person can get wrong is an answer with findings.

mod call;
mod evidence;
mod planning;
mod rehearsal;

pub use evidence::EvidenceCheck;
pub use planning::{PlanHandle, approve, file_digest, plan, reopen};
pub use rehearsal::Rehearsal;

use wasm_bindgen::prelude::wasm_bindgen;

/// The version of the program, for the page to show.
#[wasm_bindgen]
#[must_use]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}

/// The names of the regions, a JSON list.
#[wasm_bindgen]
#[must_use]
pub fn regions() -> String {
    call::answer(&purge_core::region::REGIONS.map(|region| region.name))
}

/// The record types, a JSON list in the order in which they are written.
#[wasm_bindgen(js_name = recordTypes)]
#[must_use]
pub fn record_types() -> String {
    call::answer(&purge_core::request::RecordType::ALL)
}
