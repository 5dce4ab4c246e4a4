//! Builds the wasm package, with JavaScript from exactly the version of wasm-bindgen that the lock file names.

use std::fs;

use wasm_bindgen_cli_support::Bindgen;

use crate::sh::{output, root, run, run_with};

const TARGET: &str = "wasm32-unknown-unknown";

/// Makes hashing faster, which is most of planning. Chrome and Firefox support it since 2021, Safari since 16.4.
const SIMD: &str = "-Ctarget-feature=+simd128";

/// Builds `purge-wasm` for the browser and for Node into `www/pkg`.
pub(crate) fn wasm() -> Result<(), String> {
    have_target()?;
    let build = format!("cargo build --locked --package purge-wasm --lib --target {TARGET} --profile wasm");
    run_with(&build, &[("RUSTFLAGS", &format!("{SIMD} {}", without_places()?))])?;
    let input = root().join("target").join(TARGET).join("wasm").join("purge_wasm.wasm");
    for (folder, browser) in [("web", true), ("node", false)] {
        let mut bindgen = Bindgen::new();
        bindgen.input_path(&input).out_name("purge").typescript(true);
        bindgen.remove_name_section(!keeps_names()).remove_producers_section(true);
        let out = root().join("www/pkg").join(folder);
        // Remove what an earlier version made under another name; otherwise it would be packed.
        if out.exists() {
            fs::remove_dir_all(&out).map_err(|why| format!("{}: {why}", out.display()))?;
        }
        let made = if browser { bindgen.web(true) } else { bindgen.nodejs_module(true) };
        made.and_then(|bindgen| bindgen.generate(&out)).map_err(|why| format!("wasm-bindgen: {why:#}"))?;
        let size = fs::metadata(out.join("purge_bg.wasm")).map_err(|why| why.to_string())?.len();
        println!("www/pkg/{folder}: {size} bytes");
    }
    Ok(())
}

/// Compiler flags that keep the paths of this machine out of the wasm, so that every machine builds the same bytes.
fn without_places() -> Result<String, String> {
    let ask = |line: &str| output(line).ok_or(format!("`{line}` fails"));
    let home = std::env::var("HOME").unwrap_or_default();
    let cargo = std::env::var("CARGO_HOME").unwrap_or_else(|_| format!("{home}/.cargo"));
    let (version, sysroot) = (ask("rustc -vV")?, ask("rustc --print sysroot")?);
    let commit = version.lines().find_map(|line| line.strip_prefix("commit-hash: ")).ok_or("rustc names no commit")?;
    let places = [
        format!("{cargo}=cargo"),
        format!("{}=.", root().display()),
        // The standard library's own name for its path. Another one appears only where its source happens to be installed.
        format!("{}/lib/rustlib/src/rust=/rustc/{commit}", sysroot.trim()),
    ];
    Ok(places.map(|place| format!("--remap-path-prefix={place}")).join(" "))
}

/// Whether functions keep their names, for finding out what is large.
fn keeps_names() -> bool {
    std::env::var_os("WASM_NAMES").is_some()
}

/// Installs the compiler's target if it is missing.
pub(crate) fn have_target() -> Result<(), String> {
    let installed = output("rustup target list --installed").unwrap_or_default();
    if installed.lines().any(|line| line == TARGET) {
        return Ok(());
    }
    run(&format!("rustup target add {TARGET}"))
}
