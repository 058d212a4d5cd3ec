//! The one place that asks what time it is.

use atlas_record::Timestamp;

/// Milliseconds since the Unix epoch.
pub fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
