//! Every decision of genesys-purge, and nothing else.
//!
//! This crate checks purge requests, cuts them into chunks, builds payloads, interprets replies, and drives each chunk from
//! approved to verified as a step machine. It does no IO, reads no clock, uses no randomness and is never asynchronous. The
//! browser, the command line and the functions therefore reach the same decisions from the same bytes.

// Ground.
pub mod bounds;
pub mod finding;
pub mod http;
pub mod json;
pub mod outcome;
pub mod pace;
pub mod region;
pub mod sorted;
pub mod time;
pub mod url;
pub mod wake;
pub mod window;

// Planning.
pub mod chunk;
pub mod plan;
pub mod policy;
pub mod request;

// Approved.
pub mod objection;
pub mod order;

// Wire.
pub mod analytics;
pub mod api;
pub mod oauth;
pub mod rate;
pub mod reply;
pub mod retry;

// Evidence.
pub mod audit;
pub mod evidence;
pub mod metrics;
pub mod report;
pub mod webhook;

// The whole story.
pub mod run;
