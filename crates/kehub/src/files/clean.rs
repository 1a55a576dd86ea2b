//! Rows become upserts: values are cleaned as people write them, and then read as the wire reads
//! them. What does not fit refuses its row, with all that is wrong in it.

use super::error::NoRow;
use super::identities;
use super::mapping::{Column, Ignored, Mapping, Target};
use super::no_customer;
use super::reading::{Cells, Reading, customer_id};
use super::rows::{Row, text_of};
use super::ruled::Ruled;
use crate::wire::json::Json;
use crate::wire::values;
use kehub_core::attribute::{Attribute, FieldKey, FieldProblem, Value};
use kehub_core::canonical::{self, is_blank};
use kehub_core::command::{IdentitySent, Matching, Upsert};
use kehub_core::limits::IDENTITY_VALUE_CHARS_MAX;
use kehub_core::misfit::{Expected, Found, counted};
use kehub_core::policy::{OnConflict, Policy};
use sha2::{Digest as _, Sha256};

/// The type of the identity that is made for a row without one.
pub(crate) const ROW_TYPE: &str = "file-row";
/// Bytes of a hash that make its value.
const ROW_HASH_BYTES: usize = 16;

/// What holds for all rows of a file.
#[derive(Clone, Debug)]
pub(crate) struct CleanOptions {
    /// What the file is called, so that its rows are known again.
    pub(crate) source: String,
    /// The zone of moments that name none, as the wire writes it: `Z`, `+08:00`.
    pub(crate) zone: String,
    /// What to do on a conflict, instead of the tenant's setting.
    pub(crate) on_conflict: Option<OnConflict>,
    /// What finds a customer beside identities. Whether an id does, the mapping says.
    pub(crate) matching: Matching,
    /// How the file says what it says.
    pub(crate) cells: Cells,
}

/// What is wrong with a cell, or a row.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Misfit {
    /// It cannot be read.
    #[error(transparent)]
    Unfit(#[from] FieldProblem),
    /// It is none.
    #[error(transparent)]
    NoRow(NoRow),
    /// The rules refuse it.
    #[error(transparent)]
    Refused(Ruled),
}

/// What does not fit in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CellProblem {
    /// The column, if it is one.
    pub(crate) column: Option<usize>,
    /// What stands there.
    pub(crate) value: String,
    /// What is wrong with it.
    pub(crate) problem: Misfit,
}

/// Makes upserts of rows.
#[derive(Clone, Debug)]
pub(crate) struct Cleaner {
    options: CleanOptions,
    /// Which values never match, and so make nobody known again.
    policy: Policy,
}

impl Cleaner {
    pub(crate) fn new(options: CleanOptions, policy: Policy) -> Cleaner {
        Cleaner { options, policy }
    }

    /// The rules of the tenant, as they were when it began.
    pub(crate) fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The upsert that a row is, or all that does not fit.
    pub(crate) fn upsert(&self, mapping: &Mapping, row: &Row) -> Result<Upsert, Vec<CellProblem>> {
        let CleanOptions { on_conflict, matching, cells, .. } = self.options;
        if cells != Cells::Typed
            && let Some(row) = no_customer::seen(mapping, row)
        {
            let (value, problem) = (String::new(), Misfit::NoRow(row));
            return Err(vec![CellProblem { column: None, value, problem }]);
        }
        let mut upsert = Upsert { on_conflict, matching, ..Upsert::default() };
        let mut problems = Vec::new();
        self.read(&mut upsert, mapping, row, &mut problems);
        for further in &row.further {
            self.read_further(&mut upsert, mapping, (row, further), &mut problems);
        }
        if problems.is_empty() && says_nothing(&upsert) {
            problems.push(CellProblem {
                column: None,
                value: String::new(),
                problem: FieldProblem::new(Expected::IdentityOrField, Found::Neither).into(),
            });
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        if !self.is_known_again(&upsert) {
            upsert.record = Some(self.row_identity(mapping, row));
        }
        Ok(upsert)
    }

    /// What one cell says by itself; `None` of one in which nothing was given.
    pub(crate) fn cell(
        &self,
        mapping: &Mapping,
        column: &Column,
        cell: &Json<'static>,
    ) -> Result<Option<Upsert>, FieldProblem> {
        if is_nothing(cell) {
            return Ok(None);
        }
        let mut upsert = Upsert::default();
        self.put(&mut upsert, mapping, column, cell)?;
        Ok(Some(upsert))
    }

    fn reading(&self, mapping: &Mapping) -> Reading<'_> {
        let CleanOptions { cells, zone, .. } = &self.options;
        Reading { cells: *cells, is_export: mapping.is_export, zone }
    }

    /// Reads a row.
    fn read(
        &self,
        upsert: &mut Upsert,
        mapping: &Mapping,
        row: &Row,
        problems: &mut Vec<CellProblem>,
    ) {
        let known = mapping.columns.len();
        if row.cells.iter().skip(known).any(|cell| !is_nothing(cell)) {
            problems.push(CellProblem {
                column: None,
                value: String::new(),
                problem: FieldProblem::new(
                    Expected::Cells(counted(known)),
                    Found::Count(counted(row.cells.len())),
                )
                .into(),
            });
        }
        for (place, column) in mapping.columns.iter().enumerate() {
            let cell = row.cell(place);
            if is_nothing(cell) {
                continue;
            }
            if let Err(problem) = self.put(upsert, mapping, column, cell) {
                let (value, problem) = (text_of(cell), problem.into());
                problems.push(CellProblem { column: Some(place), value, problem });
            }
        }
        self.put_identity_of_row(upsert, mapping, row, problems);
    }

    /// Reads a further row of the same customer: its identity. What else it says is what the first one
    /// says, or nothing.
    fn read_further(
        &self,
        upsert: &mut Upsert,
        mapping: &Mapping,
        (first, further): (&Row, &Row),
        problems: &mut Vec<CellProblem>,
    ) {
        for place in 0..mapping.columns.len().max(further.cells.len()) {
            let target = mapping.columns.get(place).map(|column| &column.target);
            let (cell, before) = (further.cell(place), first.cell(place));
            let says_less = is_nothing(cell) || text_of(cell).trim() == text_of(before).trim();
            if says_less || matches!(target, Some(Target::Ignored(_) | Target::Part(_))) {
                continue;
            }
            let expected = Expected::SameAsLine(first.line);
            let problem = FieldProblem::new(expected, Found::OtherValue).into();
            problems.push(CellProblem { column: Some(place), value: text_of(cell), problem });
        }
        self.put_identity_of_row(upsert, mapping, further, problems);
    }

    fn put_identity_of_row(
        &self,
        upsert: &mut Upsert,
        mapping: &Mapping,
        row: &Row,
        problems: &mut Vec<CellProblem>,
    ) {
        let reading = self.reading(mapping);
        match identities::of_row(mapping, row, |cell| reading.exact(cell)) {
            Ok(identity) => upsert.identities.extend(identity),
            Err((column, problem)) => {
                let value = column.map_or_else(String::new, |place| text_of(row.cell(place)));
                problems.push(CellProblem { column, value, problem: problem.into() });
            }
        }
    }

    fn put(
        &self,
        upsert: &mut Upsert,
        mapping: &Mapping,
        column: &Column,
        cell: &Json<'static>,
    ) -> Result<(), FieldProblem> {
        if matches!(column.target, Target::Ignored(_) | Target::Part(_)) {
            return Ok(());
        }
        let reading = self.reading(mapping);
        let cell = reading.whole(cell)?;
        match &column.target {
            Target::Ignored(_) | Target::Part(_) => (),
            Target::Customer => upsert.matching.customer = Some(customer_id(&cell)?),
            Target::Identities => upsert.identities.extend(identities::listed(&cell)?),
            Target::Identity(kind) => {
                for value in identities::values(&cell, column.holds_several) {
                    reading.is_exact(&value)?;
                    let value = values::text(&value, IDENTITY_VALUE_CHARS_MAX)?;
                    let kind = kind.to_string();
                    upsert.identities.push(IdentitySent { kind, value, ..IdentitySent::default() });
                }
            }
            Target::Custom(key) => {
                reading.is_exact(&cell)?;
                let Some(value) = values::custom(&cell)? else { return Ok(()) };
                put_value(upsert, key.clone(), value)?;
            }
            Target::Attribute(attribute) => {
                let value = reading.builtin(*attribute, &cell)?;
                let Some(value) = value else { return Ok(()) };
                put_attribute(upsert, *attribute, value)?;
            }
        }
        Ok(())
    }

    /// Whether the same row, sent again, finds its customer whatever was sent meanwhile: a mobile or e-mail
    /// address finds a customer only for as long as that shows it.
    fn is_known_again(&self, upsert: &Upsert) -> bool {
        let matches = |identity: &IdentitySent| {
            let key = canonical::type_key(&identity.kind);
            let canonical = canonical::identity_value(&key, &identity.value);
            !canonical.is_empty() && !self.policy.is_blocked(&key, &canonical)
        };
        upsert.matching.customer.is_some() || upsert.identities.iter().any(matches)
    }

    /// An identity made of the file and of what the row says, the id that another hub gave it included.
    fn row_identity(&self, mapping: &Mapping, row: &Row) -> IdentitySent {
        let mut hash = Sha256::new();
        let mut put = |text: &str| {
            hash.update(text.len().to_be_bytes());
            hash.update(text);
        };
        put(&self.options.source);
        let mut said: Vec<(String, String)> = mapping
            .columns
            .iter()
            .enumerate()
            .filter_map(|(place, column)| {
                let target = &column.target;
                let is_id = *target == Target::Ignored(Ignored::Derived(Attribute::Id));
                let name = if is_id { Attribute::Id.to_string() } else { target.to_string() };
                let says = is_id || !matches!(target, Target::Ignored(_));
                says.then(|| (name, text_of(row.cell(place))))
            })
            .filter(|(_, text)| !is_blank(text))
            .collect();
        // The order of columns does not make another row.
        said.sort();
        for (target, text) in said {
            put(&target);
            put(text.trim());
        }
        let hash = hash.finalize();
        let value = hex::encode(hash.get(..ROW_HASH_BYTES).unwrap_or_default());
        IdentitySent { kind: ROW_TYPE.to_owned(), value, ..IdentitySent::default() }
    }
}

fn put_attribute(
    upsert: &mut Upsert,
    attribute: Attribute,
    value: Value,
) -> Result<(), FieldProblem> {
    let fields = &mut upsert.fields;
    match (attribute, value) {
        (Attribute::MobileVerified, Value::Flag(flag)) => fields.mobile_verified = Some(flag),
        (Attribute::EmailVerified, Value::Flag(flag)) => fields.email_verified = Some(flag),
        (_, value) => return put_value(upsert, FieldKey::Builtin(attribute), value),
    }
    Ok(())
}

fn put_value(upsert: &mut Upsert, key: FieldKey, value: Value) -> Result<(), FieldProblem> {
    match upsert.fields.values.insert(key, Some(value)) {
        None => Ok(()),
        Some(_) => Err(FieldProblem::new(Expected::OneValue, Found::SecondColumn)),
    }
}

/// Whether nothing was given in a cell.
fn is_nothing(cell: &Json<'_>) -> bool {
    match cell {
        Json::Null => true,
        Json::Text(text) => is_blank(text),
        Json::Flag(_)
        | Json::Integer(_)
        | Json::Large(_)
        | Json::Real(_)
        | Json::Array(_)
        | Json::Object(_) => false,
    }
}

fn says_nothing(upsert: &Upsert) -> bool {
    let fields = &upsert.fields;
    fields.values.is_empty()
        && fields.mobile_verified.is_none()
        && fields.email_verified.is_none()
        && upsert.identities.is_empty()
}

#[cfg(test)]
mod tests;
