//! The functions: tools, build, lint, and the tests against a local emulator.

use std::path::Path;

use crate::cold_start;
use crate::sh::{root, run, run_with};

/// Tools from PyPI, each group in an environment of its own, because their requirements contradict each other.
const TOOLS: [(&str, &str, &str); 4] = [
    ("aws", "ministack", "ministack[full]==1.5.33 moto[server]==5.2.5 boto3"),
    ("sam", "sam", "aws-sam-cli==1.170.0 cfn-lint==1.58.0"),
    ("checkov", "checkov", "checkov==3.3.30"),
    ("build", "cargo-lambda", "cargo-lambda==1.9.2 ziglang==0.17.1"),
];

/// What the SAM command line needs to know before it looks at anything.
const SAM: [(&str, &str); 2] = [("SAM_CLI_TELEMETRY", "0"), ("AWS_DEFAULT_REGION", "us-east-1")];

/// Installs what is missing of the tools under `target/`.
pub(crate) fn set_up() -> Result<(), String> {
    for (name, program, packages) in TOOLS {
        let folder = format!("target/venv-{name}");
        if !root().join(&folder).join("bin").join(program).exists() {
            run(&format!("python3 -m venv {folder}"))?;
            run(&format!("{folder}/bin/pip install --quiet {packages}"))?;
        }
    }
    Ok(())
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

/// Builds the binary for this machine and runs everything against the emulator.
pub(crate) fn test() -> Result<(), String> {
    lint()?;
    run("cargo build --locked --profile functions --package purge-lambda")?;
    run("cargo test --locked --package purge-lambda --package purge-tests-aws")?;
    let binary = root().join("target/functions/bootstrap");
    let binary = Path::new(&binary).display().to_string();
    run_with("cargo test --locked --package purge-tests-aws --test deploy", &[("PURGE_FUNCTIONS", &binary)])
}
