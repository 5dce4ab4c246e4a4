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
mod serve;
mod settings;
mod simulated;
mod terminal;
mod whole_file;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let command = args::Cli::parse().command;
    terminal::log::start();
    let exit = command::run(command);
    terminal::outlet::drain();
    command::unless_lost(exit).into()
}
