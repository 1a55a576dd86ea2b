//! CSV, as spreadsheets and databases write it: with anything between the values.

use super::error::{FileError, NoRow, Unfit};
use super::headings::{HeaderRow, Heads, LABELS_MIN, SOUGHT_ROWS, is_label};
use super::records::{Fault, Records};
use super::rows::{COLUMNS_MAX, ROW_BYTES_MAX, Row, Unreadable};
use crate::wire::json::Json;
use std::borrow::Cow;
use std::io::BufRead;

/// What may stand between values, the likeliest first.
const DELIMITERS: [u8; 4] = *b",;\t|";

/// What stands between the headings of a table.
pub(super) fn delimiter_of(beginning: &[u8], header: HeaderRow) -> u8 {
    let lines = || lines_of(beginning).filter(|(_, line)| !line.trim_ascii().is_empty());
    let first = lines().next().map_or(&b""[..], |(_, line)| line);
    if let Some(delimiter) = lines().next().and_then(|(number, line)| named(number, line)) {
        return delimiter;
    }
    let chosen = match header {
        HeaderRow::At(wanted) => {
            let line = lines().find(|(number, _)| *number == wanted);
            line.map(|(_, line)| labelled(line, LABELS_MIN).unwrap_or_else(|| likeliest(line)))
        }
        _ if labelled(first, 1).is_some() => None,
        // It stands above the headings.
        HeaderRow::First | HeaderRow::Sought => {
            lines().take(SOUGHT_ROWS).find_map(|(_, line)| labelled(line, LABELS_MIN))
        }
    };
    chosen.unwrap_or_else(|| likeliest(first))
}

/// The delimiter that the first line names, as Excel reads it: `sep=;`.
fn named(number: u64, line: &[u8]) -> Option<u8> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let unquoted = line.strip_prefix(b"\"").and_then(|line| line.strip_suffix(b"\""));
    let line = unquoted.unwrap_or(line);
    let (begin, rest) = line.split_at_checked(4)?;
    let is_said = number == 1 && begin.eq_ignore_ascii_case(b"sep=");
    match rest {
        [delimiter] if is_said && !delimiter.is_ascii_alphanumeric() && delimiter.is_ascii() => {
            Some(*delimiter)
        }
        _ => None,
    }
}

/// What parts so many labels in a line.
fn labelled(line: &[u8], labels_min: usize) -> Option<u8> {
    let line = String::from_utf8_lossy(line);
    let labels = |delimiter: u8| {
        let parts = line.split(char::from(delimiter)).map(|part| part.trim().trim_matches('"'));
        parts.take(COLUMNS_MAX).filter(|part| is_label(part)).take(labels_min).count()
    };
    DELIMITERS.into_iter().find(|delimiter| labels(*delimiter) >= labels_min)
}

/// What stands in a line most often, without what stands between quotes.
fn likeliest(line: &[u8]) -> u8 {
    let mut counts = [0_usize; DELIMITERS.len()];
    let mut quoted = false;
    for byte in line {
        quoted ^= *byte == b'"';
        let places = DELIMITERS.iter().zip(&mut counts);
        let met = places.filter(|(known, _)| !quoted && *known == byte);
        met.for_each(|(_, count)| *count += 1);
    }
    let most = counts.iter().copied().max().filter(|most| *most > 0);
    let found = counts.iter().position(|count| Some(*count) == most);
    found.and_then(|place| DELIMITERS.get(place)).copied().unwrap_or(b',')
}

/// Lines by their numbers, from 1; between quotes none ends.
fn lines_of(text: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    let (mut quoted, mut number, mut last) = (false, 1, 0);
    let lines = text.split_inclusive(move |byte| {
        quoted ^= *byte == b'"';
        !quoted && matches!(byte, b'\n' | b'\r')
    });
    lines.filter_map(move |line| {
        let is_second = line == b"\n" && std::mem::replace(&mut last, 0) == b'\r';
        last = line.last().copied().unwrap_or_default();
        let begin = number;
        let within = line.iter().rev().skip(1).filter(|byte| **byte == b'\n').count();
        number += u64::try_from(within).unwrap_or(0) + u64::from(!is_second);
        (!is_second).then_some((begin, line))
    })
}

/// Reads the headings and all rows; blank ones are passed over.
pub(super) fn read(
    text: impl BufRead,
    delimiter: u8,
    mut heads: Heads<'_, '_>,
) -> Result<(), FileError> {
    let mut records = Records::new(text, delimiter);
    while records.advance()? {
        let line = records.line();
        let names_delimiter = || line == 1 && named(line, records.beginning().as_bytes()).is_some();
        if records.is_blank() || names_delimiter() {
            continue;
        }
        let flow = if let Some(fault) = records.fault() {
            let (text, reason) = (records.beginning(), no_row(fault));
            heads.unreadable(Unreadable { line, text, reason })?
        } else {
            let cells = records.values().map(cell).collect();
            heads.row(Row { line, cells, bytes: records.bytes(), further: Vec::new() })?
        };
        if flow.is_break() {
            return Ok(());
        }
    }
    heads.end(Unfit::EmptyFile)
}

fn cell(text: Cow<'_, str>) -> Json<'static> {
    if text.is_empty() { Json::Null } else { Json::Text(Cow::Owned(text.into_owned())) }
}

/// Why a record is no row.
fn no_row(fault: Fault) -> NoRow {
    match fault {
        Fault::Unclosed { line } => NoRow::OpenQuote { line },
        Fault::Strayed { line } => NoRow::StrayQuote { line },
        Fault::Long => NoRow::Long { most: ROW_BYTES_MAX },
        Fault::Wide { found } => NoRow::Cells { most: COLUMNS_MAX, found },
    }
}

#[cfg(test)]
mod tests {
    use super::super::mapping::Choices;
    use super::super::rows::BEGINNING_BYTES_MAX;
    use super::super::rows::tests::told;
    use super::*;

    fn read(text: &str) -> Result<String, FileError> {
        let (header, sayings) = (HeaderRow::First, |_: &[String]| Choices::default());
        let delimiter = delimiter_of(text.as_bytes(), header);
        told(|take| super::read(text.as_bytes(), delimiter, Heads::new(header, &sayings, take)))
    }

    #[test]
    fn the_headings_tell_the_delimiter() {
        for (text, delimiter) in [
            ("name,city\n", b','),
            ("name;city;a,b\nx,y,z", b';'),
            ("name\tcity", b'\t'),
            ("name|city|\"a,b,c,d\"\n", b'|'),
            ("\n\nname;city", b';'),
            ("name\n1;2;3", b','),
            ("a,b\n姓名;\"手机号\";城市", b';'),
            ("name,b\n姓名;手机号", b','),
            ("\"a;\nb\"\tc\n\n1;2", b'\t'),
            ("", b','),
        ] {
            let found = delimiter_of(text.as_bytes(), HeaderRow::Sought);
            assert_eq!(found, delimiter, "{text:?}");
        }
        for (line, delimiter) in [(1, b','), (4, b';'), (6, b'|'), (5, b',')] {
            let text = "a,b\r\n\r\nx\ny;;z\n\n姓名|1,2,3|手机号";
            let found = delimiter_of(text.as_bytes(), HeaderRow::At(line));
            assert_eq!(found, delimiter, "{line}");
        }
    }

    #[test]
    fn quotes_hold_delimiters_lines_and_quotes() {
        let text = "name,remark\r\n\"Wang, Fang\",\"one\ntwo \"\"three\"\"\"\r\nLi,x\r\n";
        let told = read(text).unwrap();
        assert_eq!(told, "columns name|remark\n2: Wang, Fang|one\ntwo \"three\"\n4: Li|x\n");
    }

    #[test]
    fn a_first_line_names_the_delimiter() {
        let expected = "columns a,b|c\n3: 1|2\n";
        assert_eq!(read("sep=;\r\na,b;c\r\n1;2\r\n").unwrap(), expected);
        assert_eq!(read("\"sep=;\"\na,b;c\n1;2\n").unwrap(), expected);
        assert_eq!(read("SEP=\t\na,b\tc\n1\t2\n").unwrap(), expected);
        assert_eq!(read("sep=ab,c\nsep=;,2\n").unwrap(), "columns sep=ab|c\n2: sep=;|2\n");
    }

    #[test]
    fn blanks_before_a_quote_are_none_of_the_value() {
        let told = read("姓名,手机号\n张三, \"1,2\"\n \"李\n四\" , 3\n").unwrap();
        assert_eq!(told, "columns 姓名|手机号\n2: 张三|1,2\n3: 李\n四 | 3\n");
    }

    #[test]
    fn ragged_and_blank_rows() {
        let text = "\n , \na,b\n1\n,,\n\n1,2,3\n4,5";
        assert_eq!(read(text).unwrap(), "columns a|b\n4: 1\n7: 1|2|3\n8: 4|5\n");
    }

    #[test]
    fn lines_end_in_any_way() {
        for end in ["\n", "\r\n", "\r"] {
            let text = format!("a,b{end}1,\"x\ny\"{end}{end}2,z");
            assert_eq!(read(&text).unwrap(), "columns a|b\n2: 1|x\ny\n5: 2|z\n", "{end:?}");
        }
    }

    #[test]
    fn what_stands_in_quotes_stays_as_it_is() {
        for value in ["x\r\ny", "\r", "x\r\r\n\n", "a,b;\r\n"] {
            let text = format!("a,b\r\n1,\"{value}\"\r\nc\"\r\n\"d\"\"\r\n\"e\r\n");
            let told = read(&text).unwrap();
            assert!(told.contains(&format!(": 1|{value}\n")), "{told:?}");
            assert!(told.contains(": c\"\n") && told.ends_with(": d\"\r\ne\n"), "{told:?}");
        }
    }

    #[test]
    fn headings_alone_and_nothing_at_all() {
        assert_eq!(read("name,city").unwrap(), "columns name|city\n");
        for text in ["", "\n\n", " , \n"] {
            let said = read(text).unwrap_err().to_string();
            assert_eq!(said, "expected a row of headings, found an empty file");
        }
    }

    #[test]
    fn a_quote_that_is_not_closed_takes_no_row_with_it_in_silence() {
        let told = read("name,remark\n王芳,x\n李雷,\"来自\n门店\n张伟,电话\n").unwrap();
        let expected = "columns name|remark\n2: 王芳|x\n3! 李雷,\"来自\n门店\n张伟,电话 (expected a \
                        row, found a quote that is opened in line 3 and not closed up to the end of \
                        the file)\n";
        assert_eq!(told, expected);
        let told = read("a,b\n\n\"x\ny\",\"z").unwrap();
        assert!(told.contains("3! ") && told.contains("opened in line 4 and not"), "{told}");
        // Nothing was taken with it.
        assert_eq!(read("a,b\n1,2\n,\"\n\n").unwrap(), "columns a|b\n2: 1|2\n");
    }

    #[test]
    fn a_quote_that_ends_where_another_one_begins_takes_no_row_with_it_in_silence() {
        for rows in [
            "王芳,\"来自门店\n李雷,\"电话\"\n",
            "王芳,\"来自门店\n李雷,\"电话,微信\"\n",
            "\"王芳\",\"来自门店\r\n\"李雷\",\"电话\"\r\n",
            "\"王芳\n\"李雷\",\"电话\"\n",
        ] {
            let told = read(&format!("name,remark\n{rows}赵六,x\n")).unwrap();
            let lines: Vec<&str> = told.lines().collect();
            assert!(lines[1].starts_with("2! "), "{told}");
            assert!(
                lines[2].ends_with(
                    "(expected a delimiter behind a closing quote, found text: the quote that is \
                     opened in line 2 seems not to be closed)"
                ),
                "{told}"
            );
            assert_eq!(lines[3..], ["4: 赵六|x"], "{rows}");
        }
        // What is odd within a line is what somebody meant.
        let told = read("a,b\n\"x\"y,z\"\n\"5\"\" pipe\",\"q\n\"\n").unwrap();
        assert_eq!(told, "columns a|b\n2: xy|z\"\n3: 5\" pipe|q\n\n");
    }

    #[test]
    fn a_row_that_is_too_long_spoils_no_other_and_is_not_held() {
        let long = format!("{},b", "王".repeat(ROW_BYTES_MAX));
        let quoted = format!("\"{}\"", "x,y\n".repeat(ROW_BYTES_MAX));
        let wide = ",".repeat(COLUMNS_MAX) + "x";
        let blank = ",".repeat(10 * ROW_BYTES_MAX);
        let text = format!("a,b\n1,2\n{long}\n3,4\n{quoted}\n{wide}\n{blank}\n5,6\n");
        let told = read(&text).unwrap();
        let (beginning, reason) = told.split_once("3! ").unwrap().1.split_once(" (").unwrap();
        assert_eq!(beginning, "王".repeat(BEGINNING_BYTES_MAX / 3) + "…");
        let expected =
            "expected a row of at most 1048576 bytes, found a longer one)\n4: 3|4\n5! \"x,y\n";
        assert!(reason.starts_with(expected), "{reason:.200}");
        let behind = 6 + ROW_BYTES_MAX;
        let expected = format!(
            "{behind}! {wide} (expected at most 2000 values, found 2001)\n{}: 5|6\n",
            behind + 2
        );
        assert!(told.ends_with(&expected), "{}", told.len());
    }

    #[test]
    fn a_row_is_as_long_and_as_wide_as_it_may_be() {
        let long = "x".repeat(ROW_BYTES_MAX);
        let wide = ",".repeat(COLUMNS_MAX - 1) + "x";
        let told = read(&format!("a\n{long}\n{wide}")).unwrap();
        assert!(!told.contains('!'), "{}", told.len());
        assert_eq!(told.matches('|').count(), COLUMNS_MAX - 1);
    }

    #[test]
    fn headings_that_are_none_say_why() {
        for (text, why) in [
            (
                format!("{}\n", ",x".repeat(COLUMNS_MAX)),
                "expected at most 2000 columns, found 2001",
            ),
            (
                "x".repeat(ROW_BYTES_MAX + 1),
                "expected a row of at most 1048576 bytes, found a longer one",
            ),
            (
                "name,\"city\n王,x\n".into(),
                "expected a row of headings, found a quote that is opened and not closed",
            ),
        ] {
            let said = read(&text).unwrap_err().to_string();
            assert_eq!(said, format!("line 1: {why}"));
        }
    }
}
