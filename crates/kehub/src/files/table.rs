//! CSV, as spreadsheets and databases write it: with anything between the values.

use super::error::{FileError, Unfit};
use super::rows::{COLUMNS_MAX, Met, ROW_BYTES_MAX, Row, Take};
use crate::wire::json::Json;
use csv::{ErrorKind, ReaderBuilder, StringRecord};
use kehub_core::canonical::is_blank;
use std::borrow::Cow;
use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

/// What may stand between values, the likeliest first.
const DELIMITERS: [u8; 4] = *b",;\t|";

/// What stands between the headings of a table.
pub(super) fn delimiter_of(beginning: &[u8]) -> u8 {
    let mut counts = [0_usize; DELIMITERS.len()];
    let (mut quoted, mut begun) = (false, false);
    for byte in beginning {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' | b'\r' if !quoted && begun => break,
            _ if !quoted => {
                let places = DELIMITERS.iter().zip(&mut counts);
                places.filter(|(known, _)| *known == byte).for_each(|(_, count)| *count += 1);
            }
            _ => (),
        }
        begun |= !byte.is_ascii_whitespace();
    }
    let most = counts.iter().copied().max().filter(|most| *most > 0);
    let found = counts.iter().position(|count| Some(*count) == most);
    found.and_then(|place| DELIMITERS.get(place)).copied().unwrap_or(b',')
}

/// Reads the headings and all rows; blank ones are passed over.
pub(super) fn read(text: impl Read, delimiter: u8, take: &mut Take<'_>) -> Result<(), FileError> {
    let room = Rc::new(Cell::new(usize::MAX));
    let lines = Lines::new(text, delimiter, Rc::clone(&room));
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .from_reader(lines);
    let mut record = StringRecord::new();
    let mut columns = None;
    loop {
        room.set(ROW_BYTES_MAX);
        let line = reader.position().line();
        match reader.read_record(&mut record) {
            Ok(true) => (),
            Ok(false) => break,
            Err(error) => return Err(unreadable(error, line)),
        }
        if record.iter().all(is_blank) {
            continue;
        }
        let met = if columns.is_none() {
            columns = Some(record.len());
            if record.len() > COLUMNS_MAX {
                let (most, found) = (COLUMNS_MAX, record.len());
                return Err(Unfit::TooManyColumns { most, found }.at(line));
            }
            Met::Columns(record.iter().map(|heading| heading.trim().to_owned()).collect())
        } else {
            Met::Row(row(&record, reader.position().line()))
        };
        if take(met).is_break() {
            return Ok(());
        }
    }
    match columns {
        Some(_) => Ok(()),
        None => Err(Unfit::EmptyFile.into()),
    }
}

/// A row, and where it begins, told from the line behind it: blank ones before it are not its own.
fn row(record: &StringRecord, next_line: u64) -> Row {
    let cell = |text: &str| {
        if text.is_empty() { Json::Null } else { Json::Text(Cow::Owned(text.to_owned())) }
    };
    let lines = 1 + record.as_slice().bytes().filter(|byte| *byte == b'\n').count();
    Row {
        line: next_line.saturating_sub(u64::try_from(lines).unwrap_or(0)),
        cells: record.iter().map(cell).collect(),
        bytes: record.as_slice().len(),
        further: Vec::new(),
    }
}

fn unreadable(error: csv::Error, line: u64) -> FileError {
    let found = error.to_string();
    let ErrorKind::Io(error) = error.into_kind() else {
        return Unfit::NoRow { found }.at(line);
    };
    if error.kind() != io::ErrorKind::FileTooLarge {
        return error.into();
    }
    Unfit::OpenQuote { most: ROW_BYTES_MAX }.at(line)
}

/// Text whose lines all end with one `\n`, so that they can be counted, up to where a row has no end.
/// What stands in quotes is left as it is.
struct Lines<R> {
    inner: R,
    delimiter: u8,
    place: Place,
    /// Bytes that the row may still take.
    room: Rc<Cell<usize>>,
    /// Whether the last byte was a `\r`.
    after_return: bool,
    /// Whether the last line has not ended.
    is_open: bool,
}

/// Where in a row a byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Where a value begins.
    Beginning,
    /// In a value, or behind its quotes.
    Plain,
    /// Between quotes.
    Quoted,
    /// Behind a quote that may be the first of two, which stand for one.
    Quote,
}

impl Place {
    /// Where the byte behind this one stands.
    fn behind(self, byte: u8, delimiter: u8) -> Place {
        match (self, byte) {
            (Place::Quoted, b'"') => Place::Quote,
            (Place::Quoted, _) | (Place::Beginning | Place::Quote, b'"') => Place::Quoted,
            (_, b'\n' | b'\r') => Place::Beginning,
            (_, byte) if byte == delimiter => Place::Beginning,
            (_, _) => Place::Plain,
        }
    }
}

impl<R: Read> Lines<R> {
    fn new(inner: R, delimiter: u8, room: Rc<Cell<usize>>) -> Lines<R> {
        let place = Place::Beginning;
        Lines { inner, delimiter, place, room, after_return: false, is_open: false }
    }

    /// Makes one `\n` of `\r\n` and of `\r`, but not between quotes; how many bytes are left.
    fn unify(&mut self, text: &mut [u8]) -> usize {
        let mut kept = 0;
        for at in 0..text.len() {
            let byte = text.get(at).copied().unwrap_or_default();
            let is_quoted = self.place == Place::Quoted;
            self.place = self.place.behind(byte, self.delimiter);
            let is_return = byte == b'\r' && !is_quoted;
            let is_second = std::mem::replace(&mut self.after_return, is_return);
            if byte == b'\n' && is_second {
                continue;
            }
            let byte = if is_return { b'\n' } else { byte };
            self.is_open = byte != b'\n';
            if let Some(place) = text.get_mut(kept) {
                *place = byte;
            }
            kept += 1;
        }
        kept
    }
}

impl<R: Read> Read for Lines<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.room.get() == 0 {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
            let read = self.inner.read(into)?;
            self.room.set(self.room.get().saturating_sub(read));
            let Some(text) = into.get_mut(..read).filter(|text| !text.is_empty()) else {
                let Some(end) = into.first_mut().filter(|_| self.is_open) else { return Ok(0) };
                *end = b'\n';
                self.is_open = false;
                return Ok(1);
            };
            let kept = self.unify(text);
            if kept > 0 {
                return Ok(kept);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::rows::tests::told;
    use super::*;

    fn read(text: &str) -> Result<String, FileError> {
        told(|take| super::read(text.as_bytes(), delimiter_of(text.as_bytes()), take))
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
            ("", b','),
        ] {
            assert_eq!(delimiter_of(text.as_bytes()), delimiter, "{text:?}");
        }
    }

    #[test]
    fn quotes_hold_delimiters_lines_and_quotes() {
        let text = "name,remark\r\n\"Wang, Fang\",\"one\ntwo \"\"three\"\"\"\r\nLi,x\r\n";
        let told = read(text).unwrap();
        assert_eq!(told, "columns name|remark\n2: Wang, Fang|one\ntwo \"three\"\n4: Li|x\n");
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
    fn a_quote_that_is_never_closed_does_not_fill_the_memory() {
        let text = format!("a,b\n1,2\n3,\"{}", "x,y\n".repeat(1_000_000));
        let said = read(&text).unwrap_err().to_string();
        assert!(said.starts_with("line 3: expected a row of at most"), "{said}");
    }
}
