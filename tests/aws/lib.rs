//! The functions and their template on this machine: local emulators of AWS, and everything that AWS has between them and a function.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

// Of this machine.
pub mod chance;
pub mod wire;

// What stands for AWS.
pub mod bill;
pub mod bridge;
pub mod emulator;
pub mod lambda;
pub mod proxy;
pub mod queues;

// What stands for Genesys Cloud.
pub mod tenant;

// Both together, and what comes of it.
pub mod bench;
pub mod evidence;
pub mod stack;
