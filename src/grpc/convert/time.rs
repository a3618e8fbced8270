//! Moments.

use chrono::{DateTime, Datelike, SubsecRound, Utc};
use prost_types::Timestamp;

use crate::error::Problem;

/// A moment as `google.protobuf.Timestamp`.
pub(super) fn timestamp(time: DateTime<Utc>) -> Timestamp {
    Timestamp {
        seconds: time.timestamp(),
        nanos: i32::try_from(time.timestamp_subsec_nanos()).unwrap_or_default(),
    }
}

/// A `google.protobuf.Timestamp` as a moment, to the microsecond that
/// PostgreSQL keeps.
pub(super) fn moment(timestamp: &Timestamp) -> Result<DateTime<Utc>, Problem> {
    u32::try_from(timestamp.nanos)
        .ok()
        .filter(|nanos| *nanos < 1_000_000_000)
        .and_then(|nanos| DateTime::from_timestamp(timestamp.seconds, nanos))
        .filter(|time| (1..=9999).contains(&time.year()))
        .map(|time| time.trunc_subsecs(6))
        .ok_or(Problem::InvalidTimestamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments() {
        let good = Timestamp {
            seconds: 1_764_000_000,
            nanos: 123_456_789,
        };
        let back = timestamp(moment(&good).expect("a moment"));
        assert_eq!(
            back,
            Timestamp {
                nanos: 123_456_000,
                ..good
            }
        );
        for bad in [
            Timestamp {
                seconds: i64::MAX,
                nanos: 0,
            },
            Timestamp {
                seconds: i64::MIN,
                nanos: 0,
            },
            Timestamp {
                seconds: 0,
                nanos: -1,
            },
            Timestamp {
                seconds: 0,
                nanos: 1_000_000_000,
            },
            Timestamp {
                seconds: 253_402_300_800,
                nanos: 0,
            },
        ] {
            assert_eq!(moment(&bad), Err(Problem::InvalidTimestamp), "{bad:?}");
        }
    }
}
