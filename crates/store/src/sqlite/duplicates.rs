//! Who looks like one person: everybody is looked at once, in order, for a few traits; then the
//! rows of those that share one are read. No index is kept for it.

use super::codec::{self, key_range, number_of};
use super::trouble::Trouble;
use super::{load, rows};
use kehub_core::duplicates::{Duplicates, Finder, Suspect, Traits};
use kehub_core::policy::Policy;
use kehub_core::{CustomerId, TenantId};
use rusqlite::{Connection, Row};
use std::collections::{HashMap, HashSet};

const TRAITS: &str = "
    SELECT key, mobile_key, email_key,
           name, fields ->> '$.birthday', fields ->> '$.postcode'
    FROM customer NOT INDEXED WHERE key BETWEEN ?1 AND ?2 AND live IS NOT NULL ORDER BY key";
const REDIRECTS: &str = "
    SELECT key, survivor FROM customer INDEXED BY customer_survivor
    WHERE survivor BETWEEN ?1 AND ?2";
const OWNED: &str = "
    SELECT type, value, home FROM identity NOT INDEXED
    WHERE key BETWEEN ?1 AND ?2 AND home IS NOT NULL ORDER BY key";
const CANNOT_LINKS: &str = "SELECT low, high, seq FROM cannot_link WHERE low BETWEEN ?1 AND ?2";

/// What looks like duplicates in a tenant.
pub(super) fn duplicates(conn: &Connection, tenant: TenantId) -> Result<Duplicates, Trouble> {
    let Some(policy) = load::policy(conn, tenant)? else { return Ok(Duplicates::default()) };
    let redirects = redirects(conn, tenant)?;
    let answers = |home: CustomerId| redirects.get(&home).copied().unwrap_or(home);

    let mut finder = Finder::new(&policy);
    each(conn, TRAITS, tenant, |row| {
        let text = |column| row.get_ref(column)?.as_str_or_null().map_err(Trouble::broken);
        let traits = Traits {
            mobile: text(1)?,
            email: text(2)?,
            name: text(3)?,
            birthday: text(4)?,
            postcode: text(5)?,
        };
        finder.customer(CustomerId(number_of(row.get(0)?)), traits);
        Ok(())
    })?;
    each(conn, OWNED, tenant, |row| {
        let kind = codec::type_of(row.get(0)?);
        let value = row.get_ref(1)?.as_str().map_err(Trouble::broken)?;
        let owner = answers(CustomerId(number_of(row.get(2)?)));
        finder.identity(kind, value, owner);
        Ok(())
    })?;

    let mut apart = HashSet::new();
    each(conn, CANNOT_LINKS, tenant, |row| {
        let (link, _) = rows::cannot_link(row)?;
        let (one, other) = (answers(link.low), answers(link.high));
        apart.insert((one.min(other), one.max(other)));
        Ok(())
    })?;
    let suspect = |id| suspect(conn, tenant, id, &policy);
    Duplicates::among(finder.candidates(), suspect, |low, high| apart.contains(&(low, high)))
}

/// The ids that redirect, and who answers for them.
fn redirects(
    conn: &Connection,
    tenant: TenantId,
) -> Result<HashMap<CustomerId, CustomerId>, Trouble> {
    let mut redirects = HashMap::new();
    each(conn, REDIRECTS, tenant, |row| {
        let (from, to) = (number_of(row.get(0)?), number_of(row.get(1)?));
        redirects.insert(CustomerId(from), CustomerId(to));
        Ok(())
    })?;
    Ok(redirects)
}

/// What a live customer is compared by.
fn suspect(
    conn: &Connection,
    tenant: TenantId,
    id: CustomerId,
    policy: &Policy,
) -> Result<Option<Suspect>, Trouble> {
    let root = codec::own_key(tenant, id.0)?;
    let Some((customer, _)) = load::customer(conn, root)? else { return Ok(None) };
    let mut held = load::identities_of_home(conn, root)?;
    if customer.homes > 1 {
        for (member, _) in load::merged_into(conn, root)? {
            let home = codec::own_key(tenant, member.id.0)?;
            held.extend(load::identities_of_home(conn, home)?);
        }
    }
    Ok(Some(Suspect::of(&customer, &held, policy)))
}

/// Every row of a statement about the keys of a tenant, one at a time.
fn each(
    conn: &Connection,
    sql: &str,
    tenant: TenantId,
    mut take: impl FnMut(&Row<'_>) -> Result<(), Trouble>,
) -> Result<(), Trouble> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(key_range(tenant))?;
    while let Some(row) = rows.next()? {
        take(row)?;
    }
    Ok(())
}
