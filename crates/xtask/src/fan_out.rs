//! What it takes to wake a run of a hundred thousand chunks, and to carry one out, counted in calls that were really made.

use crate::aws;
use crate::sh::run;

/// Runs the measurements, which are tests that are ignored otherwise, and shows what they print.
pub(crate) fn measure() -> Result<(), String> {
    aws::set_up()?;
    run("cargo test --locked --workspace --test fan_out -- --ignored --nocapture --test-threads 1")
}
