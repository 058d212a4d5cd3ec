//! Times as people write them.

use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A moment, or a distance from now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Time {
    /// Milliseconds since the Unix epoch.
    At(u64),
    /// From now: back for conditions, ahead for expiry.
    Distance(Duration),
}

impl FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(ms) = text.parse() {
            return Ok(Time::At(ms));
        }
        if let Ok(distance) = humantime::parse_duration(text) {
            return Ok(Time::Distance(distance));
        }
        let whole = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
        humantime::parse_rfc3339_weak(&whole).map(|time| Time::At(millis(time))).map_err(|_| {
            "expected milliseconds since 1970, a date as 2026-01-31, a time as 2026-01-31T12:00:00Z, or a duration as 2h".to_owned()
        })
    }
}

fn millis(time: SystemTime) -> u64 {
    u64::try_from(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}

impl Time {
    /// For conditions: durations count back.
    pub fn ago(self) -> u64 {
        match self {
            Time::At(ms) => ms,
            Time::Distance(distance) => millis(SystemTime::now().checked_sub(distance).unwrap_or(UNIX_EPOCH)),
        }
    }

    /// For expiry: durations count ahead.
    pub fn ahead(self) -> u64 {
        match self {
            Time::At(ms) => ms,
            Time::Distance(distance) => millis(SystemTime::now()).saturating_add(millis(UNIX_EPOCH + distance)),
        }
    }
}

/// A time for people, in UTC.
pub fn show(ms: u64) -> String {
    match UNIX_EPOCH.checked_add(Duration::from_millis(ms)) {
        Some(time) => humantime::format_rfc3339_seconds(time).to_string(),
        None => ms.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        assert_eq!("1700000000000".parse(), Ok(Time::At(1_700_000_000_000)));
        assert_eq!("2023-11-14".parse(), Ok(Time::At(1_699_920_000_000)));
        assert_eq!("2023-11-14T22:13:20Z".parse(), Ok(Time::At(1_700_000_000_000)));
        assert_eq!("2h".parse(), Ok(Time::Distance(Duration::from_secs(7200))));
        assert!("soon".parse::<Time>().is_err());
    }
}
