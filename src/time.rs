//! Time as a plain value. Nothing here reads a clock: the edges do, and pass [`Now`] down.

use std::fmt;

/// Wall-clock time in milliseconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct WallMs(pub u64);

/// Two clocks, one argument: validity is compared with `wall`, timers with `steady`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Wall-clock time; may jump.
    pub wall: WallMs,
    /// Milliseconds since an arbitrary start; never goes back.
    pub steady_ms: u64,
}

impl fmt::Display for WallMs {
    /// RFC 3339 in China Standard Time (UTC+8), the zone every deadline of the domain is stated in.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = i64::try_from(self.0).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
        match shown {
            Some(at) => {
                let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(8));
                write!(f, "{}", at.to_zoned(zone).strftime("%Y-%m-%dT%H:%M:%S%:z"))
            }
            None => write!(f, "{} ms", self.0),
        }
    }
}

impl WallMs {
    /// Reads RFC 3339: a time with its zone.
    pub fn parse(text: &str) -> Option<Self> {
        let at: jiff::Timestamp = text.parse().ok()?;
        u64::try_from(at.as_millisecond()).ok().map(Self)
    }

    /// The calendar year in China Standard Time (UTC+8).
    pub fn year(self) -> u16 {
        let at = i64::try_from(self.0).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
        let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(8));
        at.and_then(|at| u16::try_from(at.to_zoned(zone).year()).ok()).unwrap_or(u16::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn year_turns_at_midnight_in_china() {
        // 2024-12-31T16:00:00Z is 2025-01-01T00:00:00+08:00.
        assert_eq!(WallMs(1_735_660_799_999).year(), 2024);
        assert_eq!(WallMs(1_735_660_800_000).year(), 2025);
        assert_eq!(WallMs(1_735_660_800_000).to_string(), "2025-01-01T00:00:00+08:00");
    }

    #[test]
    fn a_time_is_read_with_its_zone_or_not_at_all() {
        let midnight = Some(WallMs(1_735_660_800_000));
        assert_eq!(WallMs::parse("2025-01-01T00:00:00+08:00"), midnight);
        assert_eq!(WallMs::parse("2024-12-31T16:00:00Z"), midnight);
        for bad in ["2025-01-01T00:00:00", "2025-01-01", "now", "", "1969-12-31T00:00:00Z"] {
            assert_eq!(WallMs::parse(bad), None, "{bad}");
        }
    }
}
