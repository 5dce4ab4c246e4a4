//! The console, built and served: one command from nothing to a page that is open.

use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

use crate::sh::{root, run};
use crate::www::www;

/// Builds wasm, page and program, and becomes the server; what stands after the verb is handed on to it.
pub(crate) fn console(arguments: impl Iterator<Item = String>) -> Result<(), String> {
    www()?;
    run("cargo build --locked --release --package genesys-purge")?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let program = target.join("release/genesys-purge");
    println!("\n==> genesys-purge serve");
    // In place of this process, so that an interrupt reaches the server alone and its exit code is the verb's.
    let why = Command::new(&program).args(["serve", "--www"]).arg(root().join("www/dist")).args(arguments).exec();
    Err(format!("cannot start `{}`: {why}", program.display()))
}
