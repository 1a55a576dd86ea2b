//! What an address says of a file that lies in the spool: which one, and that whoever looks has brought it.

use crate::api::Call;
use kehub_core::import::Content;
use subtle::ConstantTimeEq as _;

/// A file that somebody has brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ticket {
    /// What it is called in the spool.
    pub(super) name: String,
    pub(super) content: Content,
}

impl Ticket {
    /// As the addresses of the caller have it.
    pub(super) fn text(&self, call: &Call) -> String {
        let file = self.file();
        format!("{file}-{}", call.file_code(&file))
    }

    /// The file that an address names, if the caller is who has brought it.
    pub(super) fn read(call: &Call, text: &str) -> Option<Ticket> {
        let (file, code) = text.rsplit_once('-')?;
        let is_theirs: bool = call.file_code(file).as_bytes().ct_eq(code.as_bytes()).into();
        // Only what this store has written comes as far as this.
        if is_theirs { Ticket::of_file(file) } else { None }
    }

    fn file(&self) -> String {
        let Content { bytes, hash } = self.content;
        format!("{}-{bytes}-{}", self.name, hex::encode(hash))
    }

    fn of_file(file: &str) -> Option<Ticket> {
        let mut parts = file.split('-');
        let (name, bytes, text) = (parts.next()?, parts.next()?.parse().ok()?, parts.next()?);
        let mut hash = [0; 32];
        hex::decode_to_slice(text, &mut hash).ok()?;
        Some(Ticket { name: name.to_owned(), content: Content { bytes, hash } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_told_as_it_was_written() {
        let content = Content { bytes: 70_000, hash: [0xA7; 32] };
        let ticket = Ticket { name: "0f".repeat(16), content };
        assert_eq!(Ticket::of_file(&ticket.file()), Some(ticket));
        for text in ["", "a-b", "a-1-00", "a-x-00"] {
            assert_eq!(Ticket::of_file(text), None, "{text}");
        }
    }
}
