//! What the documents say of single things: whether a request asks for them, a chunk takes them, a policy keeps them.

use purge_core::chunk::{Age, Chunk};
use purge_core::time::Timestamp;
use purge_core::window::Window;
use purge_sim::Item;
use serde_json::Value;

use crate::case::{Case, DAY};

/// The texts of a list.
pub(crate) fn words(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// The window of a hold, if it has one.
pub(crate) fn window(hold: &Value) -> Option<Window> {
    serde_json::from_value(hold["range"].clone()).ok()
}

/// The first millisecond that is too young for a rule.
pub(crate) fn young(rule: &Value, now: Timestamp) -> Timestamp {
    Timestamp::from_millis(now.millis() - rule["minAgeDays"].as_i64().unwrap() * DAY)
}

/// The rules that count for the case.
pub(crate) fn rules<'a>(case: &Case, policy: &'a Value) -> impl Iterator<Item = &'a Value> {
    let lifted = case.request.get("retentionOverride").is_some();
    let rules = policy["retention"].as_array().into_iter().flatten();
    rules.filter(move |rule| !lifted && rule["jurisdiction"] == "us-east-1")
}

/// Whether the request asks for such a thing, wherever it lies.
pub(crate) fn asked(case: &Case, item: &Item, age: Age) -> bool {
    let types = words(&case.request["recordTypes"]);
    let is_recording = matches!(item.kind, "recording" | "screenRecording" | "snippet");
    if !case.is_jobs() {
        let media = case.request["query"].as_str().and_then(|query| query.strip_prefix("mediaType:"));
        let named = types.contains(&"conversation") || types.contains(&item.kind);
        return !is_recording && named && media.is_none_or(|media| media == item.media);
    }
    let included = |option: &str| case.request["recordings"][option].as_bool().unwrap_or(true);
    let named = match item.kind {
        "screenRecording" => types.contains(&"conversation") || types.contains(&"screenRecording"),
        "snippet" => included("includeSnippets"),
        _ => is_recording,
    };
    named
        && (!item.sensitive || included("includeSensitiveData"))
        && (!item.by_policy || included("includePolicyBased"))
        && (age == Age::Aged || types != ["message"] || item.media != "voice")
}

/// Whether a deletion of that chunk takes it: by its own time, or with its conversation.
pub(crate) fn taken(case: &Case, item: &Item, chunk: Chunk) -> bool {
    match chunk.age {
        _ if !case.is_jobs() => chunk.window.contains(item.at),
        Age::Recent => chunk.window.contains(item.start),
        Age::Aged => reaches_into(item, chunk.window),
    }
}

/// Why a policy keeps it from a deletion that leaves at that time.
pub(crate) fn kept(case: &Case, policy: &Value, item: &Item, leaves: Timestamp) -> Option<String> {
    let held = |hold: &&Value| {
        let types = hold.get("recordTypes").map(words);
        let ids = hold.get("conversationIds").map(words);
        types.is_none_or(|types| protects(&types, item))
            && ids.is_none_or(|ids| ids.contains(&item.conversation.as_str()))
            // A recording job takes conversations whole: one that reaches into a held window stays.
            && window(hold).is_none_or(|w| w.contains(item.at) || case.is_jobs() && reaches_into(item, w))
    };
    if let Some(hold) = policy["holds"].as_array().unwrap().iter().find(held) {
        return Some(format!("hold {hold}"));
    }
    let retained = |rule: &&Value| {
        let young = young(rule, leaves);
        // One that never ended counts as young for 31 days only.
        let forgotten = !item.ended && item.start.millis() + 31 * DAY < young.millis();
        protects(&words(&rule["recordTypes"]), item)
            && (item.at >= young || case.is_jobs() && !forgotten && item.last >= young)
    };
    rules(case, policy).find(retained).map(|rule| format!("rule {rule}"))
}

fn reaches_into(item: &Item, window: Window) -> bool {
    item.start < window.end() && item.last >= window.start()
}

/// Whether what is on these record types is about the thing: a conversation and what belongs to it protect each other, a recording is
/// one of an interaction, and of a message if it is none of a call.
fn protects(types: &[&str], item: &Item) -> bool {
    let named = |word| types.contains(&word);
    named("conversation")
        || match item.kind {
            "conversation" => true,
            "interaction" | "message" | "screenRecording" => named(item.kind),
            _ => named("recording") || named("interaction") || named("message") && item.media != "voice",
        }
}
