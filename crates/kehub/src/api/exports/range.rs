//! Which bytes of a file somebody asks for (RFC 9110, 14).

use std::ops::Range;

/// One range of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ByteRange {
    /// From this one on, to that one or to the end.
    Between(u64, Option<u64>),
    /// So many at the end.
    Last(u64),
}

impl ByteRange {
    /// Reads the header. Several ranges, other units and what is malformed are nothing: such a header may
    /// be ignored, and whoever sent it gets the whole file.
    pub(super) fn read(header: &str) -> Option<ByteRange> {
        let (unit, range) = header.split_once('=')?;
        if !unit.trim().eq_ignore_ascii_case("bytes") {
            return None;
        }
        match range.trim().split_once('-')? {
            ("", last) => number(last).map(ByteRange::Last),
            (first, "") => Some(ByteRange::Between(number(first)?, None)),
            (first, last) => {
                let (first, last) = (number(first)?, number(last)?);
                (first <= last).then_some(ByteRange::Between(first, Some(last)))
            }
        }
    }

    /// The bytes of a file of so many, from the first to behind the last; `None` if there are none.
    pub(super) fn of(self, bytes: u64) -> Option<Range<u64>> {
        let part = match self {
            ByteRange::Between(first, last) => {
                first..last.map_or(bytes, |last| bytes.min(last.saturating_add(1)))
            }
            ByteRange::Last(count) => bytes.saturating_sub(count)..bytes,
        };
        (!part.is_empty()).then_some(part)
    }
}

/// Digits only. More than can be counted are as many as can be.
fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_is_read_and_all_else_is_nothing() {
        let range = |header: &str| ByteRange::read(header);
        assert_eq!(range("bytes=5-"), Some(ByteRange::Between(5, None)));
        assert_eq!(range("Bytes=0-9"), Some(ByteRange::Between(0, Some(9))));
        assert_eq!(range("bytes=-7"), Some(ByteRange::Last(7)));
        let long = "bytes=99999999999999999999-";
        assert_eq!(range(long), Some(ByteRange::Between(u64::MAX, None)));
        for other in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=5",
            "bytes=9-5",
            "bytes=a-",
            "bytes=+1-",
            "bytes=0-1,3-4",
            "bytes=0-1, 3-",
            "bytes=-1-2",
            "rows=0-1",
            "bytes 0-1",
        ] {
            assert_eq!(range(other), None, "{other}");
        }
    }

    #[test]
    fn a_range_is_cut_to_what_there_is() {
        let of = |header: &str, bytes| ByteRange::read(header).unwrap().of(bytes);
        assert_eq!(of("bytes=5-", 10), Some(5..10));
        assert_eq!(of("bytes=0-0", 10), Some(0..1));
        assert_eq!(of("bytes=5-99", 10), Some(5..10));
        assert_eq!(of("bytes=-3", 10), Some(7..10));
        assert_eq!(of("bytes=-30", 10), Some(0..10));
        let max = format!("bytes=0-{}", u64::MAX);
        assert_eq!(of(&max, 10), Some(0..10));
        let nothing = [
            ("bytes=10-", 10),
            ("bytes=11-12", 10),
            ("bytes=-0", 10),
            ("bytes=0-", 0),
            ("bytes=-1", 0),
        ];
        for (header, bytes) in nothing {
            assert_eq!(of(header, bytes), None, "{header} of {bytes}");
        }
    }
}
