//! The report of refused rows: a file in the form of the one they came from, for people to mend
//! and bring in again.

use super::cells::guarded;
use super::clean::CellProblem;
use super::mapping::{Column, Ignored, LINE_COLUMN, Mapping, REASON_COLUMN, TEXT_COLUMN, Target};
use super::reading::ROUNDED_FROM;
use super::rows::{Row, Unreadable, text_of};
use super::source::Form;
use super::workbook;
use crate::wire::json::Json;
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Characters of a value that are repeated in a reason.
const VALUE_CHARS_SHOWN_MAX: usize = 80;
/// How many names are tried for a report that nobody has named.
const NAMES_MAX: u32 = 1_000;

/// Writes refused rows. There is no file before there is one.
pub(crate) struct Report {
    place: Place,
    form: Form,
    writer: Option<Writer>,
    /// The workbook that was made of them.
    workbook: Option<PathBuf>,
}

/// Where a report goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// To this file, which must not be there.
    Named(PathBuf),
    /// To this file, or to one with a number if it is there.
    Near(PathBuf),
    /// To this file, of which so many bytes are right, and the rest is written again.
    Begun(PathBuf, u64),
}

impl Place {
    /// The file that would be made here.
    pub(crate) fn free(self) -> io::Result<PathBuf> {
        match self {
            Place::Named(path) | Place::Begun(path, _) => Ok(path),
            Place::Near(path) => {
                let mut names = numbered(&path);
                let free = names.find(|name| is_free(name));
                free.ok_or_else(|| io::ErrorKind::AlreadyExists.into())
            }
        }
    }
}

enum Writer {
    Table(PathBuf, Box<csv::Writer<BufWriter<File>>>),
    Lines(PathBuf, BufWriter<File>),
}

/// Whether nothing stands there, nor where rows are that become a workbook there.
pub(crate) fn is_free(path: &Path) -> bool {
    !path.exists() && !workbook::rows_of(path).exists()
}

/// Where refused rows of a file are written until a report has all of them, which is going to be there: at
/// its place, but for a workbook.
pub(crate) fn written_at(path: PathBuf, form: Form) -> PathBuf {
    let is_made = form == Form::Workbook && workbook::is_named(&path);
    if is_made { workbook::rows_of(&path) } else { path }
}

/// What a report of this file is called: `customers.refused.csv`.
pub(crate) fn near(input: &Path, form: Form) -> PathBuf {
    let packed = |path: &Path| {
        let extension = path.extension().map(|it| it.to_string_lossy().to_lowercase());
        matches!(extension.as_deref(), Some("gz" | "zst"))
    };
    let unpacked = if packed(input) { input.with_extension("") } else { input.to_owned() };
    let own = unpacked.extension().map(|it| it.to_string_lossy().into_owned());
    let extension = match (form, own) {
        (Form::Workbook, _) => "xlsx".to_owned(),
        (Form::Table(_), None) => "csv".to_owned(),
        (Form::Lines, None) => "ndjson".to_owned(),
        (Form::Table(_) | Form::Lines, Some(own)) => own,
    };
    if input == Path::new("-") {
        return PathBuf::from(format!("stdin.refused.{extension}"));
    }
    unpacked.with_extension(format!("refused.{extension}"))
}

impl Report {
    pub(crate) fn new(place: Place, form: Form) -> Report {
        Report { place, form, writer: None, workbook: None }
    }

    /// Where it is, if there is one.
    pub(crate) fn path(&self) -> Option<&Path> {
        match &self.writer {
            _ if self.workbook.is_some() => self.workbook.as_deref(),
            None => None,
            Some(Writer::Table(path, _) | Writer::Lines(path, _)) => Some(path),
        }
    }

    /// The CSV of which a workbook is to be made when it is whole.
    pub(crate) fn rows_of_workbook(&self) -> Option<&Path> {
        self.path().filter(|path| self.workbook.is_none() && workbook::made_of(path).is_some())
    }

    /// Takes note of the workbook that was made of its rows: nothing is added from here on.
    pub(super) fn becomes(&mut self, workbook: PathBuf) {
        self.workbook = Some(workbook);
        self.writer = None;
    }

    /// Writes a row, and those that were put together with it, and why it was refused.
    pub(crate) fn row(
        &mut self,
        mapping: &Mapping,
        row: &Row,
        problems: &[CellProblem],
    ) -> io::Result<()> {
        let reason = reason(mapping, problems);
        [row].into_iter().chain(&row.further).try_for_each(|row| self.one(mapping, row, &reason))
    }

    fn one(&mut self, mapping: &Mapping, row: &Row, reason: &str) -> io::Result<()> {
        let is_guarded = self.form == Form::Workbook;
        let text = |cell: &Json<'static>| {
            if let Json::Real(number) = cell
                && is_guarded
                && number.abs() >= ROUNDED_FROM
            {
                return rounded(*number);
            }
            let text = text_of(cell);
            // What a spreadsheet holds as text, it would run when it reads it as CSV.
            let runs = is_guarded && matches!(cell, Json::Text(_));
            if runs { guarded(&text).into_owned() } else { text }
        };
        match self.opened(mapping)? {
            Writer::Table(_, table) => {
                let cells = own_columns(mapping).map(|(place, _)| text(row.cell(place)));
                let mut record: Vec<String> = cells.collect();
                record.extend([row.line.to_string(), reason.to_owned()]);
                // What it had beyond its headings, behind all else.
                record.extend(row.cells.iter().skip(mapping.columns.len()).map(text));
                Ok(table.write_record(record)?)
            }
            Writer::Lines(_, lines) => {
                let mut members = Map::new();
                for (place, column) in own_columns(mapping) {
                    let cell = row.cell(place);
                    if *cell != Json::Null {
                        members.insert(column.heading.clone(), value(cell));
                    }
                }
                members.insert(LINE_COLUMN.to_owned(), json!(row.line));
                members.insert(REASON_COLUMN.to_owned(), json!(reason));
                writeln!(lines, "{}", Value::Object(members))
            }
        }
    }

    /// Writes a line that is no row.
    pub(crate) fn unreadable(&mut self, mapping: &Mapping, line: &Unreadable) -> io::Result<()> {
        let is_guarded = self.form == Form::Workbook;
        match self.opened(mapping)? {
            Writer::Table(_, table) => {
                let text =
                    if is_guarded { guarded(&line.text) } else { Cow::Borrowed(&*line.text) };
                let mut record = vec![String::new(); own_columns(mapping).count()];
                record.extend([line.line.to_string(), line.reason.to_string(), text.into_owned()]);
                Ok(table.write_record(record)?)
            }
            Writer::Lines(_, lines) => {
                let (number, reason, text) = (line.line, line.reason.to_string(), &line.text);
                let members =
                    json!({ LINE_COLUMN: number, REASON_COLUMN: reason, TEXT_COLUMN: text });
                writeln!(lines, "{members}")
            }
        }
    }

    /// Makes sure that all of it is in its file.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        match &mut self.writer {
            None => Ok(()),
            Some(Writer::Table(_, table)) => table.flush(),
            Some(Writer::Lines(_, lines)) => lines.flush(),
        }
    }

    /// How many bytes are in its file, all of it flushed; 0 if there is none.
    pub(crate) fn bytes(&mut self) -> io::Result<u64> {
        self.flush()?;
        self.file().map_or(Ok(0), |file| Ok(file.metadata()?.len()))
    }

    /// Makes sure that what was flushed outlives the machine.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file().map_or(Ok(()), File::sync_data)
    }

    /// Opens a report that was begun before, also if nothing is going to be added.
    pub(crate) fn open(&mut self, mapping: &Mapping) -> io::Result<()> {
        if matches!(self.place, Place::Begun(_, 1..)) {
            self.opened(mapping)?;
        }
        Ok(())
    }

    fn file(&self) -> Option<&File> {
        match &self.writer {
            None => None,
            Some(Writer::Table(_, table)) => Some(table.get_ref().get_ref()),
            Some(Writer::Lines(_, lines)) => Some(lines.get_ref()),
        }
    }

    fn opened(&mut self, mapping: &Mapping) -> io::Result<&mut Writer> {
        let writer = match self.writer.take() {
            Some(writer) => writer,
            None => begin(&self.place, self.form, mapping)?,
        };
        Ok(self.writer.insert(writer))
    }
}

/// A number of which a spreadsheet has not kept all digits, as it is told from one that somebody wrote: it is
/// refused again until it is mended.
fn rounded(number: f64) -> String {
    let text = format!("{number:E}");
    if text.contains('.') { text } else { text.replace('E', ".0E") }
}

/// The columns that the file has of its own, and not from an earlier report.
fn own_columns(mapping: &Mapping) -> impl Iterator<Item = (usize, &Column)> {
    let columns = mapping.columns.iter().enumerate();
    columns.filter(|(_, column)| column.target != Target::Ignored(Ignored::Report))
}

fn begin(place: &Place, form: Form, mapping: &Mapping) -> io::Result<Writer> {
    let (path, file) = create(place)?;
    let mut file = BufWriter::new(file);
    let delimiter = match form {
        Form::Lines => return Ok(Writer::Lines(path, file)),
        Form::Table(delimiter) => delimiter,
        Form::Workbook => b',',
    };
    let has_headings = matches!(place, Place::Begun(_, 1..));
    if !has_headings {
        // Without it Excel takes UTF-8 for something else.
        file.write_all("\u{FEFF}".as_bytes())?;
    }
    let mut table = csv::WriterBuilder::new().flexible(true).delimiter(delimiter).from_writer(file);
    if has_headings {
        return Ok(Writer::Table(path, Box::new(table)));
    }
    let headings = own_columns(mapping).map(|(_, column)| column.heading.as_str());
    table.write_record(headings.chain([LINE_COLUMN, REASON_COLUMN]))?;
    Ok(Writer::Table(path, Box::new(table)))
}

/// Makes the file. One that is there may be what somebody is mending: it is never overwritten.
fn create(place: &Place) -> io::Result<(PathBuf, File)> {
    let path = match place {
        Place::Named(path) => return Ok((path.clone(), File::create_new(path)?)),
        Place::Begun(path, bytes) => {
            let options = OpenOptions::new().write(true).create(true).truncate(false).clone();
            let mut file = options.open(path)?;
            file.set_len(*bytes)?;
            file.seek(SeekFrom::End(0))?;
            return Ok((path.clone(), file));
        }
        Place::Near(path) => path,
    };
    for numbered in numbered(path) {
        match File::create_new(&numbered) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => (),
            file => return Ok((numbered, file?)),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// A name, and what is tried instead of it, with numbers.
pub(super) fn numbered(path: &Path) -> impl Iterator<Item = PathBuf> {
    let extension = path.extension().map(|it| it.to_string_lossy().into_owned());
    (1..=NAMES_MAX).map(move |number| match (&extension, number) {
        (_, 1) | (None, _) => path.to_owned(),
        (Some(extension), number) => path.with_extension(format!("{number}.{extension}")),
    })
}

/// All that is wrong with a row, for people: which column, what was expected, what stands there.
pub(crate) fn reason(mapping: &Mapping, problems: &[CellProblem]) -> String {
    let told = problems.iter().map(|CellProblem { column, value, problem }| match column {
        Some(column) if value.is_empty() => format!("{}: {problem}", mapping.heading(*column)),
        Some(column) => format!("{}: {problem} `{}`", mapping.heading(*column), shown(value)),
        None => problem.to_string(),
    });
    told.collect::<Vec<_>>().join("; ")
}

/// A value on one line, or its beginning.
pub(crate) fn shown(value: &str) -> Cow<'_, str> {
    let value = value.lines().next().unwrap_or_default();
    match value.char_indices().nth(VALUE_CHARS_SHOWN_MAX) {
        Some((end, _)) => Cow::Owned(format!("{}…", value.get(..end).unwrap_or_default())),
        None => Cow::Borrowed(value),
    }
}

fn value(cell: &Json<'_>) -> Value {
    match cell {
        Json::Null => Value::Null,
        Json::Flag(flag) => json!(flag),
        Json::Integer(number) => json!(number),
        Json::Large(number) => json!(number),
        Json::Real(number) => json!(number),
        Json::Text(text) => json!(text),
        Json::Array(items) => items.iter().map(value).collect(),
        Json::Object(members) => {
            Value::Object(members.iter().map(|(key, json)| (key.to_owned(), value(json))).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::error::NoRow;
    use super::super::mapping::Choices;
    use super::*;
    use kehub_core::attribute::FieldProblem;
    use std::fs;

    fn mapping(headings: &[&str]) -> Mapping {
        let headings: Vec<String> = headings.iter().map(|it| (*it).to_owned()).collect();
        Mapping::new(&headings, Choices::default(), false).unwrap()
    }

    fn row(cells: &[&str]) -> Row {
        let cells = cells.iter().map(|text| Json::Text(Cow::Owned((*text).to_owned()))).collect();
        Row { line: 7, cells, ..Row::default() }
    }

    fn problem(column: Option<usize>) -> CellProblem {
        let problem = FieldProblem::new("a date", "text").into();
        CellProblem { column, value: "x".to_owned(), problem }
    }

    #[test]
    fn a_report_is_called_after_its_file() {
        for (input, form, report) in [
            ("a/shop.csv", Form::Table(b','), "a/shop.refused.csv"),
            ("shop.txt.gz", Form::Table(b'\t'), "shop.refused.txt"),
            ("shop.XLSX", Form::Workbook, "shop.refused.xlsx"),
            ("shop.xlsx.gz", Form::Workbook, "shop.refused.xlsx"),
            ("shop.jsonl.zst", Form::Lines, "shop.refused.jsonl"),
            ("shop", Form::Lines, "shop.refused.ndjson"),
            ("-", Form::Table(b','), "stdin.refused.csv"),
        ] {
            assert_eq!(near(Path::new(input), form), Path::new(report), "{input}");
        }
    }

    #[test]
    fn a_table_keeps_its_delimiter_and_no_file_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shop.refused.csv");
        let mapping = mapping(&["name", "生日", LINE_COLUMN, REASON_COLUMN]);
        for _ in 0..2 {
            let mut report = Report::new(Place::Near(path.clone()), Form::Table(b';'));
            report.row(&mapping, &row(&["a;b", "x", "3", "old"]), &[problem(Some(1))]).unwrap();
            report.flush().unwrap();
        }
        let second = fs::read_to_string(folder.path().join("shop.refused.2.csv")).unwrap();
        let expected = "\u{FEFF}name;生日;kehub line;kehub reason\n\
                        \"a;b\";x;7;生日: expected a date, found text `x`\n";
        assert_eq!(second, expected);
        assert_eq!(fs::read_to_string(&path).unwrap(), expected);
        let mut named = Report::new(Place::Named(path), Form::Table(b';'));
        assert!(named.row(&mapping, &row(&["a"]), &[problem(None)]).is_err());
    }

    #[test]
    fn rows_of_one_customer_stay_together_and_no_spreadsheet_runs_what_they_hold() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.csv");
        let mapping = mapping(&["name"]);
        let mut report = Report::new(Place::Named(path.clone()), Form::Workbook);
        let mut held = row(&["=cmd"]);
        held.further = vec![Row { line: 8, ..row(&["'x"]) }];
        report.row(&mapping, &held, &[problem(None)]).unwrap();
        let (text, reason) = ("=x\t1".to_owned(), NoRow::FurtherColumn { most: 9 });
        report.unreadable(&mapping, &Unreadable { line: 9, text, reason }).unwrap();
        report.flush().unwrap();
        let expected = "\u{FEFF}name,kehub line,kehub reason\n\
                        '=cmd,7,\"expected a date, found text\"\n\
                        ''x,8,\"expected a date, found text\"\n\
                        ,9,\"expected at most 9 columns, found a value in one further right\",'=x\t1\n";
        assert_eq!(fs::read_to_string(path).unwrap(), expected);
    }

    #[test]
    fn a_number_that_a_spreadsheet_has_rounded_is_told_from_its_digits() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.csv");
        let mapping = mapping(&["card", "points", "id"]);
        let mut report = Report::new(Place::Named(path.clone()), Form::Workbook);
        let cells = [6_222_021_234_567_890_000_f64, 6e15, 12.5].map(Json::Real).into();
        report.row(&mapping, &Row { line: 7, cells, ..Row::default() }, &[]).unwrap();
        report.flush().unwrap();
        let written = fs::read_to_string(path).unwrap();
        assert!(written.ends_with("\n6.22202123456789E18,6.0E15,12.5,7,\n"), "{written}");
    }

    #[test]
    fn a_reason_repeats_the_beginning_of_a_value() {
        assert_eq!(shown("a\nb"), "a");
        assert_eq!(shown(&"王".repeat(80)), "王".repeat(80));
        assert_eq!(shown(&"王".repeat(81)), format!("{}…", "王".repeat(80)));
    }

    #[test]
    fn a_report_goes_on_where_it_was_right() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shop.refused.csv");
        let mapping = mapping(&["name"]);
        let report = |place| Report::new(place, Form::Table(b','));
        let mut first = report(Place::Named(path.clone()));
        assert_eq!(first.bytes().unwrap(), 0);
        first.row(&mapping, &row(&["one"]), &[problem(None)]).unwrap();
        let right = first.bytes().unwrap();
        first.row(&mapping, &row(&["two"]), &[problem(None)]).unwrap();
        first.flush().unwrap();
        let whole = fs::read_to_string(&path).unwrap();
        let mut second = report(Place::Begun(path.clone(), right));
        second.open(&mapping).unwrap();
        assert_eq!(second.path(), Some(&*path));
        assert_eq!(second.bytes().unwrap(), right);
        second.row(&mapping, &row(&["two"]), &[problem(None)]).unwrap();
        second.flush().unwrap();
        second.sync().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), whole);
        // Of one that was only named, nothing is right.
        let mut third = report(Place::Begun(path.clone(), 0));
        third.open(&mapping).unwrap();
        assert_eq!(third.path(), None);
        third.row(&mapping, &row(&["one"]), &[problem(None)]).unwrap();
        assert_eq!(third.bytes().unwrap(), right);
        let free = Place::Near(path.clone()).free().unwrap();
        assert_eq!(free, folder.path().join("shop.refused.2.csv"));
    }

    #[test]
    fn lines_keep_their_members() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.ndjson");
        let mapping = mapping(&["name", "attr.x"]);
        let mut report = Report::new(Place::Named(path.clone()), Form::Lines);
        assert_eq!(report.path(), None);
        let cells = vec![Json::Null, Json::Array(vec![Json::Integer(1)])];
        let row = Row { line: 7, cells, ..Row::default() };
        report.row(&mapping, &row, &[problem(Some(1)), problem(None)]).unwrap();
        report.flush().unwrap();
        let line: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let problem = "expected a date, found text";
        let reason = format!("attr.x: {problem} `x`; {problem}");
        assert_eq!(line, json!({ "attr.x": [1], "kehub line": 7, "kehub reason": reason }));
    }
}
