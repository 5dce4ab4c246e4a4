//! Rules about the request itself: what the deletion API offers and accepts, and where the data may live.

use std::fmt::Display;

use serde_json::json;

use super::exclude::five_year_boundary;
use super::{CheckContext, MAX_CHUNKS};
use crate::bounds::QUERY_DAYS;
use crate::chunk::Grid;
use crate::finding::{Finding, Severity};
use crate::json::{canonical, quoted};
use crate::policy::Policy;
use crate::request::{
    Chunking, DeletionApi, Draft, MAX_AGED_CHUNK_DAYS, RecordType, includes_screen, only_messages, same_person,
};
use crate::time::{DAY_MS, Timestamp};
use crate::window::Window;

/// The longest body that the provider accepts, in bytes (`request.bytes.max`).
const MAX_BODY_BYTES: usize = 512_000;

/// Applies every rule that does not depend on the parts of the range.
pub(crate) fn rules(draft: &Draft, policy: Option<&Policy>, context: &CheckContext, findings: &mut Vec<Finding>) {
    let mut say = |severity, code: &str, pointer: &str, message: String, help: &str| {
        findings.push(Finding::new(severity, code, pointer, message, help));
    };
    record_types(draft, &mut say);
    range(draft, context.now.start_of_day(), &mut say);
    jurisdiction(draft, policy, context, &mut say);
    query(draft, &mut say);
    chunking(draft, context, &mut say);
    if policy.is_some_and(|p| p.limits.max_records.is_none()) {
        say(
            Severity::Warning,
            "limits.noGuard",
            "policy#/limits/maxRecords",
            "the guard on the number of records is off".to_owned(),
            "set `maxRecords` to a number that a chunk should never reach",
        );
    }
    if draft.api == Some(DeletionApi::DataDeletion) && draft.recordings.is_some() {
        say(
            Severity::Error,
            "recordings.notForApi",
            "#/recordings",
            "`recordings` has no meaning for `dataDeletion`".to_owned(),
            "leave it out, or use `recordingJobs`",
        );
    }
    if let (Some(given), Some(requester)) = (&draft.retention_override, &draft.requested_by)
        && same_person(&given.approver, requester)
    {
        say(
            Severity::Error,
            "retentionOverride.samePerson",
            "#/retentionOverride/approver",
            format!("{} approves an override of their own request", quoted(&given.approver)),
            "have somebody else approve it",
        );
    }
}

fn record_types(draft: &Draft, say: &mut impl FnMut(Severity, &str, &str, String, &str)) {
    let (Some(api), Some(kinds)) = (draft.api, &draft.record_types) else { return };
    for kind in kinds {
        let word = kind.as_str();
        match (api, kind) {
            (DeletionApi::DataDeletion, RecordType::Conversation | RecordType::Interaction | RecordType::Message)
            | (DeletionApi::RecordingJobs, RecordType::Recording | RecordType::ScreenRecording) => {}
            (DeletionApi::DataDeletion, RecordType::Recording | RecordType::ScreenRecording) => {
                say(
                    Severity::Error,
                    "recordTypes.notOffered",
                    "#/recordTypes",
                    format!("`dataDeletion` does not delete `{word}`"),
                    "it deletes `conversation`, `interaction` and `message`; for recordings use `recordingJobs`",
                );
            }
            (DeletionApi::RecordingJobs, RecordType::Conversation | RecordType::Interaction | RecordType::Message) => {
                say(
                    Severity::Warning,
                    "recordTypes.recordingsOnly",
                    "#/recordTypes",
                    format!(
                        "`recordingJobs` deletes only recordings and transcripts of `{word}` records, {} screen recordings; the rows stay",
                        if includes_screen(kinds) { "with" } else { "without" }
                    ),
                    "name `recording` to say what is deleted; to delete conversation data use `dataDeletion` where it is offered",
                );
            }
        }
    }
    // Its query selects conversations by their segments, and what it deletes are the recordings of conversations.
    if api == DeletionApi::RecordingJobs && only_messages(kinds) {
        say(
            Severity::Warning,
            "recordTypes.wholeConversations",
            "#/recordTypes",
            "`recordingJobs` selects conversations that have messages, and may delete recordings of calls in them"
                .to_owned(),
            "put conversations that have both on hold if the recordings of their calls must stay",
        );
    }
    if api == DeletionApi::RecordingJobs && kinds.as_slice() == [RecordType::ScreenRecording] {
        say(
            Severity::Error,
            "recordTypes.screenOnly",
            "#/recordTypes",
            "`recordingJobs` cannot select screen recordings alone".to_owned(),
            "add `recording` if the other recordings may be deleted, too",
        );
    }
}

fn range(draft: &Draft, today: Timestamp, say: &mut impl FnMut(Severity, &str, &str, String, &str)) {
    let Some(range) = draft.range else { return };
    let end = range.end();
    if end > today.plus_days(1) {
        say(
            Severity::Error,
            "range.future",
            "#/range/end",
            format!("the range ends at `{end}`, in the future"),
            "end it in the past: what does not exist yet cannot be reviewed",
        );
    }
    if let Some(meant) = probably_meant_end(end) {
        say(
            Severity::Warning,
            "range.endLooksInclusive",
            "#/range/end",
            format!("the end `{end}` does not itself belong to the range"),
            &format!("if everything up to `{meant}` is meant, write that"),
        );
    }
}

/// The end that a person probably meant who counts the end as included.
fn probably_meant_end(end: Timestamp) -> Option<Timestamp> {
    let in_day = end.millis().rem_euclid(DAY_MS);
    let meant = if in_day >= DAY_MS - 1_000 {
        end.start_of_day().plus_days(1)
    } else if in_day % 1_000 == 999 {
        Timestamp::from_millis(end.millis() + 1)
    } else {
        end
    };
    // There is no instant after the last one.
    (meant > end).then_some(meant)
}

fn jurisdiction(
    draft: &Draft,
    policy: Option<&Policy>,
    context: &CheckContext,
    say: &mut impl FnMut(Severity, &str, &str, String, &str),
) {
    let Some(name) = &draft.jurisdiction else { return };
    if let Some(allowed) = policy.and_then(|p| p.jurisdictions.as_ref())
        && !allowed.contains(name)
    {
        say(
            Severity::Blocked,
            "jurisdiction.notAllowed",
            "#/jurisdiction",
            format!("the policy does not allow purging in `{name}`"),
            &format!("it allows {}", allowed.iter().map(|a| format!("`{a}`")).collect::<Vec<_>>().join(", ")),
        );
    }
    if let Some(tenant) = context.tenant_jurisdiction.as_ref().filter(|tenant| *tenant != name) {
        say(
            Severity::Blocked,
            "jurisdiction.notTenant",
            "#/jurisdiction",
            format!("the request is for `{name}`, but the tenant's data lives in `{tenant}`"),
            "correct the jurisdiction, or connect to the tenant that is meant",
        );
    }
}

fn query(draft: &Draft, say: &mut impl FnMut(Severity, &str, &str, String, &str)) {
    let Some(query) = &draft.query else { return };
    if draft.api == Some(DeletionApi::RecordingJobs) {
        say(
            Severity::Error,
            "query.unsupported",
            "#/query",
            "`recordingJobs` takes no query".to_owned(),
            "leave it out; the job would delete more than the query says",
        );
    }
    let body = json!({
        "filter": { "dateRange": draft.range, "query": query },
        "jurisdiction": draft.jurisdiction,
        "legalHoldValidation": true,
        "recordTypes": draft.record_types,
        "retentionPolicyOverride": false,
    });
    let bytes = canonical(&body).len();
    if bytes > MAX_BODY_BYTES {
        say(
            Severity::Error,
            "query.tooLong",
            "#/query",
            format!("the deletion request would have {bytes} bytes; the provider takes {MAX_BODY_BYTES}"),
            "shorten the query, or split the request",
        );
    }
}

fn chunking(draft: &Draft, context: &CheckContext, say: &mut impl FnMut(Severity, &str, &str, String, &str)) {
    let Some(chunking) = draft.chunking else { return };
    let today = context.now.start_of_day();
    let most = match (draft.api, draft.range) {
        (Some(DeletionApi::RecordingJobs), Some(range))
            if five_year_boundary(today).is_some_and(|w| range.end() <= w.start()) =>
        {
            MAX_AGED_CHUNK_DAYS
        }
        (Some(DeletionApi::RecordingJobs | DeletionApi::DataDeletion) | None, _) => QUERY_DAYS,
    };
    let (pointer, too_long) = match chunking {
        Chunking::Days(n) => ("#/chunking/days", n > most),
        Chunking::Hours(n) => ("#/chunking/hours", n > most * 24),
    };
    if too_long {
        say(
            Severity::Error,
            "chunking.tooLong",
            pointer,
            format!("a chunk may have at most {most} days"),
            "make the chunks shorter; what is deleted stays the same",
        );
    }
    if draft.api == Some(DeletionApi::RecordingJobs) && matches!(chunking, Chunking::Hours(_)) {
        say(
            Severity::Error,
            "chunking.hours",
            "#/chunking/hours",
            "`recordingJobs` selects whole UTC days and cannot be cut by hours".to_owned(),
            "cut by days",
        );
    }
    if let Some(range) = draft.range {
        let cells = Grid::new(range.start(), chunking).cells(range);
        if cells > u64::from(MAX_CHUNKS) {
            say(
                Severity::Error,
                "chunking.tooMany",
                pointer,
                format!("the range has {cells} chunks of this length; at most {MAX_CHUNKS} are planned"),
                "make the chunks longer, or split the range",
            );
        }
    }
}

/// `1 day`, `30 days`.
pub(crate) fn count(n: impl Copy + Display + PartialEq + From<u8>, unit: &str) -> String {
    let plural = if n == 1.into() { "" } else { "s" };
    format!("{n} {unit}{plural}")
}

/// The length of a window for people, in the largest unit that gives a whole number.
pub(crate) fn duration(window: Window) -> String {
    let millis = window.millis();
    for (unit, length) in [("day", DAY_MS), ("hour", 3_600_000), ("minute", 60_000), ("second", 1_000)] {
        if millis % length == 0 {
            return count(millis / length, unit);
        }
    }
    count(millis, "millisecond")
}
