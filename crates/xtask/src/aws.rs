//! The functions: their tools, build, lint, and tests against a local emulator.

use std::path::{Path, PathBuf};

use crate::cold_start;
use crate::sh::{output, root, run, run_with};

/// What comes from PyPI: name, a program that exists once the group is installed, and packages. Each group has an environment of
/// its own, because their requirements contradict each other. The last is Genesys's own client, which tests the simulated tenant.
const TOOLS: [(&str, &str, &str); 5] = [
    ("aws", "ministack", "ministack[full]==1.5.33 moto[server]==5.2.5 boto3"),
    ("sam", "sam", "aws-sam-cli==1.170.0 cfn-lint==1.58.0"),
    ("checkov", "checkov", "checkov==3.3.30"),
    ("build", "cargo-lambda", "cargo-lambda==1.9.2 ziglang==0.17.1"),
    ("genesys", "watchmedo", "PureCloudPlatformClientV2==269.0.0"),
];

/// The program that makes environments and installs packages.
const UV: &str = "target/venv-uv/bin/uv";

/// Settings that the SAM command line needs before it does anything.
const SAM: [(&str, &str); 2] = [("SAM_CLI_TELEMETRY", "0"), ("AWS_DEFAULT_REGION", "us-east-1")];

/// Installs missing tools under `target/`.
pub(crate) fn set_up() -> Result<(), String> {
    for (name, program, packages) in TOOLS {
        let folder = format!("target/venv-{name}");
        if !root().join(&folder).join("bin").join(program).exists() {
            have_uv()?;
            run(&format!("{UV} venv --quiet --clear {folder}"))?;
            // If the packages come from a mirror that only pip is configured for, use pip, which is ten times slower.
            run(&format!("{UV} pip install --quiet --system-certs --python {folder}/bin/python {packages}")).or_else(
                |_| run(&format!("target/venv-uv/bin/python -m pip --python {folder} install --quiet {packages}")),
            )?;
        }
    }
    Ok(())
}

/// Installs `uv`, which installs everything else in seconds.
fn have_uv() -> Result<(), String> {
    if root().join(UV).exists() {
        return Ok(());
    }
    have_python()?;
    run("python3 -m venv target/venv-uv")?;
    run("target/venv-uv/bin/pip install --quiet --disable-pip-version-check uv==0.13.9")
}

/// Makes sure that Python can make environments; Debian has that in a separate package.
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

/// Builds the binary for AWS: arm64, against a glibc that is old enough.
pub(crate) fn build() -> Result<(), String> {
    set_up()?;
    run("rustup target add aarch64-unknown-linux-gnu")?;
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}", root().join("target/venv-build/bin").display());
    let line = "cargo lambda build --locked --profile functions --arm64 --package purge-lambda --bin bootstrap";
    run_with(line, &[("PATH", &path)])?;
    cold_start::package(cold_start::DEPLOYED)
}

/// The tests that need nothing but an emulator. `cargo test --workspace` runs them, too.
const QUICK: &str = "cargo test --locked --workspace --test ledger --test template --test strict";

/// The tests with real processes, which wait most of the time. Selects the whole workspace and one of its tests, so that the
/// features are those of all other tests and the SDK is not built again.
const SLOW: &str = "cargo test --locked --workspace --test processes -- --ignored --nocapture --test-threads 6";

/// Checks the template and tests the functions on emulators.
pub(crate) fn test() -> Result<(), String> {
    lint()?;
    run("cargo test --locked --package purge-lambda")?;
    run("cargo build --locked --workspace --bin genesys-purge")?;
    run(QUICK)?;
    with_processes()
}

/// Builds the functions' binary as it is released, but for this machine, and returns its path.
pub(crate) fn functions() -> Result<PathBuf, String> {
    run("cargo build --locked --profile functions --package purge-lambda")?;
    Ok(root().join("target/functions/bootstrap"))
}

/// Runs Genesys's own client against the simulated tenant.
pub(crate) fn with_the_vendors_client() -> Result<(), String> {
    run("cargo test --locked --workspace --test sdk -- --ignored")
}

/// Builds that binary and tests it deployed to an emulator, and behind a strict event source that lets everything go wrong.
pub(crate) fn with_processes() -> Result<(), String> {
    run_with(SLOW, &[("PURGE_FUNCTIONS", &functions()?.display().to_string())])
}
