//! How much a workbook may make its reader hold. A workbook is a ZIP file of parts, and a few megabytes of it
//! can unpack to a terabyte: whoever reads it sees every packed byte before, and stops there.

use super::error::{FileError, Unfit};
use flate2::{Decompress, FlushDecompress, Status};
use quick_xml::events::Event;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Take};
use std::rc::Rc;
use zip::{CompressionMethod, ZipArchive};

/// Bytes of texts that cells share, unpacked: all of them are held while rows are read. They are those of a
/// million rows with six texts each that are in no other row. Also what may come between two cells, and the
/// size of a workbook that has to be held because it can only be read from its end.
pub(super) const HELD_BYTES_MAX: u64 = 256 << 20;
/// Bytes of all else that is read before the first cell, unpacked: formats above all, which become some
/// hundred times as much. Excel itself has 65 490 of them at most, which are fewer bytes.
const FORMATS_BYTES_MAX: u64 = 8 << 20;
/// Parts of a workbook; one with a thousand sheets has some 3000.
const PARTS_MAX: usize = 10_000;
/// What the record begins with that announces more parts than 65 535, and where in it their number is.
const RECORD: &[u8; 4] = b"PK\x06\x06";
const RECORD_COUNT_AT: u64 = 32;
/// Bytes that a text takes beside its letters. Room is made for as many as a workbook announces, before the
/// first one is read.
const TEXT_BYTES: u64 = 24;
/// Bytes of the part of shared texts in which they begin.
const HEAD_BYTES: u64 = 64 << 10;
/// What the name of that part ends with, whatever folder it is in.
const TEXTS: &str = "sharedstrings.xml";
/// What the name of the part of formats ends with.
const FORMATS: &str = "styles.xml";
/// Bytes that are unpacked at once.
const STEP_BYTES: usize = 64 << 10;

/// A part, by where its data begins.
#[derive(Clone, Debug)]
struct Part {
    name: Rc<str>,
    /// Where its data ends.
    end: u64,
    method: CompressionMethod,
}

/// The part that is being read.
struct Reading {
    part: Part,
    /// Where its next bytes are.
    next: u64,
    unpacking: Option<Box<Decompress>>,
    /// Whether nothing more is unpacked of it.
    is_over: bool,
}

/// What may be unpacked, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Of shared texts, and between two cells.
    pub(super) held: u64,
    /// Of all else that is read before the first cell.
    pub(super) formats: u64,
}

impl Limits {
    /// Those of every file.
    pub(super) const USUAL: Limits = Limits { held: HELD_BYTES_MAX, formats: FORMATS_BYTES_MAX };
}

/// What has been unpacked, for whoever reads cells.
#[derive(Debug)]
pub(super) struct Unpacked {
    limits: Limits,
    has_cells: Cell<bool>,
    texts: Cell<u64>,
    formats: Cell<u64>,
    /// Since the last cell.
    cell: Cell<u64>,
    breach: RefCell<Option<FileError>>,
}

impl Unpacked {
    fn new(limits: Limits) -> Unpacked {
        let [texts, formats, cell] = [const { Cell::new(0) }; 3];
        Unpacked { limits, has_cells: Cell::new(false), texts, formats, cell, breach: None.into() }
    }

    /// The workbook is open: what follows are cells of sheets.
    pub(super) fn opened(&self) {
        self.has_cells.set(true);
    }

    /// A cell has been read.
    pub(super) fn met(&self) {
        self.cell.set(0);
    }

    /// Why reading was stopped, if it was.
    pub(super) fn breach(&self) -> Option<FileError> {
        self.breach.take()
    }

    /// Counts bytes of a part, or of what tells where parts are.
    fn count(&self, bytes: usize, part: Option<&str>) -> io::Result<()> {
        let Limits { held: most, formats } = self.limits;
        let told = || part.map_or_else(|| Unfit::LIST.to_owned(), |name| format!("`{name}`"));
        let (held, limit, unfit): (_, _, fn(u64, String) -> Unfit) = match part {
            Some(_) if self.has_cells.get() => {
                (&self.cell, most, |most, part| Unfit::LargeCells { most, part })
            }
            Some(name) if is_texts(name) => {
                (&self.texts, most, |most, part| Unfit::LargeTexts { most, part })
            }
            Some(_) | None => (&self.formats, formats, large_formats),
        };
        held.set(held.get().saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX)));
        if held.get() <= limit {
            return Ok(());
        }
        self.breach.replace(Some(unfit(limit, told()).into()));
        Err(io::Error::other("a workbook unpacks to too much"))
    }
}

fn large_formats(most: u64, part: String) -> Unfit {
    Unfit::LargeFormats { most, part }
}

fn too_many(found: u64) -> FileError {
    Unfit::TooManyParts { most: PARTS_MAX, found }.into()
}

fn is_texts(name: &str) -> bool {
    name.to_ascii_lowercase().ends_with(TEXTS)
}

/// A workbook that stops whoever reads it where it would become too much.
pub(super) struct Bounded<R> {
    inner: R,
    at: u64,
    parts: BTreeMap<u64, Part>,
    reading: Option<Reading>,
    step: Vec<u8>,
    /// The last bytes that are of no part, and where they end: a record may come in two reads.
    plain: (Vec<u8>, u64),
    unpacked: Rc<Unpacked>,
}

impl<R: Read + Seek> Bounded<R> {
    /// The same bytes, bounded, from their beginning; and what is unpacked of them.
    pub(super) fn new(inner: R, limits: Limits) -> Result<(Bounded<R>, Rc<Unpacked>), FileError> {
        let unpacked = Rc::new(Unpacked::new(limits));
        let (parts, step, plain) = (BTreeMap::new(), Vec::new(), (Vec::new(), 0));
        let told = Rc::clone(&unpacked);
        let unbounded = Bounded { inner, at: 0, parts, reading: None, step, plain, unpacked: told };
        match unbounded.with_parts() {
            Ok(bounded) => Ok((bounded, unpacked)),
            Err(error) => Err(unpacked.breach().unwrap_or(error)),
        }
    }

    fn with_parts(self) -> Result<Bounded<R>, FileError> {
        let limits = self.unpacked.limits;
        let texts_max = limits.held / TEXT_BYTES;
        let mut archive = ZipArchive::new(self).map_err(|error| broken(&error))?;
        if archive.len() > PARTS_MAX {
            return Err(too_many(u64::try_from(archive.len()).unwrap_or(u64::MAX)));
        }
        // What is read of one is nothing of another, and unpacked as the list says.
        if archive.has_overlapping_entries().map_err(|error| broken(&error))? {
            return Err(Unfit::OverlappingParts.into());
        }
        let (mut parts, mut unread) = (BTreeMap::new(), limits.formats.saturating_add(1));
        for number in 0..archive.len() {
            let part = archive.by_index_raw(number).map_err(|error| broken(&error))?;
            let name: Rc<str> = part.name().map_err(|error| broken(&error))?.as_ref().into();
            let Some(start) = part.data_start() else { continue };
            let (end, method) = (start.saturating_add(part.compressed_size()), part.compression());
            drop(part);
            if is_texts(&name) {
                let part = archive.by_index(number).map_err(|error| broken(&error))?;
                texts_are_few(part, &name, texts_max)?;
            }
            if name.to_ascii_lowercase().ends_with(FORMATS) {
                let part = archive.by_index(number).map_err(|error| broken(&error))?;
                let mut part = part.take(unread);
                formats_are_small(&mut part, &name, limits)?;
                unread = part.limit();
            }
            parts.insert(start, Part { name, end, method });
        }
        let mut bounded = archive.into_inner();
        bounded.seek(SeekFrom::Start(0))?;
        bounded.unpacked.formats.set(0);
        Ok(Bounded { parts, ..bounded })
    }

    /// Looks how many parts are announced, before room is made for them.
    fn count_parts(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let (mut plain, end) = std::mem::take(&mut self.plain);
        if end != at {
            plain.clear();
        }
        let begin = at.saturating_sub(u64::try_from(plain.len()).unwrap_or(0));
        plain.extend_from_slice(bytes);
        let places = (begin..).zip(plain.windows(RECORD.len()));
        for (place, _) in places.filter(|(_, it)| it == RECORD) {
            let mut count = [0; 8];
            self.inner.seek(SeekFrom::Start(place.saturating_add(RECORD_COUNT_AT)))?;
            let read = self.inner.read_exact(&mut count);
            self.inner.seek(SeekFrom::Start(self.at))?;
            let count = u64::from_le_bytes(count);
            if read.is_ok() && usize::try_from(count).is_ok_and(|it| it > PARTS_MAX) {
                self.unpacked.breach.replace(Some(too_many(count)));
                return Err(io::Error::other("a workbook has too many parts"));
            }
        }
        plain.drain(..(plain.len() + 1).saturating_sub(RECORD.len()));
        self.plain = (plain, self.at);
        Ok(())
    }

    /// Counts what bytes at a place become.
    fn look(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let goes_on = |reading: &Reading| reading.next == at && at < reading.part.end;
        if !self.reading.as_ref().is_some_and(goes_on)
            && let Some(part) = self.parts.get(&at)
        {
            // Whoever reads it unpacks nothing else.
            let is_packed = part.method == CompressionMethod::Deflated;
            let unpacking = is_packed.then(|| Box::new(Decompress::new(false)));
            self.reading =
                Some(Reading { part: part.clone(), next: at, unpacking, is_over: false });
        }
        let Some(reading) = self.reading.as_mut().filter(|reading| reading.next == at) else {
            self.count_parts(at, bytes)?;
            return self.unpacked.count(bytes.len(), None);
        };
        let left = usize::try_from(reading.part.end.saturating_sub(at)).unwrap_or(usize::MAX);
        let (own, behind) = bytes.split_at(left.min(bytes.len()));
        reading.next += u64::try_from(own.len()).unwrap_or(0);
        let name = &reading.part.name;
        match &mut reading.unpacking {
            None => self.unpacked.count(own.len(), Some(name))?,
            Some(_) if reading.is_over => (),
            Some(unpacking) => {
                self.step.resize(STEP_BYTES, 0);
                reading.is_over = unpack(unpacking, own, &mut self.step, |bytes| {
                    self.unpacked.count(bytes, Some(name))
                })?;
            }
        }
        self.unpacked.count(behind.len(), None)
    }
}

/// Unpacks some bytes, and tells how many they become, step by step; whether nothing is to come behind them.
fn unpack(
    unpacking: &mut Decompress,
    bytes: &[u8],
    step: &mut [u8],
    mut told: impl FnMut(usize) -> io::Result<()>,
) -> io::Result<bool> {
    let mut rest = bytes;
    loop {
        let (read, written) = (unpacking.total_in(), unpacking.total_out());
        // What cannot be counted is not read either.
        let status = unpacking.decompress(rest, step, FlushDecompress::None)?;
        let taken = usize::try_from(unpacking.total_in() - read).unwrap_or(usize::MAX);
        let given = usize::try_from(unpacking.total_out() - written).unwrap_or(usize::MAX);
        told(given)?;
        rest = rest.get(taken..).unwrap_or_default();
        // Where a step is full, more may be left of bytes that were taken.
        let is_over = rest.is_empty() && given < step.len();
        if status == Status::StreamEnd || is_over || (taken, given) == (0, 0) {
            return Ok(status == Status::StreamEnd);
        }
    }
}

/// Whether a part of shared texts announces no more than there may be.
fn texts_are_few(part: impl Read, name: &str, most: u64) -> Result<(), FileError> {
    let mut xml = quick_xml::Reader::from_reader(BufReader::new(part.take(HEAD_BYTES)));
    let mut buffer = Vec::new();
    let told = || format!("`{name}`");
    loop {
        buffer.clear();
        match xml.read_event_into(&mut buffer) {
            Ok(Event::Start(begun) | Event::Empty(begun))
                if begun.local_name().as_ref() == "sst" =>
            {
                let is_odd = |it: char| it.is_ascii_control() && !"\t\r\n".contains(it);
                if begun.contains(is_odd) {
                    return Err(Unfit::OddTexts { part: told() }.into());
                }
                if announced(&begun).any(|count| count > most) {
                    return Err(Unfit::TooManyTexts { most, part: told() }.into());
                }
                return Ok(());
            }
            Ok(Event::Eof) => return Err(Unfit::NoTexts { part: told() }.into()),
            Ok(_) => (),
            Err(error) => {
                return Err(Unfit::NoWorkbook { found: format!("{error} in {}", told()) }.into());
            }
        }
    }
}

/// Whether formats become no more than may be held. Each is kept with the name of its font and the code by
/// which it shows numbers, and many may share one that is long.
fn formats_are_small(
    part: &mut Take<impl Read>,
    name: &str,
    Limits { held: most, formats: limit }: Limits,
) -> Result<(), FileError> {
    let mut xml = quick_xml::Reader::from_reader(BufReader::new(&mut *part));
    xml.config_mut().check_end_names = false;
    let (mut buffer, mut longest, mut formats) = (Vec::new(), 0, 0_u64);
    loop {
        buffer.clear();
        match xml.read_event_into(&mut buffer) {
            Ok(Event::Start(begun) | Event::Empty(begun)) => {
                longest = longest.max(u64::try_from(begun.len()).unwrap_or(u64::MAX));
                formats += u64::from(begun.local_name().as_ref() == "xf");
                if longest.saturating_mul(2).saturating_mul(formats) > most {
                    return Err(Unfit::HeldFormats { most, part: format!("`{name}`") }.into());
                }
            }
            // Whoever reads it comes no further than to what is no XML.
            Ok(Event::Eof) | Err(_) => break,
            Ok(_) => (),
        }
    }
    if part.limit() > 0 {
        return Ok(());
    }
    Err(large_formats(limit, format!("`{name}`")).into())
}

/// How many texts a tag announces, wherever a number stands behind the name of their count: whoever reads
/// the workbook may take other places for attributes than a reader of XML here would.
fn announced(tag: &str) -> impl Iterator<Item = u64> {
    tag.split("uniqueCount").skip(1).filter_map(|behind| {
        let mut value = behind.trim_start().strip_prefix('=')?.trim_start().chars();
        let quote = value.next()?;
        let digits = value.take_while(|it| *it != quote).filter_map(|it| it.to_digit(10));
        Some(
            digits.fold(0, |count: u64, digit| {
                count.saturating_mul(10).saturating_add(u64::from(digit))
            }),
        )
    })
}

fn broken(error: &zip::result::ZipError) -> FileError {
    Unfit::NoWorkbook { found: error.to_string() }.into()
}

impl<R: Read + Seek> Read for Bounded<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.unpacked.breach.borrow().is_some() {
            return Err(io::Error::other("a workbook is too much already"));
        }
        let read = self.inner.read(into)?;
        let at = self.at;
        self.at += u64::try_from(read).unwrap_or(0);
        self.look(at, into.get(..read).unwrap_or_default())?;
        Ok(read)
    }
}

impl<R: Seek> Seek for Bounded<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = self.inner.seek(to)?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::write::DeflateEncoder;
    use std::io::Write as _;

    #[test]
    fn what_cannot_be_unpacked_is_an_error() {
        let mut encoder = DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&[b'x'; 5_000]).unwrap();
        let packed = encoder.finish().unwrap();
        let unpacked = |bytes: &[u8]| {
            let (mut unpacking, mut count) = (Decompress::new(false), 0);
            let is_over = unpack(&mut unpacking, bytes, &mut [0; 100], |more| {
                count += more;
                Ok(())
            });
            is_over.map(|is_over| (is_over, count))
        };
        assert_eq!(unpacked(&packed).unwrap(), (true, 5_000));
        assert!(!unpacked(&packed[..1]).unwrap().0);
        assert!(unpacked(&[0xFF; 8]).is_err());
    }
}
