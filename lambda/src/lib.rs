//! genesys-purge on AWS.
//!
//! The same decisions and the same loop as on one machine; what differs is where the state is ([`ledger`]), how a chunk waits (a
//! message that comes later, [`wake`]) and who starts it ([`planner`]).

// AWS, behind small ports.
pub mod bucket;
pub mod clients;
pub mod connector;
pub mod ledger;
pub mod login;
mod policy;
pub mod queue;
pub mod s3;
pub mod settings;
pub mod store;

// What comes in and goes out.
pub mod batch;
pub mod evidence;
mod meter;
pub mod metrics;
pub mod trace;
pub mod wake;

// The functions.
pub mod courier;
pub mod functions;
pub mod planner;
mod retry;
pub mod sweep;
pub mod undertaker;
pub mod worker;

pub use ledger::DynamoLedger;

#[cfg(test)]
mod tests;
