//! How a row is not what the journal says.

use super::codec::{self, Indexed, Live};
use crate::report::{Rebuilt, Report};
use kehub_core::customer::Customer;
use kehub_core::facts::{Part, Retold, TenantFacts};
use kehub_core::identity::Identity;
use kehub_core::policy::Policy;
use kehub_core::{CustomerId, IdentityNumber, MergeId, TenantId, TypeNumber};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::iter::Peekable;
use std::ops::RangeInclusive;

/// What a row holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Customer,
    Home,
    Identity,
    Merge,
    CannotLink,
    Conflict,
    Undecided,
}

impl Kind {
    pub(crate) const ALL: [Kind; 7] = [
        Kind::Customer,
        Kind::Home,
        Kind::Identity,
        Kind::Merge,
        Kind::CannotLink,
        Kind::Conflict,
        Kind::Undecided,
    ];

    const fn name(self) -> &'static str {
        match self {
            Kind::Customer => "customer",
            Kind::Home => "home",
            Kind::Identity => "identity",
            Kind::Merge => "merge",
            Kind::CannotLink => "cannot-link",
            Kind::Conflict => "conflict",
            Kind::Undecided => "undecided claim",
        }
    }

    pub(crate) const fn plural(self) -> &'static str {
        match self {
            Kind::Customer => "customers",
            Kind::Home => "homes",
            Kind::Identity => "identities",
            Kind::Merge => "merges",
            Kind::CannotLink => "cannot-links",
            Kind::Conflict => "conflicts",
            Kind::Undecided => "undecided claims",
        }
    }

    /// The numbers between which the rows of a part are.
    pub(crate) fn numbers(self, part: &Part) -> RangeInclusive<i64> {
        match self {
            Kind::Customer | Kind::Home => part.customers(),
            Kind::Identity => part.identities(),
            // In no order of their homes.
            Kind::Merge => i64::MIN..=i64::MAX,
            Kind::CannotLink => part.links(),
            Kind::Conflict => part.conflicts(),
            Kind::Undecided => part.undecided(),
        }
    }

    /// Whether a row between those numbers is of the part.
    pub(crate) fn is_of(self, part: &Part, number: i64) -> bool {
        match self {
            Kind::Customer | Kind::Home => part.has_customer(CustomerId(number)),
            Kind::Merge => part.has_merge(MergeId(number)),
            Kind::Identity | Kind::CannotLink | Kind::Conflict | Kind::Undecided => true,
        }
    }
}

/// How a row is not what the journal says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum What {
    Missing,
    Unexpected,
    Unreadable,
    /// The parts that differ, for people.
    Differs(String),
}

/// A row that is not what the journal says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Difference {
    pub(crate) kind: Kind,
    /// Its number, or the two that name it.
    pub(crate) key: (i64, i64),
    pub(crate) what: What,
}

impl Difference {
    /// There is no such row.
    pub(crate) fn missing(kind: Kind, number: i64) -> Difference {
        Difference { kind, key: (number, 0), what: What::Missing }
    }

    /// Counts it among what a rebuild has changed.
    pub(crate) fn count_in(&self, rebuilt: &mut Rebuilt) {
        let counts = match self.what {
            What::Missing => &mut rebuilt.added,
            What::Unexpected => &mut rebuilt.removed,
            What::Unreadable | What::Differs(_) => &mut rebuilt.replaced,
        };
        let name = self.kind.plural();
        if let Some((_, count)) = counts.iter_mut().find(|(known, _)| *known == name) {
            *count += 1;
            return;
        }
        counts.push((name, 1));
        // However many customers were in memory at once.
        let place = |name| Kind::ALL.iter().position(|kind| kind.plural() == name);
        counts.sort_by_key(|(name, _)| place(*name));
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.name(), self.key.0)?;
        match self.kind {
            Kind::CannotLink => write!(f, " to {}", self.key.1)?,
            Kind::Undecided => write!(f, " with entry {}", self.key.1)?,
            Kind::Customer | Kind::Home | Kind::Identity | Kind::Merge | Kind::Conflict => (),
        }
        match &self.what {
            What::Missing => f.write_str(" has no row"),
            What::Unexpected => f.write_str(" has a row that the journal does not know"),
            What::Unreadable => f.write_str(" has a row that cannot be read"),
            What::Differs(parts) => write!(f, " is not what the journal says: {parts}"),
        }
    }
}

/// The first of all rows that are not what the journal says, whatever the order in which they are found.
#[derive(Debug, Default)]
pub(crate) struct Differences {
    first: BTreeSet<Difference>,
    left_out: u64,
}

impl Differences {
    pub(crate) fn extend(&mut self, found: impl IntoIterator<Item = Difference>) {
        for difference in found {
            self.first.insert(difference);
            if self.first.len() > Report::FINDINGS_MAX {
                self.first.pop_last();
                self.left_out += 1;
            }
        }
    }

    /// Tells them behind what is wrong with the journal.
    pub(crate) fn tell(mut self, tenant: TenantId, retold: &Retold, report: &mut Report) {
        for text in &retold.problems {
            report.find(Some(tenant), text.clone());
        }
        let lost = retold.without_row.iter();
        self.extend(lost.map(|number| Difference::missing(Kind::Identity, number.0)));
        for difference in &self.first {
            report.find(Some(tenant), difference.to_string());
        }
        report.left_out += retold.left_out + self.left_out;
    }
}

/// What is told while the journal is read for a part.
pub(crate) fn journal_step(part: &Part) -> String {
    match part.place() {
        (_, 1) => "the journal".to_owned(),
        (index, count) => format!("the journal, part {} of {count}", index + 1),
    }
}

/// What is told of an identity whose value stands in a second row, by the key of its own.
pub(crate) fn same_value(key: i64) -> String {
    let number = codec::number_of(key);
    format!("identity {number} has the same type and value as another one")
}

/// A walk through the rows of one kind and what is expected of them together. Both are in order.
pub(crate) struct Walk<'f, I: Iterator> {
    kind: Kind,
    expected: Peekable<I>,
    found: &'f mut Vec<Difference>,
}

impl<'f, E, I: Iterator<Item = ((i64, i64), E)>> Walk<'f, I> {
    pub(crate) fn new(kind: Kind, expected: I, found: &'f mut Vec<Difference>) -> Walk<'f, I> {
        Walk { kind, expected: expected.peekable(), found }
    }

    /// The next row: its key, and what it reads as; `parts` tells in what it differs.
    pub(crate) fn row<A, X>(
        &mut self,
        key: (i64, i64),
        row: Result<A, X>,
        parts: impl Fn(&E, &A) -> Option<String>,
    ) {
        while let Some((missing, _)) = self.expected.next_if(|(known, _)| *known < key) {
            self.tell(missing, What::Missing);
        }
        let known = self.expected.next_if(|(known, _)| *known == key);
        let what = match (known, row) {
            (_, Err(_)) => What::Unreadable,
            (None, Ok(_)) => What::Unexpected,
            (Some((_, known)), Ok(found)) => match parts(&known, &found) {
                Some(parts) => What::Differs(parts),
                None => return,
            },
        };
        self.tell(key, what);
    }

    /// After the last row.
    pub(crate) fn end(mut self) {
        while let Some((missing, _)) = self.expected.next() {
            self.tell(missing, What::Missing);
        }
    }

    fn tell(&mut self, key: (i64, i64), what: What) {
        self.found.push(Difference { kind: self.kind, key, what });
    }
}

pub(crate) fn whole(is_same: bool) -> Option<String> {
    (!is_same).then(|| "its content".to_owned())
}

pub(crate) fn customer_parts(
    tenant: TenantId,
    expected: &Customer,
    (found, indexed): &(Customer, Indexed),
) -> Option<String> {
    let mut parts = expected.differences(found);
    let columns = codec::indexed(tenant, expected).ok();
    if parts.is_empty() && columns.as_ref() != Some(indexed) {
        parts.push("the columns that lists go by");
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}

pub(crate) fn identity_parts(expected: &Identity, found: &Identity) -> Option<String> {
    let parts = [
        ("its home", expected.home != found.home),
        ("its quarantine", expected.quarantine != found.quarantine),
        ("what it was sent with", expected.companions != found.companions),
        ("who sent it", expected.apps != found.apps),
    ];
    let mut parts: Vec<&str> =
        parts.into_iter().filter(|(_, differs)| *differs).map(|(part, _)| part).collect();
    if parts.is_empty() && expected != found {
        parts.push("its content");
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// What a tenant notes of its live customers must be what there is.
pub(crate) fn check_live(tenant: TenantId, found: Live, noted: Live, report: &mut Report) {
    let counts = [
        ("", found.all, noted.all),
        (" of gender 1", found.male, noted.male),
        (" of gender 2", found.female, noted.female),
    ];
    for (which, found, noted) in counts {
        if found != noted {
            let text = format!("there are {found} live customers{which}, and noted as {noted}");
            report.find(Some(tenant), text);
        }
    }
}

/// Whether the types that identities are of are there, and identities under their canonical values.
#[derive(Debug, Default)]
pub(crate) struct Types {
    lost: BTreeMap<TypeNumber, u64>,
    moved: BTreeSet<IdentityNumber>,
    left_out: u64,
}

impl Types {
    /// Looks at the identities of a part.
    pub(crate) fn look_at(&mut self, facts: &TenantFacts) {
        for identity in facts.identities() {
            let Some(kind) = facts.policy().type_of(identity.key.kind) else {
                *self.lost.entry(identity.key.kind).or_default() += 1;
                continue;
            };
            if !identity.is_erased() && kind.canonical(&identity.raw) != *identity.key.value {
                self.moved.insert(identity.number);
                if self.moved.len() > Report::FINDINGS_MAX {
                    self.moved.pop_last();
                    self.left_out += 1;
                }
            }
        }
    }

    /// Tells what was found, and which types have one name.
    pub(crate) fn tell(self, tenant: TenantId, policy: &Policy, report: &mut Report) {
        let mut names: BTreeMap<String, TypeNumber> = BTreeMap::new();
        for kind in policy.types() {
            if let Some(other) = names.insert(kind.key(), kind.number) {
                let text = format!("identity types {other} and {} have one name", kind.number);
                report.find(Some(tenant), text);
            }
        }
        for number in self.moved {
            let text = format!("identity {number} is kept under another value than it has");
            report.find(Some(tenant), text);
        }
        report.left_out += self.left_out;
        for (kind, count) in self.lost {
            let text = format!("identity type {kind} has no row, and {count} identities are of it");
            report.find(Some(tenant), text);
        }
    }
}
