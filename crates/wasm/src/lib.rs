//! The door for the browser: calls in, answers out, nothing decided here.
//!
//! All values cross in the same way. JSON text comes in and is read strictly, so that a misspelt `holds` is refused and not
//! dropped. Plain objects go out, as core serialises them; what a picture is drawn from goes out as typed arrays, and what a table
//! shows goes out in pages. A wrong call throws; everything that a person can get wrong is an answer with findings.
//!
//! Every answer exists twice: as a JSON value, which tests can examine on any platform, and as the object made from it.

mod call;
mod evidence;
mod planning;
mod rehearsal;

pub use evidence::{EvidenceCheck, examined, file_digest, verify_evidence};
pub use planning::{PlanHandle, plan, record_types, regions};
pub use rehearsal::Rehearsal;

use wasm_bindgen::prelude::wasm_bindgen;

/// A fifth of the size of the default allocator of this target.
#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

/// The types of the answers. Samples made by core are checked against them.
#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = include_str!("types.ts");

/// The version of the program, for the page to show.
#[wasm_bindgen]
#[must_use]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}
