//! `cancel`, the kill switch: it stops a run at once, and leads it to its end where nobody else does.

#![cfg(test)]

mod common;

use std::fs::{self, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use common::{Bench, Ran, Server, at, request, signal, start_until};

/// Writes the policy of a bench, with these holds.
fn policy_with(bench: &Bench, holds: &Value) {
    bench.file("policy.json", &json!({ "version": 1, "holds": holds, "limits": { "concurrency": 1 } }));
}

/// Plans three chunks into `plan.json`, and returns the digest.
fn plan(bench: &Bench) -> String {
    bench.file("request.json", &request(3));
    policy_with(bench, &json!([]));
    bench.run(&["plan", "request.json", "--policy", "policy.json", "--out", "plan.json"]).exits(0);
    let plan: Value = serde_json::from_str(&fs::read_to_string(bench.path("plan.json")).unwrap()).unwrap();
    plan["planDigest"].as_str().unwrap().to_owned()
}

fn interrupted(child: Child) -> Ran {
    signal(&child, "INT");
    Ran::of(child.wait_with_output().unwrap())
}

/// Carries the document out until its second chunk is submitted, and returns the id of the run.
fn stopped_in_chunk_2(bench: &Bench, server: &Server, document: &str, digest: &str) -> String {
    let args = ["run", document, "--policy", "policy.json", "--approve", digest, "--json"];
    let region = ["--tenant-jurisdiction", "us-east-1"];
    let command = at(bench.command(&[&args[..], &region].concat()), &server.address);
    let child =
        start_until(command, |event| event["event"] == "chunk" && event["index"] == 2 && event["state"] == "deleting");
    interrupted(child).exits(75);
    status(bench)["runId"].as_str().unwrap().to_owned()
}

fn status(bench: &Bench) -> Value {
    bench.run(&["status", "--json"]).exits(0).events().remove(0)
}

fn outcomes(report: &Value) -> Vec<&str> {
    report["chunks"].as_array().unwrap().iter().map(|chunk| chunk["outcome"].as_str().unwrap()).collect()
}

/// The hold refuses the run's own command, whether it names the plan or the request.
#[test]
fn a_run_that_a_new_hold_stops_is_led_to_its_end_by_cancel() {
    for (document, code) in [("plan.json", 3), ("request.json", 7)] {
        let bench = Bench::new();
        let server = Server::start(&bench, &["--job-seconds", "4"]);
        let digest = plan(&bench);
        let run = stopped_in_chunk_2(&bench, &server, document, &digest);
        let cancel = format!("`genesys-purge cancel {run}`");
        let range = json!({ "start": "2023-01-22T00:00:00Z", "end": "2023-01-23T00:00:00Z" });
        policy_with(&bench, &json!([{ "id": "matter-7", "range": range }]));
        let own = ["run", document, "--policy", "policy.json", "--approve", &digest];
        let own = [&own[..], &["--tenant-jurisdiction", "us-east-1"]].concat();
        let refused = bench.run_at(&server.address, &own).exits(code).stderr;
        assert!(refused.contains(&cancel) && !refused.contains("its own command"), "{refused}");
        assert!(!refused.contains("nothing was sent"), "{refused}");

        // Without the settings it is cancelled all the same, and what is missing is named.
        let noted = bench.run(&["cancel", &run]).exits(0);
        assert!(noted.stdout.contains("will not submit anything more"), "{}", noted.stdout);
        assert!(noted.stderr.contains(&cancel) && noted.stderr.contains(&server.address), "{}", noted.stderr);
        let told = status(&bench);
        assert!(told["cancelAsked"].is_string());
        // The account gives its name where nobody else is named.
        assert_eq!(told["cancelAskedBy"], whoami::username().unwrap());

        let args = ["cancel", "run-", "--by", "Ann Example", "--json"];
        let report = bench.run_at(&server.address, &args).exits(6).report();
        assert_eq!(outcomes(&report), ["verified", "verified", "cancelled"]);
        assert_eq!(report["totals"]["submits"], 2);
        bench.run(&["verify", bench.evidence().to_str().unwrap()]).exits(0);
        assert_eq!(bench.asked_for("cancel_asked"), ["Ann Example", "Ann Example"], "the two chunks that were open");
        let shown = bench.run(&["status", "run-"]).exits(0).stdout;
        assert!(shown.contains("cancelled  by Ann Example at 2"), "{shown}");
        let again = bench.run(&["cancel", "run-"]).exits(0);
        assert!(again.stdout.contains("there is nothing to cancel"), "{}", again.stdout);
    }
}

/// `retry` would take the cancel back.
#[test]
fn a_cancel_that_is_interrupted_goes_on_by_the_same_command_and_names_no_retry() {
    let bench = Bench::new();
    let server = Server::start(&bench, &["--job-seconds", "4"]);
    let digest = plan(&bench);
    stopped_in_chunk_2(&bench, &server, "plan.json", &digest);
    let mut command = at(bench.command(&["cancel", "run-"]), &server.address);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut told = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(told.any(|line| line.contains("chunk 2/3") && !line.contains("verified")));
    signal(&child, "INT");
    let rest: Vec<String> = told.collect();
    Ran::of(child.wait_with_output().unwrap()).exits(75);
    let last = rest.iter().find(|line| line.contains("the same command continues from here")).unwrap();
    assert!(!last.contains("retry"), "{last}");
    bench.run_at(&server.address, &["cancel", "run-"]).exits(6);
}

#[test]
fn settings_that_cannot_be_read_keep_no_run_from_being_cancelled_and_are_named() {
    let bench = Bench::new();
    let server = Server::start(&bench, &["--job-seconds", "4"]);
    let digest = plan(&bench);
    let run = stopped_in_chunk_2(&bench, &server, "plan.json", &digest);
    let mut command = at(bench.command(&["cancel", "run-", "--json"]), &server.address);
    let noted = Ran::of(command.env("GENESYS_REGION", "nowhere").output().unwrap()).exits(0);
    let codes: Vec<Value> = noted.events().iter().map(|event| event["code"].clone()).collect();
    assert_eq!(codes, [Value::Null, json!("settings.region"), json!("cancel.open")]);
    let last = noted.events().pop().unwrap();
    assert!(last["help"].as_str().unwrap().contains(&format!("`genesys-purge cancel {run}`")), "{last}");
    assert!(status(&bench)["cancelAsked"].is_string());
}

/// Until the lock of the run is its own, a retry may have taken the cancel back; and a cancel asks no policy about what it carries on.
#[test]
fn a_cancel_that_a_retry_took_back_meanwhile_stands_again_once_the_run_is_its_own() {
    let bench = Bench::new();
    let server = Server::start(&bench, &["--job-seconds", "4"]);
    let digest = plan(&bench);
    stopped_in_chunk_2(&bench, &server, "plan.json", &digest);
    // It notes the cancel, and then waits for whoever writes the secret.
    let secret = bench.path("secret");
    assert!(Command::new("mkfifo").arg(&secret).status().unwrap().success());
    let mut command = at(bench.command(&["cancel", "run-", "--json"]), &server.address);
    command.env_remove("GENESYS_CLIENT_SECRET").env("GENESYS_CLIENT_SECRET_FILE", &secret);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut secret = OpenOptions::new().write(true).open(&secret).unwrap();
    assert!(status(&bench)["cancelAsked"].is_string());
    let ledger = rusqlite::Connection::open(bench.path("genesys-purge-data/ledger.sqlite3")).unwrap();
    assert_eq!(ledger.execute("update runs set cancel_asked = null", []).unwrap(), 1);
    secret.write_all(b"sim").unwrap();
    drop(secret);
    let report = Ran::of(child.wait_with_output().unwrap()).exits(6).report();
    assert_eq!(outcomes(&report), ["verified", "verified", "cancelled"]);
}
