//! What the documents say about a single item: whether the request asks for it, a chunk takes it, or a policy keeps it.

use purge_core::chunk::{Age, Chunk};
use purge_core::time::Timestamp;
use purge_core::window::Window;
use purge_sim::Item;
use serde_json::Value;

use crate::case::{Case, DAY};

/// The strings of a JSON array.
pub(crate) fn words(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// The window of a hold, if it has one.
pub(crate) fn window(hold: &Value) -> Option<Window> {
    serde_json::from_value(hold["range"].clone()).ok()
}

/// The first millisecond that is too recent for a rule to allow deletion.
pub(crate) fn young(rule: &Value, now: Timestamp) -> Timestamp {
    Timestamp::from_millis(now.millis() - rule["minAgeDays"].as_i64().unwrap() * DAY)
}

/// The rules of the policy that apply to the case.
pub(crate) fn rules<'a>(case: &Case, policy: &'a Value) -> impl Iterator<Item = &'a Value> {
    let lifted = case.request.get("retentionOverride").is_some();
    let rules = policy["retention"].as_array().into_iter().flatten();
    rules.filter(move |rule| !lifted && rule["jurisdiction"] == "us-east-1")
}

/// Whether the request asks for items of this kind, wherever they are.
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

/// Whether a deletion of that chunk takes the item, by its own time or with its conversation.
pub(crate) fn taken(case: &Case, item: &Item, chunk: Chunk) -> bool {
    match chunk.age {
        _ if !case.is_jobs() => chunk.window.contains(item.at),
        Age::Recent => chunk.window.contains(item.start),
        Age::Aged => reaches_into(item, chunk.window),
    }
}

/// Why a policy keeps the item from a deletion that leaves at that time, if it does.
pub(crate) fn kept(case: &Case, policy: &Value, item: &Item, leaves: Timestamp) -> Option<String> {
    let held = |hold: &&Value| {
        let types = hold.get("recordTypes").map(words);
        let ids = hold.get("conversationIds").map(words);
        types.is_none_or(|types| protects(&types, item))
            && ids.is_none_or(|ids| ids.contains(&item.conversation.as_str()))
            // A recording job takes whole conversations, so one that reaches into a held window stays.
            && window(hold).is_none_or(|w| w.contains(item.at) || case.is_jobs() && reaches_into(item, w))
    };
    if let Some(hold) = policy["holds"].as_array().unwrap().iter().find(held) {
        return Some(format!("hold {hold}"));
    }
    let retained = |rule: &&Value| {
        let young = young(rule, leaves);
        // A conversation that never ended counts as recent for only 31 days.
        let forgotten = !item.ended && item.start.millis() + 31 * DAY < young.millis();
        protects(&words(&rule["recordTypes"]), item)
            && (item.at >= young || case.is_jobs() && !forgotten && item.last >= young)
    };
    rules(case, policy).find(retained).map(|rule| format!("rule {rule}"))
}

fn reaches_into(item: &Item, window: Window) -> bool {
    item.start < window.end() && item.last >= window.start()
}

/// Whether protection of these record types covers the item. A conversation and what belongs to it protect each other. A recording
/// belongs to an interaction, and to a message if it is not of a call.
fn protects(types: &[&str], item: &Item) -> bool {
    let named = |word| types.contains(&word);
    named("conversation")
        || match item.kind {
            "conversation" => true,
            "interaction" | "message" | "screenRecording" => named(item.kind),
            _ => named("recording") || named("interaction") || named("message") && item.media != "voice",
        }
}
