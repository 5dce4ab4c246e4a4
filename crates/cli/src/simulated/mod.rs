//! The simulated tenant as a server: the tenant and what is beside it (`world`), the HTTP in front of it (`server`), the requests
//! that it remembers (`journal`); and without a server, in virtual time (`direct`).

mod body;
pub(crate) mod direct;
pub(crate) mod faults;
pub(crate) mod journal;
pub(crate) mod server;
pub(crate) mod world;
