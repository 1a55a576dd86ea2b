//! By what rows find their customers.

use kehub_core::attribute::FieldProblem;
use kehub_core::command::Matching;
use kehub_core::misfit::{Expected, Found};
use std::fmt;

/// By what rows find their customers, beside identities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FoundBy {
    /// By a column of ids of the hub.
    pub(crate) id: bool,
    pub(crate) mobile: bool,
    pub(crate) email: bool,
}

impl Default for FoundBy {
    /// As upserts usually do.
    fn default() -> FoundBy {
        let Matching { customer: _, mobile, email } = Matching::default();
        FoundBy { id: false, mobile, email }
    }
}

impl FoundBy {
    /// What stands in such a list.
    pub(crate) fn named(text: &str) -> Result<FoundBy, FieldProblem> {
        let mut found_by = FoundBy { id: false, mobile: false, email: false };
        let mut by_identity = false;
        for word in text.split(',').map(str::trim) {
            match word {
                "id" => found_by.id = true,
                "identity" => by_identity = true,
                "mobile" => found_by.mobile = true,
                "email" => found_by.email = true,
                _ => {
                    return Err(unfit(Expected::FoundBy, word));
                }
            }
        }
        if by_identity {
            return Ok(found_by);
        }
        Err(unfit(Expected::FoundByIdentity, text))
    }

    /// What an upsert is told of it.
    pub(crate) fn matching(self) -> Matching {
        Matching { customer: None, mobile: self.mobile, email: self.email }
    }
}

fn unfit(expected: Expected, found: &str) -> FieldProblem {
    let is_nothing = found.trim().is_empty();
    FieldProblem::new(expected, if is_nothing { Found::Nothing } else { Found::OtherText })
}

impl fmt::Display for FoundBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.id { "id,identity" } else { "identity" })?;
        f.write_str(if self.mobile { ",mobile" } else { "" })?;
        f.write_str(if self.email { ",email" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_as_it_is_told() {
        for text in ["identity", "id,identity", "identity,email", "id,identity,mobile,email"] {
            assert_eq!(FoundBy::named(text).unwrap().to_string(), text);
        }
        assert_eq!(FoundBy::named(" email, identity ").unwrap().to_string(), "identity,email");
        assert_eq!(FoundBy::default().to_string(), "identity,mobile,email");
        for (text, expected, found) in [
            ("identity,phone", "some of id, identity", "other text"),
            ("identity,", "some of id, identity", "nothing"),
            ("id,mobile", "`identity` among them", "other text"),
        ] {
            let problem = FoundBy::named(text).unwrap_err();
            assert!(problem.expected.to_string().starts_with(expected), "{text}: {problem}");
            assert_eq!(problem.found.to_string(), found, "{text}");
        }
    }
}
