//! What carrying out a plan is expected to take.

use super::{Estimate, price};
use crate::chunk::Chunk;
use crate::policy::Policy;
use crate::request::{DeletionApi, PurgeRequest};

/// Held conversations that one look-up asks about.
const LOOKUP_BATCH: usize = 100;

/// Megabytes of a worker, as the template gives them.
const WORKER_MEGABYTES: u64 = 256;
/// Milliseconds that a worker is taken to wait for an answer of the API.
const CALL_MILLIS: u64 = 250;
/// Milliseconds that an invocation is taken to need besides.
const INVOCATION_MILLIS: u64 = 40;
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
    let held: usize = policy.holds.iter().filter_map(|hold| hold.conversation_ids.as_ref()).map(Vec::len).sum();
    let lookups = wide(held.div_ceil(LOOKUP_BATCH));
    let count = u64::from(limits.max_records.is_some());
    let calls_per_chunk = match request.api {
        // Count, submit, polls, verify.
        DeletionApi::DataDeletion => lookups + count + 1 + polls(job_seconds) + 1,
        // The same, but executing is a call of its own, the gate looks up the holds again, and recordings are looked at one by one.
        DeletionApi::RecordingJobs => {
            lookups + count + 1 + polls(job_seconds) + lookups + 1 + 1 + u64::from(limits.verify_conversations)
        }
    };
    let api_calls = calls_per_chunk.saturating_mul(wide(chunks.len())).saturating_add(1);
    let rounds = wide(chunks.len()).div_ceil(u64::from(limits.concurrency_for(request.api)));
    let by_jobs = rounds.saturating_mul(job_seconds);
    let by_rate = api_calls.saturating_mul(60) / u64::from(limits.requests_per_minute.max(1));
    let waits = match request.api {
        DeletionApi::DataDeletion => 0,
        // On average a chunk waits for its slot half of the time that all jobs take.
        DeletionApi::RecordingJobs => slot_looks(by_jobs.saturating_sub(job_seconds) / 2),
    };
    // Its first wake-up, one after each wait (slot, job, index), and the message that it has ended.
    let per_chunk = 1 + waits + polls(job_seconds) + 1 + 1;
    let messages = per_chunk.saturating_mul(wide(chunks.len())).saturating_add(MESSAGES_PER_RUN);
    let millis = api_calls.saturating_mul(CALL_MILLIS).saturating_add(messages.saturating_mul(INVOCATION_MILLIS));
    let memory = millis.saturating_mul(WORKER_MEGABYTES * price::GIGABYTE_SECOND) / (1000 * 1024);
    Estimate {
        chunks: u32::try_from(chunks.len()).unwrap_or(u32::MAX),
        api_calls,
        seconds: by_jobs.max(by_rate),
        assumed_job_seconds: job_seconds,
        calls_per_chunk,
        messages,
        lambda_nano_dollars: messages.saturating_mul(price::INVOCATION).saturating_add(memory),
        sqs_nano_dollars: messages.saturating_mul(REQUESTS_PER_MESSAGE * price::QUEUE_REQUEST),
    }
}

/// Polls until a job of that length is done, when the pause between them doubles from 2 seconds to a minute.
fn polls(job_seconds: u64) -> u64 {
    let (mut waited, mut pause, mut polls) = (0, 2, 0);
    while waited < job_seconds {
        waited += pause;
        pause = (pause * 2).min(60);
        polls += 1;
    }
    polls
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
    use super::{polls, slot_looks};

    #[test]
    fn polls_back_off() {
        assert_eq!([0, 1, 2, 3, 30, 62, 122, 300].map(polls), [0, 1, 1, 2, 4, 5, 6, 9]);
    }

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
