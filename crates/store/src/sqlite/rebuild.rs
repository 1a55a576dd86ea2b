//! Makes the rows of a file anew from its journal, where they are not what it says. The texts of
//! identities, the names of types, tenants, apps and webhooks stand in no journal, and stay.

use super::check::{LIVE, check, file_problems};
use super::codec::{self, key_range};
use super::compare::{self, Difference, Kind, What};
use super::load::{self, TenantBefore};
use super::retold::Telling;
use super::trouble::Trouble;
use super::{connection, rows, schema, write};
use crate::report::{Progress, Rebuilt};
use kehub_core::facts::{Dirty, Part, TenantFacts};
use kehub_core::merge::CannotLink;
use kehub_core::policy::Policy;
use kehub_core::{ConflictId, CustomerId, IdentityNumber, MergeId, Seq, TenantId};
use rusqlite::Connection;
use std::path::Path;

const REINDEX: &str = "REINDEX";
const CUSTOMER_DELETE: &str = "DELETE FROM customer WHERE key = ?1";
const HOME_DELETE: &str = "DELETE FROM home WHERE key = ?1";
const MERGE_DELETE: &str = "DELETE FROM merge WHERE key = ?1";
const CONFLICT_DELETE: &str = "DELETE FROM conflict WHERE key = ?1";
const CANNOT_LINK_DELETE: &str = "DELETE FROM cannot_link WHERE low = ?1 AND high = ?2";
const UNDECIDED_DELETE: &str = "DELETE FROM undecided WHERE merge = ?1 AND claim = ?2";
const KEPT_UPDATE: &str = "
    UPDATE tenant SET last_customer = ?2, last_seq = ?3, last_merge = ?4, last_conflict = ?5,
        last_identity = max(last_identity, (
            SELECT coalesce(max(key), ?6) FROM identity WHERE key BETWEEN ?6 AND ?7) - ?6),
        customers_live = ?8, customers_male = ?9, customers_female = ?10
    WHERE id = ?1";

/// Rebuilds all tenants, or one, in one transaction of a connection that has the file alone.
pub(super) fn rebuild(
    path: &Path,
    only: Option<&str>,
    at_once: u32,
    progress: &dyn Progress,
) -> Result<Rebuilt, Trouble> {
    let conn = connection::alone(path)?;
    schema::check_current(&conn)?;
    let only = load::tenant_named(&conn, only)?;
    let mut rebuilt = Rebuilt::default();
    progress.at("the file", 0, 0);
    if !file_problems(&conn)?.is_empty() {
        conn.execute_batch(REINDEX)?;
        rebuilt.reindexed = true;
    }
    let tenants = load::directory(&conn)?.tenants.into_iter();
    for tenant in tenants.filter(|tenant| only.is_none_or(|only| tenant.id == only)) {
        rebuild_tenant(&conn, tenant.id, at_once, progress, &mut rebuilt)?;
    }
    rebuilt.after = check(&conn, only, at_once, progress)?;
    conn.execute_batch("COMMIT")?;
    Ok(rebuilt)
}

fn rebuild_tenant(
    conn: &Connection,
    tenant: TenantId,
    at_once: u32,
    progress: &dyn Progress,
    rebuilt: &mut Rebuilt,
) -> Result<(), Trouble> {
    let policy = load::policy(conn, tenant)?.unwrap_or_default();
    // All of it is told before anything is written: it may be damaged towards its end.
    let mut telling = Telling::new(conn, tenant, &policy, at_once, progress)?;
    let mut differs = false;
    while let Some((facts, part)) = telling.next_part()? {
        let mut found = Vec::new();
        for kind in Kind::ALL.into_iter().filter(|_| !differs) {
            compare::compare(conn, &facts, &part, kind, &mut found)?;
        }
        differs |= !found.is_empty();
    }
    let told = telling.end()?;
    if let Some(problem) = told.problems.first() {
        // What it says would take the place of what may be the only good copy.
        return Err(Trouble::broken(format!(
            "the journal of tenant {tenant} is damaged, so nothing is made anew from it: {problem}"
        )));
    }
    if differs || told.policy != policy {
        let is_lost = !told.without_row.is_empty();
        let mut telling = Telling::new(conn, tenant, &policy, at_once, progress)?;
        while let Some((facts, part)) = telling.next_part()? {
            mend_part(conn, &facts, &part, &policy, is_lost, rebuilt)?;
        }
    }
    let counters = told.counters;
    let (first, last) = key_range(tenant);
    let live = rows::first(conn, LIVE, (tenant.0, first, last), rows::live)?.unwrap_or_default();
    conn.execute(
        KEPT_UPDATE,
        (
            tenant.0,
            counters.customer.0,
            counters.seq.0,
            counters.merge.0,
            counters.conflict.0,
            first,
            last,
            live.all,
            live.male,
            live.female,
        ),
    )?;
    Ok(())
}

/// Writes what differs of a part. Where the text of an identity is lost, so is its type, and with it what
/// others were sent with: all of them are left as they are.
fn mend_part(
    conn: &Connection,
    facts: &TenantFacts,
    part: &Part,
    policy: &Policy,
    is_lost: bool,
    rebuilt: &mut Rebuilt,
) -> Result<(), Trouble> {
    let mut differences = Vec::new();
    for kind in Kind::ALL.into_iter().filter(|kind| !(is_lost && *kind == Kind::Identity)) {
        compare::compare(conn, facts, part, kind, &mut differences)?;
    }
    let mut dirty = Dirty::default();
    let mut before = TenantBefore::default();
    for difference in &differences {
        difference.count_in(rebuilt);
        mend(conn, facts, difference, &mut dirty, &mut before)?;
    }
    if part.is_first() && facts.policy() != policy {
        dirty.policy = true;
        dirty.types = facts.policy().types().map(|kind| kind.number).collect();
    }
    write::anew(conn, facts, &dirty, &before)
}

/// Removes a row that is not what the journal says, and notes that it is to be written.
fn mend(
    conn: &Connection,
    facts: &TenantFacts,
    difference: &Difference,
    dirty: &mut Dirty,
    before: &mut TenantBefore,
) -> Result<(), Trouble> {
    let tenant = facts.tenant();
    let is_known = difference.what != What::Unexpected;
    let (one, other) = difference.key;
    let key = codec::own_key(tenant, one)?;
    let delete = |sql: &str| conn.prepare_cached(sql)?.execute([key]).map_err(Trouble::from);
    match difference.kind {
        Kind::Customer => {
            delete(CUSTOMER_DELETE)?;
            dirty.customers.extend(is_known.then_some(CustomerId(one)));
        }
        Kind::Home => {
            delete(HOME_DELETE)?;
            dirty.homes.extend(is_known.then_some(CustomerId(one)));
        }
        Kind::Merge => {
            delete(MERGE_DELETE)?;
            dirty.merges.extend(is_known.then_some(MergeId(one)));
        }
        Kind::Conflict => {
            delete(CONFLICT_DELETE)?;
            dirty.conflicts.extend(is_known.then_some(ConflictId(one)));
        }
        Kind::Identity => {
            let number = IdentityNumber(one);
            if let Some(identity) = facts.identity(number) {
                // Any other home, so that the home is written as well.
                let other = if identity.home.is_some() { None } else { Some(CustomerId(0)) };
                before.identities.insert(number, other);
                dirty.identities.insert(number);
            }
        }
        Kind::CannotLink => {
            let keys = (key, codec::own_key(tenant, other)?);
            conn.prepare_cached(CANNOT_LINK_DELETE)?.execute(keys)?;
            let link = CannotLink { low: CustomerId(one), high: CustomerId(other) };
            dirty.links.extend(is_known.then_some(link));
        }
        Kind::Undecided => {
            let keys = (key, codec::own_key(tenant, other)?);
            conn.prepare_cached(UNDECIDED_DELETE)?.execute(keys)?;
            dirty.undecided.extend(is_known.then_some((MergeId(one), Seq(other))));
        }
    }
    Ok(())
}
