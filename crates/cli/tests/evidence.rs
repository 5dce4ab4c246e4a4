//! `verify` finds what was changed.

#![cfg(test)]

mod common;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Stdio;

use common::{Bench, Ran, Server, at, request, signal, start_until};
use purge_core::time::Timestamp;
use serde_json::{Value, json};

type Change = &'static dyn Fn(&Path);

#[test]
fn every_file_and_every_claim_is_checked() {
    let bench = Bench::new();
    bench.file("request.json", &request(2));
    bench.run(&["run", "request.json"]).exits(0);
    let evidence = bench.evidence();
    let table: [(&str, Change, &str, &str); 29] = [
        (
            "a byte of the log",
            &|f| edit(f, "audit.jsonl", |t| t.replacen("us-east-1", "us-east-2", 1)),
            "chains",
            "line 1",
        ),
        ("the last line of the log", &|f| edit(f, "audit.jsonl", |t| cut_last(&t)), "chains", "ends before it"),
        (
            "a figure of the report",
            &|f| edit(f, "report.json", |t| t.replacen("\"remaining\": 0", "\"remaining\": 1", 1)),
            "report",
            "`/chunks/0/remaining` is 1, not 0",
        ),
        ("a field of the report", &|f| edit(f, "report.json", |t| t.replacen("{", "{\"x\":1,", 1)), "report", "`/x`"),
        ("the metrics", &|f| edit(f, "metrics.prom", |t| t.replacen(" 2\n", " 3\n", 1)), "metrics", "metrics.prom"),
        (
            "the reason in the plan",
            &|f| edit(f, "plan.json", |t| t.replacen("\"reason\": \"test\"", "\"reason\": \"other\"", 1)),
            "plan",
            "digest",
        ),
        (
            "that it was simulated",
            &|f| edit(f, "manifest.json", |t| t.replacen("\"simulated\": true", "\"simulated\": false", 1)),
            "plan",
            "the tenant is a simulated one",
        ),
        (
            "the end of the log",
            &|f| change_and_rehash(f, "audit.jsonl", |t| t.trim_end().to_owned()),
            "chains",
            "`audit.jsonl` ends within a line",
        ),
        (
            "how a date is written",
            &|f| change_and_rehash(f, "plan.json", |t| t.replacen(":00:00.000Z", ":00:00Z", 1)),
            "plan",
            "`plan.json` is not as it was written: `/request/range/start`",
        ),
        (
            "the limits",
            &|f| change_and_rehash(f, "plan.json", |t| without_limits(&t)),
            "plan",
            "`/policy/limits` is missing",
        ),
        (
            "the manifest in its own list",
            &|f| change_listed_files(f, |files| drop(files.insert("manifest.json".to_owned(), "sha256:00".into()))),
            "files",
            "the manifest lists `manifest.json`",
        ),
        (
            "a name that goes over lines",
            &|f| fs::write(f.join("x\r\n   holds  files    all"), "").unwrap(),
            "files",
            "`x\\r\\n   holds  files    all` does not belong",
        ),
        (
            "the approver",
            &|f| edit(f, "manifest.json", |t| t.replacen("records@example.com", "dpo@example.com", 1)),
            "approval",
            "approved by `records@example.com`",
        ),
        (
            "the time of the approval",
            &|f| change_approval(f, "approvedAt", |_| "2999-01-01T00:00:00.000Z".to_owned()),
            "approval",
            "approved by `records@example.com` at 20",
        ),
        (
            "the day of the plan",
            &|f| change_and_rehash(f, "plan.json", |t| t.replacen("\"plannedAt\": \"2", "\"plannedAt\": \"3", 1)),
            "plan",
            "made after it was approved",
        ),
        (
            "a message and its hash",
            &|f| change_and_rehash(f, "webhooks.jsonl", |t| t.replacen("verified", "held", 1)),
            "webhooks",
            "line 1 of `webhooks.jsonl` does not say what the records say",
        ),
        (
            "a message twice",
            &|f| change_and_rehash(f, "webhooks.jsonl", |t| t.clone() + t.lines().next().unwrap() + "\n"),
            "webhooks",
            "repeats an earlier message",
        ),
        (
            "the readme and its hash",
            &|f| change_and_rehash(f, "README.txt", |t| t.replacen("verified", "held", 1)),
            "readme",
            "README",
        ),
        ("the readme", &|f| edit(f, "README.txt", |t| t + "x"), "files", "README.txt"),
        (
            "a member of the report twice, and its hash",
            &|f| {
                change_and_rehash(f, "report.json", |t| {
                    t.replacen("\"outcome\"", "\"outcome\": \"held\", \"outcome\"", 1)
                });
            },
            "report",
            "`outcome` is repeated",
        ),
        (
            "two files",
            &|f| {
                fs::remove_file(f.join("metrics.prom")).unwrap();
                edit(f, "README.txt", |t| t + "x");
            },
            "files",
            "`metrics.prom` is missing; `README.txt` was changed",
        ),
        (
            "a message of somebody else's",
            &|f| change_and_rehash(f, "webhooks.jsonl", |t| t.replacen("{\"id\":\"msg_", "{\"id\":\"msg_0", 1)),
            "webhooks",
            "line 1 of `webhooks.jsonl` does not say what the records say",
        ),
        (
            "bytes that are no text",
            &|f| {
                let mut log = fs::read(f.join("audit.jsonl")).unwrap();
                log[20] = 0xff;
                fs::write(f.join("audit.jsonl"), log).unwrap();
            },
            "chains",
            "line 1",
        ),
        (
            "a file and its line in the list",
            &|f| {
                fs::remove_file(f.join("report.json")).unwrap();
                change_listed_files(f, |files| drop(files.remove("report.json")));
            },
            "files",
            "`report.json` is missing",
        ),
        (
            "a line in the list",
            &|f| change_listed_files(f, |files| drop(files.remove("report.json"))),
            "files",
            "`report.json` is not listed in the manifest",
        ),
        (
            "a line too many in the list",
            &|f| change_listed_files(f, |files| drop(files.insert("note.txt".to_owned(), "sha256:00".into()))),
            "files",
            "the manifest lists `note.txt`",
        ),
        (
            "the version of the manifest",
            &|f| edit(f, "manifest.json", |t| t.replacen("\"version\": 1", "\"version\": 2", 1)),
            "files",
            "version 2",
        ),
        ("a file too many", &|f| fs::write(f.join("note.txt"), "x").unwrap(), "files", "note.txt"),
        ("a whole file", &|f| fs::remove_file(f.join("webhooks.jsonl")).unwrap(), "files", "webhooks.jsonl"),
    ];
    for (what, change, check, says) in table {
        let copy = bench.copy_of(&evidence);
        // Files that a desktop leaves in a folder do not matter.
        fs::write(copy.join(".DS_Store"), "x").unwrap();
        bench.run(&["verify", "copy"]).exits(0);
        change(&copy);
        let ran = bench.run(&["verify", "copy", "--json"]).exits(5);
        let verdict: Value = serde_json::from_str(&ran.stdout).unwrap();
        let checks = verdict["checks"].as_array().unwrap();
        let broken = checks.iter().find(|c| c["name"] == check).unwrap();
        assert_eq!(broken["holds"], false, "{what}: {verdict:#}");
        assert!(broken["detail"].as_str().unwrap().contains(says), "{what}: {verdict:#}");
        assert!(bench.run(&["verify", "copy"]).exits(5).stdout.contains("does not hold"));
    }
}

fn edit(folder: &Path, name: &str, change: impl Fn(String) -> String) {
    let before = fs::read_to_string(folder.join(name)).unwrap();
    let after = change(before.clone());
    assert_ne!(before, after, "{name}");
    fs::write(folder.join(name), after).unwrap();
}

/// Changes the file and gives the manifest its new hash, as a forger would.
fn change_and_rehash(folder: &Path, name: &str, change: impl Fn(String) -> String) {
    edit(folder, name, change);
    let hash = purge_core::json::digest(&fs::read(folder.join(name)).unwrap());
    edit(folder, "manifest.json", |text| {
        let mut manifest: Value = serde_json::from_str(&text).unwrap();
        manifest["files"][name] = hash.clone().into();
        manifest.to_string()
    });
}

/// Changes the list of files in the manifest.
fn change_listed_files(folder: &Path, change: impl Fn(&mut serde_json::Map<String, Value>)) {
    edit(folder, "manifest.json", |text| {
        let mut manifest: Value = serde_json::from_str(&text).unwrap();
        change(manifest["files"].as_object_mut().unwrap());
        manifest.to_string()
    });
}

/// Changes a field of the approval in the manifest.
fn change_approval(folder: &Path, field: &str, change: impl Fn(&str) -> String) {
    edit(folder, "manifest.json", |text| {
        let mut manifest: Value = serde_json::from_str(&text).unwrap();
        let value = &mut manifest["approval"][field];
        *value = change(value.as_str().unwrap()).into();
        manifest.to_string()
    });
}

fn without_limits(plan: &str) -> String {
    let mut plan: Value = serde_json::from_str(plan).unwrap();
    plan["policy"].as_object_mut().unwrap().remove("limits").unwrap();
    plan.to_string()
}

fn cut_last(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[..lines.len() - 1].join("\n") + "\n"
}

/// Another version may word differently what is only read by people or scraped. Whatever proves something must hold all the same.
#[test]
fn evidence_that_another_version_wrote_is_not_broken_by_its_wording() {
    let bench = Bench::new();
    bench.file("request.json", &request(2));
    bench.run(&["run", "request.json"]).exits(0);
    let copy = bench.copy_of(&bench.evidence());
    let verify =
        |code| bench.run(&["verify", copy.to_str().unwrap()]).exits(code).stdout.replace("\n                   ", " ");
    let ours = concat!("genesys-purge/", env!("CARGO_PKG_VERSION"));
    assert!(fs::read_to_string(copy.join("audit.jsonl")).unwrap().contains(&format!("\"program\":\"{ours}\"")));
    change_and_rehash(&copy, "README.txt", |text| text.replacen("Evidence of", "The evidence of", 1));
    change_and_rehash(&copy, "metrics.prom", |text| text.replacen("# HELP", "# HELP of", 1));
    assert!(verify(5).contains("BROKEN  metrics"), "the same version words it in the same way");
    edit(&copy, "manifest.json", |text| text.replacen(ours, "genesys-purge/0.0.9", 1));
    let said = verify(0);
    assert!(said.contains(&format!("written by `genesys-purge/0.0.9`, checked by `{ours}`")), "{said}");
    edit(&copy, "README.txt", |text| text + "x");
    assert!(verify(5).contains("`README.txt` was changed"), "its hash counts");
    edit(&copy, "README.txt", |text| text.trim_end_matches('x').to_owned());
    change_and_rehash(&copy, "report.json", |text| text.replacen("\"remaining\": 0", "\"remaining\": 1", 1));
    assert!(verify(5).contains("BROKEN  report"), "the report says nothing else for that");
}

#[test]
fn a_reader_is_told_what_was_deleted_where_when_and_by_whose_leave() {
    let bench = Bench::new();
    bench.file("request.json", &request(2));
    bench.run(&["run", "request.json", "--approver", "dpo@example.com"]).exits(0);
    let folder = bench.evidence();
    let said = bench.run(&["verify", folder.to_str().unwrap()]).exits(0).stdout;
    for line in
        ["approved  by dpo@example.com at 20", ", in us-east-1 as the request says", "chunks  2 chunks: 2 verified"]
    {
        assert!(said.contains(line), "{line}: {said}");
    }
    assert!(
        said.contains("     ran  from 20") && said.contains(" deleted  ") && said.contains("    left  0\n"),
        "{said}"
    );
    // Only a digest may be longer.
    assert!(said.lines().all(|line| line.chars().count() <= 80 || line.contains("sha256:")), "{said}");
    // A manifest may come from anywhere, so it must not control the terminal.
    edit(&folder, "manifest.json", |t| t.replacen("\"runId\": \"run", "\"runId\": \"\\u001b[2J\\r\\nrun", 1));
    let said = bench.run(&["verify", folder.to_str().unwrap()]).exits(5).stdout;
    assert!(said.contains("\\u{1b}[2J\\r\\nrun") && !said.contains('\u{1b}') && !said.contains('\r'), "{said}");
}

#[test]
fn a_folder_of_somebody_else_is_not_replaced() {
    let bench = Bench::new();
    bench.file("request.json", &request(1));
    fs::create_dir(bench.path("mine")).unwrap();
    fs::write(bench.path("mine/thesis.txt"), "years of work").unwrap();
    let ran = bench.run(&["run", "request.json", "--evidence", "mine"]).exits(2);
    assert!(ran.stderr.contains("thesis.txt"), "{}", ran.stderr);
    fs::write(bench.path("file"), "").unwrap();
    for folder in [".", "..", "/", "file", "file/below"] {
        bench.run(&["run", "request.json", "--evidence", folder]).exits(2);
    }
    assert!(bench.path("mine/thesis.txt").exists());
    assert!(!bench.path("genesys-purge-data/simulated").exists(), "something was sent");
    bench.run(&["run", "request.json", "--evidence", "proof"]).exits(0);
    bench.run(&["verify", "proof"]).exits(0);
    // Files that a desktop leaves behind do not count.
    fs::write(bench.path("proof/.DS_Store"), "x").unwrap();
    bench.run(&["run", "request.json", "--evidence", "proof"]).exits(0);
}

#[test]
fn a_folder_replaced_as_a_whole_has_another_manifest() {
    let bench = Bench::new();
    bench.file("request.json", &request(1));
    bench.run(&["run", "request.json"]).exits(0);
    let evidence = bench.evidence();
    let folder = evidence.to_str().unwrap();
    let verdict = bench.run(&["verify", folder, "--json"]).exits(0);
    let verdict: Value = serde_json::from_str(&verdict.stdout).unwrap();
    let kept = verdict["evidenceDigest"].as_str().unwrap();
    bench.run(&["verify", folder, "--manifest", kept]).exits(0);
    // The digest as `sha256sum` prints it.
    bench.run(&["verify", folder, "--manifest", &kept.replace("sha256:", "").to_uppercase()]).exits(0);
    bench.run(&["verify", folder, "--manifest", &format!("{}  manifest.json", kept.replace("sha256:", ""))]).exits(0);
    for malformed in [
        "",
        "sha256:",
        &kept.replacen('0', "", 1).replacen('1', "", 1),
        &format!("{kept}0"),
        &kept.replace("256", "512"),
    ] {
        bench.run(&["verify", folder, "--manifest", malformed]).exits(2);
    }
    // Nothing else in the folder says at what time of day the plan was made.
    change_and_rehash(&evidence, "plan.json", |plan| {
        let mut plan: Value = serde_json::from_str(&plan).unwrap();
        let at = plan["plannedAt"].as_str().unwrap().split('T').next().unwrap().to_owned();
        plan["plannedAt"] = (at + "T00:00:00.000Z").into();
        plan.to_string()
    });
    bench.run(&["verify", folder]).exits(0);
    assert!(bench.run(&["verify", folder, "--manifest", kept]).exits(5).stdout.contains("BROKEN  manifest"));
}

#[test]
fn a_damaged_manifest_is_no_bad_input() {
    let bench = Bench::new();
    bench.file("request.json", &request(1));
    bench.run(&["run", "request.json"]).exits(0);
    let evidence = bench.evidence();
    let folder = evidence.to_str().unwrap();
    edit(&evidence, "manifest.json", |t| cut_last(&t));
    assert!(bench.run(&["verify", folder]).exits(5).stderr.contains("evidence.manifest"));
    fs::remove_file(evidence.join("manifest.json")).unwrap();
    assert!(bench.run(&["verify", folder]).exits(5).stderr.contains("evidence.manifest"));
    assert!(bench.run(&["verify", "."]).exits(2).stderr.contains("evidence.none"));
}

#[test]
fn evidence_whose_ledger_is_lost_is_not_replaced() {
    let bench = Bench::new();
    bench.file("request.json", &request(1));
    bench.run(&["run", "request.json"]).exits(0);
    let before = fs::read_to_string(bench.evidence().join("manifest.json")).unwrap();
    for name in ["ledger.sqlite3", "ledger.sqlite3-wal", "ledger.sqlite3-shm"] {
        let _ = fs::remove_file(bench.path("genesys-purge-data").join(name));
    }
    assert!(bench.run(&["run", "request.json"]).exits(2).stderr.contains("evidence.earlier"));
    assert_eq!(fs::read_to_string(bench.evidence().join("manifest.json")).unwrap(), before);
}

#[test]
fn what_a_ledger_that_is_lost_has_submitted_is_not_submitted_again_where_there_is_no_evidence_yet() {
    let bench = Bench::new();
    bench.file("request.json", &request(3));
    // A command that is refused before the run is created leaves nothing behind that would count.
    bench.run(&["run", "request.json", "--approve", &format!("sha256:{}", "0".repeat(64))]).exits(7);
    assert!(!bench.path("genesys-purge-data/locks").exists());
    let args = ["run", "request.json", "--concurrency", "1", "--json"];
    let verified = |event: &Value| event["event"] == "chunk" && event["outcome"] == "verified";
    let mut child = start_until(bench.command(&args), verified);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(fs::read_dir(bench.path("genesys-purge-data/evidence")).unwrap().count(), 0);
    bench.copy_ledger("genesys-purge-data", "copy");
    let submitted = bench.submits().len();

    fs::create_dir(bench.path("nothing")).unwrap();
    bench.copy_ledger("nothing", "genesys-purge-data");
    let problem = bench.run(&args).exits(2).events().pop().unwrap();
    assert_eq!(problem["code"], "ledger.forgotten", "{problem}");
    assert_eq!(bench.submits().len(), submitted);
    let lock = problem["pointer"].as_str().unwrap();
    assert!(problem["help"].as_str().unwrap().contains(lock) && bench.path(lock).exists(), "{problem}");

    bench.copy_ledger("copy", "genesys-purge-data");
    assert_eq!(bench.run(&args).exits(0).report()["totals"]["submits"], 3);
    // A user who has looked and is sure can begin anew.
    bench.copy_ledger("nothing", "genesys-purge-data");
    fs::remove_dir_all(bench.path("genesys-purge-data/evidence")).unwrap();
    fs::remove_file(bench.path(lock)).unwrap();
    bench.run(&args).exits(0);
}

#[test]
fn a_clock_that_was_ahead_when_the_run_began_leaves_it_not_without_evidence() {
    let bench = Bench::new();
    let server = Server::start(&bench, &["--job-seconds", "0"]);
    bench.file("request.json", &request(2));
    let planned = bench.run(&["plan", "request.json", "--json"]).exits(0);
    let plan: Value = serde_json::from_str(&planned.stdout).unwrap();
    let digest = plan["planDigest"].as_str().unwrap();
    let args = ["run", "request.json", "--approve", digest, "--tenant-jurisdiction", "us-east-1"];
    let mut command = at(bench.command(&args), &server.address);
    Ran::of(command.env("GENESYS_CLIENT_SECRET", "wrong").output().unwrap()).exits(2);
    // A clock that was two days ahead would have entered these times.
    let ledger = rusqlite::Connection::open(bench.path("genesys-purge-data/ledger.sqlite3")).unwrap();
    let (order, plan): (String, String) =
        ledger.query_row("select order_json, plan_file from runs", [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let later = |text: &str, field: &str| {
        let value: Value = serde_json::from_str(text).unwrap();
        let at = value[field].as_str().unwrap();
        text.replacen(at, &Timestamp::parse(at).unwrap().plus_days(2).to_string(), 1)
    };
    let ahead = "update runs set order_json = ?1, plan_file = ?2, created_at = created_at + 2 * 86400000";
    assert_eq!(ledger.execute(ahead, [later(&order, "approvedAt"), later(&plan, "plannedAt")]).unwrap(), 1);
    drop(ledger);

    bench.run_at(&server.address, &args).exits(0);
    bench.run_at(&server.address, &["retry", "run-"]).exits(0);
    bench.run(&["verify", bench.evidence().to_str().unwrap()]).exits(0);
}

#[test]
fn a_ledger_that_is_older_than_its_evidence_goes_no_further() {
    let bench = Bench::new();
    bench.file("request.json", &request(3));
    bench.file("policy.json", &json!({ "version": 1, "limits": { "confirmSubmitSeconds": 2 } }));
    let args = ["run", "request.json", "--policy", "policy.json", "--concurrency", "1", "--json"];
    let verified = |event: &Value| event["event"] == "chunk" && event["outcome"] == "verified";
    let mut child = start_until(bench.command(&args), verified);
    signal(&child, "TERM");
    assert_eq!(child.wait().unwrap().code(), Some(75));
    bench.copy_ledger("genesys-purge-data", "copy");
    bench.run(&args).exits(0);
    let state = || (fs::read(bench.evidence().join("manifest.json")).unwrap(), bench.submits().len());
    let before = state();

    bench.copy_ledger("copy", "genesys-purge-data");
    for args in [&args[..], &["retry", "run-", "--json"], &["retry", "run-", "--evidence", "elsewhere", "--json"]] {
        let problem = bench.run(args).exits(5).events().pop().unwrap();
        assert_eq!(problem["code"], "evidence.ahead", "{problem}");
        assert!(problem["message"].as_str().unwrap().contains("is missing in the ledger"), "{problem}");
        assert_eq!(state(), before, "{args:?}");
    }
    assert!(!bench.path("elsewhere").exists());

    // Without the evidence the older ledger cannot be recognised. Once the evidence is back, it is not replaced, whatever has
    // happened meanwhile.
    let (place, kept) = (bench.evidence(), bench.path("kept"));
    fs::rename(&place, &kept).unwrap();
    let mut child = bench.command(&args[..6]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut told = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(told.any(|line| line.contains("deleting")));
    fs::rename(&kept, &place).unwrap();
    let rest: Vec<String> = told.collect();
    let ran = Ran::of(child.wait_with_output().unwrap()).exits(5);
    assert!(rest.iter().any(|line| line.contains("evidence.ahead")), "{rest:?}");
    assert!(ran.stdout.contains("3 verified") && ran.stdout.contains("was not written"), "{}", ran.stdout);
    assert_eq!(state().0, before.0);
    let problem = bench.run(&args).exits(5).events().pop().unwrap();
    assert!(problem["message"].as_str().unwrap().contains("in the ledger"), "{problem}");
}

/// The process dies between the two renames that replace a folder.
#[test]
fn evidence_that_a_kill_left_beside_its_place_counts_as_if_it_were_there() {
    let bench = Bench::new();
    bench.file("request.json", &request(3));
    let args = ["run", "request.json", "--concurrency", "1", "--json"];
    let verified = |event: &Value| event["event"] == "chunk" && event["outcome"] == "verified";
    let mut child = start_until(bench.command(&args), verified);
    signal(&child, "TERM");
    assert_eq!(child.wait().unwrap().code(), Some(75));
    bench.copy_ledger("genesys-purge-data", "older");
    bench.run(&args).exits(0);
    bench.copy_ledger("genesys-purge-data", "newer");
    let place = bench.evidence();
    let name = format!(".{}.old", place.file_name().unwrap().to_str().unwrap());
    let left = place.with_file_name(&name);
    fs::rename(&place, &left).unwrap();
    let state = || (fs::read(left.join("manifest.json")).unwrap(), bench.submits().len(), place.exists());
    let before = state();

    let ran = bench.run(&["verify", place.to_str().unwrap()]).exits(2);
    assert!(ran.stderr.contains(left.to_str().unwrap()), "{}", ran.stderr);
    bench.copy_ledger("older", "genesys-purge-data");
    for args in [&args[..], &["retry", "run-", "--json"], &["retry", "run-", "--evidence", "elsewhere", "--json"]] {
        let problem = bench.run(args).exits(5).events().pop().unwrap();
        assert_eq!(problem["code"], "evidence.ahead", "{problem}");
        assert!(problem["message"].as_str().unwrap().contains(&name), "{problem}");
        assert_eq!(state(), before, "{args:?}");
    }
    bench.copy_ledger("nowhere", "genesys-purge-data");
    assert_eq!(bench.run(&args).exits(2).events().pop().unwrap()["code"], "evidence.earlier");
    bench.file("other.json", &request(1));
    let ran = bench.run(&["run", "other.json", "--evidence", place.to_str().unwrap()]).exits(2);
    assert!(ran.stderr.contains("holds the evidence of run"), "{}", ran.stderr);
    assert_eq!(state(), before);

    bench.copy_ledger("newer", "genesys-purge-data");
    bench.run(&args).exits(0);
    bench.run(&["verify", place.to_str().unwrap()]).exits(0);
    assert!(!left.exists());
}

#[test]
fn evidence_stays_where_it_was_said_to_be_and_is_never_that_of_another_run() {
    let bench = Bench::new();
    bench.file("request.json", &request(2));
    bench.file("other.json", &request(1));
    let refusing = json!({ "faults": [{ "on": "submit", "nth": [1], "do": { "kind": "error", "status": 400 } }] });
    bench.file("refusing.json", &refusing);
    let first = ["run", "request.json", "--scenario", "refusing.json"];
    let ran = bench.run(&[&first[..], &["--evidence", "proof"]].concat()).exits(4);
    assert!(ran.stderr.contains(" --evidence proof` tries these chunks again"), "{}", ran.stderr);
    let run = bench.run(&["status", "--json"]).events()[0]["runId"].as_str().unwrap().to_owned();
    let proof = bench.path("proof").canonicalize().unwrap().display().to_string();
    assert!(bench.run(&["status", &run]).exits(0).stdout.contains(&proof));
    let manifest = || fs::read(bench.path("proof/manifest.json")).unwrap();
    let before = manifest();
    bench.run(&["retry", &run]).exits(0);
    assert_ne!(manifest(), before);
    let before = manifest();
    fs::remove_dir_all(bench.path("proof")).unwrap();
    bench.run(&first).exits(0);
    assert_eq!(manifest(), before, "given again, the command writes it there");
    assert!(!bench.path("genesys-purge-data/evidence").exists());

    bench.run(&["run", "other.json"]).exits(0);
    let runs = bench.run(&["status", "--json"]).events();
    let other = runs.iter().map(|run| run["runId"].as_str().unwrap()).find(|id| *id != run).unwrap();
    for args in [&["run", "other.json", "--evidence", "proof"], &["retry", other, "--evidence", "proof"]] {
        let ran = bench.run(args).exits(2);
        assert!(ran.stderr.contains(&format!("holds the evidence of run `{run}`")), "{}", ran.stderr);
    }
    assert_eq!(manifest(), before);
    assert!(bench.run(&["status", other]).exits(0).stdout.contains(&format!("genesys-purge-data/evidence/{other}")));
}

#[test]
fn a_damaged_ledger_gives_nobody_a_proof() {
    let bench = Bench::new();
    bench.file("request.json", &request(1));
    bench.run(&["run", "request.json", "--approver", "dpo@example.com"]).exits(0);
    bench.run(&["run", "request.json"]).exits(0);
    // Change a record as somebody with a database tool would.
    let ledger = rusqlite::Connection::open(bench.path("genesys-purge-data/ledger.sqlite3")).unwrap();
    let other = "update runs set order_json = replace(order_json, 'dpo@example.com', 'cfo@example.com')";
    assert_eq!(ledger.execute(other, []).unwrap(), 1);
    drop(ledger);
    let ran = bench.run(&["run", "request.json"]).exits(5);
    assert!(
        ran.stderr.contains("evidence.broken") && ran.stderr.contains("approved by `dpo@example.com`"),
        "{}",
        ran.stderr
    );
    // The evidence is there, and the same command would not improve it.
    assert!(ran.stdout.contains("does not hold") && !ran.stdout.contains("could not be written"), "{}", ran.stdout);
    bench.run(&["verify", bench.evidence().to_str().unwrap()]).exits(5);
}
