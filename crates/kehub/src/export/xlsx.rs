//! XLSX: numbers are numbers, dates are dates, and text is text whatever it begins with. Rows go to a
//! temporary file while they come; the spreadsheet is made of them at the end.

use super::columns::{Cell, Columns};
use super::options::Options;
use super::sink::Sink;
use super::{ExportError, Writer};
use crate::wire::time;
use jiff::civil::{Date, Time};
use jiff::tz::Offset;
use kehub_core::Micros;
use kehub_store::{Outline, WholeCustomer};
use rust_xlsxwriter::{Format, Workbook, Worksheet, XlsxError};
use std::io::{self, BufWriter, Seek as _};

/// Rows that a sheet can hold, the one of the headings included.
const ROWS_MAX: u32 = 1_048_576;
/// Whole numbers from here on have more digits than a spreadsheet keeps.
const EXACT_MAX: i64 = 1_000_000_000_000_000;
/// The day 1970-01-01, in days of a spreadsheet.
const EPOCH: i32 = 25_569;
/// Before 1900-03-01, spreadsheets do not agree about days.
const FIRST_DAY: i32 = 61;
const SECONDS_PER_DAY: i64 = 86_400;
const MICROS_PER_SECOND: i64 = 1_000_000;

/// Writes a spreadsheet.
pub(super) struct XlsxWriter {
    columns: Columns,
    utc_offset: i32,
    formats: Formats,
    workbook: Workbook,
    /// How many sheets there are, and rows in the last one.
    sheets: usize,
    rows: u32,
    rows_max: u32,
    sink: Sink,
}

struct Formats {
    heading: Format,
    day: Format,
    moment: Format,
}

impl XlsxWriter {
    pub(super) fn new(
        options: &Options,
        outline: &Outline,
        sink: Sink,
    ) -> Result<XlsxWriter, ExportError> {
        XlsxWriter::with_rows(options, outline, sink, ROWS_MAX)
    }

    fn with_rows(
        options: &Options,
        outline: &Outline,
        sink: Sink,
        rows_max: u32,
    ) -> Result<XlsxWriter, ExportError> {
        let mut writer = XlsxWriter {
            columns: Columns::new(options, outline),
            utc_offset: options.utc_offset,
            formats: Formats {
                heading: Format::new().set_bold(),
                day: Format::new().set_num_format("yyyy-mm-dd"),
                moment: Format::new().set_num_format("yyyy-mm-dd hh:mm:ss"),
            },
            workbook: Workbook::new(),
            sheets: 0,
            rows: 0,
            rows_max,
            sink,
        };
        writer.begin_sheet()?;
        Ok(writer)
    }

    /// Begins a sheet with a row of headings that stays where it is.
    fn begin_sheet(&mut self) -> Result<(), XlsxError> {
        let name = match self.sheets {
            0 => self.columns.sheet().to_owned(),
            before => format!("{} {}", self.columns.sheet(), before + 1),
        };
        let sheet = self.workbook.add_worksheet_with_constant_memory()?;
        sheet.set_name(name)?;
        sheet.set_freeze_panes(1, 0)?;
        for (place, heading) in (0..).zip(self.columns.headings()) {
            sheet.write_string_with_format(0, place, heading, &self.formats.heading)?;
        }
        self.sheets += 1;
        self.rows = 1;
        Ok(())
    }
}

impl Writer for XlsxWriter {
    fn customer(&mut self, whole: &WholeCustomer) -> Result<(), ExportError> {
        // Rows of one customer stay together: no customer has as many identities as a sheet has rows.
        let rows = u32::try_from(whole.identities.len()).unwrap_or(u32::MAX).max(1);
        if self.rows > 1 && self.rows.saturating_add(rows) > self.rows_max {
            self.begin_sheet()?;
        }
        let XlsxWriter { columns, utc_offset, formats, workbook, sheets, rows, .. } = self;
        let sheet = workbook.worksheet_from_index(*sheets - 1)?;
        columns.rows(whole, |cells| {
            for (place, cell) in (0..).zip(cells) {
                match columns.word(&cell) {
                    Some(word) => sheet.write_string(*rows, place, word).map(drop)?,
                    None => write(sheet, (*rows, place), &cell, formats, *utc_offset)?,
                }
            }
            *rows += 1;
            Ok(())
        })
    }

    fn end(mut self: Box<Self>) -> Result<Sink, ExportError> {
        // It is not written from its beginning to its end.
        let mut whole = BufWriter::new(tempfile::tempfile()?);
        self.workbook.save_to_writer(&mut whole)?;
        let mut whole = whole.into_inner().map_err(io::IntoInnerError::into_error)?;
        whole.rewind()?;
        io::copy(&mut whole, &mut self.sink)?;
        Ok(self.sink)
    }
}

fn write(
    sheet: &mut Worksheet,
    (row, column): (u32, u16),
    cell: &Cell<'_>,
    formats: &Formats,
    utc_offset: i32,
) -> Result<(), XlsxError> {
    match cell {
        Cell::Empty => return Ok(()),
        Cell::Text(text) => sheet.write_string(row, column, &**text),
        Cell::Whole(number) | Cell::Gender(number) => match exact(*number) {
            Some(number) => sheet.write_number(row, column, number),
            None => sheet.write_string(row, column, number.to_string()),
        },
        Cell::Real(number) => sheet.write_number(row, column, *number),
        Cell::Flag(flag) => sheet.write_boolean(row, column, *flag),
        Cell::Day(text) => match day(text) {
            Some(day) => sheet.write_number_with_format(row, column, f64::from(day), &formats.day),
            None => sheet.write_string(row, column, *text),
        },
        Cell::Moment(at) => {
            if let Some(days) = moment(*at, utc_offset) {
                sheet.write_number_with_format(row, column, days, &formats.moment)
            } else {
                let text = time::precise_at(*at, utc_offset).unwrap_or_default();
                sheet.write_string(row, column, text)
            }
        }
    }
    .map(drop)
}

/// A whole number, if a spreadsheet keeps all of its digits.
fn exact(number: i64) -> Option<f64> {
    if number.unsigned_abs() >= EXACT_MAX.unsigned_abs() {
        return None;
    }
    #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "checked above")]
    Some(number as f64)
}

/// A day in days of a spreadsheet.
fn day(text: &str) -> Option<i32> {
    let date: Date = text.parse().ok()?;
    let midnight = Offset::UTC.to_timestamp(date.to_datetime(Time::midnight())).ok()?;
    let days = i32::try_from(midnight.as_second().div_euclid(SECONDS_PER_DAY)).ok()?;
    Some(days + EPOCH).filter(|day| *day >= FIRST_DAY)
}

/// A moment in days of a spreadsheet, as a clock shows it that is so many seconds from UTC.
fn moment(at: Micros, utc_offset: i32) -> Option<f64> {
    let seconds = at.div_euclid(MICROS_PER_SECOND) + i64::from(utc_offset);
    let micros = i32::try_from(at.rem_euclid(MICROS_PER_SECOND)).ok()?;
    let days = i32::try_from(seconds.div_euclid(SECONDS_PER_DAY)).ok()? + EPOCH;
    let rest = i32::try_from(seconds.rem_euclid(SECONDS_PER_DAY)).ok()?;
    let of_day = (f64::from(rest) + f64::from(micros) / 1e6) / 86_400.0;
    (days >= FIRST_DAY).then_some(f64::from(days) + of_day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::Asked;
    use calamine::{Reader as _, Xlsx};
    use kehub_core::customer::{Customer, Fold, State};
    use kehub_core::{CustomerId, Seq};

    fn customer(id: i64) -> WholeCustomer {
        let customer = Customer {
            id: CustomerId(id),
            state: State::Live,
            fold: Fold::default(),
            homes: 1,
            rev: 1,
            head: Seq(1),
            created_at: 0,
            updated_at: 0,
            seen_at: 0,
        };
        WholeCustomer { customer, merged: Vec::new(), identities: Vec::new() }
    }

    #[test]
    fn what_one_sheet_cannot_hold_goes_to_another() {
        let options = Asked::default().of(crate::export::Format::Xlsx).unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        let sink = Sink::new(options.compression, Box::new(file.reopen().unwrap())).unwrap();
        let outline = Outline::default();
        let mut writer = Box::new(XlsxWriter::with_rows(&options, &outline, sink, 3).unwrap());
        for id in 1..=5 {
            writer.customer(&customer(id)).unwrap();
        }
        drop(writer.end().unwrap().finish().unwrap());
        let mut book: Xlsx<_> = calamine::open_workbook(file.path()).unwrap();
        let sheets = ["客户", "客户 2", "客户 3"];
        assert_eq!(book.sheet_names(), sheets);
        let rows = sheets.map(|sheet| {
            let sheet = book.worksheet_range(sheet).unwrap();
            sheet.rows().map(|row| row[0].to_string()).collect::<Vec<_>>().join(" ")
        });
        assert_eq!(rows, ["客户ID 1 2", "客户ID 3 4", "客户ID 5"]);
    }

    #[test]
    fn days_and_moments_are_those_of_a_spreadsheet() {
        assert_eq!(day("1970-01-01"), Some(25_569));
        assert_eq!(day("1990-02-28"), Some(32_932));
        assert_eq!(day("1900-03-01"), Some(61));
        assert_eq!(day("1900-02-28"), None);
        let noon = 25_569.5;
        assert_eq!(moment(43_200_000_000, 0), Some(noon));
        assert_eq!(moment(14_400_000_000, 28_800), Some(noon));
        assert_eq!(moment(-1, 0).map(f64::floor), Some(25_568.0));
        assert_eq!(moment(i64::MIN / 4, 0), None);
    }

    #[test]
    fn numbers_keep_all_of_their_digits() {
        assert_eq!(exact(-999_999_999_999_999), Some(-999_999_999_999_999.0));
        assert_eq!(exact(1_000_000_000_000_000), None);
        assert_eq!(exact(i64::MIN), None);
    }
}
