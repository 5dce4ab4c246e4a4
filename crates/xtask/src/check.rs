//! The one test command.

use crate::sh::{output, run, run_with};

const WASM: &str = "wasm32-unknown-unknown";

/// Format, lints, unit and property tests.
pub(crate) fn quickly() -> Result<(), String> {
    run("cargo fmt --all --check")?;
    run("cargo clippy --locked --workspace --all-targets -- -D warnings")?;
    run("cargo test --locked --workspace --exclude purge-tests")
}

/// Everything that CI runs, on a machine with nothing but Rust.
pub(crate) fn everything() -> Result<(), String> {
    have_wasm_target()?;
    run("cargo fmt --all --check")?;
    run("cargo clippy --locked --workspace --all-targets -- -D warnings")?;
    // By itself: in a workspace build features unify, and the clock would come back into core unnoticed.
    run(&format!("cargo check --locked --package purge-core --target {WASM}"))?;
    run(&format!("cargo check --locked --package purge-sim --target {WASM}"))?;
    run("cargo test --locked --workspace --no-fail-fast")?;
    run_with("cargo doc --locked --workspace --no-deps", &[("RUSTDOCFLAGS", "-D warnings")])?;
    supply_chain()
}

fn have_wasm_target() -> Result<(), String> {
    let installed = output("rustup target list --installed").unwrap_or_default();
    if installed.lines().any(|line| line == WASM) {
        return Ok(());
    }
    run(&format!("rustup target add {WASM}"))
}

/// `cargo deny` where it is installed; the licence list is also held by a test.
fn supply_chain() -> Result<(), String> {
    match output("cargo deny --version") {
        Some(_) => run("cargo deny --offline check bans licenses sources"),
        None => {
            println!("cargo-deny is not installed: bans and licences are held by tests/house.rs alone");
            Ok(())
        }
    }
}
