//! The audit log: written entry by entry, and read newest first by what it is filtered by.
//!
//! The order of entries of several deeds, or about several things, is one that no index has. So each deed
//! is looked for on its own, where its index is in order, and the newest of all are taken. Where nothing is
//! said of deeds it is each of them.

use super::connection::{Args, Connection};
use super::rows;
use super::trouble::Trouble;
use crate::tables::audit::{self, Range};
use crate::tables::codec::{self, key_range};
use kehub_core::TenantId;
use kehub_core::people::audit::{
    AUDIT_MAX, About, AuditEntry, AuditFilter, AuditNumber, AuditPlace,
};
use tokio_postgres::Row;

/// A statement that reads entries of a tenant from a moment on, before a place, newest first.
macro_rules! newest {
    ($($condition:literal)?) => {
        concat!(
            "SELECT key, at, app, deed, about_kind, about, details FROM audit
             WHERE key >> 40 = $1 AND at >= $2 AND (at, key) < ($3, $4)",
            $(" AND ", $condition,)?
            " ORDER BY at DESC, key DESC LIMIT $5"
        )
    };
}
/// The newest of what [`newest`] finds for each of these.
macro_rules! newest_of {
    ($lists:literal, $condition:literal) => {
        concat!(
            "SELECT found.* FROM ",
            $lists,
            " CROSS JOIN LATERAL (",
            newest!($condition),
            ") AS found
             ORDER BY found.at DESC, found.key DESC LIMIT $5"
        )
    };
}

const ANY: &str = newest!();
const OF_DEED: &str = newest_of!("unnest($6::text[]) AS w (deed)", "audit.deed = w.deed");
const OF_APP: &str =
    newest_of!("unnest($6::text[]) AS w (deed)", "audit.deed = w.deed AND app = $7");
const OF_ABOUT: &str = newest_of!(
    "unnest($6::text[]) AS w (deed) CROSS JOIN unnest($7::text[], $8::bigint[]) AS o (kind, number)",
    "audit.deed = w.deed AND about_kind = o.kind AND about = o.number
     AND ($9::bigint IS NULL OR app = $9)"
);
const BY_NUMBER: &str = "
    SELECT key, at, app, deed, about_kind, about, details FROM audit
    WHERE key BETWEEN $1 AND $2 ORDER BY key LIMIT $3";
const INSERT: &str = "
    INSERT INTO audit (key, at, app, deed, about_kind, about, details)
    VALUES ($1, $2, $3, $4, $5, $6, $7)";
const DELETE: &str = "DELETE FROM audit WHERE key BETWEEN $1 AND $2";

/// Entries that are read at once where all are.
const AT_ONCE: i64 = 10_000;

/// The statements of this file, for tests that look at all of them.
#[cfg(any(test, feature = "testing"))]
pub(super) const STATEMENTS: &[(&str, &str)] = &[
    ("audit", ANY),
    ("audit of deeds", OF_DEED),
    ("audit of an app", OF_APP),
    ("audit about something", OF_ABOUT),
    ("audit by number", BY_NUMBER),
    ("insert of audit", INSERT),
    ("delete of old audit", DELETE),
];

/// What leads to the entries of each filter.
#[cfg(test)]
pub(super) const LED_BY: &[(&str, &str)] = &[
    ("audit", "Index Scan Backward using audit_at"),
    ("audit of deeds", "Index Scan Backward using audit_deed"),
    ("audit of an app", "Index Scan Backward using audit_app"),
    ("audit about something", "Index Scan Backward using audit_about"),
];

/// Entries of a tenant's audit log that match, of those before a place, newest first, at most `limit`.
pub(super) async fn newest_first(
    conn: &Connection,
    tenant: TenantId,
    filter: &AuditFilter,
    before: Option<AuditPlace>,
    limit: usize,
) -> Result<Vec<AuditEntry>, Trouble> {
    let Range { tenant, from, at, key, limit } = Range::of(tenant, filter, before, limit);
    let (app, deeds) = (filter.app.map(|app| i64::from(app.0)), audit::deeds(filter));
    let (kinds, numbers): (Vec<&str>, Vec<i64>) =
        filter.about.iter().map(|about| about.parts()).unzip();
    let found = if !kinds.is_empty() {
        let about: Args<'_> = &[&tenant, &from, &at, &key, &limit, &deeds, &kinds, &numbers, &app];
        conn.all(OF_ABOUT, about).await
    } else if app.is_some() {
        conn.all(OF_APP, &[&tenant, &from, &at, &key, &limit, &deeds, &app]).await
    } else if !filter.deeds.is_empty() {
        conn.all(OF_DEED, &[&tenant, &from, &at, &key, &limit, &deeds]).await
    } else {
        conn.all(ANY, &[&tenant, &from, &at, &key, &limit]).await
    };
    rows::read(&found?, entry)
}

/// Reads all of a tenant's audit log, to see whether it can be read.
pub(super) async fn read_through(conn: &Connection, tenant: TenantId) -> Result<(), Trouble> {
    let (mut first, last) = key_range(tenant);
    loop {
        let entries = conn.all(BY_NUMBER, &[&first, &last, &AT_ONCE]).await?;
        let entries = rows::read(&entries, entry)?;
        let Some(newest) = entries.last() else { return Ok(()) };
        first = codec::own_key(tenant, newest.number.0)? + 1;
    }
}

/// Adds an entry under its key.
pub(super) async fn insert(conn: &Connection, key: i64, entry: &AuditEntry) -> Result<(), Trouble> {
    let (kind, about) = entry.about.map(About::parts).unzip();
    conn.run(
        INSERT,
        &[
            &key,
            &entry.at,
            &entry.app.map(|app| i64::from(app.0)),
            &entry.deed.name(),
            &kind,
            &about,
            &audit::details_text(&entry.details)?,
        ],
    )
    .await?;
    Ok(())
}

/// Forgets the oldest entries, where more are there than are kept.
pub(super) async fn forget(
    conn: &Connection,
    tenant: TenantId,
    last: AuditNumber,
) -> Result<(), Trouble> {
    let (first, _) = key_range(tenant);
    if let Some(old) = codec::key(tenant, last.0 - AUDIT_MAX) {
        conn.run(DELETE, &[&first, &old]).await?;
    }
    Ok(())
}

fn entry(row: &Row) -> Result<AuditEntry, Trouble> {
    Ok(AuditEntry {
        number: AuditNumber(codec::number_of(rows::key(row)?)),
        at: row.try_get(1)?,
        app: rows::app(row, 2)?,
        deed: audit::deed(row.try_get(3)?)?,
        about: audit::about(row.try_get(4)?, row.try_get(5)?)?,
        details: audit::details(row.try_get(6)?)?,
    })
}
