//! House rules that the compiler does not check: the direction of imports, and the licences of dependencies.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test that cannot go on has failed"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

fn metadata() -> Value {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked", "--all-features"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

/// Which of our packages each package may use. A new arrow must also be added to ARCHITECTURE.md.
fn arrows() -> Vec<(&'static str, Vec<&'static str>)> {
    vec![
        ("purge-core", vec![]),
        ("purge-sim", vec!["purge-core"]),
        ("purge-driver", vec!["purge-core"]),
        ("purge-wasm", vec!["purge-core", "purge-sim"]),
        ("genesys-purge", vec!["purge-core", "purge-driver", "purge-sim"]),
        ("purge-lambda", vec!["purge-core", "purge-driver"]),
        ("xtask", vec![]),
    ]
}

#[test]
fn imports_follow_the_arrows() {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap();
    let members: BTreeSet<_> =
        metadata["workspace_members"].as_array().unwrap().iter().map(|m| m.as_str().unwrap()).collect();
    let ours: Vec<_> = packages.iter().filter(|p| members.contains(text(p, "id"))).collect();
    let names: BTreeSet<_> = ours.iter().map(|p| text(p, "name")).collect();
    for package in &ours {
        let name = text(package, "name");
        let used: BTreeSet<_> = package["dependencies"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|d| d["kind"].is_null())
            .map(|d| text(d, "name"))
            .filter(|d| names.contains(d))
            .collect();
        if name.starts_with("purge-tests") {
            continue;
        }
        let allowed = arrows().into_iter().find(|(n, _)| *n == name);
        let allowed = allowed.unwrap_or_else(|| panic!("`{name}` is not in the table of arrows")).1;
        let more: Vec<_> = used.iter().filter(|d| !allowed.contains(d)).collect();
        assert!(more.is_empty(), "`{name}` must not use {more:?}");
        assert!(!used.iter().any(|d| d.starts_with("purge-tests")), "nobody imports the tests");
    }
}

/// The layers inside core, and the layers that each may use besides itself.
fn layers() -> Vec<(&'static [&'static str], &'static [usize])> {
    vec![
        (
            &[
                "time", "window", "bounds", "finding", "http", "json", "outcome", "pace", "region", "sorted", "url",
                "wake",
            ],
            &[],
        ),
        (&["chunk", "plan", "policy", "request"], &[0]),
        (&["objection", "order"], &[0, 1]),
        (&["analytics", "api", "oauth", "rate", "reply", "retry"], &[0, 1]),
        (&["audit", "evidence", "metrics", "report", "webhook"], &[0, 1, 2, 3]),
        (&["run"], &[0, 1, 2, 3, 4]),
    ]
}

#[test]
fn core_keeps_its_layers() {
    let layers = layers();
    let layer_of = |module: &str| layers.iter().position(|(modules, _)| modules.contains(&module));
    let source = root().join("crates/core/src");
    let mut wrong = Vec::new();
    for file in files(&source) {
        let relative = file.strip_prefix(&source).unwrap();
        let first = relative.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
        let module = first.trim_end_matches(".rs").to_owned();
        if module == "lib" {
            continue;
        }
        let layer = layer_of(&module).unwrap_or_else(|| panic!("core's module `{module}` is in no layer"));
        let code = std::fs::read_to_string(&file).unwrap();
        for used in code.match_indices("crate::").map(|(at, found)| &code[at + found.len()..]) {
            let name: String = used.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            let fine = match layer_of(&name) {
                Some(other) => other == layer || layers[layer].1.contains(&other),
                None => true,
            };
            if !fine {
                wrong.push(format!("{} uses `{name}`", relative.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|e| e == "rs"))
        .collect()
}

/// The licence expressions of all packages that can end up in what we ship must be allowed by `deny.toml`.
#[test]
fn only_listed_licences_come_in() {
    let deny = std::fs::read_to_string(root().join("deny.toml")).unwrap();
    let list = deny.split("allow = [").nth(1).unwrap().split(']').next().unwrap();
    let allowed: BTreeSet<_> = list.split('"').skip(1).step_by(2).collect();
    let mut refused = Vec::new();
    for package in metadata()["packages"].as_array().unwrap() {
        let licence = text(package, "license").replace('/', " OR ");
        let clause = |clause: &str| {
            let clause = clause.trim().trim_matches(['(', ')']).trim();
            allowed.contains(clause)
        };
        // Read `A OR B AND C` as cargo-deny reads the usual cases: every part of an AND, one part of an OR.
        let fine = licence.split(" AND ").all(|part| part.split(" OR ").any(clause));
        if !fine {
            refused.push(format!("{} {}: {licence}", text(package, "name"), text(package, "version")));
        }
    }
    assert!(refused.is_empty(), "{refused:#?}");
}

/// There is one TLS stack: the packages that `deny.toml` bans are not in the lock file.
#[test]
fn banned_packages_are_not_locked() {
    let deny = std::fs::read_to_string(root().join("deny.toml")).unwrap();
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let banned: Vec<_> = deny.split("{ name = \"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert!(banned.len() >= 3, "{banned:?}");
    for name in banned {
        assert!(!lock.contains(&format!("name = \"{name}\"\n")), "`{name}` is banned");
    }
}

/// The names of the tests in a file: functions with an attribute right above them that makes them run.
fn tests_in(code: &str) -> BTreeSet<&str> {
    let (mut marked, mut names) = (false, BTreeSet::new());
    for line in code.lines().map(str::trim) {
        let function = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ");
        match function {
            Some(rest) if marked => {
                names.extend(rest.split('(').next());
                marked = false;
            }
            _ if line == "#[test]" || line == "#[tokio::test]" => marked = true,
            // Ignored tests do not run.
            _ if !line.starts_with("///") => marked = false,
            _ => {}
        }
    }
    names
}

#[test]
fn the_table_of_defects_names_real_tests() {
    let table = std::fs::read_to_string(root().join("tests/DEFECTS.md")).unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let rows: Vec<Vec<&str>> =
        rows.map(|row| row.split(" | ").collect()).filter(|r: &Vec<_>| r[0].parse::<u32>().is_ok()).collect();
    let numbers: Vec<u32> = rows.iter().map(|row| row[0].parse().unwrap()).collect();
    assert_eq!(numbers, (1..=59).collect::<Vec<_>>(), "every defect once, in order");
    let mut wrong = Vec::new();
    for row in rows {
        let [number, defect, instead, tests] = row[..] else {
            panic!("row {} has not four cells", row[0]);
        };
        assert!(!defect.trim().is_empty() && !instead.trim().is_empty(), "row {number} says nothing");
        let named: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        if named.is_empty() && !instead.starts_with("does not apply: ") {
            wrong.push(format!("{number} names no test"));
        }
        for name in named {
            let Some((file, function)) = name.split_once("::") else {
                wrong.push(format!("{number} `{name}` is not `file::test`"));
                continue;
            };
            let code = std::fs::read_to_string(root().join(file)).unwrap_or_default();
            if !tests_in(&code).contains(function) {
                wrong.push(format!("{number} `{name}` is no test"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Costs are estimated for the memory that the template gives a worker.
#[test]
fn estimates_suppose_the_worker_of_the_template() {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).unwrap();
    let after = |text: &str, mark: &str| {
        let found = text.split(mark).nth(1).unwrap_or_else(|| panic!("no `{mark}`"));
        found.trim_start().chars().take_while(char::is_ascii_digit).collect::<String>()
    };
    let supposed = after(&read("crates/core/src/plan/estimate.rs"), "WORKER_MEGABYTES: u64 =");
    let template = read("template.yaml");
    let worker = template.split("\n  Worker:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let given = if worker.contains("MemorySize:") { worker } else { &template };
    assert_eq!(supposed, after(given, "MemorySize:"));
}
