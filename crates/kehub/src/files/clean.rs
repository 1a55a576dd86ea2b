//! Rows become upserts: values are cleaned as people write them, and then read as the wire reads
//! them. What does not fit refuses its row, with all that is wrong in it.

use super::dates::Written;
use super::mapping::{Column, Mapping, Target};
use super::rows::{Row, text_of};
use crate::wire::json::Json;
use crate::wire::values;
use kehub_core::attribute::{Attribute, FieldKey, FieldProblem, Kind, Value};
use kehub_core::canonical::{self, is_blank};
use kehub_core::command::{IdentitySent, Upsert};
use kehub_core::limits::IDENTITY_VALUE_CHARS_MAX;
use kehub_core::policy::{OnConflict, Policy};
use sha2::{Digest as _, Sha256};
use std::borrow::Cow;

/// The type of the identity that is made for a row by which nobody would be known again.
pub(crate) const ROW_TYPE: &str = "file-row";
/// Bytes of a hash that make its value.
const ROW_HASH_BYTES: usize = 16;
/// What spreadsheets show where a formula failed.
const SHEET_ERRORS: [&str; 8] =
    ["#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#GETTING_DATA"];

/// What holds for all rows of a file.
#[derive(Clone, Debug)]
pub(crate) struct CleanOptions {
    /// What the file is called, so that its rows are known again.
    pub(crate) source: String,
    /// The zone of moments that name none, as the wire writes it: `Z`, `+08:00`.
    pub(crate) zone: String,
    /// What to do on a conflict, instead of the tenant's setting.
    pub(crate) on_conflict: Option<OnConflict>,
}

/// What does not fit in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CellProblem {
    /// The column, if it is one.
    pub(crate) column: Option<usize>,
    /// What stands there.
    pub(crate) value: String,
    /// What was expected, what was found.
    pub(crate) problem: String,
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

    /// The upsert that a row is, or all that does not fit.
    pub(crate) fn upsert(&self, mapping: &Mapping, row: &Row) -> Result<Upsert, Vec<CellProblem>> {
        let mut upsert = Upsert { on_conflict: self.options.on_conflict, ..Upsert::default() };
        let mut problems = Vec::new();
        let known = mapping.columns.len();
        if row.cells.iter().skip(known).any(|cell| !is_nothing(cell)) {
            problems.push(CellProblem {
                column: None,
                value: String::new(),
                problem: format!("expected {known} values, found {}", row.cells.len()),
            });
        }
        for (place, column) in mapping.columns.iter().enumerate() {
            let cell = row.cell(place);
            if is_nothing(cell) {
                continue;
            }
            if let Err(problem) = self.put(&mut upsert, column, cell) {
                let (value, problem) = (text_of(cell), problem.to_string());
                problems.push(CellProblem { column: Some(place), value, problem });
            }
        }
        if problems.is_empty() && says_nothing(&upsert) {
            problems.push(CellProblem {
                column: None,
                value: String::new(),
                problem: "expected an identity, or a value of a field, found neither".to_owned(),
            });
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        if !self.is_known_again(&upsert) {
            upsert.identities.push(self.row_identity(mapping, row));
        }
        Ok(upsert)
    }

    fn put(
        &self,
        upsert: &mut Upsert,
        column: &Column,
        cell: &Json<'static>,
    ) -> Result<(), FieldProblem> {
        if matches!(column.target, Target::Ignored(_)) {
            return Ok(());
        }
        let cell = whole(cell)?;
        match &column.target {
            Target::Ignored(_) => (),
            Target::Identity(kind) => {
                let cell = exact(&cell)?;
                let value = values::text(cell, IDENTITY_VALUE_CHARS_MAX)?;
                let kind = kind.to_string();
                upsert.identities.push(IdentitySent { kind, value, ..IdentitySent::default() });
            }
            Target::Custom(key) => {
                let Some(value) = values::custom(&cell)? else { return Ok(()) };
                put_value(upsert, key.clone(), value)?;
            }
            Target::Attribute(attribute) => {
                let cell = self.cleaned(*attribute, &cell)?;
                let Some(value) = values::builtin(*attribute, &cell)? else { return Ok(()) };
                put_attribute(upsert, *attribute, value)?;
            }
        }
        Ok(())
    }

    /// What people write, as the wire reads it.
    fn cleaned<'c>(
        &self,
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
            return Ok(Cow::Borrowed(cell));
        };
        let cleaned = match attribute.kind() {
            Kind::Text(_) if attribute == Attribute::Mobile => {
                exact(cell)?;
                Some(canonical::mobile(text))
            }
            Kind::Text(_) if is_number(attribute) => {
                exact(cell)?;
                None
            }
            Kind::Text(_) => None,
            Kind::Gender => gender(text).map(str::to_owned),
            Kind::Flag => flag(text).map(str::to_owned),
            Kind::Integer | Kind::Decimal => Some(digits(text)),
            Kind::Date => Written::read(text).map(|written| written.day()),
            Kind::Time => {
                let written = Written::read(text);
                written.map(|written| written.moment(&self.options.zone))
            }
        };
        let cleaned = cleaned.map(|text| Json::Text(Cow::Owned(text)));
        Ok(cleaned.map_or(Cow::Borrowed(cell), Cow::Owned))
    }

    /// Whether the same row, sent again, finds its customer.
    fn is_known_again(&self, upsert: &Upsert) -> bool {
        let matches = |key: &str, value: &str| {
            let canonical = canonical::identity_value(key, value);
            !canonical.is_empty() && !self.policy.is_blocked(key, &canonical)
        };
        let by_attribute = [Attribute::Mobile, Attribute::Email].into_iter().any(|attribute| {
            let value = upsert.fields.values.get(&FieldKey::Builtin(attribute));
            let text = value.and_then(Option::as_ref).and_then(Value::text);
            text.is_some_and(|text| matches(attribute.name(), text))
        });
        by_attribute
            || upsert.identities.iter().any(|it| matches(&canonical::type_key(&it.kind), &it.value))
    }

    /// An identity made of the file and of what the row says.
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
            .filter(|(_, column)| !matches!(column.target, Target::Ignored(_)))
            .map(|(place, column)| (column.target.to_string(), text_of(row.cell(place))))
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
        Some(_) => Err(unfit("one value", "a second column that gives it")),
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

/// A cell that is not damaged, without what only makes spreadsheets keep digits: `="0138"`.
fn whole<'c>(cell: &'c Json<'static>) -> Result<Cow<'c, Json<'static>>, FieldProblem> {
    let Json::Text(text) = cell else { return Ok(Cow::Borrowed(cell)) };
    if text.contains('\u{FFFD}') {
        let found = "damaged characters: the file may have another encoding";
        return Err(unfit("text", found));
    }
    if SHEET_ERRORS.contains(&text.trim()) {
        return Err(unfit("a value", "an error of a spreadsheet formula"));
    }
    let quoted = text.trim().strip_prefix("=\"").and_then(|rest| rest.strip_suffix('"'));
    Ok(match quoted {
        Some(inner) => Cow::Owned(Json::Text(Cow::Owned(inner.to_owned()))),
        None => Cow::Borrowed(cell),
    })
}

/// A number that stands for somebody, unless a spreadsheet has rounded it: `1.38E+10`.
fn exact<'c>(cell: &'c Json<'static>) -> Result<&'c Json<'static>, FieldProblem> {
    let Json::Text(text) = cell else { return Ok(cell) };
    let rounded = text.trim().split_once(['E', 'e']).is_some_and(|(number, exponent)| {
        let exponent = exponent.strip_prefix('+').unwrap_or(exponent);
        number.contains('.')
            && number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
            && !exponent.is_empty()
            && exponent.bytes().all(|byte| byte.is_ascii_digit())
    });
    if rounded {
        return Err(unfit("all digits", "a number that a spreadsheet has rounded"));
    }
    Ok(cell)
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

fn unfit(expected: &str, found: &str) -> FieldProblem {
    FieldProblem { expected: expected.to_owned(), found: found.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::super::mapping::Choices;
    use super::*;
    use kehub_core::policy::Preset;

    fn cleaner() -> Cleaner {
        let options = CleanOptions {
            source: "shop.csv".to_owned(),
            zone: "+08:00".to_owned(),
            on_conflict: None,
        };
        Cleaner::new(options, Policy::new(Preset::Compat, OnConflict::Merge))
    }

    fn read(headings: &str, cells: &[&str]) -> Result<Upsert, Vec<CellProblem>> {
        let headings: Vec<String> = headings.split(',').map(str::to_owned).collect();
        let mapping = Mapping::new(&headings, Choices::default(), false).unwrap();
        let cells = cells.iter().map(|text| Json::Text(Cow::Owned((*text).to_owned()))).collect();
        cleaner().upsert(&mapping, &Row { line: 2, cells, ..Row::default() })
    }

    fn value(heading: &str, text: &str) -> Result<Value, String> {
        let upsert = read(heading, &[text]).map_err(|problems| problems[0].problem.clone())?;
        Ok(upsert.fields.values.into_values().next().flatten().unwrap())
    }

    fn text(text: &str) -> Value {
        Value::Text(text.into())
    }

    #[test]
    fn values_are_cleaned_as_people_write_them() {
        for (heading, written, expected) in [
            ("手机", "+86 138-0000-0001", text("13800000001")),
            ("手机", "=\"13800000001\"", text("13800000001")),
            ("手机", "１３８００００００01", text("13800000001")),
            ("姓名", " 王芳\u{3000}", text("王芳")),
            ("性别", "女士", Value::Integer(2)),
            ("性别", "Male", Value::Integer(1)),
            ("性别", "0", Value::Integer(0)),
            ("是否会员", "是", Value::Flag(true)),
            ("是否会员", "N", Value::Flag(false)),
            ("是否会员", "1", Value::Flag(true)),
            ("生日", "1990年3月5日", text("1990-03-05")),
            ("生日", "1990/3/5 0:00", text("1990-03-05")),
            ("员工数", "1,234,567", Value::Integer(1_234_567)),
            ("积分", "１,０００", Value::Integer(1_000)),
            ("注册时间", "1970-01-01 08:00", Value::Integer(0)),
            ("注册时间", "1970-01-01T00:00:00Z", Value::Integer(0)),
            ("attr1", "38", text("38")),
        ] {
            assert_eq!(value(heading, written).as_ref(), Ok(&expected), "{heading} {written}");
        }
    }

    #[test]
    fn what_cannot_be_cleaned_is_refused() {
        for (heading, written, said) in [
            ("生日", "3/5/1990", "expected a date like 1990-01-31, found other text"),
            ("性别", "x", "expected 0, 1 or 2, found text"),
            ("是否会员", "maybe", "expected true or false, found other text"),
            ("员工数", "1,23", "expected a whole number, found text"),
            (
                "手机",
                "1.38E+10",
                "expected all digits, found a number that a spreadsheet has rounded",
            ),
            (
                "openid",
                "1.38E+10",
                "expected all digits, found a number that a spreadsheet has rounded",
            ),
            (
                "姓名",
                "王\u{FFFD}",
                "expected text, found damaged characters: the file may have another encoding",
            ),
            ("姓名", "#N/A", "expected a value, found an error of a spreadsheet formula"),
            ("喜好", "x", "expected an identity, or a value of a field, found neither"),
        ] {
            assert_eq!(value(heading, written), Err(said.to_owned()), "{heading} {written}");
        }
    }

    #[test]
    fn all_that_does_not_fit_in_a_row_is_told_at_once() {
        let problems = read("生日,name,性别", &["x", "王芳", "y", "z"]).unwrap_err();
        let places: Vec<_> = problems.iter().map(|it| (it.column, it.value.as_str())).collect();
        assert_eq!(places, [(None, ""), (Some(0), "x"), (Some(2), "y")]);
        assert_eq!(problems[0].problem, "expected 3 values, found 4");
        assert!(read("name", &["王芳", "", " "]).is_ok());
    }

    #[test]
    fn only_a_row_that_nobody_would_find_again_gets_an_identity() {
        for (headings, cells) in [
            ("name,openid", &["王", "o1"][..]),
            ("name,手机", &["王", "13800000001"]),
            ("name,邮箱", &["王", "w@example.com"]),
            ("name,openid,手机", &["王", "unknown", "13800000001"]),
        ] {
            let upsert = read(headings, cells).unwrap();
            assert!(upsert.identities.iter().all(|it| it.kind != ROW_TYPE), "{headings}");
        }
        let row = |headings, cells| {
            let mut upsert = read(headings, cells).unwrap();
            let identity = upsert.identities.pop().unwrap();
            assert_eq!(identity.kind, ROW_TYPE);
            identity.value
        };
        let one = row("name,city", &["王芳", "深圳"]);
        assert_eq!(one, row("city,姓名,喜好", &["深圳 ", "王芳", "x"]));
        assert_ne!(one, row("name,city", &["王芳", "广州"]));
        row("name,openid", &["王", "unknown"]);
        row("name,手机", &["王", "00000000000"]);
    }
}
