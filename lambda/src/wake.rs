//! Messages: which chunk to look at or which errand to run, and when at the earliest. They carry no truth: what they are about is
//! looked up in the ledger.

use std::time::Duration;

use purge_core::run::Asked;
use purge_core::time::Timestamp;
pub use purge_core::wake::{MESSAGE_VERSION, WakeUp};
use serde::{Deserialize, Serialize};

/// The longest time for which SQS holds a message back.
pub const LONGEST_DELAY: Duration = Duration::from_secs(900);

/// Ranges of chunks in one message. With the longest numbers they take 160 kB, and a queue accepts 256.
const MOST_ROWS: usize = 10_000;

/// A message about a run rather than a chunk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Errand {
    /// [`MESSAGE_VERSION`].
    pub v: u32,
    /// Which run.
    pub run_id: String,
    /// What to do for it.
    pub errand: ErrandKind,
    /// When to do it at the earliest: until then the message is only sent on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// How often in a row the ledger did not answer while it was run.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unanswered: u32,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum ErrandKind {
    /// Wake the open chunks.
    FanOut {
        /// The last chunk that has been woken; 0 at first.
        after: u32,
    },
    /// Deliver a message of the outbox. These errands have a queue of their own.
    Deliver {
        /// Id of the message.
        message: String,
    },
    /// Look for parts of the run that are stalled, and set them going.
    Sweep(Sweep),
    /// Queue chunks again for another attempt, and wake them.
    Retry(Retry),
    /// Put the evidence of a run that has ended into its bucket.
    Evidence,
}

/// Which chunks of a run are still to be queued again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Retry {
    /// Ranges of neighbouring chunks, each by its first and its last, in order.
    pub rows: Vec<(u32, u32)>,
    /// A chunk that ended later has been tried again already, by an earlier delivery of this errand.
    pub ended_by: Timestamp,
    /// Who asked for it.
    pub asked: Asked,
}

impl Retry {
    /// Splits these chunks, which are in order, into as few messages as can hold them.
    #[must_use]
    pub fn of(chunks: &[u32], ended_by: Timestamp, asked: &Asked) -> Vec<Self> {
        let mut rows = Vec::<(u32, u32)>::new();
        for chunk in chunks {
            match rows.last_mut() {
                Some((_, last)) if last.checked_add(1) == Some(*chunk) => *last = *chunk,
                Some(_) | None => rows.push((*chunk, *chunk)),
            }
        }
        rows.chunks(MOST_ROWS).map(|rows| Self { rows: rows.to_vec(), ended_by, asked: asked.clone() }).collect()
    }
}

/// Which part of a run is still to be looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Sweep {
    /// The last chunk that has been examined; 0 at first.
    pub after: u32,
    /// How many of the examined chunks were stalled; needed only for the metric.
    pub stalled: u32,
    /// After how many seconds something counts as overdue; `None` for what follows from the queues' times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overdue_seconds: Option<u32>,
}

impl Errand {
    /// An errand that is due at once.
    #[must_use]
    pub fn new(run_id: &str, kind: ErrandKind) -> Self {
        Self { v: MESSAGE_VERSION, run_id: run_id.to_owned(), errand: kind, not_before: None, unanswered: 0 }
    }
}

/// The delay for a message that is due at `at`: in whole seconds, never early, and at most what SQS allows. A longer wait takes
/// several messages.
#[must_use]
pub fn delay_seconds(at: Timestamp, now: Timestamp) -> i32 {
    let millis = at.since(now).min(LONGEST_DELAY).as_millis();
    i32::try_from(millis.div_ceil(1000)).unwrap_or(900)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked() -> Asked {
        Asked::new("a@example.com", Timestamp::EPOCH).unwrap()
    }

    #[test]
    fn delays_are_whole_seconds_within_what_sqs_takes() {
        let now = Timestamp::from_millis(1_700_000_000_000);
        let after = |millis| delay_seconds(Timestamp::from_millis(now.millis() + millis), now);
        let delays = [-5_000, 0, 1, 999, 1_000, 1_001, 899_999, 900_000, 900_001, i64::from(u32::MAX)].map(after);
        assert_eq!(delays, [0, 0, 1, 1, 1, 2, 900, 900, 900, 900]);
    }

    #[test]
    fn the_chunks_of_a_retry_fit_into_messages() {
        let rows = |chunks: &[u32]| -> Vec<_> {
            Retry::of(chunks, Timestamp::EPOCH, &asked()).into_iter().map(|retry| retry.rows).collect()
        };
        assert_eq!(rows(&[]), Vec::<Vec<_>>::new());
        assert_eq!(rows(&[1, 2, 3, 7, 9, 10]), [[(1, 3), (7, 7), (9, 10)]]);
        let all: Vec<_> = (1..=200_000).collect();
        assert_eq!(rows(&all), [[(1, 200_000)]]);
        let scattered: Vec<_> = (100_000..200_000).step_by(2).collect();
        let messages = Retry::of(&scattered, Timestamp::from_millis(i64::from(u32::MAX) * 1000), &asked());
        let back = messages.iter().flat_map(|retry| &retry.rows).flat_map(|(first, last)| *first..=*last);
        assert_eq!(back.collect::<Vec<_>>(), scattered);
        for retry in messages {
            let text = serde_json::to_string(&Errand::new("run-0123456789abcdef", ErrandKind::Retry(retry))).unwrap();
            assert!(text.len() < 200_000, "{}", text.len());
        }
    }

    #[test]
    fn errands_come_back_as_they_were() {
        for kind in [
            ErrandKind::FanOut { after: 3 },
            ErrandKind::Deliver { message: "m".to_owned() },
            ErrandKind::Sweep(Sweep::default()),
            ErrandKind::Sweep(Sweep { after: 9, stalled: 2, overdue_seconds: Some(60) }),
            ErrandKind::Retry(Retry { rows: vec![(1, 3), (7, 7)], ended_by: Timestamp::EPOCH, asked: asked() }),
            ErrandKind::Evidence,
        ] {
            let errand = Errand::new("run-1", kind);
            let text = serde_json::to_string(&errand).unwrap();
            assert_eq!(serde_json::from_str::<Errand>(&text).unwrap(), errand, "{text}");
        }
    }
}
