//! genesys-purge on AWS.
//!
//! The same decisions and the same loop as on one machine; what differs is where the state is ([`ledger`]), how a chunk waits (a
//! message that comes later) and who starts it.

pub mod clients;
pub mod ledger;

pub use ledger::DynamoLedger;
