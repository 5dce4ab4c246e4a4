//! Metrics as a fold over the report: what was not measured is absent.

mod emf;
mod prometheus;

pub use emf::emf;
pub use prometheus::prometheus;
