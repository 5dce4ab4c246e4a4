//! The request budget: how many requests may leave in a minute. The headers of the answers correct it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::http::HttpResponse;
use crate::reply::MAX_RETRY_AFTER;
use crate::sorted::SortedMap;
use crate::time::Timestamp;

/// How long a request counts. A 60-second window can hold it for 60 seconds; when it left is known only to the second, hence one
/// more.
const COUNTED_SECONDS: i64 = 61;

/// The furthest `inin-ratelimit-reset` that is believed, in seconds: a window of the API is a minute long.
const LONGEST_RESET: u64 = 120;

/// By how much the clocks of those who share a budget may differ. Anything further in the future is not believed: otherwise one
/// request by a clock that is a day ahead would stop everybody for a day.
const CLOCKS_DIFFER: Duration = Duration::from_secs(60);

/// A budget of at most `limit` requests in any 60 seconds, fewer if the server says so. It is a plain value, stored by those who
/// share it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RateBudget {
    /// The most requests in any 60 seconds.
    limit: u32,
    /// Requests that left, by the second since 1970.
    sent: SortedMap<i64, u32>,
    /// What the server last said about its own window.
    server: Option<ServerWindow>,
    /// Nothing leaves before this time.
    paused_until: Timestamp,
}

/// The server's own count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ServerWindow {
    allowed: u32,
    remaining: u32,
    resets_at: Timestamp,
}

impl RateBudget {
    /// An unused budget. A limit of 0 counts as 1, so that a run can end.
    #[must_use]
    pub fn new(requests_per_minute: u32) -> Self {
        Self {
            limit: requests_per_minute.max(1),
            sent: SortedMap::default(),
            server: None,
            paused_until: Timestamp::EPOCH,
        }
    }

    /// The same budget with another limit: a caller that shares it may have been told to stay lower.
    #[must_use]
    pub fn limited_to(self, requests_per_minute: u32) -> Self {
        Self { limit: requests_per_minute.max(1), ..self }
    }

    /// Whether one request could be spent. Spends nothing.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn has_room(&self, now: Timestamp) -> Result<(), Timestamp> {
        self.clone().take(now)
    }

    /// Spends one request.
    ///
    /// # Errors
    /// If the budget is used up, nothing is spent, and the error is the earliest time at which asking again can succeed.
    pub fn take(&mut self, now: Timestamp) -> Result<(), Timestamp> {
        self.forget_impossible(now.plus(CLOCKS_DIFFER));
        if now < self.paused_until {
            return Err(self.paused_until);
        }
        if let Some(window) = &self.server
            && now < window.resets_at
            && window.remaining == 0
        {
            return Err(window.resets_at);
        }
        // A clock that was set back a little must not open a window anew.
        let second = self.sent.last().map_or(i64::MIN, |(last, _)| *last).max(second(now));
        let counted_from = second.saturating_sub(COUNTED_SECONDS - 1);
        self.sent.retain(|sent, _| *sent >= counted_from);
        self.check_room()?;
        self.sent.change(second, |here| *here = here.saturating_add(1));
        if let Some(window) = &mut self.server {
            window.remaining = window.remaining.saturating_sub(1);
        }
        Ok(())
    }

    /// Forgets everything that lies further in the future than a clock that shows at most `latest` can have written.
    fn forget_impossible(&mut self, latest: Timestamp) {
        if self.paused_until > latest.plus(MAX_RETRY_AFTER) {
            self.paused_until = Timestamp::EPOCH;
        }
        self.server = self.server.filter(|window| window.resets_at <= latest.plus(Duration::from_secs(LONGEST_RESET)));
        self.sent.retain(|sent, _| *sent <= second(latest));
    }

    /// Checks that one more request fits beside those that count. The error is the time at which enough of them no longer count.
    fn check_room(&self) -> Result<(), Timestamp> {
        let limit = self.server.map_or(self.limit, |window| self.limit.min(window.allowed).max(1));
        let mut counted = self.sent.iter().fold(0_u32, |sum, (_, &n)| sum.saturating_add(n));
        let mut free_at = None;
        for (&sent, &n) in self.sent.iter() {
            if counted < limit {
                break;
            }
            counted = counted.saturating_sub(n);
            free_at = Some(sent.saturating_add(COUNTED_SECONDS));
        }
        free_at.map_or(Ok(()), |second| Err(Timestamp::from_millis(second.saturating_mul(1000))))
    }

    /// Learns from an answer: from `inin-ratelimit-count`, `-allowed` and `-reset` (seconds). Headers that are absent or make no
    /// sense change nothing.
    pub fn observe(&mut self, response: &HttpResponse, now: Timestamp) {
        let number = |name| response.header(name).and_then(|text| text.trim().parse::<u32>().ok());
        let (Some(count), Some(allowed), Some(reset)) =
            (number("inin-ratelimit-count"), number("inin-ratelimit-allowed"), number("inin-ratelimit-reset"))
        else {
            return;
        };
        if allowed == 0 {
            return;
        }
        // The server also counts other users of the same token, and requests that are still under way. One request in twenty is
        // left to them.
        let reserve = allowed.div_ceil(20).min(allowed.saturating_sub(1));
        let mut remaining = allowed.saturating_sub(count).saturating_sub(reserve);
        let resets_at = now.plus(Duration::from_secs(u64::from(reset).min(LONGEST_RESET)));
        if let Some(known) = &self.server {
            // Answers overtake each other. Within one window the server's count only grows.
            let same_window = now < known.resets_at && resets_at <= known.resets_at.plus(Duration::from_secs(1));
            if same_window {
                remaining = remaining.min(known.remaining);
            }
        }
        self.server = Some(ServerWindow { allowed, remaining, resets_at });
    }

    /// Lets nothing leave before `until`, because the server answered 429. A shorter pause does not end a longer one.
    pub fn pause(&mut self, until: Timestamp) {
        self.paused_until = self.paused_until.max(until);
    }
}

fn second(at: Timestamp) -> i64 {
    at.millis().div_euclid(1000)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + millis)
    }

    fn answer(count: u32, allowed: u32, reset: u32) -> HttpResponse {
        let header = |name: &str, value: u32| (format!("inin-ratelimit-{name}"), value.to_string());
        let headers = vec![header("count", count), header("allowed", allowed), header("reset", reset)];
        HttpResponse { status: 200, headers, body: String::new() }
    }

    #[test]
    fn a_used_up_budget_says_when_to_ask_again() {
        let mut budget = RateBudget::new(2);
        assert_eq!(budget.take(at(0)), Ok(()));
        assert_eq!(budget.take(at(30_500)), Ok(()));
        assert_eq!(budget.take(at(59_999)), Err(at(61_000)));
        assert_eq!(budget.take(at(61_000)), Ok(()));
        assert_eq!(budget.take(at(61_000)), Err(at(91_000)));
    }

    #[test]
    fn a_pause_holds_everything_and_only_grows() {
        let mut budget = RateBudget::new(300);
        budget.pause(at(5_000));
        budget.pause(at(1_000));
        assert_eq!(budget.take(at(4_999)), Err(at(5_000)));
        assert_eq!(budget.take(at(5_000)), Ok(()));
    }

    #[test]
    fn a_clock_that_is_a_day_ahead_does_not_stop_the_others_for_a_day() {
        const DAY: i64 = 86_400_000;
        for (ahead, believed) in [(DAY, false), (600_000, false), (50_000, true)] {
            let mut budget = RateBudget::new(2);
            assert_eq!(budget.take(at(ahead)), Ok(()));
            assert_eq!(budget.take(at(ahead)), Ok(()));
            assert_eq!(budget.has_room(at(0)).is_err(), believed, "{ahead}");
            budget.observe(&answer(180, 180, 60), at(ahead));
            assert_eq!(budget.has_room(at(0)).is_err(), believed, "{ahead}");
            budget.pause(at(ahead).plus(MAX_RETRY_AFTER));
            assert_eq!(budget.has_room(at(0)).is_err(), believed, "{ahead}");
            if !believed {
                // From then on the budget works as usual.
                assert_eq!((budget.take(at(0)), budget.take(at(1))), (Ok(()), Ok(())));
                assert_eq!(budget.take(at(2)), Err(at(61_000)));
            }
        }
    }

    #[test]
    fn stops_before_the_servers_window_is_used_up() {
        let mut budget = RateBudget::new(300);
        budget.observe(&answer(169, 180, 30), at(0));
        assert_eq!(budget.take(at(1)), Ok(()));
        assert_eq!(budget.take(at(2)), Ok(()));
        assert_eq!(budget.take(at(3)), Err(at(30_000)));
        // An answer that was overtaken does not open the window again.
        budget.observe(&answer(168, 180, 30), at(4));
        assert_eq!(budget.take(at(5)), Err(at(30_004)));
        assert_eq!(budget.take(at(30_004)), Ok(()));
    }

    #[test]
    fn the_servers_lower_limit_holds_in_every_window() {
        let mut budget = RateBudget::new(300);
        budget.observe(&answer(0, 3, 1), at(0));
        let let_through = (0..100).filter(|i| budget.take(at(2_000 + i)).is_ok()).count();
        assert_eq!(let_through, 3);
    }

    #[test]
    fn headers_without_sense_change_nothing() {
        let mut budget = RateBudget::new(10);
        let before = budget.clone();
        budget.observe(&answer(5, 0, 60), at(0));
        let mut half = answer(5, 10, 60);
        half.headers.pop();
        budget.observe(&half, at(0));
        let mut negative = answer(5, 10, 60);
        negative.headers[2].1 = "-1".to_owned();
        budget.observe(&negative, at(0));
        assert_eq!(budget, before);
    }

    proptest! {
        #[test]
        fn never_more_than_the_limit_in_any_minute(
            limit in 1_u32..20,
            steps in prop::collection::vec((0_i64..20_000, 0_u32..6), 1..200),
        ) {
            let mut budget = RateBudget::new(limit);
            let (mut now, mut sent) = (0, Vec::new());
            for (pause, burst) in steps {
                now += pause;
                for _ in 0..burst {
                    match budget.take(at(now)) {
                        Ok(()) => sent.push(now),
                        Err(when) => {
                            prop_assert!(when > at(now));
                            // The time named is neither too early nor needlessly late.
                            prop_assert_eq!(budget.clone().take(when), Ok(()));
                            prop_assert!(budget.clone().take(when.minus(Duration::from_millis(1))).is_err());
                        }
                    }
                }
                budget = serde_json::from_str(&serde_json::to_string(&budget).unwrap()).unwrap();
            }
            for &from in &sent {
                let in_window = sent.iter().filter(|&&s| s >= from && s < from + 60_000).count();
                prop_assert!(in_window <= limit as usize);
            }
        }
    }
}
