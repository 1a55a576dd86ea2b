//! XLSX: the cells of one sheet, one after the other. Texts that cells share are held in memory,
//! because the format keeps them apart from the cells.

use super::error::{FileError, Unfit};
use super::reading::ROUNDED_FROM;
use super::rows::{COLUMNS_MAX, Met, ROW_BYTES_MAX, Row, Take};
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
    take: &mut Take<'_>,
) -> Result<(), FileError> {
    read_within(bytes, name, Limits::USUAL, take)
}

/// The same, for as long as no more is unpacked.
fn read_within(
    bytes: impl Read + Seek,
    name: Option<&str>,
    limits: Limits,
    take: &mut Take<'_>,
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
    let mut table =
        Table { headings: None, has_begun: false, is_other: false, row: Row::default(), unpacked };
    if table.read(&mut workbook, &chosen, 0, take)?.is_break() || name.is_some() {
        return table.headed();
    }
    // An export goes on in `客户 2` when `客户` is full.
    let further = (2..).map(|number| format!("{chosen} {number}"));
    let further = further.take_while(|name| names.contains(name));
    for (full, name) in (1..).zip(further) {
        if table.read(&mut workbook, &name, full * SHEET_ROWS, take)?.is_break() {
            break;
        }
    }
    table.headed()
}

fn unreadable(error: &XlsxError, unpacked: &Unpacked) -> FileError {
    let breach = unpacked.breach();
    breach.unwrap_or_else(|| Unfit::NoWorkbook { found: error.to_string() }.into())
}

/// A sheet that is being read.
struct Table {
    /// Once they are known.
    headings: Option<Vec<String>>,
    /// Whether the headings of the sheet have been met.
    has_begun: bool,
    /// Whether the sheet has other headings than the first one, and so does not go on with it.
    is_other: bool,
    row: Row,
    unpacked: Rc<Unpacked>,
}

impl Table {
    /// Reads a sheet, whose lines are counted from behind so many.
    fn read<R: Read + Seek>(
        &mut self,
        workbook: &mut Xlsx<R>,
        name: &str,
        before: u64,
        take: &mut Take<'_>,
    ) -> Result<ControlFlow<()>, FileError> {
        let unpacked = Rc::clone(&self.unpacked);
        let unreadable = |error| unreadable(&error, &unpacked);
        let mut cells = workbook.worksheet_cells_reader(name).map_err(unreadable)?;
        (self.has_begun, self.is_other) = (false, false);
        while let Some(cell) = cells.next_cell().map_err(unreadable)? {
            unpacked.met();
            let (row, column) = cell.get_position();
            let line = before + u64::from(row) + 1;
            if line != self.row.line && self.end_row(take).is_break() {
                return Ok(ControlFlow::Break(()));
            }
            if self.is_other {
                break;
            }
            self.row.line = line;
            self.put(usize::try_from(column).unwrap_or(usize::MAX), cell.get_value())?;
        }
        Ok(self.end_row(take))
    }

    /// Whether anything was there.
    fn headed(&self) -> Result<(), FileError> {
        match self.headings {
            Some(_) => Ok(()),
            None => Err(Unfit::EmptySheet.into()),
        }
    }

    fn put(&mut self, column: usize, value: &DataRef<'_>) -> Result<(), FileError> {
        // Many cells may share one long text.
        if self.row.bytes.saturating_add(length(value)) > ROW_BYTES_MAX {
            return Err(Unfit::LongRow { most: ROW_BYTES_MAX }.at(self.row.line));
        }
        let cell = json(value);
        if matches!(&cell, Json::Null) || matches!(&cell, Json::Text(text) if is_blank(text)) {
            return Ok(());
        }
        if column >= COLUMNS_MAX {
            return Err(Unfit::FurtherColumn { most: COLUMNS_MAX }.at(self.row.line));
        }
        if self.row.cells.len() <= column {
            self.row.cells.resize(column + 1, Json::Null);
        }
        self.row.bytes += if let Json::Text(text) = &cell { text.len() } else { size_of::<f64>() };
        if let Some(place) = self.row.cells.get_mut(column) {
            *place = cell;
        }
        Ok(())
    }

    /// Hands over what was read of a row.
    fn end_row(&mut self, take: &mut Take<'_>) -> ControlFlow<()> {
        let row = std::mem::take(&mut self.row);
        if row.cells.is_empty() {
            return ControlFlow::Continue(());
        }
        if std::mem::replace(&mut self.has_begun, true) {
            return take(Met::Row(row));
        }
        let names = row.cells.iter().map(super::rows::text_of);
        let names: Vec<String> = names.map(|name| name.trim().to_owned()).collect();
        match &self.headings {
            None => {
                self.headings = Some(names.clone());
                take(Met::Columns(names))
            }
            Some(headings) => {
                self.is_other = *headings != names;
                ControlFlow::Continue(())
            }
        }
    }
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
mod tests {
    use super::super::rows::tests::told;
    use super::*;
    use rust_xlsxwriter::{ExcelDateTime as Day, Format, Workbook};
    use std::io::{Cursor, Write as _};
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    fn read(workbook: &mut Workbook, name: Option<&str>) -> Result<String, FileError> {
        let bytes = Cursor::new(workbook.save_to_buffer().unwrap());
        told(|take| super::read(bytes, name, take))
    }

    #[test]
    fn numbers_dates_and_flags_are_text_as_people_see_it() {
        let mut workbook = Workbook::new();
        let sheet = workbook.add_worksheet();
        for (column, heading) in (0..).zip([" 手机", "b", "c", "d"]) {
            sheet.write(1, column, heading).unwrap();
        }
        sheet.write(3, 0, 13_800_000_001_f64).unwrap();
        sheet.write(3, 1, 0.5).unwrap();
        sheet.write(3, 2, true).unwrap();
        let format = Format::new().set_num_format("yyyy-mm-dd");
        sheet
            .write_datetime_with_format(4, 1, Day::from_ymd(1990, 3, 5).unwrap(), &format)
            .unwrap();
        let moment = Day::from_ymd(2024, 3, 5).unwrap().and_hms_milli(12, 30, 15, 250).unwrap();
        let format = Format::new().set_num_format("yyyy-mm-dd hh:mm:ss");
        sheet.write_datetime_with_format(4, 3, &moment, &format).unwrap();
        sheet.write(6, 0, "  ").unwrap();
        let expected = "columns 手机|b|c|d\n4: 13800000001|0.5|true\n\
                        5: |1990-03-05||2024-03-05T12:30:15.250\n";
        assert_eq!(read(&mut workbook, None).unwrap(), expected);
    }

    #[test]
    fn a_sheet_goes_on_in_the_next_one_with_its_name_and_headings() {
        let mut workbook = Workbook::new();
        for (name, rows) in [
            ("客户", ["姓名", "王芳"]),
            ("客户 2", ["姓名", "李雷"]),
            ("other", ["姓名", "nobody"]),
            ("客户 3", ["name", "nobody"]),
            ("客户 4", ["姓名", "张伟"]),
        ] {
            let sheet = workbook.add_worksheet().set_name(name).unwrap();
            sheet.write(0, 0, rows[0]).unwrap().write(1, 0, rows[1]).unwrap();
        }
        let expected = "columns 姓名\n2: 王芳\n1048578: 李雷\n3145730: 张伟\n";
        assert_eq!(read(&mut workbook, None).unwrap(), expected);
        assert_eq!(read(&mut workbook, Some("客户")).unwrap(), "columns 姓名\n2: 王芳\n");
    }

    #[test]
    fn a_sheet_is_found_by_its_name() {
        let mut workbook = Workbook::new();
        workbook.add_worksheet().set_name("封面").unwrap();
        workbook.add_worksheet().set_name("客户").unwrap().write(0, 0, "姓名").unwrap();
        assert_eq!(read(&mut workbook, Some("客户 ")).unwrap(), "columns 姓名\n");
        let none = read(&mut workbook, Some("other")).unwrap_err().to_string();
        assert_eq!(none, "expected one of the sheets `封面`, `客户`, found `other`");
        let empty = read(&mut workbook, None).unwrap_err().to_string();
        assert_eq!(empty, "expected a row of headings, found an empty sheet");
        let broken = told(|take| super::read(Cursor::new(b"PK\x03\x04".to_vec()), None, take));
        assert!(broken.unwrap_err().to_string().starts_with("expected an XLSX workbook"));
    }

    /// A workbook of these parts, beside those that every one has.
    fn packed(parts: &[(&str, String)]) -> Cursor<Vec<u8>> {
        let relations = |of: &str, target: &str| {
            format!(
                "<Relationships><Relationship Id='r1' Type='http://x/relationships/{of}' \
                 Target='{target}'/></Relationships>"
            )
        };
        let usual = [
            ("_rels/.rels", relations("officeDocument", "xl/workbook.xml")),
            ("xl/_rels/workbook.xml.rels", relations("worksheet", "worksheets/sheet1.xml")),
            (
                "xl/workbook.xml",
                "<workbook><sheets><sheet name='a' sheetId='1' r:id='r1'/></sheets></workbook>"
                    .into(),
            ),
        ];
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, text) in usual.iter().chain(parts) {
            writer.start_file(*name, SimpleFileOptions::default()).unwrap();
            writer.write_all(text.as_bytes()).unwrap();
        }
        writer.finish().unwrap()
    }

    fn sheet(cells: &str) -> (&'static str, String) {
        let text =
            format!("<worksheet><sheetData><row r='1'>{cells}</row></sheetData></worksheet>");
        ("xl/worksheets/sheet1.xml", text)
    }

    fn texts(count: &str, texts: &str) -> (&'static str, String) {
        ("xl/sharedStrings.xml", format!("<sst uniqueCount='{count}'>{texts}</sst>"))
    }

    /// Text that packs badly.
    fn noise(number: u32) -> String {
        format!("{:08x}", number.wrapping_mul(0x9E37_79B9).rotate_left(7).wrapping_mul(0x85EB_CA6B))
    }

    fn read_small(parts: &[(&str, String)]) -> Result<String, FileError> {
        let limits = Limits { held: 40_000, formats: 20_000 };
        told(|take| read_within(packed(parts), None, limits, take))
    }

    #[test]
    fn a_workbook_that_unpacks_to_too_much_is_refused() {
        let shared = "<c r='A1' t='s'><v>0</v></c>";
        let text = |count| format!("<si><t>{}</t></si>", "x".repeat(count));
        let inline =
            |count| format!("<c r='A1' t='inlineStr'><is><t>{}</t></is></c>", "x".repeat(count));
        let styles =
            |count| ("xl/styles.xml", format!("<styleSheet>{}</styleSheet>", " ".repeat(count)));
        let fits = read_small(&[texts("1", &text(39_000)), styles(10_000), sheet(shared)]).unwrap();
        assert_eq!(fits.len(), 39_000 + "columns \n".len());
        // What is read of one cell after the other is not held.
        let cell = |row: u32| {
            let text: String = (0..900).map(|place: u32| noise(row * 900 + place)).collect();
            format!("</row><row r='{row}'><c t='inlineStr'><is><t>{text}</t></is></c>")
        };
        let many: String = (1..=20).map(cell).collect();
        assert!(read_small(&[sheet(&many)]).unwrap().len() > 80_000);

        let refused = |parts: &[(&str, String)]| read_small(parts).unwrap_err().to_string();
        assert_eq!(
            refused(&[texts("1", &text(41_000)), sheet(shared)]),
            "expected a workbook whose shared texts unpack to at most 40000 bytes, found more in \
             `xl/sharedStrings.xml`: save it as CSV"
        );
        assert_eq!(
            refused(&[styles(21_000), sheet(&inline(1))]),
            "expected a workbook whose formats and names unpack to at most 20000 bytes, found more in \
             `xl/styles.xml`: save it as CSV"
        );
        assert_eq!(
            refused(&[sheet(&inline(90_000))]),
            "expected a workbook whose single cells unpack to at most 40000 bytes, found more in \
             `xl/worksheets/sheet1.xml`: save it as CSV"
        );
        let pieces = "<r><t>xxxxxxxxxx</t></r>".repeat(9_000);
        let rich = format!("<c r='A1' t='inlineStr'><is>{pieces}</is></c>");
        assert!(refused(&[sheet(&rich)]).contains("whose single cells unpack"));
        assert_eq!(
            refused(&[texts("1667", &text(1)), sheet(shared)]),
            "expected a workbook of at most 1666 shared texts, found more in `xl/sharedStrings.xml`"
        );
        let huge = refused(&[texts("9999999999999999", &text(1)), sheet(shared)]);
        assert!(huge.contains("at most 1666 shared texts"), "{huge}");
        let late = [texts("1", &text(1)), sheet(shared)];
        let late = late.map(|(name, text)| (name, format!("{}{text}", " ".repeat(70_000))));
        assert_eq!(
            refused(&late),
            "expected an XLSX workbook, found no shared texts in `xl/sharedStrings.xml`"
        );
    }

    /// Each format is kept with what it shares with others.
    #[test]
    fn formats_do_not_share_what_is_long() {
        let cell = "<c r='A1' t='inlineStr'><is><t>x</t></is></c>";
        let styles = |name: &'static str, count| {
            let code = format!("<numFmt numFmtId='200' formatCode='{}'/>", "0".repeat(1_900));
            let formats = "<xf numFmtId='200'/>".repeat(count);
            let text = format!(
                "<styleSheet><numFmts>{code}</numFmts><cellXfs>{formats}</cellXfs></styleSheet>"
            );
            (name, text)
        };
        let read = |parts: &[(&str, String)]| read_small(parts);
        assert!(read(&[styles("xl/styles.xml", 10), sheet(cell)]).is_ok());
        let refused = read(&[styles("xl/Styles.xml", 11), sheet(cell)]).unwrap_err().to_string();
        assert_eq!(
            refused,
            "expected a workbook whose formats keep names and codes of at most 40000 bytes, found \
             more in `xl/Styles.xml`: save it as CSV"
        );
        // One that nobody reads is bounded with the one that is read.
        let long = ("a/styles.xml", " ".repeat(19_000));
        let refused = read(&[long, styles("xl/styles.xml", 1), sheet(cell)]).unwrap_err();
        assert!(refused.to_string().contains("whose formats and names unpack"), "{refused}");
    }

    /// The crate that reads cells takes a form feed for a space.
    #[test]
    fn texts_are_counted_however_their_number_is_written() {
        let shared = "<c r='A1' t='s'><v>0</v></c>";
        let refused = |begin: &str| {
            let text = format!("<sst {begin}><si><t>x</t></si></sst>");
            read_small(&[("xl/sharedStrings.xml", text), sheet(shared)]).unwrap_err().to_string()
        };
        let many = "99999999999999";
        for begin in [
            format!("\u{c}uniqueCount='{many}'"),
            format!("a='1'\u{c}uniqueCount='{many}'"),
            format!("uniqueCount\u{c}=\u{c}'{many}'"),
            format!("a='\u{1}' uniqueCount='{many}'"),
        ] {
            let why = refused(&begin);
            assert!(why.contains("found a control character in `xl/sharedStrings.xml`"), "{why}");
        }
        for begin in [
            format!("uniqueCount = \"{many}\""),
            format!("a uniqueCount='{many}'"),
            format!("a='1'uniqueCount='{many}'"),
            format!("uniqueCount='1' x:uniqueCount='{many}'"),
            format!("uniqueCount='000000000000000000000000000000{many}'"),
            format!("uniqueCount='{many}{many}'"),
        ] {
            let why = refused(&begin);
            assert!(why.contains("at most 1666 shared texts"), "{begin}: {why}");
        }
        for begin in
            ["count='9999999'\r\n\tuniqueCount=\"1\"", "uniqueCount=''", "uniqueCount='-1'"]
        {
            let text = format!("<sst {begin}><si><t>x</t></si></sst>");
            let read = read_small(&[("xl/sharedStrings.xml", text), sheet(shared)]);
            assert_eq!(read.unwrap(), "columns x\n", "{begin}");
        }
    }

    /// The same with one more entry in the directory, which says that a part begins there and has so many
    /// packed bytes.
    fn with_entry(workbook: &[u8], header: u64, size: u64) -> Cursor<Vec<u8>> {
        let end = workbook.windows(4).rposition(|it| it == b"PK\x05\x06").unwrap();
        let number = |at: usize| u32::from_le_bytes(*workbook[at..].first_chunk().unwrap());
        let count = u16::from_le_bytes(*workbook[end + 10..].first_chunk().unwrap()) + 1;
        let (length, start) = (number(end + 12), number(end + 16));
        let [header, size] = [header, size].map(|it| u32::try_from(it).unwrap());
        let mut entry = b"PK\x01\x02\x14\0\x14\0".to_vec();
        entry.extend([0; 12]);
        for field in [size, size, 1, 0, 0] {
            entry.extend(field.to_le_bytes());
        }
        entry.extend([0; 2]);
        entry.extend(header.to_le_bytes());
        entry.push(b'z');
        let mut forged = workbook[..end].to_vec();
        forged.extend(&entry);
        forged.extend(b"PK\x05\x06\0\0\0\0");
        forged.extend([count.to_le_bytes(); 2].concat());
        forged.extend((length + u32::try_from(entry.len()).unwrap()).to_le_bytes());
        forged.extend(start.to_le_bytes());
        forged.extend([0; 2]);
        Cursor::new(forged)
    }

    #[test]
    fn parts_of_a_workbook_lie_apart() {
        let cell = "<c r='A1' t='inlineStr'><is><t>x</t></is></c>";
        let styles = format!("<styleSheet>{}</styleSheet>", " ".repeat(21_000));
        let inner = "PK\x03\x04\x14".to_owned() + &"\0".repeat(40);
        let parts = [("xl/styles.xml", styles), ("xl/media/a", inner), sheet(cell)];
        let workbook = packed(&parts).into_inner();
        let mut archive = zip::ZipArchive::new(Cursor::new(&workbook)).unwrap();
        let mut place = |name| {
            let part = archive.by_name(name).unwrap();
            (part.header_start(), part.compressed_size())
        };
        let (styles, media) = (place("xl/styles.xml"), place("xl/media/a"));
        let limits = Limits { held: 40_000, formats: 20_000 };
        let read = |workbook| {
            let read = told(|take| read_within(workbook, None, limits, take));
            read.unwrap_err().to_string()
        };
        let honest = read(Cursor::new(workbook.clone()));
        assert!(honest.contains("whose formats and names unpack"), "{honest}");
        let size = u64::try_from(workbook.len()).unwrap();
        for (header, size) in [(styles.0, styles.1 + 1), (styles.0, 1), (media.0, size)] {
            let forged = read(with_entry(&workbook, header, size));
            assert_eq!(
                forged,
                "expected an XLSX workbook, found parts that overlap in its list of parts"
            );
        }
    }

    /// A file that is empty up to its last bytes.
    struct Hollow {
        at: u64,
        length: u64,
        last: Vec<u8>,
    }

    impl Read for Hollow {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            let begin = self.length - u64::try_from(self.last.len()).unwrap();
            let read = if self.at < begin {
                let empty = usize::try_from(begin - self.at).unwrap_or(usize::MAX).min(into.len());
                into[..empty].fill(0);
                empty
            } else {
                let from = usize::try_from(self.at - begin).unwrap().min(self.last.len());
                (&self.last[from..]).read(into)?
            };
            self.at += u64::try_from(read).unwrap();
            Ok(read)
        }
    }

    impl Seek for Hollow {
        fn seek(&mut self, to: std::io::SeekFrom) -> std::io::Result<u64> {
            self.at = match to {
                std::io::SeekFrom::Start(at) => at,
                std::io::SeekFrom::End(at) => self.length.checked_add_signed(at).unwrap(),
                std::io::SeekFrom::Current(by) => self.at.checked_add_signed(by).unwrap(),
            };
            Ok(self.at)
        }
    }

    /// Room is made for as many parts as are announced, if the file is so large that it might have them.
    #[test]
    fn parts_of_a_workbook_are_counted_before_they_are_listed() {
        let (length, many) = (1_u64 << 50, 1_u64 << 43);
        let mut last = b"PK\x06\x06".to_vec();
        last.extend(44_u64.to_le_bytes());
        last.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        for field in [many, many, many * 46, many * 2] {
            last.extend(field.to_le_bytes());
        }
        last.extend(b"PK\x06\x07\0\0\0\0");
        last.extend((length - 98).to_le_bytes());
        last.extend(1_u32.to_le_bytes());
        last.extend(b"PK\x05\x06\0\0\0\0\xFF\xFF\xFF\xFF");
        last.extend([0xFF; 8]);
        last.extend([0; 2]);
        let read = told(|take| super::read(Hollow { at: 0, length, last }, None, take));
        let why = read.unwrap_err().to_string();
        assert_eq!(why, format!("expected a workbook of at most 10000 parts, found {many}"));
    }

    #[test]
    fn a_row_is_as_long_as_rows_of_text_may_be() {
        let long = format!("<si><t>{}</t></si>", "x".repeat(ROW_BYTES_MAX / 2));
        let shared = |cells: usize| "<c t='s'><v>0</v></c>".repeat(cells);
        let read = |cells| {
            told(|take| {
                super::read(packed(&[texts("1", &long), sheet(&shared(cells))]), None, take)
            })
        };
        assert!(read(2).is_ok());
        let refused = read(3).unwrap_err().to_string();
        assert_eq!(refused, "line 1: expected a row of at most 1048576 bytes, found a longer one");
    }
}
