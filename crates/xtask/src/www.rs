//! The console: its page, built; its tests, run.

use std::path::Path;

use crate::sh::{root, run, run_with};
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

/// Tests the page in a real browser.
pub(crate) fn www_test() -> Result<(), String> {
    www_unit()?;
    let browser = ["/usr/bin/chromium", "/usr/bin/google-chrome"].into_iter().find(|path| Path::new(path).exists());
    if std::env::var_os("CHROMIUM").is_none() && browser.is_none() {
        return Err("no Chromium: install the package `chromium`, or set CHROMIUM to one".to_owned());
    }
    run("npm run --silent e2e")
}

/// The packages that the lock file names; none of their browsers.
fn packages() -> Result<(), String> {
    // npm writes this file last, so it tells whether the packages are those of the lock file.
    let installed = std::fs::metadata(root().join("node_modules/.package-lock.json")).and_then(|m| m.modified());
    let locked = std::fs::metadata(root().join("package-lock.json")).and_then(|m| m.modified());
    if let (Ok(installed), Ok(locked)) = (installed, locked)
        && installed >= locked
    {
        return Ok(());
    }
    run_with("npm ci --no-audit --no-fund", &[("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1")])
}
