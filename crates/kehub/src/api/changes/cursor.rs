//! Places in the feed as clients hold them: `7` after an entry, `7.2` after an event in it.

use kehub_core::feed::Cursor;

/// A place as text.
pub(crate) fn text(cursor: Cursor) -> String {
    let Cursor { position, index } = cursor;
    if cursor == Cursor::after(position) {
        position.to_string()
    } else {
        format!("{position}.{index}")
    }
}

/// The place that a text means.
pub(crate) fn read(text: &str) -> Option<Cursor> {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let (position, index) = match text.split_once('.') {
        Some((position, index)) => (position, Some(index)),
        None => (text, None),
    };
    if !is_number(position) || !index.is_none_or(is_number) {
        return None;
    }
    let position = position.parse().ok()?;
    match index {
        Some(index) => Some(Cursor { position, index: index.parse().ok()? }),
        None => Some(Cursor::after(position)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_given() {
        for known in [Cursor::START, Cursor::after(7), Cursor { position: 7, index: 2 }] {
            assert_eq!(read(&text(known)), Some(known));
        }
        for text in ["", "-1", "+1", "1.", ".1", "1.-1", "1.2.3", "x", "99999999999999999999"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
