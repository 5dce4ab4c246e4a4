//! A standing request, made again and again for another range each time: which range is due.

use std::time::Duration;

use crate::time::Timestamp;
use crate::window::Window;

/// Seconds in a UTC day.
const DAY_SECONDS: u64 = 86_400;

/// The range that a firing on that day asks for: data that is `older_than_months` old, back to where the firing `every_days`
/// earlier ended.
///
/// Months differ in length, so the day some months earlier stands still at the end of a longer month and jumps at the end of a
/// shorter one. Both ends of the range are therefore ends of firings, so the ranges join without gap or overlap. `None` when the
/// day some months earlier stood still: the firing before asked for everything.
#[must_use]
pub fn due(on: Timestamp, older_than_months: u32, every_days: u32) -> Option<Window> {
    let today = on.start_of_day();
    let before = today.minus(Duration::from_secs(u64::from(every_days) * DAY_SECONDS));
    Window::new(before.minus_months(older_than_months), today.minus_months(older_than_months))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn firings_join_without_a_gap_and_without_an_overlap() {
        // Six years, with a leap day, from every day on which a period can begin.
        let first = at("2023-01-01T03:00:00Z");
        for months in [0, 1, 2, 3, 6, 11, 12, 13, 18, 24, 36, 60, 84] {
            for every in [1, 2, 7, 28, 30] {
                for offset in 0..every {
                    let mut end = None;
                    for firing in (offset..6 * 366).step_by(usize::try_from(every).unwrap()) {
                        let on = first.plus_days(firing);
                        let Some(window) = due(on, months, every) else { continue };
                        assert!(end.is_none_or(|end| end == window.start()), "{months} {every} {on}: {window}");
                        assert!(window.start().is_midnight() && window.end().is_midnight());
                        end = Some(window.end());
                    }
                    // The last firing is at most a few days of a month's end away from where it would be.
                    let last = first.plus_days(6 * 366 - 40).minus_months(months);
                    assert!(end.is_some_and(|end| end >= last), "{months} {every}: it stands still");
                }
            }
        }
    }

    #[test]
    fn the_end_of_a_month_is_asked_for_once() {
        let due = |on| due(at(on), 13, 1).map(|window| window.to_string());
        assert_eq!(due("2026-04-30T03:00:00Z").as_deref(), Some("2025-03-29T00:00:00.000Z/2025-03-30T00:00:00.000Z"));
        // March has 31 days and April has 30: the first of May takes two days.
        assert_eq!(due("2026-05-01T03:00:00Z").as_deref(), Some("2025-03-30T00:00:00.000Z/2025-04-01T00:00:00.000Z"));
        // April has 30 days and May has 31: the last of May has nothing left.
        assert_eq!(due("2026-05-30T03:00:00Z").as_deref(), Some("2025-04-29T00:00:00.000Z/2025-04-30T00:00:00.000Z"));
        assert_eq!(due("2026-05-31T03:00:00Z"), None);
        assert_eq!(due("2026-06-01T23:59:59Z").as_deref(), Some("2025-04-30T00:00:00.000Z/2025-05-01T00:00:00.000Z"));
    }
}
