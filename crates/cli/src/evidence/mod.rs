//! The evidence folder: everything that shows what a run did, checkable by anybody, without this machine and without a network.

mod ahead;
mod folder;
pub(crate) mod verify;

pub(crate) use ahead::refuse_ahead;
pub(crate) use folder::{followed, of, refuse_earlier, refuse_foreign, refuse_inner, write};
