//! The functions: tools, build, lint, and the tests against a local emulator.

use std::path::{Path, PathBuf};

use crate::cold_start;
use crate::sh::{output, root, run, run_with};

/// What comes from PyPI, each group in an environment of its own, because their requirements contradict each other: a name, a program
/// that is there once it is installed, and the packages. The last is Genesys's own client, which tests the simulated tenant.
const TOOLS: [(&str, &str, &str); 5] = [
    ("aws", "ministack", "ministack[full]==1.5.33 moto[server]==5.2.5 boto3"),
    ("sam", "sam", "aws-sam-cli==1.170.0 cfn-lint==1.58.0"),
    ("checkov", "checkov", "checkov==3.3.30"),
    ("build", "cargo-lambda", "cargo-lambda==1.9.2 ziglang==0.17.1"),
    ("genesys", "watchmedo", "PureCloudPlatformClientV2==269.0.0"),
];

/// Makes environments and installs into them.
const UV: &str = "target/venv-uv/bin/uv";

/// What the SAM command line needs to know before it looks at anything.
const SAM: [(&str, &str); 2] = [("SAM_CLI_TELEMETRY", "0"), ("AWS_DEFAULT_REGION", "us-east-1")];

/// Installs what is missing of the tools under `target/`.
pub(crate) fn set_up() -> Result<(), String> {
    for (name, program, packages) in TOOLS {
        let folder = format!("target/venv-{name}");
        if !root().join(&folder).join("bin").join(program).exists() {
            have_uv()?;
            run(&format!("{UV} venv --quiet --clear {folder}"))?;
            // Where the packages come from a mirror that only pip has been told of, pip brings them, ten times slower.
            run(&format!("{UV} pip install --quiet --system-certs --python {folder}/bin/python {packages}")).or_else(
                |_| run(&format!("target/venv-uv/bin/python -m pip --python {folder} install --quiet {packages}")),
            )?;
        }
    }
    Ok(())
}

/// Installs what installs the rest in seconds.
fn have_uv() -> Result<(), String> {
    if root().join(UV).exists() {
        return Ok(());
    }
    have_python()?;
    run("python3 -m venv target/venv-uv")?;
    run("target/venv-uv/bin/pip install --quiet --disable-pip-version-check uv==0.13.9")
}

/// Python with what makes environments; Debian keeps that in a package of its own.
fn have_python() -> Result<(), String> {
    if output("python3 -m ensurepip --version").is_some() {
        return Ok(());
    }
    const HELP: &str = "Python 3 with `venv` is needed: install it (`sudo apt-get install python3-venv`)";
    if !Path::new("/usr/bin/apt-get").exists() {
        return Err(HELP.to_owned());
    }
    run("apt-get update -qq")
        .and_then(|()| run("apt-get install -y -qq --no-install-recommends python3-venv"))
        .map_err(|why| format!("{HELP}; {why}"))
}

/// Checks the template.
pub(crate) fn lint() -> Result<(), String> {
    set_up()?;
    run_with("target/venv-sam/bin/sam validate --lint --template template.yaml", &SAM)?;
    run("target/venv-sam/bin/cfn-lint template.yaml")?;
    run("target/venv-checkov/bin/checkov -f template.yaml --framework cloudformation --compact --quiet --skip-download")
}

/// Builds the binary for AWS: arm64, against an old enough glibc.
pub(crate) fn build() -> Result<(), String> {
    set_up()?;
    run("rustup target add aarch64-unknown-linux-gnu")?;
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}", root().join("target/venv-build/bin").display());
    let line = "cargo lambda build --locked --profile functions --arm64 --package purge-lambda --bin bootstrap";
    run_with(line, &[("PATH", &path)])?;
    cold_start::package(cold_start::DEPLOYED)
}

/// The tests that need no more than an emulator; `cargo test --workspace` runs them, too.
const QUICK: &str = "cargo test --locked --workspace --test ledger --test template --test strict";

/// The tests with real processes; they wait most of the time. The whole workspace is selected and one of its tests: so the features are
/// those of all other tests, and the SDK is not built once more.
const SLOW: &str = "cargo test --locked --workspace --test processes -- --ignored --nocapture --test-threads 6";

/// Checks the template, and tests the functions on emulators.
pub(crate) fn test() -> Result<(), String> {
    lint()?;
    run("cargo test --locked --package purge-lambda")?;
    run("cargo build --locked --workspace --bin genesys-purge")?;
    run(QUICK)?;
    with_processes()
}

/// The binary of the functions as it is released, but built for this machine.
pub(crate) fn functions() -> Result<PathBuf, String> {
    run("cargo build --locked --profile functions --package purge-lambda")?;
    Ok(root().join("target/functions/bootstrap"))
}

/// Genesys's own client against the simulated tenant.
pub(crate) fn with_the_vendors_client() -> Result<(), String> {
    run("cargo test --locked --workspace --test sdk -- --ignored")
}

/// Runs that binary, built when it is not there: deployed to an emulator, and behind a strict event source that lets everything go
/// wrong.
pub(crate) fn with_processes() -> Result<(), String> {
    run_with(SLOW, &[("PURGE_FUNCTIONS", &functions()?.display().to_string())])
}
