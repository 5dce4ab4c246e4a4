//! What `status RUN` says to somebody who has not seen the run end.

#![cfg(test)]

mod common;

use std::fs;

use common::{Bench, request};
use serde_json::{Value, json};

/// Carries out two chunks, of which the second is refused, and returns the run's id and what `run` printed.
fn partial_run(bench: &Bench) -> (String, String) {
    bench.file("request.json", &request(2));
    let refusal = json!({ "on": "submit", "nth": [2], "do": { "kind": "error", "status": 400 } });
    bench.file("refusing.json", &json!({ "faults": [refusal] }));
    let ran = bench.run(&["run", "request.json", "--concurrency", "1", "--scenario", "refusing.json"]).exits(4);
    let run = bench.run(&["status", "--json"]).exits(0).events()[0]["runId"].as_str().unwrap().to_owned();
    (run, ran.stdout)
}

/// The line with that label.
#[track_caller]
fn labelled<'a>(shown: &'a str, label: &str) -> &'a str {
    let line = shown.lines().find(|line| line.trim_start().starts_with(&format!("{label}  ")));
    line.unwrap_or_else(|| panic!("no `{label}` in\n{shown}"))
}

#[test]
fn a_run_is_shown_with_what_was_approved_where_the_proof_is_and_why_chunks_did_not_end_well() {
    let bench = Bench::new();
    let (run, ran) = partial_run(&bench);
    let shown = bench.run(&["status", &run]).exits(0).stdout;
    let why = |text: &str| text.lines().find(|line| line.contains("  chunk 2 ")).map(str::to_owned);
    assert!(why(&ran).is_some_and(|why| why.contains(" is rejected: ") && why.contains("answered 400")), "{ran}");
    assert_eq!(why(&shown), why(&ran), "{shown}");
    assert!(shown.contains("\n\nneeds attention:\n"), "{shown}");
    for label in ["evidence", "manifest"] {
        assert_eq!(labelled(&shown, label), labelled(&ran, label));
    }
    let listed: Value = bench.run(&["status", "--json"]).exits(0).events()[0].clone();
    assert!(labelled(&shown, "plan").ends_with(listed["planDigest"].as_str().unwrap()), "{shown}");
    let approved = format!("by records@example.com at {}", listed["approvedAt"].as_str().unwrap());
    assert!(labelled(&shown, "approved").ends_with(&approved), "{shown}");

    bench.run(&["retry", &run]).exits(0);
    let shown = bench.run(&["status", &run]).exits(0).stdout;
    assert!(!shown.contains("needs attention") && shown.contains("verified"), "{shown}");
}

/// A digest that does not belong to what is shown would be kept in vain.
#[test]
fn the_digest_of_other_evidence_is_not_shown_as_that_of_the_run() {
    let bench = Bench::new();
    let (run, ran) = partial_run(&bench);
    let (place, kept) = (bench.evidence(), bench.path("kept"));
    let manifest = || labelled(&bench.run(&["status", &run]).exits(0).stdout, "manifest").to_owned();
    fs::rename(&place, &kept).unwrap();
    let command = format!("genesys-purge retry {run} --messages");
    let said = manifest();
    assert!(said.contains("there is no evidence yet") && said.contains(&command), "{said}");
    let submits = bench.submits().len();
    bench.run(&["retry", &run, "--messages"]).exits(4);
    assert_eq!((manifest().as_str(), bench.submits().len()), (labelled(&ran, "manifest"), submits));

    bench.copy_ledger("genesys-purge-data", "older");
    bench.run(&["retry", &run]).exits(0);
    let newer = bench.path("newer");
    fs::rename(&place, &newer).unwrap();
    fs::rename(&kept, &place).unwrap();
    let said = manifest();
    assert!(said.contains("not of this state") && said.contains(&command), "{said}");

    fs::remove_dir_all(&place).unwrap();
    fs::rename(&newer, &place).unwrap();
    bench.copy_ledger("older", "genesys-purge-data");
    let said = manifest();
    assert!(said.contains("newer than the ledger") && !said.contains("sha256:"), "{said}");
}

/// The evidence is checked without a ledger, which alone knows where that of a run lies.
#[test]
fn a_run_s_id_is_no_folder_and_whoever_gives_one_learns_where_the_folder_is() {
    let bench = Bench::new();
    let (run, _) = partial_run(&bench);
    let refused = bench.run(&["verify", &run]).exits(2).stderr;
    assert!(refused.contains("evidence.none") && refused.contains("`genesys-purge status RUN` shows it"), "{refused}");
    let shown = bench.run(&["status", &run]).exits(0).stdout;
    let folder = labelled(&shown, "evidence").trim_start().trim_start_matches("evidence").trim_start();
    bench.run(&["verify", folder]).exits(0);
    let help = bench.run(&["verify", "--help"]).exits(0).stdout;
    assert!(help.contains("<FOLDER>") && !help.contains("verify RUN"), "{help}");
}
