//! How old an answer may be, as the caller says, and how old it is.

use std::time::Duration;

/// How old the caller lets an answer be; without it nothing is but new.
pub(super) const MAX_STALENESS: &str = "x-max-staleness";
/// Who answered: `primary` or `standby`.
pub(super) const SERVED_BY: &str = "x-served-by";
/// How old a standby's answer is at most.
pub(super) const STALENESS: &str = "x-staleness";

/// Most that can be allowed: nobody means more.
const MOST: Duration = Duration::from_hours(1);

/// Reads a staleness from `0s` to `3600s`, written as JSON writes a
/// `google.protobuf.Duration`: whole seconds or up to nine decimals, and `s`.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let number = text.strip_suffix('s')?;
    let (whole, decimals) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str, most: usize| {
        (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    if !digits(whole, 4) || !digits(decimals, 9) {
        return None;
    }
    let nanoseconds = format!("{decimals:0<9}").parse().ok()?;
    let staleness = Duration::new(whole.parse().ok()?, nanoseconds);
    (staleness <= MOST).then_some(staleness)
}

/// Writes a staleness in the same form, in milliseconds that begin: it is
/// never said to be less than it is.
pub(super) fn format(staleness: Duration) -> String {
    let milliseconds = staleness.as_nanos().div_ceil(1_000_000);
    format!("{}.{:03}s", milliseconds / 1000, milliseconds % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn staleness_is_a_duration_of_json() {
        let cases = [
            ("0s", Some(Duration::ZERO)),
            ("5s", Some(Duration::from_secs(5))),
            ("0.5s", Some(Duration::from_millis(500))),
            ("1.000000001s", Some(Duration::new(1, 1))),
            ("0005s", Some(Duration::from_secs(5))),
            ("3600s", Some(MOST)),
            ("3600.1s", None),
            ("3601s", None),
            ("99999999999999999999s", None),
            ("5", None),
            ("s", None),
            ("", None),
            (".5s", None),
            ("5.s", None),
            ("5.0000000001s", None),
            ("-1s", None),
            ("+1s", None),
            ("1e1s", None),
            (" 5s", None),
            ("5S", None),
            ("5ms", None),
            ("5m", None),
            ("٥s", None),
        ];
        for (text, staleness) in cases {
            assert_eq!(parse(text), staleness, "{text:?}");
        }
    }

    #[test]
    fn it_is_never_said_to_be_less() {
        assert_eq!(format(Duration::ZERO), "0.000s");
        assert_eq!(format(Duration::from_nanos(1)), "0.001s");
        assert_eq!(format(Duration::from_millis(12_034)), "12.034s");
        assert_eq!(parse(&format(MOST)), Some(MOST));
    }
}
