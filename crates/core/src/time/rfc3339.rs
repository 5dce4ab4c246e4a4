//! Reads and writes RFC 3339.

use super::DAY_MS;
use super::day::Day;

/// The shape of date and time, with `0` for each digit.
const SHAPE: &str = "0000-00-00T00:00:00";

/// What a text says, before deciding whether it is accepted.
pub(super) struct Parsed {
    /// Milliseconds since 1970 on the local clock, before the offset is applied.
    pub(super) local_ms: i64,
    /// How far the local clock is ahead of UTC; `None` when the text has no offset.
    pub(super) offset_ms: Option<i64>,
    /// The byte between date and time: `T` or a space.
    pub(super) separator: u8,
    /// Whether the second is 60.
    pub(super) leap: bool,
    /// Whether a digit beyond the millisecond is not zero.
    pub(super) finer: bool,
}

/// Reads `YYYY-MM-DDThh:mm:ss`, with or without a fraction and an offset.
pub(super) fn read(text: &str) -> Option<Parsed> {
    let mut rest = Rest(text.as_bytes());
    let year = rest.number(4)?;
    rest.take_one_of(b"-")?;
    let month = rest.number(2)?;
    rest.take_one_of(b"-")?;
    let day = Day::new(year, month, rest.number(2)?)?;
    let separator = rest.take_one_of(b"T ")?;
    let hour = rest.number(2).filter(|hour| *hour < 24)?;
    rest.take_one_of(b":")?;
    let minute = rest.number(2).filter(|minute| *minute < 60)?;
    rest.take_one_of(b":")?;
    let second = rest.number(2).filter(|second| *second <= 60)?;
    let (millis, finer) = if rest.take_one_of(b".").is_some() { rest.fraction()? } else { (0, false) };
    let local_ms = day.number() * DAY_MS + ((hour * 60 + minute) * 60 + second) * 1000 + millis;
    let offset_ms = if rest.0.is_empty() { None } else { Some(rest.offset()?) };
    rest.0.is_empty().then_some(Parsed { local_ms, offset_ms, separator, leap: second == 60, finer })
}

/// Whether date and time are well-formed, but the day or the time does not exist.
pub(super) fn is_nonexistent_time(text: &str) -> bool {
    let Some(clock) = text.get(..SHAPE.len()) else { return false };
    let is_well_formed =
        clock.bytes().zip(SHAPE.bytes()).all(|(c, like)| c == like || like == b'0' && c.is_ascii_digit());
    is_well_formed && read(clock).is_none()
}

/// The bytes that have not been read yet.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    /// Reads one byte if it is one of `wanted`.
    fn take_one_of(&mut self, wanted: &[u8]) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        wanted.contains(first).then(|| self.0 = rest)?;
        Some(*first)
    }

    fn digit(&mut self) -> Option<i64> {
        let (first, rest) = self.0.split_first()?;
        first.is_ascii_digit().then(|| self.0 = rest)?;
        Some(i64::from(first - b'0'))
    }

    fn number(&mut self, digits: u32) -> Option<i64> {
        (0..digits).try_fold(0, |number, _| Some(number * 10 + self.digit()?))
    }

    /// Reads the digits of a fraction: the milliseconds, and whether a later digit is not zero.
    fn fraction(&mut self) -> Option<(i64, bool)> {
        let first = self.digit()?;
        let mut millis = first * 100;
        let mut finer = false;
        let mut weight = 10;
        while let Some(digit) = self.digit() {
            millis += digit * weight;
            finer |= weight == 0 && digit > 0;
            weight /= 10;
        }
        Some((millis, finer))
    }

    /// Reads `Z`, or a sign, hours and minutes. The sign may be a typographic minus.
    fn offset(&mut self) -> Option<i64> {
        const MINUS: &[u8] = "\u{2212}".as_bytes();
        if self.take_one_of(b"Z").is_some() {
            return Some(0);
        }
        let ahead = if let Some(rest) = self.0.strip_prefix(MINUS) {
            self.0 = rest;
            false
        } else {
            self.take_one_of(b"+-")? == b'+'
        };
        let hours = self.number(2).filter(|hours| *hours < 24)?;
        self.take_one_of(b":")?;
        let minutes = self.number(2).filter(|minutes| *minutes < 60)?;
        let millis = (hours * 60 + minutes) * 60_000;
        Some(if ahead { millis } else { -millis })
    }
}

/// Writes milliseconds since 1970, up to the year 9999, as `2023-01-01T00:00:00.000Z`.
pub(super) fn write(millis: i64) -> [u8; 24] {
    let Day { year, month, day } = Day::of(millis.div_euclid(DAY_MS));
    let of_day = millis.rem_euclid(DAY_MS);
    let (hour, minute, second) = (of_day / 3_600_000, of_day / 60_000 % 60, of_day / 1000 % 60);
    let d = |number: i64| b'0' + u8::try_from(number % 10).unwrap_or(0);
    [
        d(year / 1000),
        d(year / 100),
        d(year / 10),
        d(year),
        b'-',
        d(month / 10),
        d(month),
        b'-',
        d(day / 10),
        d(day),
        b'T',
        d(hour / 10),
        d(hour),
        b':',
        d(minute / 10),
        d(minute),
        b':',
        d(second / 10),
        d(second),
        b'.',
        d(of_day / 100),
        d(of_day / 10),
        d(of_day),
        b'Z',
    ]
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, SecondsFormat};
    use proptest::prelude::*;

    use super::*;

    /// Texts that are often valid, and otherwise nearly valid.
    fn texts() -> impl Strategy<Value = String> {
        let two = || prop_oneof![4 => (0..62_u8).prop_map(|n| format!("{n:02}")), 1 => "[0-9 ]{1,3}"];
        let year = prop_oneof![4 => (0..10_000_u16).prop_map(|n| format!("{n:04}")), 1 => "[0-9+-]{1,5}"];
        let fraction = prop_oneof![Just(String::new()), "\\.[0-9]{0,9}", "\\.[0-9]{1,3}000"];
        let zone = prop_oneof![
            Just("Z".to_owned()),
            Just(String::new()),
            "[+\u{2212}-][0-9]{2}:[0-9]{2}",
            "[+-][0-9]{1,4}",
            "[zZ ]{0,2}"
        ];
        (year, "[-/]?|-", two(), two(), "[T ]|T|t", two(), two(), two(), fraction, zone).prop_map(
            |(y, dash, mo, d, t, h, mi, s, fraction, zone)| {
                let dash = if dash.is_empty() { "-" } else { &dash };
                format!("{y}{dash}{mo}-{d}{t}{h}:{mi}:{s}{fraction}{zone}")
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn reads_what_chrono_reads(text in texts()) {
            // The caller refuses lower-case letters.
            if !text.contains(['t', 'z']) {
                let theirs = DateTime::parse_from_rfc3339(&text).ok();
                let ours = read(&text).filter(|written| written.offset_ms.is_some());
                prop_assert_eq!(ours.is_some(), theirs.is_some(), "{}", text);
                if let (Some(ours), Some(theirs)) = (ours, theirs) {
                    let leap = theirs.timestamp_subsec_nanos() >= 1_000_000_000;
                    prop_assert_eq!(ours.leap, leap);
                    if !leap {
                        prop_assert_eq!(ours.local_ms - ours.offset_ms.unwrap_or(0), theirs.timestamp_millis());
                        prop_assert_eq!(ours.finer, theirs.timestamp_subsec_nanos() % 1_000_000 != 0);
                    }
                }
                let unzoned = read(&text).is_some_and(|written| written.offset_ms.is_none());
                prop_assert_eq!(unzoned, DateTime::parse_from_rfc3339(&format!("{text}Z")).is_ok(), "{}", text);
            }
        }

        #[test]
        fn writes_what_chrono_writes(millis in 0..=253_402_300_799_999_i64) {
            let theirs = DateTime::from_timestamp_millis(millis).unwrap().to_rfc3339_opts(SecondsFormat::Millis, true);
            prop_assert_eq!(write(millis).to_vec(), theirs.into_bytes());
        }
    }
}
