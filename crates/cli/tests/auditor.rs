//! Evidence can be checked without this program: by what `EVIDENCE.md` says, with nothing but Python.

#![cfg(test)]

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::{Bench, request};
use purge_core::json::{canonical, digest};
use serde_json::{Value, json};

/// The program in the document.
fn program() -> String {
    let document = concat!(env!("CARGO_MANIFEST_DIR"), "/../../EVIDENCE.md");
    let document = fs::read_to_string(document).unwrap();
    let (_, rest) = document.split_once("```python\n").unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

/// Whether it finds that the folder holds, and what it says.
fn audited(folder: &Path) -> (bool, String) {
    let ran = Command::new("python3").arg("-c").arg(program()).arg(folder).output().unwrap();
    (ran.status.success(), String::from_utf8(ran.stdout).unwrap() + &String::from_utf8(ran.stderr).unwrap())
}

/// Changes a file, and everything above it that has its hash.
fn renewed(folder: &Path, name: &str, change: impl Fn(String) -> String) {
    let path = folder.join(name);
    let after = change(fs::read_to_string(&path).unwrap());
    fs::write(&path, &after).unwrap();
    let manifest = folder.join("manifest.json");
    let mut value: Value = serde_json::from_str(&fs::read_to_string(&manifest).unwrap()).unwrap();
    value["files"][name] = digest(after.as_bytes()).into();
    fs::write(manifest, value.to_string()).unwrap();
}

/// The log with its last record saying something else, under a hash that fits.
fn with_another_end(log: &str) -> String {
    let mut lines: Vec<String> = log.lines().map(str::to_owned).collect();
    let mut last: Value = serde_json::from_str(&lines.pop().unwrap()).unwrap();
    last["records_deleted"] = json!(1);
    last.as_object_mut().unwrap().remove("hash");
    last["hash"] = digest(&canonical(&last)).into();
    lines.push(String::from_utf8(canonical(&last)).unwrap());
    lines.join("\n") + "\n"
}

#[test]
fn the_program_in_the_document_checks_evidence() {
    let bench = Bench::new();
    let mut asked = request(3);
    asked["name"] = json!("Löschung \u{20ac} \u{1f600} \"Q1\" \u{2028}");
    bench.file("request.json", &asked);
    let hold =
        json!({ "id": "Doe v. Röe", "range": { "start": "2023-02-05T00:00:00.5Z", "end": "2023-02-06T00:00:00Z" } });
    bench.file("policy.json", &json!({ "version": 1, "holds": [hold] }));
    bench.run(&["run", "request.json", "--policy", "policy.json"]).exits(0);
    let evidence = bench.evidence();
    let (holds, said) = audited(&evidence);
    assert!(holds && said.contains("chunk 1: verified, ") && said.contains("all holds"), "{said}");
    let manifest = digest(&fs::read(evidence.join("manifest.json")).unwrap());
    assert!(said.contains(&manifest), "{said}");

    type Change = &'static dyn Fn(&Path);
    let table: [(Change, &str); 6] = [
        (&|f| fs::write(f.join("report.json"), "{}").unwrap(), "report.json is not the file"),
        (&|f| renewed(f, "audit.jsonl", |log| log.replacen("us-east-1", "us-east-2", 1)), "was changed"),
        (&|f| renewed(f, "audit.jsonl", |log| with_another_end(&log)), "do not end where"),
        (
            &|f| renewed(f, "audit.jsonl", |log| log.lines().skip(1).map(|l| format!("{l}\n")).collect()),
            "does not go on at 0",
        ),
        (&|f| renewed(f, "plan.json", |plan| plan.replacen("Doe", "Roe", 1)), "not those of the plan"),
        (
            &|f| renewed(f, "plan.json", |plan| plan.replacen("\"reason\": \"", "\"reason\": \"no ", 1)),
            "not those of the plan",
        ),
    ];
    for (change, says) in table {
        let copy = bench.copied(&evidence);
        change(&copy);
        let (holds, said) = audited(&copy);
        assert!(!holds && said.contains(says), "{says}: {said}");
        let folder = copy.to_str().unwrap().to_owned();
        bench.run(&["verify", &folder]).exits(5);
    }
}
