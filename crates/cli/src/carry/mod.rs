//! Carrying out a run: where (`place`), alone or behind somebody else (`lock`, `follow`), and to its end (`run`).

pub(crate) mod follow;
pub(crate) mod lock;
pub(crate) mod place;
pub(crate) mod run;
pub(crate) mod stored;
