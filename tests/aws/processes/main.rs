//! The released functions in processes of their own. Ignored by default, because each test takes minutes and needs the binary of
//! the functions in `PURGE_FUNCTIONS`: `cargo xtask aws-test` builds it and runs them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that cannot go on has failed"
)]

mod deploy;
mod faults;
