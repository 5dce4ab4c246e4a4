//! What must hold between the records of an attempt. Anyone who invents a log with hashes that fit must also satisfy these rules.
//!
//! Every rule follows from what the step machine does in every run. No two clocks are compared, because setting a clock right would
//! make good evidence invalid. Durations and numbers of requests are not judged either.

use super::attempt::{Attempt, End, deletes};
use crate::api::{data_deletion, recording_jobs};
use crate::audit::{AuditRecord, Event};
use crate::chunk::Chunk;
use crate::http::HttpRequest;
use crate::json::digest;
use crate::order::Order;
use crate::outcome::Outcome;
use crate::request::DeletionApi;

/// Whether the rule is broken, its code, and what an attempt does that breaks it.
type Rule = (bool, &'static str, &'static str);

/// What must hold between a record and the earlier records of its attempt.
pub(super) fn of_record(attempt: &Attempt, order: &Order, chunk: Chunk, record: &AuditRecord) -> [Rule; 9] {
    let api = order.request.api;
    let call = if let Event::Sending { call, .. } = &record.event { call } else { "" };
    let (changes, deletes) = (!call.is_empty() && !call.starts_with("DELETE "), deletes(api, call));
    let unguarded = deletes && !attempt.holds_checked && required_lookups(order, chunk) != (0, 0);
    let unlimited = api == DeletionApi::DataDeletion && order.limits.max_records.is_none();
    [
        (
            is_unasked(attempt, &record.event),
            "attempt.retry",
            "does not begin with who asked for it, or says so where nobody has to ask",
        ),
        (is_out_of_turn(attempt, &record.event), "attempt.start", "does not begin with its start, or starts twice"),
        (
            has_wrong_request_id(attempt, record),
            "request.id",
            "names another request id than before, or one that was never accepted",
        ),
        (
            !is_expected_request(order, chunk, record),
            "request.body",
            "sent another request than the one for this chunk",
        ),
        (changes && attempt.cancel_asked, "cancel.sent", "sent a deleting request after a cancel was asked for"),
        (changes && attempt.found_held, "held.sent", "found conversations on hold and deleted anyway"),
        (unguarded, "guards.unasked", "deleted before it had looked up everything on hold"),
        (
            deletes && !(attempt.within_limit || unlimited),
            "guards.limit",
            "deleted without a count within `limits.maxRecords`",
        ),
        (has_wrong_status(record), "record.status", "ended with another outcome than its last record's status"),
    ]
}

/// What must be looked up before the chunk is deleted: the number of conversations on hold, and of windows and periods that
/// conversations of the chunk may reach into.
pub(super) fn required_lookups(order: &Order, chunk: Chunk) -> (u64, u64) {
    (order.held_conversations.len() as u64, order.reachable_from(chunk.window).count() as u64)
}

/// Whether it is not known who asked for the attempt when an event comes, or the event says so a second time. Nobody asks for the
/// first attempt.
fn is_unasked(attempt: &Attempt, event: &Event) -> bool {
    let retried = matches!(event, Event::Retried { .. });
    retried == (attempt.number == 1 || attempt.was_asked_for)
}

/// Whether an event comes before the start of its attempt, or is a second start. Only a retry, a cancel or giving up may come
/// before the start.
fn is_out_of_turn(attempt: &Attempt, event: &Event) -> bool {
    let starts = matches!(event, Event::Started { .. });
    starts == attempt.has_started
        && !matches!(event, Event::Retried { .. } | Event::CancelAsked { .. } | Event::Finished { .. })
}

/// Whether a record has the wrong request id. An id comes with the acceptance or from the attempt before, and stays.
fn has_wrong_request_id(attempt: &Attempt, record: &AuditRecord) -> bool {
    let submitted = matches!(record.event, Event::Submitted);
    match (&attempt.request_id, &record.request_id) {
        (None, None) => submitted,
        (None, Some(_)) => !submitted && record.request_id != attempt.inherited.request_id,
        (Some(before), now) => now.as_ref() != Some(before),
    }
}

/// Whether the request about to leave is, to the byte, the one that this program sends for this chunk.
fn is_expected_request(order: &Order, chunk: Chunk, record: &AuditRecord) -> bool {
    let Event::Sending { call, body_sha256 } = &record.event else { return true };
    expected_request(order, chunk, record, call).is_some_and(|expected| {
        *call == format!("{} {}", expected.method.as_str(), expected.path)
            && *body_sha256 == expected.body.map(|body| digest(body.as_bytes()))
    })
}

fn expected_request(order: &Order, chunk: Chunk, record: &AuditRecord, call: &str) -> Option<HttpRequest> {
    let request = &order.request;
    let id = || record.request_id.as_deref();
    match (request.api, call.split(' ').next()?) {
        (DeletionApi::DataDeletion, "POST") => {
            Some(data_deletion::submit(request, chunk.window, order.limits.range_end))
        }
        (DeletionApi::RecordingJobs, "POST") => {
            let days = request.recordings.map_or(0, |options| options.cool_off_days);
            Some(recording_jobs::create(request, chunk, record.timestamp.plus_days(days)))
        }
        (DeletionApi::RecordingJobs, "PUT") => id().map(recording_jobs::execute),
        (DeletionApi::RecordingJobs, "DELETE") => id().map(recording_jobs::cancel),
        _ => None,
    }
}

fn has_wrong_status(record: &AuditRecord) -> bool {
    matches!(&record.event, Event::Finished { outcome, .. } if record.status != outcome.as_str())
}

/// What must hold between the numbers of submits, whether or not the attempt has ended.
pub(super) fn of_submits(attempt: &Attempt) -> [Rule; 3] {
    let submits = attempt.submits();
    // Fewer may have been accepted than were announced; never more.
    let announced = attempt.inherited.submits.saturating_add(attempt.announced);
    [
        (attempt.accepted > 1, "submits.accepted", "had more than one submit accepted"),
        (
            attempt.accepted.max(attempt.not_refused) > submits,
            "submits.unsent",
            "counts fewer submits than were accepted or had no answer",
        ),
        (submits > announced, "submits.unrecorded", "counts more submits than it has announced"),
    ]
}

/// What must hold between the end of an attempt and the records before it.
pub(super) fn of_end(api: DeletionApi, attempt: &Attempt, end: &End) -> [Rule; 8] {
    let verified = end.outcome == Outcome::Verified;
    [
        (
            verified && !api_says_done(api, attempt, end),
            "verified.undone",
            "is verified, but the API has not reported it as done",
        ),
        (
            verified && !absence_was_seen(attempt, end),
            "verified.unseen",
            "is verified, but its last look does not show absence",
        ),
        (
            verified && attempt.processed.is_some_and(|job| !job.is_due),
            "verified.early",
            "is verified, but the recordings' delete date neither came nor was waited for",
        ),
        (denies_deletion(api, attempt, end), "outcome.denied", "ends as if nothing could have been deleted"),
        (contradicts_itself(end), "records.deleted", "has deleted records, but its end says that it has not"),
        (
            !count_before_agrees(attempt, end),
            "records.before",
            "counted another number before the deletion than its end says",
        ),
        (!remaining_agrees(api, attempt, end), "records.left", "found another number left than its end says"),
        (!adds_up(api, attempt, end), "records.sum", "has numbers of records that do not add up"),
    ]
}

/// Whether the request was submitted and is over. The API says that it is done; or, where an unanswered submit has no id to ask
/// for, the window was watched until it emptied.
fn api_says_done(api: DeletionApi, attempt: &Attempt, end: &End) -> bool {
    let remote = attempt.remote_status.as_deref();
    end.submits > 0
        && match api {
            DeletionApi::DataDeletion => remote == Some("completed") || (remote.is_none() && attempt.looked_for_submit),
            DeletionApi::RecordingJobs => {
                remote == Some("FULFILLED") && attempt.processed.is_some_and(|job| job.failed == 0)
            }
        }
}

/// Whether the last look after the last deletion found nothing, and had something to look at if anything was deleted.
fn absence_was_seen(attempt: &Attempt, end: &End) -> bool {
    let nothing_to_see = end.records_deleted == Some(0);
    attempt.last_look.is_some_and(|look| {
        look.is_right_method
            && look.found == 0
            && look.remaining == end.remaining
            && (!look.looked_at_nothing || nothing_to_see)
    })
}

/// Whether it ends as if nothing could have been deleted after a submit that may have arrived, or a job that ran.
fn denies_deletion(api: DeletionApi, attempt: &Attempt, end: &End) -> bool {
    let may_have_run = match (api, attempt.remote_status.as_deref()) {
        (DeletionApi::DataDeletion, _) => end.submits > 0,
        // A job that ran and skipped everything has deleted nothing.
        (DeletionApi::RecordingJobs, Some("PROCESSING" | "FULFILLED")) => {
            attempt.processed.is_none_or(|job| job.deleted > 0)
        }
        // Only the job itself can say that an unanswered execution has not arrived.
        (DeletionApi::RecordingJobs, remote) => {
            attempt.processed.is_some_and(|job| job.deleted > 0)
                || (attempt.deletion_unanswered && remote != Some("CANCELLED"))
        }
    };
    end.is_harmless() && may_have_run
}

/// Whether it has deleted records, although its outcome says that nothing was deleted, or it submitted nothing. Another attempt at
/// the chunk may have deleted some.
fn contradicts_itself(end: &End) -> bool {
    (end.is_harmless() || end.submits == 0) && end.records_deleted.is_some_and(|deleted| deleted > 0)
}

/// Whether the count before is one of this attempt, or of the attempt whose submit it continues.
fn count_before_agrees(attempt: &Attempt, end: &End) -> bool {
    match attempt.counted {
        Some(_) => end.before == attempt.counted || end.before == attempt.highest_count,
        None => end.before.is_none() || end.before == attempt.inherited.before,
    }
}

/// Whether what is left is what the last look found. Without a look it may be what a watched window still holds.
fn remaining_agrees(api: DeletionApi, attempt: &Attempt, end: &End) -> bool {
    match attempt.last_look {
        Some(look) => end.remaining == look.remaining,
        None => end.remaining.is_none() || (api == DeletionApi::DataDeletion && attempt.looked_for_submit),
    }
}

/// Whether the numbers of records add up. With `dataDeletion`, what was deleted is what was there less what is left. With a job, it
/// is the job's own figure, and together with everything that is still there it is no more than the job had found.
fn adds_up(api: DeletionApi, attempt: &Attempt, end: &End) -> bool {
    let (deleted, protected) = (end.records_deleted, end.protected.unwrap_or(0));
    match (api, attempt.processed) {
        (DeletionApi::DataDeletion, _) => {
            let gone = end.before.zip(end.remaining).and_then(|(before, left)| before.checked_sub(left));
            end.protected.is_none() && deleted == gone
        }
        (DeletionApi::RecordingJobs, Some(job)) => {
            let sum = |others: u64| job.deleted.saturating_add(others).saturating_add(protected);
            let is_own = deleted == Some(job.deleted) && sum(end.remaining.unwrap_or(0)) <= job.recordings;
            let is_whole = protected == job.skipped && sum(0) == job.recordings;
            protected <= job.skipped && (deleted.is_none() || is_own) && (end.outcome != Outcome::Verified || is_whole)
        }
        (DeletionApi::RecordingJobs, None) => deleted.is_none() && end.protected.is_none(),
    }
}
