//! Text in the encodings that spreadsheets save, as UTF-8.
//!
//! Which one it is shows where it matters: at the byte order mark, or at the first bytes that are
//! not ASCII, however far into the file those are. Up to there all of them are the same.

use super::likely::likely;
use encoding_rs::{Decoder, Encoding, UTF_16BE, UTF_16LE};
use std::io::{self, BufRead, Read};

/// Bytes that are looked at together: enough text that UTF-8 and GB18030 are not mistaken for one
/// another.
const CHUNK_BYTES: usize = 64 * 1024;

/// Reads text of another encoding as UTF-8. What is damaged becomes U+FFFD.
pub(super) struct Utf8<R> {
    inner: R,
    decoder: Option<Decoder>,
    is_begun: bool,
    has_ended: bool,
    /// Decoded, and read up to here.
    text: Vec<u8>,
    at: usize,
}

/// The encoding of this name, as the web knows it: `gbk`, `utf-16le`.
pub(crate) fn named(name: &str) -> Option<&'static Encoding> {
    Encoding::for_label(name.trim().as_bytes())
}

impl<R: Read> Utf8<R> {
    /// In this encoding, or in the one that shows.
    pub(super) fn new(inner: R, encoding: Option<&'static Encoding>) -> Utf8<R> {
        let decoder = encoding.map(Encoding::new_decoder_with_bom_removal);
        let (text, at) = (Vec::new(), 0);
        Utf8 { inner, decoder, is_begun: false, has_ended: false, text, at }
    }

    /// The encoding, once it shows; `None` as long as all is ASCII.
    pub(super) fn encoding(&self) -> Option<&'static Encoding> {
        self.decoder.as_ref().map(Decoder::encoding)
    }

    /// As many bytes as are looked at together, or all that are left.
    fn chunk(&mut self) -> io::Result<Vec<u8>> {
        let limit = u64::try_from(CHUNK_BYTES).unwrap_or(u64::MAX);
        let mut chunk = Vec::new();
        self.inner.by_ref().take(limit).read_to_end(&mut chunk)?;
        self.has_ended = chunk.len() < CHUNK_BYTES;
        Ok(chunk)
    }

    fn refill(&mut self) -> io::Result<()> {
        while self.at == self.text.len() && !self.has_ended {
            let chunk = self.chunk()?;
            if self.decoder.is_none() {
                self.decoder =
                    seen(&chunk, !self.is_begun).map(Encoding::new_decoder_with_bom_removal);
            }
            self.is_begun = true;
            self.at = 0;
            let Some(decoder) = &mut self.decoder else {
                self.text = chunk;
                continue;
            };
            let Some(size) = decoder.max_utf8_buffer_length(chunk.len()) else {
                return Err(io::ErrorKind::OutOfMemory.into());
            };
            self.text.resize(size, 0);
            let (_, _, written, _) = decoder.decode_to_utf8(&chunk, &mut self.text, self.has_ended);
            self.text.truncate(written);
        }
        Ok(())
    }
}

/// The encoding that shows in these bytes; `None` as long as they are all ASCII.
fn seen(chunk: &[u8], is_first: bool) -> Option<&'static Encoding> {
    if let Some((encoding, _)) = Encoding::for_bom(chunk).filter(|_| is_first) {
        return Some(encoding);
    }
    match chunk {
        // Every other byte of ASCII in UTF-16 is zero.
        [1..=127, 0, ..] if is_first => return Some(UTF_16LE),
        [0, 1..=127, ..] if is_first => return Some(UTF_16BE),
        _ if chunk.is_ascii() => return None,
        _ => (),
    }
    Some(likely(chunk))
}

impl<R: Read> Read for Utf8<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut text = self.fill_buf()?;
        let read = text.read(into)?;
        self.consume(read);
        Ok(read)
    }
}

impl<R: Read> BufRead for Utf8<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.refill()?;
        Ok(self.text.get(self.at..).unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        self.at = self.text.len().min(self.at + amount);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use encoding_rs::GB18030;

    fn read(bytes: &[u8], encoding: Option<&'static Encoding>) -> String {
        let mut text = String::new();
        Utf8::new(bytes, encoding).read_to_string(&mut text).unwrap();
        text
    }

    fn utf16(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(order).collect()
    }

    #[test]
    fn what_spreadsheets_save_is_read_without_being_told() {
        let text = "姓名,城市\n王芳,深圳\n";
        let gb18030 = GB18030.encode(text).0;
        assert_eq!(read(text.as_bytes(), None), text);
        assert_eq!(read(&gb18030, None), text);
        assert_eq!(read(format!("\u{FEFF}{text}").as_bytes(), None), text);
        let marked = format!("\u{FEFF}{text}");
        assert_eq!(read(&utf16(&marked, u16::to_le_bytes), None), text);
        assert_eq!(read(&utf16(&marked, u16::to_be_bytes), None), text);
        assert_eq!(read(b"", None), "");
    }

    #[test]
    fn an_encoding_that_is_named_needs_no_mark() {
        let bytes = utf16("name\n王", u16::to_le_bytes);
        assert_eq!(read(&bytes, named("UTF-16LE")), "name\n王");
        // It shows by itself if the first character is ASCII.
        assert_eq!(read(&bytes, None), "name\n王");
        assert_eq!(read(&utf16("name\n王", u16::to_be_bytes), None), "name\n王");
        assert_eq!(read(&GB18030.encode("𠮷€").0, named("gb18030")), "𠮷€");
        assert!(named("klingon").is_none());
    }

    #[test]
    fn chinese_far_behind_ascii_is_found() {
        let text = format!("{}王芳", "a,b\n".repeat(50_000));
        assert_eq!(read(text.as_bytes(), None), text);
        assert_eq!(read(&GB18030.encode(&text).0, None), text);
    }

    #[test]
    fn a_character_may_be_cut_by_a_chunk() {
        for lead in 0..4 {
            let text = format!("{}{}", "a".repeat(lead), "王芳".repeat(30_000));
            assert_eq!(read(text.as_bytes(), None), text);
            assert_eq!(read(&GB18030.encode(&text).0, None), text);
        }
    }

    #[test]
    fn a_damaged_character_spoils_no_other() {
        assert_eq!(
            read(b"name,mobile\n\xE7\x8E\x8B\xE8\x8A,1\n\xE6\x9D\x8E,2\n", None),
            "name,mobile\n王\u{FFFD},1\n李,2\n"
        );
        // Also valid UTF-8, of a letter that nobody writes alone.
        assert_eq!(read(b"name,gender\nWang,\xC5\xAE\n", None), "name,gender\nWang,女\n");
    }

    #[test]
    fn damage_shows() {
        assert_eq!(read(b"caf\xE9 \xE7\x8E\x8B", named("utf-8")), "caf\u{FFFD} 王");
    }
}
