//! The rows of a tenant beside what its journal makes of them, one at a time and in order.

use super::codec::{key_range, number_of};
use super::rows::{
    self, Indexed, conflict_columns, customer_columns, identity_columns, merge_columns,
};
use super::trouble::Trouble;
use super::write;
use kehub_core::TenantId;
use kehub_core::customer::Customer;
use kehub_core::facts::TenantFacts;
use kehub_core::identity::Identity;
use rusqlite::{Connection, Row};
use std::cmp::Ordering;
use std::fmt;

const CUSTOMERS: &str = concat!(
    "SELECT ",
    customer_columns!(),
    " FROM customer WHERE key BETWEEN ?1 AND ?2 ORDER BY key"
);
const HOMES: &str = "
    SELECT key, source, stage, fields, cells FROM home WHERE key BETWEEN ?1 AND ?2 ORDER BY key";
const IDENTITIES: &str = concat!(
    "SELECT ",
    identity_columns!(),
    " FROM identity WHERE key BETWEEN ?1 AND ?2 ORDER BY key"
);
const MERGES: &str =
    concat!("SELECT ", merge_columns!(), " FROM merge WHERE key BETWEEN ?1 AND ?2 ORDER BY key");
const CANNOT_LINKS: &str =
    "SELECT low, high, seq FROM cannot_link WHERE low BETWEEN ?1 AND ?2 ORDER BY low, high";
const CONFLICTS: &str = concat!(
    "SELECT ",
    conflict_columns!(),
    " FROM conflict WHERE key BETWEEN ?1 AND ?2 ORDER BY key"
);
const UNDECIDED: &str =
    "SELECT merge, claim FROM undecided WHERE merge BETWEEN ?1 AND ?2 ORDER BY merge, claim";

/// What a row holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Customer,
    Home,
    Identity,
    Merge,
    CannotLink,
    Conflict,
    Undecided,
}

impl Kind {
    pub(super) const ALL: [Kind; 7] = [
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

    pub(super) const fn plural(self) -> &'static str {
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
}

/// How a row is not what the journal says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    Missing,
    Unexpected,
    Unreadable,
    /// The parts that differ, for people.
    Differs(String),
}

/// A row that is not what the journal says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) kind: Kind,
    /// Its number, or the two that name it.
    pub(super) key: (i64, i64),
    pub(super) what: What,
}

impl Difference {
    /// There is no such row.
    pub(super) fn missing(kind: Kind, number: i64) -> Difference {
        Difference { kind, key: (number, 0), what: What::Missing }
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

/// Everything of one kind of row that differs.
pub(super) fn compare(
    conn: &Connection,
    facts: &TenantFacts,
    kind: Kind,
    found: &mut Vec<Difference>,
) -> Result<(), Trouble> {
    let tenant = facts.tenant();
    let mut table = Table { conn, tenant, kind, found };
    match kind {
        Kind::Customer => {
            let expected = facts.customers().map(|it| ((it.id.0, 0), it));
            table.compare(CUSTOMERS, expected, one_key, rows::customer, |expected, row| {
                customer_parts(tenant, expected, row)
            })
        }
        Kind::Home => {
            let expected = facts.homes().map(|(home, fold)| ((home.0, 0), fold));
            table.compare(HOMES, expected, one_key, rows::home, |expected, (_, fold)| {
                whole(*expected == fold)
            })
        }
        Kind::Identity => {
            let mut expected: Vec<&Identity> = facts.identities().collect();
            expected.sort_unstable_by_key(|identity| identity.number);
            let expected = expected.into_iter().map(|it| ((it.number.0, 0), it));
            table.compare(IDENTITIES, expected, one_key, rows::identity, |expected, row| {
                identity_parts(expected, row)
            })
        }
        Kind::Merge => {
            let expected = facts.merges().map(|it| ((it.id.0, 0), it));
            table.compare(MERGES, expected, one_key, rows::merge, |it, row| whole(*it == row))
        }
        Kind::CannotLink => {
            let links = facts.links().map(|(link, seq)| ((link.low.0, link.high.0), seq));
            table.compare(CANNOT_LINKS, links, two_keys, rows::cannot_link, |seq, (_, row)| {
                whole(seq == row)
            })
        }
        Kind::Conflict => {
            let expected = facts.conflicts().map(|it| ((it.id.0, 0), it));
            table.compare(CONFLICTS, expected, one_key, rows::conflict, |it, row| whole(*it == row))
        }
        Kind::Undecided => {
            let expected = facts.undecided().map(|(merge, claim)| ((merge.0, claim.0), ()));
            table.compare(UNDECIDED, expected, two_keys, |_| Ok(()), |(), ()| None)
        }
    }
}

/// The rows of one kind.
struct Table<'a> {
    conn: &'a Connection,
    tenant: TenantId,
    kind: Kind,
    found: &'a mut Vec<Difference>,
}

impl Table<'_> {
    /// Walks through rows and expectations together. Both are in order.
    fn compare<E, A>(
        &mut self,
        sql: &str,
        expected: impl Iterator<Item = ((i64, i64), E)>,
        key_of: impl Fn(&Row<'_>) -> Result<(i64, i64), Trouble>,
        read: impl Fn(&Row<'_>) -> Result<A, Trouble>,
        parts: impl Fn(&E, &A) -> Option<String>,
    ) -> Result<(), Trouble> {
        let mut statement = self.conn.prepare_cached(sql)?;
        let mut rows = statement.query(key_range(self.tenant))?;
        let mut expected = expected.peekable();
        while let Some(row) = rows.next()? {
            let key = key_of(row)?;
            while let Some((missing, _)) = expected.next_if(|(known, _)| *known < key) {
                self.tell(missing, What::Missing);
            }
            let Some((_, known)) =
                expected.next_if(|(known, _)| known.cmp(&key) == Ordering::Equal)
            else {
                let is_readable = read(row).is_ok();
                self.tell(key, if is_readable { What::Unexpected } else { What::Unreadable });
                continue;
            };
            match read(row) {
                Err(_) => self.tell(key, What::Unreadable),
                Ok(found) => {
                    if let Some(parts) = parts(&known, &found) {
                        self.tell(key, What::Differs(parts));
                    }
                }
            }
        }
        for (missing, _) in expected {
            self.tell(missing, What::Missing);
        }
        Ok(())
    }

    fn tell(&mut self, key: (i64, i64), what: What) {
        self.found.push(Difference { kind: self.kind, key, what });
    }
}

fn one_key(row: &Row<'_>) -> Result<(i64, i64), Trouble> {
    Ok((number_of(row.get(0)?), 0))
}

fn two_keys(row: &Row<'_>) -> Result<(i64, i64), Trouble> {
    Ok((number_of(row.get(0)?), number_of(row.get(1)?)))
}

fn whole(is_same: bool) -> Option<String> {
    (!is_same).then(|| "its content".to_owned())
}

fn customer_parts(
    tenant: TenantId,
    expected: &Customer,
    (found, indexed): &(Customer, Indexed),
) -> Option<String> {
    let mut parts = expected.differences(found);
    let columns = write::indexed(tenant, expected).ok();
    if parts.is_empty() && columns.as_ref() != Some(indexed) {
        parts.push("the columns that lists go by");
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn identity_parts(expected: &Identity, found: &Identity) -> Option<String> {
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
