//! The code that the first user is made with: `serve` prints it, so that nobody else on the network
//! can take the hub.

use crate::credentials::secret_hash;
use std::fmt;
use subtle::ConstantTimeEq as _;

/// Letters and digits that are not taken for each other.
const ALPHABET: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
/// Characters of a code: 60 bits.
const CHARS: usize = 12;

/// A code, written in groups of four.
#[derive(Clone, PartialEq, Eq)]
pub struct FirstCode(Box<str>);

impl FirstCode {
    /// A new one.
    pub fn draw() -> Result<FirstCode, getrandom::Error> {
        let mut bytes = [0; CHARS];
        getrandom::fill(&mut bytes)?;
        let mut code = String::new();
        for (place, byte) in bytes.into_iter().enumerate() {
            if place > 0 && place % 4 == 0 {
                code.push('-');
            }
            let letter = ALPHABET.get(usize::from(byte % 32)).copied().unwrap_or(b'2');
            code.push(char::from(letter));
        }
        Ok(FirstCode(code.into()))
    }

    /// As people read it.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Whether somebody typed this code, in any case and with any blanks and dashes; in a time that
    /// does not depend on where it differs.
    pub(crate) fn is(&self, typed: &str) -> bool {
        secret_hash(&plain(typed)).ct_eq(&secret_hash(&plain(&self.0))).into()
    }
}

impl fmt::Debug for FirstCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FirstCode")
    }
}

fn plain(text: &str) -> String {
    let letters = text.chars().filter(char::is_ascii_alphanumeric).take(2 * CHARS);
    letters.map(|c| c.to_ascii_uppercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_typed_in_any_case_and_grouping() {
        let code = FirstCode::draw().unwrap();
        assert_eq!(code.text().len(), 14);
        assert_ne!(code, FirstCode::draw().unwrap());
        assert!(!format!("{code:?}").contains(code.text()));
        let text = code.text();
        for typed in [text, &text.to_lowercase(), &text.replace('-', " "), &text.replace('-', "")] {
            assert!(code.is(typed), "{typed}");
        }
        for typed in ["", "-", &text[1..], &format!("{text}2"), &text.replace('-', "2")] {
            assert!(!code.is(typed), "{typed}");
        }
    }
}
