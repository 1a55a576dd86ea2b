//! One cell: what stands in it as people and spreadsheets write it, in the form that the wire reads.

use super::cells::unguarded;
use super::dates::Written;
use super::source::Form;
use crate::wire::json::Json;
use crate::wire::values;
use kehub_core::CustomerId;
use kehub_core::attribute::{Attribute, FieldProblem, Kind, Value};
use kehub_core::canonical;
use kehub_core::misfit::{Expected, Found};
use std::borrow::Cow;

/// What spreadsheets show where a formula failed.
const SHEET_ERRORS: [&str; 8] =
    ["#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#GETTING_DATA"];

/// Whole numbers from here on have more digits than a spreadsheet keeps.
pub(super) const ROUNDED_FROM: f64 = 1_000_000_000_000_000.0;

/// The id of a customer of the hub.
pub(super) fn customer_id(cell: &Json<'_>) -> Result<CustomerId, FieldProblem> {
    let id = cell.whole_number().filter(|id| *id > 0).map(CustomerId);
    id.ok_or_else(|| FieldProblem::new(Expected::CustomerId, cell.kind()))
}

/// How a file says what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cells {
    /// As text, and perhaps with a `'` before what a spreadsheet would run.
    Guarded,
    /// As text or as a spreadsheet holds it, and as it stands.
    Plain,
    /// As JSON, which tells a text from a number: nothing is looked for that spreadsheets do.
    Typed,
}

impl Cells {
    /// Those of a file of this form; `is_raw` if no text is guarded.
    pub(crate) fn of(form: Form, is_raw: bool) -> Cells {
        match form {
            Form::Table(_) if !is_raw => Cells::Guarded,
            Form::Table(_) | Form::Workbook => Cells::Plain,
            Form::Lines => Cells::Typed,
        }
    }
}

/// How the cells of a file are read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading<'a> {
    /// How it says what it says.
    pub(super) cells: Cells,
    /// Whether it is an export: its values are in the form in which a hub keeps them.
    pub(super) is_export: bool,
    /// The zone of moments that name none.
    pub(super) zone: &'a str,
}

impl Reading<'_> {
    /// The value of an attribute; `None` if nothing was given.
    pub(super) fn builtin(
        self,
        attribute: Attribute,
        cell: &Json<'static>,
    ) -> Result<Option<Value>, FieldProblem> {
        let cell = self.cleaned(attribute, cell)?;
        values::builtin(attribute, &cell).map_err(|problem| in_words(attribute.kind(), problem))
    }

    /// What people write, as the wire reads it.
    fn cleaned<'c>(
        self,
        attribute: Attribute,
        cell: &'c Json<'static>,
    ) -> Result<Cow<'c, Json<'static>>, FieldProblem> {
        let day: String;
        let text = if let Json::Text(text) = cell {
            text.trim()
        } else if let Json::Integer(number) = cell
            && matches!(attribute.kind(), Kind::Date | Kind::Time)
        {
            // Such as 19900305, which a spreadsheet takes for a number.
            day = number.to_string();
            &day
        } else {
            if matches!(attribute.kind(), Kind::Text(_)) {
                self.is_kept(cell)?;
            }
            return Ok(Cow::Borrowed(cell));
        };
        let cleaned = match attribute.kind() {
            Kind::Text(_) if attribute == Attribute::Mobile => {
                self.is_exact(cell)?;
                (!self.is_export).then(|| mobile(text))
            }
            Kind::Text(_) if is_number(attribute) => {
                self.is_exact(cell)?;
                None
            }
            Kind::Text(_) => None,
            Kind::Gender => gender(text).map(str::to_owned),
            Kind::Flag => flag(text).map(str::to_owned),
            Kind::Integer => Some(digits(text)),
            Kind::Decimal => return Ok(Cow::Owned(decimal(digits(text)))),
            Kind::Date => Written::read(text).map(|written| written.day()),
            Kind::Time => {
                let written = Written::read(text);
                written.map(|written| written.moment(self.zone))
            }
        };
        let cleaned = cleaned.map(|text| Json::Text(Cow::Owned(text)));
        Ok(cleaned.map_or(Cow::Borrowed(cell), Cow::Owned))
    }

    /// A cell that is not damaged, as it is meant: without a guard, and without what only makes
    /// spreadsheets keep digits, `="0138"`.
    pub(super) fn whole<'c>(
        self,
        cell: &'c Json<'static>,
    ) -> Result<Cow<'c, Json<'static>>, FieldProblem> {
        let Json::Text(text) = cell else { return Ok(Cow::Borrowed(cell)) };
        // A hub may hold it, and hands out what it holds.
        if text.contains('\u{FFFD}') && !self.is_export {
            return Err(FieldProblem::new(Expected::Text, Found::Damaged));
        }
        if self.cells == Cells::Typed {
            return Ok(Cow::Borrowed(cell));
        }
        if SHEET_ERRORS.contains(&text.trim()) {
            return Err(FieldProblem::new(Expected::Value, Found::FormulaError));
        }
        let formula = || text.trim().strip_prefix("=\"").and_then(|rest| rest.strip_suffix('"'));
        let inner = match self.cells {
            Cells::Guarded => unguarded(text).or_else(formula),
            // An export writes it for what it is.
            Cells::Plain if self.is_export => None,
            Cells::Plain | Cells::Typed => formula(),
        };
        Ok(match inner {
            Some(inner) => Cow::Owned(Json::Text(Cow::Owned(inner.to_owned()))),
            None => Cow::Borrowed(cell),
        })
    }

    /// Refuses a number of which a spreadsheet has not kept all digits, where they may matter.
    pub(super) fn is_kept(self, cell: &Json<'static>) -> Result<(), FieldProblem> {
        let Json::Real(number) = cell else { return Ok(()) };
        if number.abs() >= ROUNDED_FROM && self.cells != Cells::Typed {
            return Err(FieldProblem::new(Expected::AllDigitsAsText, Found::RoundedLong));
        }
        Ok(())
    }

    /// Refuses a number that stands for somebody and that a spreadsheet has rounded: `1.38E+10`.
    pub(super) fn is_exact(self, cell: &Json<'static>) -> Result<(), FieldProblem> {
        self.is_kept(cell)?;
        let Json::Text(text) = cell else { return Ok(()) };
        if is_rounded(text.trim()) && self.cells != Cells::Typed {
            return Err(FieldProblem::new(Expected::AllDigits, Found::Rounded));
        }
        Ok(())
    }

    /// A cell that is not damaged and not rounded.
    pub(super) fn exact<'c>(
        self,
        cell: &'c Json<'static>,
    ) -> Result<Cow<'c, Json<'static>>, FieldProblem> {
        let cell = self.whole(cell)?;
        self.is_exact(&cell)?;
        Ok(cell)
    }
}

/// Whether this looks like `1.38E+10`.
fn is_rounded(text: &str) -> bool {
    text.split_once(['E', 'e']).is_some_and(|(number, exponent)| {
        let exponent = exponent.strip_prefix('+').unwrap_or(exponent);
        number.contains('.')
            && number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
            && !exponent.is_empty()
            && exponent.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// What does not fit, with what people may write instead.
fn in_words(kind: Kind, problem: FieldProblem) -> FieldProblem {
    let expected = match kind {
        Kind::Gender => Expected::GenderWord,
        Kind::Flag => Expected::FlagWord,
        Kind::Text(_) | Kind::Integer | Kind::Decimal | Kind::Date | Kind::Time => return problem,
    };
    FieldProblem { expected, ..problem }
}

/// Text attributes that are numbers as a spreadsheet sees them.
fn is_number(attribute: Attribute) -> bool {
    [
        Attribute::Telephone,
        Attribute::Qq,
        Attribute::Postcode,
        Attribute::MembershipNo,
        Attribute::ExternalId,
    ]
    .contains(&attribute)
}

fn gender(text: &str) -> Option<&'static str> {
    Some(match text.to_lowercase().as_str() {
        "男" | "男性" | "先生" | "male" | "m" | "man" => "1",
        "女" | "女性" | "女士" | "小姐" | "female" | "f" | "woman" => "2",
        "未知" | "保密" | "不详" | "unknown" => "0",
        _ => return None,
    })
}

fn flag(text: &str) -> Option<&'static str> {
    Some(match text.to_lowercase().as_str() {
        "是" | "真" | "yes" | "y" | "√" | "✓" | "✔" => "true",
        "否" | "假" | "no" | "n" | "×" | "✗" | "✘" => "false",
        _ => return None,
    })
}

/// A number with ASCII digits, and without separators of thousands if those stand where they must.
fn digits(text: &str) -> String {
    let narrow = text.chars().map(|c| match u32::from(c) {
        code @ 0xFF01..=0xFF5E => char::from_u32(code - 0xFEE0).unwrap_or(c),
        _ => c,
    });
    let narrow: String = narrow.collect();
    let (whole, fraction) = narrow.split_once('.').unwrap_or((&narrow, ""));
    let mut groups = whole.trim_start_matches(['-', '+']).split(',');
    let leads = groups.next().is_some_and(|first| (1..=3).contains(&first.len()));
    let is_grouped = leads && groups.all(|group| group.len() == 3) && !fraction.contains(',');
    if is_grouped { narrow.replace(',', "") } else { narrow }
}

/// A number as the wire reads it: exactly, if it is written as it is kept.
fn decimal(text: String) -> Json<'static> {
    let whole = text.parse::<i64>().ok().filter(|number| number.to_string() == text);
    let real = text.parse::<f64>().ok();
    let real = real.filter(|number| number.is_finite() && number.to_string() == text);
    match (whole, real) {
        (Some(number), _) => Json::Integer(number),
        (None, Some(number)) => Json::Real(number),
        (None, None) => Json::Text(Cow::Owned(text)),
    }
}

/// A mobile as people note it: one number of eleven digits may have words around it, such as `13800000001 (微信同号)`
/// or `tel:138-0000-0001`, a quote before it, or the `.0` of a spreadsheet behind it. Where there are several,
/// or none, it stays as it stands.
fn mobile(text: &str) -> String {
    let whole = canonical::mobile(text);
    if canonical::is_mainland(&whole) {
        return whole;
    }
    let text = text.trim();
    let text = text.strip_suffix(".0").unwrap_or(text);
    let is_of_number = |c: char| c.is_numeric() || matches!(c, '+' | '-' | '－' | ' ' | '.');
    let mut found = text
        .split(|c| !is_of_number(c))
        .filter(|part| part.chars().any(char::is_numeric))
        .map(canonical::mobile);
    match (found.next(), found.next()) {
        (Some(number), None) if canonical::is_mainland(&number) => number,
        _ => whole,
    }
}
