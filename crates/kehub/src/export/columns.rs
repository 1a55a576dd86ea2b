//! The columns of a table, and what stands in the cells of a customer.

use super::options::{Field, Headings, Identities, Options};
use crate::api::customers::body::Shown;
use crate::files::cells;
use crate::files::labels::{Part, REV, REV_ZH, zh};
use kehub_core::Micros;
use kehub_core::attribute::{Attribute, FieldKey, Kind, Value};
use kehub_store::{Outline, OwnedIdentity, WholeCustomer};
use std::borrow::Cow;

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Column {
    Rev,
    Attribute(Attribute),
    Custom(FieldKey),
    /// All identities of one type.
    Identities(Box<str>),
    /// A part of the identity of a row.
    Part(Part),
}

/// What stands in a cell.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell<'a> {
    Empty,
    Text(Cow<'a, str>),
    Whole(i64),
    Real(f64),
    Flag(bool),
    Gender(i64),
    /// `yyyy-MM-dd`
    Day(&'a str),
    Moment(Micros),
}

/// The columns of a table, in order.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    in_order: Vec<Column>,
    identities: Identities,
    headings: Headings,
}

impl Columns {
    pub(super) fn new(options: &Options, outline: &Outline) -> Columns {
        let custom = || outline.custom.iter().map(|key| Column::Custom(key_of(key)));
        let mut columns = Vec::new();
        match &options.fields {
            None => {
                columns.push(Column::Attribute(Attribute::Id));
                let others = outline.attributes.iter().filter(|it| **it != Attribute::Id);
                columns.extend(others.map(|it| Column::Attribute(*it)));
                columns.extend(custom());
            }
            Some(fields) => {
                for field in &fields.in_order {
                    match field {
                        Field::Rev => columns.push(Column::Rev),
                        Field::Attribute(attribute) => columns.push(Column::Attribute(*attribute)),
                        Field::Custom(key) => columns.push(Column::Custom(key_of(key))),
                        Field::AllCustom => columns.extend(custom()),
                    }
                }
            }
        }
        match options.identities {
            Identities::Columns => {
                columns.extend(outline.types.iter().cloned().map(Column::Identities));
            }
            Identities::Rows => {
                columns.extend(Part::ALL.map(Column::Part));
            }
            Identities::None => (),
        }
        // A custom attribute may have been asked for beside all of them.
        let mut once: Vec<Column> = Vec::with_capacity(columns.len());
        for column in columns {
            if !once.contains(&column) {
                once.push(column);
            }
        }
        Columns { in_order: once, identities: options.identities, headings: options.headings }
    }

    /// What stands above them.
    pub(super) fn headings(&self) -> Vec<Cow<'_, str>> {
        let in_chinese = self.headings == Headings::Zh;
        let either = |zh, name| Cow::Borrowed(if in_chinese { zh } else { name });
        let heading = |column: &Column| match column {
            Column::Rev => either(REV_ZH, REV),
            Column::Attribute(attribute) => either(zh(*attribute), attribute.name()),
            Column::Custom(key) => Cow::Owned(key.to_string()),
            Column::Identities(kind) => Cow::Owned(format!("identity:{kind}")),
            Column::Part(part) => either(part.zh(), part.name()),
        };
        self.in_order.iter().map(heading).collect()
    }

    /// Hands on the cells of each row of a customer.
    pub(super) fn rows<E>(
        &self,
        whole: &WholeCustomer,
        mut take: impl FnMut(&mut dyn Iterator<Item = Cell<'_>>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut row = |identity: Option<&OwnedIdentity>| {
            take(&mut self.in_order.iter().map(|column| cell(column, whole, identity)))
        };
        if self.identities == Identities::Rows && !whole.identities.is_empty() {
            return whole.identities.iter().try_for_each(|identity| row(Some(identity)));
        }
        row(None)
    }

    /// A text that people read instead of a value.
    pub(super) fn word(&self, cell: &Cell<'_>) -> Option<&'static str> {
        if self.headings == Headings::Names {
            return None;
        }
        match cell {
            Cell::Flag(true) => Some("是"),
            Cell::Flag(false) => Some("否"),
            Cell::Gender(1) => Some("男"),
            Cell::Gender(2) => Some("女"),
            Cell::Gender(_) => Some("未知"),
            Cell::Empty
            | Cell::Text(_)
            | Cell::Whole(_)
            | Cell::Real(_)
            | Cell::Day(_)
            | Cell::Moment(_) => None,
        }
    }

    /// What a sheet of it is called.
    pub(super) fn sheet(&self) -> &'static str {
        match self.headings {
            Headings::Zh => "客户",
            Headings::Names => "customers",
        }
    }
}

/// The key of a custom attribute that is known to be one.
fn key_of(key: &str) -> FieldKey {
    FieldKey::Custom(key.into())
}

fn cell<'a>(
    column: &Column,
    whole: &'a WholeCustomer,
    identity: Option<&'a OwnedIdentity>,
) -> Cell<'a> {
    let customer = &whole.customer;
    let text = |text: Option<&'a str>| text.map_or(Cell::Empty, |it| Cell::Text(Cow::Borrowed(it)));
    match column {
        Column::Rev => i64::try_from(customer.rev).map_or(Cell::Empty, Cell::Whole),
        Column::Attribute(attribute) => {
            shown(attribute.kind(), Shown::in_customer(customer, *attribute))
        }
        Column::Custom(key) => customer.fold.value(key).map_or(Cell::Empty, value),
        Column::Identities(kind) => identities(whole, kind),
        Column::Part(Part::Type) => text(identity.map(|it| &*it.kind)),
        Column::Part(Part::Value) => text(identity.map(|it| &*it.identity.raw)),
        Column::Part(Part::Name) => text(identity.and_then(|it| it.identity.name.as_deref())),
        Column::Part(Part::Scope) => text(identity.and_then(|it| it.identity.scope.as_deref())),
    }
}

fn shown(kind: Kind, shown: Shown<'_>) -> Cell<'_> {
    match shown {
        Shown::Null => Cell::Empty,
        Shown::Number(number) => Cell::Whole(number),
        Shown::Flag(flag) => Cell::Flag(flag),
        Shown::Moment(at) => Cell::Moment(at),
        Shown::Value(Value::Text(day)) if kind == Kind::Date => Cell::Day(day),
        Shown::Value(Value::Integer(gender)) if kind == Kind::Gender => Cell::Gender(*gender),
        Shown::Value(shown) => value(shown),
    }
}

fn value(value: &Value) -> Cell<'_> {
    match value {
        Value::Text(text) => Cell::Text(Cow::Borrowed(text)),
        Value::Integer(number) => Cell::Whole(*number),
        Value::Decimal(number) => Cell::Real(number.get()),
        Value::Flag(flag) => Cell::Flag(*flag),
    }
}

/// The identities of one type, in the order in which they came.
fn identities<'a>(whole: &'a WholeCustomer, kind: &str) -> Cell<'a> {
    let of_kind = whole.identities.iter().filter(|it| *it.kind == *kind);
    cells::joined(of_kind.map(|it| &*it.identity.raw)).map_or(Cell::Empty, Cell::Text)
}
