//! What the page of a file is asked: by its address, or by its form, which says the same.

use crate::api::imports::prepare;
use crate::api::parameters::Parameters;
use crate::api::problem::Problem;
use crate::console::entry::form::Form;
use crate::console::look::Look;
use crate::files::remembered::UNNAMED;
use crate::people::origin::CSRF_FIELD;
use std::collections::BTreeMap;
use url::form_urlencoded::{self, Serializer};

/// The parameter that names the file,
pub(super) const FILE: &str = "file";
/// that of a button,
pub(super) const ACT: &str = "act";
/// and that of contacts which are shown in full.
pub(super) const FULL: &str = "full";
/// What the parameter of the target of a column begins with; its number from 1 follows.
pub(super) const TARGET: char = 'c';
/// The same of the name that such a target has to be given.
pub(super) const NAME: char = 'n';

/// What a column was chosen to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pick {
    /// A target, or the beginning of one: `identity:`, `attr.`.
    pub(super) target: String,
    /// The rest of it.
    pub(super) name: String,
}

impl Pick {
    /// The target, for a column of this heading.
    pub(super) fn whole(&self, heading: &str) -> String {
        let name = self.name.trim();
        let name = if name.is_empty() { heading.trim() } else { name };
        if self.is_open() { format!("{}{name}", self.target) } else { self.target.clone() }
    }

    /// Whether it takes a name.
    pub(super) fn is_open(&self) -> bool {
        [IDENTITY, CUSTOM].contains(&&*self.target)
    }
}

/// The beginnings of targets that take a name.
pub(in crate::console::imports) const IDENTITY: &str = "identity:";
pub(in crate::console::imports) const CUSTOM: &str = "attr.";

/// All that is asked.
#[derive(Debug)]
pub(super) struct Asked {
    /// What names the file.
    pub(super) file: String,
    /// What columns were chosen to be, by their places from 0.
    pub(super) picks: BTreeMap<usize, Pick>,
    /// What `POST /api/imports` is asked the same by.
    pub(super) parameters: Vec<(String, String)>,
}

impl Asked {
    /// What an address asks.
    pub(super) fn of_query(query: Option<&str>) -> Asked {
        Asked::of(form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned())
    }

    /// What a form asks.
    pub(super) fn of_form(form: &Form) -> Asked {
        Asked::of(form.pairs().map(|(name, value)| (name.to_owned(), value.to_owned())))
    }

    fn of(pairs: impl Iterator<Item = (String, String)>) -> Asked {
        let (mut file, mut picks) = (String::new(), BTreeMap::<usize, Pick>::new());
        let mut parameters = Vec::new();
        for (name, value) in pairs {
            match (&*name, place(&name, TARGET), place(&name, NAME)) {
                (FILE, ..) => file = value,
                (CSRF_FIELD | ACT | FULL, ..) => (),
                (_, Some(place), _) => picks.entry(place).or_default().target = value,
                (_, _, Some(place)) => picks.entry(place).or_default().name = value,
                _ if value.trim().is_empty() => (),
                _ => parameters.push((name, value)),
            }
        }
        picks.retain(|_, pick| !pick.target.is_empty());
        Asked { file, picks, parameters }
    }

    /// A parameter, if it is there.
    pub(super) fn given(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// What the file is called.
    pub(super) fn source(&self) -> String {
        self.given("source").unwrap_or(UNNAMED).trim().to_owned()
    }

    /// How it is to be read and applied; times without a zone are those of whoever looks.
    pub(super) fn wishes(&self, look: &Look) -> Result<prepare::Asked, Problem> {
        let mut given = self.parameters.clone();
        if self.given("utcOffset").is_none() {
            given.push(("utcOffset".to_owned(), offset(look.offset_seconds)));
        }
        let mut parameters = Parameters::given(given);
        let asked = prepare::Asked::read(&mut parameters);
        parameters.end()?;
        Ok(asked)
    }

    /// The address that asks the same.
    pub(super) fn address(&self) -> String {
        let mut query = Serializer::new(String::new());
        query.append_pair(FILE, &self.file).extend_pairs(&self.parameters);
        for (place, pick) in &self.picks {
            let number = place + 1;
            query.append_pair(&format!("{TARGET}{number}"), &pick.target);
            if pick.is_open() && !pick.name.is_empty() {
                query.append_pair(&format!("{NAME}{number}"), &pick.name);
            }
        }
        format!("{}?{}", super::ADDRESS, query.finish())
    }
}

/// The place, from 0, of the column that a parameter is about.
fn place(name: &str, kind: char) -> Option<usize> {
    let number: usize = name.strip_prefix(kind)?.parse().ok()?;
    number.checked_sub(1)
}

/// An offset from UTC as parameters have it.
fn offset(seconds: i32) -> String {
    let minutes = seconds.abs() / 60;
    let sign = if seconds < 0 { '-' } else { '+' };
    if minutes == 0 {
        "Z".to_owned()
    } else {
        format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_what_its_form_says() {
        let form = Form::read(
            b"csrf=x&act=look&file=a-1&source=shop.csv&sheet=&c1=mobile&n1=&c3=attr.&n3=hobby&c9=&n9=x",
        );
        let asked = Asked::of_form(&form);
        let expected = "/console/imports/file?file=a-1&source=shop.csv&c1=mobile&c3=attr.&n3=hobby";
        assert_eq!(asked.address(), expected);
        let again = Asked::of_query(expected.split('?').nth(1));
        assert_eq!((again.address(), again.source()), (expected.to_owned(), "shop.csv".to_owned()));
        assert_eq!(asked.picks[&2].whole("x"), "attr.hobby");
        let unnamed = Pick { target: CUSTOM.to_owned(), name: " ".to_owned() };
        assert_eq!(unnamed.whole(" size "), "attr.size");
    }

    #[test]
    fn an_offset_is_written_as_it_is_read() {
        let cases = [(0, "Z"), (28_800, "+08:00"), (-12_600, "-03:30")];
        for (seconds, expected) in cases {
            assert_eq!(offset(seconds), expected);
        }
    }
}
