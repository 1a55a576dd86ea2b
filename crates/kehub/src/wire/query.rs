//! The query string, read the way clients write it (W36).

use percent_encoding::percent_decode_str;
use std::borrow::Cow;

/// A query string. Parameters are decoded when they are asked for; of a repeated one the first
/// counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Query<'a>(&'a str);

/// A parameter is not text: its bytes are not UTF-8, or it holds U+0000.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotText;

impl<'a> Query<'a> {
    pub(crate) fn new(query: Option<&'a str>) -> Query<'a> {
        Query(query.unwrap_or_default())
    }

    /// The trimmed value of a parameter; one without a value is not given.
    pub(crate) fn text(self, name: &str) -> Result<Option<Cow<'a, str>>, NotText> {
        let raw = self.pairs().find(|(key, _)| is_named(key, name)).map(|(_, value)| value);
        let Some(raw) = raw.filter(|raw| !raw.is_empty()) else { return Ok(None) };
        let value = decoded(raw).ok_or(NotText)?;
        if value.contains('\0') {
            return Err(NotText);
        }
        Ok(Some(trimmed(value)).filter(|value| !value.is_empty()))
    }

    /// As [`Query::text`], where a raw `+` at the beginning is the plus of a country code.
    pub(crate) fn number_to_call(self, name: &str) -> Result<Option<Cow<'a, str>>, NotText> {
        let raw = self.pairs().find(|(key, _)| is_named(key, name)).map(|(_, value)| value);
        let is_plus = raw.is_some_and(|raw| raw.starts_with('+'));
        let value = self.text(name)?;
        Ok(value.map(|value| if is_plus { Cow::Owned(format!("+{value}")) } else { value }))
    }

    /// As [`Query::text`], where a blank before an offset is the raw `+` of that offset.
    pub(crate) fn moment(self, name: &str) -> Result<Option<Cow<'a, str>>, NotText> {
        let value = self.text(name)?;
        Ok(value.map(|value| match value.rsplit_once(' ') {
            Some((moment, offset)) => Cow::Owned(format!("{moment}+{offset}")),
            None => value,
        }))
    }

    /// The value of a parameter whose name is compared without case and underscores (W39).
    /// `Some("")` if it is there without a value.
    pub(crate) fn extra(self, name: &str) -> Option<Cow<'a, str>> {
        let raw = self.pairs().find(|(key, _)| is_extra(key, name)).map(|(_, value)| value)?;
        Some(decoded(raw).map_or(Cow::Borrowed("\u{FFFD}"), trimmed))
    }

    /// Every parameter, decoded and trimmed, in order; `None` for what is not text. A raw `+` at the
    /// beginning of a value is a plus: a blank there would be trimmed.
    pub(crate) fn decoded(self) -> impl Iterator<Item = (Option<String>, Option<String>)> {
        let text = |raw: &str| {
            let (plus, rest) = match raw.strip_prefix('+') {
                Some(rest) if !rest.is_empty() => ("+", rest),
                Some(_) | None => ("", raw),
            };
            let text = decoded(rest).filter(|text| !text.contains('\0'))?;
            Some(format!("{plus}{}", text.trim()))
        };
        let given = self.pairs().filter(|(name, value)| !name.is_empty() || !value.is_empty());
        given.map(move |(name, value)| (text(name), text(value)))
    }

    fn pairs(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")))
    }
}

fn is_named(key: &str, name: &str) -> bool {
    key == name || (key.contains('%') && decoded(key).is_some_and(|key| key == name))
}

fn is_extra(key: &str, name: &str) -> bool {
    let Some(key) = decoded(key) else { return false };
    let letters = key.bytes().filter(|byte| *byte != b'_').map(|byte| byte.to_ascii_lowercase());
    letters.eq(name.bytes())
}

/// The text behind `+` and `%xx`; `None` if it is not UTF-8.
fn decoded(raw: &str) -> Option<Cow<'_, str>> {
    if !raw.contains(['+', '%']) {
        return Some(Cow::Borrowed(raw));
    }
    let spaced = raw.replace('+', " ");
    Some(Cow::Owned(percent_decode_str(&spaced).decode_utf8().ok()?.into_owned()))
}

fn trimmed(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_raw_plus_is_a_plus_where_a_blank_makes_no_sense() {
        let query =
            Query::new(Some("mobile=+86138&name=a+b&from=2017-01-31T08:00:00+08:00&x=%2B1"));
        assert_eq!(query.number_to_call("mobile"), Ok(Some("+86138".into())));
        assert_eq!(query.text("name"), Ok(Some("a b".into())));
        assert_eq!(query.moment("from"), Ok(Some("2017-01-31T08:00:00+08:00".into())));
        assert_eq!(query.text("x"), Ok(Some("+1".into())));
    }

    #[test]
    fn a_parameter_without_a_value_is_not_given() {
        let query = Query::new(Some("a&b=&c=+&d=1&d=2&e=%zz&f=%ff&g=%00&%68=7"));
        for name in ["a", "b", "c", "missing"] {
            assert_eq!(query.text(name), Ok(None), "{name}");
        }
        assert_eq!(query.text("d"), Ok(Some("1".into())));
        assert_eq!(query.text("e"), Ok(Some("%zz".into())));
        assert_eq!(query.text("f"), Err(NotText));
        assert_eq!(query.text("g"), Err(NotText));
        assert_eq!(query.text("h"), Ok(Some("7".into())));
    }

    #[test]
    fn names_of_extras_match_without_case_and_underscores() {
        let query = Query::new(Some("DRY_RUN=1&onconflict=keep&Resolution"));
        assert_eq!(query.extra("dryrun").as_deref(), Some("1"));
        assert_eq!(query.extra("onconflict").as_deref(), Some("keep"));
        assert_eq!(query.extra("resolution").as_deref(), Some(""));
        assert_eq!(query.extra("else"), None);
    }
}
