//! Carrying out a run: noted once (`note`), in its place (`place`), under the policy that applies (`policy`), by
//! one process at a time (`lock`, `follow`), from wherever it stands (`run`, `again`), to its end or an interrupt (`interrupt`).
//! `answers` and `messages` are what is told of it beside its report.

pub(crate) mod again;
pub(crate) mod answers;
pub(crate) mod follow;
pub(crate) mod interrupt;
pub(crate) mod lock;
pub(crate) mod messages;
pub(crate) mod note;
pub(crate) mod place;
pub(crate) mod policy;
pub(crate) mod run;
pub(crate) mod standing;
pub(crate) mod stored;
