//! Input that is refused before anything is sent.

#![cfg(test)]

mod common;

use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use common::{Bench, Ran, Server, SilentServer, request};
use serde_json::{Value, json};

type Settings<'a> = &'a [(&'a str, &'a str)];

#[test]
fn bad_settings_are_all_named_and_nothing_is_sent() {
    let bench = Bench::new();
    let nobody = SilentServer::start();
    bench.file("request.json", &request(1));
    let table: [(Settings<'_>, &[&str]); 7] = [
        (&[("GENESYS_CLIENT_ID", "x")], &["GENESYS_BASE_URL", "GENESYS_CLIENT_SECRET"]),
        (&[("GENESYS_BASE_URL", &nobody.address)], &["GENESYS_CLIENT_ID", "GENESYS_CLIENT_SECRET"]),
        (&[("GENESYS_CLIENT_SECRET", "")], &["settings.empty"]),
        (
            &[("GENESYS_REGION", "mars"), ("GENESYS_CLIENT_ID", "x"), ("GENESYS_CLIENT_SECRET", "y")],
            &["settings.region"],
        ),
        (
            &[
                ("GENESYS_BASE_URL", "http://api.mypurecloud.com"),
                ("GENESYS_CLIENT_ID", "x"),
                ("GENESYS_CLIENT_SECRET", "y"),
                ("GOVERNANCE_WEBHOOK_URL", "https://hook.example.com/\u{1}"),
            ],
            &["GENESYS_BASE_URL", "GOVERNANCE_WEBHOOK_URL"],
        ),
        (&[("DATA_JURISDICTION", "mars")], &["settings.jurisdiction"]),
        (&[("DATA_JURISDICTION", "eu-west-1")], &["jurisdiction.conflict"]),
    ];
    for (settings, named) in table {
        let ran = Ran::of(bench.command(&["run", "request.json"]).envs(settings.iter().copied()).output().unwrap());
        let ran = ran.exits(2);
        for name in named {
            assert!(ran.stderr.contains(name), "{settings:?}: {}", ran.stderr);
        }
        assert!(!bench.path("genesys-purge-data").exists(), "{settings:?}");
    }
    assert_eq!(nobody.visits(), 0);
}

#[test]
fn bad_requests_are_refused_with_the_right_code() {
    let bench = Bench::new();
    let with = |change: &dyn Fn(&mut Value)| {
        let mut value = request(1);
        change(&mut value);
        value
    };
    let hold = json!({ "version": 1, "holds": [{ "id": "H1" }] });
    let none = json!({ "version": 1 });
    let table = [
        (with(&|r| r["range"] = json!({ "start": "2023-02-01T00:00:00Z", "end": "2023-01-01T00:00:00Z" })), &none, 2),
        (with(&|r| r["recordTypes"] = json!(["conversatoin"])), &none, 2),
        (with(&|r| r["recordTypes"] = json!([])), &none, 2),
        (with(&|r| r["jurisdiction"] = json!("mars")), &none, 2),
        (with(&|r| r["chunking"] = json!({ "days": 0 })), &none, 2),
        (with(&|r| r["extra"] = json!(1)), &none, 2),
        // A requester without a visible name, from whom no second person could differ.
        (with(&|r| r["requestedBy"] = json!("\u{200b}")), &none, 2),
        (with(&|r| r["reason"] = json!("rou\u{ad}tine")), &none, 2),
        (with(&|r| r["name"] = json!("a\u{2060}b")), &none, 2),
        (with(&|r| r["retentionOverride"] = json!({ "reason": "x", "approver": "\u{3164}" })), &none, 2),
        (request(1), &hold, 3),
    ];
    for (request, policy, code) in table {
        bench.file("request.json", &request);
        bench.file("policy.json", policy);
        let args = ["run", "request.json", "--policy", "policy.json"];
        let ran = bench.run(&args).exits(code);
        assert!(ran.stderr.contains("this command has sent nothing"), "{}", ran.stderr);
        let planned = bench.run(&["plan", "request.json", "--policy", "policy.json", "--json"]).exits(code);
        let document: Value = serde_json::from_str(&planned.stdout).unwrap();
        assert_eq!(document["planDigest"], Value::Null);
        let events = bench.run(&["run", "request.json", "--policy", "policy.json", "--json"]).exits(code).events();
        assert_eq!((events.len(), &events[0]["event"]), (1, &json!("plan")));
    }
    fs::write(bench.path("request.json"), "{").unwrap();
    bench.run(&["run", "request.json"]).exits(2);
    bench.run(&["run", "nowhere.json"]).exits(2);
    bench.run(&["run"]).exits(2);
}

#[test]
fn a_plan_for_a_tenant_of_unknown_place_says_that_it_will_be_refused() {
    let bench = Bench::new();
    let nobody = SilentServer::start();
    bench.file("request.json", &request(1));
    let plan = ["plan", "request.json", "--json"];
    let ran = bench.run_at(&nobody.address, &plan).exits(0);
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    let findings = document["findings"].as_array().unwrap();
    let unknown = findings.iter().find(|finding| finding["code"] == "jurisdiction.tenantUnknown").unwrap();
    assert_eq!(unknown["severity"], "warning");
    assert!(bench.run_at(&nobody.address, &plan[..2]).exits(0).stderr.contains("warning[jurisdiction.tenantUnknown]"));
    assert!(
        bench.run_at(&nobody.address, &["run", "request.json"]).exits(2).stderr.contains("jurisdiction.tenantUnknown")
    );
    let told = ["plan", "request.json", "--tenant-jurisdiction", "us-east-1"];
    assert!(!bench.run_at(&nobody.address, &told).exits(0).stderr.contains("tenantUnknown"));
    assert_eq!(nobody.visits(), 0);
}

#[test]
fn without_the_right_approval_nothing_is_sent() {
    let bench = Bench::new();
    let nobody = SilentServer::start();
    bench.file("request.json", &request(1));
    bench.file("two.json", &json!({ "version": 1, "limits": { "secondPerson": true } }));
    let planned = bench.run(&["plan", "request.json", "--json"]).exits(0);
    let plan: Value = serde_json::from_str(&planned.stdout).unwrap();
    let digest = plan["planDigest"].as_str().unwrap();
    let code = plan["shortCode"].as_str().unwrap();
    let planned = bench.run(&["plan", "request.json", "--policy", "two.json", "--json"]).exits(0);
    let plan: Value = serde_json::from_str(&planned.stdout).unwrap();
    let two = plan["planDigest"].as_str().unwrap();
    let wrong = format!("sha256:{}", "0".repeat(64));

    let table: [(&[&str], &str); 6] = [
        (&[], "approval.missing"),
        (&["--approve", code], "approval.mismatch"),
        (&["--approve", &wrong], "approval.mismatch"),
        (&["--policy", "two.json", "--approve", digest, "--approver", "dpo@example.com"], "approval.mismatch"),
        (&["--policy", "two.json", "--approve", two], "approval.nobody"),
        (&["--policy", "two.json", "--approve", two, "--approver", "Records@example.com"], "approval.samePerson"),
    ];
    for (args, code) in table {
        let args = [&["run", "request.json", "--tenant-jurisdiction", "us-east-1"], args].concat();
        let ran = bench.run_at(&nobody.address, &args).exits(7);
        assert!(ran.stderr.contains(code), "{args:?}: {}", ran.stderr);
    }
    // A wrong digest is refused on the simulated tenant, too.
    bench.run(&["run", "request.json", "--approve", &wrong]).exits(7);
    // It must be known where the tenant lies, and it must be where the request says.
    let unknown = bench.run_at(&nobody.address, &["run", "request.json", "--approve", digest]).exits(2);
    assert!(unknown.stderr.contains("jurisdiction.tenantUnknown"), "{}", unknown.stderr);
    let args = ["run", "request.json", "--approve", digest, "--tenant-jurisdiction", "eu-west-1"];
    bench.run_at(&nobody.address, &args).exits(3);
    assert_eq!(nobody.visits(), 0);
    assert!(bench.run(&["status", "--json"]).exits(0).stdout.is_empty());

    let server = Server::start(&bench, &["--job-seconds", "0"]);
    let args = [
        "run",
        "request.json",
        "--policy",
        "two.json",
        "--approve",
        two,
        "--approver",
        "dpo@example.com",
        "--tenant-jurisdiction",
        "us-east-1",
    ];
    bench.run_at(&server.address, &args).exits(0);
}

#[test]
fn wrong_credentials_are_refused_before_anything_is_begun_and_right_ones_go_on() {
    let bench = Bench::new();
    let server = Server::start(&bench, &["--job-seconds", "0"]);
    bench.file("request.json", &request(2));
    let planned = bench.run(&["plan", "request.json", "--json"]).exits(0);
    let plan: Value = serde_json::from_str(&planned.stdout).unwrap();
    let digest = plan["planDigest"].as_str().unwrap();
    let args = ["run", "request.json", "--approve", digest, "--tenant-jurisdiction", "us-east-1", "--json"];
    let mut command = common::at(bench.command(&args), &server.address);
    let refused = Ran::of(command.env("GENESYS_CLIENT_SECRET", "wrong").output().unwrap()).exits(2);
    let problem = refused.events().pop().unwrap();
    assert_eq!((&problem["event"], &problem["code"]), (&json!("problem"), &json!("login.invalid_client")));
    assert_eq!(bench.run_at(&server.address, &args).exits(0).report()["totals"]["submits"], 2);
}

#[test]
fn commands_about_runs_need_a_ledger_and_a_run() {
    let bench = Bench::new();
    for args in [&["cancel", "run-1"][..], &["retry", "run-1"], &["status", "run-1"]] {
        bench.run(args).exits(2);
    }
    bench.run(&["status"]).exits(0);
    let elsewhere = bench.run(&["status", "--ledger", "mistyped", "--json"]).exits(2);
    assert_eq!(elsewhere.events()[0]["code"], "ledger.missing");
    bench.run(&["verify", "."]).exits(2);
    bench.file("request.json", &request(1));
    bench.run(&["run", "request.json"]).exits(0);
    bench.run(&["status", "zzz"]).exits(2);
    bench.run(&["retry", "run-", "--chunk", "9"]).exits(2);
    bench.run(&["status", "run-"]).exits(0);
}

#[test]
fn an_empty_name_is_no_run() {
    let bench = Bench::new();
    bench.file("request.json", &request(1));
    bench.run(&["run", "request.json"]).exits(0);
    for verb in ["cancel", "retry", "status"] {
        assert!(bench.run(&[verb, ""]).exits(2).stderr.contains("run.unknown"), "{verb}");
    }
}

#[test]
fn files_are_read_as_editors_write_them_and_never_without_end() {
    let bench = Bench::new();
    let text = serde_json::to_string(&request(1)).unwrap();
    std::fs::write(bench.path("marked.json"), format!("\u{feff}{text}")).unwrap();
    bench.run(&["plan", "marked.json"]).exits(0);
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).chain([0xff, 0xfe]).collect();
    std::fs::write(bench.path("utf16.json"), utf16).unwrap();
    assert!(bench.run(&["plan", "utf16.json"]).exits(2).stderr.contains("file.notText"));
    assert!(bench.run(&["plan", "/dev/zero"]).exits(2).stderr.contains("file.tooLarge"));
}

#[test]
fn a_policy_that_could_not_be_read_again_is_no_policy_of_a_run() {
    let bench = Bench::new();
    bench.file("request.json", &request(1));
    for policy in ["-", "/dev/stdin", "."] {
        let mut command = bench.command(&["run", "request.json", "--policy", policy]);
        let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        // The command may have refused before reading this.
        let _ = child.stdin.take().unwrap().write_all(b"{\"version\": 1}");
        let ran = Ran::of(child.wait_with_output().unwrap()).exits(2);
        assert!(ran.stderr.contains("policy.readOnce"), "{policy}: {}", ran.stderr);
    }
    assert!(bench.run(&["plan", "-", "--policy", "-"]).exits(2).stderr.contains("file.twice"));
}

#[test]
fn a_scenario_is_read_as_strictly_as_a_request() {
    let bench = Bench::new();
    bench.file("request.json", &request(1));
    for (text, says) in [
        (r#"{"seed": 1, "seed": 2}"#, "repeated"),
        (r#"{"population": {"everySeconds": 0}}"#, "at least 1"),
        (r#"{"population": {"from": "2023-02-01T00:00:00Z", "to": "2023-01-01T00:00:00Z"}}"#, "must lie after"),
        (r#"{"sead": 1}"#, "unknown field `sead`"),
    ] {
        std::fs::write(bench.path("scenario.json"), text).unwrap();
        let ran = bench.run(&["run", "request.json", "--scenario", "scenario.json"]).exits(2);
        assert!(ran.stderr.contains(says), "{text}: {}", ran.stderr);
    }
}

#[test]
fn whoever_goes_on_with_a_run_does_not_become_its_approver() {
    let bench = Bench::new();
    bench.file("request.json", &request(1));
    bench.run(&["run", "request.json", "--approver", "dpo@example.com"]).exits(0);
    let again = bench.run(&["run", "request.json", "--approver", "somebody@example.com", "--json"]).exits(0);
    assert!(again.events().iter().any(|event| event["code"] == "approval.earlier"), "{}", again.stdout);
    let same = bench.run(&["run", "request.json", "--approver", "dpo@example.com"]).exits(0);
    assert!(!same.stderr.contains("approval.earlier"), "{}", same.stderr);
}

/// Nothing was under way, so nothing is lost, and the same command would fail again.
#[test]
fn a_tenant_whose_port_is_taken_asks_for_another() {
    let bench = Bench::new();
    let taken = Server::start(&bench, &[]);
    let address = taken.address.trim_start_matches("http://");
    let refused = bench.run(&["tenant", "--listen", address]).exits(2).stderr;
    assert!(refused.contains("error[tenant.listen]") && refused.contains("port 0"), "{refused}");
    assert!(!refused.contains("the same command"), "{refused}");
}
