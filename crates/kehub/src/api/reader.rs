//! Bodies of `/api`: every member is known or told, by a JSON pointer; all problems at once.

use super::problem::{Code, ItemError, Place, Problem};
use crate::wire::json::{Json, Object, shortened};
use crate::wire::{time, values};
use kehub_core::Micros;
use kehub_core::attribute::{self, Access, Attribute, FieldKey, FieldProblem, Kind, Value};
use kehub_core::command::{FieldsSent, IdentitySent};
use kehub_core::limits::{
    IDENTITY_NAME_CHARS_MAX, IDENTITY_TYPE_CHARS_MAX, IDENTITY_VALUE_CHARS_MAX,
};
use kehub_core::policy::OnConflict;
use std::fmt::Display;
use std::ops::RangeInclusive;

/// Characters in a `scope`: as many as in an identity, which it may be made of.
const SCOPE_CHARS_MAX: usize = IDENTITY_VALUE_CHARS_MAX;

/// What `null` and an empty text mean for a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Empty {
    /// Nothing: the field was not given. An upsert clears by `unset` only.
    NotGiven,
    /// The field is to be cleared.
    Clears,
}

/// Reads a body, and remembers what does not fit.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    errors: Vec<ItemError>,
}

impl Reader {
    /// Refuses the body if anything did not fit.
    pub(crate) fn end(self) -> Result<(), Problem> {
        if self.errors.is_empty() {
            return Ok(());
        }
        Err(Problem::errors(Code::FieldsInvalid, self.errors))
    }

    /// The object at a place; no members at all if it is something else.
    pub(crate) fn object<'b, 'a>(
        &mut self,
        place: &str,
        json: &'b Json<'a>,
    ) -> Option<&'b Object<'a>> {
        if let Json::Object(object) = json {
            return Some(object);
        }
        self.unfit(place, "an object", json.found());
        None
    }

    /// Tells of members that have no meaning here.
    pub(crate) fn known(&mut self, place: &str, object: &Object<'_>, known: &[&str]) {
        for (key, _) in object.iter().filter(|(key, _)| !known.contains(key)) {
            let place = Place::Pointer(below(place, key));
            self.errors.push(ItemError::unknown(place, &known.join(", ")));
        }
    }

    /// The fields of a customer object: attributes, `attr` and `unset`.
    pub(crate) fn fields(
        &mut self,
        place: &str,
        object: &Object<'_>,
        empty: Empty,
        custom_max: usize,
    ) -> FieldsSent {
        let mut sent = FieldsSent { custom_max, ..FieldsSent::default() };
        for (key, json) in object.iter() {
            let place = below(place, key);
            match (key, Attribute::named(key)) {
                ("attr", _) => self.custom(&place, json, empty, &mut sent),
                ("unset", _) => (),
                (_, Some(attribute)) => self.builtin(&place, attribute, json, empty, &mut sent),
                (_, None) => {
                    let known = "the attributes of a customer, `attr` and `unset`";
                    self.errors.push(ItemError::unknown(Place::Pointer(place), known));
                }
            }
        }
        // What is cleared is known last: it must not be given as well.
        if let Some(json) = object.get("unset") {
            self.unset(&below(place, "unset"), json, &mut sent);
        }
        sent
    }

    fn builtin(
        &mut self,
        place: &str,
        attribute: Attribute,
        json: &Json<'_>,
        empty: Empty,
        sent: &mut FieldsSent,
    ) {
        if attribute.access() == Access::Derived {
            return self.errors.push(ItemError::read_only(Place::Pointer(place.to_owned())));
        }
        let value = match values::builtin(attribute, json) {
            Ok(value) => value,
            Err(problem) => return self.problem(place, &problem),
        };
        match (attribute.access(), value) {
            (Access::PartOf(Attribute::Mobile), Some(Value::Flag(flag))) => {
                sent.mobile_verified = Some(flag);
            }
            (Access::PartOf(_), Some(Value::Flag(flag))) => sent.email_verified = Some(flag),
            (Access::Written, None) if empty == Empty::NotGiven => (),
            (Access::Written, value) => {
                sent.values.insert(FieldKey::Builtin(attribute), value);
            }
            (Access::PartOf(_) | Access::Derived, _) => (),
        }
    }

    fn custom(&mut self, place: &str, json: &Json<'_>, empty: Empty, sent: &mut FieldsSent) {
        if *json == Json::Null && empty == Empty::NotGiven {
            return;
        }
        let Some(object) = self.object(place, json) else { return };
        if object.len() > sent.custom_max {
            let expected = format!("at most {} custom attributes", sent.custom_max);
            return self.unfit(place, expected, &object.len().to_string());
        }
        for (name, json) in object.iter() {
            let read = values::custom_key(name).and_then(|key| Ok((key, values::custom(json)?)));
            match read {
                Ok((_, None)) if empty == Empty::NotGiven => (),
                Ok((key, value)) => {
                    sent.values.insert(key, value);
                }
                Err(problem) => self.problem(&below(place, name), &problem),
            }
        }
    }

    /// Names of fields to be cleared: `name`, `attr.size`, or `attr` for all custom ones that are
    /// not given.
    fn unset(&mut self, place: &str, json: &Json<'_>, sent: &mut FieldsSent) {
        let Some(names) = self.array(place, json) else { return };
        for (at, json) in names.iter().enumerate() {
            let place = format!("{place}/{at}");
            let Json::Text(name) = json else {
                self.unfit(&place, "the name of a field", json.found());
                continue;
            };
            if name == "attr" {
                sent.clears_custom = true;
                continue;
            }
            let written = Attribute::named(name).filter(|it| it.access() == Access::Written);
            let custom = || FieldKey::custom(name.strip_prefix("attr.")?);
            let Some(key) = written.map(FieldKey::Builtin).or_else(custom) else {
                let expected = "the name of a field that can be cleared, such as `city` or \
                                `attr.size`";
                self.unfit(&place, expected, "another name");
                continue;
            };
            if sent.values.insert(key, None).is_some() {
                let detail = "the field is given and cleared, or cleared twice";
                self.errors.push(ItemError::repeated(Place::Pointer(place), detail));
            }
        }
    }

    /// A list of identities.
    pub(crate) fn identities(&mut self, place: &str, json: &Json<'_>) -> Vec<IdentitySent> {
        let Some(items) = self.array(place, json) else { return Vec::new() };
        let items = items.iter().enumerate();
        items
            .filter_map(|(at, json)| {
                let place = format!("{place}/{at}");
                let object = self.object(&place, json)?;
                self.known(&place, object, &["type", "value", "name", "scope"]);
                Some(self.identity(&place, object))
            })
            .collect()
    }

    /// One identity. Its type and value may be empty: then it comes out as `invalid`, like any
    /// other value that stands for nobody.
    pub(crate) fn identity(&mut self, place: &str, object: &Object<'_>) -> IdentitySent {
        let mut part = |key: &str, chars_max: usize, required: bool| {
            let place = below(place, key);
            let Some(json) = object.get(key) else {
                if required {
                    self.missing(&place, "text");
                }
                return String::new();
            };
            values::text(json, chars_max).unwrap_or_else(|problem| {
                self.problem(&place, &problem);
                String::new()
            })
        };
        let kind = part("type", IDENTITY_TYPE_CHARS_MAX, true);
        let value = part("value", IDENTITY_VALUE_CHARS_MAX, true);
        let name = part("name", IDENTITY_NAME_CHARS_MAX, false);
        let scope = part("scope", SCOPE_CHARS_MAX, false);
        let given = |text: String| Some(text).filter(|text| !text.is_empty());
        IdentitySent { kind, value, name: given(name), scope: given(scope) }
    }

    /// `onConflict`; `null` means the tenant's setting.
    pub(crate) fn on_conflict(&mut self, object: &Object<'_>) -> Option<OnConflict> {
        let text = self.optional_text("/onConflict", object.get("onConflict")?, usize::MAX)?;
        let choice = OnConflict::named(&text);
        if choice.is_none() {
            self.unfit("/onConflict", "merge, keep or reject", "other text");
        }
        choice
    }

    /// One of a few words; `expected` tells people which.
    pub(crate) fn choice<T>(
        &mut self,
        place: &str,
        json: &Json<'_>,
        expected: &str,
        named: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let Json::Text(text) = json else {
            self.unfit(place, expected, json.found());
            return None;
        };
        let choice = named(text.trim());
        if choice.is_none() {
            self.unfit(place, expected, "other text");
        }
        choice
    }

    /// A whole number in a range.
    pub(crate) fn number<T: TryFrom<i64> + PartialOrd + Display>(
        &mut self,
        place: &str,
        json: &Json<'_>,
        range: RangeInclusive<T>,
    ) -> Option<T> {
        let read = attribute::parse(Kind::Integer, json.raw(&mut String::new()), &|_| None);
        let number = match read {
            Ok(Some(Value::Integer(number))) => T::try_from(number).ok(),
            Ok(_) | Err(_) => None,
        };
        let number = number.filter(|number| range.contains(number));
        if number.is_none() {
            let expected = format!("a whole number from {} to {}", range.start(), range.end());
            let found = if matches!(read, Ok(Some(_))) { "another one" } else { json.found() };
            self.unfit(place, expected, found);
        }
        number
    }

    /// A list of texts, or of numbers as text.
    pub(crate) fn texts(&mut self, place: &str, json: &Json<'_>) -> Option<Vec<String>> {
        let items = self.array(place, json)?.iter().enumerate();
        let read = items.map(|(at, json)| {
            let text = values::text(json, IDENTITY_VALUE_CHARS_MAX);
            text.map_err(|problem| self.problem(&format!("{place}/{at}"), &problem)).ok()
        });
        let read: Vec<Option<String>> = read.collect();
        read.into_iter().collect()
    }

    /// A moment; `null` means none.
    pub(crate) fn moment(&mut self, place: &str, json: &Json<'_>) -> Option<Micros> {
        let moment = match json {
            Json::Null => return None,
            Json::Text(text) => time::parse(text.trim()),
            Json::Flag(_)
            | Json::Integer(_)
            | Json::Large(_)
            | Json::Real(_)
            | Json::Array(_)
            | Json::Object(_) => None,
        };
        if moment.is_none() {
            self.unfit(place, time::EXPECTED, json.found());
        }
        moment
    }

    /// Text that must be there and say something.
    pub(crate) fn required_text(
        &mut self,
        object: &Object<'_>,
        key: &str,
        chars_max: usize,
    ) -> String {
        let place = below("", key);
        let before = self.errors.len();
        let json = object.get(key).unwrap_or(&Json::Null);
        let text = self.optional_text(&place, json, chars_max);
        if text.is_none() && self.errors.len() == before {
            self.missing(&place, "text");
        }
        text.unwrap_or_default()
    }

    /// Trimmed text; `null` and empty text are none.
    pub(crate) fn optional_text(
        &mut self,
        place: &str,
        json: &Json<'_>,
        chars_max: usize,
    ) -> Option<String> {
        match json {
            Json::Null => None,
            Json::Text(_) => match values::text(json, chars_max) {
                Ok(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
                Err(problem) => {
                    self.problem(place, &problem);
                    None
                }
            },
            Json::Flag(_)
            | Json::Integer(_)
            | Json::Large(_)
            | Json::Real(_)
            | Json::Array(_)
            | Json::Object(_) => {
                self.unfit(place, "text", json.found());
                None
            }
        }
    }

    /// A whole number that is at least so large.
    pub(crate) fn whole_number(
        &mut self,
        object: &Object<'_>,
        key: &str,
        least: i64,
    ) -> Option<i64> {
        let json = object.get(key)?;
        if let Json::Integer(number) = json
            && *number >= least
        {
            return Some(*number);
        }
        self.unfit(&below("", key), format!("a whole number from {least}"), json.found());
        None
    }

    /// The list at a place.
    pub(crate) fn array<'b, 'a>(
        &mut self,
        place: &str,
        json: &'b Json<'a>,
    ) -> Option<&'b [Json<'a>]> {
        if let Json::Array(items) = json {
            return Some(items);
        }
        self.unfit(place, "an array", json.found());
        None
    }

    /// An id: a whole number from 1.
    pub(crate) fn id(&mut self, place: &str, json: &Json<'_>) -> Option<i64> {
        if let Json::Integer(id) = json
            && *id > 0
        {
            return Some(*id);
        }
        let found = if let Json::Integer(_) = json { "another one" } else { json.found() };
        self.unfit(place, "a whole number from 1", found);
        None
    }

    /// Ids; those that fit, in order.
    pub(crate) fn ids(&mut self, place: &str, items: &[Json<'_>]) -> Vec<i64> {
        let items = items.iter().enumerate();
        items.filter_map(|(at, json)| self.id(&format!("{place}/{at}"), json)).collect()
    }

    /// Remembers that something is missing.
    pub(crate) fn missing(&mut self, place: &str, expected: &str) {
        self.errors.push(ItemError::missing(Place::Pointer(place.to_owned()), expected));
    }

    /// Remembers that something is there and does not fit.
    pub(crate) fn unfit(&mut self, place: &str, expected: impl Display, found: &str) {
        let problem = FieldProblem::new(expected.to_string(), found);
        self.problem(place, &problem);
    }

    fn problem(&mut self, place: &str, problem: &FieldProblem) {
        self.errors.push(ItemError::invalid(Place::Pointer(place.to_owned()), problem));
    }
}

/// The pointer to a member (RFC 6901).
pub(crate) fn below(place: &str, key: &str) -> String {
    format!("{place}/{}", shortened(key).replace('~', "~0").replace('/', "~1"))
}
