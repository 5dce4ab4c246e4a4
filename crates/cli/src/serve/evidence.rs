//! Serves the evidence of a run file by file: only the files that belong to evidence, under their own names.

use std::fs;
use std::path::Path;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};

use super::problem::Problem;
use purge_core::evidence::{FILES, MANIFEST};

/// The files that are there.
pub(crate) fn list(folder: &Path) -> Value {
    let names = FILES.into_iter().chain([MANIFEST]);
    let files: Vec<Value> = names
        .filter_map(|name| {
            let about = fs::metadata(folder.join(name)).ok()?;
            Some(json!({ "name": name, "bytes": about.len() }))
        })
        .collect();
    json!({ "folder": folder.display().to_string(), "files": files })
}

/// The content of one file.
pub(crate) fn file(folder: &Path, name: &str) -> Result<Response, Problem> {
    let none = || {
        let message = format!("there is no evidence `{name}`");
        Problem::new(StatusCode::NOT_FOUND, "evidence.none", message, "evidence is written when a run ends or stops")
    };
    let known = FILES.into_iter().chain([MANIFEST]).find(|known| *known == name).ok_or_else(none)?;
    let bytes = fs::read(folder.join(known)).map_err(|_| none())?;
    let mut answer = Response::new(Body::from(bytes));
    // Never displayed as a page, whatever the file contains.
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    answer.headers_mut().insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
    Ok(answer)
}
