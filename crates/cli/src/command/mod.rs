//! One file per verb.

mod schema;

use crate::args::Command;
use crate::exit::Exit;

/// Carries out the command and says how it went.
pub(crate) fn run(command: Command) -> Exit {
    match command {
        Command::Schema(args) => schema::run(&args),
        _ => Exit::Internal,
    }
}
