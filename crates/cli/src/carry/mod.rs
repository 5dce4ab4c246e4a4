//! Carrying out a run: it is entered into the ledger once (`note`) and carried out at its place (`place`), under the policy that
//! applies (`policy`), by one process at a time (`lock`, `follow`), from its current state (`run`, `again`), to its end or an
//! interrupt (`interrupt`). `receiver` says who is told of it; `answers` and `messages` supply what is shown
//! beside its report.

pub(crate) mod again;
pub(crate) mod answers;
pub(crate) mod follow;
pub(crate) mod interrupt;
pub(crate) mod lock;
pub(crate) mod messages;
pub(crate) mod note;
pub(crate) mod place;
pub(crate) mod policy;
pub(crate) mod receiver;
pub(crate) mod run;
pub(crate) mod standing;
pub(crate) mod stored;
