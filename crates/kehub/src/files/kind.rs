//! What a file is by its first bytes, beside tables and workbooks: so that whoever has the wrong one is told which
//! one that is.

use super::error::{FileError, Unfit};
use std::io::{self, Read, Seek, SeekFrom};

/// How many bytes tell how a file is packed, or what it is instead of text.
pub(super) const MAGIC_BYTES: u64 = 12;
/// The name of the stream of an OLE file that holds a workbook which is protected by a password.
const PROTECTED: &str = "EncryptedPackage";
/// Bytes in which that name is looked for.
const PROTECTED_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Bytes that are looked at together.
const PIECE: usize = 64 * 1024;
/// Where in a ZIP archive the name of its first part begins, and what stands there in an open document.
const NAME_AT: usize = 30;
const OPEN_DOCUMENT: &[u8] = b"mimetypeapplication/vnd.oasis.opendocument.";

/// What packs a file, or what it is instead of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Gzip,
    Zstd,
    Zip,
    /// A file of several streams, such as workbooks of an old Excel, or those with a password.
    Ole,
    /// An archive that is read nowhere here.
    Archive,
    Picture,
    Pdf,
}

impl Kind {
    /// What begins with these bytes.
    pub(super) fn of(magic: &[u8]) -> Kind {
        match magic {
            [0x1F, 0x8B, ..] => Kind::Gzip,
            [0x28, 0xB5, 0x2F, 0xFD, ..] => Kind::Zstd,
            [b'P', b'K', 3, 4, ..] => Kind::Zip,
            [0xD0, 0xCF, 0x11, 0xE0, ..] => Kind::Ole,
            [b'R', b'a', b'r', b'!', 0x1A, 7, ..] | [b'7', b'z', 0xBC, 0xAF, 0x27, 0x1C, ..] => {
                Kind::Archive
            }
            [0x89, b'P', b'N', b'G', ..]
            | [0xFF, 0xD8, 0xFF, ..]
            | [b'G', b'I', b'F', b'8', ..]
            | [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P'] => Kind::Picture,
            [b'%', b'P', b'D', b'F', b'-', ..] => Kind::Pdf,
            _ => Kind::Text,
        }
    }
}

/// What a file of several streams is.
pub(super) fn ole(bytes: impl Read) -> io::Result<Unfit> {
    let name: Vec<u8> = PROTECTED.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut bytes = bytes.take(PROTECTED_BYTES_MAX);
    let mut piece = Vec::new();
    loop {
        // The name may begin in one piece and end in the next one.
        let kept = piece.len().saturating_sub(name.len());
        piece.drain(..kept);
        let limit = u64::try_from(PIECE).unwrap_or(u64::MAX);
        if bytes.by_ref().take(limit).read_to_end(&mut piece)? == 0 {
            return Ok(Unfit::OldWorkbook);
        }
        if piece.windows(name.len()).any(|found| found == name) {
            return Ok(Unfit::Protected);
        }
    }
}

/// Why text that begins like this is neither a table nor JSON objects; `None` if it is one of these.
pub(super) fn of_text(beginning: &[u8]) -> Option<Unfit> {
    let begin = beginning.trim_ascii_start();
    if let Some(rest) = begin.strip_prefix(b"[") {
        // A heading may stand in brackets.
        return rest.trim_ascii_start().starts_with(b"{").then_some(Unfit::JsonArray);
    }
    let tags = ["<!doctype", "<html", "<head", "<body", "<table", "<meta", "<?xml", "<!--"];
    let is_tag = |tag: &&str| {
        let found = begin.get(..tag.len());
        found.is_some_and(|found| found.eq_ignore_ascii_case(tag.as_bytes()))
    };
    tags.iter().any(is_tag).then_some(Unfit::WebPage)
}

/// A ZIP archive from its beginning, if it is no open document.
pub(super) fn zip<R: Read + Seek>(mut bytes: R) -> Result<R, FileError> {
    let mut beginning = Vec::new();
    let limit = u64::try_from(NAME_AT + OPEN_DOCUMENT.len()).unwrap_or(u64::MAX);
    bytes.by_ref().take(limit).read_to_end(&mut beginning)?;
    if beginning.get(NAME_AT..) == Some(OPEN_DOCUMENT) {
        return Err(Unfit::OpenDocument.into());
    }
    bytes.seek(SeekFrom::Start(0))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Cursor, Write as _};
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    #[test]
    fn a_workbook_with_a_password_is_known_wherever_its_stream_is_named() {
        let name: Vec<u8> = PROTECTED.encode_utf16().flat_map(u16::to_le_bytes).collect();
        for before in [0, 7, PIECE - 9, PIECE, 3 * PIECE - 1] {
            let bytes = [&*vec![b'E'; before], &name, b"x"].concat();
            assert_eq!(ole(&*bytes).unwrap(), Unfit::Protected, "{before}");
            assert_eq!(ole(&bytes[..before + 8]).unwrap(), Unfit::OldWorkbook, "{before}");
        }
    }

    #[test]
    fn text_that_is_no_table_is_known() {
        for (text, expected) in [
            ("[{\"name\":1}]", Some(Unfit::JsonArray)),
            (" [\n {}]", Some(Unfit::JsonArray)),
            ("[id],[name]\n", None),
            ("<!DOCTYPE html><html>", Some(Unfit::WebPage)),
            ("\n<Table border=1>", Some(Unfit::WebPage)),
            ("<?xml version=\"1.0\"?>", Some(Unfit::WebPage)),
            ("<姓名>,手机", None),
            ("{\"name\":1}", None),
            ("", None),
        ] {
            assert_eq!(of_text(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn an_open_document_is_known() {
        let packed = |name: &str, text: &str| {
            let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
            let stored = SimpleFileOptions::default();
            let stored = stored.compression_method(zip::CompressionMethod::Stored);
            writer.start_file(name, stored).unwrap();
            writer.write_all(text.as_bytes()).unwrap();
            writer.finish().unwrap()
        };
        let sheet = packed("mimetype", "application/vnd.oasis.opendocument.spreadsheet");
        let Err(FileError::Unfit(unfit)) = zip(Cursor::new(sheet.into_inner())) else { panic!() };
        assert_eq!(unfit, Unfit::OpenDocument);
        let other = packed("a.csv", "name\nA\n").into_inner();
        assert_eq!(zip(Cursor::new(other)).unwrap().position(), 0);
    }
}
