//! Duplicates: customers that look like one person. They are suggested to people and never merged
//! on their own; nothing here has a say in an upsert.
//!
//! Comparing everybody with everybody is out of the question. [`Finder`] is told a few traits of
//! each customer and says which pairs are worth a look, and which customers share something with so
//! many that no pair of them is; [`Suspect::compare`] looks.

mod finder;
mod names;

pub use finder::{Candidates, Crowd, Finder, Traits};
pub use names::Name;

use crate::attribute::{Attribute, Value};
use crate::customer::Customer;
use crate::identity::Identity;
use crate::policy::{Policy, TypeRules};
use crate::{CustomerId, TypeNumber, canonical};
use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};

/// The characters from which on an identity that differs by one may be a typing error. Below, it
/// is the next number.
const IDENTITY_CHARS_MIN: usize = 6;
/// How near names must be that share no more than a postcode.
const NEARNESS_IN_A_PLACE_MIN: f64 = 0.75;
/// Of a hundred, what a suggestion must come to.
const SCORE_MIN: u8 = 30;

/// What two customers have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The same mobile, in canonical form.
    SameMobile,
    /// The same e-mail address, in canonical form.
    SameEmail,
    /// The same name and birthday.
    SameNameAndBirthday,
    /// Names that differ by typing errors or a word, and the same birthday.
    NearNameAndBirthday,
    /// Names that are the same or nearly, and the same postcode.
    NearNameAndPostcode,
    /// Identities of one type that differ by one character, and the same birthday.
    NearIdentityAndBirthday,
}

impl Reason {
    /// Every reason.
    pub const ALL: &[Reason] = &[
        Reason::SameMobile,
        Reason::SameEmail,
        Reason::SameNameAndBirthday,
        Reason::NearNameAndBirthday,
        Reason::NearNameAndPostcode,
        Reason::NearIdentityAndBirthday,
    ];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Reason::SameMobile => "sameMobile",
            Reason::SameEmail => "sameEmail",
            Reason::SameNameAndBirthday => "sameNameAndBirthday",
            Reason::NearNameAndBirthday => "nearNameAndBirthday",
            Reason::NearNameAndPostcode => "nearNameAndPostcode",
            Reason::NearIdentityAndBirthday => "nearIdentityAndBirthday",
        }
    }

    /// The reason of this name.
    pub fn named(name: &str) -> Option<Reason> {
        Reason::ALL.iter().copied().find(|reason| reason.name() == name)
    }

    /// How much it says, of a hundred, if the names are this near.
    fn weight(self, nearness: f64) -> f64 {
        match self {
            Reason::SameMobile | Reason::SameEmail => 70.0,
            Reason::SameNameAndBirthday => 85.0,
            Reason::NearNameAndBirthday => 80.0 * nearness,
            Reason::NearNameAndPostcode => 55.0 * nearness,
            Reason::NearIdentityAndBirthday => 65.0,
        }
    }
}

/// Two customers that look like one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggestion {
    /// The smaller id.
    pub low: CustomerId,
    /// The larger id.
    pub high: CustomerId,
    /// What they have in common, in the order of [`Reason::ALL`].
    pub reasons: Vec<Reason>,
    /// How likely it looks, from 1 to 99. It orders suggestions and promises nothing.
    pub score: u8,
}

/// What looks like duplicates in a tenant, as of one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Duplicates {
    /// Pairs, the likeliest first, each once.
    pub suggestions: Vec<Suggestion>,
    /// What so many share that no pair of them is suggested for it, largest first.
    pub crowds: Vec<Crowd>,
    /// Whether there was more to look at than the hub looks at.
    pub is_cut: bool,
}

impl Duplicates {
    /// Looks at the candidates. `suspect` tells what a customer is compared by; `are_apart` whether
    /// somebody said that two customers are different people.
    pub fn among<E>(
        candidates: Candidates,
        mut suspect: impl FnMut(CustomerId) -> Result<Option<Suspect>, E>,
        are_apart: impl Fn(CustomerId, CustomerId) -> bool,
    ) -> Result<Duplicates, E> {
        let Candidates { pairs, crowds, is_cut } = candidates;
        let mut known: HashMap<CustomerId, Option<Suspect>> = HashMap::new();
        for id in pairs.iter().flat_map(|(low, high)| [*low, *high]) {
            if let Entry::Vacant(place) = known.entry(id) {
                place.insert(suspect(id)?);
            }
        }
        let look = |(low, high): &(CustomerId, CustomerId)| {
            let (low, high) = (known.get(low)?.as_ref()?, known.get(high)?.as_ref()?);
            low.compare(high).filter(|found| !are_apart(found.low, found.high))
        };
        let mut suggestions: Vec<Suggestion> = pairs.iter().filter_map(look).collect();
        suggestions.sort_by_key(|it| (std::cmp::Reverse(it.score), it.low, it.high));
        Ok(Duplicates { suggestions, crowds, is_cut })
    }
}

/// What of a customer it is compared by.
#[derive(Clone, Debug, PartialEq)]
pub struct Suspect {
    id: CustomerId,
    mobile: Option<String>,
    email: Option<String>,
    name: Option<Name>,
    birthday: Option<Box<str>>,
    postcode: Option<Box<str>>,
    gender: i64,
    identities: BTreeSet<(TypeNumber, Box<str>)>,
}

impl Suspect {
    /// What a customer and its identities say.
    pub fn of<'i>(
        customer: &Customer,
        identities: impl IntoIterator<Item = &'i Identity>,
        policy: &Policy,
    ) -> Suspect {
        let fold = &customer.fold;
        let text = |attribute| fold.text(attribute).map(str::trim).filter(|text| !text.is_empty());
        let usable = |attribute: Attribute| {
            let value = canonical::identity_value(attribute.name(), text(attribute)?);
            (!policy.is_blocked(attribute.name(), &value)).then_some(value)
        };
        let gender = match fold.attribute(Attribute::Gender) {
            Some(Value::Integer(gender)) => *gender,
            Some(Value::Text(_) | Value::Decimal(_) | Value::Flag(_)) | None => 0,
        };
        let identities = identities
            .into_iter()
            .filter(|identity| may_be_mistyped(policy.rules_of(identity.key.kind)));
        Suspect {
            id: customer.id,
            mobile: usable(Attribute::Mobile),
            email: usable(Attribute::Email),
            name: text(Attribute::Name).and_then(Name::of),
            birthday: text(Attribute::Birthday).map(Into::into),
            postcode: text(Attribute::Postcode).map(Into::into),
            gender,
            identities: identities
                .map(|identity| (identity.key.kind, identity.key.value.clone()))
                .collect(),
        }
    }

    /// Whether two customers look like one person; `None` if they do not.
    pub fn compare(&self, other: &Suspect) -> Option<Suggestion> {
        let names = self.name.as_ref().zip(other.name.as_ref());
        let nearness = names.and_then(|(one, other)| one.nearness(other));
        let born_together = same(self.birthday.as_ref(), other.birthday.as_ref());
        let is_same_name = nearness.is_some_and(|nearness| nearness >= 1.0);
        let holds = |reason: &Reason| match reason {
            Reason::SameMobile => same(self.mobile.as_ref(), other.mobile.as_ref()),
            Reason::SameEmail => same(self.email.as_ref(), other.email.as_ref()),
            Reason::SameNameAndBirthday => born_together && is_same_name,
            Reason::NearNameAndBirthday => born_together && nearness.is_some() && !is_same_name,
            Reason::NearNameAndPostcode => {
                nearness.is_some_and(|nearness| nearness >= NEARNESS_IN_A_PLACE_MIN)
                    && same(self.postcode.as_ref(), other.postcode.as_ref())
            }
            Reason::NearIdentityAndBirthday => born_together && self.has_near_identity(other),
        };
        let reasons: Vec<Reason> = Reason::ALL.iter().copied().filter(holds).collect();
        // Each reason leaves a part of the doubt that the others leave.
        let doubt: f64 = reasons
            .iter()
            .map(|reason| 1.0 - reason.weight(nearness.unwrap_or_default()) / 100.0)
            .product();
        let likely = (1.0 - doubt) * self.plausibility(other, nearness);
        let score = (1..=99_u8).rev().find(|score| f64::from(*score) <= likely * 100.0)?;
        let (low, high) = (self.id.min(other.id), self.id.max(other.id));
        (!reasons.is_empty() && score >= SCORE_MIN && low != high).then_some(Suggestion {
            low,
            high,
            reasons,
            score,
        })
    }

    /// What speaks against it: relatives share a number and an address, but not a name or birthday.
    fn plausibility(&self, other: &Suspect, nearness: Option<f64>) -> f64 {
        let differ = |one: Option<&Box<str>>, other: Option<&Box<str>>| {
            one.is_some() && other.is_some() && one != other
        };
        let both_named = self.name.is_some() && other.name.is_some();
        let names = if both_named && nearness.is_none() { 0.6 } else { 1.0 };
        let days = differ(self.birthday.as_ref(), other.birthday.as_ref());
        let birthdays = if days { 0.7 } else { 1.0 };
        let known = self.gender != 0 && other.gender != 0;
        let genders = if known && self.gender != other.gender { 0.8 } else { 1.0 };
        names * birthdays * genders
    }

    fn has_near_identity(&self, other: &Suspect) -> bool {
        self.identities.iter().any(|(kind, value)| {
            let theirs = other.identities.iter().filter(|(other, _)| other == kind);
            theirs.into_iter().any(|(_, other)| differ_by_one(value, other))
        })
    }
}

fn same<T: PartialEq>(one: Option<&T>, other: Option<&T>) -> bool {
    one.is_some() && one == other
}

/// Whether values of this type are typed by people, and stand for one of them.
pub(crate) fn may_be_mistyped(rules: TypeRules) -> bool {
    rules.role != crate::policy::Role::Weak
}

fn differ_by_one(one: &str, other: &str) -> bool {
    let chars = one.chars().count().min(other.chars().count());
    chars >= IDENTITY_CHARS_MIN && strsim::osa_distance(one, other) == 1
}
