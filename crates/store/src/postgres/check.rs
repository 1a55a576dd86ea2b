//! Whether a database keeps its promises: no row reaches into another tenant, and the rows are what
//! the journal makes of them. Reads only.
//!
//! What the journal makes of a part of a tenant is held in memory at once. The rows are not held.

use super::compare;
use super::connection::{Connection, LONG};
use super::retold::Telling;
use super::trouble::Trouble;
use super::{audit, imports, policy, query, rows, webhooks, wechat};
use crate::report::{Progress, Report};
use crate::tables::codec::{self, key_range};
use crate::tables::compare::{Differences, Kind, Types, check_live};
use futures_util::TryStreamExt as _;
use kehub_core::directory::{Directory, Tenant};
use kehub_core::facts::Counters;
use kehub_core::journal::Entry;
use kehub_core::{Seq, TenantId};
use std::collections::BTreeSet;
use std::pin::pin;

/// How many problems of one kind are asked for.
const ROWS_MAX: i64 = 100;

const RECEIPTS: &str =
    "SELECT tenant, app, key, request, at, seq, outcome FROM receipt WHERE tenant = $1";
const KEPT: &str = "
    SELECT last_customer, last_identity, last_seq, last_merge, last_conflict
    FROM tenant WHERE id = $1";
pub(super) const LIVE: &str = "
    SELECT count(*), count(*) FILTER (WHERE gender = 1), count(*) FILTER (WHERE gender = 2)
    FROM customer WHERE live = $1 AND key BETWEEN $2 AND $3";
pub(super) const LAST_IDENTITY: &str =
    "SELECT coalesce(max(key), $1) FROM identity WHERE key BETWEEN $1 AND $2";
/// Rows of the trail that are not what the entries say would be found by telling them; here only
/// those that lead behind the end of the journal, in which no place is empty.
const TRAIL_LOST: &str = "
    SELECT customer FROM trail
    WHERE customer BETWEEN $1 AND $2 AND seq NOT BETWEEN $1 AND $3 ORDER BY customer LIMIT $4";
const TRAIL_STEPS: &str = "
    SELECT count(*), coalesce(sum((customer & 1099511627775)::numeric * (seq & 1099511627775)), 0)::text
    FROM trail WHERE customer BETWEEN $1 AND $2";

/// Customers whose time stands wrong in the table that lists go by, or not at all.
pub(super) const UPDATED_WRONG: &str = "
    SELECT coalesce(key, customer)
    FROM (SELECT key, live, updated_at FROM customer WHERE key BETWEEN $1 AND $2) AS customer
    FULL JOIN (SELECT customer, tenant, at FROM updated WHERE customer BETWEEN $1 AND $2) AS updated
        ON updated.customer = customer.key
    WHERE live IS DISTINCT FROM tenant OR live IS NOT NULL AND updated_at <> at LIMIT $3";

/// The statements of this file, for tests that look at all of them.
#[cfg(any(test, feature = "testing"))]
pub(super) const STATEMENTS: &[(&str, &str)] = &[
    ("receipts of a tenant", RECEIPTS),
    ("what a tenant notes", KEPT),
    ("counts of live customers", LIVE),
    ("last identity", LAST_IDENTITY),
    ("wrong times", UPDATED_WRONG),
    ("lost trails", TRAIL_LOST),
    ("steps of trails", TRAIL_STEPS),
];

/// Rows whose columns name something outside of the range of their tenant (promise 8): what they
/// are called, and a statement for their keys within a range of keys.
pub(super) const REACHING_OUT: &[(&str, &str)] = &[
    (
        "customer",
        "SELECT key FROM customer WHERE (survivor >> 40 <> key >> 40 OR live <> key >> 40)
         AND key BETWEEN $1 AND $2 LIMIT $3",
    ),
    (
        "identity",
        "SELECT key FROM identity WHERE (home >> 40 <> key >> 40 OR type >> 16 <> key >> 40)
         AND key BETWEEN $1 AND $2 LIMIT $3",
    ),
    (
        "merge",
        "SELECT key FROM merge WHERE (left_home >> 40 <> key >> 40 OR right_home >> 40 <> key >> 40)
         AND key BETWEEN $1 AND $2 LIMIT $3",
    ),
    (
        "conflict",
        "SELECT key FROM conflict WHERE (identity >> 40 <> key >> 40 OR left_home >> 40 <> key >> 40
             OR right_home >> 40 <> key >> 40) AND key BETWEEN $1 AND $2 LIMIT $3",
    ),
    (
        "cannot-link of customer",
        "SELECT low FROM cannot_link WHERE high >> 40 <> low >> 40 AND low BETWEEN $1 AND $2
         LIMIT $3",
    ),
    (
        "undecided claim of merge",
        "SELECT merge FROM undecided WHERE claim >> 40 <> merge >> 40 AND merge BETWEEN $1 AND $2
         LIMIT $3",
    ),
    (
        "trail of customer",
        "SELECT customer FROM trail WHERE seq >> 40 <> customer >> 40
         AND customer BETWEEN $1 AND $2 LIMIT $3",
    ),
];
/// Tables whose rows begin with their tenant: what they hold, and how the tenant is found.
pub(super) const OF_TENANTS: &[(&str, &str)] = &[
    ("customers", "SELECT DISTINCT key >> 40 FROM customer"),
    ("homes", "SELECT DISTINCT key >> 40 FROM home"),
    ("identities", "SELECT DISTINCT key >> 40 FROM identity"),
    ("identity types", "SELECT DISTINCT key >> 16 FROM identity_type"),
    ("merges", "SELECT DISTINCT key >> 40 FROM merge"),
    ("cannot-links", "SELECT DISTINCT low >> 40 FROM cannot_link"),
    ("conflicts", "SELECT DISTINCT key >> 40 FROM conflict"),
    ("undecided claims", "SELECT DISTINCT merge >> 40 FROM undecided"),
    ("journal entries", "SELECT DISTINCT key >> 40 FROM journal"),
    ("trails", "SELECT DISTINCT customer >> 40 FROM trail"),
    ("times", "SELECT DISTINCT customer >> 40 FROM updated"),
    ("webhooks", "SELECT DISTINCT key >> 40 FROM webhook"),
    ("imports", "SELECT DISTINCT key >> 40 FROM import"),
    ("undelivered events", "SELECT DISTINCT webhook >> 40 FROM undelivered"),
    ("WeChat accounts", "SELECT DISTINCT key >> 40 FROM wechat_account"),
    ("audit entries", "SELECT DISTINCT key >> 40 FROM audit"),
    ("receipts", "SELECT DISTINCT tenant FROM receipt"),
    ("apps", "SELECT DISTINCT tenant FROM app"),
];

/// Looks at the whole database, or at one tenant of it, as it stands in the transaction of the
/// caller.
pub(super) async fn check(
    conn: &Connection,
    only: Option<TenantId>,
    at_once: u32,
    progress: &dyn Progress,
) -> Result<Report, Trouble> {
    conn.batch(LONG).await?;
    let mut report = Report::default();
    let directory = policy::directory(conn).await?;
    if only.is_none() {
        progress.at("the database", 0, 0);
        strangers(conn, &directory, &mut report).await?;
    }
    for tenant in directory.tenants.iter().filter(|it| only.is_none_or(|only| it.id == only)) {
        reaching_out(conn, tenant.id, &mut report).await?;
        check_tenant(conn, tenant, at_once, progress, &mut report).await?;
        report.tenants += 1;
    }
    Ok(report)
}

/// Rows of tenants that there are not.
async fn strangers(
    conn: &Connection,
    known: &Directory,
    report: &mut Report,
) -> Result<(), Trouble> {
    for (what, sql) in OF_TENANTS {
        for row in conn.all(sql, &[]).await? {
            let tenant = rows::key(&row)?;
            if !known.tenants.iter().any(|it| i64::from(it.id.0) == tenant) {
                report
                    .find(None, format!("there are {what} of tenant {tenant}, and no such tenant"));
            }
        }
    }
    Ok(())
}

async fn reaching_out(
    conn: &Connection,
    tenant: TenantId,
    report: &mut Report,
) -> Result<(), Trouble> {
    let (first, last) = key_range(tenant);
    for (what, sql) in REACHING_OUT {
        for row in conn.all(sql, &[&first, &last, &ROWS_MAX]).await? {
            let number = codec::number_of(rows::key(&row)?);
            report.find(Some(tenant), format!("{what} {number} names something of another tenant"));
        }
    }
    Ok(())
}

async fn check_tenant(
    conn: &Connection,
    tenant: &Tenant,
    at_once: u32,
    progress: &dyn Progress,
    report: &mut Report,
) -> Result<(), Trouble> {
    let policy = policy::policy(conn, tenant.id).await?.unwrap_or_default();
    let (mut differences, mut types) = (Differences::default(), Types::default());
    let mut telling = Telling::new(conn, tenant.id, &policy, at_once, progress).await?;
    while let Some((facts, part)) = telling.next_part().await? {
        let mut found = Vec::new();
        for kind in Kind::ALL {
            progress.at(kind.plural(), 0, 0);
            compare::compare(conn, &facts, &part, kind, &mut found).await?;
        }
        differences.extend(found);
        types.look_at(&facts);
    }
    let (retold, steps) = telling.end().await?;
    differences.tell(tenant.id, &retold, report);
    if retold.policy != policy {
        report.find(Some(tenant.id), "the policy is not what the journal says");
    }
    types.tell(tenant.id, &retold.policy, report);
    check_aside(conn, tenant.id, retold.counters.seq, report).await?;
    check_kept(conn, tenant.id, retold.counters, report).await?;
    for text in trail_problems(conn, tenant.id, retold.counters.seq, steps).await? {
        report.find(Some(tenant.id), text);
    }
    for customer in updated_wrong(conn, tenant.id).await? {
        let text = format!("customer {customer} is not listed by the time of its last update");
        report.find(Some(tenant.id), text);
    }
    report.customers += retold.customers;
    report.identities += retold.identities;
    report.entries += u64::try_from(retold.counters.seq.0).unwrap_or_default();
    Ok(())
}

/// Which customers the entries of a journal touched, as a number of steps and the sum of what each
/// makes of the numbers of customer and entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Steps {
    count: i64,
    sum: i128,
}

impl Steps {
    pub(super) fn add(&mut self, entry: &Entry) {
        let touched: BTreeSet<_> = entry.touched.iter().map(|touched| touched.customer).collect();
        for customer in touched {
            self.count += 1;
            self.sum += i128::from(customer.0) * i128::from(entry.seq.0);
        }
    }
}

/// What is wrong with the trails: they have as many steps as the entries touched customers, and each
/// leads to an entry.
pub(super) async fn trail_problems(
    conn: &Connection,
    tenant: TenantId,
    end: Seq,
    expected: Steps,
) -> Result<Vec<String>, Trouble> {
    let (first, last) = key_range(tenant);
    let mut problems = Vec::new();
    let end = first.saturating_add(end.0);
    for row in conn.all(TRAIL_LOST, &[&first, &last, &end, &ROWS_MAX]).await? {
        let customer = codec::number_of(rows::key(&row)?);
        problems.push(format!("the trail of customer {customer} leads to no entry"));
    }
    let row = conn.one(TRAIL_STEPS, &[&first, &last]).await?;
    let sum = row.try_get::<_, &str>(1)?.parse().map_err(Trouble::broken)?;
    let found = Steps { count: row.try_get(0)?, sum };
    let (steps, told) = (found.count, expected.count);
    if steps != told {
        problems.push(format!("the trails have {steps} steps, and the journal says {told}"));
    } else if found != expected {
        problems.push("the steps of the trails are not those that the journal says".to_owned());
    }
    Ok(problems)
}

/// Some of the customers that lists by time would not find in their place.
pub(super) async fn updated_wrong(
    conn: &Connection,
    tenant: TenantId,
) -> Result<Vec<i64>, Trouble> {
    let (first, last) = key_range(tenant);
    let found = conn.all(UPDATED_WRONG, &[&first, &last, &ROWS_MAX]).await?;
    rows::read(&found, |row| Ok(codec::number_of(rows::key(row)?)))
}

/// What no journal tells has to be readable at least: a request is answered from its receipt, and a
/// webhook that cannot be read keeps all of them from being told.
async fn check_aside(
    conn: &Connection,
    tenant: TenantId,
    end: Seq,
    report: &mut Report,
) -> Result<(), Trouble> {
    let (mut broken, mut ahead) = (0_u64, 0_u64);
    let mut found = pin!(conn.each(RECEIPTS, &[&i64::from(tenant.0)]).await?);
    while let Some(row) = found.try_next().await? {
        match rows::receipt(&row) {
            Ok(receipt) if receipt.seq > end => ahead += 1,
            Ok(_) => (),
            Err(_) => broken += 1,
        }
    }
    if broken > 0 {
        report.find(Some(tenant), format!("{broken} receipts cannot be read"));
    }
    if ahead > 0 {
        report.find(Some(tenant), format!("{ahead} receipts are of entries that are not there"));
    }
    match webhooks::all(conn, Some(tenant)).await {
        Err(trouble) if trouble.is_corrupt() => {
            report.find(Some(tenant), format!("the webhooks cannot be read: {trouble}"));
        }
        found => drop(found?),
    }
    match wechat::all(conn, Some(tenant)).await {
        Err(trouble) if trouble.is_corrupt() => {
            report.find(Some(tenant), format!("the WeChat accounts cannot be read: {trouble}"));
        }
        found => drop(found?),
    }
    match imports::newest_first(conn, tenant, None, usize::MAX).await {
        Err(trouble) if trouble.is_corrupt() => {
            report.find(Some(tenant), format!("the imports cannot be read: {trouble}"));
        }
        found => drop(found?),
    }
    match audit::read_through(conn, tenant).await {
        Err(trouble) if trouble.is_corrupt() => {
            report.find(Some(tenant), format!("the audit log cannot be read: {trouble}"));
            Ok(())
        }
        found => found,
    }
}

/// The counts and last numbers that the row of the tenant keeps.
async fn check_kept(
    conn: &Connection,
    tenant: TenantId,
    counters: Counters,
    report: &mut Report,
) -> Result<(), Trouble> {
    let (first, last) = key_range(tenant);
    let own = i64::from(tenant.0);
    let Some(row) = conn.first(KEPT, &[&own]).await? else { return Ok(()) };
    let identity = conn.one(LAST_IDENTITY, &[&first, &last]).await?;
    let identity = codec::number_of(rows::key(&identity)?);
    let expected = [
        ("customer", counters.customer.0),
        ("identity", identity),
        ("journal entry", counters.seq.0),
        ("merge", counters.merge.0),
        ("conflict", counters.conflict.0),
    ];
    for (column, (what, expected)) in expected.into_iter().enumerate() {
        let kept: i64 = row.try_get(column)?;
        if expected != kept {
            let text = format!("the last {what} is number {expected}, and noted as {kept}");
            report.find(Some(tenant), text);
        }
    }
    let found = rows::live(&conn.one(LIVE, &[&own, &first, &last]).await?)?;
    check_live(tenant, found, query::noted(conn, tenant).await?, report);
    Ok(())
}
