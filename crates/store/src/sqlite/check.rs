//! Whether a file keeps its promises: it is sound as a database, no row reaches into another
//! tenant, and the rows are what the journal makes of them. Reads only.
//!
//! What the journal makes of a part of a tenant is held in memory at once. The rows are not held.

use super::codec::{self, key_range};
use super::compare::{self, Kind};
use super::retold::Telling;
use super::trouble::Trouble;
use super::{audit, imports, load, query, rows, webhooks, wechat};
use crate::report::{Progress, Report};
use crate::tables::compare::{Differences, Types, check_live};
use kehub_core::directory::{Directory, Tenant};
use kehub_core::facts::Counters;
use kehub_core::receipt::ReceiptKey;
use kehub_core::{AppNumber, Seq, TenantId};
use rusqlite::{Connection, Row};

/// How many problems of one kind are asked for.
const ROWS_MAX: i64 = 100;

const INTEGRITY: &str = "PRAGMA integrity_check(100)";
const RECEIPTS: &str = "SELECT request, at, seq, outcome, app, key FROM receipt WHERE tenant = ?1";
const KEPT: &str = "
    SELECT last_customer, last_identity, last_seq, last_merge, last_conflict,
           (SELECT coalesce(max(key), ?2) FROM identity WHERE key BETWEEN ?2 AND ?3)
    FROM tenant WHERE id = ?1";
pub(super) const LIVE: &str = "
    SELECT count(*), coalesce(sum(gender = 1), 0), coalesce(sum(gender = 2), 0)
    FROM customer WHERE live = ?1 AND key BETWEEN ?2 AND ?3";

/// Rows whose columns name something outside of the range of their tenant (promise 8): what they
/// are called, and a statement for their keys within a range of keys.
const REACHING_OUT: &[(&str, &str)] = &[
    ("customer", "SELECT key FROM customer WHERE survivor >> 40 <> key >> 40 OR live <> key >> 40"),
    (
        "identity",
        "SELECT key FROM identity WHERE home >> 40 <> key >> 40 OR type >> 16 <> key >> 40",
    ),
    (
        "merge",
        "SELECT key FROM merge WHERE left_home >> 40 <> key >> 40 OR right_home >> 40 <> key >> 40",
    ),
    (
        "conflict",
        "SELECT key FROM conflict WHERE identity >> 40 <> key >> 40 OR left_home >> 40 <> key >> 40
             OR right_home >> 40 <> key >> 40",
    ),
    ("cannot-link of customer", "SELECT low AS key FROM cannot_link WHERE high >> 40 <> low >> 40"),
    (
        "undecided claim of merge",
        "SELECT merge AS key FROM undecided WHERE claim >> 40 <> merge >> 40",
    ),
];
/// Tables whose rows begin with their tenant: what they hold, and how the tenant is found.
const OF_TENANTS: &[(&str, &str)] = &[
    ("customers", "SELECT DISTINCT key >> 40 FROM customer"),
    ("homes", "SELECT DISTINCT key >> 40 FROM home"),
    ("identities", "SELECT DISTINCT key >> 40 FROM identity"),
    ("identity types", "SELECT DISTINCT key >> 16 FROM identity_type"),
    ("merges", "SELECT DISTINCT key >> 40 FROM merge"),
    ("cannot-links", "SELECT DISTINCT low >> 40 FROM cannot_link"),
    ("conflicts", "SELECT DISTINCT key >> 40 FROM conflict"),
    ("undecided claims", "SELECT DISTINCT merge >> 40 FROM undecided"),
    ("journal entries", "SELECT DISTINCT key >> 40 FROM journal"),
    ("webhooks", "SELECT DISTINCT key >> 40 FROM webhook"),
    ("imports", "SELECT DISTINCT key >> 40 FROM import"),
    ("undelivered events", "SELECT DISTINCT webhook >> 40 FROM undelivered"),
    ("WeChat accounts", "SELECT DISTINCT key >> 40 FROM wechat_account"),
    ("audit entries", "SELECT DISTINCT key >> 40 FROM audit"),
    ("receipts", "SELECT DISTINCT tenant FROM receipt"),
    ("apps", "SELECT DISTINCT tenant FROM app"),
];

/// Looks at the whole file, or at one tenant of it, as it stands in the transaction of the caller.
pub(super) fn check(
    conn: &Connection,
    only: Option<TenantId>,
    at_once: u32,
    progress: &dyn Progress,
) -> Result<Report, Trouble> {
    let mut report = Report::default();
    let directory = load::directory(conn)?;
    if only.is_none() {
        progress.at("the file", 0, 0);
        for told in file_problems(conn)? {
            report.find(None, format!("the file is damaged: {told}"));
        }
        strangers(conn, &directory, &mut report)?;
    }
    for tenant in directory.tenants.iter().filter(|it| only.is_none_or(|only| it.id == only)) {
        reaching_out(conn, tenant.id, &mut report)?;
        check_tenant(conn, tenant, at_once, progress, &mut report)?;
        report.tenants += 1;
    }
    Ok(report)
}

/// What SQLite itself says of the file; nothing if it is sound.
pub(super) fn file_problems(conn: &Connection) -> Result<Vec<String>, Trouble> {
    let told: Vec<String> = rows::all(conn, INTEGRITY, (), |row| Ok(row.get(0)?))?;
    Ok(told.into_iter().filter(|told| told != "ok").collect())
}

/// Rows of tenants that there are not.
fn strangers(conn: &Connection, known: &Directory, report: &mut Report) -> Result<(), Trouble> {
    for (what, sql) in OF_TENANTS {
        for tenant in rows::all(conn, sql, (), rows::integer)? {
            if !known.tenants.iter().any(|it| i64::from(it.id.0) == tenant) {
                report
                    .find(None, format!("there are {what} of tenant {tenant}, and no such tenant"));
            }
        }
    }
    Ok(())
}

fn reaching_out(conn: &Connection, tenant: TenantId, report: &mut Report) -> Result<(), Trouble> {
    let (first, last) = key_range(tenant);
    for (what, sql) in REACHING_OUT {
        let sql = format!("SELECT key FROM ({sql}) WHERE key BETWEEN ?1 AND ?2 LIMIT ?3");
        for key in rows::all(conn, &sql, (first, last, ROWS_MAX), rows::integer)? {
            let number = codec::number_of(key);
            report.find(Some(tenant), format!("{what} {number} names something of another tenant"));
        }
    }
    Ok(())
}

fn check_tenant(
    conn: &Connection,
    tenant: &Tenant,
    at_once: u32,
    progress: &dyn Progress,
    report: &mut Report,
) -> Result<(), Trouble> {
    let policy = load::policy(conn, tenant.id)?.unwrap_or_default();
    let (mut differences, mut types) = (Differences::default(), Types::default());
    let mut telling = Telling::new(conn, tenant.id, &policy, at_once, progress)?;
    while let Some((facts, part)) = telling.next_part()? {
        let mut found = Vec::new();
        for kind in Kind::ALL {
            progress.at(kind.plural(), 0, 0);
            compare::compare(conn, &facts, &part, kind, &mut found)?;
        }
        differences.extend(found);
        types.look_at(&facts);
    }
    let retold = telling.end()?;
    differences.tell(tenant.id, &retold, report);
    if retold.policy != policy {
        report.find(Some(tenant.id), "the policy is not what the journal says");
    }
    types.tell(tenant.id, &retold.policy, report);
    check_aside(conn, tenant.id, retold.counters.seq, report)?;
    check_kept(conn, tenant.id, retold.counters, report)?;
    report.customers += retold.customers;
    report.identities += retold.identities;
    report.entries += u64::try_from(retold.counters.seq.0).unwrap_or_default();
    Ok(())
}

/// What no journal tells has to be readable at least: a request is answered from its receipt, and a
/// webhook that cannot be read keeps all of them from being told.
fn check_aside(
    conn: &Connection,
    tenant: TenantId,
    end: Seq,
    report: &mut Report,
) -> Result<(), Trouble> {
    let (mut broken, mut ahead) = (0_u64, 0_u64);
    let mut statement = conn.prepare_cached(RECEIPTS)?;
    let mut found = statement.query([tenant.0])?;
    while let Some(row) = found.next()? {
        let key = || Ok(ReceiptKey { app: AppNumber(row.get(4)?), key: row.get(5)? });
        match key().and_then(|key| rows::receipt(key, row)) {
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
    if let Err(trouble) = webhooks::all(conn, Some(tenant)) {
        report.find(Some(tenant), format!("the webhooks cannot be read: {trouble}"));
    }
    if let Err(trouble) = wechat::all(conn, Some(tenant)) {
        report.find(Some(tenant), format!("the WeChat accounts cannot be read: {trouble}"));
    }
    if let Err(trouble) = imports::newest_first(conn, tenant, None, usize::MAX) {
        report.find(Some(tenant), format!("the imports cannot be read: {trouble}"));
    }
    if let Err(trouble) = audit::read_through(conn, tenant) {
        report.find(Some(tenant), format!("the audit log cannot be read: {trouble}"));
    }
    Ok(())
}

/// The counts and last numbers that the row of the tenant keeps.
fn check_kept(
    conn: &Connection,
    tenant: TenantId,
    counters: Counters,
    report: &mut Report,
) -> Result<(), Trouble> {
    let (first, last) = key_range(tenant);
    let read = |row: &Row<'_>| {
        let numbers: rusqlite::Result<Vec<i64>> = (0..6).map(|column| row.get(column)).collect();
        Ok(numbers?)
    };
    let kept = rows::first(conn, KEPT, (tenant.0, first, last), read)?.unwrap_or_default();
    let identity = kept.get(5).copied().map(codec::number_of).unwrap_or_default();
    let expected = [
        ("customer", counters.customer.0),
        ("identity", identity),
        ("journal entry", counters.seq.0),
        ("merge", counters.merge.0),
        ("conflict", counters.conflict.0),
    ];
    for ((what, expected), kept) in expected.iter().zip(&kept) {
        if expected != kept {
            let text = format!("the last {what} is number {expected}, and noted as {kept}");
            report.find(Some(tenant), text);
        }
    }
    let found = rows::first(conn, LIVE, (tenant.0, first, last), rows::live)?.unwrap_or_default();
    check_live(tenant, found, query::noted(conn, tenant)?, report);
    Ok(())
}
