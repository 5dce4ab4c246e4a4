//! Finds the program that end-to-end tests start.

use std::path::PathBuf;
use std::process::Command;

/// The binary of this build. `cargo test --workspace` has already built it; otherwise it is built here.
pub(crate) fn binary() -> PathBuf {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    if path.ends_with("deps") {
        path.pop();
    }
    let binary = path.join("genesys-purge");
    if !binary.exists() {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        let built = Command::new(cargo).args(["build", "--package", "genesys-purge"]).status().unwrap();
        assert!(built.success());
    }
    binary
}
