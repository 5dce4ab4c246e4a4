//! The simulated tenant as a server: what it is (`world`), how it is reached (`server`), what it remembers (`journal`);
//! and without a server, in virtual time (`direct`).

mod body;
pub(crate) mod direct;
pub(crate) mod faults;
pub(crate) mod journal;
pub(crate) mod server;
pub(crate) mod world;
