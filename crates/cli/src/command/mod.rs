//! One file per command, and what several of them share.

mod begun;
mod cancel;
mod carried;
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
use crate::terminal::{findings, outlet, say, tell};

/// Carries out the command and says how it went.
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

/// The same end, unless the result could not be written: then what went well has not.
pub(crate) fn unless_lost(exit: Exit) -> Exit {
    match outlet::lost() {
        Some(why) => lost(&why.to_string(), exit),
        None => exit,
    }
}

/// Says that what was to be read could not be written.
pub(crate) fn lost(why: &str, exit: Exit) -> Exit {
    let failure = Failure::machine("write the output", why);
    failure.findings.iter().for_each(|finding| tell(&findings::finding(finding)));
    outlet::drain();
    if exit.code() == Exit::Fine.code() { Exit::Internal } else { exit }
}

/// Says what is wrong.
fn report(failure: &Failure, json: bool) -> Exit {
    failure.findings.iter().for_each(|finding| remark(json, finding));
    failure.exit
}

/// Says something about what was asked: as text beside the result, or as an event among the others.
fn remark(json: bool, finding: &Finding) {
    if json {
        say(&events::problem(finding));
    } else {
        tell(&findings::finding(finding));
    }
}

/// A command about a run needs a ledger.
fn no_ledger(folder: &Path) -> Failure {
    Failure::new(
        Exit::BadInput,
        "ledger.missing",
        folder.display().to_string(),
        format!("there is no ledger in `{}`", folder.display()),
        "name its folder with `--ledger`",
    )
}
