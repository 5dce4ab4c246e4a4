//! Builds and serves the console: one command from nothing to an open page.

use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

use crate::sh::{root, run};
use crate::www::www;

/// Builds wasm, page and program, and becomes the server. Arguments after the verb are passed on to it.
pub(crate) fn console(arguments: impl Iterator<Item = String>) -> Result<(), String> {
    www()?;
    run("cargo build --locked --release --package genesys-purge")?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let program = target.join("release/genesys-purge");
    println!("\n==> genesys-purge serve");
    // Replaces this process, so that only the server gets an interrupt, and its exit code becomes that of the verb.
    let why = Command::new(&program).args(["serve", "--www"]).arg(root().join("www/dist")).args(arguments).exec();
    Err(format!("cannot start `{}`: {why}", program.display()))
}
