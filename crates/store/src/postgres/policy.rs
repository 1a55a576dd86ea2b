//! Tenants, apps and rules; and what people look at before they change a policy: what customers
//! hold, and what is quarantined.

use super::connection::Connection;
use super::people;
use super::query::{self, keys_after};
use super::rows::{self, identity_columns};
use super::trouble::Trouble;
use crate::tables::codec::{self, number_of};
use crate::{Holding, QuarantinedIdentity};
use kehub_core::directory::{App, Directory, Permission, Tenant};
use kehub_core::identity::Identity;
use kehub_core::policy::{IdentityType, Policy};
use kehub_core::{AppNumber, CustomerId, IdentityNumber, TenantId, TypeNumber};
use std::collections::BTreeMap;
use tokio_postgres::Row;

const HEAD: &str = "SELECT preset, on_conflict, policy_version FROM tenant WHERE id = $1";
const SEEN: &str = "SELECT last_identity FROM tenant WHERE id = $1";
const TENANTS: &str = "
    SELECT id, name, preset, on_conflict, created_at FROM tenant ORDER BY id";
const APPS: &str = "
    SELECT number, tenant, id, name, secret_hash, key_version, permissions, created_at, revoked_at
    FROM app ORDER BY number";
const TOKEN_KEY: &str = "SELECT token_key FROM hub WHERE id = 1";
const TYPES: &str = "
    SELECT key, name, settings FROM identity_type WHERE key BETWEEN $1 AND $2 ORDER BY key";
const LIVE_AFTER: &str = "
    SELECT key, homes FROM customer WHERE live = $1 AND key > $2 AND key <= $3 ORDER BY key LIMIT $4";
const HELD: &str =
    concat!("SELECT ", identity_columns!(), " FROM identity WHERE home = ANY($1) ORDER BY key");
/// The value of an erased row begins with `U+0001`: it will never be sent again.
const QUARANTINED: &str = concat!(
    "SELECT ",
    identity_columns!(),
    " FROM identity WHERE quarantine AND key > $1 AND key <= $2 AND value >= chr(2) \
     ORDER BY key LIMIT $3"
);

/// The statements of this file, for tests that look at all of them.
#[cfg(any(test, feature = "testing"))]
pub(super) const STATEMENTS: &[(&str, &str)] = &[
    ("head of a policy", HEAD),
    ("identities seen", SEEN),
    ("types", TYPES),
    ("live customers", LIVE_AFTER),
    ("held", HELD),
    ("quarantined", QUARANTINED),
];

/// All tenants, apps and users, and the key for tokens.
pub(super) async fn directory(conn: &Connection) -> Result<Directory, Trouble> {
    let missing = || Trouble::broken("the hub has no key for tokens");
    let (key, tenants, apps, users) = futures_util::future::try_join4(
        conn.first(TOKEN_KEY, &[]),
        conn.all(TENANTS, &[]),
        conn.all(APPS, &[]),
        people::users(conn),
    )
    .await?;
    Ok(Directory {
        tenants: rows::read(&tenants, tenant)?,
        apps: rows::read(&apps, app)?,
        users,
        token_key: rows::bytes(&key.ok_or_else(missing)?, 0)?,
    })
}

fn tenant(row: &Row) -> Result<Tenant, Trouble> {
    Ok(Tenant {
        id: TenantId(rows::number(row, 0)?),
        name: row.try_get(1)?,
        preset: rows::preset(row.try_get(2)?)?,
        on_conflict: rows::on_conflict(row.try_get(3)?)?,
        created_at: row.try_get(4)?,
    })
}

fn app(row: &Row) -> Result<App, Trouble> {
    let permissions: &str = row.try_get(6)?;
    let permission = |name: &str| {
        Permission::named(name).ok_or_else(|| Trouble::broken(format!("no permission `{name}`")))
    };
    Ok(App {
        number: AppNumber(rows::number(row, 0)?),
        tenant: TenantId(rows::number(row, 1)?),
        id: row.try_get(2)?,
        name: row.try_get(3)?,
        secret_hash: rows::bytes(row, 4)?,
        key_version: rows::number(row, 5)?,
        permissions: permissions.split_whitespace().map(permission).collect::<Result<_, _>>()?,
        created_at: row.try_get(7)?,
        revoked_at: row.try_get(8)?,
    })
}

/// The tenant of this name, if one is named.
pub(super) async fn tenant_named(
    conn: &Connection,
    name: Option<&str>,
) -> Result<Option<TenantId>, Trouble> {
    let Some(name) = name else { return Ok(None) };
    let tenants = rows::read(&conn.all(TENANTS, &[]).await?, tenant)?;
    let found = tenants.iter().find(|tenant| &*tenant.name == name);
    let missing = || Trouble::broken(format!("there is no tenant `{name}`"));
    found.map(|tenant| Some(tenant.id)).ok_or_else(missing)
}

/// The identity types of a tenant, by number.
pub(super) async fn types(
    conn: &Connection,
    tenant: TenantId,
) -> Result<Vec<IdentityType>, Trouble> {
    let first = codec::type_key(tenant, TypeNumber(0));
    let last = codec::type_key(tenant, TypeNumber(u16::MAX));
    rows::read(&conn.all(TYPES, &[&first, &last]).await?, rows::identity_type)
}

/// A policy that knows these types.
pub(super) fn of_types(types: Vec<IdentityType>) -> Policy {
    let mut policy = Policy::default();
    for kind in types {
        policy.add_type(kind);
    }
    policy
}

/// The rules of a tenant, if there is one.
pub(super) async fn policy(conn: &Connection, tenant: TenantId) -> Result<Option<Policy>, Trouble> {
    let Some(head) = conn.first(HEAD, &[&i64::from(tenant.0)]).await? else { return Ok(None) };
    let mut policy = of_types(types(conn, tenant).await?);
    policy.preset = rows::preset(head.try_get(0)?)?;
    policy.on_conflict = rows::on_conflict(head.try_get(1)?)?;
    policy.version = rows::number(&head, 2)?;
    Ok(Some(policy))
}

/// How many identities a tenant has seen.
pub(super) async fn identities_seen(conn: &Connection, tenant: TenantId) -> Result<u64, Trouble> {
    let row = conn.first(SEEN, &[&i64::from(tenant.0)]).await?;
    row.map_or(Ok(0), |row| rows::number(&row, 0))
}

/// The identities of these homes, by number and by who owns the home.
pub(super) async fn held(
    conn: &Connection,
    owners: &BTreeMap<i64, CustomerId>,
) -> Result<BTreeMap<CustomerId, Vec<Identity>>, Trouble> {
    let homes: Vec<i64> = owners.keys().copied().collect();
    let mut held: BTreeMap<CustomerId, Vec<Identity>> = BTreeMap::new();
    for row in conn.some(HELD, homes.len(), &[&homes]).await? {
        if let Some(owner) = owners.get(&row.try_get(6)?) {
            held.entry(*owner).or_default().push(rows::identity(&row)?);
        }
    }
    Ok(held)
}

/// The live customers after an id, each with all it holds.
pub(super) async fn holdings(
    conn: &Connection,
    tenant: TenantId,
    after: CustomerId,
    limit: usize,
) -> Result<Vec<Holding>, Trouble> {
    let (first, last) = keys_after(tenant, after.0);
    let args: [i64; 4] = [i64::from(tenant.0), first, last, query::limit_of(limit)];
    let [live, first, last, limit] = &args;
    let found = conn.all(LIVE_AFTER, &[live, first, last, limit]).await?;
    let customers = |row: &Row| Ok((CustomerId(number_of(rows::key(row)?)), rows::number(row, 1)?));
    let customers: Vec<(CustomerId, u32)> = rows::read(&found, customers)?;
    let mut held = held(conn, &query::homes_of(conn, tenant, &customers).await?).await?;
    let holding = |(customer, _)| {
        let identities = held.remove(&customer).unwrap_or_default();
        Holding { customer, identities }
    };
    Ok(customers.into_iter().map(holding).collect())
}

/// The quarantined identities after a number.
pub(super) async fn quarantined(
    conn: &Connection,
    tenant: TenantId,
    after: IdentityNumber,
    limit: usize,
) -> Result<Vec<QuarantinedIdentity>, Trouble> {
    let types = query::types_of(conn, tenant).await?;
    let (first, last) = keys_after(tenant, after.0);
    let found = conn.all(QUARANTINED, &[&first, &last, &query::limit_of(limit)]).await?;
    let found = rows::read(&found, rows::identity)?;
    let homes: Vec<CustomerId> = found.iter().filter_map(|identity| identity.home).collect();
    let owners = query::survivors(conn, tenant, &homes).await?;
    let quarantined = |identity: Identity| {
        let counts = identity.suspects_by_type().into_iter();
        let counts = counts.filter_map(|(kind, n)| Some((types.get(&kind)?.name.clone(), n)));
        Ok(QuarantinedIdentity {
            owner: identity.home.and_then(|home| Some(owners.get(&home)?.id)),
            kind: query::type_name(&identity, &types)?,
            counts: counts.collect(),
            identity,
        })
    };
    found.into_iter().map(quarantined).collect()
}
