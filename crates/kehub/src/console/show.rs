//! Values as people read them: moments in their own time, contacts masked unless they were asked for.

use super::look::Look;
use super::words::Words;
use crate::wire::time;
use kehub_core::attribute::{Attribute, FieldKey, Kind, Value};
use kehub_core::customer::Customer;
use kehub_core::filter::SortKey;
use kehub_core::{Micros, canonical};
use maud::{Markup, html};

/// What stands in the place of what is not shown.
const MASK: &str = "****";

/// Whether contacts are shown in full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Contacts {
    #[default]
    Masked,
    Full,
}

/// How values are shown on one page.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shower<'a> {
    pub(super) look: &'a Look,
    pub(super) contacts: Contacts,
}

impl Shower<'_> {
    pub(super) fn words(self) -> &'static Words {
        self.look.language.words()
    }

    /// A moment to the second, in the time of whoever looks.
    pub(super) fn moment(self, at: Micros) -> String {
        moment(at, self.look.offset_seconds)
    }

    /// The same as an element that programs can read.
    pub(super) fn time(self, at: Micros) -> Markup {
        let precise = time::precise(at).unwrap_or_default();
        html! {
            time datetime=(precise) title={ (self.moment(at)) " " (zone(self.look.offset_seconds)) } {
                (self.moment(at))
            }
        }
    }

    /// The value of a field of a customer, as lists show it.
    pub(super) fn of(self, customer: &Customer, key: &SortKey) -> Option<String> {
        let value = key.of(customer)?;
        Some(match key {
            SortKey::Attribute(attribute) => self.attribute(*attribute, &value),
            SortKey::Custom(_) => self.plain(&value),
        })
    }

    /// The value of a field.
    pub(super) fn field(self, key: &FieldKey, value: &Value) -> String {
        match key {
            FieldKey::Builtin(attribute) => self.attribute(*attribute, value),
            FieldKey::Custom(_) => self.plain(value),
        }
    }

    fn attribute(self, attribute: Attribute, value: &Value) -> String {
        let words = self.words();
        match (attribute.kind(), value) {
            (Kind::Time, Value::Integer(at)) => self.moment(*at),
            (Kind::Gender, Value::Integer(1)) => words.male.to_owned(),
            (Kind::Gender, Value::Integer(2)) => words.female.to_owned(),
            (Kind::Gender, Value::Integer(_)) => words.unknown.to_owned(),
            (_, Value::Text(text)) if attribute == Attribute::Mobile => self.mobile(text),
            (_, Value::Text(text)) if attribute == Attribute::Email => self.email(text),
            (_, value) => self.plain(value),
        }
    }

    fn plain(self, value: &Value) -> String {
        match value {
            Value::Text(text) => text.to_string(),
            Value::Integer(number) => number.to_string(),
            Value::Decimal(number) => number.get().to_string(),
            Value::Flag(true) => self.words().yes.to_owned(),
            Value::Flag(false) => self.words().no.to_owned(),
        }
    }

    /// The value of an identity of a type.
    pub(super) fn identity(self, kind: &str, raw: &str) -> String {
        match &*canonical::type_key(kind) {
            "mobile" => self.mobile(raw),
            "email" => self.email(raw),
            _ => raw.to_owned(),
        }
    }

    fn mobile(self, text: &str) -> String {
        if self.contacts == Contacts::Full { text.to_owned() } else { masked_mobile(text) }
    }

    fn email(self, text: &str) -> String {
        if self.contacts == Contacts::Full { text.to_owned() } else { masked_email(text) }
    }
}

/// `138****0001`: of what is long enough to be a number three signs and four, of what is not one and
/// one.
fn masked_mobile(text: &str) -> String {
    let signs: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
    let (head, tail) = if signs.len() >= 10 { (3, 4) } else { (1, 1) };
    if signs.len() <= head + tail {
        return MASK.to_owned();
    }
    let begins = signs.iter().take(head);
    let ends = signs.iter().skip(signs.len() - tail);
    begins.copied().chain(MASK.chars()).chain(ends.copied()).collect()
}

/// `w****@x.com`.
fn masked_email(text: &str) -> String {
    match text.rsplit_once('@') {
        Some((local, host)) => {
            let first: String = local.chars().take(1).collect();
            format!("{first}{MASK}@{host}")
        }
        None => MASK.to_owned(),
    }
}

/// A moment to the second at an offset: `2026-05-04 09:02:03`.
pub(super) fn moment(at: Micros, offset_seconds: i32) -> String {
    let shift = i64::from(offset_seconds).saturating_mul(1_000_000);
    let text = time::format(at.saturating_add(shift)).unwrap_or_default();
    text.trim_end_matches('Z').replace('T', " ")
}

/// An offset for people: `UTC`, `UTC+8`, `UTC-3:30`.
pub(super) fn zone(offset_seconds: i32) -> String {
    let minutes = offset_seconds / 60;
    let (hours, rest) = (minutes.abs() / 60, minutes.abs() % 60);
    let sign = if minutes < 0 { '-' } else { '+' };
    match (hours, rest) {
        (0, 0) => "UTC".to_owned(),
        (_, 0) => format!("UTC{sign}{hours}"),
        _ => format!("UTC{sign}{hours}:{rest:02}"),
    }
}

/// A count with its thousands parted: `1,234,567`.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contacts_are_masked_so_that_people_still_tell_them_apart() {
        let mobiles = [
            ("13800000001", "138****0001"),
            ("+86 138 0000 0001", "+86****0001"),
            ("12345678", "1****8"),
            ("12", "****"),
            ("", "****"),
        ];
        for (text, expected) in mobiles {
            assert_eq!(masked_mobile(text), expected);
        }
        let emails = [
            ("wang@x.com", "w****@x.com"),
            ("王@x.cn", "王****@x.cn"),
            ("@x", "****@x"),
            ("a", "****"),
        ];
        for (text, expected) in emails {
            assert_eq!(masked_email(text), expected);
        }
    }

    #[test]
    fn moments_are_told_in_the_time_of_whoever_looks() {
        let at = 1_777_856_523_250_000;
        assert_eq!(moment(at, 0), "2026-05-04 01:02:03");
        assert_eq!(moment(at, 8 * 3600), "2026-05-04 09:02:03");
        let zones = [(0, "UTC"), (28_800, "UTC+8"), (-12_600, "UTC-3:30")];
        for (seconds, expected) in zones {
            assert_eq!(zone(seconds), expected);
        }
    }

    #[test]
    fn thousands_are_parted() {
        let cases = [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")];
        for (number, expected) in cases {
            assert_eq!(count(number), expected);
        }
    }
}
