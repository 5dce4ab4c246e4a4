//! The deletion APIs: requests to send and strict readers of their answers.

pub mod data_deletion;
pub mod recording_jobs;
