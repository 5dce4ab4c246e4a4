//! The browser's door: calls in, answers out, nothing decided here.
//!
//! One policy for every value that crosses: JSON text in, read strictly, so that a misspelt `holds` is refused and not dropped;
//! JSON text out, exactly as core serialises it; typed arrays for what a picture is drawn from. A call that was made wrongly
//! throws; everything that a person can get wrong is an answer with findings.
//!
//! The page loads it in two modules: `planning` at once, `world` (rehearsal and evidence) when somebody asks for it.

mod call;
#[cfg(feature = "world")]
mod evidence;
#[cfg(feature = "planning")]
mod planning;
#[cfg(feature = "world")]
mod rehearsal;

#[cfg(feature = "world")]
pub use evidence::{EvidenceCheck, file_digest};
#[cfg(feature = "planning")]
pub use planning::{PlanHandle, plan, record_types, regions};
#[cfg(feature = "world")]
pub use rehearsal::Rehearsal;

use wasm_bindgen::prelude::wasm_bindgen;

/// The version of the program, for the page to show.
#[wasm_bindgen]
#[must_use]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}
