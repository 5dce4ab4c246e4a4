//! Tests of the functions as plain async functions, with a ledger, queues and buckets in memory, in virtual time.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]

mod deliveries;
mod emf;
mod ends;
mod evidence;
mod fakes;
mod fan_out;
mod holds;
mod logs;
mod messages;
mod objects;
mod pace;
mod refusals;
mod schedule;
mod slots;
mod sweep;
