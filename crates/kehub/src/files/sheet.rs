//! XLSX: the cells of one sheet, one after the other. Texts that cells share are held in memory,
//! because the format keeps them apart from the cells.

use super::error::{FileError, NoRow, Unfit};
use super::headings::{Heads, Sheets};
use super::kind;
use super::reading::ROUNDED_FROM;
use super::rows::{
    BEGINNING_BYTES_MAX, COLUMNS_MAX, ROW_BYTES_MAX, Row, Unreadable, shortened, text_of,
};
use super::unpacking::{Bounded, Limits, Unpacked};
use crate::wire::json::Json;
use calamine::{DataRef, ExcelDateTime, Reader as _, SheetType, SheetVisible, Xlsx, XlsxError};
use kehub_core::canonical::is_blank;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::{Read, Seek};
use std::ops::ControlFlow;
use std::rc::Rc;

/// Rows that a sheet can hold: lines of a sheet that goes on where another is full are counted on
/// from there.
const SHEET_ROWS: u64 = 1_048_576;

/// Reads the headings and all rows of the sheet of this name, or of the first one that is shown and has cells,
/// and of those that go on with it; blank rows are passed over.
pub(super) fn read(
    bytes: impl Read + Seek,
    name: Option<&str>,
    heads: Heads<'_, '_>,
) -> Result<(), FileError> {
    read_within(bytes, name, Limits::USUAL, heads)
}

/// The same, for as long as no more is unpacked.
fn read_within(
    bytes: impl Read + Seek,
    name: Option<&str>,
    limits: Limits,
    heads: Heads<'_, '_>,
) -> Result<(), FileError> {
    let (bytes, unpacked) = Bounded::new(kind::zip(bytes)?, limits)?;
    let opened = Xlsx::new(bytes).map_err(|error| unreadable(&error, &unpacked));
    let mut workbook: Xlsx<_> = opened?;
    unpacked.opened();
    let sheets = workbook.sheets_metadata().iter();
    // What else there is, such as charts, holds no rows.
    let sheets: Vec<_> = sheets.filter(|it| it.typ == SheetType::WorkSheet).cloned().collect();
    let names: Vec<&str> = sheets.iter().map(|sheet| sheet.name.as_str()).collect();
    let mut table = Table { heads, row: Row::default(), fault: None, unpacked };
    let (chosen, further) = if name.is_some() || names.is_empty() {
        let is_meant = |known: &&&str| name.is_some_and(|name| known.trim() == name.trim());
        let chosen = names.iter().find(is_meant).ok_or_else(|| no_sheet(&names, name))?;
        (*chosen, Vec::new())
    } else {
        let shown = sheets.iter().filter(|sheet| sheet.visible == SheetVisible::Visible);
        let shown: Vec<&str> = shown.map(|sheet| sheet.name.as_str()).collect();
        let chosen = first_with_cells(&mut workbook, &shown, &table.unpacked)?;
        let further = going_on(&names, chosen);
        let read = further.iter().map(String::as_str).chain([chosen]);
        let read: BTreeSet<&str> = read.collect();
        let others = names.iter().filter(|name| !read.contains(**name));
        let others = others.map(|name| (*name).to_owned()).collect();
        table.heads.choose(Sheets { sheet: chosen.to_owned(), others });
        (chosen, further)
    };
    if table.read(&mut workbook, chosen, 0)?.is_continue() {
        table.go_on(&mut workbook, &further)?;
    }
    table.heads.end(Unfit::EmptySheet)
}

/// The first one of these sheets in which anything stands.
fn first_with_cells<'n, R: Read + Seek>(
    workbook: &mut Xlsx<R>,
    shown: &[&'n str],
    unpacked: &Unpacked,
) -> Result<&'n str, FileError> {
    if let [only] = shown {
        return Ok(only);
    }
    for name in shown {
        if holds_cells(workbook, name, unpacked)? {
            return Ok(name);
        }
    }
    Err(Unfit::EmptySheet.into())
}

/// Whether anything stands in a sheet.
fn holds_cells<R: Read + Seek>(
    workbook: &mut Xlsx<R>,
    name: &str,
    unpacked: &Unpacked,
) -> Result<bool, FileError> {
    let unreadable = |error| unreadable(&error, unpacked);
    let mut cells = workbook.worksheet_cells_reader(name).map_err(unreadable)?;
    while let Some(cell) = cells.next_cell().map_err(unreadable)? {
        unpacked.met();
        if !is_nothing(&json(cell.get_value())) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_nothing(cell: &Json<'_>) -> bool {
    matches!(cell, Json::Null) || matches!(cell, Json::Text(text) if is_blank(text))
}

/// The sheets that go on with one if their headings are its own: an export goes on in `客户 2` when `客户` is full.
fn going_on(names: &[&str], first: &str) -> Vec<String> {
    let further = (2..).map(|number| format!("{first} {number}"));
    further.take_while(|name| names.contains(&name.as_str())).collect()
}

fn no_sheet(names: &[&str], wanted: Option<&str>) -> Unfit {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    let found = wanted.map_or_else(|| "none".to_owned(), |name| format!("`{name}`"));
    Unfit::NoSheet { names: names.join(", "), found }
}

fn unreadable(error: &XlsxError, unpacked: &Unpacked) -> FileError {
    let breach = unpacked.breach();
    breach.unwrap_or_else(|| {
        // Every part of a workbook is found from there.
        if matches!(error, XlsxError::FileNotFound(name) if name == "_rels/.rels") {
            return Unfit::NoWorkbookInside.into();
        }
        Unfit::NoWorkbook { found: error.to_string() }.into()
    })
}

/// A sheet that is being read.
struct Table<'t, 'f> {
    heads: Heads<'t, 'f>,
    row: Row,
    /// Why that is none.
    fault: Option<NoRow>,
    unpacked: Rc<Unpacked>,
}

impl Table<'_, '_> {
    /// Reads a sheet, whose lines are counted from behind so many.
    fn read<R: Read + Seek>(
        &mut self,
        workbook: &mut Xlsx<R>,
        name: &str,
        before: u64,
    ) -> Result<ControlFlow<()>, FileError> {
        let unpacked = Rc::clone(&self.unpacked);
        let unreadable = |error| unreadable(&error, &unpacked);
        let mut cells = workbook.worksheet_cells_reader(name).map_err(unreadable)?;
        while let Some(cell) = cells.next_cell().map_err(unreadable)? {
            unpacked.met();
            let (row, column) = cell.get_position();
            let line = before + u64::from(row) + 1;
            if line != self.row.line && self.end_row()?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            if self.heads.is_other() {
                break;
            }
            self.row.line = line;
            self.put(usize::try_from(column).unwrap_or(usize::MAX), cell.get_value());
        }
        self.end_row()
    }

    /// Reads the sheets that go on with the first one.
    fn go_on<R: Read + Seek>(
        &mut self,
        workbook: &mut Xlsx<R>,
        further: &[String],
    ) -> Result<(), FileError> {
        for (full, name) in (1..).zip(further) {
            if self.heads.sheet().is_break()
                || self.read(workbook, name, full * SHEET_ROWS)?.is_break()
            {
                break;
            }
        }
        Ok(())
    }

    fn put(&mut self, column: usize, value: &DataRef<'_>) {
        if self.fault.is_some() {
            return;
        }
        // Many cells may share one long text.
        if self.row.bytes.saturating_add(length(value)) > ROW_BYTES_MAX {
            self.fault = Some(NoRow::Long { most: ROW_BYTES_MAX });
            return;
        }
        let cell = json(value);
        if is_nothing(&cell) {
            return;
        }
        if column >= COLUMNS_MAX {
            self.fault = Some(NoRow::FurtherColumn { most: COLUMNS_MAX });
            return;
        }
        if self.row.cells.len() <= column {
            self.row.cells.resize(column + 1, Json::Null);
        }
        self.row.bytes += if let Json::Text(text) = &cell { text.len() } else { size_of::<f64>() };
        if let Some(place) = self.row.cells.get_mut(column) {
            *place = cell;
        }
    }

    /// Hands over what was read of a row.
    fn end_row(&mut self) -> Result<ControlFlow<()>, FileError> {
        let row = std::mem::take(&mut self.row);
        if let Some(reason) = self.fault.take() {
            let (line, text) = (row.line, beginning(&row));
            return self.heads.unreadable(Unreadable { line, text, reason });
        }
        if row.cells.is_empty() {
            return Ok(ControlFlow::Continue(()));
        }
        self.heads.row(row)
    }
}

/// The beginning of what was read of a row.
fn beginning(row: &Row) -> String {
    let mut text = String::new();
    for cell in &row.cells {
        if text.len() > BEGINNING_BYTES_MAX {
            break;
        }
        text.push_str(&text_of(cell));
        text.push('\t');
    }
    shortened(text.trim_end())
}

/// Bytes of a text; of what is none, not worth counting.
fn length(value: &DataRef<'_>) -> usize {
    match value {
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => {
            text.len()
        }
        DataRef::SharedString(text) => text.len(),
        DataRef::Empty
        | DataRef::Int(_)
        | DataRef::Float(_)
        | DataRef::Bool(_)
        | DataRef::DateTime(_)
        | DataRef::Error(_) => 0,
    }
}

fn json(value: &DataRef<'_>) -> Json<'static> {
    let text = |text: &str| Json::Text(Cow::Owned(text.to_owned()));
    match value {
        DataRef::Empty => Json::Null,
        DataRef::Int(number) => Json::Integer(*number),
        DataRef::Float(number) => number_of(*number),
        DataRef::String(value) | DataRef::DateTimeIso(value) | DataRef::DurationIso(value) => {
            text(value)
        }
        DataRef::SharedString(value) => text(value),
        DataRef::Bool(flag) => Json::Flag(*flag),
        DataRef::DateTime(moment) => moment_of(moment),
        // Such as `#N/A`, which is never a value: it is refused like the same text in CSV.
        DataRef::Error(error) => Json::Text(Cow::Owned(error.to_string())),
    }
}

/// Numbers of a spreadsheet all have a fraction, also those that were typed without one.
fn number_of(number: f64) -> Json<'static> {
    if number.fract() != 0.0 || number.abs() >= ROUNDED_FROM {
        return Json::Real(number);
    }
    #[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "checked above")]
    Json::Integer(number as i64)
}

/// A date as `yyyy-MM-dd`, with its time if it has one.
fn moment_of(moment: &ExcelDateTime) -> Json<'static> {
    if !moment.is_datetime() || moment.as_f64() < 1.0 {
        return number_of(moment.as_f64());
    }
    let (year, month, day, hour, minute, second, milli) = moment.to_ymd_hms_milli();
    let day = format!("{year:04}-{month:02}-{day:02}");
    let text = match (hour, minute, second, milli) {
        (0, 0, 0, 0) => day,
        (_, _, _, 0) => format!("{day}T{hour:02}:{minute:02}:{second:02}"),
        _ => format!("{day}T{hour:02}:{minute:02}:{second:02}.{milli:03}"),
    };
    Json::Text(Cow::Owned(text))
}

#[cfg(test)]
mod tests;
