//! Deletion protection: which conversations the platform itself keeps from being deleted.

use serde_json::{Value, json};

use crate::http::{HttpRequest, Method};

/// Conversations per question (limit of the API).
pub const IDS_PER_QUESTION: usize = 100;

/// Code of a 404 that means: at least one of these conversations has no recording. It says nothing about the others.
pub const NO_RECORDING: &str = "recording.conversation.not.found";

/// Asks which of these conversations are protected. This POST only reads.
#[must_use]
pub fn ask(ids: &[String]) -> HttpRequest {
    HttpRequest::json(Method::Post, "/api/v2/recordings/deletionprotection", &json!({ "conversationIds": ids }))
}

/// The protected ones of the conversations that were asked about; `None` if the answer is not a list of ids.
#[must_use]
pub fn read(answer: &Value) -> Option<Vec<String>> {
    answer.as_array()?.iter().map(|entry| Some(entry.get("id")?.as_str()?.to_owned())).collect()
}
