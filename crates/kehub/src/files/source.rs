//! Where a file comes from, how it is packed, and what it is: told by its bytes, not by its name.

use super::encoding::{self, Utf8};
use super::error::{FileError, Unfit};
use super::headings::{Above, HeaderRow, Heads, Sayings};
use super::kind::{self, Kind, MAGIC_BYTES};
use super::rows::Take;
use super::unpacking::HELD_BYTES_MAX;
use super::{lines, sheet, table};
use encoding_rs::Encoding;
use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek, SeekFrom, stdin};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a reader cannot know from the file alone, if somebody says it.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReadOptions {
    /// What parts the values of CSV.
    pub(crate) delimiter: Option<u8>,
    /// What the text is encoded in.
    pub(crate) encoding: Option<&'static Encoding>,
    /// The sheet of a workbook.
    pub(crate) sheet: Option<String>,
    /// Which row of a table holds its headings.
    pub(crate) header: HeaderRow,
}

impl ReadOptions {
    /// How a file of this form is read again as it was read now, whatever is said about columns then.
    pub(crate) fn settled(&self, form: Form, above: Option<Above>) -> ReadOptions {
        let mut settled = ReadOptions { header: HeaderRow::First, ..self.clone() };
        if let Some(above) = above {
            settled.header = HeaderRow::At(above.headings);
            if let Form::Table(delimiter) = form {
                settled.delimiter = Some(delimiter);
            }
        }
        settled
    }
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Rows of text, with this between the values.
    Table(u8),
    /// A JSON object a line.
    Lines,
    /// A workbook of Excel 2007 and later.
    Workbook,
}

/// How much of a file has been read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Extent {
    read: Arc<AtomicU64>,
    /// Bytes in all; 0 if nobody knows.
    pub(crate) total: u64,
}

impl Extent {
    /// Bytes read so far.
    pub(crate) fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }
}

/// A file that is open, and known for what it is.
pub(crate) struct Source {
    contents: Contents,
    form: Form,
    header: HeaderRow,
    extent: Extent,
}

enum Contents {
    Text(Utf8<Box<dyn Read + Send>>),
    Workbook(Box<dyn Seekable>, Option<String>),
}

pub(super) trait Seekable: Read + Seek + Send {}
impl<T: Read + Seek + Send> Seekable for T {}

/// The encoding of this name.
pub(crate) fn encoding_named(name: &str) -> Result<&'static Encoding, String> {
    encoding::named(name).ok_or_else(|| "expected a name such as utf-8, gb18030 or utf-16le".into())
}

impl Source {
    /// Opens a file, or standard input for `-`.
    pub(crate) fn open(path: &Path, options: &ReadOptions) -> Result<Source, FileError> {
        if path == Path::new("-") {
            return Source::of_stream(Box::new(stdin()), options);
        }
        let mut file = File::open(path)?;
        let total = file.metadata()?.len();
        let mut magic = Vec::new();
        file.by_ref().take(MAGIC_BYTES).read_to_end(&mut magic)?;
        file.seek(SeekFrom::Start(0))?;
        let extent = Extent { total, ..Extent::default() };
        if Kind::of(&magic) == Kind::Zip {
            let file = BufReader::new(Counted { inner: file, extent: extent.clone() });
            return Ok(Source::workbook(Box::new(file), options, extent));
        }
        Source::new(Box::new(Counted { inner: file, extent: extent.clone() }), options, extent)
    }

    /// What comes through a pipe or a connection. A workbook is held in memory then, because it can
    /// only be read from its end, up to [`HELD_BYTES_MAX`].
    pub(crate) fn of_stream(
        stream: Box<dyn Read + Send>,
        options: &ReadOptions,
    ) -> Result<Source, FileError> {
        let extent = Extent::default();
        Source::new(Box::new(Counted { inner: stream, extent: extent.clone() }), options, extent)
    }

    fn new(
        bytes: Box<dyn Read + Send>,
        options: &ReadOptions,
        extent: Extent,
    ) -> Result<Source, FileError> {
        let (kind, bytes) = looked_at(bytes)?;
        let (inner, bytes): (Kind, Box<dyn Read + Send>) = match kind {
            Kind::Gzip => looked_at(Box::new(MultiGzDecoder::new(bytes)))?,
            Kind::Zstd => looked_at(Box::new(zstd::Decoder::new(bytes)?))?,
            Kind::Text | Kind::Zip | Kind::Ole | Kind::Archive | Kind::Picture | Kind::Pdf => {
                (kind, bytes)
            }
        };
        Err(match inner {
            Kind::Zip => {
                let held = held(bytes, HELD_BYTES_MAX)?;
                return Ok(Source::workbook(Box::new(Cursor::new(held)), options, extent));
            }
            Kind::Text => return Source::text(bytes, options, extent),
            Kind::Ole => kind::ole(bytes)?.into(),
            Kind::Gzip | Kind::Zstd => Unfit::PackedTwice.into(),
            Kind::Archive => Unfit::OtherArchive.into(),
            Kind::Picture => Unfit::Picture.into(),
            Kind::Pdf => Unfit::Pdf.into(),
        })
    }

    fn text(
        bytes: Box<dyn Read + Send>,
        options: &ReadOptions,
        extent: Extent,
    ) -> Result<Source, FileError> {
        let mut text = Utf8::new(bytes, options.encoding);
        let beginning = text.fill_buf()?;
        // Whoever names a delimiter has a table.
        if options.delimiter.is_none()
            && let Some(unfit) = kind::of_text(beginning)
        {
            return Err(unfit.into());
        }
        let form = form_of(beginning, options);
        let (contents, header) = (Contents::Text(text), options.header);
        Ok(Source { contents, form, header, extent })
    }

    fn workbook(bytes: Box<dyn Seekable>, options: &ReadOptions, extent: Extent) -> Source {
        let contents = Contents::Workbook(bytes, options.sheet.clone());
        Source { contents, form: Form::Workbook, header: options.header, extent }
    }

    /// What it is.
    pub(crate) fn form(&self) -> Form {
        self.form
    }

    /// What its text is encoded in, if that shows at its beginning.
    pub(crate) fn encoding(&self) -> Option<&'static Encoding> {
        match &self.contents {
            Contents::Text(text) => text.encoding(),
            Contents::Workbook(..) => None,
        }
    }

    /// How much of it has been read; also tells while it is being read.
    pub(crate) fn extent(&self) -> Extent {
        self.extent.clone()
    }

    /// Reads all rows, for as long as somebody takes them.
    pub(super) fn read(self, sayings: &dyn Sayings, take: &mut Take<'_>) -> Result<(), FileError> {
        let header = self.header;
        match (self.contents, self.form) {
            (Contents::Workbook(bytes, name), _) => {
                sheet::read(bytes, name.as_deref(), Heads::new(header, sayings, take))
            }
            (Contents::Text(text), Form::Table(delimiter)) => {
                table::read(text, delimiter, Heads::new(header, sayings, take))
            }
            (Contents::Text(text), Form::Lines | Form::Workbook) => lines::read(text, take),
        }
    }
}

/// All bytes of a workbook that has to be held, if it has no more than so many.
fn held(bytes: impl Read, most: u64) -> Result<Vec<u8>, FileError> {
    let mut held = Vec::new();
    bytes.take(most + 1).read_to_end(&mut held)?;
    if u64::try_from(held.len()).is_ok_and(|length| length <= most) {
        return Ok(held);
    }
    Err(Unfit::HeldTooLarge { most }.into())
}

/// What bytes are, and all of them again.
fn looked_at(mut bytes: Box<dyn Read + Send>) -> io::Result<(Kind, Box<dyn Read + Send>)> {
    let mut magic = Vec::new();
    bytes.by_ref().take(MAGIC_BYTES).read_to_end(&mut magic)?;
    let kind = Kind::of(&magic);
    Ok((kind, Box::new(Cursor::new(magic).chain(bytes))))
}

/// What a text is, as its beginning tells.
fn form_of(beginning: &[u8], options: &ReadOptions) -> Form {
    if let Some(delimiter) = options.delimiter {
        return Form::Table(delimiter);
    }
    let first = beginning.iter().find(|byte| !byte.is_ascii_whitespace());
    if first == Some(&b'{') {
        Form::Lines
    } else {
        Form::Table(table::delimiter_of(beginning, options.header))
    }
}

/// Counts what is read.
struct Counted<R> {
    inner: R,
    extent: Extent,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        self.extent.read.fetch_add(u64::try_from(read).unwrap_or(0), Ordering::Relaxed);
        Ok(read)
    }
}

impl<R: Seek> Seek for Counted<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}

#[cfg(test)]
mod tests {
    use super::super::mapping::Choices;
    use super::super::rows::tests::told;
    use super::*;
    use std::io::Write as _;

    fn read(bytes: &[u8], options: &ReadOptions) -> Result<String, FileError> {
        let source = Source::of_stream(Box::new(Cursor::new(bytes.to_vec())), options)?;
        told(|take| source.read(&|_: &[String]| Choices::default(), take))
    }

    fn gzipped(bytes: &[u8]) -> Vec<u8> {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(bytes).unwrap();
        packer.finish().unwrap()
    }

    #[test]
    fn a_packed_file_is_told_by_its_bytes() {
        let plain = "name,city\n王芳,深圳\n";
        let expected = "columns name|city\n2: 王芳|深圳\n";
        let options = ReadOptions::default();
        assert_eq!(read(plain.as_bytes(), &options).unwrap(), expected);
        let mut members = gzipped("name,city\n".as_bytes());
        members.extend(gzipped("王芳,深圳\n".as_bytes()));
        assert_eq!(read(&members, &options).unwrap(), expected);
        let zstd = zstd::encode_all(plain.as_bytes(), 1).unwrap();
        assert_eq!(read(&zstd, &options).unwrap(), expected);
        assert!(read(&zstd[..zstd.len() - 3], &options).is_err());
    }

    #[test]
    fn what_cannot_be_read_says_so() {
        let options = ReadOptions::default();
        let old = read(&[0xD0, 0xCF, 0x11, 0xE0, 0xA1], &options).unwrap_err().to_string();
        assert!(old.contains("save it as .xlsx"), "{old}");
        for (bytes, why) in [
            (&b"\x89PNG\r\n\x1A\n"[..], "found a picture, which is no table"),
            (b"\xFF\xD8\xFF\xE0", "found a picture"),
            (b"%PDF-1.7\n", "found a PDF, which is no table"),
            (b"Rar!\x1A\x07\x01\x00", "found an archive (RAR, 7z): unpack it"),
            (b"[{\"name\":1}]", "found a JSON array: write one object a line"),
            (b"\xEF\xBB\xBF<html>", "found a web page or XML: open it with Excel"),
        ] {
            let error = read(bytes, &options).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
        let table = ReadOptions { delimiter: Some(b','), ..ReadOptions::default() };
        assert_eq!(read(b"[{x}],b\n", &table).unwrap(), "columns [{x}]|b\n");
        let twice = read(&gzipped(&gzipped(b"name\nA\n")), &options).unwrap_err().to_string();
        assert!(twice.contains("packed twice"), "{twice}");
    }

    #[test]
    fn no_more_is_held_of_a_workbook_than_may_be() {
        assert_eq!(held(&b"PK\x03\x04"[..], 4).unwrap(), b"PK\x03\x04");
        let large = held(io::repeat(b'P'), 4).unwrap_err().to_string();
        assert_eq!(
            large,
            "expected a workbook of at most 4 bytes where it is packed once more or comes through a \
             pipe, found a larger one: send it as it is, or as CSV"
        );
    }

    #[test]
    fn the_beginning_tells_the_form() {
        let options = ReadOptions::default();
        assert_eq!(form_of(b" \n{\"name\":1}", &options), Form::Lines);
        assert_eq!(form_of(b"name;city\n", &options), Form::Table(b';'));
        let options = ReadOptions { delimiter: Some(b'|'), ..options };
        assert_eq!(form_of(b"{a}|b\n", &options), Form::Table(b'|'));
    }
}
