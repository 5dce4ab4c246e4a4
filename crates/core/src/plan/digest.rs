//! The digest of a plan: what a person approves.

use super::PLAN_VERSION;
use crate::chunk::{Age, Chunk};
use crate::json::{canonical, digest, digest_of};
use crate::policy::Policy;
use crate::request::PurgeRequest;
use crate::time::Timestamp;

/// Digest of the canonical bytes of a policy.
#[must_use]
pub fn policy_digest(policy: &Policy) -> String {
    digest(canonical(policy).as_bytes())
}

/// Digest of the canonical bytes of `{"chunks", "policyDigest", "request", "version"}`.
///
/// Chunks are named by their stretches: a plan may have 200,000 chunks, nearly all of which follow from the few places where the range, a
/// hold or a retention period begins or ends.
pub(crate) fn plan_digest(request: &PurgeRequest, policy_digest: &str, chunks: &[Chunk]) -> String {
    let mut list = String::new();
    for stretch in stretches(chunks) {
        list.push_str(if list.is_empty() { "" } else { "," });
        list.push_str(&stretch.written());
    }
    // Members in sorted order, as RFC 8785 wants them.
    digest_of(&[
        b"{\"chunks\":[",
        list.as_bytes(),
        b"],\"policyDigest\":",
        canonical(&policy_digest).as_bytes(),
        b",\"request\":",
        canonical(request).as_bytes(),
        format!(",\"version\":{PLAN_VERSION}}}").as_bytes(),
    ])
}

/// Adjacent chunks of one age and one length, of which the last may be shorter.
struct Stretch {
    start: Timestamp,
    end: Timestamp,
    /// Milliseconds of each chunk but the last.
    length: i64,
    age: Age,
}

impl Stretch {
    fn of(chunk: &Chunk) -> Self {
        Self { start: chunk.window.start(), end: chunk.window.end(), length: chunk.window.millis(), age: chunk.age }
    }

    /// Whether this chunk is the next of the stretch. After one that is shorter than the others none is.
    fn goes_on_with(&self, chunk: &Chunk) -> bool {
        self.end == chunk.window.start()
            && self.age == chunk.age
            && chunk.window.millis() <= self.length
            && (self.end.millis() - self.start.millis()) % self.length == 0
    }

    /// `[START,END,LENGTH]`, with `"aged"` as a fourth member where that is the age.
    fn written(&self) -> String {
        let age = match self.age {
            Age::Recent => "",
            Age::Aged => ",\"aged\"",
        };
        format!("[{},{},{}{age}]", self.start.millis(), self.end.millis(), self.length)
    }
}

/// The chunks, as few stretches as possible: two lists of chunks have the same stretches only if they are the same.
fn stretches(chunks: &[Chunk]) -> Vec<Stretch> {
    let mut stretches: Vec<Stretch> = Vec::new();
    for chunk in chunks {
        match stretches.last_mut() {
            Some(stretch) if stretch.goes_on_with(chunk) => stretch.end = chunk.window.end(),
            Some(_) | None => stretches.push(Stretch::of(chunk)),
        }
    }
    stretches
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::window::Window;

    fn chunks(lengths: &[(i64, i64, Age)]) -> Vec<Chunk> {
        let mut end = 0;
        let windows = lengths.iter().map(|&(gap, length, age)| {
            let start = end + gap;
            end = start + length;
            let window = Window::new(Timestamp::from_millis(start), Timestamp::from_millis(end)).unwrap();
            Chunk { index: 1, total: 1, window, age }
        });
        windows.collect()
    }

    fn written(lengths: &[(i64, i64, Age)]) -> String {
        stretches(&chunks(lengths)).iter().map(Stretch::written).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_stretch_ends_at_a_gap_a_shorter_chunk_and_another_age() {
        use Age::{Aged, Recent};
        for (lengths, expected) in [
            (&[][..], ""),
            (&[(0, 5, Recent)], "[0,5,5]"),
            (&[(0, 5, Recent), (0, 5, Recent), (0, 5, Recent)], "[0,15,5]"),
            // The last may be shorter, and nothing follows a shorter one.
            (&[(0, 5, Recent), (0, 5, Recent), (0, 3, Recent)], "[0,13,5]"),
            (&[(0, 5, Recent), (0, 3, Recent), (0, 3, Recent)], "[0,8,5] [8,11,3]"),
            // The first may be shorter, after a hold.
            (&[(7, 2, Recent), (0, 5, Recent), (0, 5, Recent)], "[7,9,2] [9,19,5]"),
            (&[(0, 5, Recent), (1, 5, Recent)], "[0,5,5] [6,11,5]"),
            (&[(0, 5, Aged), (0, 5, Aged), (0, 5, Recent)], "[0,10,5,\"aged\"] [10,15,5]"),
        ] {
            assert_eq!(written(lengths), expected, "{lengths:?}");
        }
    }

    proptest! {
        /// So no other list of chunks has the same digest.
        #[test]
        fn the_chunks_follow_from_their_stretches(
            lengths in prop::collection::vec((0_i64..3, 1_i64..4, prop_oneof![Just(Age::Recent), Just(Age::Aged)]), 0..20)
        ) {
            let chunks = chunks(&lengths);
            let mut cut = Vec::new();
            for stretch in stretches(&chunks) {
                let mut start = stretch.start;
                while start < stretch.end {
                    let end = Timestamp::from_millis(start.millis() + stretch.length).min(stretch.end);
                    cut.push((start, end, stretch.age));
                    start = end;
                }
            }
            let expected: Vec<_> = chunks.iter().map(|c| (c.window.start(), c.window.end(), c.age)).collect();
            prop_assert_eq!(cut, expected);
        }
    }
}
