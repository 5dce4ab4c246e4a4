//! What carrying out a plan is expected to take, if nothing goes wrong: counted along the path that a chunk takes.

use std::time::Duration;

use super::{Estimate, price};
use crate::bounds::{IDS_PER_LOOKUP, QUERY_DAYS};
use crate::chunk::Chunk;
use crate::pace::{Pace, until_next_look, until_next_look_at_recordings};
use crate::policy::{Hold, Policy};
use crate::request::{DeletionApi, PurgeRequest, entities};

/// Looks at a recording job until it has counted what it would delete.
const LOOKS_UNTIL_COUNTED: u64 = 2;
/// Looks at a `dataDeletion` job once others have shown how long one takes: one when it is due, and at times one more.
const LOOKS_ONCE_KNOWN: u64 = 2;
/// Megabytes of a worker, as the template gives them.
const WORKER_MEGABYTES: u64 = 256;
/// Milliseconds that a worker is taken to wait for an answer of the API.
const CALL_MILLIS: u64 = 250;
/// Milliseconds that an invocation is taken to need besides.
const INVOCATION_MILLIS: u64 = 40;
/// Kilobytes written to the ledger for each request to the API, which is on record before it leaves and after it is answered; and
/// quarters of one read. Measured by `cargo xtask fan-out`.
const WRITES_PER_CALL: u64 = 16;
const READS_PER_CALL: u64 = 3;
/// Seconds for which a queue holds a message back at most: a longer wait takes several.
const LONGEST_DELAY: u64 = 900;
/// A message is sent, received and deleted.
const REQUESTS_PER_MESSAGE: u64 = 3;
/// Messages about the run as a whole: its fan-out and its evidence.
const MESSAGES_PER_RUN: u64 = 2;

/// The estimate, on the assumption that a job takes half a minute (`dataDeletion`) or five minutes (`recordingJobs`).
pub(crate) fn estimate(request: &PurgeRequest, policy: &Policy, chunks: &[Chunk]) -> Estimate {
    let limits = &policy.limits;
    let job_seconds = match request.api {
        DeletionApi::DataDeletion => 30,
        DeletionApi::RecordingJobs => 300,
    };
    let cool_off = request.recordings.map_or(0, |options| u64::from(options.cool_off_days));
    let all = wide(chunks.len());
    let at_once = u64::from(limits.concurrency_for(request.api));
    let job = Duration::from_secs(job_seconds);
    let besides = besides_looking(request, policy, chunks);
    let looks_here = looks_at_all(request.api, job, (at_once.min(all), all));
    // The login is one more.
    let api_calls = besides.saturating_mul(all).saturating_add(looks_here).saturating_add(1);
    let rounds = all.div_ceil(at_once);
    let by_jobs = rounds.saturating_mul(job_seconds + besides.saturating_mul(CALL_MILLIS) / 1000);
    let to_send = |calls: u64| calls.saturating_mul(60) / u64::from(limits.requests_per_minute.max(1));
    let by_rate = to_send(api_calls);
    let waits = match request.api {
        DeletionApi::DataDeletion => 0,
        // On average a chunk waits for its slot half of the time that all jobs take.
        DeletionApi::RecordingJobs => slot_looks(by_jobs.saturating_sub(job_seconds) / 2),
    };
    // Queues hold messages back for whole seconds, so functions look less often; and they begin with all chunks at once, before a
    // job has shown how long it takes.
    let looks_on_aws = looks(request.api, job, Duration::from_secs(1)).saturating_mul(all);
    let calls_on_aws = besides.saturating_mul(all).saturating_add(looks_on_aws);
    // All wait for the request budget, too: on average half of the time that it takes to send everything.
    let hops = to_send(calls_on_aws) / 2 / LONGEST_DELAY;
    // A chunk in its cool-off is looked at every hour, and in between its message is handed on.
    let cooling = cool_off.saturating_mul(86_400 / LONGEST_DELAY);
    // A chunk's first wake-up, one after each wait (slot, budget, job, index), and the message that it has ended.
    let messages = (1 + waits + hops + cooling + 1 + 1)
        .saturating_mul(all)
        .saturating_add(looks_on_aws)
        .saturating_add(MESSAGES_PER_RUN);
    let millis = calls_on_aws.saturating_mul(CALL_MILLIS).saturating_add(messages.saturating_mul(INVOCATION_MILLIS));
    // A look for a slot is written down as a request is.
    let written = calls_on_aws.saturating_add(waits.saturating_mul(all));
    let memory = millis.saturating_mul(WORKER_MEGABYTES * price::GIGABYTE_SECOND) / (1000 * 1024);
    Estimate {
        chunks: u32::try_from(chunks.len()).unwrap_or(u32::MAX),
        api_calls,
        // Cool-offs take no place: that of the last chunk comes on top.
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

/// Requests for one chunk, besides the looks at its job: holds, counts, the submit, and the search for what is left.
fn besides_looking(request: &PurgeRequest, policy: &Policy, chunks: &[Chunk]) -> u64 {
    let limits = &policy.limits;
    let counts = wide(entities(&request.record_types).len());
    let held = holds(request, policy, chunks);
    match request.api {
        DeletionApi::DataDeletion => held + limits.max_records.map_or(0, |_| counts) + 1 + counts,
        // Recordings are counted by the job itself; executing it is a call of its own.
        DeletionApi::RecordingJobs => {
            // The recordings of some conversations are looked up before the execution, and once more after it; after a cool-off the
            // platform is asked about them whether it protects any.
            let wanted = u64::from(limits.verify_conversations);
            let cools_off = request.recordings.is_some_and(|options| options.cool_off_days > 0);
            let sample = u64::from(limits.sample_pages().max(1)) + 2 * wanted + u64::from(cools_off);
            1 + LOOKS_UNTIL_COUNTED + held + 1 + sample
        }
    }
}

/// Requests that look the holds up again: conversations by their ids, and those that may reach into a held time.
fn holds(request: &PurgeRequest, policy: &Policy, chunks: &[Chunk]) -> u64 {
    let concerning = || policy.holds_on(request);
    let ids = |hold: &Hold| hold.conversation_ids.as_ref().map_or(0, Vec::len);
    let lookups = wide(concerning().map(ids).sum::<usize>().div_ceil(IDS_PER_LOOKUP));
    let by_time = concerning().any(|hold| hold.conversation_ids.is_none()) || policy.rules_on(request).next().is_some();
    if !by_time || !policy.limits.looks_for_spanning(request.api, &request.record_types) {
        return lookups;
    }
    // The longest chunk, in pieces of what one query may ask for: conversations that have ended, and others.
    let longest = chunks.iter().map(|chunk| chunk.window.millis()).max().unwrap_or_default();
    let piece = i64::from(QUERY_DAYS) * 86_400_000;
    lookups + 2 * u64::try_from(longest.max(1)).unwrap_or(1).div_ceil(piece.unsigned_abs())
}

/// Looks at the jobs of all chunks by one process: those of the first ones until they are over, which shows how long a job takes.
fn looks_at_all(api: DeletionApi, job: Duration, (first, all): (u64, u64)) -> u64 {
    let unknown = looks(api, job, Duration::ZERO);
    let known = match api {
        DeletionApi::DataDeletion => LOOKS_ONCE_KNOWN,
        DeletionApi::RecordingJobs => unknown,
    };
    unknown.saturating_mul(first).saturating_add(known.saturating_mul(all - first))
}

/// Looks at a job until one of that length is over, when no pause between them is shorter than that.
fn looks(api: DeletionApi, job: Duration, shortest: Duration) -> u64 {
    let (mut age, mut looks) = (Duration::ZERO, 0);
    while age < job {
        let pause = match api {
            DeletionApi::DataDeletion => until_next_look(age, Pace::default()),
            DeletionApi::RecordingJobs => until_next_look_at_recordings(age),
        };
        age += pause.max(shortest) + Duration::from_millis(CALL_MILLIS);
        looks += 1;
    }
    looks
}

/// Looks for a free slot in that many seconds, when the pause between them grows by 2 seconds up to half a minute.
fn slot_looks(seconds: u64) -> u64 {
    match seconds.checked_sub(240) {
        None => seconds.isqrt(),
        Some(more) => 15 + more / 30,
    }
}

fn wide(n: usize) -> u64 {
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
