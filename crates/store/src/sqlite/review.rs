//! Lists for reviewers: merges, conflicts, cannot-links, undecided claims.

use super::codec::{self, key_range};
use super::load;
use super::past;
use super::query::{answering, customer_row};
use super::rows::{self, conflict_columns, merge_columns};
use super::trouble::Trouble;
use crate::{ConflictFilter, SidedConflict};
use kehub_core::conflict::Conflict;
use kehub_core::customer::State;
use kehub_core::journal::Entry;
use kehub_core::merge::{CannotLink, Merge};
use kehub_core::{ConflictId, CustomerId, MergeId, Seq, TenantId};
use rusqlite::Connection;
use std::collections::BTreeMap;

const MERGES: &str = concat!(
    "SELECT ",
    merge_columns!(),
    " FROM merge WHERE key > ?1 AND key <= ?2 ORDER BY key LIMIT ?3"
);
const CONFLICT: &str = concat!("SELECT ", conflict_columns!(), " FROM conflict WHERE key = ?1");
const CONFLICTS: &str = concat!(
    "SELECT ",
    conflict_columns!(),
    " FROM conflict WHERE key > ?1 AND key <= ?2 ORDER BY key LIMIT ?3"
);
const CONFLICTS_OF_HOME: &str = concat!(
    "SELECT ",
    conflict_columns!(),
    " FROM conflict WHERE left_home = ?1 OR right_home = ?1 ORDER BY key"
);
const CANNOT_LINKS: &str = "
    SELECT low, high, seq FROM cannot_link
    WHERE (low, high) > (?1, ?2) AND low <= ?3 ORDER BY low, high LIMIT ?4";
const UNDECIDED: &str = "
    SELECT merge, claim FROM undecided
    WHERE (merge, claim) > (?1, ?2) AND merge <= ?3 ORDER BY merge, claim LIMIT ?4";

/// How many conflicts are read at once while looking for those that match.
const PART: i64 = 1_000;

/// The key after which the numbers above this one begin, and the last one of the tenant.
fn range_after(tenant: TenantId, number: i64) -> (i64, i64) {
    let (first, last) = key_range(tenant);
    (first.saturating_add(number.clamp(0, codec::number_of(last))), last)
}

fn limit_of(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// Merges after an id.
pub(super) fn merges(
    conn: &Connection,
    tenant: TenantId,
    after: MergeId,
    limit: usize,
) -> Result<Vec<Merge>, Trouble> {
    let (after, last) = range_after(tenant, after.0);
    rows::all(conn, MERGES, (after, last, limit_of(limit)), rows::merge)
}

fn sided(
    conn: &Connection,
    tenant: TenantId,
    conflict: Conflict,
) -> Result<SidedConflict, Trouble> {
    let answers = |home| answering(conn, tenant, home);
    let left = answers(conflict.left)?;
    let right = conflict.right.map(answers).transpose()?.flatten();
    let identity = past::identity(conn, tenant, conflict.identity)?;
    let home = identity.and_then(|identity| identity.home);
    let owner = home.map(answers).transpose()?.flatten();
    Ok(SidedConflict { conflict, left, right, owner })
}

/// One conflict.
pub(super) fn conflict(
    conn: &Connection,
    tenant: TenantId,
    id: ConflictId,
) -> Result<Option<SidedConflict>, Trouble> {
    let Some(key) = codec::key(tenant, id.0) else { return Ok(None) };
    let found = rows::first(conn, CONFLICT, [key], rows::conflict)?;
    found.map(|conflict| sided(conn, tenant, conflict)).transpose()
}

/// Conflicts that match, after an id.
pub(super) fn conflicts(
    conn: &Connection,
    tenant: TenantId,
    wanted: &ConflictFilter,
    after: ConflictId,
    limit: usize,
) -> Result<Vec<SidedConflict>, Trouble> {
    let mut found = Vec::new();
    if let Some(customer) = wanted.customer {
        let theirs = of_customer(conn, tenant, customer)?;
        for conflict in theirs.into_values().filter(|conflict| conflict.id > after) {
            let conflict = sided(conn, tenant, conflict)?;
            if found.len() < limit && wanted.matches(&conflict) {
                found.push(conflict);
            }
        }
        return Ok(found);
    }
    let (mut after, last) = range_after(tenant, after.0);
    loop {
        let part = rows::all(conn, CONFLICTS, (after, last, PART), rows::conflict)?;
        let Some(newest) = part.last() else { return Ok(found) };
        after = codec::own_key(tenant, newest.id.0)?;
        for conflict in part {
            let conflict = sided(conn, tenant, conflict)?;
            if wanted.matches(&conflict) {
                found.push(conflict);
            }
            if found.len() >= limit {
                return Ok(found);
            }
        }
    }
}

/// The conflicts that name a home of the customer that an id stands for, by id.
fn of_customer(
    conn: &Connection,
    tenant: TenantId,
    customer: CustomerId,
) -> Result<BTreeMap<ConflictId, Conflict>, Trouble> {
    let mut theirs = BTreeMap::new();
    let Some(row) = customer_row(conn, tenant, customer)? else { return Ok(theirs) };
    let root = match row.state {
        State::Live | State::Deleted => Some(row),
        State::MergedInto(root) => customer_row(conn, tenant, root)?,
        State::Erased => None,
    };
    let Some(root) = root else { return Ok(theirs) };
    let root_key = codec::own_key(tenant, root.id.0)?;
    let mut homes = vec![root_key];
    if root.homes > 1 {
        for (member, _) in load::merged_into(conn, root_key)? {
            homes.push(codec::own_key(tenant, member.id.0)?);
        }
    }
    for home in homes {
        for conflict in rows::all(conn, CONFLICTS_OF_HOME, [home], rows::conflict)? {
            theirs.insert(conflict.id, conflict);
        }
    }
    Ok(theirs)
}

/// Cannot-links after one.
pub(super) fn cannot_links(
    conn: &Connection,
    tenant: TenantId,
    after: Option<CannotLink>,
    limit: usize,
) -> Result<Vec<(CannotLink, Seq)>, Trouble> {
    let (low, last) = range_after(tenant, after.map_or(0, |link| link.low.0));
    let (high, _) = range_after(tenant, after.map_or(0, |link| link.high.0));
    rows::all(conn, CANNOT_LINKS, (low, high, last, limit_of(limit)), rows::cannot_link)
}

/// Undecided claims after one.
pub(super) fn undecided(
    conn: &Connection,
    tenant: TenantId,
    after: (MergeId, Seq),
    limit: usize,
) -> Result<Vec<(Merge, Entry)>, Trouble> {
    let (merge, last) = range_after(tenant, after.0.0);
    let (claim, _) = range_after(tenant, after.1.0);
    let open = rows::all(conn, UNDECIDED, (merge, claim, last, limit_of(limit)), rows::undecided)?;
    let mut found = Vec::with_capacity(open.len());
    for (merge, claim) in open {
        let edge = past::merge(conn, tenant, merge)?
            .ok_or_else(|| Trouble::broken(format!("there is no merge {merge}")))?;
        found.push((edge, Entry::clone(&*past::entry(conn, tenant, claim)?)));
    }
    Ok(found)
}
