//! `genesys-purge`: deletes contact-centre interaction data from Genesys Cloud in bulk, provably.
//!
//! Core makes every decision, and the driver runs the loop. This crate has the terminal, the SQLite ledger, the local servers (for
//! the console and for the simulated tenant) and the evidence folder.

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
mod who;
mod whole_file;

use std::io::ErrorKind;
use std::process::ExitCode;

use clap::Parser;
use exit::Exit;

fn main() -> ExitCode {
    let command = match args::Cli::try_parse() {
        Ok(cli) => cli.command,
        Err(message) => return print_clap_message(&message).into(),
    };
    terminal::log::start();
    let exit = command::run(command);
    terminal::outlet::drain();
    command::unless_output_lost(exit).into()
}

/// Prints what clap has to say: help, the version, or what is wrong with the arguments.
fn print_clap_message(message: &clap::Error) -> Exit {
    match message.print() {
        _ if message.use_stderr() => Exit::BadInput,
        Ok(()) => Exit::Fine,
        // The reader has read enough and closed the pipe.
        Err(why) if why.kind() == ErrorKind::BrokenPipe => Exit::Fine,
        Err(why) => command::output_lost(&why.to_string(), Exit::Fine),
    }
}
