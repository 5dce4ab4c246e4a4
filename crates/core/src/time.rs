//! Instants as integer milliseconds since 1970, UTC, written as RFC 3339.
//!
//! Nothing here reads a clock: the current time is always an argument.

mod day;
mod rfc3339;

use std::fmt;
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use day::Day;

/// Milliseconds in one UTC day. UTC days have no daylight saving and, in POSIX time, no leap seconds.
pub const DAY_MS: i64 = 86_400_000;

/// 9999-12-31T23:59:59.999Z, the last instant that RFC 3339 can write with a four-digit year.
const LATEST_MS: i64 = 253_402_300_799_999;

/// One instant in UTC, to the millisecond, between 1970 and 9999.
///
/// Serialised as RFC 3339 with exactly three fractional digits and `Z`, for example `2023-01-01T00:00:00.000Z`.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// Why a text is refused as an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimestampError {
    /// The day or the time of day does not exist: 30 February, 24:00, second 60.
    #[error("names a day or a time that does not exist")]
    NoSuchTime,
    /// The text does not have the RFC 3339 shape.
    #[error("is not an RFC 3339 date-time such as `2023-01-01T00:00:00.000Z`")]
    NotRfc3339,
    /// The text has a lower-case `t` or `z`: legal in RFC 3339, but some of the servers involved refuse it.
    #[error("uses a lower-case `t` or `z`; write `T` and `Z`")]
    LowerCase,
    /// There is no offset. A local time without one could mean any of 38 instants.
    #[error("has no time zone; end it with `Z` for UTC or with an offset such as `+01:00`")]
    NoOffset,
    /// There are digits beyond the millisecond. The API would drop them, which would widen or narrow the range.
    #[error("is finer than a millisecond, which the API cannot express")]
    FinerThanMillisecond,
    /// The instant lies outside the years 1970 to 9999.
    #[error("lies outside the years 1970 to 9999")]
    OutOfRange,
}

/// Extends a span, the first and last of some instants, by one more instant.
pub(crate) fn extend_span(span: Option<(Timestamp, Timestamp)>, at: Timestamp) -> (Timestamp, Timestamp) {
    span.map_or((at, at), |(first, last)| (first.min(at), last.max(at)))
}

impl Timestamp {
    /// 1970-01-01T00:00:00.000Z.
    pub const EPOCH: Self = Self(0);
    /// 9999-12-31T23:59:59.999Z.
    pub const LATEST: Self = Self(LATEST_MS);

    /// Makes an instant from milliseconds since 1970. Values outside the years 1970 to 9999 become the nearest one inside.
    #[must_use]
    pub fn from_millis(millis: i64) -> Self {
        Self(millis.clamp(0, LATEST_MS))
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn millis(self) -> i64 {
        self.0
    }

    /// Parses the strict subset of RFC 3339 that people may write: upper-case `T` and `Z`, an offset, at most milliseconds, no leap
    /// second.
    ///
    /// # Errors
    /// The first reason to refuse the text.
    pub fn parse(text: &str) -> Result<Self, TimestampError> {
        let written = rfc3339::read(text).ok_or_else(|| {
            if text.contains(['t', 'z']) {
                TimestampError::LowerCase
            } else if rfc3339::is_nonexistent_time(text) {
                TimestampError::NoSuchTime
            } else {
                TimestampError::NotRfc3339
            }
        })?;
        let Some(offset_ms) = written.offset_ms else { return Err(TimestampError::NoOffset) };
        // No server involved knows leap seconds.
        if written.leap {
            return Err(TimestampError::NoSuchTime);
        }
        if written.separator != b'T' {
            return Err(TimestampError::NotRfc3339);
        }
        if written.finer {
            return Err(TimestampError::FinerThanMillisecond);
        }
        let millis = written.local_ms - offset_ms;
        if (0..=LATEST_MS).contains(&millis) { Ok(Self(millis)) } else { Err(TimestampError::OutOfRange) }
    }

    /// This instant plus a duration, but no later than the last instant of 9999.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(LATEST_MS);
        Self::from_millis(self.0.saturating_add(millis))
    }

    /// This instant minus a duration, but no earlier than the first instant of 1970.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(LATEST_MS);
        Self::from_millis(self.0.saturating_sub(millis))
    }

    /// How much later this instant is than `earlier`; zero if it is not later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.millis_since(earlier))
    }

    /// [`Self::since`] in milliseconds.
    #[must_use]
    pub fn millis_since(self, earlier: Self) -> u64 {
        u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0)
    }

    /// The first millisecond of this instant's UTC day.
    #[must_use]
    pub fn start_of_day(self) -> Self {
        Self(self.0 - self.0.rem_euclid(DAY_MS))
    }

    /// Whether this instant is midnight UTC.
    #[must_use]
    pub fn is_midnight(self) -> bool {
        self.0.rem_euclid(DAY_MS) == 0
    }

    /// The same time of day `days` UTC calendar days later.
    #[must_use]
    pub fn plus_days(self, days: u32) -> Self {
        Self::from_millis(self.0.saturating_add(i64::from(days) * DAY_MS))
    }

    /// The same day of the month and time of day, `months` calendar months earlier. A shorter month clamps the day to its last.
    #[must_use]
    pub fn minus_months(self, months: u32) -> Self {
        self.plus_signed_months(-i64::from(months))
    }

    /// The same day of the month and time of day, `months` calendar months later. A shorter month clamps the day to its last.
    #[must_use]
    pub fn plus_months(self, months: u32) -> Self {
        self.plus_signed_months(i64::from(months))
    }

    fn plus_signed_months(self, months: i64) -> Self {
        let day = self.day().plus_months(months);
        Self::from_millis(day.number().saturating_mul(DAY_MS).saturating_add(self.0.rem_euclid(DAY_MS)))
    }

    /// The UTC calendar year.
    #[must_use]
    pub fn year(self) -> i32 {
        i32::try_from(self.day().year).unwrap_or(i32::MAX)
    }

    /// The calendar date, `YYYY-MM-DD`, UTC.
    #[must_use]
    pub fn date(self) -> String {
        let written = rfc3339::write(self.0);
        let date = written.get(..10).unwrap_or_default();
        String::from_utf8_lossy(date).into_owned()
    }

    fn day(self) -> Day {
        Day::of(self.0.div_euclid(DAY_MS))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The bytes are ASCII, so this is never empty.
        f.write_str(std::str::from_utf8(&rfc3339::write(self.0)).unwrap_or_default())
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(|why| D::Error::custom(format!("`{text}` {why}")))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn accepts_and_writes_utc_milliseconds() {
        for (text, written) in [
            ("2023-01-01T00:00:00Z", "2023-01-01T00:00:00.000Z"),
            ("2023-01-01T00:00:00.5Z", "2023-01-01T00:00:00.500Z"),
            ("2023-03-31T23:59:59.999Z", "2023-03-31T23:59:59.999Z"),
            ("2023-01-01T01:00:00+01:00", "2023-01-01T00:00:00.000Z"),
            ("2024-02-29T00:00:00.000000Z", "2024-02-29T00:00:00.000Z"),
        ] {
            assert_eq!(Timestamp::parse(text).map(|t| t.to_string()), Ok(written.to_owned()), "{text}");
        }
    }

    #[test]
    fn refuses_with_the_reason() {
        for (text, why) in [
            ("2023-01-01t00:00:00Z", TimestampError::LowerCase),
            ("2023-01-01T00:00:00z", TimestampError::LowerCase),
            ("2023-01-01T00:00:00", TimestampError::NoOffset),
            ("2023-01-01 00:00:00Z", TimestampError::NotRfc3339),
            ("2023-01-01", TimestampError::NotRfc3339),
            ("2023-02-29T00:00:00Z", TimestampError::NoSuchTime),
            ("2023-02-30T12:00:00+01:00", TimestampError::NoSuchTime),
            ("2016-12-31T23:59:60Z", TimestampError::NoSuchTime),
            ("2016-12-31T23:59:61Z", TimestampError::NoSuchTime),
            ("2023-01-01T24:00:00Z", TimestampError::NoSuchTime),
            ("2023-01-01T00:00:00.Z", TimestampError::NotRfc3339),
            ("2023-01-01T00:00:00 Z", TimestampError::NotRfc3339),
            ("2023-01-01T00:00:00.0001Z", TimestampError::FinerThanMillisecond),
            ("1969-12-31T23:59:59Z", TimestampError::OutOfRange),
            ("", TimestampError::NotRfc3339),
            ("é023-01-01T00:00:00Z", TimestampError::NotRfc3339),
        ] {
            assert_eq!(Timestamp::parse(text), Err(why), "{text}");
        }
    }

    #[test]
    fn arithmetic_saturates_instead_of_failing() {
        assert_eq!(Timestamp::LATEST.plus(Duration::MAX), Timestamp::LATEST);
        assert_eq!(Timestamp::EPOCH.minus(Duration::MAX), Timestamp::EPOCH);
        assert_eq!(Timestamp::LATEST.plus_days(u32::MAX), Timestamp::LATEST);
        assert_eq!(Timestamp::LATEST.plus_months(u32::MAX), Timestamp::LATEST);
        assert_eq!(Timestamp::LATEST.minus_months(u32::MAX), Timestamp::EPOCH);
        assert_eq!(Timestamp::EPOCH.since(Timestamp::LATEST), Duration::ZERO);
    }

    proptest! {
        #[test]
        fn no_millisecond_is_lost_in_writing_and_reading(millis in 0..=Timestamp::LATEST.millis()) {
            let written = Timestamp::from_millis(millis).to_string();
            prop_assert_eq!(Timestamp::parse(&written).map(Timestamp::millis), Ok(millis));
            prop_assert_eq!(written.len(), "2023-01-01T00:00:00.000Z".len());
        }
    }
}
