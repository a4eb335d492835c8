//! Dates as JSON has them.

/// A time in milliseconds since 1970 as `Date.prototype.toJSON` writes it; `None` beyond the range
/// of a `Date`.
pub(super) fn text(millis: i64) -> Option<String> {
    if millis.unsigned_abs() > LAST {
        return None;
    }
    let (days, of_day) = (millis.div_euclid(DAY), millis.rem_euclid(DAY));
    // Days are counted from March 1 of year 0 on, in eras of 400 years: so a leap day is a year's
    // last, and every era has the same length.
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    let year = match year {
        0..=9999 => format!("{year:04}"),
        _ => format!("{year:+07}"),
    };
    let (seconds, millis) = (of_day / 1_000, of_day % 1_000);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    Some(format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z"))
}

const DAY: i64 = 86_400_000;
/// The last millisecond of a `Date`, and the first.
const LAST: u64 = 8_640_000_000_000_000;

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn dates_are_those_that_javascript_writes() {
        for (millis, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_709_251_199_123, "2024-02-29T23:59:59.123Z"),
            (-62_167_219_200_001, "-000001-12-31T23:59:59.999Z"),
            (253_402_300_800_000, "+010000-01-01T00:00:00.000Z"),
            (8_640_000_000_000_000, "+275760-09-13T00:00:00.000Z"),
        ] {
            assert_eq!(text(millis).as_deref(), Some(expected));
        }
        assert_eq!(text(8_640_000_000_000_001), None);
        assert_eq!(text(i64::MIN), None);
    }
}
