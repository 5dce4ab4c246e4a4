//! The expected effort of a plan if nothing goes wrong, counted along the path that a chunk takes.

use std::time::Duration;

use super::{Estimate, price};
use crate::bounds::{IDS_PER_LOOKUP, QUERY_DAYS};
use crate::chunk::Chunk;
use crate::pace::{Pace, until_next_look, until_next_look_at_recordings};
use crate::policy::{Hold, Policy};
use crate::request::{DeletionApi, PurgeRequest, entities};

/// Polls of a recording job until it has counted what it would delete.
const POLLS_UNTIL_COUNTED: u64 = 2;
/// Polls of a `dataDeletion` job once earlier jobs have shown how long one takes: one when it is due, and sometimes one more.
const POLLS_ONCE_KNOWN: u64 = 2;
/// Megabytes of memory of a worker, as in the template.
const WORKER_MEGABYTES: u64 = 256;
/// Milliseconds that a worker is assumed to wait for an answer of the API.
const CALL_MILLIS: u64 = 250;
/// Milliseconds that an invocation is assumed to need in addition.
const INVOCATION_MILLIS: u64 = 40;
/// Write units (kilobytes) in the ledger for each request to the API, which is recorded before it leaves and after it is answered.
/// Measured by `cargo xtask fan-out`.
const WRITES_PER_CALL: u64 = 16;
/// Read units (four kilobytes) in the ledger for each request to the API. Measured likewise.
const READS_PER_CALL: u64 = 3;
/// The longest time, in seconds, that a queue holds a message back. A longer wait takes several messages.
const LONGEST_DELAY: u64 = 900;
/// Requests to the queue for each message: it is sent, received and deleted.
const REQUESTS_PER_MESSAGE: u64 = 3;
/// Messages about the run as a whole: for its fan-out and for its evidence.
const MESSAGES_PER_RUN: u64 = 2;

/// Makes the estimate, assuming that a job takes half a minute (`dataDeletion`) or five minutes (`recordingJobs`).
pub(crate) fn estimate(request: &PurgeRequest, policy: &Policy, chunks: &[Chunk]) -> Estimate {
    let limits = &policy.limits;
    let job_seconds = match request.api {
        DeletionApi::DataDeletion => 30,
        DeletionApi::RecordingJobs => 300,
    };
    let cool_off = request.recordings.map_or(0, |options| u64::from(options.cool_off_days));
    let all = to_u64(chunks.len());
    let at_once = u64::from(limits.concurrency_for(request.api));
    let job = Duration::from_secs(job_seconds);
    let other_calls = calls_besides_polls(request, policy, chunks);
    let polls_here = polls_of_all(request.api, job, (at_once.min(all), all));
    // Plus the login.
    let api_calls = other_calls.saturating_mul(all).saturating_add(polls_here).saturating_add(1);
    let rounds = all.div_ceil(at_once);
    let by_jobs = rounds.saturating_mul(job_seconds + other_calls.saturating_mul(CALL_MILLIS) / 1000);
    let to_send = |calls: u64| calls.saturating_mul(60) / u64::from(limits.requests_per_minute.max(1));
    let by_rate = to_send(api_calls);
    let waits = match request.api {
        DeletionApi::DataDeletion => 0,
        // On average a chunk waits for its slot half as long as all jobs take.
        DeletionApi::RecordingJobs => slot_looks(by_jobs.saturating_sub(job_seconds) / 2),
    };
    // Queues delay messages by whole seconds, so the functions poll less often. They also begin with all chunks at once, before a
    // job has shown how long it takes.
    let polls_on_aws = polls(request.api, job, Duration::from_secs(1)).saturating_mul(all);
    let calls_on_aws = other_calls.saturating_mul(all).saturating_add(polls_on_aws);
    // All chunks also wait for the request budget: on average half as long as it takes to send everything.
    let hops = to_send(calls_on_aws) / 2 / LONGEST_DELAY;
    // A chunk in its cool-off is looked at every hour; in between, its message is passed on.
    let cooling = cool_off.saturating_mul(86_400 / LONGEST_DELAY);
    // The first wake-up of a chunk, one after each wait (slot, budget, job, index), and the message that it has ended.
    let messages = (1 + waits + hops + cooling + 1 + 1)
        .saturating_mul(all)
        .saturating_add(polls_on_aws)
        .saturating_add(MESSAGES_PER_RUN);
    let millis = calls_on_aws.saturating_mul(CALL_MILLIS).saturating_add(messages.saturating_mul(INVOCATION_MILLIS));
    // A look for a slot is written to the ledger like a request.
    let written = calls_on_aws.saturating_add(waits.saturating_mul(all));
    let memory = millis.saturating_mul(WORKER_MEGABYTES * price::GIGABYTE_SECOND) / (1000 * 1024);
    Estimate {
        chunks: u32::try_from(chunks.len()).unwrap_or(u32::MAX),
        api_calls,
        // A cool-off occupies no place, so only that of the last chunk adds to the time.
        seconds: by_jobs.max(by_rate).saturating_add(cool_off.saturating_mul(86_400)),
        assumed_job_seconds: job_seconds,
        calls_per_chunk: api_calls / all.max(1),
        messages,
        lambda_nano_dollars: messages.saturating_mul(price::INVOCATION).saturating_add(memory),
        sqs_nano_dollars: messages.saturating_mul(REQUESTS_PER_MESSAGE * price::QUEUE_REQUEST),
        table_nano_dollars: written
            .saturating_mul(WRITES_PER_CALL * price::WRITE_UNIT + READS_PER_CALL * price::READ_UNIT),
    }
}

/// Requests for one chunk other than polls of its job: holds, counts, the submit, and the search for what is left.
fn calls_besides_polls(request: &PurgeRequest, policy: &Policy, chunks: &[Chunk]) -> u64 {
    let limits = &policy.limits;
    let counts = to_u64(entities(&request.record_types).len());
    let held = hold_lookups(request, policy, chunks);
    match request.api {
        DeletionApi::DataDeletion => held + limits.max_records.map_or(0, |_| counts) + 1 + counts,
        // The job itself counts the recordings. Executing it is a separate call.
        DeletionApi::RecordingJobs => {
            // The recordings of some conversations are looked up before and after the execution. After a cool-off, the platform is
            // asked whether it protects any of these conversations.
            let wanted = u64::from(limits.verify_conversations);
            let cools_off = request.recordings.is_some_and(|options| options.cool_off_days > 0);
            let sample = u64::from(limits.sample_pages().max(1)) + 2 * wanted + u64::from(cools_off);
            1 + POLLS_UNTIL_COUNTED + held + 1 + sample
        }
    }
}

/// Requests that look the holds up again: held conversations by their ids, and conversations that may reach into a kept time.
fn hold_lookups(request: &PurgeRequest, policy: &Policy, chunks: &[Chunk]) -> u64 {
    let concerning = || policy.holds_on(request);
    let ids = |hold: &Hold| hold.conversation_ids.as_ref().map_or(0, Vec::len);
    let lookups = to_u64(concerning().map(ids).sum::<usize>().div_ceil(IDS_PER_LOOKUP));
    let by_time = concerning().any(|hold| hold.conversation_ids.is_none()) || policy.rules_on(request).next().is_some();
    if !by_time || !policy.limits.looks_for_spanning(request.api, &request.record_types) {
        return lookups;
    }
    // The longest chunk, cut into the longest intervals that a query may have; each is asked for ended conversations and for
    // others.
    let longest = chunks.iter().map(|chunk| chunk.window.millis()).max().unwrap_or_default();
    let piece = i64::from(QUERY_DAYS) * 86_400_000;
    lookups + 2 * u64::try_from(longest.max(1)).unwrap_or(1).div_ceil(piece.unsigned_abs())
}

/// Polls of all jobs by one process. The first jobs are polled until they are over, which shows how long a job takes.
fn polls_of_all(api: DeletionApi, job: Duration, (first, all): (u64, u64)) -> u64 {
    let unknown = polls(api, job, Duration::ZERO);
    let known = match api {
        DeletionApi::DataDeletion => POLLS_ONCE_KNOWN,
        DeletionApi::RecordingJobs => unknown,
    };
    unknown.saturating_mul(first).saturating_add(known.saturating_mul(all - first))
}

/// Polls of a job of length `job`, if no pause between them is shorter than `shortest`.
fn polls(api: DeletionApi, job: Duration, shortest: Duration) -> u64 {
    let (mut age, mut polls) = (Duration::ZERO, 0);
    while age < job {
        let pause = match api {
            DeletionApi::DataDeletion => until_next_look(age, Pace::default()),
            DeletionApi::RecordingJobs => until_next_look_at_recordings(age),
        };
        age += pause.max(shortest) + Duration::from_millis(CALL_MILLIS);
        polls += 1;
    }
    polls
}

/// Looks for a free slot within `seconds`, with a pause that grows by 2 seconds each time up to half a minute.
fn slot_looks(seconds: u64) -> u64 {
    match seconds.checked_sub(240) {
        None => seconds.isqrt(),
        Some(more) => 15 + more / 30,
    }
}

fn to_u64(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::slot_looks;

    #[test]
    fn looks_for_a_slot_back_off() {
        let walked = |seconds: u64| {
            let pauses = (1..).map(|tries: u64| 2 * tries.min(15));
            let ends = pauses.scan(0, |waited, pause| {
                *waited += pause;
                Some(*waited)
            });
            ends.take_while(|end| *end <= seconds).count() as u64
        };
        for seconds in [0, 1, 2, 5, 6, 100, 239, 240, 241, 300, 3_000, 150_000] {
            assert!(walked(seconds).abs_diff(slot_looks(seconds)) <= 1, "{seconds}");
        }
    }
}
