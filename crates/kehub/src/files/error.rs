//! Why a file cannot be read or brought in, told by names, so that pages say it in any language.

use super::sentence::sentences;
use kehub_core::misfit::Found;
use serde_json::error::Category;
use std::io;

/// Why a file cannot be read, or not any further.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    /// The system says no.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The file is not what it should be.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// In this line there should be headings, without which no row says anything.
    #[error("line {line}: {unfit}")]
    Line {
        /// Counted from 1, as editors do.
        line: u64,
        /// What it is not.
        unfit: Unfit,
    },
}

sentences! {
    /// What a file should be, and is not.
    Unfit;
    /// It is packed in a packed file.
    PackedTwice "expected a file that is packed once, found one that is packed twice";
    /// It is of before 2007.
    OldWorkbook "expected CSV, XLSX or one JSON object a line, found a workbook of an old Excel (.xls): save it as .xlsx";
    /// It is a workbook that only who knows its password can read.
    Protected "expected CSV, XLSX or one JSON object a line, found a workbook that is protected by a password: save it without one";
    /// It is a sheet of another program.
    OpenDocument "expected CSV, XLSX or one JSON object a line, found an OpenDocument sheet (.ods): save it as .xlsx";
    /// It is packed with other files, or as one.
    NoWorkbookInside "expected CSV, XLSX or one JSON object a line, found a ZIP archive that holds no workbook: unpack it";
    /// It is packed by another program.
    OtherArchive "expected CSV, XLSX or one JSON object a line, found an archive (RAR, 7z): unpack it";
    /// Objects stand in a list.
    JsonArray "expected CSV, XLSX or one JSON object a line, found a JSON array: write one object a line, without brackets around all";
    /// Somebody has taken a picture of a table.
    Picture "expected CSV, XLSX or one JSON object a line, found a picture, which is no table";
    /// It is for printers.
    Pdf "expected CSV, XLSX or one JSON object a line, found a PDF, which is no table";
    /// Some programs call it .xls.
    WebPage "expected CSV, XLSX or one JSON object a line, found a web page or XML: open it with Excel, and save it as .xlsx";
    /// A workbook has to be held, and is too large for that.
    HeldTooLarge { most: u64 } "expected a workbook of at most {most} bytes where it is packed once more or comes through a pipe, found a larger one: send it as it is, or as CSV";
    /// No sheet is called like this, or there is none.
    NoSheet { names: String, found: String } "expected one of the sheets {names}, found {found}";
    /// There is nothing in a sheet.
    EmptySheet "expected a row of headings, found an empty sheet";
    /// Nothing begins where the headings are said to be.
    NoHeadings { line: u64 } "expected a row of headings in line {line}, found none";
    /// There is nothing in a file.
    EmptyFile "expected a row of headings, found an empty file";
    /// The quotes of the headings go on far behind them.
    OpenQuote "expected a row of headings, found a quote that is opened and not closed";
    /// A row is too long.
    LongRow { most: usize } "expected a row of at most {most} bytes, found a longer one";
    /// There are too many headings.
    TooManyColumns { most: usize, found: usize } "expected at most {most} columns, found {found}";
    /// A cell stands where there may be no column.
    FurtherColumn { most: usize } "expected at most {most} columns, found a value in one further right";
    /// There are more parts than may be.
    TooManyParts { most: usize, found: u64 } "expected a workbook of at most {most} parts, found {found}";
    /// Parts are unpacked several times.
    OverlappingParts "expected an XLSX workbook, found parts that overlap in its list of parts";
    /// Where texts begin stands what readers may take differently.
    OddTexts { part: String } "expected an XLSX workbook, found a control character in {part}";
    /// The part of texts holds none.
    NoTexts { part: String } "expected an XLSX workbook, found no shared texts in {part}";
    /// Room would be made for too many texts.
    TooManyTexts { most: u64, part: String } "expected a workbook of at most {most} shared texts, found more in {part}";
    /// Between two cells too much is unpacked.
    LargeCells { most: u64, part: String } "expected a workbook whose single cells unpack to at most {most} bytes, found more in {part}: save it as CSV";
    /// Too much is unpacked of texts.
    LargeTexts { most: u64, part: String } "expected a workbook whose shared texts unpack to at most {most} bytes, found more in {part}: save it as CSV";
    /// Too much is unpacked of all else.
    LargeFormats { most: u64, part: String } "expected a workbook whose formats and names unpack to at most {most} bytes, found more in {part}: save it as CSV";
    /// Too much is kept of formats.
    HeldFormats { most: u64, part: String } "expected a workbook whose formats keep names and codes of at most {most} bytes, found more in {part}: save it as CSV";
    /// The reader of workbooks cannot read on.
    NoWorkbook { found: String } "expected an XLSX workbook, found {found}";
}

impl Unfit {
    /// The list of parts, where a part is told.
    pub(crate) const LIST: &str = "its list of parts";

    /// In this line.
    pub(super) fn at(self, line: u64) -> FileError {
        FileError::Line { line, unfit: self }
    }
}

sentences! {
    /// Why an import cannot go on, whatever its file is.
    Halt;
    /// It cannot be told which rows were refused.
    Report { trouble: String } "the report of refused rows cannot be written: {trouble}";
    /// A fault of the hub.
    Outcome "the store gave an outcome of another kind";
    /// What is kept of it cannot be read.
    OtherVersion "it was begun by another version of Kehub: send it again";
}

impl Halt {
    /// For this trouble with the report.
    pub(super) fn report(trouble: &io::Error) -> Halt {
        Halt::Report { trouble: trouble.to_string() }
    }
}

/// Why a line is no row.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoRow {
    /// It is JSON.
    #[error("expected a JSON object, found {0}")]
    Other(Found),
    /// It is no JSON.
    #[error("expected a JSON object: {error}")]
    Broken {
        /// What the reader of JSON says.
        error: String,
        /// The kind of that.
        broken: Broken,
        /// The byte of the line, counted from 1.
        column: usize,
    },
    /// All that follows stands between quotes.
    #[error(
        "expected a row, found a quote that is opened in line {line} and not closed up to the end of the file"
    )]
    OpenQuote {
        /// Where it is opened, counted from 1.
        line: u64,
    },
    /// Lines stand between quotes that hardly belong together.
    #[error(
        "expected a delimiter behind a closing quote, found text: the quote that is opened in line {line} seems not to be closed"
    )]
    StrayQuote {
        /// Where it is opened, counted from 1.
        line: u64,
    },
    /// It is too long.
    #[error("expected a row of at most {most} bytes, found a longer one")]
    Long {
        /// Bytes of a row.
        most: usize,
    },
    /// It has more values than a file has columns.
    #[error("expected at most {most} values, found {found}")]
    Cells {
        /// Values of a row.
        most: usize,
        /// Those of this one.
        found: usize,
    },
    /// Of a sheet, it has a value where there may be no column.
    #[error("expected at most {most} columns, found a value in one further right")]
    FurtherColumn {
        /// Columns of a file.
        most: usize,
    },
    /// It is the row of headings once more.
    #[error("expected a customer, found the headings once more")]
    Headings,
    /// It adds up others.
    #[error("expected a customer, found a total: the row begins with `{found}`")]
    Total {
        /// The word that tells.
        found: &'static str,
    },
    /// With its members there are too many columns.
    #[error("expected at most {most} different members, found more")]
    Members {
        /// Columns of a file.
        most: usize,
    },
}

/// How JSON is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// It ends too early.
    Ended,
    /// A key is given twice.
    Repeated,
    /// Anything else.
    Malformed,
}

impl From<serde_json::Error> for NoRow {
    fn from(error: serde_json::Error) -> NoRow {
        let broken = match error.classify() {
            Category::Eof => Broken::Ended,
            // The reader takes any JSON, but no key twice.
            Category::Data => Broken::Repeated,
            Category::Syntax | Category::Io => Broken::Malformed,
        };
        NoRow::Broken { column: error.column(), broken, error: error.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::Json;

    #[test]
    fn what_is_kept_as_text_is_known_again() {
        let (part, most) = ("`xl/styles.xml`".to_owned(), 9);
        for unfit in [
            Unfit::PackedTwice,
            Unfit::OldWorkbook,
            Unfit::Protected,
            Unfit::OpenDocument,
            Unfit::NoWorkbookInside,
            Unfit::OtherArchive,
            Unfit::JsonArray,
            Unfit::Picture,
            Unfit::Pdf,
            Unfit::WebPage,
            Unfit::HeldTooLarge { most },
            Unfit::NoSheet { names: "`a`, `b`".to_owned(), found: "`c`".to_owned() },
            Unfit::NoHeadings { line: 9 },
            Unfit::OpenQuote,
            Unfit::LongRow { most: 9 },
            Unfit::TooManyColumns { most: 9, found: 10 },
            Unfit::FurtherColumn { most: 9 },
            Unfit::TooManyParts { most: 9, found: 10 },
            Unfit::OverlappingParts,
            Unfit::OddTexts { part: part.clone() },
            Unfit::TooManyTexts { most, part: part.clone() },
            Unfit::LargeFormats { most, part: part.clone() },
            Unfit::HeldFormats { most, part: Unfit::LIST.to_owned() },
            Unfit::NoWorkbook { found: "a fault".to_owned() },
        ] {
            assert_eq!(Unfit::read(&unfit.to_string()), Some(unfit));
        }
        let report = Halt::Report { trouble: "no space left".to_owned() };
        assert_eq!(Halt::read(&report.to_string()), Some(report));
        assert_eq!(Unfit::read("No such file or directory (os error 2)"), None);
    }

    #[test]
    fn it_is_told_how_json_is_broken() {
        for (text, expected, at) in [
            ("{\"a\":1", Broken::Ended, 6),
            ("{\"a\":1,\"a\":2}", Broken::Repeated, 13),
            ("{a:1}", Broken::Malformed, 2),
            ("", Broken::Ended, 0),
        ] {
            let NoRow::Broken { broken, column, .. } =
                Json::parse(text.as_bytes()).unwrap_err().into()
            else {
                panic!("{text}")
            };
            assert_eq!((broken, column), (expected, at), "{text}");
        }
    }
}
