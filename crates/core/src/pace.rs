//! How often to look at a job: often at first, less often as it gets older, and just in time once other jobs have shown how long
//! one takes.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What the finished jobs of this run have shown about how long a job takes, in milliseconds, so that the next job is not polled in
/// vain. All zero while nothing is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Pace {
    /// Age at which jobs were still unfinished.
    pub unfinished_ms: u64,
    /// Age at which jobs were finished.
    pub finished_ms: u64,
    /// Time from the end of a job until the search index showed it.
    pub lag_ms: u64,
    /// Age at which the slowest job was finished. Quick jobs do not shorten it.
    #[serde(default)]
    pub slowest_ms: u64,
}

/// Shortest pause before a look at a job of which nothing is known.
const FIRST_LOOK_MS: u64 = 200;
/// Shortest pause between two looks.
const CLOSEST_MS: u64 = 100;
/// Longest pause between two looks.
const FURTHEST_MS: u64 = 60_000;

impl Pace {
    /// Adds what one more job has shown. Jobs of equal length narrow the bounds. If the bounds contradict each other, jobs differ
    /// in length, and the new job replaces what was known.
    #[must_use]
    pub fn and(self, seen: Self) -> Self {
        let (lag_ms, slowest_ms) = (self.lag_ms.max(seen.lag_ms), self.slowest().max(seen.slowest()));
        if self.finished_ms == 0 {
            return Self { lag_ms, slowest_ms, ..seen };
        }
        let unfinished_ms = self.unfinished_ms.max(seen.unfinished_ms);
        let finished_ms = self.finished_ms.min(seen.finished_ms);
        if unfinished_ms < finished_ms {
            Self { unfinished_ms, finished_ms, lag_ms, slowest_ms }
        } else {
            Self { lag_ms, slowest_ms, ..seen }
        }
    }

    /// The age by which the slowest job was finished. A look that came late, because a worker died or its message lay with the dead
    /// letters, says how late it was and not how long the job took: no more is believed than twice the age at which the job was
    /// last seen unfinished.
    fn slowest(self) -> u64 {
        self.slowest_ms.max(self.finished_ms.min(self.unfinished_ms.saturating_mul(2)))
    }

    fn is_known(self) -> bool {
        self.finished_ms > 0
    }
}

/// The pause before the next look at a job of this age.
pub(crate) fn until_next_look(age: Duration, pace: Pace) -> Duration {
    let age = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
    let millis = if pace.is_known() && age < pace.unfinished_ms {
        // Other jobs were not finished at that age either.
        pace.unfinished_ms - age
    } else if pace.is_known() && age <= pace.finished_ms {
        // The job is due: look a few times while its end is uncertain.
        (pace.finished_ms - pace.unfinished_ms) / 4
    } else {
        (age / 6).max(FIRST_LOOK_MS)
    };
    Duration::from_millis(millis.clamp(CLOSEST_MS, FURTHEST_MS))
}

/// The pause before the next look at a recording job of this age. Other jobs say nothing about it: counting and carrying out take
/// minutes to hours.
pub(crate) fn until_next_look_at_recordings(age: Duration) -> Duration {
    until_next_look(age, Pace::default()).max(Duration::from_secs(1))
}

/// How long an unanswered submit is watched before the window may be submitted again: as long as the policy says, or longer if
/// other jobs have taken longer. It is never shorter, because a quick job says nothing about a slow one; a deadline that comes
/// earlier ends the chunk in doubt. The index is believed to show a deletion within `longest_lag`, the time that the policy gives
/// it.
pub(crate) fn submit_watch(limit: Duration, longest_lag: Duration, pace: Pace) -> Duration {
    let lag = Duration::from_millis(pace.lag_ms).min(longest_lag);
    limit.max(Duration::from_millis(pace.slowest()).saturating_add(lag).saturating_mul(3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks(job_ms: u64, pace: Pace) -> (u64, u64) {
        let (mut age, mut count) = (0, 0);
        while age < job_ms {
            age += u64::try_from(until_next_look(Duration::from_millis(age), pace).as_millis()).unwrap();
            count += 1;
        }
        (age, count)
    }

    #[test]
    fn an_unknown_job_is_seen_soon_after_its_end_with_few_looks() {
        for job_ms in [1_000, 10_000, 60_000, 3_600_000] {
            let (seen, count) = looks(job_ms, Pace::default());
            assert!(seen <= job_ms * 7 / 6 + 200, "{job_ms} ms was seen at {seen} ms");
            assert!(count <= 110, "{job_ms} ms took {count} looks");
        }
    }

    #[test]
    fn a_known_job_is_seen_almost_at_once() {
        let pace = Pace { unfinished_ms: 9_000, finished_ms: 10_200, lag_ms: 0, slowest_ms: 0 };
        let (seen, count) = looks(10_000, pace);
        assert!((10_000..=10_300).contains(&seen), "seen at {seen}");
        assert!(count <= 6, "{count} looks");
    }

    #[test]
    fn a_submit_is_watched_for_as_long_as_the_policy_says_or_longer() {
        let limit = Duration::from_secs(60);
        let watch = |pace| submit_watch(limit, Duration::from_secs(30), pace);
        let pace = |unfinished_ms, finished_ms, lag_ms| Pace { unfinished_ms, finished_ms, lag_ms, slowest_ms: 0 };
        assert_eq!(watch(Pace::default()), limit);
        let (quick, slow) = (pace(900, 1_000, 0), pace(90_000, 100_000, 20_000));
        assert_eq!(watch(quick), limit, "quick jobs do not shorten it");
        for known in [slow, slow.and(quick), quick.and(slow), slow.and(quick).and(quick)] {
            assert_eq!(watch(known), Duration::from_secs(360), "a slow one is not forgotten");
        }
        let (late, later) = (pace(0, 7_200_000, 0), pace(15_000, 7_200_000, 7_200_000));
        assert_eq!(watch(late), limit, "somebody who came after two hours knows nothing about the job");
        assert_eq!(watch(later), Duration::from_secs(180), "or what he had seen before");
        assert_eq!(watch(later.and(slow)), Duration::from_secs(390), "the others know what they know");
    }

    #[test]
    fn knowledge_narrows_and_is_given_up_when_it_contradicts_itself() {
        let one = Pace { unfinished_ms: 9_000, finished_ms: 11_000, lag_ms: 5, slowest_ms: 0 };
        let two = Pace { unfinished_ms: 9_500, finished_ms: 10_100, lag_ms: 0, slowest_ms: 0 };
        let both = Pace { unfinished_ms: 9_500, finished_ms: 10_100, lag_ms: 5, slowest_ms: 11_000 };
        assert_eq!(Pace::default().and(one).and(two), both);
        let other = Pace { unfinished_ms: 400, finished_ms: 500, lag_ms: 0, slowest_ms: 0 };
        assert_eq!(one.and(other), Pace { lag_ms: 5, slowest_ms: 11_000, ..other });
    }
}
