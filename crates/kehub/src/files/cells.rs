//! What the cells of a table hold beside plain text: several values, and text that a spreadsheet
//! would run. Tables are made and read by these rules.

use std::borrow::Cow;

/// Stands between values in a cell. Within a value it is written `\|`, and a backslash `\\`.
const SEPARATOR: char = '|';
/// A text that begins with one of these may be run by a spreadsheet.
const RUNS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];
/// What is put before such a text, and before one that begins with this itself, so that it can be
/// taken away again.
const GUARD: char = '\'';

/// Several values as one cell holds them; `None` if there are none.
pub(crate) fn joined<'v>(values: impl Iterator<Item = &'v str>) -> Option<Cow<'v, str>> {
    let mut values = values.map(escaped);
    let first = values.next()?;
    Some(values.fold(first, |all, next| Cow::Owned(format!("{all}{SEPARATOR}{next}"))))
}

fn escaped(value: &str) -> Cow<'_, str> {
    if !value.contains([SEPARATOR, '\\']) {
        return Cow::Borrowed(value);
    }
    Cow::Owned(value.replace('\\', "\\\\").replace(SEPARATOR, "\\|"))
}

/// The values that a cell holds. A backslash before anything but `|` and `\` is one.
pub(super) fn parted(cell: &str) -> Vec<String> {
    let mut values = vec![String::new()];
    let mut rest = cell.chars().peekable();
    while let Some(c) = rest.next() {
        if c == SEPARATOR {
            values.push(String::new());
            continue;
        }
        let escaped =
            if c == '\\' { rest.next_if(|it| [SEPARATOR, '\\'].contains(it)) } else { None };
        if let Some(value) = values.last_mut() {
            value.push(escaped.unwrap_or(c));
        }
    }
    values
}

/// Whether a spreadsheet may run this text, or take it for one that was guarded.
pub(crate) fn is_guarded(text: &str) -> bool {
    text.starts_with(|first| RUNS.contains(&first) || first == GUARD)
}

/// A text as a cell of CSV holds it, so that no spreadsheet runs it.
pub(crate) fn guarded(text: &str) -> Cow<'_, str> {
    if is_guarded(text) { Cow::Owned(format!("{GUARD}{text}")) } else { Cow::Borrowed(text) }
}

/// The text that stands guarded in a cell; `None` if none does.
pub(super) fn unguarded(cell: &str) -> Option<&str> {
    cell.strip_prefix(GUARD).filter(|text| is_guarded(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_a_cell_are_parted_where_they_were_joined() {
        for (values, cell) in [
            (&["a"][..], "a"),
            (&["a", "b"], "a|b"),
            (&["a|b", "c"], "a\\|b|c"),
            (&["a\\", "b"], "a\\\\|b"),
            (&["\\|", "\\\\", "|"], "\\\\\\||\\\\\\\\|\\|"),
            (&["王 芳", "'=x"], "王 芳|'=x"),
        ] {
            assert_eq!(joined(values.iter().copied()).unwrap(), cell);
            assert_eq!(parted(cell), values);
        }
        assert_eq!(joined([].into_iter()), None);
    }

    #[test]
    fn what_no_export_writes_is_read_as_it_stands() {
        assert_eq!(parted("DOMAIN\\user"), ["DOMAIN\\user"]);
        assert_eq!(parted("a\\"), ["a\\"]);
        assert_eq!(parted("a||b|"), ["a", "", "b", ""]);
    }

    #[test]
    fn a_text_that_a_spreadsheet_would_run_is_guarded_and_can_be_told_from_one_that_was_not() {
        let texts = ["=1+1", "+16505550100", "-x", "@a", "\tx", "\rx", "'=1", "'", "''"];
        for text in texts {
            let cell = guarded(text);
            assert_eq!(cell, format!("'{text}"));
            assert_eq!(unguarded(&cell), Some(text));
        }
        for text in ["x=1", "上海", "", "a'=1"] {
            assert_eq!(guarded(text), text);
            assert_eq!(unguarded(text), None);
        }
        // Nobody guards it.
        assert_eq!(unguarded("'tis"), None);
    }
}
