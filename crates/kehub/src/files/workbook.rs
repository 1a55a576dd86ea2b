//! The refused rows of a workbook, as a workbook. A workbook cannot be added to, so they are written as CSV
//! while an import goes on, and it is made of that when nothing more comes. All of its cells are text, also
//! those that somebody fills in later: `0012345` opened and saved is `0012345`.

use super::cells::unguarded;
use super::refused::numbered;
use csv::StringRecord;
use rust_xlsxwriter::{Format, IgnoreError, Workbook, XlsxError};
use std::borrow::Cow;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};
use tempfile::{NamedTempFile, TempPath};

/// What the name of a workbook ends with, and behind that the names of what it is made of and of what it is
/// until it is whole.
const WORKBOOK: &str = "xlsx";
const ROWS: &str = "csv";
const PART: &str = "part";

/// What a sheet is called if there is no better name.
pub(crate) const SHEET: &str = "refused";
/// Rows that a sheet can hold, the one of the headings included.
const ROWS_MAX: u32 = 1_048_576;
/// Units of UTF-16 that a cell can hold.
const CELL_UNITS_MAX: usize = 32_767;
/// Columns that a report has behind those of its file: the line and the reason.
const OWN_COLUMNS: usize = 2;
/// In characters, how wide the reason is shown.
const REASON_WIDTH: f64 = 60.0;

/// Whether a file is called like a workbook.
pub(crate) fn is_named(path: &Path) -> bool {
    path.extension().is_some_and(|it| it.eq_ignore_ascii_case(WORKBOOK))
}

/// The CSV of which a workbook is made.
pub(crate) fn rows_of(workbook: &Path) -> PathBuf {
    with(workbook, ROWS)
}

/// The workbook that is made of such a CSV; `None` for any other file.
pub(crate) fn made_of(rows: &Path) -> Option<PathBuf> {
    let is_rows = rows.extension() == Some(OsStr::new(ROWS));
    Some(rows.with_extension("")).filter(|workbook| is_rows && is_named(workbook))
}

fn with(path: &Path, extension: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    name.into()
}

/// Makes the workbook of a CSV beside it, and says where: under another name if there is a file of its own.
/// It is there when it is whole. The CSV stays.
pub(crate) fn make_beside(rows: &Path, sheet: &str) -> io::Result<PathBuf> {
    let workbook = made_of(rows).ok_or(io::ErrorKind::InvalidInput)?;
    let place = with(rows, PART);
    // What an earlier process left of it is begun anew.
    let file = File::create(&place)?;
    let mut part = NamedTempFile::from_parts(file, TempPath::try_from_path(place)?);
    let mut out = BufWriter::new(part.as_file());
    make(BufReader::new(File::open(rows)?), &mut out, sheet)?;
    out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    for name in numbered(&workbook) {
        match part.persist_noclobber(&name) {
            Ok(_) => return Ok(name),
            Err(lost) if lost.error.kind() == io::ErrorKind::AlreadyExists => part = lost.file,
            Err(lost) => return Err(lost.error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Makes a workbook of the CSV of a report.
pub(crate) fn make(rows: impl Read, out: impl Write + Seek + Send, sheet: &str) -> io::Result<()> {
    make_within(rows, out, sheet, ROWS_MAX)
}

fn make_within(
    rows: impl Read,
    out: impl Write + Seek + Send,
    sheet: &str,
    rows_max: u32,
) -> io::Result<()> {
    let mut rows = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(rows);
    let (mut headings, mut record) = (StringRecord::new(), StringRecord::new());
    rows.read_record(&mut headings)?;
    let mut book = Book::new(sheet, headings.len());
    let mut row = rows_max;
    while rows.read_record(&mut record)? {
        if row == rows_max {
            book.begin_sheet(&headings).map_err(io::Error::other)?;
            row = 1;
        }
        book.write(row, &record).map_err(io::Error::other)?;
        row += 1;
    }
    book.workbook.save_to_writer(out).map_err(io::Error::other)
}

/// A workbook that rows are written to.
struct Book<'s> {
    workbook: Workbook,
    sheet: &'s str,
    sheets: usize,
    /// How many headings there are, the two of the report at the end.
    columns: usize,
    text: Format,
    heading: Format,
}

impl Book<'_> {
    fn new(sheet: &str, columns: usize) -> Book<'_> {
        let text = Format::new().set_num_format("@");
        let heading = text.clone().set_bold();
        Book { workbook: Workbook::new(), sheet: sheet.trim(), sheets: 0, columns, text, heading }
    }

    /// Begins a sheet that is read behind the one before, with headings that stay where they are.
    fn begin_sheet(&mut self, headings: &StringRecord) -> Result<(), XlsxError> {
        let sheet = self.workbook.add_worksheet_with_constant_memory()?;
        let name = |base: &str| match self.sheets {
            0 => base.to_owned(),
            before => format!("{base} {}", before + 1),
        };
        // Not every name of a sheet is one everywhere.
        if sheet.set_name(name(self.sheet)).is_err() {
            sheet.set_name(name(SHEET))?;
        }
        self.sheets += 1;
        sheet.set_freeze_panes(1, 0)?;
        // One more: there stands the text of what is no row.
        let last = place(self.columns)?;
        sheet.set_column_range_format(0, last, &self.text)?;
        let mark = IgnoreError::NumberStoredAsText;
        sheet.ignore_error_range(0, 0, ROWS_MAX - 1, last, mark)?;
        sheet.set_column_width(last.saturating_sub(1), REASON_WIDTH)?;
        for (column, heading) in headings.iter().enumerate() {
            let (column, heading) = (place(column)?, shortened(heading));
            sheet.write_string_with_format(0, column, &*heading, &self.heading)?;
        }
        Ok(())
    }

    fn write(&mut self, row: u32, record: &StringRecord) -> Result<(), XlsxError> {
        let sheet = self.workbook.worksheet_from_index(self.sheets.saturating_sub(1))?;
        let own = self.columns.saturating_sub(OWN_COLUMNS)..self.columns;
        for (column, cell) in record.iter().enumerate().filter(|(_, cell)| !cell.is_empty()) {
            // Here, text is what it is.
            let cell = unguarded(cell).filter(|_| !own.contains(&column)).unwrap_or(cell);
            let (column, cell) = (place(column)?, shortened(cell));
            sheet.write_string_with_format(row, column, &*cell, &self.text)?;
        }
        Ok(())
    }
}

fn place(column: usize) -> Result<u16, XlsxError> {
    u16::try_from(column).map_err(|_| XlsxError::RowColumnLimitError)
}

/// What a cell can hold of a text. More than that is in none that a spreadsheet has written, and in no value.
fn shortened(text: &str) -> Cow<'_, str> {
    // No text has more units than bytes.
    if text.len() <= CELL_UNITS_MAX || text.encode_utf16().count() <= CELL_UNITS_MAX {
        return Cow::Borrowed(text);
    }
    let mut units = 0;
    let fits = text.chars().take_while(|c| {
        units += c.len_utf16();
        units < CELL_UNITS_MAX
    });
    Cow::Owned(fits.chain(['…']).collect())
}

#[cfg(test)]
mod tests {
    use super::super::mapping::Choices;
    use super::super::rows::tests::told;
    use super::super::source::{ReadOptions, Source};
    use super::*;
    use calamine::{Data, Reader as _, Xlsx};
    use std::fs;
    use std::io::Cursor;

    fn book(rows: &str, sheet: &str, rows_max: u32) -> Xlsx<Cursor<Vec<u8>>> {
        let mut out = Cursor::new(Vec::new());
        make_within(rows.as_bytes(), &mut out, sheet, rows_max).unwrap();
        Xlsx::new(Cursor::new(out.into_inner())).unwrap()
    }

    const HEADINGS: &str = "\u{FEFF}卡号,,kehub line,kehub reason\n";

    #[test]
    fn names_tell_what_is_made_of_what() {
        let workbook = Path::new("a/members.refused.XLSX");
        let rows = rows_of(workbook);
        assert_eq!(rows, Path::new("a/members.refused.XLSX.csv"));
        assert_eq!(made_of(&rows).as_deref(), Some(workbook));
        for other in ["members.refused.csv", "members.xlsx", "xlsx.csv", "a.xlsx.ndjson"] {
            assert_eq!(made_of(Path::new(other)), None, "{other}");
        }
    }

    #[test]
    fn every_cell_is_the_text_that_it_was() {
        let rows = format!(
            "{HEADINGS}0012345,6222021234567890000,4,卡号: …\n\
             ''=1+1,-5,5,'=x: …,'+86 138\n\
             \"a\r\nb\t\",_x0041_ ,6,\"\u{1} x\"\n"
        );
        let mut book = book(&rows, " 二月 ", ROWS_MAX);
        assert_eq!(book.sheet_names(), ["二月"]);
        let range = book.worksheet_range("二月").unwrap();
        let cells = |row: usize| {
            let row = range.rows().nth(row).unwrap().iter();
            row.map(|cell| {
                let Data::String(text) = cell else {
                    assert_eq!(*cell, Data::Empty);
                    return "";
                };
                text
            })
            .collect::<Vec<_>>()
        };
        assert_eq!(cells(0), ["卡号", "", "kehub line", "kehub reason", ""]);
        assert_eq!(cells(1), ["0012345", "6222021234567890000", "4", "卡号: …", ""]);
        assert_eq!(cells(2), ["'=1+1", "-5", "5", "'=x: …", "+86 138"]);
        assert_eq!(cells(3), ["a\r\nb\t", "_x0041_ ", "6", "\u{1} x", ""]);
    }

    #[test]
    fn what_one_sheet_cannot_hold_is_read_behind_it() {
        let rows = ["M2,,2,x\n", "M3,,3,x\n", "M4,,4,x\n", "M5,,5,x\n", "M6,,6,x\n"].concat();
        let sheets = book(&format!("{HEADINGS}{rows}"), "no: name", 3).sheet_names();
        assert_eq!(sheets, ["refused", "refused 2", "refused 3"]);
        let file = NamedTempFile::with_suffix(".xlsx").unwrap();
        make_within(format!("{HEADINGS}{rows}").as_bytes(), file.as_file(), SHEET, 3).unwrap();
        let source = Source::open(file.path(), &ReadOptions::default()).unwrap();
        let told = told(|take| source.read(&Choices::default(), take)).unwrap();
        let found = told.matches('M').count();
        assert_eq!((told.matches("columns").count(), found), (1, 5), "{told}");
    }

    #[test]
    fn a_text_that_no_cell_can_hold_is_cut() {
        let longest = "王".repeat(CELL_UNITS_MAX);
        assert_eq!(shortened(&longest), longest);
        let cut = shortened(&format!("{longest}x")).encode_utf16().count();
        assert_eq!(cut, CELL_UNITS_MAX);
        assert_eq!(shortened(&"😀".repeat(20_000)).encode_utf16().count(), CELL_UNITS_MAX);
    }

    #[test]
    fn a_workbook_takes_no_place_that_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("a.xlsx.csv"), format!("{HEADINGS}M1,,2,x\n")).unwrap();
        // A process that was killed has left this.
        fs::write(at("a.xlsx.csv.part"), "half").unwrap();
        let made = [(); 2].map(|()| make_beside(&at("a.xlsx.csv"), SHEET).unwrap());
        assert_eq!(made, [at("a.xlsx"), at("a.2.xlsx")]);
        assert!(at("a.xlsx.csv").exists() && !at("a.xlsx.csv.part").exists());
        assert!(make_beside(&at("a.csv"), SHEET).is_err());
    }
}
