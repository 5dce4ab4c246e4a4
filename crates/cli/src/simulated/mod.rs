//! The simulated tenant as a server: what it is (`world`), how it is reached (`server`), what it remembers (`journal`).

mod body;
pub(crate) mod journal;
pub(crate) mod server;
pub(crate) mod world;
