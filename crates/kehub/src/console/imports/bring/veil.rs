//! Mobiles and e-mails wherever they stand in a file: in a column that nobody takes for one, or in what is
//! wrong with a row.

use crate::console::show::{Contacts, Shower};

/// Digits from which on text may be a number that somebody is called by.
const DIGITS: usize = 7;

/// Masks contacts, where these are not shown in full.
#[derive(Clone, Copy, Debug)]
pub(super) struct Veil<'a>(pub(super) Shower<'a>);

impl Veil<'_> {
    /// What is known to be a contact.
    pub(super) fn contact(self, text: &str) -> String {
        let kind = if text.contains('@') { "email" } else { "mobile" };
        self.0.identity(kind, text)
    }

    /// Text that may be one.
    pub(super) fn text(self, text: &str) -> String {
        if self.0.contacts == Contacts::Full || !may_be_contact(text) {
            return text.to_owned();
        }
        self.contact(text)
    }

    /// A sentence that may quote some.
    pub(super) fn sentence(self, text: &str) -> String {
        if self.0.contacts == Contacts::Full {
            return text.to_owned();
        }
        let quoted = text.split('`').enumerate().map(|(place, part)| {
            let is_contact = place % 2 == 1 && (part.contains('@') || digits(part) >= DIGITS);
            if is_contact { self.contact(part) } else { part.to_owned() }
        });
        quoted.collect::<Vec<_>>().join("`")
    }
}

fn digits(text: &str) -> usize {
    text.chars().filter(char::is_ascii_digit).count()
}

fn may_be_contact(text: &str) -> bool {
    let text = text.trim();
    if text.contains('@') {
        return true;
    }
    let is_dialled = text.chars().all(|c| c.is_ascii_digit() || " +-()".contains(c));
    let local: String = text.chars().filter(char::is_ascii_digit).collect();
    let local = local.strip_prefix("86").unwrap_or(&local);
    let is_mobile = local.len() == 11 && local.starts_with('1');
    is_dialled && (is_mobile || (text.starts_with('+') && digits(text) >= DIGITS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::look::Look;
    use crate::console::words::Language;

    #[test]
    fn contacts_are_masked_wherever_they_stand() {
        let here = String::new();
        let look = Look { language: Language::En, theme: None, offset_seconds: 0, here };
        let masked = Veil(Shower { look: &look, contacts: Contacts::Masked });
        for (text, expected) in [
            ("13800000001", "138****0001"),
            ("+86 138-0000-0001", "+86****0001"),
            ("wang@x.com", "w****@x.com"),
            ("2024-03-05 12:30", "2024-03-05 12:30"),
            ("VIP-88001234", "VIP-88001234"),
            ("6222021234567890", "6222021234567890"),
        ] {
            assert_eq!(masked.text(text), expected);
        }
        assert_eq!(masked.contact("1391111000"), "139****1000");
        let sentence =
            "手机: expected a mobile, found text `1391111000`; 生日: found text `3/5/90`";
        assert_eq!(masked.sentence(sentence), sentence.replace("1391111000", "139****1000"));
        let full = Veil(Shower { look: &look, contacts: Contacts::Full });
        assert_eq!(full.text("13800000001"), "13800000001");
        assert_eq!(full.sentence(sentence), sentence);
    }
}
