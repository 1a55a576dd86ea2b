//! CSV: UTF-8 with a mark that tells spreadsheets so, quoted where it must be, lines that end as
//! RFC 4180 says.

use super::columns::{Cell, Columns};
use super::options::Options;
use super::sink::Sink;
use super::{ExportError, Writer};
use crate::files::cells::guarded;
use crate::wire::time;
use csv::{Terminator, WriterBuilder};
use kehub_store::{Outline, WholeCustomer};
use std::fmt::Write as _;
use std::io::Write as _;

/// Without it, Excel takes the text for that of the machine's language.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Writes a CSV file.
pub(super) struct CsvWriter {
    columns: Columns,
    raw: bool,
    utc_offset: i32,
    rows: csv::Writer<Sink>,
    /// What is being written, kept for its room.
    text: String,
}

impl CsvWriter {
    pub(super) fn new(
        options: &Options,
        outline: &Outline,
        mut sink: Sink,
    ) -> Result<CsvWriter, ExportError> {
        sink.write_all(BYTE_ORDER_MARK)?;
        let columns = Columns::new(options, outline);
        let mut rows = WriterBuilder::new()
            .delimiter(options.delimiter)
            .terminator(Terminator::CRLF)
            .from_writer(sink);
        rows.write_record(columns.headings().iter().map(|heading| heading.as_bytes()))
            .map_err(told)?;
        let (raw, utc_offset) = (options.raw, options.utc_offset);
        Ok(CsvWriter { columns, raw, utc_offset, rows, text: String::new() })
    }
}

impl Writer for CsvWriter {
    fn customer(&mut self, whole: &WholeCustomer) -> Result<(), ExportError> {
        let CsvWriter { columns, raw, utc_offset, rows, text } = self;
        columns.rows(whole, |cells| {
            for cell in cells {
                text.clear();
                match columns.word(&cell) {
                    Some(word) => text.push_str(word),
                    None => render(&cell, *raw, *utc_offset, text),
                }
                rows.write_field(text.as_bytes()).map_err(told)?;
            }
            rows.write_record(None::<&[u8]>).map_err(told)
        })
    }

    fn end(self: Box<Self>) -> Result<Sink, ExportError> {
        self.rows.into_inner().map_err(|error| ExportError::Io(error.into_error()))
    }
}

fn told(error: csv::Error) -> ExportError {
    ExportError::Io(error.into())
}

fn render(cell: &Cell<'_>, raw: bool, utc_offset: i32, text: &mut String) {
    let written = match cell {
        Cell::Empty => Ok(()),
        Cell::Text(words) if raw => text.write_str(words),
        Cell::Text(words) => text.write_str(&guarded(words)),
        Cell::Whole(number) | Cell::Gender(number) => write!(text, "{number}"),
        Cell::Real(number) => write!(text, "{number}"),
        Cell::Flag(flag) => write!(text, "{flag}"),
        Cell::Day(day) => text.write_str(day),
        Cell::Moment(at) => text.write_str(&time::precise_at(*at, utc_offset).unwrap_or_default()),
    };
    // A text takes whatever is written.
    written.ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(cell: &Cell<'_>, raw: bool) -> String {
        let mut text = String::new();
        render(cell, raw, 0, &mut text);
        text
    }

    #[test]
    fn a_text_that_a_spreadsheet_would_run_is_guarded_unless_told_otherwise() {
        let texts = ["=1+1", "+16505550100", "-x", "@a", "\tx", "'=1", "'", "x=1", "上海", ""];
        let guarded = texts.map(|text| rendered(&Cell::Text(text.into()), false));
        let expected =
            ["'=1+1", "'+16505550100", "'-x", "'@a", "'\tx", "''=1", "''", "x=1", "上海", ""];
        assert_eq!(guarded, expected);
        assert_eq!(texts.map(|text| rendered(&Cell::Text(text.into()), true)), texts);
        // Numbers are no texts.
        assert_eq!(rendered(&Cell::Whole(-3), false), "-3");
        assert_eq!(rendered(&Cell::Real(-0.5), false), "-0.5");
    }
}
