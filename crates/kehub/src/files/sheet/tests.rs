//! Workbooks as programs write them, and as nobody should.

use super::super::headings::HeaderRow;
use super::super::mapping::Choices;
use super::super::rows::Take;
use super::super::rows::tests::told;
use super::*;
use rust_xlsxwriter::{Chart, ChartType, ExcelDateTime as Day, Format, Workbook};
use std::io::{Cursor, Write as _};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

const NOTHING_SAID: fn(&[String]) -> Choices = |_| Choices::default();

fn heads<'t, 'f>(take: &'t mut Take<'f>) -> Heads<'t, 'f> {
    Heads::new(HeaderRow::Sought, &NOTHING_SAID, take)
}

fn read(workbook: &mut Workbook, name: Option<&str>) -> Result<String, FileError> {
    let bytes = Cursor::new(workbook.save_to_buffer().unwrap());
    told(|take| super::read(bytes, name, heads(take)))
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
    sheet.write_datetime_with_format(4, 1, Day::from_ymd(1990, 3, 5).unwrap(), &format).unwrap();
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
    let expected =
        "sheet 客户, without other\ncolumns 姓名\n2: 王芳\n1048578: 李雷\n3145730: 张伟\n";
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
    // The first one has no cells.
    let second = read(&mut workbook, None).unwrap();
    assert_eq!(second, "sheet 客户, without 封面\ncolumns 姓名\n");
    let mut workbook = Workbook::new();
    workbook.add_worksheet();
    let empty = read(&mut workbook, None).unwrap_err().to_string();
    assert_eq!(empty, "expected a row of headings, found an empty sheet");
    let broken = told(|take| super::read(Cursor::new(b"PK\x03\x04".to_vec()), None, heads(take)));
    assert!(broken.unwrap_err().to_string().starts_with("expected an XLSX workbook"));
}

#[test]
fn the_first_sheet_that_is_shown_and_holds_cells_is_read() {
    let mut workbook = Workbook::new();
    let mut chart = Chart::new(ChartType::Column);
    chart.add_series().set_values("客户!$A$1:$A$2");
    workbook.add_chartsheet().set_name("图").unwrap().insert_chart(0, 0, &chart).unwrap();
    let lists = workbook.add_worksheet().set_name("字典").unwrap().set_hidden(true);
    lists.write(0, 0, "姓名").unwrap();
    let deep = workbook.add_worksheet().set_name("x").unwrap().set_very_hidden(true);
    deep.write(0, 0, "姓名").unwrap();
    let customers = workbook.add_worksheet().set_name("客户").unwrap().set_active(true);
    customers.write(0, 0, "手机").unwrap();
    let told = read(&mut workbook, None).unwrap();
    assert_eq!(told, "sheet 客户, without 字典|x\ncolumns 手机\n");
    assert_eq!(read(&mut workbook, Some("字典")).unwrap(), "columns 姓名\n");
    let chart = read(&mut workbook, Some("图")).unwrap_err().to_string();
    assert_eq!(chart, "expected one of the sheets `字典`, `x`, `客户`, found `图`");
}

#[test]
fn an_archive_without_a_workbook_says_so() {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file("a.csv", SimpleFileOptions::default()).unwrap();
    let archive = writer.finish().unwrap();
    let error = told(|take| super::read(archive, None, heads(take))).unwrap_err().to_string();
    assert!(error.ends_with("found a ZIP archive that holds no workbook: unpack it"), "{error}");
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
            "<workbook><sheets><sheet name='a' sheetId='1' r:id='r1'/></sheets></workbook>".into(),
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
    let text = format!("<worksheet><sheetData><row r='1'>{cells}</row></sheetData></worksheet>");
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
    told(|take| read_within(packed(parts), None, limits, heads(take)))
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
    for begin in ["count='9999999'\r\n\tuniqueCount=\"1\"", "uniqueCount=''", "uniqueCount='-1'"] {
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
        let read = told(|take| read_within(workbook, None, limits, heads(take)));
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
    let read = told(|take| super::read(Hollow { at: 0, length, last }, None, heads(take)));
    let why = read.unwrap_err().to_string();
    assert_eq!(why, format!("expected a workbook of at most 10000 parts, found {many}"));
}

#[test]
fn a_row_is_as_long_as_rows_of_text_may_be() {
    let long = format!("<si><t>{}</t></si>", "x".repeat(ROW_BYTES_MAX / 2));
    let shared = |cells: usize| "<c t='s'><v>0</v></c>".repeat(cells);
    let read = |cells| {
        told(|take| {
            super::read(packed(&[texts("1", &long), sheet(&shared(cells))]), None, heads(take))
        })
    };
    assert!(read(2).is_ok());
    let refused = read(3).unwrap_err().to_string();
    assert_eq!(refused, "line 1: expected a row of at most 1048576 bytes, found a longer one");
}
#[test]
fn a_row_that_is_too_large_spoils_no_other() {
    let long = format!("<si><t>{}</t></si><si><t>=x</t></si>", "x".repeat(ROW_BYTES_MAX / 2));
    let cell = |place: &str, text: u8| format!("<c r='{place}' t='s'><v>{text}</v></c>");
    let rows = [
        [cell("A1", 1), cell("B1", 1)].concat(),
        [cell("A2", 1), cell("B2", 0), cell("C2", 0), cell("D2", 0)].concat(),
        // The first column that there may not be.
        [cell("A3", 1), cell("BXY3", 1), cell("BXZ3", 1)].concat(),
        cell("A4", 1),
    ];
    let rows = rows.join("</row><row>");
    let told =
        told(|take| super::read(packed(&[texts("2", &long), sheet(&rows)]), None, heads(take)));
    let told = told.unwrap();
    let lines: Vec<&str> = told.lines().collect();
    assert!(lines[1].starts_with("2! =x\txxx"), "{:.100}", lines[1]);
    let reason = "… (expected a row of at most 1048576 bytes, found a longer one)";
    assert!(lines[1].ends_with(reason), "{}", lines[1].len());
    let wide = "3! =x (expected at most 2000 columns, found a value in one further right)";
    assert_eq!((lines[0], &lines[2..]), ("columns =x|=x", &[wide, "4: =x"][..]));
}
