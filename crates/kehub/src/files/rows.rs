//! Rows on their way from a file, and the thread that reads them.

use super::error::{FileError, NoRow};
use super::gather::Gather;
use super::headings::{Above, Sayings, Sheets};
use super::source::Source;
use crate::wire::json::Json;
use std::io;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::thread::{self, JoinHandle};
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Bytes of one row at most. A quote that is never closed would make all of a file one row.
pub(super) const ROW_BYTES_MAX: usize = 1024 * 1024;
/// Columns of a file at most.
pub(super) const COLUMNS_MAX: usize = 2_000;
/// Bytes that are kept of a line that is no row and too long to be kept.
pub(super) const BEGINNING_BYTES_MAX: usize = 16 * 1024;
/// Rows that are handed over together.
const CHUNK_ROWS: usize = 1_000;
/// Bytes that they take up from which on they are handed over although they are few.
const CHUNK_BYTES: usize = 4 * 1024 * 1024;
/// Chunks that wait while others are applied.
const CHUNKS_WAITING: usize = 2;

/// A row. Cells are in the order of the columns; missing ones at the end are empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Row {
    /// Where it begins, counted from 1.
    pub(crate) line: u64,
    pub(crate) cells: Vec<Json<'static>>,
    /// How much of the file it is.
    pub(super) bytes: usize,
    /// Rows behind it that are about the same customer, each with another identity.
    pub(crate) further: Vec<Row>,
}

impl Row {
    pub(crate) fn cell(&self, column: usize) -> &Json<'static> {
        self.cells.get(column).unwrap_or(&Json::Null)
    }
}

/// A line that is no row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Unreadable {
    pub(crate) line: u64,
    pub(crate) text: String,
    /// Why it is none.
    pub(crate) reason: NoRow,
}

/// What a reader meets.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Met {
    /// Columns, behind those known so far.
    Columns(Vec<String>),
    /// Rows above the columns, which say nothing.
    Above(Above),
    /// Which sheet of a workbook the rows are of, where others are left out.
    Sheets(Sheets),
    Row(Row),
    Unreadable(Unreadable),
}

/// Whoever takes what a reader meets.
pub(crate) type Take<'a> = dyn FnMut(Met) -> ControlFlow<()> + 'a;

/// A row, or what should be one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Item {
    Row(Row),
    Unreadable(Unreadable),
}

/// Some rows, and the columns that were not known before them.
#[derive(Debug, Default)]
pub(crate) struct Chunk {
    /// What stands above the headings, before the first columns.
    pub(crate) above: Option<Above>,
    /// Which sheet of a workbook they are of, where others are left out.
    pub(crate) sheets: Option<Sheets>,
    pub(crate) columns: Vec<String>,
    pub(crate) items: Vec<Item>,
}

/// A file that is read while its rows are used: a thread reads, and waits once it is ahead.
#[derive(Debug)]
pub(crate) struct Rows {
    chunks: Receiver<Result<Chunk, FileError>>,
    /// Until it is known to have come to its end.
    reader: Option<JoinHandle<()>>,
}

impl Rows {
    /// Begins to read. Rows of one customer are put together where the columns, with what somebody
    /// says about columns of these headings, have a row for each identity.
    pub(crate) fn start(
        source: Source,
        sayings: impl Sayings + 'static,
    ) -> Result<Rows, FileError> {
        Rows::start_holding(source, sayings, ())
    }

    /// The same; the thread holds something for as long as it reads.
    pub(crate) fn start_holding(
        source: Source,
        sayings: impl Sayings + 'static,
        held: impl Send + 'static,
    ) -> Result<Rows, FileError> {
        let (sender, chunks) = channel(CHUNKS_WAITING);
        // It ends by itself when nobody takes rows any more.
        let reader = thread::Builder::new().name("rows".into()).spawn(move || {
            send_all(source, &Rc::new(sayings), &sender);
            drop(held);
        })?;
        Ok(Rows { chunks, reader: Some(reader) })
    }

    /// The next rows; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Chunk>, FileError> {
        let chunk = self.chunks.recv().await.transpose()?;
        // A reader that is gone has not always been at the end of the file.
        if chunk.is_none() && self.reader.take().is_some_and(|reader| reader.join().is_err()) {
            return Err(io::Error::other("the reader of the file broke off").into());
        }
        Ok(chunk)
    }
}

fn send_all(
    source: Source,
    sayings: &Rc<impl Sayings + 'static>,
    chunks: &Sender<Result<Chunk, FileError>>,
) {
    let said = Rc::clone(sayings);
    let mut gather = Gather::new(move |headings| said.choices(headings));
    let (mut chunk, mut bytes) = (Chunk::default(), 0);
    let mut take = |met| {
        match met {
            Met::Columns(columns) => chunk.columns.extend(columns),
            Met::Above(above) => chunk.above = Some(above),
            Met::Sheets(sheets) => chunk.sheets = Some(sheets),
            Met::Row(row) => {
                bytes += held(&row);
                chunk.items.push(Item::Row(row));
            }
            Met::Unreadable(line) => {
                bytes += line.text.len();
                chunk.items.push(Item::Unreadable(line));
            }
        }
        if chunk.items.len() < CHUNK_ROWS && bytes < CHUNK_BYTES {
            return ControlFlow::Continue(());
        }
        bytes = 0;
        match chunks.blocking_send(Ok(std::mem::take(&mut chunk))) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    };
    let read = source.read(&**sayings, &mut |met| gather.meet(met, &mut take));
    // Whoever has gone away does not miss the rest.
    if gather.end(&mut take).is_break() {
        return;
    }
    if !chunk.items.is_empty() || !chunk.columns.is_empty() {
        chunks.blocking_send(Ok(chunk)).ok();
    }
    if let Err(error) = read {
        chunks.blocking_send(Err(error)).ok();
    }
}

/// What a row takes up: what it says, and its cells, however little they say.
fn held(row: &Row) -> usize {
    let further = row.further.iter().map(|row| row.cells.len());
    row.bytes + (row.cells.len() + further.sum::<usize>()) * size_of::<Json<'_>>()
}

/// The beginning of a text, as much as is kept of a line that is no row.
pub(super) fn shortened(text: &str) -> String {
    if text.len() <= BEGINNING_BYTES_MAX {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(BEGINNING_BYTES_MAX);
    format!("{}…", text.get(..end).unwrap_or_default())
}

/// Text of a cell for people; empty if there is none.
pub(crate) fn text_of(cell: &Json<'_>) -> String {
    match cell {
        Json::Null => String::new(),
        Json::Text(text) => text.clone().into_owned(),
        Json::Integer(number) => number.to_string(),
        Json::Large(number) => number.to_string(),
        Json::Real(number) => number.to_string(),
        Json::Flag(flag) => flag.to_string(),
        Json::Array(_) | Json::Object(_) => cell.found().to_owned(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::files::mapping::Choices;

    /// What a reader meets, a line each.
    pub(crate) fn told(
        read: impl FnOnce(&mut Take<'_>) -> Result<(), FileError>,
    ) -> Result<String, FileError> {
        let mut told = Vec::new();
        read(&mut |met| {
            told.push(match met {
                Met::Columns(columns) => format!("columns {}\n", columns.join("|")),
                Met::Above(Above { rows, headings }) => {
                    format!("above {rows}, headings in line {headings}\n")
                }
                Met::Row(row) => {
                    let line = |row: &Row| {
                        let cells: Vec<String> = row.cells.iter().map(text_of).collect();
                        format!("{}: {}\n", row.line, cells.join("|"))
                    };
                    let further = row.further.iter().map(|row| format!(" and {}", line(row)));
                    format!("{}{}", line(&row), further.collect::<String>())
                }
                Met::Sheets(Sheets { sheet, others }) => {
                    format!("sheet {sheet}, without {}\n", others.join("|"))
                }
                Met::Unreadable(line) => {
                    format!("{}! {} ({})\n", line.line, line.text, line.reason)
                }
            });
            ControlFlow::Continue(())
        })?;
        Ok(told.concat())
    }

    #[tokio::test]
    async fn rows_come_in_chunks_until_nobody_takes_them() {
        let text: String =
            std::iter::once("n\n".to_owned()).chain((0..5_000).map(|n| format!("{n}\n"))).collect();
        let source = || {
            let bytes = Box::new(io::Cursor::new(text.clone().into_bytes()));
            Source::of_stream(bytes, &super::super::source::ReadOptions::default()).unwrap()
        };
        let mut rows = Rows::start(source(), |_: &[String]| Choices::default()).unwrap();
        let (mut count, mut columns) = (0, Vec::new());
        while let Some(chunk) = rows.next().await.unwrap() {
            assert!(chunk.items.len() <= CHUNK_ROWS);
            count += chunk.items.len();
            columns.extend(chunk.columns);
        }
        assert_eq!((count, columns), (5_000, vec!["n".to_owned()]));
        let mut rows = Rows::start(source(), |_: &[String]| Choices::default()).unwrap();
        assert_eq!(rows.next().await.unwrap().unwrap().items.len(), CHUNK_ROWS);
    }

    #[tokio::test]
    async fn cells_take_up_room_although_nothing_stands_in_them() {
        let wide = format!("x{}\n", ",".repeat(COLUMNS_MAX - 1));
        let bytes = Box::new(io::Cursor::new(format!("n\n{}", wide.repeat(300)).into_bytes()));
        let options = super::super::source::ReadOptions::default();
        let source = Source::of_stream(bytes, &options).unwrap();
        let mut rows = Rows::start(source, |_: &[String]| Choices::default()).unwrap();
        let (mut count, row) = (0, COLUMNS_MAX * size_of::<Json<'_>>());
        while let Some(chunk) = rows.next().await.unwrap() {
            assert!(chunk.items.len() <= CHUNK_BYTES / row + 1, "{}", chunk.items.len());
            count += chunk.items.len();
        }
        assert_eq!(count, 300);
    }

    #[tokio::test]
    async fn a_reader_that_breaks_off_is_not_the_end_of_the_file() {
        let bytes = Box::new(io::Cursor::new(b"n\n1\n".to_vec()));
        let options = super::super::source::ReadOptions::default();
        let source = Source::of_stream(bytes, &options).unwrap();
        let mut rows =
            Rows::start(source, |_: &[String]| -> Choices { panic!("a fault of the reader") })
                .unwrap();
        let error = rows.next().await.unwrap_err().to_string();
        assert_eq!(error, "the reader of the file broke off");
    }
}
