//! Reads about policy: what customers hold, and what is quarantined.

use super::codec::number_of;
use super::query::{self, keys_after};
use super::rows::{self, identity_columns};
use super::trouble::Trouble;
use crate::{Holding, QuarantinedIdentity};
use kehub_core::identity::Identity;
use kehub_core::{CustomerId, IdentityNumber, TenantId};
use rusqlite::Connection;

const LIVE_AFTER: &str = "
    SELECT key, homes FROM customer NOT INDEXED
    WHERE live = ?1 AND key > ?2 AND key <= ?3 ORDER BY key LIMIT ?4";
/// The value of an erased row begins with `U+0001`: it will never be sent again.
const QUARANTINED: &str = concat!(
    "SELECT ",
    identity_columns!(),
    " FROM identity INDEXED BY identity_quarantined \
     WHERE quarantine = 1 AND key > ?1 AND key <= ?2 AND value >= char(2) ORDER BY key LIMIT ?3"
);

/// The statements of this file, for a look at their plans.
#[cfg(test)]
pub(super) const STATEMENTS: &[(&str, &str)] =
    &[("live customers", LIVE_AFTER), ("quarantined", QUARANTINED)];

/// The live customers after an id, each with all it holds.
pub(super) fn holdings(
    conn: &Connection,
    tenant: TenantId,
    after: CustomerId,
    limit: usize,
) -> Result<Vec<Holding>, Trouble> {
    let (first, last) = keys_after(tenant, after.0);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let live = rows::all(conn, LIVE_AFTER, (tenant.0, first, last, limit), |row| {
        Ok((CustomerId(number_of(row.get(0)?)), row.get(1)?))
    })?;
    let holding = |(customer, homes)| {
        let merged = query::merged_into(conn, tenant, customer, homes)?;
        let identities = query::held_by(conn, tenant, customer, &merged)?;
        Ok(Holding { customer, identities })
    };
    live.into_iter().map(holding).collect()
}

/// The quarantined identities after a number.
pub(super) fn quarantined(
    conn: &Connection,
    tenant: TenantId,
    after: IdentityNumber,
    limit: usize,
) -> Result<Vec<QuarantinedIdentity>, Trouble> {
    let types = query::types_of(conn, tenant)?;
    let (first, last) = keys_after(tenant, after.0);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let found = rows::all(conn, QUARANTINED, (first, last, limit), rows::identity)?;
    let quarantined = |identity: Identity| {
        let home = identity.home.map(|home| query::answering(conn, tenant, home));
        let counts = identity.suspects_by_type().into_iter();
        let counts = counts.filter_map(|(kind, n)| Some((types.get(&kind)?.name.clone(), n)));
        Ok(QuarantinedIdentity {
            owner: home.transpose()?.flatten(),
            kind: query::type_name(&identity, &types)?,
            counts: counts.collect(),
            identity,
        })
    };
    found.into_iter().map(quarantined).collect()
}
