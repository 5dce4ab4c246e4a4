//! `schema`: prints the file formats, for editors and other programs.

use crate::args::{Format, SchemaArgs};
use crate::exit::Exit;
use crate::terminal::print_out;

const REQUEST: &str = include_str!("../../schemas/request.json");
const POLICY: &str = include_str!("../../schemas/policy.json");
const SCENARIO: &str = include_str!("../../schemas/scenario.json");

/// Prints the schema of the format.
pub(crate) fn run(args: &SchemaArgs) -> Exit {
    let schema = match args.format {
        Format::Request => REQUEST,
        Format::Policy => POLICY,
        Format::Scenario => SCENARIO,
    };
    print_out(schema.trim_end());
    Exit::Fine
}
