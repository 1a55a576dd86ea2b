//! CSV without the blanks that some programs write between a delimiter and a quote, where the parser would take
//! the quote for a part of the value.

use super::records::Place;
use std::io::{self, BufRead, Read};

/// Blanks before a quote; a value may begin with more.
const BLANKS_MAX: usize = 1_024;

/// Reads a text without blanks before quotes.
pub(super) struct Unspaced<R> {
    inner: R,
    delimiter: u8,
    place: Place,
    /// Blanks at the beginning of a value, until it is known what comes behind them.
    blanks: usize,
    has_ended: bool,
    /// What may be read, and up to where it was.
    text: Vec<u8>,
    at: usize,
}

impl<R: BufRead> Unspaced<R> {
    pub(super) fn new(inner: R, delimiter: u8) -> Unspaced<R> {
        let (place, blanks, has_ended) = (Place::Beginning, 0, false);
        Unspaced { inner, delimiter, place, blanks, has_ended, text: Vec::new(), at: 0 }
    }

    fn refill(&mut self) -> io::Result<()> {
        let Unspaced { inner, delimiter, place, blanks, has_ended, text, at } = self;
        text.clear();
        *at = 0;
        let input = inner.fill_buf()?;
        for byte in input {
            if *place == Place::Beginning
                && *byte == b' '
                && *delimiter != b' '
                && *blanks < BLANKS_MAX
            {
                *blanks += 1;
                continue;
            }
            if *blanks > 0 {
                if *byte != b'"' {
                    text.resize(text.len() + *blanks, b' ');
                    *place = Place::Plain;
                }
                *blanks = 0;
            }
            text.push(*byte);
            *place = place.behind(*byte, *delimiter);
        }
        let read = input.len();
        if read == 0 {
            *has_ended = true;
            text.resize(*blanks, b' ');
        }
        inner.consume(read);
        Ok(())
    }
}

impl<R: BufRead> Read for Unspaced<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut text = self.fill_buf()?;
        let read = text.read(into)?;
        self.consume(read);
        Ok(read)
    }
}

impl<R: BufRead> BufRead for Unspaced<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.at == self.text.len() && !self.has_ended {
            self.refill()?;
        }
        Ok(self.text.get(self.at..).unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        self.at = self.text.len().min(self.at + amount);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufReader;

    #[test]
    fn blanks_go_before_a_quote_and_stay_elsewhere() {
        let many = " ".repeat(BLANKS_MAX + 1);
        for (text, expected) in [
            ("a, \"b, \"\" c\",  d \n \"e\"", "a,\"b, \"\" c\",  d \n\"e\""),
            ("a,  b \"c\", ", "a,  b \"c\", "),
            (" \n  ", " \n  "),
            ("a\"b, \"c\"", "a\"b,\"c\""),
            (&format!("{many}\"b\""), &format!("{many}\"b\"")),
        ] {
            for size in [1, 2, 3, 64] {
                let mut read = String::new();
                let inner = BufReader::with_capacity(size, text.as_bytes());
                Unspaced::new(inner, b',').read_to_string(&mut read).unwrap();
                assert_eq!(read, expected, "{text} by {size}");
            }
        }
        let mut read = String::new();
        Unspaced::new(&b"a  \"b\""[..], b' ').read_to_string(&mut read).unwrap();
        assert_eq!(read, "a  \"b\"");
    }
}
