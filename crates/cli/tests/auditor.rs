//! Evidence can be checked without this program, following `EVIDENCE.md`, with nothing but Python.

#![cfg(test)]

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::{Bench, request};
use purge_core::json::{canonical, digest};
use serde_json::{Value, json};

/// The Python program in the document.
fn auditor_program() -> String {
    let document = concat!(env!("CARGO_MANIFEST_DIR"), "/../../EVIDENCE.md");
    let document = fs::read_to_string(document).unwrap();
    let (_, rest) = document.split_once("```python\n").unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

/// Whether that program accepts the folder, and what it prints.
fn run_auditor(folder: &Path) -> (bool, String) {
    let ran = Command::new("python3").arg("-c").arg(auditor_program()).arg(folder).output().unwrap();
    (ran.status.success(), String::from_utf8(ran.stdout).unwrap() + &String::from_utf8(ran.stderr).unwrap())
}

/// Changes a file, and the hashes of it in the manifest.
fn change_and_rehash(folder: &Path, name: &str, change: impl Fn(String) -> String) {
    let path = folder.join(name);
    let after = change(fs::read_to_string(&path).unwrap());
    fs::write(&path, &after).unwrap();
    let manifest = folder.join("manifest.json");
    let mut value: Value = serde_json::from_str(&fs::read_to_string(&manifest).unwrap()).unwrap();
    value["files"][name] = digest(after.as_bytes()).into();
    fs::write(manifest, value.to_string()).unwrap();
}

/// Changes the records of a log and gives them fitting hashes. Returns the heads that go with it, too.
fn change_and_reseal_log(folder: &Path, change: impl Fn(&mut Value), write: impl Fn(&Value) -> String) {
    let path = folder.join("manifest.json");
    let mut manifest: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let mut heads = serde_json::Map::new();
    let mut log = String::new();
    for line in fs::read_to_string(folder.join("audit.jsonl")).unwrap().lines() {
        let mut record: Value = serde_json::from_str(line).unwrap();
        change(&mut record);
        let chunk = record["chunk"].to_string();
        if let Some(before) = heads.get(&chunk) {
            record["prev"] = before["hash"].clone();
        }
        record.as_object_mut().unwrap().remove("hash");
        // Hashed over the bytes as they are written, as a forger would.
        let hash = digest(write(&record).as_bytes());
        record["hash"] = json!(hash);
        log += &(write(&record) + "\n");
        heads.insert(chunk, json!({ "length": record["seq"].as_u64().unwrap() + 1, "hash": hash }));
    }
    manifest["files"]["audit.jsonl"] = digest(log.as_bytes()).into();
    manifest["chains"]["heads"] = Value::Object(heads);
    fs::write(folder.join("audit.jsonl"), log).unwrap();
    fs::write(path, manifest.to_string()).unwrap();
}

fn compact(record: &Value) -> String {
    canonical(record)
}

/// Changes the text of the manifest.
fn change_manifest_text(folder: &Path, change: impl Fn(String) -> String) {
    let path = folder.join("manifest.json");
    let before = fs::read_to_string(&path).unwrap();
    let after = change(before.clone());
    assert_ne!(before, after);
    fs::write(path, after).unwrap();
}

/// Changes a member of the approval in the manifest.
fn change_approval(folder: &Path, name: &str, to: &str) {
    change_manifest_text(folder, |text| {
        let mut manifest: Value = serde_json::from_str(&text).unwrap();
        manifest["approval"][name] = to.into();
        manifest.to_string()
    });
}

/// The log with a different last record, under a hash that fits.
fn with_another_end(log: &str) -> String {
    let mut lines: Vec<String> = log.lines().map(str::to_owned).collect();
    let mut last: Value = serde_json::from_str(&lines.pop().unwrap()).unwrap();
    last["records_deleted"] = json!(1);
    last.as_object_mut().unwrap().remove("hash");
    last["hash"] = digest(canonical(&last).as_bytes()).into();
    lines.push(canonical(&last));
    lines.join("\n") + "\n"
}

fn send_something_else(record: &mut Value) {
    if record["event"]["kind"] == "sending" {
        record["event"]["body_sha256"] = digest(b"everything").into();
    }
}

/// Removes a file from the list of the manifest.
fn unlist_file(folder: &Path, name: &str) {
    change_manifest_text(folder, |text| {
        let mut manifest: Value = serde_json::from_str(&text).unwrap();
        manifest["files"].as_object_mut().unwrap().remove(name).unwrap();
        manifest.to_string()
    });
}

/// The bodies of every kind of request, as the program in the document calculates them.
#[test]
fn the_program_knows_what_is_sent() {
    let recordings = |types: Value, day: &str, options: Value| {
        let mut asked = request(1);
        asked["api"] = json!("recordingJobs");
        asked["recordTypes"] = types;
        asked["range"] = json!({ "start": format!("{day}-01T00:00:00Z"), "end": format!("{day}-02T00:00:00Z") });
        asked["recordings"] = options;
        asked
    };
    let mut narrowed = request(1);
    narrowed["query"] = json!("mediaType:message");
    for asked in [
        recordings(json!(["recording"]), "2023-01", json!({ "includeSnippets": false, "includePolicyBased": false })),
        recordings(json!(["message"]), "2023-01", json!({})),
        recordings(json!(["conversation"]), "2018-01", json!({})),
        narrowed,
    ] {
        let bench = Bench::new();
        bench.file("request.json", &asked);
        bench.run(&["run", "request.json"]).exits(0);
        let (holds, said) = run_auditor(&bench.evidence());
        assert!(holds, "{asked}: {said}");
    }
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
    bench.run(&["plan", "request.json", "--policy", "policy.json", "--out", "plan.json"]).exits(0);
    // Since then a hold has come that concerns none of the chunks.
    let later =
        json!({ "id": "Röe v. Doe", "range": { "start": "2024-02-05T00:00:00Z", "end": "2024-02-06T00:00:00Z" } });
    bench.file("later.json", &json!({ "version": 1, "holds": [hold, later] }));
    bench.run(&["run", "plan.json", "--policy", "later.json"]).exits(0);
    let evidence = bench.evidence();
    let kept = fs::read_to_string(evidence.join("policies.jsonl")).unwrap();
    assert!(kept.lines().count() == 1 && kept.contains("Röe v. Doe"), "{kept}");
    let (holds, said) = run_auditor(&evidence);
    assert!(holds && said.contains("chunk 1: verified, ") && said.contains("all holds"), "{said}");
    let manifest = digest(&fs::read(evidence.join("manifest.json")).unwrap());
    assert!(said.contains(&manifest), "{said}");

    type Change = &'static dyn Fn(&Path);
    let table: [(Change, &str); 26] = [
        (&|f| fs::write(f.join("report.json"), "{}").unwrap(), "report.json is not the file"),
        (&|f| fs::remove_file(f.join("metrics.prom")).unwrap(), "metrics.prom is missing"),
        (&|f| change_approval(f, "approvedBy", "ceo@example.com"), "another approval"),
        (&|f| change_approval(f, "approvedAt", "2024-01-01T00:00:00.000Z"), "another approval"),
        (&|f| change_and_rehash(f, "audit.jsonl", |log| log.replacen("us-east-1", "us-east-2", 1)), "was changed"),
        (&|f| change_and_rehash(f, "audit.jsonl", |log| with_another_end(&log)), "do not end where"),
        (
            &|f| change_and_rehash(f, "audit.jsonl", |log| log.lines().skip(1).map(|l| format!("{l}\n")).collect()),
            "does not go on at 0",
        ),
        (&|f| change_and_rehash(f, "plan.json", |plan| plan.replacen("Doe", "Roe", 1)), "not those of the plan"),
        (
            &|f| change_and_rehash(f, "plan.json", |plan| plan.replacen("\"reason\": \"", "\"reason\": \"no ", 1)),
            "not those of the plan",
        ),
        // Cases that once only one of the two checks refused.
        (
            &|f| change_and_reseal_log(f, |_| {}, |record| compact(record).replacen(":1,", ": 1,", 1)),
            "not a record as it is written",
        ),
        (&|f| change_and_reseal_log(f, |_| {}, |record| compact(record) + "\r"), "not a record as it is written"),
        (
            &|f| change_and_reseal_log(f, |_| {}, |record| compact(record).replacen("data_", "data\\u005f", 1)),
            "not a record as it is",
        ),
        (&|f| change_and_reseal_log(f, |record| record["v"] = json!(7), compact), "not a record as it is written"),
        (&|f| change_and_reseal_log(f, |record| record["run_id"] = json!("run-0"), compact), "of another run or plan"),
        (
            &|f| change_and_reseal_log(f, |record| record["plan_digest"] = json!("sha256:0"), compact),
            "of another run or plan",
        ),
        (&|f| change_and_reseal_log(f, send_something_else, compact), "sent something else"),
        (&|f| change_and_rehash(f, "audit.jsonl", |log| log.trim_end().to_owned()), "ends within a line"),
        (&|f| change_and_rehash(f, "plan.json", |plan| format!("\u{feff}{plan}")), "BOM"),
        (
            &|f| change_and_rehash(f, "plan.json", |plan| plan.replacen(":00:00.000Z", ":00:00Z", 1)),
            "not those of the plan",
        ),
        (&|f| change_manifest_text(f, |text| text.replacen("\"1\":", "\"+1\":", 1)), "do not end where"),
        (
            &|f| {
                change_manifest_text(f, |text| {
                    text.replacen("\"plan.json\":", "\"manifest.json\": \"sha256:0\", \"plan.json\":", 1)
                });
            },
            "does not list",
        ),
        (
            &|f| change_manifest_text(f, |text| text.replacen("\"tenant\":", "\"tenant\": \"x\", \"tenant\":", 1)),
            "there twice",
        ),
        (&|f| unlist_file(f, "webhooks.jsonl"), "does not list"),
        (&|f| change_and_rehash(f, "policies.jsonl", |_| String::new()), "not those that records name"),
        (
            &|f| change_and_rehash(f, "policies.jsonl", |text| text.replacen("Doe", "Roe", 1)),
            "not those that records name",
        ),
        (&|f| change_and_rehash(f, "policies.jsonl", |text| text.repeat(2)), "not those that records name"),
    ];
    for (change, says) in table {
        let copy = bench.copy_of(&evidence);
        change(&copy);
        let (holds, said) = run_auditor(&copy);
        assert!(!holds && said.contains(says), "{says}: {said}");
        let folder = copy.to_str().unwrap().to_owned();
        bench.run(&["verify", &folder]).exits(5);
    }
}
