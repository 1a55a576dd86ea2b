//! Cursors of the audit log: a moment and a number, so that a page goes on where the one before it ended,
//! also when that entry is forgotten.

use kehub_core::people::audit::{AuditNumber, AuditPlace};

/// A cursor for what stands before a place.
pub(crate) fn write(place: AuditPlace) -> String {
    format!("{}.{}", place.at, place.number)
}

/// The place of a cursor; `None` if it is none.
pub(crate) fn read(text: &str) -> Option<AuditPlace> {
    let (at, number) = text.split_once('.')?;
    let (at, number) = (at.parse().ok()?, number.parse().ok().filter(|number| *number > 0)?);
    Some(AuditPlace { at, number: AuditNumber(number) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        for (at, number) in [(1_777_856_523_250_000, 41), (-7, 1), (0, i64::MAX)] {
            let place = AuditPlace { at, number: AuditNumber(number) };
            assert_eq!(read(&write(place)), Some(place));
        }
        for text in ["", "7", "7.", ".7", "7.0", "7.-1", "7.7.7", "x.7"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
