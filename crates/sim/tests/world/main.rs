//! Tests of the tenant as its clients see it: everything goes through `handle`.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test's helper may fail")]

mod analytics;
mod client;
mod data_deletion;
mod determinism;
mod dry_run;
mod faults;
mod login;
mod population;
mod recording_jobs;
mod recordings;
mod refusals;
mod scenario;
mod truth;
mod webhook_sink;
