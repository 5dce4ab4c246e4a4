//! Vectors of audit logs: the verdict, and the first bad record.

use purge_wasm::EvidenceCheck;
use serde_json::{Map, Value, json};

/// The members of a verdict that are compared besides the first bad record. The words that say how a line is broken are not part of
/// the contract.
const MEMBERS: [&str; 5] = ["good", "lines", "records", "chains", "manifestChecked"];

pub(crate) fn decide(file: &Value, case: &Value) -> Value {
    let lines = case["log"].as_array().unwrap().iter();
    let lines: Vec<_> = lines.map(|name| file["lines"][name.as_str().unwrap()].as_str().unwrap()).collect();
    let mut check = EvidenceCheck::new();
    // Fed in pieces of 1,000 bytes, cut wherever that falls.
    lines.join(case["between"].as_str().unwrap_or("\n")).as_bytes().chunks(1_000).for_each(|piece| check.feed(piece));
    let manifest = case["manifest"].as_str().map(|name| file["manifests"][name].to_string());
    let Ok(verdict) = check.finish(manifest.as_deref()) else { return json!("the manifest cannot be read") };
    let mut out: Map<_, _> = MEMBERS.map(|name| (name.to_owned(), verdict[name].clone())).into_iter().collect();
    if let Some(bad) = verdict["bad"].as_object() {
        let mut bad = bad.clone();
        let why = bad.remove("why").unwrap();
        bad.retain(|_, value| !value.is_null());
        bad.insert("why".to_owned(), why["kind"].clone());
        out.insert("bad".to_owned(), Value::Object(bad));
    }
    Value::Object(out)
}
