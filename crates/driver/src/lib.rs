//! Carries out what [`purge_core`] decides.
//!
//! One loop, the same on one machine, in a function and in virtual time: make the new state and its records durable, carry out
//! the one next move, feed the answer back. The loop is generic over its ports: [`Http`], [`Clock`] and [`Ledger`]. Everything
//! runs on one thread; concurrency is a set of futures, so no port needs `Send`.

pub mod clock;
pub mod credentials;
pub mod http;
pub mod ledger;
pub mod signal;
pub mod virtual_time;
pub mod watch;

pub use clock::{Clock, SystemClock};
pub use credentials::Credentials;
pub use http::{Http, WireRequest};
pub use ledger::Ledger;
pub use watch::Watch;
