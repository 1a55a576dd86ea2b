//! Moments as the wire writes them (W12).

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use kehub_core::Micros;

const MICROS_PER_SECOND: i64 = 1_000_000;
/// What a message expects of a moment.
pub(crate) const EXPECTED: &str = "a time like 2017-01-31T08:00:00Z";

/// Reads `yyyy-MM-ddTHH:mm:ss`, with a fraction or without, then nothing or `Z` for UTC, or an
/// offset such as `+08:00` or `+0800`. Years 1 to 9999.
pub(crate) fn parse(text: &str) -> Option<Micros> {
    let (moment, rest) = text.split_at_checked(19)?;
    let moment = civil(moment.as_bytes())?;
    let digits = rest
        .strip_prefix('.')
        .map_or(0, |fraction| fraction.bytes().take_while(u8::is_ascii_digit).count());
    let (fraction, zone) = match rest.strip_prefix('.') {
        Some(fraction) if digits > 0 => fraction.split_at_checked(digits)?,
        Some(_) => return None,
        None => ("", rest),
    };
    let timestamp = offset(zone)?.to_timestamp(moment).ok()?;
    let seconds = timestamp.as_second();
    let year = Offset::UTC.to_datetime(timestamp).year();
    (year >= 1).then_some(())?;
    seconds.checked_mul(MICROS_PER_SECOND)?.checked_add(micros(fraction))
}

/// Writes the second of a moment as `yyyy-MM-ddTHH:mm:ssZ`; `None` outside of years 1 to 9999.
pub(crate) fn format(at: Micros) -> Option<String> {
    let timestamp = Timestamp::from_second(at.div_euclid(MICROS_PER_SECOND)).ok()?;
    (Offset::UTC.to_datetime(timestamp).year() >= 1).then(|| timestamp.to_string())
}

/// Writes a moment with as many digits behind its second as it has, in groups of three:
/// `2017-01-31T08:00:00Z`, `…00.250Z`, `…00.250001Z`; `None` outside of years 1 to 9999.
pub(crate) fn precise(at: Micros) -> Option<String> {
    let mut text = format(at)?;
    let micros = at.rem_euclid(MICROS_PER_SECOND);
    if micros == 0 {
        return Some(text);
    }
    text.pop();
    let fraction =
        if micros % 1000 == 0 { format!("{:03}", micros / 1000) } else { format!("{micros:06}") };
    Some(format!("{text}.{fraction}Z"))
}

/// Writes a moment as [`precise`] does, so many seconds from UTC: `2017-01-31T16:00:00+08:00`.
pub(crate) fn precise_at(at: Micros, offset_seconds: i32) -> Option<String> {
    if offset_seconds == 0 {
        return precise(at);
    }
    let shift = i64::from(offset_seconds).saturating_mul(MICROS_PER_SECOND);
    let mut text = precise(at.checked_add(shift)?)?;
    text.pop();
    let sign = if offset_seconds < 0 { '-' } else { '+' };
    let minutes = offset_seconds.abs() / 60;
    Some(format!("{text}{sign}{:02}:{:02}", minutes / 60, minutes % 60))
}

/// Reads `Z` or an offset as in [`parse`], in seconds.
pub(crate) fn offset_seconds(text: &str) -> Option<i32> {
    let text = Some(text).filter(|text| !text.is_empty())?;
    offset(text).map(Offset::seconds)
}

/// The first moment of the second that holds this one.
pub(crate) fn second_of(at: Micros) -> Micros {
    at - at.rem_euclid(MICROS_PER_SECOND)
}

/// The first moment after the second that holds this one.
pub(crate) fn second_after(at: Micros) -> Micros {
    second_of(at).saturating_add(MICROS_PER_SECOND)
}

/// `yyyy-MM-ddTHH:mm:ss`, and nothing that merely looks like it.
fn civil(text: &[u8]) -> Option<DateTime> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T', h1, h2, b':', n1, n2, b':', s1, s2] =
        text
    else {
        return None;
    };
    let year = i16::from(pair(*y1, *y2)?) * 100 + i16::from(pair(*y3, *y4)?);
    let (month, day) = (pair(*m1, *m2)?, pair(*d1, *d2)?);
    let (hour, minute, second) = (pair(*h1, *h2)?, pair(*n1, *n2)?, pair(*s1, *s2)?);
    DateTime::new(year, month, day, hour, minute, second, 0).ok()
}

/// Nothing or `Z`, or `+hh:mm`, `+hhmm`, `+hh`, likewise with `-`.
fn offset(zone: &str) -> Option<Offset> {
    let (sign, hours, minutes) = match zone.as_bytes() {
        [] | [b'Z'] => return Some(Offset::UTC),
        [sign, h1, h2] => (sign, pair(*h1, *h2)?, 0),
        [sign, h1, h2, m1, m2] | [sign, h1, h2, b':', m1, m2] => {
            (sign, pair(*h1, *h2)?, pair(*m1, *m2)?)
        }
        _ => return None,
    };
    if hours > 23 || minutes > 59 {
        return None;
    }
    let seconds = (i32::from(hours) * 60 + i32::from(minutes)) * 60;
    let seconds = match sign {
        b'+' => seconds,
        b'-' => -seconds,
        _ => return None,
    };
    Offset::from_seconds(seconds).ok()
}

/// Microseconds of the digits after the point; digits beyond the sixth are cut.
fn micros(fraction: &str) -> i64 {
    let digits = fraction.bytes().chain(std::iter::repeat(b'0')).take(6);
    digits.fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'))
}

fn pair(tens: u8, ones: u8) -> Option<i8> {
    let digit = |byte: u8| byte.is_ascii_digit().then(|| i8::try_from(byte - b'0').ok()).flatten();
    Some(digit(tens)? * 10 + digit(ones)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_moment_is_one_moment() {
        for text in [
            "2017-01-31T08:00:00",
            "2017-01-31T08:00:00Z",
            "2017-01-31T08:00:00.000Z",
            "2017-01-31T16:00:00+08:00",
            "2017-01-31T16:00:00.000+0800",
            "2017-01-31T16:00:00+08",
            "2017-01-31T04:30:00-03:30",
        ] {
            assert_eq!(parse(text), Some(1_485_849_600_000_000), "{text}");
        }
        assert_eq!(format(1_485_849_600_999_999).as_deref(), Some("2017-01-31T08:00:00Z"));
        assert_eq!(format(-1).as_deref(), Some("1969-12-31T23:59:59Z"));
        assert_eq!(parse("1969-12-31T23:59:59.999999"), Some(-1));
        let precise: Vec<_> = [0, 250_000, 1].map(|at| precise(at - 1_000_000)).to_vec();
        let expected =
            ["1969-12-31T23:59:59Z", "1969-12-31T23:59:59.250Z", "1969-12-31T23:59:59.000001Z"];
        assert_eq!(precise, expected.map(|text| Some(text.to_owned())));
    }

    #[test]
    fn a_moment_is_the_same_one_at_any_offset() {
        for (zone, shown) in [
            ("Z", "08:00:00.250Z"),
            ("+08:00", "16:00:00.250+08:00"),
            ("-0330", "04:30:00.250-03:30"),
        ] {
            let at = 1_485_849_600_250_000;
            let text = precise_at(at, offset_seconds(zone).unwrap()).unwrap();
            assert_eq!(text, format!("2017-01-31T{shown}"));
            assert_eq!(parse(&text), Some(at));
        }
        assert_eq!(["", "8", "+24:00", "z"].map(offset_seconds), [None; 4]);
    }

    #[test]
    fn what_is_no_moment_is_not_guessed() {
        for text in [
            "",
            "2017-01-31",
            "2017-01-31 08:00:00",
            "2017-02-29T00:00:00Z",
            "2017-01-31T24:00:00Z",
            "2017-01-31T08:00:60Z",
            "2017-01-31T08:00:00.Z",
            "2017-01-31T08:00:00z",
            "2017-01-31T08:00:00+8",
            "2017-01-31T08:00:00+24:00",
            "2017-01-31T08:00:00 08:00",
            "0000-01-01T00:00:00Z",
            "0001-01-01T00:00:00+08:00",
            "9999-12-31T23:59:59-23:00",
            "２017-01-31T08:00:00Z",
            "+017-01-31T08:00:00Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
