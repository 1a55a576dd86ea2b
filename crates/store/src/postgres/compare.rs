//! The rows of a tenant beside what its journal makes of them, one at a time and in order.

use super::connection::Connection;
use super::query::{
    ALL_CANNOT_LINKS, ALL_CONFLICTS, ALL_CUSTOMERS, ALL_HOMES, ALL_IDENTITIES, ALL_MERGES,
    ALL_UNDECIDED,
};
use super::ranges;
use super::rows;
use super::trouble::Trouble;
use crate::tables::codec::{keys_of, number_of};
use crate::tables::compare::{Difference, Kind, Walk, customer_parts, identity_parts, whole};
use kehub_core::TenantId;
use kehub_core::facts::{Part, TenantFacts};
use kehub_core::identity::Identity;
use tokio_postgres::Row;

/// Everything of one kind of row that differs, in a part of a tenant.
pub(super) async fn compare(
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
            let expected = Box::new(facts.customers().map(|it| ((it.id.0, 0), it)));
            table
                .compare(ALL_CUSTOMERS, expected, one_key, rows::customer, |expected, row| {
                    customer_parts(tenant, expected, row)
                })
                .await
        }
        Kind::Home => {
            let expected = Box::new(facts.homes().map(|(home, fold)| ((home.0, 0), fold)));
            table
                .compare(ALL_HOMES, expected, one_key, rows::home, |expected, (_, fold)| {
                    whole(*expected == fold)
                })
                .await
        }
        Kind::Identity => {
            let mut expected: Vec<&Identity> = facts.identities().collect();
            expected.sort_unstable_by_key(|identity| identity.number);
            let expected = Box::new(expected.into_iter().map(|it| ((it.number.0, 0), it)));
            table
                .compare(ALL_IDENTITIES, expected, one_key, rows::identity, |expected, row| {
                    identity_parts(expected, row)
                })
                .await
        }
        Kind::Merge => {
            let expected = Box::new(facts.merges().map(|it| ((it.id.0, 0), it)));
            table
                .compare(ALL_MERGES, expected, one_key, rows::merge, |it, row| whole(*it == row))
                .await
        }
        Kind::CannotLink => {
            let links = facts.links().map(|(link, seq)| ((link.low.0, link.high.0), seq));
            let links = Box::new(links);
            table
                .compare(ALL_CANNOT_LINKS, links, two_keys, rows::cannot_link, |seq, (_, row)| {
                    whole(seq == row)
                })
                .await
        }
        Kind::Conflict => {
            let expected = Box::new(facts.conflicts().map(|it| ((it.id.0, 0), it)));
            table
                .compare(ALL_CONFLICTS, expected, one_key, rows::conflict, |it, row| {
                    whole(*it == row)
                })
                .await
        }
        Kind::Undecided => {
            let expected = facts.undecided().map(|(merge, claim)| ((merge.0, claim.0), ()));
            let expected = Box::new(expected);
            table.compare(ALL_UNDECIDED, expected, two_keys, |_| Ok(()), |(), ()| None).await
        }
    }
}

/// What is expected, by key and in order.
type Expected<'e, E> = Box<dyn Iterator<Item = ((i64, i64), E)> + Send + 'e>;

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
    async fn compare<E, A>(
        &mut self,
        sql: &str,
        expected: Expected<'_, E>,
        key_of: impl Fn(&Row) -> Result<(i64, i64), Trouble>,
        read: impl Fn(&Row) -> Result<A, Trouble>,
        parts: impl Fn(&E, &A) -> Option<String>,
    ) -> Result<(), Trouble> {
        let first_key = match self.kind {
            Kind::Customer => ranges::CUSTOMERS,
            Kind::Home => ranges::HOMES,
            Kind::Identity => ranges::IDENTITIES,
            Kind::Merge | Kind::CannotLink | Kind::Conflict | Kind::Undecided => {
                ranges::OF_ONE_PLACE
            }
        };
        let keys = keys_of(self.tenant, &self.kind.numbers(self.part));
        let mut walk = Walk::new(self.kind, expected, self.found);
        ranges::each(self.conn, first_key, sql, keys, |row| {
            let key = key_of(row)?;
            if self.kind.is_of(self.part, key.0) {
                walk.row(key, read(row), &parts);
            }
            Ok(())
        })
        .await?;
        walk.end();
        Ok(())
    }
}

fn one_key(row: &Row) -> Result<(i64, i64), Trouble> {
    Ok((number_of(row.try_get(0)?), 0))
}

fn two_keys(row: &Row) -> Result<(i64, i64), Trouble> {
    Ok((number_of(row.try_get(0)?), number_of(row.try_get(1)?)))
}
