//! What stands between an approval and a deletion at every way in, and what must not be printed on the way out.

#![cfg(test)]

mod common;

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use common::{Bench, Ran, request};
use serde_json::{Value, json};

/// A hold on ten days from the first of January 2023, or of February.
fn hold(month: u32) -> Value {
    let range = json!({ "start": format!("2023-0{month}-01T00:00:00Z"), "end": format!("2023-0{month}-11T00:00:00Z") });
    json!({ "version": 1, "holds": [{ "id": "case-7", "range": range }] })
}

/// A scenario file in which the second submit is refused.
fn scenario_refusing_second_submit(bench: &Bench, seconds: u32) -> String {
    let scenario = json!({
        "dataDeletion": { "processingSeconds": seconds },
        "faults": [{ "on": "submit", "nth": [2], "do": { "kind": "error", "status": 400 } }],
    });
    bench.file("refusing.json", &scenario).to_str().unwrap().to_owned()
}

fn status(bench: &Bench) -> Value {
    bench.run(&["status", "--json"]).exits(0).events()[0].clone()
}

/// The chunks of the only run that ended with that outcome.
fn chunks_ended(bench: &Bench, outcome: &str) -> Vec<String> {
    let run = status(bench)["runId"].as_str().unwrap().to_owned();
    let events = bench.run(&["status", &run, "--json"]).exits(0).events();
    events.iter().filter(|e| e["outcome"] == outcome).map(|e| e["index"].to_string()).collect()
}

/// The approver of a plan is told what its record types do not say.
#[test]
fn a_plan_says_whether_screen_recordings_go_along() {
    let bench = Bench::new();
    let shown = |api: &str, types: Value| {
        let mut wanted = request(1);
        (wanted["api"], wanted["recordTypes"]) = (json!(api), types);
        bench.file("request.json", &wanted);
        let ran = bench.run(&["plan", "request.json"]).exits(0);
        (ran.stdout + &ran.stderr).split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let with = shown("recordingJobs", json!(["conversation"]));
    assert!(with.contains("conversation through recordingJobs, with screen recordings"), "{with}");
    assert!(with.contains("transcripts of `conversation` records, with screen recordings"), "{with}");
    let without = shown("recordingJobs", json!(["recording", "interaction"]));
    assert!(without.contains("through recordingJobs, without screen recordings"), "{without}");
    assert!(without.contains("transcripts of `interaction` records, without screen recordings"), "{without}");
    assert!(!shown("dataDeletion", json!(["conversation"])).contains("screen recordings"));
}

/// The numbers of the last attempt alone are not those of the chunk.
#[test]
fn the_status_of_a_run_that_was_tried_again_says_what_its_report_says() {
    let bench = Bench::new();
    bench.file("request.json", &request(1));
    bench.file("policy.json", &json!({ "version": 1, "limits": { "verifySeconds": 1, "confirmSubmitSeconds": 1 } }));
    bench.file(
        "leaves.json",
        &json!({ "faults": [{ "on": "submit", "nth": [1], "do": { "kind": "leave", "records": 7 } }] }),
    );
    bench.run(&["run", "request.json", "--policy", "policy.json", "--scenario", "leaves.json"]).exits(5);
    let run = status(&bench)["runId"].as_str().unwrap().to_owned();
    let nobody = bench.run(&["retry", &run, "--by", " "]).exits(2).stderr;
    assert!(nobody.contains("asked.nobody") && nobody.contains("--by"), "{nobody}");
    let report = bench.run(&["retry", &run, "--by", "Ann Example", "--json"]).exits(0).report();
    assert_eq!(bench.asked_for("retried"), ["Ann Example"]);
    let (chunk, told) = (&report["chunks"][0], bench.run(&["status", &run, "--json"]).exits(0).events()[1].clone());
    assert!(chunk["recordsDeleted"].as_u64().unwrap() > 7, "{chunk}");
    for member in ["recordsDeleted", "before", "remaining", "submits", "outcome"] {
        assert_eq!(told[member], chunk[member], "{member}: {told}");
    }
    let deleted = chunk["recordsDeleted"].as_u64().unwrap();
    let grouped =
        if deleted >= 1000 { format!("{},{:03}", deleted / 1000, deleted % 1000) } else { deleted.to_string() };
    let shown = bench.run(&["status", &run]).exits(0).stdout;
    assert!(shown.lines().any(|line| line.contains("verified") && line.contains(&format!(" {grouped} "))), "{shown}");
}

#[test]
fn a_plan_file_meets_the_policy_that_applies_when_it_is_carried_out() {
    let bench = Bench::new();
    bench.file("request.json", &request(2));
    bench.file("then.json", &json!({ "version": 1 }));
    bench.file("now.json", &hold(1));
    bench.file("unrelated.json", &hold(2));
    bench.run(&["plan", "request.json", "--policy", "then.json", "--out", "plan.json"]).exits(0);
    let ran = bench.run(&["run", "plan.json", "--policy", "now.json"]).exits(3);
    for said in
        ["policy.keepsMore", "hold `case-7`", "now.json#/holds/0", "plan again", "this command has sent nothing"]
    {
        assert!(ran.stderr.contains(said), "{said}: {}", ran.stderr);
    }
    let looked = bench.run(&["plan", "plan.json", "--policy", "now.json", "--json"]).exits(3);
    assert_eq!(serde_json::from_str::<Value>(&looked.stdout).unwrap()["planDigest"], Value::Null);
    fs::write(bench.path("broken.json"), "{").unwrap();
    bench.run(&["run", "plan.json", "--policy", "broken.json"]).exits(2);
    assert!(bench.run(&["status", "--json"]).stdout.is_empty(), "no run came of it");
    let ran = bench.run(&["run", "plan.json", "--policy", "unrelated.json", "--json"]).exits(0);
    assert_eq!(ran.report()["outcome"], "verified");
    assert!(!ran.stdout.contains("policy.notInForce"), "{}", ran.stdout);
    // Without `--policy`, the user is told what that means.
    let ran = bench.run(&["run", "plan.json"]).exits(0);
    assert!(ran.stderr.contains("warning[policy.notInForce]"), "{}", ran.stderr);
}

#[test]
fn a_retry_meets_the_policy_that_applies_now() {
    let bench = Bench::new();
    bench.file("request.json", &request(2));
    let scenario = scenario_refusing_second_submit(&bench, 0);
    bench.file("made.json", &json!({ "version": 1 }));
    let args = ["run", "request.json", "--policy", "made.json", "--concurrency", "1", "--scenario", &scenario];
    let ran = bench.run(&args).exits(4);
    assert!(ran.stderr.contains(" --policy made.json` tries these chunks again"), "{}", ran.stderr);
    let rejected = chunks_ended(&bench, "rejected");
    assert_eq!(rejected, ["2"]);
    let submitted = bench.submits().len();
    let held = json!({ "start": "2023-01-15T00:00:00Z", "end": "2023-01-16T00:00:00Z" });
    bench.file("now.json", &json!({ "version": 1, "holds": [{ "id": "case-7", "range": held }] }));
    bench.file("past.json", &hold(1));
    let refused = bench.run(&["retry", "run-", "--policy", "now.json"]).exits(3);
    assert!(
        refused.stderr.contains("policy.keepsMore") && refused.stderr.contains("now.json#/holds/0"),
        "{}",
        refused.stderr
    );
    assert_eq!(bench.submits().len(), submitted);
    // Holds on what has been deleted already are no obstacle.
    let again = bench.run(&["retry", "run-", "--policy", "past.json"]).exits(0);
    assert!(!again.stderr.contains("policy.notInForce"), "{}", again.stderr);
    assert_eq!(bench.submits().len(), submitted + 1);
    let again = bench.run(&["retry", "run-", "--json"]).exits(0);
    assert_eq!(again.stderr, "");
    let warned = again.events().into_iter().find(|event| event["code"] == "policy.notInForce").unwrap();
    let digest = warned["message"].as_str().unwrap().split_once("under the policy of its plan, ").unwrap().1;
    let digest = digest.split(',').next().unwrap();
    let log = fs::read_to_string(bench.evidence().join("audit.jsonl")).unwrap();
    assert!(log.contains(&format!("; policy {digest}\"")), "{}", again.stderr);
}

#[test]
fn a_retry_of_one_chunk_takes_the_cancellation_of_the_others_not_back() {
    let bench = Bench::new();
    bench.file("request.json", &request(8));
    let scenario = scenario_refusing_second_submit(&bench, 2);
    let args = ["run", "request.json", "--concurrency", "3", "--scenario", &scenario];
    let mut child = bench.command(&args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let began = Instant::now();
    let rejected = loop {
        assert!(began.elapsed() < Duration::from_secs(60), "no chunk is rejected");
        std::thread::sleep(Duration::from_millis(50));
        let known = bench.run(&["status", "--json"]).stdout;
        if let Some(chunk) = (!known.is_empty()).then(|| chunks_ended(&bench, "rejected").pop()).flatten() {
            break chunk;
        }
    };
    child.kill().unwrap();
    child.wait().unwrap();
    // With the settings of another tenant the cancel stands, and the open chunks have to wait.
    let noted = bench.run_at("http://127.0.0.1:9", &["cancel", "run-"]).exits(0);
    assert!(noted.stderr.contains("with them, `genesys-purge cancel run-"), "{}", noted.stderr);
    let submitted = bench.submits().len();
    let refused = bench.run(&["retry", "run-", "--chunk", &rejected]).exits(2);
    assert!(refused.stderr.contains("run.cancelling"), "{}", refused.stderr);
    let refused = bench.run(&["retry", "run-", "--chunk", "8"]).exits(2);
    assert!(refused.stderr.contains("run.nothingToRetry"), "{}", refused.stderr);
    assert!(status(&bench)["cancelAsked"].is_string(), "nobody took it back");
    assert_eq!(bench.submits().len(), submitted);

    // The cancel itself ends the others. Then only that one chunk is submitted again.
    bench.run(&["cancel", "run-"]);
    let cancelled = chunks_ended(&bench, "cancelled");
    assert!(!cancelled.is_empty());
    assert_eq!((bench.submits().len(), &status(&bench)["open"]), (submitted, &json!(0)));
    bench.run(&["retry", "run-", "--chunk", &rejected]);
    assert_eq!((bench.submits().len(), chunks_ended(&bench, "cancelled")), (submitted + 1, cancelled));
    assert!(chunks_ended(&bench, "verified").contains(&rejected));
}

#[test]
fn no_flag_goes_beyond_what_can_be_written_down() {
    let bench = Bench::new();
    bench.file("request.json", &request(1));
    for seconds in ["18446744073709551615", "2592001", "0"] {
        bench.run(&["run", "request.json", "--chunk-deadline", seconds]).exits(2);
    }
    assert!(!bench.path("genesys-purge-data").exists());
    bench.run(&["run", "request.json", "--chunk-deadline", "2592000"]).exits(0);
    bench.run(&["status"]).exits(0);
}

#[test]
fn an_approver_who_cannot_be_read_is_none() {
    let bench = Bench::new();
    bench.file("request.json", &request(1));
    bench.file("two.json", &json!({ "version": 1, "limits": { "secondPerson": true } }));
    for approver in ["records@example.com\u{200b}", "records\u{2060}@example.com", "dpo\u{202e}moc.elpmaxe"] {
        let refused = bench.run(&["run", "request.json", "--policy", "two.json", "--approver", approver]).exits(7);
        assert!(refused.stderr.contains("approval.name"), "{}", refused.stderr);
    }
    assert!(bench.run(&["status", "--json"]).stdout.is_empty());
}

#[test]
fn the_address_of_a_webhook_is_not_said() {
    let bench = Bench::new();
    // A port on which nothing listens.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    bench.file("request.json", &request(1));
    let run = |address: &str| {
        let mut command = bench.command(&["run", "request.json"]);
        Ran::of(command.env("GOVERNANCE_WEBHOOK_URL", address).output().unwrap())
    };
    for address in [
        format!("https://user:s3cr3t@127.0.0.1:{}/", free.port()),
        "https://user:s3cr3t/x@hooks.example.com/".to_owned(),
        "https://hooks.example.com/s3cr3t path".to_owned(),
    ] {
        let ran = run(&address).exits(2);
        assert!(ran.stderr.contains("GOVERNANCE_WEBHOOK_URL") && !ran.stderr.contains("s3cr3t"), "{}", ran.stderr);
    }
    let ran = run(&format!("http://{free}/services/s3cr3t?key=s3cr3t")).exits(0);
    assert!(ran.stderr.contains(&format!("http://{free}")), "it does not say who cannot be reached: {}", ran.stderr);
    assert!(!ran.stderr.contains("s3cr3t") && !ran.stdout.contains("s3cr3t"), "{}{}", ran.stderr, ran.stdout);
}
