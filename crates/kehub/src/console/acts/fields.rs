//! The fields of the form that edits a customer: what they hold, and what somebody made of them.
//!
//! Beside each value its form keeps what it was when it was shown. What was left alone is not sent on: it
//! neither overwrites what somebody else has written meanwhile, nor a mobile with its mask.

use super::words::Words;
use crate::console::entry::form::Form;
use crate::console::show::{Contacts, Shower, moment};
use crate::console::words::fill;
use crate::wire::json::Json;
use crate::wire::{time, values};
use kehub_core::attribute::{Access, Attribute, FieldKey, Kind, Value};
use kehub_core::command::FieldsSent;
use kehub_core::customer::Customer;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// What the name of a field begins with,
pub(super) const TYPED: &str = "f.";
/// that of what it was,
pub(super) const WAS: &str = "w.";
/// and that of a box which clears it.
pub(super) const CLEAR: &str = "c.";
/// The name of a custom attribute that is new.
pub(super) const NEW_KEY: &str = "newKey";
/// Its value.
pub(super) const NEW_VALUE: &str = "newValue";

/// What a field of the form is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    Written(Attribute),
    /// The flag of the mobile or the e-mail.
    Verified(Attribute),
    Custom(Box<str>),
}

/// A field of the form.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) subject: Subject,
    /// What it is called in the form: that of the attribute, `attr.size`.
    pub(super) name: String,
    /// What it holds, as the form writes it; empty if nothing.
    pub(super) now: String,
    /// What stands for it where it is not shown.
    pub(super) mask: Option<String>,
}

impl Line {
    /// What it takes.
    pub(super) fn kind(&self) -> Kind {
        match &self.subject {
            Subject::Written(attribute) | Subject::Verified(attribute) => attribute.kind(),
            Subject::Custom(_) => Attribute::Name.kind(),
        }
    }

    pub(super) fn is_custom(&self) -> bool {
        matches!(self.subject, Subject::Custom(_))
    }

    /// What somebody typed into it, in this form; what it holds if nobody did.
    pub(super) fn typed<'a>(&'a self, sent: &'a Form) -> &'a str {
        let otherwise = if self.mask.is_some() { "" } else { &self.now };
        sent.given(&format!("{TYPED}{}", self.name)).unwrap_or(otherwise)
    }

    pub(super) fn is_cleared(&self, sent: &Form) -> bool {
        sent.given(&format!("{CLEAR}{}", self.name)).is_some()
    }
}

/// The fields that a customer has or may have, in the order of an answer.
pub(super) fn lines(customer: &Customer, shower: Shower<'_>) -> Vec<Line> {
    let builtin = Attribute::ALL.iter().filter_map(|attribute| {
        let subject = match attribute.access() {
            Access::Written => Subject::Written(*attribute),
            Access::PartOf(_) => Subject::Verified(*attribute),
            Access::Derived => return None,
        };
        let value = match subject {
            Subject::Written(attribute) => customer.fold.attribute(attribute).cloned(),
            Subject::Verified(_) | Subject::Custom(_) => customer.shown(*attribute),
        };
        let now = value.as_ref().map(|it| written(it, *attribute, shower)).unwrap_or_default();
        let is_contact = matches!(attribute, Attribute::Mobile | Attribute::Email);
        let is_masked = is_contact && shower.contacts == Contacts::Masked && !now.is_empty();
        let key = FieldKey::Builtin(*attribute);
        let mask = value.filter(|_| is_masked).map(|value| shower.field(&key, &value));
        Some(Line { subject, name: attribute.name().to_owned(), now, mask })
    });
    let custom = customer.fold.custom().map(|(key, value)| Line {
        subject: Subject::Custom(key.into()),
        name: format!("attr.{key}"),
        now: written(value, Attribute::Name, shower),
        mask: None,
    });
    builtin.chain(custom).collect()
}

/// A value as the form writes it.
fn written(value: &Value, attribute: Attribute, shower: Shower<'_>) -> String {
    match value {
        Value::Integer(at) if attribute.kind() == Kind::Time => {
            moment(*at, shower.look.offset_seconds).replace(' ', "T")
        }
        Value::Text(text) => text.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Decimal(number) => number.get().to_string(),
        Value::Flag(flag) => flag.to_string(),
    }
}

/// What is to be changed, and what is wrong beside which field.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) fields: FieldsSent,
    pub(super) wrong: BTreeMap<String, String>,
}

/// Reads a form against the customer as it stands.
pub(super) fn read(
    sent: &Form,
    customer: &Customer,
    shower: Shower<'_>,
    custom_max: usize,
    words: &Words,
) -> Read {
    let fields = FieldsSent { custom_max, ..FieldsSent::default() };
    let mut read = Read { fields, wrong: BTreeMap::new() };
    let lines = lines(customer, shower);
    for line in &lines {
        match changed(line, sent, words) {
            Ok(None) => (),
            Ok(Some(typed)) => read.take(line, &typed, customer, shower, words),
            Err(wrong) => {
                read.wrong.insert(line.name.clone(), wrong);
            }
        }
    }
    read.take_new(sent, &lines, words);
    read
}

/// What somebody made of a field, if anything.
fn changed(line: &Line, sent: &Form, words: &Words) -> Result<Option<String>, String> {
    let Some(typed) = sent.given(&format!("{TYPED}{}", line.name)) else { return Ok(None) };
    let typed = typed.replace("\r\n", "\n").trim().to_owned();
    if line.mask.is_some() {
        if line.is_cleared(sent) {
            return Ok(Some(String::new()));
        }
        return Ok(Some(typed).filter(|typed| !typed.is_empty()));
    }
    let was = sent.given(&format!("{WAS}{}", line.name)).unwrap_or_default();
    let was = was.replace("\r\n", "\n").trim().to_owned();
    let now = line.now.trim();
    if typed == was || typed == now {
        return Ok(None);
    }
    if was != now {
        let now = if now.is_empty() { words.nothing } else { now };
        return Err(fill(words.edit_meanwhile, &[now]));
    }
    Ok(Some(typed))
}

impl Read {
    fn take(
        &mut self,
        line: &Line,
        typed: &str,
        customer: &Customer,
        shower: Shower<'_>,
        words: &Words,
    ) {
        let wrong = match &line.subject {
            Subject::Custom(key) => {
                let key = FieldKey::Custom(key.clone());
                let json = like(customer.fold.value(&key), typed);
                values::custom(&json).map(|value| drop(self.fields.values.insert(key, value)))
            }
            Subject::Written(attribute) => {
                let text = utc(*attribute, typed, shower.look.offset_seconds);
                let read = values::builtin(*attribute, &Json::Text(text));
                let key = FieldKey::Builtin(*attribute);
                read.map(|value| drop(self.fields.values.insert(key, value)))
            }
            Subject::Verified(attribute) => {
                let read = values::builtin(*attribute, &Json::Text(Cow::Borrowed(typed)));
                read.map(|value| {
                    let flag = Some(value == Some(Value::Flag(true)));
                    if *attribute == Attribute::MobileVerified {
                        self.fields.mobile_verified = flag;
                    } else {
                        self.fields.email_verified = flag;
                    }
                })
            }
        };
        if wrong.is_err() {
            self.wrong.insert(line.name.clone(), expected(line.kind(), words));
        }
    }

    fn take_new(&mut self, sent: &Form, lines: &[Line], words: &Words) {
        let (name, value) = (sent.field(NEW_KEY).trim(), sent.field(NEW_VALUE).trim());
        if name.is_empty() && value.is_empty() {
            return;
        }
        let is_known = lines.iter().any(|line| line.name == format!("attr.{name}"));
        let read = values::custom_key(name).ok();
        let wrong = match read {
            None => Some(words.edit_key_unfit.to_owned()),
            Some(_) if is_known => Some(words.edit_key_taken.to_owned()),
            Some(key) => match values::custom(&Json::Text(Cow::Borrowed(value))) {
                Ok(value) => {
                    self.fields.values.insert(key, value);
                    None
                }
                Err(_) => Some(expected(Attribute::Name.kind(), words)),
            },
        };
        if let Some(wrong) = wrong {
            self.wrong.insert(NEW_KEY.to_owned(), wrong);
        }
    }
}

/// A custom value of the kind that it had, as far as what was typed is of that.
fn like<'a>(before: Option<&Value>, typed: &'a str) -> Json<'a> {
    let text = || Json::Text(Cow::Borrowed(typed));
    match before {
        Some(Value::Integer(_) | Value::Decimal(_)) => {
            let whole = typed.parse().map(Json::Integer);
            let real = || typed.parse::<f64>().ok().filter(|real| real.is_finite()).map(Json::Real);
            whole.ok().or_else(real).unwrap_or_else(text)
        }
        Some(Value::Flag(_)) => typed.parse().map_or_else(|_| text(), Json::Flag),
        Some(Value::Text(_)) | None => text(),
    }
}

/// What was typed; a moment in the time of whoever typed it becomes one of UTC.
fn utc(attribute: Attribute, typed: &str, offset_seconds: i32) -> Cow<'_, str> {
    if attribute.kind() != Kind::Time {
        return Cow::Borrowed(typed);
    }
    let whole = if typed.len() == 16 { format!("{typed}:00Z") } else { format!("{typed}Z") };
    let shift = i64::from(offset_seconds).saturating_mul(1_000_000);
    let at = time::parse(&whole).and_then(|at| time::precise(at.saturating_sub(shift)));
    at.map_or(Cow::Borrowed(typed), Cow::Owned)
}

/// What a field takes, for people.
pub(in crate::console) fn expected(kind: Kind, words: &Words) -> String {
    match kind {
        Kind::Text(chars_max) => fill(words.unfit_length, &[&chars_max.to_string()]),
        Kind::Integer => words.unfit_integer.to_owned(),
        Kind::Decimal => words.unfit_decimal.to_owned(),
        Kind::Date => words.unfit_date.to_owned(),
        Kind::Time => words.unfit_time.to_owned(),
        Kind::Gender | Kind::Flag => words.unfit_choice.to_owned(),
    }
}
