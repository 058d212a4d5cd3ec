//! Times: what RFC 3339, ISO 8601 and HTML agree on, with a zone.

/// Longest text of a time.
const MOST_BYTES: usize = 64;
const MINUTE_MS: i64 = 60 * 1000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

/// The milliseconds since the Unix epoch that a time means, digits below cut off; `None` if
/// the text is no time.
///
/// `YYYY-MM-DDThh:mm:ss`, a fraction of any length, then `Z` or `±hh:mm`, but not `-00:00`.
/// The day has to exist, and in UTC the year is within 0 to 9999. Leap seconds are refused:
/// the servers of the AT Protocol cannot hold them.
pub fn milliseconds(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    if bytes.len() > MOST_BYTES || text.ends_with("-00:00") {
        return None;
    }
    let (head, rest) = bytes.split_at_checked(19)?;
    let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if separators.iter().any(|&(at, separator)| head[at] != separator) {
        return None;
    }
    let [year, month, day] = [number(&head[..4])?, number(&head[5..7])?, number(&head[8..10])?];
    let [hour, minute, second] = [number(&head[11..13])?, number(&head[14..16])?, number(&head[17..19])?];
    if !(1..=12).contains(&month) || !(1..=days_in(year, month)).contains(&day) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (fraction, zone) = fraction(rest)?;
    let offset = offset_minutes(zone)?;
    let local = days_before(year, month, day) * DAY_MS + (hour * 60 + minute) * MINUTE_MS + second * 1000 + fraction;
    let utc = local - offset * MINUTE_MS;
    let years = days_before(0, 1, 1) * DAY_MS..days_before(10_000, 1, 1) * DAY_MS;
    years.contains(&utc).then_some(utc)
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |value, digit| digit.is_ascii_digit().then(|| value * 10 + i64::from(digit - b'0')))
}

/// Milliseconds of a fraction, where there is one, and what follows it.
fn fraction(rest: &[u8]) -> Option<(i64, &[u8])> {
    let Some(rest) = rest.strip_prefix(b".") else { return Some((0, rest)) };
    let length = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    let digits = (0..3).map(|i| if i < length { i64::from(rest[i] - b'0') } else { 0 });
    (length > 0).then(|| (digits.fold(0, |value, digit| value * 10 + digit), &rest[length..]))
}

/// Minutes that a zone is ahead of UTC.
fn offset_minutes(zone: &[u8]) -> Option<i64> {
    let (sign, hours, minutes) = match zone {
        b"Z" => return Some(0),
        [b'+', h1, h2, b':', m1, m2] => (1, [*h1, *h2], [*m1, *m2]),
        [b'-', h1, h2, b':', m1, m2] => (-1, [*h1, *h2], [*m1, *m2]),
        _ => return None,
    };
    let (hours, minutes) = (number(&hours)?, number(&minutes)?);
    (hours <= 23 && minutes <= 59).then_some(sign * (hours * 60 + minutes))
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from the Unix epoch to a day of the proleptic Gregorian calendar. Counts years from
/// March, so that the leap day comes last.
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // 0000-03-01 is 719,468 days before the epoch.
    year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_means_the_same_in_every_zone() {
        assert_eq!(milliseconds("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(milliseconds("1970-01-01T01:30:00.0009+01:30"), Some(0));
        assert_eq!(milliseconds("1969-12-31T23:59:59.999Z"), Some(-1));
        assert_eq!(milliseconds("2000-02-29T12:34:56.789Z"), Some(951_827_696_789));
        assert_eq!(milliseconds("2000-02-29T12:34:56.78-00:01"), Some(951_827_696_780 + 60_000));
        assert_eq!(milliseconds("2026-01-01T00:00:00Z"), Some(1_767_225_600_000));
        assert_eq!(milliseconds("9999-12-31T23:59:59.999999999Z"), Some(253_402_300_799_999));
    }

    #[test]
    fn days_that_do_not_exist_are_no_times() {
        for date in ["2023-02-29", "1900-02-29", "2024-02-30", "2024-04-31", "2024-00-10", "2024-13-01", "2024-01-00"] {
            assert_eq!(milliseconds(&format!("{date}T10:00:00Z")), None, "{date}");
        }
        assert!(milliseconds("2024-02-29T10:00:00Z").is_some() && milliseconds("2000-02-29T10:00:00Z").is_some());
        for time in ["24:00:00", "23:60:00", "23:59:60", "23:59:61"] {
            assert_eq!(milliseconds(&format!("2016-12-31T{time}Z")), None, "{time}");
        }
    }

    #[test]
    fn a_zone_is_wanted_and_every_digit() {
        let good = "2026-05-06T07:08:09";
        for zone in ["Z", "+00:00", "-01:00", "+14:00", ".1Z", ".123456789+05:45"] {
            assert!(milliseconds(&format!("{good}{zone}")).is_some(), "{zone}");
        }
        for zone in [
            "", "z", "-00:00", "+0000", "+00", "+0:00", "+24:00", "+01:60", ".Z", ".", ".5", "ZZ", " Z", "+",
            ".1-00:00",
        ] {
            assert_eq!(milliseconds(&format!("{good}{zone}")), None, "{zone}");
        }
        for text in [
            "",
            "2026-05-06",
            "2026-05-06T07:08Z",
            "2026-5-06T07:08:09Z",
            "26-05-06T07:08:09Z",
            "2026-05-06 07:08:09Z",
            "2026-05-06t07:08:09Z",
            "+002026-05-06T07:08:09Z",
            "2026-05-06T07:08:9Z",
            " 2026-05-06T07:08:09Z",
            "2026–05-06T07:08:09Z",
            "2026-05-06T07:08:0９Z",
        ] {
            assert_eq!(milliseconds(text), None, "{text}");
        }
        assert_eq!(milliseconds(&format!("{good}.{}Z", "1".repeat(60))), None, "longer than 64 bytes");
    }

    #[test]
    fn years_are_those_of_four_digits_in_utc() {
        assert!(milliseconds("0000-01-01T00:00:00Z").is_some());
        assert_eq!(milliseconds("0000-01-01T00:00:00+00:01"), None);
        assert_eq!(milliseconds("9999-12-31T23:59:59-00:01"), None);
    }
}
