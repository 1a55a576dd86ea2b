//! Makes the rows of a database anew from its journal, where they are not what it says. The texts of
//! identities, the names of types, tenants, apps and webhooks stand in no journal, and stay.

use super::check::{LAST_IDENTITY, LIVE, check, trail_problems, updated_wrong};
use super::compare;
use super::connection::{Connection, LONG};
use super::retold::Telling;
use super::trouble::Trouble;
use super::{cluster, policy, rows, schema, write};
use crate::report::{Progress, Rebuilt};
use crate::tables::codec::{self, key_range};
use crate::tables::compare::{Difference, Kind, What};
use kehub_core::facts::{Dirty, Part, TenantFacts};
use kehub_core::merge::CannotLink;
use kehub_core::policy::Policy;
use kehub_core::{ConflictId, CustomerId, IdentityNumber, MergeId, Seq, TenantId};

const BEGIN: &str = "
    BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL lock_timeout = '60s'";
/// Hubs that write wait until it is over, and read anew what they know of types.
const LOCK: &str = "SELECT 1 FROM hub FOR UPDATE";
const LOCK_TENANTS: &str = "SELECT 1 FROM tenant ORDER BY id FOR UPDATE";
const CUSTOMER_DELETE: &str = "DELETE FROM customer WHERE key = $1";
const HOME_DELETE: &str = "DELETE FROM home WHERE key = $1";
const MERGE_DELETE: &str = "DELETE FROM merge WHERE key = $1";
const CONFLICT_DELETE: &str = "DELETE FROM conflict WHERE key = $1";
const CANNOT_LINK_DELETE: &str = "DELETE FROM cannot_link WHERE low = $1 AND high = $2";
const UNDECIDED_DELETE: &str = "DELETE FROM undecided WHERE merge = $1 AND claim = $2";
const KEPT_UPDATE: &str = "
    UPDATE tenant SET last_customer = $2, last_seq = $3, last_merge = $4, last_conflict = $5,
        last_identity = greatest(last_identity, $6), customers_live = $7,
        customers_male = $8, customers_female = $9,
        types_version = types_version + 1
    WHERE id = $1";
const TRAIL_DELETE: &str = "DELETE FROM trail WHERE customer BETWEEN $1 AND $2";
const TRAIL_INSERT: &str =
    "INSERT INTO trail (customer, seq) SELECT DISTINCT * FROM unnest($1::bigint[], $2::bigint[])";
const UPDATED_DELETE: &str = "DELETE FROM updated WHERE customer BETWEEN $1 AND $2";
const UPDATED_INSERT: &str = "
    INSERT INTO updated (customer, tenant, at)
    SELECT key, live, updated_at FROM customer WHERE live IS NOT NULL AND key BETWEEN $1 AND $2";
const JOURNAL: &str =
    "SELECT key, entry FROM journal WHERE key > $1 AND key <= $2 ORDER BY key LIMIT 1000";

/// The statements of this file, for tests that look at all of them.
#[cfg(any(test, feature = "testing"))]
pub(super) const STATEMENTS: &[(&str, &str)] = &[
    ("lock", LOCK),
    ("lock of all tenants", LOCK_TENANTS),
    ("delete of a customer", CUSTOMER_DELETE),
    ("delete of a home", HOME_DELETE),
    ("delete of a merge", MERGE_DELETE),
    ("delete of a conflict", CONFLICT_DELETE),
    ("delete of a cannot-link", CANNOT_LINK_DELETE),
    ("delete of an undecided claim", UNDECIDED_DELETE),
    ("update of what a tenant notes", KEPT_UPDATE),
    ("delete of trails", TRAIL_DELETE),
    ("insert of trails anew", TRAIL_INSERT),
    ("delete of all times", UPDATED_DELETE),
    ("insert of all times", UPDATED_INSERT),
    ("parts of the journal", JOURNAL),
];

/// Rebuilds all tenants, or one, in one transaction.
pub(super) async fn rebuild(
    conn: &Connection,
    only: Option<&str>,
    at_once: u32,
    progress: &dyn Progress,
) -> Result<Rebuilt, Trouble> {
    conn.batch(BEGIN).await?;
    conn.batch(LONG).await?;
    schema::check_current(conn).await?;
    let only = policy::tenant_named(conn, only).await?;
    progress.at("the database", 0, 0);
    conn.all(LOCK, &[]).await?;
    conn.all(LOCK_TENANTS, &[]).await?;
    cluster::settled(conn).await?;
    let mut rebuilt = Rebuilt::default();
    let tenants = policy::directory(conn).await?.tenants.into_iter();
    for tenant in tenants.filter(|tenant| only.is_none_or(|only| tenant.id == only)) {
        rebuild_tenant(conn, tenant.id, at_once, progress, &mut rebuilt).await?;
    }
    rebuilt.after = check(conn, only, at_once, progress).await?;
    conn.batch("COMMIT").await?;
    Ok(rebuilt)
}

async fn rebuild_tenant(
    conn: &Connection,
    tenant: TenantId,
    at_once: u32,
    progress: &dyn Progress,
    rebuilt: &mut Rebuilt,
) -> Result<(), Trouble> {
    let policy = policy::policy(conn, tenant).await?.unwrap_or_default();
    // All of it is told before anything is written: it may be damaged towards its end.
    let mut telling = Telling::new(conn, tenant, &policy, at_once, progress).await?;
    let mut differs = false;
    while let Some((facts, part)) = telling.next_part().await? {
        let mut found = Vec::new();
        for kind in Kind::ALL.into_iter().filter(|_| !differs) {
            compare::compare(conn, &facts, &part, kind, &mut found).await?;
        }
        differs |= !found.is_empty();
    }
    let (told, steps) = telling.end().await?;
    if let Some(problem) = told.problems.first() {
        // What it says would take the place of what may be the only good copy.
        return Err(Trouble::broken(format!(
            "the journal of tenant {tenant} is damaged, so nothing is made anew from it: {problem}"
        )));
    }
    if differs || told.policy != policy {
        let is_lost = !told.without_row.is_empty();
        let mut telling = Telling::new(conn, tenant, &policy, at_once, progress).await?;
        while let Some((facts, part)) = telling.next_part().await? {
            mend_part(conn, &facts, &part, &policy, is_lost, rebuilt).await?;
        }
    }
    let counters = told.counters;
    if !trail_problems(conn, tenant, counters.seq, steps).await?.is_empty() {
        trail(conn, tenant).await?;
    }
    let (own, (first, last)) = (i64::from(tenant.0), key_range(tenant));
    list_by_time(conn, tenant).await?;
    let identity = rows::key(&conn.one(LAST_IDENTITY, &[&first, &last]).await?)?;
    let live = rows::live(&conn.one(LIVE, &[&own, &first, &last]).await?)?;
    conn.run(
        KEPT_UPDATE,
        &[
            &own,
            &counters.customer.0,
            &counters.seq.0,
            &counters.merge.0,
            &counters.conflict.0,
            &codec::number_of(identity),
            &live.all,
            &live.male,
            &live.female,
        ],
    )
    .await?;
    Ok(())
}

/// Writes what differs of a part. Where the text of an identity is lost, so is its type, and with it what
/// others were sent with: all of them are left as they are.
async fn mend_part(
    conn: &Connection,
    facts: &TenantFacts,
    part: &Part,
    policy: &Policy,
    is_lost: bool,
    rebuilt: &mut Rebuilt,
) -> Result<(), Trouble> {
    let mut differences = Vec::new();
    for kind in Kind::ALL.into_iter().filter(|kind| !(is_lost && *kind == Kind::Identity)) {
        compare::compare(conn, facts, part, kind, &mut differences).await?;
    }
    let mut dirty = Dirty::default();
    for difference in &differences {
        difference.count_in(rebuilt);
        mend(conn, facts, difference, &mut dirty).await?;
    }
    if part.is_first() && facts.policy() != policy {
        dirty.policy = true;
        dirty.types = facts.policy().types().map(|kind| kind.number).collect();
    }
    write::anew(conn, facts, &dirty).await
}

/// Makes anew what lists by time go by, if it is not what the customers of a tenant say.
pub(super) async fn list_by_time(conn: &Connection, tenant: TenantId) -> Result<(), Trouble> {
    if updated_wrong(conn, tenant).await?.is_empty() {
        return Ok(());
    }
    let (first, last) = key_range(tenant);
    conn.run(UPDATED_DELETE, &[&first, &last]).await?;
    conn.run(UPDATED_INSERT, &[&first, &last]).await?;
    Ok(())
}

/// Makes the trails of a tenant anew.
async fn trail(conn: &Connection, tenant: TenantId) -> Result<(), Trouble> {
    let (first, last) = key_range(tenant);
    conn.run(TRAIL_DELETE, &[&first, &last]).await?;
    let mut after = first;
    loop {
        let found = conn.all(JOURNAL, &[&after, &last]).await?;
        let Some(newest) = found.last() else { return Ok(()) };
        after = rows::key(newest)?;
        let (mut customers, mut places) = (Vec::new(), Vec::new());
        for row in &found {
            for touched in rows::entry(row)?.touched {
                customers.push(codec::own_key(tenant, touched.customer.0)?);
                places.push(rows::key(row)?);
            }
        }
        conn.run(TRAIL_INSERT, &[&customers, &places]).await?;
    }
}

/// Removes a row that is not what the journal says, and notes that it is to be written.
async fn mend(
    conn: &Connection,
    facts: &TenantFacts,
    difference: &Difference,
    dirty: &mut Dirty,
) -> Result<(), Trouble> {
    let tenant = facts.tenant();
    let is_known = difference.what != What::Unexpected;
    let (one, other) = difference.key;
    let key = codec::own_key(tenant, one)?;
    match difference.kind {
        Kind::Customer => {
            conn.run(CUSTOMER_DELETE, &[&key]).await?;
            dirty.customers.extend(is_known.then_some(CustomerId(one)));
        }
        Kind::Home => {
            conn.run(HOME_DELETE, &[&key]).await?;
            dirty.homes.extend(is_known.then_some(CustomerId(one)));
        }
        Kind::Merge => {
            conn.run(MERGE_DELETE, &[&key]).await?;
            dirty.merges.extend(is_known.then_some(MergeId(one)));
        }
        Kind::Conflict => {
            conn.run(CONFLICT_DELETE, &[&key]).await?;
            dirty.conflicts.extend(is_known.then_some(ConflictId(one)));
        }
        Kind::Identity => {
            let number = IdentityNumber(one);
            dirty.identities.extend(facts.identity(number).map(|identity| identity.number));
        }
        Kind::CannotLink => {
            conn.run(CANNOT_LINK_DELETE, &[&key, &codec::own_key(tenant, other)?]).await?;
            let link = CannotLink { low: CustomerId(one), high: CustomerId(other) };
            dirty.links.extend(is_known.then_some(link));
        }
        Kind::Undecided => {
            conn.run(UNDECIDED_DELETE, &[&key, &codec::own_key(tenant, other)?]).await?;
            dirty.undecided.extend(is_known.then_some((MergeId(one), Seq(other))));
        }
    }
    Ok(())
}
