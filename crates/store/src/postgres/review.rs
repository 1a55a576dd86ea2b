//! Lists for reviewers: merges, conflicts, cannot-links, undecided claims.

use super::connection::Connection;
use super::past;
use super::query::{self, customer_row, keys_after, limit_of};
use super::rows::{self, conflict_columns, merge_columns};
use super::trouble::Trouble;
use crate::tables::codec::{self, number_of};
use crate::{ConflictFilter, SidedConflict};
use kehub_core::conflict::Conflict;
use kehub_core::customer::State;
use kehub_core::journal::Entry;
use kehub_core::merge::{CannotLink, Merge};
use kehub_core::{ConflictId, CustomerId, IdentityNumber, MergeId, Seq, TenantId};
use std::collections::BTreeMap;

const MERGES: &str = concat!(
    "SELECT ",
    merge_columns!(),
    " FROM merge WHERE key > $1 AND key <= $2 ORDER BY key LIMIT $3"
);
const CONFLICT: &str = concat!("SELECT ", conflict_columns!(), " FROM conflict WHERE key = $1");
const CONFLICTS: &str = concat!(
    "SELECT ",
    conflict_columns!(),
    " FROM conflict WHERE key > $1 AND key <= $2 ORDER BY key LIMIT $3"
);
const CONFLICTS_OF_HOMES: &str = concat!(
    "SELECT ",
    conflict_columns!(),
    " FROM conflict WHERE left_home = ANY($1) OR right_home = ANY($1) ORDER BY key"
);
const HOMES_OF_IDENTITIES: &str =
    "SELECT key, home FROM identity WHERE key = ANY($1) AND home IS NOT NULL";
const CANNOT_LINKS: &str = "
    SELECT low, high, seq FROM cannot_link
    WHERE (low, high) > ($1, $2) AND low <= $3 ORDER BY low, high LIMIT $4";
const UNDECIDED: &str = "
    SELECT merge, claim FROM undecided
    WHERE (merge, claim) > ($1, $2) AND merge <= $3 ORDER BY merge, claim LIMIT $4";

/// The statements of this file, for tests that look at all of them.
#[cfg(any(test, feature = "testing"))]
pub(super) const STATEMENTS: &[(&str, &str)] = &[
    ("merges", MERGES),
    ("conflict", CONFLICT),
    ("conflicts", CONFLICTS),
    ("conflicts of homes", CONFLICTS_OF_HOMES),
    ("homes of identities", HOMES_OF_IDENTITIES),
    ("cannot-links", CANNOT_LINKS),
    ("undecided claims", UNDECIDED),
];

/// How many conflicts are read at once while looking for those that match.
const PART: i64 = 1_000;

/// Merges after an id.
pub(super) async fn merges(
    conn: &Connection,
    tenant: TenantId,
    after: MergeId,
    limit: usize,
) -> Result<Vec<Merge>, Trouble> {
    let (after, last) = keys_after(tenant, after.0);
    rows::read(&conn.all(MERGES, &[&after, &last, &limit_of(limit)]).await?, rows::merge)
}

/// Conflicts with the customers that answer for their sides.
async fn sided(
    conn: &Connection,
    tenant: TenantId,
    conflicts: Vec<Conflict>,
) -> Result<Vec<SidedConflict>, Trouble> {
    let about: Vec<i64> =
        conflicts.iter().filter_map(|it| codec::key(tenant, it.identity.0)).collect();
    let mut homes = BTreeMap::new();
    for row in conn.some(HOMES_OF_IDENTITIES, about.len(), &[&about]).await? {
        let (number, home) = (number_of(rows::key(&row)?), number_of(row.try_get(1)?));
        homes.insert(IdentityNumber(number), CustomerId(home));
    }
    let sides = conflicts.iter().flat_map(|it| [Some(it.left), it.right]).flatten();
    let sides: Vec<CustomerId> = sides.chain(homes.values().copied()).collect();
    let owners = query::survivors(conn, tenant, &sides).await?;
    let answers = |home: CustomerId| owners.get(&home).map(|customer| customer.id);
    let with_sides = |conflict: Conflict| SidedConflict {
        left: answers(conflict.left),
        right: conflict.right.and_then(answers),
        owner: homes.get(&conflict.identity).copied().and_then(answers),
        conflict,
    };
    Ok(conflicts.into_iter().map(with_sides).collect())
}

/// One conflict.
pub(super) async fn conflict(
    conn: &Connection,
    tenant: TenantId,
    id: ConflictId,
) -> Result<Option<SidedConflict>, Trouble> {
    let Some(key) = codec::key(tenant, id.0) else { return Ok(None) };
    let found = rows::read(&conn.all(CONFLICT, &[&key]).await?, rows::conflict)?;
    Ok(sided(conn, tenant, found).await?.into_iter().next())
}

/// Conflicts that match, after an id.
pub(super) async fn conflicts(
    conn: &Connection,
    tenant: TenantId,
    wanted: &ConflictFilter,
    after: ConflictId,
    limit: usize,
) -> Result<Vec<SidedConflict>, Trouble> {
    if let Some(customer) = wanted.customer {
        let mut theirs = of_customer(conn, tenant, customer).await?;
        theirs.retain(|conflict| conflict.id > after);
        let mut found = sided(conn, tenant, theirs).await?;
        found.retain(|conflict| wanted.matches(conflict));
        found.truncate(limit);
        return Ok(found);
    }
    let mut found = Vec::new();
    let (mut after, last) = keys_after(tenant, after.0);
    loop {
        let part = conn.all(CONFLICTS, &[&after, &last, &PART]).await?;
        let Some(newest) = part.last() else { return Ok(found) };
        after = rows::key(newest)?;
        for conflict in sided(conn, tenant, rows::read(&part, rows::conflict)?).await? {
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
async fn of_customer(
    conn: &Connection,
    tenant: TenantId,
    customer: CustomerId,
) -> Result<Vec<Conflict>, Trouble> {
    let Some(row) = customer_row(conn, tenant, customer).await? else { return Ok(Vec::new()) };
    let root = match row.state {
        State::Live | State::Deleted => row,
        State::MergedInto(root) => match customer_row(conn, tenant, root).await? {
            Some(root) => root,
            None => return Ok(Vec::new()),
        },
        State::Erased => return Ok(Vec::new()),
    };
    let homes = query::homes_of(conn, tenant, &[(root.id, root.homes)]).await?;
    let homes: Vec<i64> = homes.into_keys().collect();
    rows::read(&conn.all(CONFLICTS_OF_HOMES, &[&homes]).await?, rows::conflict)
}

/// Cannot-links after one.
pub(super) async fn cannot_links(
    conn: &Connection,
    tenant: TenantId,
    after: Option<CannotLink>,
    limit: usize,
) -> Result<Vec<(CannotLink, Seq)>, Trouble> {
    let (low, last) = keys_after(tenant, after.map_or(0, |link| link.low.0));
    let (high, _) = keys_after(tenant, after.map_or(0, |link| link.high.0));
    let found = conn.all(CANNOT_LINKS, &[&low, &high, &last, &limit_of(limit)]).await?;
    rows::read(&found, rows::cannot_link)
}

/// Undecided claims after one.
pub(super) async fn undecided(
    conn: &Connection,
    tenant: TenantId,
    after: (MergeId, Seq),
    limit: usize,
) -> Result<Vec<(Merge, Entry)>, Trouble> {
    let (merge, last) = keys_after(tenant, after.0.0);
    let (claim, _) = keys_after(tenant, after.1.0);
    let open = conn.all(UNDECIDED, &[&merge, &claim, &last, &limit_of(limit)]).await?;
    let open = rows::read(&open, rows::undecided)?;
    let (ids, claims): (Vec<MergeId>, Vec<Seq>) = open.iter().copied().unzip();
    let merges = past::merges(conn, tenant, &ids).await?;
    let entries = past::entries(conn, tenant, &claims).await?;
    let entries: BTreeMap<Seq, Entry> = entries.into_iter().map(|it| (it.seq, it)).collect();
    let mut found = Vec::with_capacity(open.len());
    for (merge, claim) in open {
        let edge = merges.get(&merge);
        let edge = edge.ok_or_else(|| Trouble::broken(format!("there is no merge {merge}")))?;
        let entry = entries.get(&claim);
        let entry =
            entry.ok_or_else(|| Trouble::broken(format!("the journal lacks entry {claim}")))?;
        found.push((edge.clone(), entry.clone()));
    }
    Ok(found)
}
