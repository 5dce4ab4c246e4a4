//! Vectors of requests and policies: findings, or a plan.

use purge_wasm::{PlanHandle, plan};
use serde_json::{Map, Value, json};

/// The number of rows that are compared one by one; the digest covers the rest.
const ROWS: usize = 8;

/// The request of the case: its text, or the request of the file with members replaced and removed.
fn request(file: &Value, case: &Value) -> String {
    if let Some(text) = case["text"].as_str() {
        return text.to_owned();
    }
    let mut request = file["request"].as_object().unwrap().clone();
    request.extend(case["with"].as_object().cloned().unwrap_or_default());
    for name in case["without"].as_array().into_iter().flatten() {
        request.remove(name.as_str().unwrap()).unwrap();
    }
    Value::Object(request).to_string()
}

/// A member of the case or, if it has none, of the file.
pub(crate) fn member_of<'a>(name: &str, file: &'a Value, case: &'a Value) -> &'a Value {
    case.get(name).unwrap_or(&file[name])
}

pub(crate) fn planned(file: &Value, case: &Value) -> PlanHandle {
    let policy = member_of("policy", file, case);
    let policy = (!policy.is_null()).then(|| policy.as_str().map_or_else(|| policy.to_string(), str::to_owned));
    plan(&request(file, case), policy, &member_of("context", file, case).to_string()).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

pub(crate) fn decide(file: &Value, case: &Value) -> Value {
    let handle = planned(file, case);
    let summary = handle.summary();
    let finding = |f: &Value| format!("{} {} {}", text(&f["severity"]), text(&f["code"]), text(&f["pointer"]));
    let findings: Vec<_> = summary["findings"].as_array().unwrap().iter().map(finding).collect();
    let mut out = Map::new();
    out.insert("findings".to_owned(), json!(findings));
    if !summary["accounting"].is_null() {
        out.insert("accounting".to_owned(), summary["accounting"].clone());
        let row = |row: &Value| {
            let age = row["age"].as_str().map(|age| format!(" ({age})")).unwrap_or_default();
            format!(
                "{}/{} {}: {}{age}",
                text(&row["start"]),
                text(&row["end"]),
                text(&row["disposition"]),
                text(&row["reason"])
            )
        };
        let rows: Vec<_> = handle.rows(0, ROWS).as_array().unwrap().iter().map(row).collect();
        out.insert("rows".to_owned(), json!(rows));
    }
    if !summary["digest"].is_null() {
        for name in ["digest", "shortCode", "chunks", "parts"] {
            out.insert(name.to_owned(), summary[name].clone());
        }
        let submit = handle.submit(1, text(&member_of("context", file, case)["now"])).unwrap();
        let body: Value = serde_json::from_str(text(&submit["body"])).unwrap();
        out.insert(
            "submits".to_owned(),
            json!({ format!("{} {}", text(&submit["method"]), text(&submit["path"])): body }),
        );
    }
    Value::Object(out)
}
