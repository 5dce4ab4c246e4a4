//! The functions and their template on this machine: local emulators of AWS, and everything that AWS puts between them and a
//! function.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

// This machine.
pub mod chance;
pub mod wire;

// Stands for AWS.
pub mod bill;
pub mod bridge;
pub mod emulator;
pub mod lambda;
pub mod proxy;
pub mod queues;

// Stands for Genesys Cloud.
pub mod tenant;

// Puts both together.
pub mod bench;
pub mod evidence;
pub mod stack;
