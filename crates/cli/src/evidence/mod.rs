//! The evidence folder: everything that shows what a run did. Anybody can check it, without this machine and without a network.

mod ahead;
mod folder;
mod held;
pub(crate) mod verify;

pub(crate) use ahead::refuse_ahead;
pub(crate) use folder::{assemble, follow_link, refuse_earlier, refuse_foreign, refuse_inner, write};
pub(crate) use held::{Held, held};
