//! The proleptic Gregorian calendar: converts days between numbers and year, month and day of the month.
//!
//! The arithmetic is Howard Hinnant's (`chrono`-Compatible Low-Level Date Algorithms). Years begin in March, so the leap day is the
//! last day of its year, and 400 years always have 146,097 days. The `chrono` crate did this before, but its parsers and formatters
//! were a tenth of what the page loads; the tests compare every day with it.

/// Days from 0000-03-01 to 1970-01-01.
const DAYS_TO_1970: i64 = 719_468;

/// Days in 400 years.
const ERA_DAYS: i64 = 146_097;

/// A day of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Day {
    pub(super) year: i64,
    /// From 1.
    pub(super) month: i64,
    /// From 1.
    pub(super) day: i64,
}

impl Day {
    /// The day with this date, if it exists in the calendar.
    pub(super) fn new(year: i64, month: i64, day: i64) -> Option<Self> {
        let exists = (1..=12).contains(&month) && (1..=last_day(year, month)).contains(&day);
        exists.then_some(Self { year, month, day })
    }

    /// The day `number` days after 1970-01-01.
    pub(super) fn of(number: i64) -> Self {
        let from_march_0000 = number + DAYS_TO_1970;
        let (era, of_era) = (from_march_0000.div_euclid(ERA_DAYS), from_march_0000.rem_euclid(ERA_DAYS));
        let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let from_march = (5 * of_year + 2) / 153;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        Self { year: era * 400 + year + i64::from(month <= 2), month, day: of_year - (153 * from_march + 2) / 5 + 1 }
    }

    /// The number of days from 1970-01-01 to this day.
    pub(super) fn number(self) -> i64 {
        let year = self.year - i64::from(self.month <= 2);
        let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let from_march = (self.month + 9) % 12;
        let of_year = (153 * from_march + 2) / 5 + self.day - 1;
        era * ERA_DAYS + of_era * 365 + of_era / 4 - of_era / 100 + of_year - DAYS_TO_1970
    }

    /// The same day of the month `months` months later, or the last day of a shorter month.
    pub(super) fn plus_months(self, months: i64) -> Self {
        let all = self.year * 12 + self.month - 1 + months;
        let (year, month) = (all.div_euclid(12), all.rem_euclid(12) + 1);
        Self { year, month, day: self.day.min(last_day(year, month)) }
    }
}

fn last_day(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use chrono::{Datelike, Months, NaiveDate};

    use super::*;

    #[test]
    fn every_day_is_the_one_of_chrono() {
        let mut theirs = NaiveDate::from_ymd_opt(1970, 1, 1).unwrap();
        for number in 0..=2_932_896 {
            let ours = Day::of(number);
            assert_eq!((ours.year, ours.month, ours.day), name(theirs), "{number}");
            assert_eq!(ours.number(), number);
            assert_eq!(Day::new(ours.year, ours.month, ours.day), Some(ours));
            if number % 7 == 0 {
                for months in [1, 11, 12, 60, 1_200] {
                    let back = theirs.checked_sub_months(Months::new(months)).unwrap();
                    let ours = ours.plus_months(-i64::from(months));
                    assert_eq!((ours.year, ours.month, ours.day), name(back), "{number} - {months}");
                }
            }
            theirs = theirs.succ_opt().unwrap();
        }
        assert_eq!(name(theirs.pred_opt().unwrap()), (9999, 12, 31));
        for (year, month, day) in
            [(2023, 2, 29), (1900, 2, 29), (2023, 13, 1), (2023, 0, 1), (2023, 4, 31), (2023, 1, 0)]
        {
            assert_eq!(Day::new(year, month, day), None);
        }
    }

    fn name(date: NaiveDate) -> (i64, i64, i64) {
        (i64::from(date.year()), i64::from(date.month()), i64::from(date.day()))
    }
}
