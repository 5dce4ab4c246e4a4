//! What carrying out a plan is expected to take.

use super::Estimate;
use crate::chunk::Chunk;
use crate::policy::Policy;
use crate::request::{DeletionApi, PurgeRequest};

/// Held conversations that one look-up asks about.
const LOOKUP_BATCH: usize = 100;

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
    let per_chunk = match request.api {
        // Count, submit, polls, verify.
        DeletionApi::DataDeletion => lookups + count + 1 + polls(job_seconds) + 1,
        // The same, but executing is a call of its own, the gate looks up the holds again, and recordings are looked at one by one.
        DeletionApi::RecordingJobs => {
            lookups + count + 1 + polls(job_seconds) + lookups + 1 + 1 + u64::from(limits.verify_conversations)
        }
    };
    let api_calls = per_chunk.saturating_mul(wide(chunks.len())).saturating_add(1);
    let rounds = wide(chunks.len()).div_ceil(u64::from(limits.concurrency_for(request.api)));
    let by_jobs = rounds.saturating_mul(job_seconds);
    let by_rate = api_calls.saturating_mul(60) / u64::from(limits.requests_per_minute.max(1));
    Estimate {
        chunks: u32::try_from(chunks.len()).unwrap_or(u32::MAX),
        api_calls,
        seconds: by_jobs.max(by_rate),
        assumed_job_seconds: job_seconds,
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

fn wide(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::polls;

    #[test]
    fn polls_back_off() {
        assert_eq!([0, 1, 2, 3, 30, 62, 122, 300].map(polls), [0, 1, 1, 2, 4, 5, 6, 9]);
    }
}
