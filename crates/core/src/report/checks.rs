//! The identities that must hold. Every check here can fail, and a report that fails one says so.

use super::{Accounting, ChunkReport, Ordered, Problem};
use crate::outcome::Outcome;
use crate::request::DeletionApi;

/// Checks the plan against the order: chunks are numbered without a gap, and every millisecond is accounted for once.
pub(super) fn plan_problems(ordered: Ordered<'_>, accounting: &Accounting) -> Vec<Problem> {
    let mut problems = Vec::new();
    let expected = ordered.order.chunks;
    let mut rest = ordered.chunks;
    for index in 1..=expected {
        // The chunks are in order.
        if let Some((_, others)) = rest.split_first().filter(|(first, _)| first.index == index) {
            rest = others;
        } else {
            problems.push(Problem::new("chunk.missing", index, "the chunk is part of the order, but not of the plan"));
        }
    }
    if u32::try_from(ordered.chunks.len()) != Ok(expected) || expected == 0 {
        let message = format!("{} chunks were planned and {expected} ordered", ordered.chunks.len());
        problems.push(Problem::new("chunk.count", None, message));
    }
    if accounting.accounted_ms() != accounting.requested_ms {
        let message = format!(
            "{} ms were requested and {} ms are accounted for",
            accounting.requested_ms,
            accounting.accounted_ms()
        );
        problems.push(Problem::new("accounting.range", None, message));
    }
    let chunks_ms = ordered.chunks.iter().fold(0_i64, |sum, chunk| sum.saturating_add(chunk.window.millis()));
    if chunks_ms != accounting.chunks_ms {
        let message = format!("the chunks cover {chunks_ms} ms, their parts {} ms", accounting.chunks_ms);
        problems.push(Problem::new("accounting.chunks", None, message));
    }
    problems
}

/// Checks that the outcome and the numbers of a chunk agree.
pub(super) fn chunk_problems(api: DeletionApi, chunk: &ChunkReport) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut problem = |code, message: String| problems.push(Problem::new(code, chunk.index, message));
    let Some(outcome) = chunk.outcome else {
        return problems;
    };
    if outcome == Outcome::Verified {
        match (chunk.remaining, api) {
            // A sample in which nothing is found does not measure what is left elsewhere.
            (Some(0), _) | (None, DeletionApi::RecordingJobs) => {}
            (Some(left), _) => problem("verified.remaining", format!("verified, although {left} records remain")),
            (None, DeletionApi::DataDeletion) => {
                problem("verified.remaining", "verified, although what remains was not counted".to_owned());
            }
        }
        if chunk.cause.is_some() {
            problem("verified.cause", "verified, although it has a cause of failure".to_owned());
        }
    } else if chunk.cause.is_none() {
        problem("cause.missing", format!("{} without a cause", outcome.as_str()));
    }
    problems
}
