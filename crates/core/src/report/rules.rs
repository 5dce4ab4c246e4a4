//! What has to hold between the records of an attempt. Whoever makes a log up, with hashes that fit, has to keep these, too.
//!
//! No two clocks are compared, for one that is set right would make good evidence invalid; nor are durations and numbers of requests
//! judged. Every rule follows from what the step machine does in every run.

use super::attempt::{Attempt, End, deletes};
use crate::api::{data_deletion, recording_jobs};
use crate::audit::{AuditRecord, Event};
use crate::chunk::Chunk;
use crate::http::HttpRequest;
use crate::json::digest;
use crate::order::Order;
use crate::outcome::Outcome;
use crate::request::DeletionApi;

/// Whether it is broken, its code, and what an attempt does that breaks it.
type Rule = (bool, &'static str, &'static str);

/// What has to hold between a record and those of its attempt before it.
pub(super) fn of_record(attempt: &Attempt, order: &Order, chunk: Chunk, record: &AuditRecord) -> [Rule; 8] {
    let api = order.request.api;
    let call = if let Event::Sending { call, .. } = &record.event { call } else { "" };
    let (changes, deletes) = (!call.is_empty() && !call.starts_with("DELETE "), deletes(api, call));
    let unguarded = deletes && !attempt.cleared && to_look_for(order, chunk) != (0, 0);
    let unlimited = api == DeletionApi::DataDeletion && order.limits.max_records.is_none();
    [
        (is_out_of_turn(attempt, &record.event), "attempt.start", "does not begin with its start, or starts twice"),
        (
            is_of_another(attempt, record),
            "request.id",
            "is about another request than before, or one that nobody has accepted",
        ),
        (!is_ours(order, chunk, record), "request.body", "sent another request than the one for this chunk"),
        (changes && attempt.cancelled, "cancel.sent", "went on with what deletes after somebody had asked to stop"),
        (changes && attempt.held, "held.sent", "found conversations on hold and deleted nevertheless"),
        (unguarded, "guards.unasked", "deleted before it had looked for all that is on hold"),
        (
            deletes && !(attempt.within_limit || unlimited),
            "guards.limit",
            "deleted without a count within `limits.maxRecords`",
        ),
        (is_misnamed(record), "record.status", "ended otherwise than its last record's status says"),
    ]
}

/// Conversations on hold, and windows and periods that conversations of the chunk may reach into: what is looked for before it is deleted.
pub(super) fn to_look_for(order: &Order, chunk: Chunk) -> (u64, u64) {
    (order.held_conversations.len() as u64, order.reachable_from(chunk.window).count() as u64)
}

/// A chunk may be cancelled or given up before it is begun; everything else comes after its start, of which there is one.
fn is_out_of_turn(attempt: &Attempt, event: &Event) -> bool {
    let starts = matches!(event, Event::Started { .. });
    starts == attempt.begun && !matches!(event, Event::CancelAsked { .. } | Event::Finished { .. })
}

/// An id comes with the acceptance, or from the attempt before, and stays.
fn is_of_another(attempt: &Attempt, record: &AuditRecord) -> bool {
    let submitted = matches!(record.event, Event::Submitted);
    match (&attempt.request_id, &record.request_id) {
        (None, None) => submitted,
        (None, Some(_)) => !submitted && record.request_id != attempt.inherited.request_id,
        (Some(before), now) => now.as_ref() != Some(before),
    }
}

/// Whether what is sent is what this program sends for this chunk, to the byte.
fn is_ours(order: &Order, chunk: Chunk, record: &AuditRecord) -> bool {
    let Event::Sending { call, body_sha256 } = &record.event else { return true };
    should_send(order, chunk, record, call).is_some_and(|should| {
        *call == format!("{} {}", should.method.as_str(), should.path)
            && *body_sha256 == should.body.map(|body| digest(body.as_bytes()))
    })
}

fn should_send(order: &Order, chunk: Chunk, record: &AuditRecord, call: &str) -> Option<HttpRequest> {
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

fn is_misnamed(record: &AuditRecord) -> bool {
    matches!(&record.event, Event::Finished { outcome, .. } if record.status != outcome.as_str())
}

/// What has to hold of submits, whether the attempt has ended or not.
pub(super) fn of_submits(attempt: &Attempt) -> [Rule; 3] {
    let submits = attempt.submits();
    // Fewer may have been accepted than were announced; never more.
    let announced = attempt.inherited.submits.saturating_add(attempt.sent);
    [
        (attempt.accepted > 1, "submits.accepted", "had more than one submit accepted"),
        (
            attempt.accepted.max(attempt.own) > submits,
            "submits.unsent",
            "counts fewer submits than were accepted or had no answer",
        ),
        (submits > announced, "submits.unrecorded", "counts more submits than it has announced"),
    ]
}

/// What has to hold between the end of an attempt and the records before it.
pub(super) fn of_end(api: DeletionApi, attempt: &Attempt, end: &End) -> [Rule; 8] {
    let verified = end.outcome == Outcome::Verified;
    [
        (verified && !is_done(api, attempt, end), "verified.undone", "is verified, though the API has not done it"),
        (verified && !was_seen(attempt, end), "verified.unseen", "is verified, and its last look does not say so"),
        (
            verified && attempt.processed.is_some_and(|job| !job.due),
            "verified.early",
            "is verified, though the recordings' date has neither come nor been waited for",
        ),
        (denies(api, attempt, end), "outcome.denied", "ends as if nothing could have been deleted"),
        (is_contradicted(end), "records.deleted", "has deleted records, though its end says that it has not"),
        (!is_before(attempt, end), "records.before", "counted something else before it deleted than its end says"),
        (!is_left(api, attempt, end), "records.left", "found something else left than its end says"),
        (!adds_up(api, attempt, end), "records.sum", "has numbers of records that do not add up"),
    ]
}

/// A request that was submitted and is over: the API says that it is done, or, where an unanswered submit has no id to ask for, it was
/// watched whether the window empties.
fn is_done(api: DeletionApi, attempt: &Attempt, end: &End) -> bool {
    let remote = attempt.remote.as_deref();
    end.submits > 0
        && match api {
            DeletionApi::DataDeletion => remote == Some("completed") || (remote.is_none() && attempt.looked),
            DeletionApi::RecordingJobs => {
                remote == Some("FULFILLED") && attempt.processed.is_some_and(|job| job.failed == 0)
            }
        }
}

/// The last look after the last deletion found nothing, where there was something to be looked at.
fn was_seen(attempt: &Attempt, end: &End) -> bool {
    let nothing_to_see = end.records_deleted == Some(0);
    attempt.seen.is_some_and(|look| {
        look.fits && look.found == 0 && look.remaining == end.remaining && (!look.idle || nothing_to_see)
    })
}

/// Ends as if nothing could have been deleted, after a submit that may have arrived, or a job that ran.
fn denies(api: DeletionApi, attempt: &Attempt, end: &End) -> bool {
    let may_have_run = match (api, attempt.remote.as_deref()) {
        (DeletionApi::DataDeletion, _) => end.submits > 0,
        // One that was carried out and skipped everything has deleted nothing.
        (DeletionApi::RecordingJobs, Some("PROCESSING" | "FULFILLED")) => {
            attempt.processed.is_none_or(|job| job.gone > 0)
        }
        // Only the job itself can say that an execution without an answer has not arrived.
        (DeletionApi::RecordingJobs, remote) => {
            attempt.processed.is_some_and(|job| job.gone > 0) || (attempt.unanswered && remote != Some("CANCELLED"))
        }
    };
    end.is_harmless() && may_have_run
}

/// What ended so, or submitted nothing, has deleted nothing; another attempt at the same chunk may have.
fn is_contradicted(end: &End) -> bool {
    (end.is_harmless() || end.submits == 0) && end.records_deleted.is_some_and(|deleted| deleted > 0)
}

/// The count before is what was counted in this attempt, or in the one whose submit it goes on with.
fn is_before(attempt: &Attempt, end: &End) -> bool {
    match attempt.counted {
        Some(_) => end.before == attempt.counted || end.before == attempt.most,
        None => end.before.is_none() || end.before == attempt.inherited.before,
    }
}

/// What is left is what the last look found. Without one it is what a watched window still holds.
fn is_left(api: DeletionApi, attempt: &Attempt, end: &End) -> bool {
    match attempt.seen {
        Some(look) => end.remaining == look.remaining,
        None => end.remaining.is_none() || (api == DeletionApi::DataDeletion && attempt.looked),
    }
}

/// What `dataDeletion` has deleted is what was there less what is left. Of a job it is its own figure, and fits with all that is still
/// there into what it had found.
fn adds_up(api: DeletionApi, attempt: &Attempt, end: &End) -> bool {
    let (deleted, protected) = (end.records_deleted, end.protected.unwrap_or(0));
    match (api, attempt.processed) {
        (DeletionApi::DataDeletion, _) => {
            let gone = end.before.zip(end.remaining).and_then(|(before, left)| before.checked_sub(left));
            end.protected.is_none() && deleted == gone
        }
        (DeletionApi::RecordingJobs, Some(job)) => {
            let sum = |others: u64| job.gone.saturating_add(others).saturating_add(protected);
            let is_own = deleted == Some(job.gone) && sum(end.remaining.unwrap_or(0)) <= job.recordings;
            let is_whole = protected == job.skipped && sum(0) == job.recordings;
            protected <= job.skipped && (deleted.is_none() || is_own) && (end.outcome != Outcome::Verified || is_whole)
        }
        (DeletionApi::RecordingJobs, None) => deleted.is_none() && end.protected.is_none(),
    }
}
