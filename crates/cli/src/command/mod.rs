//! One module for each command, and what several commands share.

mod begun;
mod cancel;
mod carried;
mod one_run;
mod plan;
mod retry;
mod run;
mod scenario;
mod schema;
mod serve;
mod simulate;
mod status;
mod tenant;
mod verify;

use std::path::Path;

use purge_core::finding::Finding;

use crate::args::Command;
use crate::events;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::terminal::{findings, outlet, print_err, print_out};

/// Carries out the command and reports a failure.
pub(crate) fn run(command: Command) -> Exit {
    let (result, json) = match command {
        Command::Plan(args) => (plan::run(&args), args.json),
        Command::Run(args) => (run::run(&args), args.json),
        Command::Simulate(args) => (simulate::run(&args), args.json),
        Command::Status(args) => (status::run(&args), args.json),
        Command::Cancel(args) => (cancel::run(&args), args.json),
        Command::Retry(args) => (retry::run(&args), args.json),
        Command::Verify(args) => (verify::run(&args), args.json),
        Command::Tenant(args) => (tenant::run(&args), false),
        Command::Serve(args) => (serve::run(&args), false),
        Command::Schema(args) => (Ok(schema::run(&args)), false),
    };
    result.unwrap_or_else(|failure| report(&failure, json))
}

/// The exit code, unless output was lost: a success is then a failure.
pub(crate) fn unless_output_lost(exit: Exit) -> Exit {
    match outlet::lost_output() {
        Some(why) => output_lost(&why.to_string(), exit),
        None => exit,
    }
}

/// Reports that the output could not be written.
pub(crate) fn output_lost(why: &str, exit: Exit) -> Exit {
    let failure = Failure::machine("write the output", why);
    failure.findings.iter().for_each(|finding| print_err(&findings::finding(finding)));
    outlet::drain();
    if exit.code() == Exit::Fine.code() { Exit::Internal } else { exit }
}

/// Reports why the command failed.
fn report(failure: &Failure, json: bool) -> Exit {
    failure.findings.iter().for_each(|finding| remark(json, finding));
    failure.exit
}

/// Shows a finding: as text on standard error, or as an event among the others.
fn remark(json: bool, finding: &Finding) {
    if json {
        print_out(&events::problem(finding));
    } else {
        print_err(&findings::finding(finding));
    }
}

/// The failure of a command about a run if there is no ledger.
fn no_ledger(folder: &Path) -> Failure {
    Failure::new(
        Exit::BadInput,
        "ledger.missing",
        folder.display().to_string(),
        format!("there is no ledger in `{}`", folder.display()),
        "name its folder with `--ledger`",
    )
}
