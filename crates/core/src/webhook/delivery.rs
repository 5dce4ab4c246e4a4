//! Decides what the receiver's answer means for the next delivery.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::json::digest;
use crate::time::Timestamp;

/// Seconds to wait before the second and every later delivery: somewhat more than three days in all. After that the event is given
/// up.
const RETRY_AFTER_SECONDS: [u64; 11] =
    [1, 5, 30, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600];

/// The longest pause that a receiver may ask for.
const LONGEST_PAUSE: Duration = Duration::from_hours(24);

/// What happens to an event after a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Delivery {
    /// The receiver has it.
    Delivered,
    /// It is to be sent again.
    RetryAt {
        /// The earliest time.
        at: Timestamp,
    },
    /// The receiver is gone for good (410): nothing more may be sent there.
    Disabled,
    /// The schedule is used up. A person has to send it again.
    Dead,
}

/// Judges one delivery of the event `id`.
///
/// `delivery` counts from 1; `status` is `None` when no answer came; `retry_after_seconds` is the answer's `Retry-After`. Only 2xx
/// is success: a redirect would carry the event to a receiver that nobody named.
#[must_use]
pub fn judge(
    id: &str,
    delivery: u32,
    status: Option<u16>,
    retry_after_seconds: Option<u64>,
    now: Timestamp,
) -> Delivery {
    match status {
        Some(200..=299) => return Delivery::Delivered,
        Some(410) => return Delivery::Disabled,
        Some(_) | None => {}
    }
    let scheduled = usize::try_from(delivery.saturating_sub(1)).ok().and_then(|index| RETRY_AFTER_SECONDS.get(index));
    let Some(&seconds) = scheduled else {
        return Delivery::Dead;
    };
    let asked = Duration::from_secs(retry_after_seconds.unwrap_or(0)).min(LONGEST_PAUSE);
    let wait = Duration::from_secs(seconds).max(asked);
    Delivery::RetryAt { at: now.plus(wait).plus(jitter(id, delivery, wait)) }
}

/// Up to a tenth of the wait in addition, so that events that failed together do not return together. Derived from the event and
/// the delivery, so it is the same everywhere.
fn jitter(id: &str, delivery: u32, wait: Duration) -> Duration {
    let digest = digest(format!("{id}/{delivery}").as_bytes());
    let last_byte = digest.get(digest.len().saturating_sub(2)..).and_then(|hex| u32::from_str_radix(hex, 16).ok());
    wait / 2560 * last_byte.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::EPOCH;

    fn wait(delivery: u32, status: Option<u16>, retry_after: Option<u64>) -> Option<Duration> {
        match judge("msg_1", delivery, status, retry_after, NOW) {
            Delivery::RetryAt { at } => Some(at.since(NOW)),
            Delivery::Delivered | Delivery::Disabled | Delivery::Dead => None,
        }
    }

    #[test]
    fn only_2xx_is_success_and_only_410_is_final() {
        for status in 100..=599 {
            let expected = match status {
                200..=299 => "delivered",
                410 => "disabled",
                _ => "retryAt",
            };
            let judged = serde_json::to_value(judge("msg_1", 1, Some(status), None, NOW)).unwrap();
            assert_eq!(judged["kind"], expected, "{status}");
        }
        assert!(wait(1, None, None).is_some());
    }

    #[test]
    fn waits_grow_with_at_most_a_tenth_of_jitter_then_it_is_given_up() {
        for (index, seconds) in RETRY_AFTER_SECONDS.into_iter().enumerate() {
            let wait = wait(u32::try_from(index + 1).unwrap(), Some(500), None).unwrap();
            let least = Duration::from_secs(seconds);
            assert!(wait >= least && wait <= least + least / 10, "{seconds} s became {wait:?}");
        }
        assert_eq!(judge("msg_1", 12, Some(500), None, NOW), Delivery::Dead);
        assert_eq!(judge("msg_1", 12, Some(204), None, NOW), Delivery::Delivered);
        assert_eq!(wait(3, None, None), wait(3, None, None));
        assert_ne!(judge("msg_1", 3, None, None, NOW), judge("msg_2", 3, None, None, NOW));
    }

    #[test]
    fn the_receiver_may_ask_for_more_time_up_to_a_day() {
        assert!(wait(1, Some(429), Some(600)).unwrap() >= Duration::from_mins(10));
        assert!(wait(4, Some(503), Some(1)).unwrap() >= Duration::from_mins(5));
        assert!(wait(1, Some(429), Some(u64::MAX)).unwrap() <= Duration::from_hours(27));
    }
}
