//! The project's own chores: `cargo xtask VERB`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a chore tells what it does")]
#![allow(clippy::indexing_slicing, reason = "indexing JSON gives null, not a panic")]

mod aws;
mod check;
mod cold_start;
mod console;
mod fan_out;
mod makespan;
mod sh;
mod wasm;
mod www;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask VERB

  test       everything that CI runs, set-up included: format, lints, wasm, unit, property and end-to-end tests, the
             console's build, sizes and tests in Node and in Chromium, the functions on local emulators of AWS
  check      the quick part of it: format, lints, unit and property tests
  makespan   measures runs over HTTP against the least time and the fewest requests possible
  wasm       builds the wasm package into www/pkg, for browsers and for Node
  www        builds the console into www/dist, and checks its sizes
  console    builds wasm, page and program, and serves the console; prints the address to open
  www-test   tests the console, in Node and in Chromium
  aws-setup  installs the tools for the functions, and Genesys's own client, under target/
  aws-lint   checks the template
  aws-build  builds the functions for AWS
  cold-start measures starts and sizes of the functions against their bounds
  fan-out    wakes a run of 100,000 chunks on a local emulator, and counts what that costs
  aws-test   tests the functions: template, ledger, and real processes on local emulators of AWS
";

fn main() -> ExitCode {
    let verb = std::env::args().nth(1).unwrap_or_default();
    let done = match verb.as_str() {
        "test" => check::everything(),
        "check" => check::quickly(),
        "wasm" => wasm::wasm(),
        "www" => www::www(),
        "console" => console::console(std::env::args().skip(2)),
        "www-test" => www::www_test(),
        "aws-setup" => aws::set_up(),
        "aws-lint" => aws::lint(),
        "aws-build" => aws::build(),
        "aws-test" => aws::test(),
        "fan-out" => fan_out::measure(),
        "cold-start" => cold_start::measure(),
        "makespan" => makespan::measure(),
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    sh::print_times();
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("xtask: {why}");
            ExitCode::FAILURE
        }
    }
}
