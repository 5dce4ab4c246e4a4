//! One file per verb.

mod plan;
mod schema;

use crate::args::Command;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::terminal::{findings, say, tell};

/// Carries out the command and says how it went.
pub(crate) fn run(command: Command) -> Exit {
    let (result, json) = match command {
        Command::Plan(args) => (plan::run(&args), args.json),
        Command::Schema(args) => (Ok(schema::run(&args)), false),
        _ => (Ok(Exit::Internal), false),
    };
    result.unwrap_or_else(|failure| report(&failure, json))
}

/// Says what is wrong: as text beside the result, or as events among the others.
fn report(failure: &Failure, json: bool) -> Exit {
    for finding in &failure.findings {
        if json {
            say(&crate::events::problem(finding));
        } else {
            tell(&findings::finding(finding));
        }
    }
    failure.exit
}
