//! The evidence folder: everything that shows what a run did, checkable by anybody, without this machine and without a network.

mod folder;
mod manifest;
pub(crate) mod verify;

pub(crate) use manifest::{FILES, MANIFEST};

pub(crate) use folder::{refuse_earlier, refuse_foreign, write};
