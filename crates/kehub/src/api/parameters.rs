//! Query parameters of `/api`: each at most once, none that nobody knows, all problems at once.

use super::problem::{Code, ItemError, Place, Problem};
use crate::wire::json::shortened;
use crate::wire::query::Query;
use crate::wire::time;
use kehub_core::Micros;
use kehub_core::attribute::FieldProblem;
use kehub_core::misfit::{Expected, Found};

/// The parameters of a call. Each is taken out by who knows it; [`Parameters::end`] tells of the
/// rest.
#[derive(Debug)]
pub(crate) struct Parameters {
    /// Names and values, in the order of the address.
    given: Vec<(String, String)>,
    known: Vec<&'static str>,
    errors: Vec<ItemError>,
}

impl Parameters {
    pub(crate) fn read(query: Option<&str>) -> Parameters {
        let mut parameters =
            Parameters { given: Vec::new(), known: Vec::new(), errors: Vec::new() };
        for (name, value) in Query::new(query).decoded() {
            match (name, value) {
                (Some(name), Some(value)) => parameters.given.push((name, value)),
                (name, _) => {
                    let name = name.unwrap_or_default();
                    parameters.unfit(&name, Expected::Text, "bytes that are no text");
                }
            }
        }
        parameters
    }

    /// Parameters that come from elsewhere than an address.
    pub(crate) fn given(given: Vec<(String, String)>) -> Parameters {
        Parameters { given, known: Vec::new(), errors: Vec::new() }
    }

    /// The value of a parameter; given twice, it is a problem.
    pub(crate) fn text(&mut self, name: &'static str) -> Option<String> {
        self.known.push(name);
        let mut values = self.given.extract_if(.., |(known, _)| known == name);
        let value = values.next().map(|(_, value)| value);
        let is_repeated = values.count() > 0;
        if is_repeated {
            self.repeated(name, "the parameter is given twice");
        }
        value
    }

    /// Reads the value of a parameter; `expected` tells people what it must be.
    pub(crate) fn parsed<T>(
        &mut self,
        name: &'static str,
        expected: impl Into<Expected>,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let value = self.text(name)?;
        let parsed = parse(&value);
        if parsed.is_none() {
            let found = if value.is_empty() { Found::Nothing } else { Found::OtherText };
            self.unfit(name, expected, found);
        }
        parsed
    }

    /// Whether a parameter is on: `1`, `true`, or there without a value.
    pub(crate) fn flag(&mut self, name: &'static str) -> bool {
        let flag = self.parsed(name, Expected::OneOrZero, |value| match value {
            "" | "1" | "true" => Some(true),
            "0" | "false" => Some(false),
            _ => None,
        });
        flag.unwrap_or(false)
    }

    /// A moment that has passed.
    pub(crate) fn passed_moment(&mut self, name: &'static str, now: Micros) -> Option<Micros> {
        let at = self.parsed(name, time::EXPECTED, |text| {
            // A blank before an offset is its raw `+`.
            time::parse(&text.replacen(' ', "+", 1))
        })?;
        if at <= now {
            return Some(at);
        }
        self.unfit(name, "a moment that has passed", "one in the future");
        None
    }

    /// Whether a parameter is given, fit or not.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.given.iter().any(|(known, _)| known == name)
    }

    /// How many items to answer at most.
    pub(crate) fn limit(&mut self) -> usize {
        const USUAL: usize = 50;
        const MAX: usize = 1000;
        let range = format!("a whole number from 1 to {MAX}");
        let in_range = |text: &str| text.parse().ok().filter(|limit| (1..=MAX).contains(limit));
        self.parsed("limit", range, in_range).unwrap_or(USUAL)
    }

    /// Whether to only say what would happen.
    pub(crate) fn dry_run(&mut self) -> bool {
        self.flag("dryRun")
    }

    /// All that nobody has taken out yet, for a reader that knows any name. Each stands once.
    pub(crate) fn rest(&mut self) -> Vec<(String, String)> {
        let mut rest: Vec<(String, String)> = Vec::new();
        for (name, value) in std::mem::take(&mut self.given) {
            if rest.iter().any(|(known, _)| *known == name) {
                let place = Place::Parameter(shortened(&name));
                self.errors.push(ItemError::repeated(place, "the parameter is given twice"));
            } else {
                rest.push((name, value));
            }
        }
        rest
    }

    /// Remembers a parameter whose name says nothing here.
    pub(crate) fn unknown(&mut self, name: &str, expected: Expected) {
        self.errors.push(ItemError::unknown_parameter(name, &self.known, Some(expected)));
    }

    /// Remembers a parameter that must be there.
    pub(crate) fn missing(&mut self, name: &str, expected: &str) {
        self.errors.push(ItemError::missing(Place::Parameter(name.to_owned()), expected));
    }

    /// Remembers a parameter that does not fit.
    pub(crate) fn unfit(
        &mut self,
        name: &str,
        expected: impl Into<Expected>,
        found: impl Into<Found>,
    ) {
        self.misfit(name, &FieldProblem::new(expected, found));
    }

    /// The same for a value that was read.
    pub(crate) fn misfit(&mut self, name: &str, problem: &FieldProblem) {
        self.errors.push(ItemError::invalid(Place::Parameter(shortened(name)), problem));
    }

    /// Remembers a parameter that says again what others say.
    pub(crate) fn repeated(&mut self, name: &str, detail: &'static str) {
        self.errors.push(ItemError::repeated(Place::Parameter(name.to_owned()), detail));
    }

    /// Tells what did not fit, and which parameters nobody took out.
    pub(crate) fn end(mut self) -> Result<(), Problem> {
        for (name, _) in &self.given {
            self.errors.push(ItemError::unknown_parameter(name, &self.known, None));
        }
        if self.errors.is_empty() {
            return Ok(());
        }
        Err(Problem::errors(Code::ParametersInvalid, self.errors))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(query: &str) -> Vec<(String, String)> {
        let mut parameters = Parameters::read(Some(query));
        parameters.dry_run();
        parameters.parsed("limit", "a number", |text| text.parse::<u8>().ok());
        let Err(problem) = parameters.end() else { return Vec::new() };
        let body = problem.body("");
        let errors = body["errors"].as_array().unwrap().iter();
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        errors.map(|it| (text(&it["parameter"]), text(&it["code"]))).collect()
    }

    #[test]
    fn nothing_is_ignored_in_silence() {
        assert_eq!(errors(""), []);
        assert_eq!(errors("dryRun&limit=5&"), []);
        assert_eq!(errors("dryrun=1"), [("dryrun".to_owned(), "unknown".to_owned())]);
        assert_eq!(errors("limit=1&limit=1"), [("limit".to_owned(), "repeated".to_owned())]);
        let both = errors("dryRun=maybe&limit=x&a=%ff");
        let names: Vec<&str> = both.iter().map(|(name, _)| &**name).collect();
        assert_eq!(names, ["a", "dryRun", "limit"]);
        assert!(both.iter().all(|(_, code)| code == "invalid"), "{both:?}");
    }
}
