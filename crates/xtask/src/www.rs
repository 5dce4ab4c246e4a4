//! Builds the console's page and runs its tests.

use std::path::Path;

use crate::sh::{output, root, run, run_with};
use crate::wasm::wasm;

/// Builds the wasm and the page into `www/dist`.
pub(crate) fn www() -> Result<(), String> {
    wasm()?;
    packages()?;
    run("npm run --silent build")?;
    run("npm run --silent sizes")
}

/// Builds the page, checks its sizes and tests what needs no browser.
pub(crate) fn www_unit() -> Result<(), String> {
    www()?;
    run("npm run --silent unit")
}

/// Tests the page in a real browser, with the real command line at its side.
pub(crate) fn www_test() -> Result<(), String> {
    run("cargo build --locked --package genesys-purge")?;
    with_the_command()
}

/// Tests the page when the command line is already built. `cargo test --workspace` has built it with other features; building it
/// alone would build it again.
pub(crate) fn with_the_command() -> Result<(), String> {
    www_unit()?;
    let browser = browser()?;
    run_with("npm run --silent e2e", &[("CHROMIUM", &browser), ("CONSOLE_PORT", &free_port()?.to_string())])
}

/// Where Debian and Google install it.
const BROWSERS: [&str; 3] = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/// The browser in `CHROMIUM`, or that of the distribution, which is installed if it is missing. Never one from elsewhere.
fn browser() -> Result<String, String> {
    if let Ok(named) = std::env::var("CHROMIUM") {
        return Ok(named);
    }
    let found = || BROWSERS.into_iter().find(|path| Path::new(path).exists()).map(str::to_owned);
    if let Some(path) = found() {
        return Ok(path);
    }
    const HELP: &str = "no Chromium: install it (`sudo apt-get install chromium`), or set CHROMIUM to one";
    let root = output("id -u").is_some_and(|id| id.trim() == "0");
    if !root || !Path::new("/usr/bin/apt-get").exists() {
        return Err(HELP.to_owned());
    }
    run("apt-get update -qq")?;
    run_with(
        "apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core",
        &[("DEBIAN_FRONTEND", "noninteractive")],
    )?;
    found().ok_or_else(|| HELP.to_owned())
}

/// A port of this machine that is free now.
fn free_port() -> Result<u16, String> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).map_err(|why| format!("no free port: {why}"))?;
    listener.local_addr().map(|address| address.port()).map_err(|why| format!("no free port: {why}"))
}

/// Installs the packages in the lock file, without any of their browsers.
fn packages() -> Result<(), String> {
    // npm writes this file last, so its time says whether the packages are those of the lock file.
    let installed = std::fs::metadata(root().join("node_modules/.package-lock.json")).and_then(|m| m.modified());
    let locked = std::fs::metadata(root().join("package-lock.json")).and_then(|m| m.modified());
    if let (Ok(installed), Ok(locked)) = (installed, locked)
        && installed >= locked
    {
        return Ok(());
    }
    run_with("npm ci --no-audit --no-fund", &[("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1")])
}
