//! The one test command.

use crate::aws;
use crate::sh::{output, run, run_with};
use crate::wasm::have_target;
use crate::www::{with_the_command, www};

const CLIPPY: &str = "cargo clippy --locked --workspace --all-targets -- -D warnings";

/// Format, lints, unit and property tests.
pub(crate) fn quickly() -> Result<(), String> {
    run("cargo fmt --all --check")?;
    run(CLIPPY)?;
    run("cargo test --locked --workspace --exclude purge-tests --exclude purge-tests-aws")
}

/// Everything that CI runs, on a machine with nothing but Rust, Node and Python; as root it installs Debian's Chromium, too.
pub(crate) fn everything() -> Result<(), String> {
    have_target()?;
    run("cargo fmt --all --check")?;
    // Tools are fetched while the compiler works.
    beside(aws::set_up, || run(CLIPPY))?;
    aws::lint()?;
    supply_chain()?;
    run("cargo test --locked --workspace --no-run")?;
    // Linking the functions takes one processor and a while; most tests wait.
    beside(tests_documents_and_page, || aws::functions().map(drop))?;
    aws::with_the_vendors_client()?;
    aws::with_processes()?;
    // Last, because it measures speed: nothing else runs beside it.
    with_the_command()
}

/// Does one thing beside another, and both to the end.
fn beside(one: fn() -> Result<(), String>, other: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    std::thread::scope(|scope| {
        let one = scope.spawn(one);
        let other = other();
        one.join().map_err(|_| "what ran beside it panicked".to_owned()).flatten().and(other)
    })
}

fn tests_documents_and_page() -> Result<(), String> {
    run("cargo test --locked --workspace --no-fail-fast")?;
    documents()?;
    www()
}

/// With the examples: they bring what the tests depend on, and so the features with which the lints have checked everything. Without, half
/// of the dependencies would be checked once more.
const DOCUMENTS: &str = "cargo doc --locked --workspace --no-deps --lib --bins --examples";

fn documents() -> Result<(), String> {
    run_with(DOCUMENTS, &[("RUSTDOCFLAGS", "-D warnings")])
}

/// `cargo deny` where it is installed; the licence list is also held by a test.
fn supply_chain() -> Result<(), String> {
    match output("cargo deny --version") {
        Some(_) => run("cargo deny --offline check bans licenses sources"),
        None => {
            println!("cargo-deny is not installed: bans and licences are held by tests/house alone");
            Ok(())
        }
    }
}
