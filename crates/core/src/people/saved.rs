//! Filters that a user has saved, to come back to the same customers.
//!
//! An erasure does not look into them: what would name one customer is [not saved](names_a_person).

use crate::attribute::Attribute;
use crate::filter::{Condition, Filter, SortKey, Test};
use crate::{AppNumber, Micros};

/// Filters that one user may have saved.
pub const SAVED_FILTERS_MAX: usize = 100;
/// Characters of the name of a saved filter.
pub const SAVED_NAME_CHARS_MAX: usize = 64;
/// Bytes of what a saved filter asks for.
pub const SAVED_QUERY_BYTES_MAX: usize = 4096;

/// Attributes by which people are told from one another, or reached.
const PERSONAL: [Attribute; 23] = [
    Attribute::Id,
    Attribute::DisplayName,
    Attribute::Name,
    Attribute::NickName,
    Attribute::Img,
    Attribute::Mobile,
    Attribute::Email,
    Attribute::Wechat,
    Attribute::Weibo,
    Attribute::Qq,
    Attribute::Street,
    Attribute::HomeAddress,
    Attribute::OfficeAddress,
    Attribute::Website,
    Attribute::Telephone,
    Attribute::Birthday,
    Attribute::Referrer,
    Attribute::ReferrerName,
    Attribute::Remark,
    Attribute::ExternalId,
    Attribute::MembershipNo,
    Attribute::Code,
    Attribute::WechatNickName,
];

/// A filter that a user has saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedFilter {
    /// Whose it is: a user, by its app.
    pub app: AppNumber,
    /// What it is called, once among those of its user; at most [`SAVED_NAME_CHARS_MAX`].
    pub name: Box<str>,
    /// What it asks for: the query of the list, at most [`SAVED_QUERY_BYTES_MAX`].
    pub query: Box<str>,
    /// When it was saved.
    pub saved_at: Micros,
}

/// A change of the filters that a user has saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SavedChange {
    /// Save one, in the place of one that is called so already.
    Save {
        /// Whose it is to be.
        app: AppNumber,
        /// What it is called.
        name: Box<str>,
        /// What it asks for.
        query: Box<str>,
    },
    /// Forget one.
    Forget {
        /// Whose it is.
        app: AppNumber,
        /// What it is called.
        name: Box<str>,
    },
}

impl SavedChange {
    /// Whose filters it changes.
    pub fn app(&self) -> AppNumber {
        match self {
            SavedChange::Save { app, .. } | SavedChange::Forget { app, .. } => *app,
        }
    }
}

/// The first field by whose value a filter names one person rather than a group. Whether there is a value
/// names nobody.
pub fn names_a_person(filter: &Filter) -> Option<Attribute> {
    filter.conditions.iter().find_map(|condition| match condition {
        Condition::MobileIs(_) => Some(Attribute::Mobile),
        Condition::EmailIs(_) => Some(Attribute::Email),
        Condition::IdIn(_) => Some(Attribute::Id),
        Condition::Field(_, Test::Empty | Test::NotEmpty)
        | Condition::Field(SortKey::Custom(_), _)
        | Condition::Empty(_)
        | Condition::GenderIs(_)
        | Condition::Created(_)
        | Condition::Updated(_) => None,
        Condition::TextIs(attribute, _) | Condition::Field(SortKey::Attribute(attribute), _) => {
            PERSONAL.contains(attribute).then_some(*attribute)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::Value;

    fn field(attribute: Attribute, test: Test) -> Filter {
        Filter { conditions: vec![Condition::Field(SortKey::Attribute(attribute), test)] }
    }

    #[test]
    fn a_filter_of_a_group_names_nobody() {
        let is = |text: &str| Test::Is(vec![Value::Text(text.into())]);
        for (filter, named) in [
            (Filter::default(), None),
            (field(Attribute::City, is("Beijing")), None),
            (field(Attribute::Mobile, Test::NotEmpty), None),
            (field(Attribute::Mobile, Test::Begins("1380000".into())), Some(Attribute::Mobile)),
            (field(Attribute::Name, is("Wang")), Some(Attribute::Name)),
            (field(Attribute::MembershipNo, is("7")), Some(Attribute::MembershipNo)),
            (
                Filter { conditions: vec![Condition::EmailIs("a@example.com".into())] },
                Some(Attribute::Email),
            ),
        ] {
            assert_eq!(names_a_person(&filter), named, "{filter:?}");
        }
    }
}
