//! `genesys-purge`: deletes contact-centre interaction data from Genesys Cloud in bulk, provably.
//!
//! Every decision is core's, the loop is the driver's. Here are the terminal, the SQLite ledger, the local servers (for
//! the console, and for the simulated tenant), and the evidence folder.

mod approval;
mod args;
mod carry;
mod command;
mod documents;
mod events;
mod evidence;
mod exit;
mod failure;
mod ledger;
mod private;
mod runtime;
mod serve;
mod settings;
mod simulated;
mod terminal;
mod turn;
mod whole_file;

use std::io::ErrorKind;
use std::process::ExitCode;

use clap::Parser;
use exit::Exit;

fn main() -> ExitCode {
    let command = match args::Cli::try_parse() {
        Ok(cli) => cli.command,
        Err(said) => return told(&said).into(),
    };
    terminal::log::start();
    let exit = command::run(command);
    terminal::outlet::drain();
    command::unless_lost(exit).into()
}

/// Help, the version, or what is wrong with the arguments.
fn told(said: &clap::Error) -> Exit {
    match said.print() {
        _ if said.use_stderr() => Exit::BadInput,
        Ok(()) => Exit::Fine,
        // A reader who has read enough.
        Err(why) if why.kind() == ErrorKind::BrokenPipe => Exit::Fine,
        Err(why) => command::lost(&why.to_string(), Exit::Fine),
    }
}
