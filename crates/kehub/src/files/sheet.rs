//! XLSX: the cells of one sheet, one after the other. Texts that cells share are held in memory,
//! because the format keeps them apart from the cells.

use super::error::{FileError, NoRow, Unfit};
use super::headings::Heads;
use super::reading::ROUNDED_FROM;
use super::rows::{
    BEGINNING_BYTES_MAX, COLUMNS_MAX, ROW_BYTES_MAX, Row, Unreadable, shortened, text_of,
};
use super::unpacking::{Bounded, Limits, Unpacked};
use crate::wire::json::Json;
use calamine::{DataRef, ExcelDateTime, Reader as _, Xlsx, XlsxError};
use kehub_core::canonical::is_blank;
use std::borrow::Cow;
use std::io::{Read, Seek};
use std::ops::ControlFlow;
use std::rc::Rc;

/// Rows that a sheet can hold: lines of a sheet that goes on where another is full are counted on
/// from there.
const SHEET_ROWS: u64 = 1_048_576;

/// Reads the headings and all rows of the sheet of this name, or of the first one and of those that go
/// on with it; blank rows are passed over.
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
    let (bytes, unpacked) = Bounded::new(bytes, limits)?;
    let opened = Xlsx::new(bytes).map_err(|error| unreadable(&error, &unpacked));
    let mut workbook: Xlsx<_> = opened?;
    unpacked.opened();
    let names = workbook.sheet_names();
    let chosen = match name {
        None => names.first().cloned(),
        Some(name) => names.iter().find(|known| known.trim() == name.trim()).cloned(),
    };
    let Some(chosen) = chosen else {
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        let found = name.map_or_else(|| "none".to_owned(), |name| format!("`{name}`"));
        return Err(Unfit::NoSheet { names: names.join(", "), found }.into());
    };
    let mut table = Table { heads, row: Row::default(), fault: None, unpacked };
    if table.read(&mut workbook, &chosen, 0)?.is_break() || name.is_some() {
        return table.heads.end(Unfit::EmptySheet);
    }
    // An export goes on in `客户 2` when `客户` is full.
    let further = (2..).map(|number| format!("{chosen} {number}"));
    let further = further.take_while(|name| names.contains(name));
    for (full, name) in (1..).zip(further) {
        if table.heads.sheet().is_break()
            || table.read(&mut workbook, &name, full * SHEET_ROWS)?.is_break()
        {
            break;
        }
    }
    table.heads.end(Unfit::EmptySheet)
}

fn unreadable(error: &XlsxError, unpacked: &Unpacked) -> FileError {
    let breach = unpacked.breach();
    breach.unwrap_or_else(|| Unfit::NoWorkbook { found: error.to_string() }.into())
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
        if matches!(&cell, Json::Null) || matches!(&cell, Json::Text(text) if is_blank(text)) {
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
