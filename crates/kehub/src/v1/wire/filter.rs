//! Filters, pages, orders and selections of lists (W13 to W20).

use crate::v1::problem::FieldError;
use crate::wire::query::{NotText, Query};
use crate::wire::time;
use kehub_core::attribute::{Attribute, FieldKey};
use kehub_core::filter::{Condition, Filter, Order, Period, SortKey};
use kehub_core::{CustomerId, canonical};
use kehub_store::{PageRequest, Start};
use std::borrow::Cow;

/// Rows of a page unless asked otherwise (W14).
const ROWS_DEFAULT: u32 = 20;
/// Rows of a page at most (W14).
const ROWS_MAX: u64 = 1000;
/// Ids that one call may name. As many as a page can answer.
pub(crate) const IDS_MAX: usize = 1000;
/// The value of `stage` that stands for none.
const EMPTY: &str = "_empty";

/// Attributes that a list is filtered by as they are.
const TEXT_FILTERS: [Attribute; 4] =
    [Attribute::Stage, Attribute::Source, Attribute::Name, Attribute::ExternalId];

/// Reads the filter of a list; all of them combine with AND (W18). Unreadable ones are problems
/// (W19).
pub(crate) fn filter(query: Query<'_>) -> Result<Filter, Vec<FieldError>> {
    let mut reader = FilterReader { query, conditions: Vec::new(), problems: Vec::new() };
    for attribute in TEXT_FILTERS {
        reader.text(attribute);
    }
    reader.contacts();
    reader.gender();
    reader.ids();
    reader.periods();
    if reader.problems.is_empty() {
        Ok(Filter { conditions: reader.conditions })
    } else {
        Err(reader.problems)
    }
}

struct FilterReader<'a> {
    query: Query<'a>,
    conditions: Vec<Condition>,
    problems: Vec<FieldError>,
}

impl<'a> FilterReader<'a> {
    fn text(&mut self, attribute: Attribute) {
        let value = self.query.text(attribute.name());
        let Some(value) = self.given(attribute.name(), value) else { return };
        let is_empty = attribute == Attribute::Stage && value == EMPTY;
        self.conditions.push(if is_empty {
            Condition::Empty(attribute)
        } else {
            Condition::TextIs(attribute, value.into_owned())
        });
    }

    fn contacts(&mut self) {
        let mobile = self.query.number_to_call("mobile");
        if let Some(mobile) = self.given("mobile", mobile) {
            self.conditions.push(Condition::MobileIs(canonical::mobile(&mobile)));
        }
        let email = self.query.text("email");
        if let Some(email) = self.given("email", email) {
            // An address holds no blank: one in it was a raw plus (W36).
            let email = email.replace(' ', "+");
            self.conditions.push(Condition::EmailIs(canonical::email(&email)));
        }
    }

    fn gender(&mut self) {
        let gender = self.query.text("gender");
        let Some(gender) = self.given("gender", gender) else { return };
        match &*gender {
            "0" => self.conditions.push(Condition::GenderIs(0)),
            "1" => self.conditions.push(Condition::GenderIs(1)),
            "2" => self.conditions.push(Condition::GenderIs(2)),
            _ => self.unfit("gender", "0, 1 or 2", "other text"),
        }
    }

    fn ids(&mut self) {
        let list = self.query.text("idList");
        let Some(list) = self.given("idList", list) else { return };
        match ids(&list) {
            Ok(ids) => self.conditions.push(Condition::IdIn(ids)),
            Err(expected) => self.unfit("idList", expected, "another list"),
        }
    }

    fn periods(&mut self) {
        let created = self.period("dateCreatedFrom", &["dateCreatedTo"]);
        let updated = self.period("lastUpdatedFrom", &["lastUpdatedTo", "lastUpdateTo"]);
        self.conditions.extend(created.map(Condition::Created));
        self.conditions.extend(updated.map(Condition::Updated));
    }

    /// Both ends included, at the second that answers show (W13). `to` has several spellings
    /// (W20); the first that is given counts.
    fn period(&mut self, from: &'static str, to: &[&'static str]) -> Option<Period> {
        let from = self.moment(from).map(time::second_of);
        let to = to.iter().find_map(|to| self.moment(to));
        let before = to.map(time::second_after);
        (from.is_some() || before.is_some()).then_some(Period { from, before })
    }

    fn moment(&mut self, name: &'static str) -> Option<i64> {
        let value = self.query.moment(name);
        let value = self.given(name, value)?;
        let moment = time::parse(&value);
        if moment.is_none() {
            self.unfit(name, time::EXPECTED, "other text");
        }
        moment
    }

    fn given(
        &mut self,
        name: &'static str,
        value: Result<Option<Cow<'a, str>>, NotText>,
    ) -> Option<Cow<'a, str>> {
        value.unwrap_or_else(|NotText| {
            self.unfit(name, "text", "bytes that are no text");
            None
        })
    }

    fn unfit(&mut self, name: &'static str, expected: &str, found: &str) {
        self.problems.push(FieldError::new(name, format!("expected {expected}, found {found}")));
    }
}

/// A list of ids, separated by commas; the error says what was expected.
pub(crate) fn ids(list: &str) -> Result<Vec<CustomerId>, &'static str> {
    let parts = list.split(',').map(str::trim).filter(|part| !part.is_empty());
    let ids = parts.map(|part| part.parse().map(CustomerId));
    let ids: Vec<CustomerId> =
        ids.collect::<Result<_, _>>().map_err(|_| "numbers of customers, separated by commas")?;
    match ids.len() {
        0 => Err("numbers of customers, separated by commas"),
        1..=IDS_MAX => Ok(ids),
        _ => Err("at most 1000 numbers of customers"),
    }
}

/// Reads `rows`, `page`, `sidx` and `sord`; what is unreadable is the default (W14, W15).
pub(crate) fn page(query: Query<'_>) -> PageRequest {
    let limit = match number(query, "rows") {
        Some(rows) if rows >= 1 => u32::try_from(rows.min(ROWS_MAX)).unwrap_or(ROWS_DEFAULT),
        Some(_) | None => ROWS_DEFAULT,
    };
    let page = number(query, "page").filter(|page| *page >= 1).unwrap_or(1);
    let offset = (page - 1).saturating_mul(u64::from(limit)).min(i64::MAX.unsigned_abs());
    let named = query.text("sidx").ok().flatten().and_then(|name| SortKey::named(&name));
    let by = named.unwrap_or(SortKey::Attribute(Attribute::Id));
    let direction = query.text("sord").ok().flatten();
    let descending = direction.is_some_and(|sord| sord.eq_ignore_ascii_case("desc"));
    let (order, start) = (Order { by, descending }, Start::Offset(offset));
    PageRequest { order, start, limit, counted: true }
}

fn number(query: Query<'_>, name: &str) -> Option<u64> {
    let text = query.text(name).ok().flatten()?;
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    // A number too large to read is large all the same.
    text.parse().ok().or_else(|| is_number.then_some(u64::MAX))
}

/// Which fields of a customer an answer shows (W17).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Selection {
    /// All of them.
    All,
    /// These, in this order.
    Some(Vec<Selected>),
}

/// A selected field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Selected {
    /// A built-in attribute.
    Attribute(Attribute),
    /// The object of custom attributes, with these keys only.
    Custom(Vec<Box<str>>),
    /// The object of custom attributes.
    AllCustom,
}

impl Selection {
    /// Reads `select`; unknown names are ignored, and if none is known all are shown. `attr` and
    /// several `attr.…` are one object, where the first of them stands.
    pub(crate) fn read(query: Query<'_>) -> Selection {
        let Ok(Some(list)) = query.text("select") else { return Selection::All };
        let mut fields = Vec::new();
        for field in list.split(',').filter_map(|name| Selected::named(name.trim())) {
            let same = fields.iter_mut().find_map(|known: &mut Selected| known.joined(&field));
            if same.is_none() {
                fields.push(field);
            }
        }
        if fields.is_empty() { Selection::All } else { Selection::Some(fields) }
    }
}

impl Selected {
    fn named(name: &str) -> Option<Selected> {
        if name == "attr" {
            return Some(Selected::AllCustom);
        }
        if let Some(attribute) = Attribute::named(name) {
            return Some(Selected::Attribute(attribute));
        }
        match FieldKey::custom(name.strip_prefix("attr.")?)? {
            FieldKey::Custom(key) => Some(Selected::Custom(vec![key])),
            FieldKey::Builtin(_) => None,
        }
    }

    /// Takes another selection of the same key of the answer into this one; `None` if it is one
    /// of another key.
    fn joined(&mut self, other: &Selected) -> Option<()> {
        match (&mut *self, other) {
            (Selected::Attribute(one), Selected::Attribute(other)) => (one == other).then_some(()),
            (Selected::Custom(keys), Selected::Custom(more)) => {
                let new: Vec<_> = more.iter().filter(|key| !keys.contains(key)).cloned().collect();
                keys.extend(new);
                Some(())
            }
            (Selected::Custom(_), Selected::AllCustom) => {
                *self = Selected::AllCustom;
                Some(())
            }
            (Selected::AllCustom, Selected::Custom(_) | Selected::AllCustom) => Some(()),
            (Selected::Attribute(_), Selected::Custom(_) | Selected::AllCustom)
            | (Selected::Custom(_) | Selected::AllCustom, Selected::Attribute(_)) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(query: &str) -> Vec<Selected> {
        match Selection::read(Query::new(Some(query))) {
            Selection::All => Vec::new(),
            Selection::Some(fields) => fields,
        }
    }

    #[test]
    fn known_fields_are_selected_once_in_the_asked_order() {
        let custom =
            |keys: &[&str]| Selected::Custom(keys.iter().map(|key| Box::from(*key)).collect());
        let (id, name) = (Selected::Attribute(Attribute::Id), Selected::Attribute(Attribute::Name));
        assert_eq!(names("select=name,x,id,name"), [name, id.clone()]);
        assert_eq!(names("select=attr.b,id,attr.a,attr.b"), [custom(&["b", "a"]), id.clone()]);
        assert_eq!(names("select=attr.b,id,attr"), [Selected::AllCustom, id]);
        assert_eq!(names("select=x,attr.1"), []);
    }

    #[test]
    fn rows_and_page_fall_back_and_are_clamped() {
        let of = |query| {
            let page = page(Query::new(Some(query)));
            let Start::Offset(offset) = page.start else { panic!("{page:?}") };
            (page.limit, offset)
        };
        assert_eq!(of(""), (20, 0));
        assert_eq!(of("rows=0&page=0"), (20, 0));
        assert_eq!(of("rows=-5&page=x"), (20, 0));
        assert_eq!(of("rows=759&page=3"), (759, 1518));
        assert_eq!(of("rows=99999&page=2"), (1000, 1000));
        assert_eq!(of("rows=2&page=18446744073709551615"), (2, i64::MAX.unsigned_abs()));
        assert_eq!(of("rows=99999999999999999999&page=1"), (1000, 0));
        assert_eq!(of("rows=5&page=99999999999999999999"), (5, i64::MAX.unsigned_abs()));
    }
}
