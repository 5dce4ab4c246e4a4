//! A simulated tenant behind the driver's HTTP port, in virtual time, for several end-to-end tests.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

pub mod world;
