//! genesys-purge on AWS.
//!
//! The decisions and the loop are the same as on one machine. What differs is where the state is kept ([`ledger`]), how a chunk
//! waits (for a message that comes later, [`wake`]) and what starts it ([`planner`]).

// Services of AWS, behind small ports.
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

// Input and output of the functions.
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
