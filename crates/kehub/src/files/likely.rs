//! Which encoding a text is likely in where no mark tells: UTF-8, or GB18030.
//!
//! A single damaged byte does not make UTF-8 something else, and what happens to be valid UTF-8 is not
//! always meant to be: `女` of GB18030 is `Ů` there. So the text is read as both, and the one wins whose
//! characters are more likely to have been written.

use encoding_rs::{Encoding, GB18030, UTF_8};

/// What a character is worth that people write here;
const USUAL: usize = 4;
/// one that stands where it rarely does: a single letter with a mark, Chinese in the middle of a word;
const ODD: usize = 2;
/// one that few write;
const RARE: usize = 1;
/// and what is none.
const DAMAGED: usize = 0;
/// Letters with marks that make a word without one of ASCII.
const WORD_LETTERS_MIN: usize = 3;

/// The encoding in which this text is likely, which need not end with a whole character.
pub(super) fn likely(text: &[u8]) -> &'static Encoding {
    let (utf8, gb18030) = (as_utf8(text), as_gb18030(text));
    if utf8.is_as_likely_as(gb18030) { UTF_8 } else { GB18030 }
}

/// What the characters beyond ASCII are worth, as an encoding reads them.
#[derive(Clone, Copy, Debug, Default)]
struct Worth {
    sum: usize,
    characters: usize,
}

impl Worth {
    fn add(&mut self, characters: usize, worth: usize) {
        self.sum += characters * worth;
        self.characters += characters;
    }

    /// Compares what a character is worth on average.
    fn is_as_likely_as(self, other: Worth) -> bool {
        self.sum * other.characters >= other.sum * self.characters
    }
}

fn as_utf8(text: &[u8]) -> Worth {
    let mut worth = Worth::default();
    let mut is_damaged = false;
    let mut parts = text.utf8_chunks().peekable();
    while let Some(part) = parts.next() {
        is_damaged &= part.valid().is_empty();
        add_words(&mut worth, part.valid());
        let is_last = parts.peek().is_none();
        let is_cut = is_last
            && std::str::from_utf8(part.invalid()).is_err_and(|it| it.error_len().is_none());
        // Of a character that lost its first byte, each of the others is damaged by itself.
        if !part.invalid().is_empty() && !is_cut && !is_damaged {
            worth.add(1, DAMAGED);
            is_damaged = true;
        }
    }
    worth
}

/// Letters of two bytes are usual in words. All else beyond ASCII was hardly written by accident.
fn add_words(worth: &mut Worth, text: &str) {
    let is_marked = |c: char| c.len_utf8() == 2 && c.is_alphabetic();
    for word in text.split(|c: char| !c.is_ascii_alphabetic() && !is_marked(c)) {
        let letters = word.chars().count();
        let marked = word.len() - letters;
        let is_word = marked < letters || marked >= WORD_LETTERS_MIN;
        worth.add(marked, if is_word { USUAL } else { ODD });
    }
    let others = text.chars().filter(|c| !c.is_ascii() && !is_marked(*c));
    worth.add(others.count(), USUAL);
}

/// Chinese is mostly written with the 3,755 characters that GB 2312 has first, and with its punctuation.
fn as_gb18030(text: &[u8]) -> Worth {
    let (mut worth, mut rest, mut is_in_word) = (Worth::default(), text, false);
    loop {
        let (bytes, value) = match rest {
            // The last ones are cut within a character.
            []
            | [0x81..=0xFE]
            | [0x81..=0xFE, b'0'..=b'9']
            | [0x81..=0xFE, b'0'..=b'9', 0x81..=0xFE] => return worth,
            [0..=0x7F, ..] => (1, None),
            [0x81..=0xFE, b'0'..=b'9', 0x81..=0xFE, b'0'..=b'9', ..] => (4, Some(RARE)),
            [0xA1..=0xA3 | 0xB0..=0xD7, 0xA1..=0xFE, behind @ ..] => {
                let is_in_word = is_in_word || behind.first().is_some_and(u8::is_ascii_alphabetic);
                (2, Some(if is_in_word { ODD } else { USUAL }))
            }
            [0x81..=0xFE, 0x40..=0x7E | 0x80..=0xFE, ..] => (2, Some(RARE)),
            [_, ..] => (1, Some(DAMAGED)),
        };
        if let Some(value) = value {
            worth.add(1, value);
        }
        is_in_word = value.is_none() && rest.first().is_some_and(u8::is_ascii_alphabetic);
        rest = rest.get(bytes..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &[u8]) -> &'static str {
        likely(text).name()
    }

    #[test]
    fn whole_text_is_told_however_short_it_is() {
        for text in [
            "女",
            "姓名",
            "王芳,深圳",
            "你好，世界",
            "价格,小一",
            "鑫淼",
            "name,gender\nWang,女\nLi,女\n",
            "阿卜杜拉·买买提,新疆",
            "姓名,城市\n王芳,深圳\n",
        ] {
            assert_eq!(name(text.as_bytes()), "UTF-8", "{text}");
            assert_eq!(name(&GB18030.encode(text).0), "gb18030", "{text}");
            let long = format!("{text}\n").repeat(1_000);
            assert_eq!(name(long.as_bytes()), "UTF-8", "{text}");
            assert_eq!(name(&GB18030.encode(&long).0), "gb18030", "{text}");
        }
    }

    #[test]
    fn other_languages_are_utf_8() {
        for text in [
            "",
            "name,mobile\n",
            "José,Zoë,Åsa",
            "São Paulo é a cidade à",
            "Ñandú",
            "Иван Петров",
            "нет",
            "Ελλάδα",
            "25 °C,£20",
            "naïve “quotes” – 😀",
        ] {
            assert_eq!(name(text.as_bytes()), "UTF-8", "{text}");
        }
    }

    #[test]
    fn a_damaged_byte_is_no_other_encoding() {
        let text = "name,remark\n王芳,来自门店\n李雷,电话\n诸葛亮,\n";
        let gb18030 = GB18030.encode(text).0.into_owned();
        for (bytes, expected) in [(text.as_bytes(), "UTF-8"), (&gb18030[..], "gb18030")] {
            let places = bytes.iter().enumerate().filter(|(_, byte)| !byte.is_ascii());
            for (place, _) in places {
                for damage in [&b""[..], b"?", b"\xFF"] {
                    let damaged = [&bytes[..place], damage, &bytes[place + 1..]].concat();
                    assert_eq!(name(&damaged), expected, "{place} {damage:?}");
                }
            }
        }
    }

    #[test]
    fn a_character_that_is_cut_at_the_end_is_not_damaged() {
        let gb18030 = GB18030.encode("王芳𠮷").0;
        for end in 1..gb18030.len() {
            let is_told = end > 1;
            assert_eq!(name(&gb18030[..end]) == "gb18030", is_told, "{end}");
        }
        for end in 1.."王芳𠮷".len() {
            assert_eq!(name(&"王芳𠮷".as_bytes()[..end]), "UTF-8", "{end}");
        }
    }
}
