//! The rows of a tenant beside what its journal makes of them, one at a time and in order.

use super::codec::{keys_of, number_of};
use super::rows::{
    self, conflict_columns, customer_columns, home_columns, identity_columns, merge_columns,
};
use super::trouble::Trouble;
pub(super) use crate::tables::compare::{Difference, Kind, What};
use crate::tables::compare::{Walk, customer_parts, identity_parts, whole};
use kehub_core::TenantId;
use kehub_core::facts::{Part, TenantFacts};
use kehub_core::identity::Identity;
use rusqlite::{Connection, Row};

const CUSTOMERS: &str = concat!(
    "SELECT ",
    customer_columns!(),
    " FROM customer WHERE key BETWEEN ?1 AND ?2 ORDER BY key"
);
const HOMES: &str =
    concat!("SELECT ", home_columns!(), " FROM home WHERE key BETWEEN ?1 AND ?2 ORDER BY key");
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

/// Everything of one kind of row that differs, in a part of a tenant.
pub(super) fn compare(
    conn: &Connection,
    facts: &TenantFacts,
    part: &Part,
    kind: Kind,
    found: &mut Vec<Difference>,
) -> Result<(), Trouble> {
    let tenant = facts.tenant();
    let mut table = Table { conn, tenant, part, kind, found };
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
    part: &'a Part,
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
        let mut rows = statement.query(keys_of(self.tenant, &self.kind.numbers(self.part)))?;
        let mut walk = Walk::new(self.kind, expected, self.found);
        while let Some(row) = rows.next()? {
            let key = key_of(row)?;
            if self.kind.is_of(self.part, key.0) {
                walk.row(key, read(row), &parts);
            }
        }
        walk.end();
        Ok(())
    }
}

fn one_key(row: &Row<'_>) -> Result<(i64, i64), Trouble> {
    Ok((number_of(row.get(0)?), 0))
}

fn two_keys(row: &Row<'_>) -> Result<(i64, i64), Trouble> {
    Ok((number_of(row.get(0)?), number_of(row.get(1)?)))
}
