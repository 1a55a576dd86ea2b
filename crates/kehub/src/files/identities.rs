//! Identities in the cells of a row: one or several of a type, a list of them, or parts of one.

use super::cells::parted;
use super::labels::Part;
use super::mapping::Mapping;
use super::rows::Row;
use crate::wire::json::Json;
use crate::wire::values;
use kehub_core::attribute::FieldProblem;
use kehub_core::canonical::is_blank;
use kehub_core::command::IdentitySent;
use kehub_core::limits::{
    IDENTITY_NAME_CHARS_MAX, IDENTITY_TYPE_CHARS_MAX, IDENTITY_VALUE_CHARS_MAX,
};
use kehub_core::misfit::{Expected, Found};
use std::borrow::Cow;

/// The values of identities of one type in a cell. A list has one in each item, a text several if it
/// `holds_several`.
pub(super) fn values<'c>(
    cell: &'c Json<'static>,
    holds_several: bool,
) -> Vec<Cow<'c, Json<'static>>> {
    match cell {
        Json::Array(items) => items.iter().map(Cow::Borrowed).collect(),
        Json::Text(text) if holds_several => {
            let values = parted(text).into_iter().filter(|value| !is_blank(value));
            values.map(|value| Cow::Owned(Json::Text(Cow::Owned(value)))).collect()
        }
        Json::Null
        | Json::Flag(_)
        | Json::Integer(_)
        | Json::Large(_)
        | Json::Real(_)
        | Json::Text(_)
        | Json::Object(_) => vec![Cow::Borrowed(cell)],
    }
}

/// Identities of any type, as `/api` answers them. What else it says of them is the hub's.
pub(super) fn listed(cell: &Json<'static>) -> Result<Vec<IdentitySent>, FieldProblem> {
    let unfit = |found: Found| FieldProblem::new(Expected::IdentityList, found);
    let Json::Array(items) = cell else { return Err(unfit(cell.kind())) };
    let identity = |item: &Json<'static>| {
        let Json::Object(object) = item else { return Err(unfit(item.kind())) };
        let identity = of_parts(|part| object.get(part.member()).unwrap_or(&Json::Null));
        identity.map_err(|(_, problem)| problem)?.ok_or_else(|| unfit(Found::ObjectWithout))
    };
    items.iter().map(identity).collect()
}

/// The identity of which a row has the parts; or which column does not fit.
pub(super) fn of_row<'r>(
    mapping: &Mapping,
    row: &'r Row,
    opened: impl Fn(&'r Json<'static>) -> Result<Cow<'r, Json<'static>>, FieldProblem>,
) -> Result<Option<IdentitySent>, (Option<usize>, FieldProblem)> {
    let mut cells = [const { Cow::Borrowed(&Json::Null) }; Part::ALL.len()];
    for (cell, part) in cells.iter_mut().zip(Part::ALL) {
        let Some(place) = mapping.place_of(part) else { continue };
        *cell = opened(row.cell(place)).map_err(|problem| (Some(place), problem))?;
    }
    let [kind, value, name, scope] = &cells;
    let identity = of_parts(|part| match part {
        Part::Type => kind,
        Part::Value => value,
        Part::Name => name,
        Part::Scope => scope,
    });
    identity.map_err(|(part, problem)| (mapping.place_of(part), problem))
}

/// An identity of its parts; `None` if neither a type nor a value is there.
fn of_parts<'j>(
    part: impl Fn(Part) -> &'j Json<'static>,
) -> Result<Option<IdentitySent>, (Part, FieldProblem)> {
    let text =
        |of: Part, chars_max| values::text(part(of), chars_max).map_err(|problem| (of, problem));
    let kind = text(Part::Type, IDENTITY_TYPE_CHARS_MAX)?;
    let value = text(Part::Value, IDENTITY_VALUE_CHARS_MAX)?;
    let name = text(Part::Name, IDENTITY_NAME_CHARS_MAX)?;
    let scope = text(Part::Scope, IDENTITY_VALUE_CHARS_MAX)?;
    let missing = |of| Err((of, FieldProblem::new(Expected::IdentityParts, Found::OnePart)));
    match (is_blank(&kind), is_blank(&value)) {
        (true, true) => Ok(None),
        (true, false) => missing(Part::Type),
        (false, true) => missing(Part::Value),
        (false, false) => {
            let given = |text: String| Some(text).filter(|text| !is_blank(text));
            Ok(Some(IdentitySent { kind, value, name: given(name), scope: given(scope) }))
        }
    }
}
