//! Single values as bodies carry them (W8, W33, W35). What does not fit is told, never repeated: it
//! may be personal.

use super::json::Json;
use super::time;
use kehub_core::attribute::{self, Attribute, FieldKey, FieldProblem, Kind, Value, parse_custom};
use kehub_core::canonical;
use kehub_core::misfit::{Expected, Found, counted};

/// From here on a JSON number may stand for several whole numbers, so it is no text any more.
const EXACT_NUMBER_MAX: f64 = 9_007_199_254_740_992.0;

/// The value of a built-in attribute; `None` if nothing was given.
pub(crate) fn builtin(
    attribute: Attribute,
    json: &Json<'_>,
) -> Result<Option<Value>, FieldProblem> {
    let is_text = matches!(attribute.kind(), Kind::Text(_));
    if is_text && let Some(problem) = inexact(json) {
        return Err(problem);
    }
    attribute::parse(attribute.kind(), json.raw(&mut String::new()), &time::parse)
}

/// The value of a custom attribute; `None` if nothing was given.
pub(crate) fn custom(json: &Json<'_>) -> Result<Option<Value>, FieldProblem> {
    if matches!(json, Json::Large(_)) {
        return Err(FieldProblem::new(Expected::NumberInRange, Found::LargerNumber));
    }
    parse_custom(json.raw(&mut String::new()))
}

/// The key of a custom attribute.
pub(crate) fn custom_key(name: &str) -> Result<FieldKey, FieldProblem> {
    FieldKey::custom(name).ok_or_else(|| {
        let expected = "a key of letters, digits, `_`, `.` and `-`, at most 64, \
                        that begins with a letter or `_`";
        FieldProblem::new(expected, "another key")
    })
}

/// Text within its limit, or a number as text; `null` is empty.
pub(crate) fn text(json: &Json<'_>, chars_max: usize) -> Result<String, FieldProblem> {
    fitting(text_of(json)?, chars_max)
}

/// Why a JSON number has no exact text, if it has none.
fn inexact(json: &Json<'_>) -> Option<FieldProblem> {
    match json {
        Json::Real(number) if number.abs() >= EXACT_NUMBER_MAX => {
            Some(FieldProblem::new(Expected::Text, Found::ManyDigits))
        }
        Json::Null
        | Json::Flag(_)
        | Json::Integer(_)
        | Json::Large(_)
        | Json::Real(_)
        | Json::Text(_)
        | Json::Array(_)
        | Json::Object(_) => None,
    }
}

/// Text, or a number as text; `null` is empty.
fn text_of(json: &Json<'_>) -> Result<String, FieldProblem> {
    if let Some(problem) = inexact(json) {
        return Err(problem);
    }
    match json {
        Json::Null => Ok(String::new()),
        Json::Text(text) => Ok(text.clone().into_owned()),
        Json::Integer(number) => Ok(number.to_string()),
        Json::Large(number) => Ok(number.to_string()),
        Json::Real(number) => Ok(number.to_string()),
        Json::Flag(flag) => Ok(flag.to_string()),
        Json::Array(_) | Json::Object(_) => Err(FieldProblem::new(Expected::Text, json.kind())),
    }
}

/// Text within its limit, counted without what is trimmed.
fn fitting(text: String, chars_max: usize) -> Result<String, FieldProblem> {
    if text.contains('\0') {
        return Err(FieldProblem::new(Expected::TextWithoutNul, Found::TextWithNul));
    }
    let chars = if text.len() > chars_max { canonical::cleaned(&text).chars().count() } else { 0 };
    if chars > chars_max {
        let expected = Expected::Chars(counted(chars_max));
        return Err(FieldProblem::new(expected, Found::Chars(counted(chars))));
    }
    Ok(text)
}
