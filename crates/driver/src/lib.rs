//! Carries out what [`purge_core`] decides.
//!
//! One loop serves one machine, a function and virtual time alike: make the new state and its records durable, carry out the one
//! next move, feed the answer back. The loop reaches its surroundings only through four ports: [`Http`], [`Clock`], [`Ledger`] and
//! [`PolicyInForce`]. Everything runs on one thread; concurrency is a set of futures, so no port needs `Send`.

// Ports.
pub mod clock;
pub mod http;
pub mod ledger;
pub mod policy;
pub mod watch;

// Sending.
mod budget;
pub mod credentials;
pub mod echo;
pub mod https;
mod in_time;
mod route;
pub mod sender;
pub mod tenant;
mod token;
mod wire;

// Carrying runs and chunks on.
mod cool_off;
pub mod pace;
pub mod postman;
pub mod redrive;
pub mod retry;
pub mod runner;
pub mod signal;
pub mod worker;

// Virtual time, for tests and simulations.
pub mod virtual_time;

pub use clock::{Clock, SystemClock};
pub use cool_off::next_look;
pub use credentials::Credentials;
pub use http::{Http, WireRequest};
pub use https::HttpsClient;
pub use ledger::{Ledger, LedgerError, MemoryLedger};
pub use pace::remembered_pace;
pub use policy::PolicyInForce;
pub use postman::{Postman, Receiver};
pub use redrive::{Redriven, redrive};
pub use retry::{NoRetry, Obstacle, Queued, Retry};
pub use route::Proxy;
pub use runner::{RunEnd, Runner};
pub use sender::Sender;
pub use signal::Signal;
pub use tenant::{OtherRegion, Site, Tenant};
pub use virtual_time::VirtualClock;
pub use watch::{Unwatched, Watch};
pub use worker::{Advance, Worker};
