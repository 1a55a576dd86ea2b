//! Records of CSV, one after the other. However long they are, no more of one is held than a row may have.

use super::rows::{BEGINNING_BYTES_MAX, COLUMNS_MAX, ROW_BYTES_MAX, shortened};
use super::unspaced::Unspaced;
use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use kehub_core::canonical::is_blank;
use std::borrow::Cow;
use std::io::{self, BufRead};

/// Bytes of the beginning of a record that are held: enough that more shows than is kept of it, however
/// its last character is cut.
const HELD_BYTES_MAX: usize = BEGINNING_BYTES_MAX + 4;

/// A text, the record that was read of it last, and what is wrong with that.
pub(super) struct Records<R> {
    text: Unspaced<R>,
    parser: Reader,
    /// The values of the record, one behind the other; there is room for a byte more than a row may have.
    values: Vec<u8>,
    /// Where each of them ends.
    ends: Vec<usize>,
    held: Held,
    track: Track,
}

/// How much there is of a record.
#[derive(Debug, Default)]
struct Held {
    bytes: usize,
    cells: usize,
    /// Cells, also those that were not held.
    found: usize,
    /// Whether there was more than is held.
    is_long: bool,
}

/// Why a record is no row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// A quote is opened in this line and not closed up to the end of the file.
    Unclosed { line: u64 },
    /// A quote is opened in this line and closed where another one was opened.
    Strayed { line: u64 },
    /// It has too many bytes.
    Long,
    /// It has so many cells, which are too many.
    Wide { found: usize },
}

impl<R: BufRead> Records<R> {
    pub(super) fn new(text: R, delimiter: u8) -> Records<R> {
        Records {
            text: Unspaced::new(text, delimiter),
            parser: ReaderBuilder::new().delimiter(delimiter).build(),
            values: vec![0; ROW_BYTES_MAX + 1],
            ends: vec![0; COLUMNS_MAX],
            held: Held::default(),
            track: Track::new(delimiter),
        }
    }

    /// Reads the next record; whether there is one.
    pub(super) fn advance(&mut self) -> io::Result<bool> {
        self.held = Held::default();
        self.track.begin();
        loop {
            let input = self.text.fill_buf()?;
            let (has_ended, held) = (input.is_empty(), &mut self.held);
            let values = self.values.get_mut(held.bytes..).unwrap_or_default();
            let ends = self.ends.get_mut(held.cells..).unwrap_or_default();
            let (result, read, written, ended) = self.parser.read_record(input, values, ends);
            self.track.pass(input.get(..read).unwrap_or_default());
            self.text.consume(read);
            held.bytes += written;
            held.is_long |= held.bytes > ROW_BYTES_MAX;
            held.cells += ended;
            held.found += ended;
            match result {
                ReadRecordResult::InputEmpty => (),
                // What comes behind is read over what is held.
                ReadRecordResult::OutputFull => held.bytes = 0,
                ReadRecordResult::OutputEndsFull => held.cells = 0,
                ReadRecordResult::Record if has_ended => {
                    self.track.end();
                    return Ok(true);
                }
                ReadRecordResult::Record => return Ok(true),
                ReadRecordResult::End => return Ok(false),
            }
        }
    }

    /// Where the record begins, counted from 1.
    pub(super) fn line(&self) -> u64 {
        self.track.record.line
    }

    /// How much its values are.
    pub(super) fn bytes(&self) -> usize {
        self.held.bytes
    }

    /// All values of a record that has no fault.
    pub(super) fn values(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let mut begin = 0;
        self.ends.iter().take(self.held.cells).map(move |end| {
            let value = self.values.get(begin..*end).unwrap_or_default();
            begin = *end;
            String::from_utf8_lossy(value)
        })
    }

    /// Whether nothing stands in it.
    pub(super) fn is_blank(&self) -> bool {
        let values = self.values.get(..self.held.bytes).unwrap_or_default();
        !self.held.is_long && is_blank(&String::from_utf8_lossy(values))
    }

    pub(super) fn fault(&self) -> Option<Fault> {
        let Marks { unclosed, strayed, .. } = self.track.record;
        let of_quotes = unclosed
            .map(|line| Fault::Unclosed { line })
            .or(strayed.map(|line| Fault::Strayed { line }));
        let found = self.held.found;
        let of_size = if self.held.is_long {
            Some(Fault::Long)
        } else {
            (found > COLUMNS_MAX).then_some(Fault::Wide { found })
        };
        of_quotes.or(of_size)
    }

    /// The beginning of it, as it stands in the text.
    pub(super) fn beginning(&self) -> String {
        let beginning = &self.track.record.beginning;
        let whole = beginning.utf8_chunks().next().map_or("", |part| part.valid());
        shortened(whole.trim_end_matches(['\r', '\n']))
    }
}

/// Where a text is by the rules of its parser, which tells neither lines nor quotes.
struct Track {
    delimiter: u8,
    place: Place,
    /// The line of the next byte. One ends with `\n`, `\r\n` or `\r`; between quotes, with `\n`.
    line: u64,
    last: u8,
    /// Whether the last byte ended a line and was a `\r`.
    after_return: bool,
    record: Marks,
}

/// What was met in a record.
#[derive(Debug, Default)]
struct Marks {
    /// Where it begins; 0 as long as it does not.
    line: u64,
    beginning: Vec<u8>,
    /// Where the last quote was opened, and whether lines have ended since.
    quote: u64,
    spans: bool,
    /// What stands before the quote that may close it.
    before_close: u8,
    /// Where a quote was opened behind whose closing one text stands.
    doubted: Option<u64>,
    strayed: Option<u64>,
    unclosed: Option<u64>,
}

/// Where in a record a byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
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
    pub(super) fn behind(self, byte: u8, delimiter: u8) -> Place {
        match (self, byte) {
            (Place::Quoted, b'"') => Place::Quote,
            (Place::Quoted, _) | (Place::Beginning | Place::Quote, b'"') => Place::Quoted,
            (_, b'\n' | b'\r') => Place::Beginning,
            (_, byte) if byte == delimiter => Place::Beginning,
            (_, _) => Place::Plain,
        }
    }
}

impl Track {
    fn new(delimiter: u8) -> Track {
        let (place, record) = (Place::Beginning, Marks::default());
        Track { delimiter, place, line: 1, last: 0, after_return: false, record }
    }

    fn begin(&mut self) {
        let mut beginning = std::mem::take(&mut self.record.beginning);
        beginning.clear();
        self.record = Marks { beginning, ..Marks::default() };
    }

    fn pass(&mut self, text: &[u8]) {
        for byte in text {
            self.step(*byte);
        }
    }

    fn step(&mut self, byte: u8) {
        let is_quoted = self.place == Place::Quoted;
        let ends_record = !is_quoted && matches!(byte, b'\n' | b'\r');
        if !ends_record && self.record.line == 0 {
            self.record.line = self.line;
        }
        if self.record.line > 0 && self.record.beginning.len() < HELD_BYTES_MAX {
            self.record.beginning.push(byte);
        }
        self.look_at_quotes(byte);
        self.place = self.place.behind(byte, self.delimiter);
        let is_second = byte == b'\n' && self.after_return;
        self.after_return = ends_record && byte == b'\r';
        self.line += u64::from((ends_record && !is_second) || (is_quoted && byte == b'\n'));
        self.last = byte;
    }

    /// A quote that nobody closed ends at the next one, which was to open another value. So text stands
    /// directly behind that, in what looks like a value of several lines, and the quote has a delimiter
    /// before it, or a partner further on. What is only odd is read as it stands.
    fn look_at_quotes(&mut self, byte: u8) {
        let behind = self.place.behind(byte, self.delimiter);
        let record = &mut self.record;
        match (self.place, byte) {
            (Place::Beginning, b'"') => (record.quote, record.spans) = (self.line, false),
            (Place::Quoted, b'"') => record.before_close = self.last,
            (Place::Quoted, b'\n' | b'\r') => record.spans = true,
            (Place::Quote, _) if behind == Place::Plain && record.spans => {
                record.doubted = Some(record.quote);
                if record.before_close == self.delimiter {
                    record.strayed = record.doubted;
                }
            }
            (Place::Plain, b'"') => record.strayed = record.strayed.or(record.doubted),
            (_, _) => (),
        }
    }

    /// At the end of the text.
    fn end(&mut self) {
        if self.place == Place::Quoted {
            self.record.unclosed = Some(self.record.quote);
        }
    }
}
