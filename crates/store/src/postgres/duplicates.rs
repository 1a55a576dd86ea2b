//! Who looks like one person: everybody is looked at once, in order, for a few traits; then the
//! rows of those that share one are read. No index is kept for it.

use super::cluster;
use super::connection::{Connection, LONG};
use super::ranges::{self, OF_ONE_PLACE};
use super::trouble::Trouble;
use super::{policy, query, rows};
use crate::tables::codec::{self, key_range, number_of};
use kehub_core::duplicates::{Duplicates, Finder, Suspect, Traits};
use kehub_core::{CustomerId, TenantId};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

const TRAITS: &str = "
    SELECT key, mobile_key, email_key,
           name, fields ->> 'birthday', fields ->> 'postcode'
    FROM customer WHERE key BETWEEN $1 AND $2 AND live IS NOT NULL ORDER BY key";
const REDIRECTS: &str = "SELECT key, survivor FROM customer WHERE survivor BETWEEN $1 AND $2";
const OWNED: &str = "
    SELECT type, value, home FROM identity
    WHERE key BETWEEN $1 AND $2 AND home IS NOT NULL ORDER BY key";
const CANNOT_LINKS: &str = "SELECT low, high, seq FROM cannot_link WHERE low BETWEEN $1 AND $2";

/// The statements of this file, for tests that look at all of them.
#[cfg(any(test, feature = "testing"))]
pub(super) const STATEMENTS: &[(&str, &str)] = &[
    ("traits", TRAITS),
    ("redirects", REDIRECTS),
    ("owned identities", OWNED),
    ("all cannot-links", CANNOT_LINKS),
];

/// What looks like duplicates in a tenant.
pub(super) async fn duplicates(conn: &Connection, tenant: TenantId) -> Result<Duplicates, Trouble> {
    conn.batch(LONG).await?;
    cluster::by_one_connection(conn).await?;
    let Some(policy) = policy::policy(conn, tenant).await? else {
        return Ok(Duplicates::default());
    };
    let keys = key_range(tenant);
    let mut redirects = HashMap::new();
    ranges::each(conn, ranges::REDIRECTS, REDIRECTS, keys, |row| {
        let (from, to) = (number_of(row.try_get(0)?), number_of(row.try_get(1)?));
        redirects.insert(CustomerId(from), CustomerId(to));
        Ok(())
    })
    .await?;
    let answers = |home: CustomerId| redirects.get(&home).copied().unwrap_or(home);

    let mut finder = Finder::new(&policy);
    ranges::each(conn, ranges::CUSTOMERS, TRAITS, keys, |row| {
        let traits = Traits {
            mobile: row.try_get(1)?,
            email: row.try_get(2)?,
            name: row.try_get(3)?,
            birthday: row.try_get(4)?,
            postcode: row.try_get(5)?,
        };
        finder.customer(CustomerId(number_of(rows::key(row)?)), traits);
        Ok(())
    })
    .await?;
    ranges::each(conn, ranges::IDENTITIES, OWNED, keys, |row| {
        let owner = answers(CustomerId(number_of(row.try_get(2)?)));
        finder.identity(codec::type_of(row.try_get(0)?), row.try_get(1)?, owner);
        Ok(())
    })
    .await?;

    let mut apart = HashSet::new();
    ranges::each(conn, OF_ONE_PLACE, CANNOT_LINKS, keys, |row| {
        let (link, _) = rows::cannot_link(row)?;
        let (one, other) = (answers(link.low), answers(link.high));
        apart.insert((one.min(other), one.max(other)));
        Ok(())
    })
    .await?;
    let candidates = finder.candidates();
    let ids: BTreeSet<CustomerId> =
        candidates.pairs.iter().flat_map(|(low, high)| [*low, *high]).collect();
    let ids: Vec<CustomerId> = ids.into_iter().collect();
    let customers = query::customer_rows(conn, tenant, &ids).await?;
    let owners: Vec<(CustomerId, u32)> =
        customers.values().map(|customer| (customer.id, customer.homes)).collect();
    let held = policy::held(conn, &query::homes_of(conn, tenant, &owners).await?).await?;
    let suspects: BTreeMap<CustomerId, Suspect> = customers
        .into_iter()
        .map(|(id, customer)| {
            let theirs = held.get(&id).map_or(&[][..], |held| held);
            (id, Suspect::of(&customer, theirs, &policy))
        })
        .collect();
    let suspect = |id| Ok(suspects.get(&id).cloned());
    Duplicates::among(candidates, suspect, |low, high| apart.contains(&(low, high)))
}
