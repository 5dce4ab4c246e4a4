//! Measures what it takes to wake and to carry out a run of a hundred thousand chunks, counted in calls that were really made.

use crate::aws;
use crate::sh::run;

/// Runs the measurements, which are otherwise ignored tests, and shows what they print.
pub(crate) fn measure() -> Result<(), String> {
    aws::set_up()?;
    run("cargo test --locked --workspace --test fan_out -- --ignored --nocapture --test-threads 1")
}
