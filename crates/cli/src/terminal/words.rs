//! Numbers, times and waits as words.

use purge_core::run::WaitReason;
use purge_core::time::DAY_MS;
use purge_core::window::Window;

/// `12,345`, or `not measured` for an absent number, which is not zero.
pub(crate) fn count(number: Option<u64>) -> String {
    number.map_or_else(|| "not measured".to_owned(), grouped)
}

/// `12,345`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 chunk`, `3 chunks`.
pub(crate) fn plural(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// The most chunks that are named. Of more, the rest is counted.
const NAMED: usize = 12;

/// `chunk 3`, `chunks 1, 2 and 5`; of very many, only the first.
pub(crate) fn which_chunks(indexes: &[u32]) -> String {
    let named: Vec<String> = indexes.iter().take(NAMED).map(u32::to_string).collect();
    let noun = if indexes.len() == 1 { "chunk" } else { "chunks" };
    match named.as_slice() {
        [] => "no chunk".to_owned(),
        all if all.len() < indexes.len() => {
            format!("{noun} {} and {} more", all.join(", "), grouped((indexes.len() - all.len()) as u64))
        }
        [one] => format!("{noun} {one}"),
        [most @ .., last] => format!("{noun} {} and {last}", most.join(", ")),
    }
}

/// A length of time in its two largest useful units: `340 ms`, `1.2 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`.
pub(crate) fn span(millis: u64) -> String {
    let (seconds, rest) = (millis / 1000, millis % 1000);
    let two = |big: u64, unit: &str, small: u64, small_unit: &str| {
        if small == 0 { format!("{big} {unit}") } else { format!("{big} {unit} {small} {small_unit}") }
    };
    match seconds {
        0 => format!("{rest} ms"),
        1..10 if rest >= 100 => format!("{seconds}.{} s", rest / 100),
        1..60 => format!("{seconds} s"),
        60..3600 => two(seconds / 60, "min", seconds % 60, "s"),
        3600..86_400 => two(seconds / 3600, "h", seconds % 3600 / 60, "min"),
        _ => two(seconds / 86_400, "d", seconds % 86_400 / 3600, "h"),
    }
}

/// A length of requested time, exactly; in days if they are whole.
pub(crate) fn range_length(millis: i64) -> String {
    if millis % DAY_MS == 0 { format!("{} d", millis / DAY_MS) } else { exact(u64::try_from(millis).unwrap_or(0)) }
}

/// A length in every unit down to the millisecond, because an accounting line must add up.
fn exact(millis: u64) -> String {
    let units = [
        (millis / 86_400_000, "d"),
        (millis / 3_600_000 % 24, "h"),
        (millis / 60_000 % 60, "min"),
        (millis / 1000 % 60, "s"),
        (millis % 1000, "ms"),
    ];
    let said: Vec<String> = units.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n} {unit}")).collect();
    if said.is_empty() { "0 d".to_owned() } else { said.join(" ") }
}

/// A window for people, end not included; dates alone if both ends are midnights: `2023-01-01 .. 2023-01-31`.
pub(crate) fn window(window: Window) -> String {
    if window.start().is_midnight() && window.end().is_midnight() {
        format!("{} .. {}", window.start().date(), window.end().date())
    } else {
        format!("{} .. {}", instant(window.start()), instant(window.end()))
    }
}

fn instant(at: purge_core::time::Timestamp) -> String {
    at.to_string().replace(":00.000Z", "Z").replace(".000Z", "Z")
}

/// What a wait is for, to follow `waiting: `.
pub(crate) fn reason(reason: WaitReason) -> String {
    match reason {
        WaitReason::RateLimited { retry_after_seconds: _ } => "rate limited".to_owned(),
        WaitReason::Backoff { attempt } => format!("trying again after {}", plural(u64::from(attempt), "failure")),
        WaitReason::JobPending { percent: _ } => "the job is not done".to_owned(),
        WaitReason::RequestBudget => "the request budget is used up".to_owned(),
        WaitReason::SlotBusy => "the organisation's job slots are taken".to_owned(),
        WaitReason::ConfirmingSubmit => "finding out whether the unanswered submit arrived".to_owned(),
        WaitReason::IndexLag => "the search index lags behind".to_owned(),
        WaitReason::CoolOff => "cool-off, the recordings are deleted when it ends".to_owned(),
        WaitReason::InFlight => "an answer is under way".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_lengths() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (13_050, "13,050"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
        for (millis, text) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (1000, "1 s"),
            (1249, "1.2 s"),
            (59_999, "59 s"),
            (200_000, "3 min 20 s"),
            (3_600_000, "1 h"),
            (100 * 3_600_000, "4 d 4 h"),
        ] {
            assert_eq!(span(millis), text);
        }
        assert_eq!(range_length(90 * DAY_MS), "90 d");
        assert_eq!(range_length(DAY_MS + 1), "1 d 1 ms");
        assert_eq!(count(None), "not measured");
        for (indexes, text) in [
            (&[3][..], "chunk 3"),
            (&[1, 2, 5], "chunks 1, 2 and 5"),
            (&(1..=14).collect::<Vec<_>>(), "chunks 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 and 2 more"),
        ] {
            assert_eq!(which_chunks(indexes), text);
        }
    }
}
