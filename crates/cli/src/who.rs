//! Who gives a command that is recorded: to cancel a run, or to try chunks again.

use purge_core::run::{Asked, NameError};
use purge_core::time::Timestamp;

use crate::exit::Exit;
use crate::failure::Failure;

/// The word of whoever gives the command now: by the name that `--by` says, or else by that of the account. An account may have no
/// name, as in containers that run under any number. Nothing is refused for that: the kill switch has to work there, too.
pub(crate) fn asked_on_command_line(by: Option<&str>, now: Timestamp) -> Result<Asked, Failure> {
    match by {
        Some(name) => asked(name, now, "--by"),
        None => {
            let account = whoami::username().ok().and_then(|name| Asked::new(&name, now).ok());
            Ok(account.unwrap_or_else(|| Asked::by_unknown(now)))
        }
    }
}

/// The word of the person with this name, which stands at `place`.
pub(crate) fn asked(name: &str, now: Timestamp, place: &str) -> Result<Asked, Failure> {
    Asked::new(name, now).map_err(|why| {
        let (code, help) = match why {
            NameError::Nobody => ("asked.nobody", "name the person who asks for this"),
            NameError::Unreadable => ("asked.name", "write the name plainly"),
        };
        Failure::new(Exit::BadInput, code, place, format!("who asks for this is recorded: {why}"), help)
    })
}
