//! The verbs `check` and `test`.

use crate::aws;
use crate::sh::{output, run, run_with};
use crate::wasm::have_target;
use crate::www::{with_the_command, www};

const CLIPPY: &str = "cargo clippy --locked --workspace --all-targets -- -D warnings";

/// Runs format, lints, unit and property tests.
pub(crate) fn quickly() -> Result<(), String> {
    run("cargo fmt --all --check")?;
    run(CLIPPY)?;
    run("cargo test --locked --workspace --exclude purge-tests --exclude purge-tests-aws")
}

/// Runs everything that CI runs, on a machine with nothing but Rust, Node and Python. As root it also installs Debian's Chromium.
pub(crate) fn everything() -> Result<(), String> {
    have_target()?;
    run("cargo fmt --all --check")?;
    // Fetch the tools while the compiler works.
    beside(aws::set_up, || run(CLIPPY))?;
    aws::lint()?;
    supply_chain()?;
    run("cargo test --locked --workspace --no-run")?;
    // Linking the functions keeps one processor busy for a while; most tests wait.
    beside(tests_documents_and_page, || aws::functions().map(drop))?;
    aws::with_the_vendors_client()?;
    aws::with_processes()?;
    // Last and alone, because it measures speed.
    with_the_command()
}

/// Does two things at the same time, and both to the end.
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

/// Includes the examples: they depend on what the tests depend on, so the features are those that the lints have checked everything
/// with. Without them, half of the dependencies would be checked again.
const DOCUMENTS: &str = "cargo doc --locked --workspace --no-deps --lib --bins --examples";

fn documents() -> Result<(), String> {
    run_with(DOCUMENTS, &[("RUSTDOCFLAGS", "-D warnings")])
}

/// Runs `cargo deny` if it is installed. The list of licences is also checked by a test.
fn supply_chain() -> Result<(), String> {
    match output("cargo deny --version") {
        Some(_) => run("cargo deny --offline check bans licenses sources"),
        None => {
            println!("cargo-deny is not installed: bans and licences are held by tests/house alone");
            Ok(())
        }
    }
}
