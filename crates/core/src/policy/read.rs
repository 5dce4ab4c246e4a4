//! Reads a policy field by field, so that one mistake does not hide the next.

use std::ops::RangeInclusive;

use super::{Hold, Limits, MAX_SECONDS, POLICY_MAX_BYTES, POLICY_VERSION, Policy, RangeEnd, RetentionRule};
use crate::finding::{self, Finding};
use crate::json::{self, Field, Object, Reader, quoted};
use crate::request::{self, read_query, read_record_types};
use crate::sorted::{SortedSet, sort};

/// 100 years. More is a typing mistake.
const MAX_AGE_DAYS: u32 = 36_525;

/// The largest number that every JSON reader keeps exact: 2^53 - 1.
const MAX_COUNT: u64 = (1 << 53) - 1;

pub(crate) fn read(text: &str) -> (Option<Policy>, Vec<Finding>) {
    let mut reader = Reader::default();
    let value = match json::parse(text, POLICY_MAX_BYTES) {
        Ok(value) => value,
        Err(why) => {
            reader.unreadable("policy#", &why);
            return (None, reader.findings);
        }
    };
    let root = Field { value: &value, pointer: "policy#".to_owned() };
    let policy = reader
        .object(&root, &["version", "retention", "holds", "jurisdictions", "limits"])
        .map(|object| fields(&mut reader, &object));
    let policy = policy.filter(|_| !finding::stops(&reader.findings));
    (policy, reader.findings)
}

fn fields(r: &mut Reader, object: &Object<'_>) -> Policy {
    r.version(object, POLICY_VERSION);
    let retention = items_of(r, object, "retention", retention_rule);
    let holds = items_of(r, object, "holds", hold);
    let mut ids = SortedSet::default();
    for (place, hold) in holds.iter().enumerate() {
        if !ids.insert(hold.id.as_str()) {
            r.error(
                "hold.repeatedId",
                &format!("policy#/holds/{place}/id"),
                format!("the hold id {} is repeated", quoted(&hold.id)),
                "give every hold its own id, so that findings and records can name it",
            );
        }
    }
    let jurisdictions = object.get("jurisdictions").and_then(|f| {
        let choices = request::jurisdictions();
        let why = "an empty list would forbid every region; leave the field out to allow every region";
        let names = r.words(&f, ("jurisdiction.unknown", "jurisdiction"), &choices, why)?;
        Some(names.into_iter().map(str::to_owned).collect())
    });
    let limits = object.get("limits").map(|f| limits(r, &f)).unwrap_or_default();
    Policy { version: POLICY_VERSION, retention, holds, jurisdictions, limits }
}

/// Reads a list that may be absent or empty, and gives its readable items. An unreadable item has a finding, which stops the
/// policy.
fn items_of<T>(
    r: &mut Reader,
    object: &Object<'_>,
    key: &str,
    read: impl Fn(&mut Reader, &Field<'_>) -> Option<T>,
) -> Vec<T> {
    let items = object.get(key).and_then(|f| r.items(&f)).unwrap_or_default();
    items.iter().filter_map(|item| read(r, item)).collect()
}

fn retention_rule(r: &mut Reader, field: &Field<'_>) -> Option<RetentionRule> {
    let object = r.object(field, &["recordTypes", "jurisdiction", "minAgeDays", "basis"])?;
    let record_types = r
        .required(&object, "recordTypes", "name the record types that the rule keeps")
        .and_then(|f| read_record_types(r, &f));
    let jurisdiction = object
        .get("jurisdiction")
        .and_then(|f| r.word(&f, "jurisdiction.unknown", "jurisdiction", &request::jurisdictions()))
        .map(str::to_owned);
    let min_age_days = r
        .required(&object, "minAgeDays", "say how many days the records must be kept")
        .and_then(|f| r.small(&f, 1..=MAX_AGE_DAYS));
    let basis = r.required(&object, "basis", "name the law or schedule behind the rule").and_then(|f| r.text(&f));
    Some(RetentionRule { record_types: record_types?, jurisdiction, min_age_days: min_age_days?, basis: basis? })
}

fn hold(r: &mut Reader, field: &Field<'_>) -> Option<Hold> {
    let object = r.object(field, &["id", "matter", "range", "recordTypes", "conversationIds", "query"])?;
    let id = r.required(&object, "id", "give the hold an id").and_then(|f| r.text(&f));
    let matter = object.nullable("matter").and_then(|f| r.text(&f));
    let range = object.nullable("range").and_then(|f| r.window(&f));
    let record_types = object.nullable("recordTypes").and_then(|f| read_record_types(r, &f));
    let conversation_ids = object.nullable("conversationIds").and_then(|f| conversation_ids(r, &f));
    let query = object.nullable("query").and_then(|f| read_query(r, &f));
    Some(Hold { id: id?, matter, range, record_types, conversation_ids, query })
}

/// Reads conversation ids: in lower case, as the API writes them, sorted, without repeats.
fn conversation_ids(r: &mut Reader, field: &Field<'_>) -> Option<Vec<String>> {
    let items = r.list(field, "an empty list would hold nothing; leave the field out to hold every conversation")?;
    let mut ids = Vec::with_capacity(items.len());
    for item in &items {
        let Some(id) = r.text(item) else { continue };
        if is_uuid(&id) {
            ids.push(id.to_ascii_lowercase());
        } else {
            r.error(
                "hold.conversationId",
                &item.pointer,
                format!("{} is not a conversation id", quoted(&id)),
                "a conversation id has the form `0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9`",
            );
        }
    }
    sort(&mut ids);
    ids.dedup();
    Some(ids)
}

/// Whether the text has the shape of a UUID: 8-4-4-4-12 hexadecimal digits.
fn is_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups.iter().all(|group| group.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn limits(r: &mut Reader, field: &Field<'_>) -> Limits {
    let known = [
        "maxRecords",
        "chunkDeadlineSeconds",
        "queueDeadlineSeconds",
        "concurrency",
        "requestsPerMinute",
        "confirmSubmitSeconds",
        "verifySeconds",
        "verifyConversations",
        "secondPerson",
        "spanningConversations",
        "rangeEnd",
    ];
    let mut limits = Limits::default();
    let Some(object) = r.object(field, &known) else { return limits };
    // `null` means something for this limit only: no guard.
    if object.is_null("maxRecords") {
        limits.max_records = None;
    } else if let Some(n) = object.get("maxRecords").and_then(|f| r.integer(&f, 1..=MAX_COUNT)) {
        limits.max_records = Some(n);
    }
    let seconds = [
        ("chunkDeadlineSeconds", 60, &mut limits.chunk_deadline_seconds),
        ("queueDeadlineSeconds", 60, &mut limits.queue_deadline_seconds),
        ("confirmSubmitSeconds", 0, &mut limits.confirm_submit_seconds),
        ("verifySeconds", 0, &mut limits.verify_seconds),
    ];
    for (key, least, target) in seconds {
        if let Some(n) = object.get(key).and_then(|f| r.integer(&f, least..=MAX_SECONDS)) {
            *target = n;
        }
    }
    let counts: [(&str, RangeInclusive<u32>, &mut u32); 3] = [
        ("concurrency", 1..=1_000, &mut limits.concurrency),
        ("requestsPerMinute", 1..=100_000, &mut limits.requests_per_minute),
        ("verifyConversations", 1..=1_000, &mut limits.verify_conversations),
    ];
    for (key, range, target) in counts {
        if let Some(n) = object.get(key).and_then(|f| r.small(&f, range)) {
            *target = n;
        }
    }
    for (key, target) in
        [("secondPerson", &mut limits.second_person), ("spanningConversations", &mut limits.spanning_conversations)]
    {
        if let Some(flag) = object.get(key).and_then(|f| r.boolean(&f)) {
            *target = flag;
        }
    }
    let ends = [("inclusive", RangeEnd::Inclusive), ("exclusive", RangeEnd::Exclusive)];
    if let Some(end) = object.get("rangeEnd").and_then(|f| r.word(&f, "limits.rangeEnd", "range end", &ends)) {
        limits.range_end = end;
    }
    limits
}
