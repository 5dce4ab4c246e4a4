//! Replays `tests/vectors` natively: decides again what the files ask and compares it with what they expect. Node and Chromium
//! replay the same files with `tests/vectors/replay.ts`.
//!
//! With `PURGE_BLESS=1` the expectations are written again, here and nowhere else. Read the difference before keeping it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]

mod logs;
mod pages;
mod plans;
mod replies;
mod runs;

use std::path::PathBuf;

use serde_json::Value;

/// Decides every case of every file in a folder of vectors. `decide` gets the file and the case.
fn replay(folder: &str, decide: fn(&Value, &Value) -> Value) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors").join(folder);
    let bless = std::env::var_os("PURGE_BLESS").is_some();
    let mut differ = Vec::new();
    let mut cases = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let mut file: Value = serde_json::from_str(&text).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        let decided: Vec<_> = file["cases"].as_array().unwrap().iter().map(|case| decide(&file, case)).collect();
        for (case, decided) in file["cases"].as_array_mut().unwrap().iter_mut().zip(decided) {
            cases += 1;
            if case["expect"] != decided {
                let name = case["name"].as_str().unwrap();
                differ.push(format!("{}: {name}\nexpected {}\ndecided  {decided}", path.display(), case["expect"]));
                case["expect"] = decided;
            }
        }
        if bless {
            std::fs::write(&path, pages::page(&file)).unwrap();
        }
    }
    assert!(cases >= 10, "only {cases} cases in {}", folder.display());
    assert!(bless || differ.is_empty(), "{} of {cases} cases differ\n\n{}", differ.len(), differ.join("\n\n"));
}

#[test]
fn plans_are_as_the_vectors_say() {
    replay("plans", plans::decide);
}

#[test]
fn runs_are_as_the_vectors_say() {
    replay("runs", runs::decide);
}

#[test]
fn replies_mean_what_the_vectors_say() {
    replay("replies", replies::decide);
}

#[test]
fn logs_are_judged_as_the_vectors_say() {
    replay("logs", logs::decide);
}
