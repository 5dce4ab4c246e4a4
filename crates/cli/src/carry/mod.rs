//! Carrying out a run: where (`place`), alone or behind somebody else (`lock`, `follow`), and to its end or an interrupt (`run`, `interrupt`).

pub(crate) mod follow;
mod interrupt;
pub(crate) mod lock;
pub(crate) mod place;
pub(crate) mod run;
pub(crate) mod stored;
