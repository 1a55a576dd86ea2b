//! The audit log: written entry by entry, and read newest first by what it is filtered by.
//!
//! The order of entries of several deeds, or about several things, is one that no index has. So each deed
//! is looked for on its own, where its index is in order, and the newest of all are taken. Where nothing is
//! said of deeds it is each of them.

use super::codec::{self, key_range};
use super::rows;
use super::trouble::Trouble;
use crate::tables::audit::{self, Range};
use kehub_core::people::audit::{
    AUDIT_MAX, About, AuditEntry, AuditFilter, AuditNumber, AuditPlace,
};
use kehub_core::{AppNumber, TenantId};
use rusqlite::{Connection, Row, params};
use std::cmp::Reverse;

/// A statement that reads entries of a tenant from a moment on, before a place, newest first. Its index is
/// named, because one that fewer conditions lead into looks as good to SQLite, which knows nothing of the
/// rows.
macro_rules! newest {
    ($index:literal $(, $condition:literal)?) => {
        concat!(
            "SELECT key, at, app, deed, about_kind, about, details FROM audit INDEXED BY ",
            $index,
            " WHERE key >> 40 = ?1 AND at >= ?2 AND (at, key) < (?3, ?4)",
            $(" AND ", $condition,)?
            " ORDER BY at DESC, key DESC LIMIT ?5"
        )
    };
}

const ANY: &str = newest!("audit_at");
const OF_DEED: &str = newest!("audit_deed", "deed = ?6");
const OF_APP: &str = newest!("audit_app", "deed = ?6 AND app = ?7");
const OF_ABOUT: &str = newest!(
    "audit_about",
    "deed = ?6 AND about_kind = ?7 AND about = ?8 AND (?9 IS NULL OR app = ?9)"
);
const BY_NUMBER: &str = "
    SELECT key, at, app, deed, about_kind, about, details FROM audit
    WHERE key BETWEEN ?1 AND ?2 ORDER BY key LIMIT ?3";
const INSERT: &str = "
    INSERT INTO audit (key, at, app, deed, about_kind, about, details)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
const DELETE: &str = "DELETE FROM audit WHERE key BETWEEN ?1 AND ?2";

/// Entries that are read at once where all are.
const AT_ONCE: i64 = 10_000;

/// The statements that look for rows, with what leads to them, for a look at their plans.
#[cfg(test)]
pub(super) const STATEMENTS: &[(&str, &str, &str)] = &[
    ("audit", ANY, "audit_at (<expr>=? AND at>? AND at<?)"),
    ("audit of a deed", OF_DEED, "audit_deed (<expr>=? AND deed=? AND at>? AND at<?)"),
    ("audit of an app", OF_APP, "audit_app (<expr>=? AND app=? AND deed=? AND at>? AND at<?)"),
    (
        "audit about something",
        OF_ABOUT,
        "audit_about (<expr>=? AND about_kind=? AND about=? AND deed=? AND at>? AND at<?)",
    ),
    ("audit by number", BY_NUMBER, "PRIMARY KEY (rowid>? AND rowid<?)"),
    ("delete of old audit", DELETE, "PRIMARY KEY (rowid>? AND rowid<?)"),
];

/// Entries of a tenant's audit log that match, of those before a place, newest first, at most `limit`.
pub(super) fn newest_first(
    conn: &Connection,
    tenant: TenantId,
    filter: &AuditFilter,
    before: Option<AuditPlace>,
    limit: usize,
) -> Result<Vec<AuditEntry>, Trouble> {
    let Range { tenant, from, at, key, limit: most } = Range::of(tenant, filter, before, limit);
    let range = (tenant, from, at, key, most);
    let (app, deeds) = (filter.app.map(|app| app.0), audit::deeds(filter));
    if filter.about.is_empty() && app.is_none() && filter.deeds.is_empty() {
        return rows::all(conn, ANY, range, entry);
    }
    let mut found = Vec::new();
    for deed in deeds {
        if filter.about.is_empty() {
            found.extend(match app {
                Some(app) => {
                    rows::all(conn, OF_APP, (tenant, from, at, key, most, deed, app), entry)?
                }
                None => rows::all(conn, OF_DEED, (tenant, from, at, key, most, deed), entry)?,
            });
        }
        for (kind, about) in filter.about.iter().map(|about| about.parts()) {
            let args = (tenant, from, at, key, most, deed, kind, about, app);
            found.extend(rows::all(conn, OF_ABOUT, args, entry)?);
            // A customer may have been called by many ids.
            if found.len() / 2 > limit {
                keep_newest(&mut found, limit);
            }
        }
    }
    keep_newest(&mut found, limit);
    Ok(found)
}

fn keep_newest(found: &mut Vec<AuditEntry>, limit: usize) {
    found.sort_unstable_by_key(|entry| Reverse(entry.place()));
    found.truncate(limit);
}

/// Reads all of a tenant's audit log, to see whether it can be read.
pub(super) fn read_through(conn: &Connection, tenant: TenantId) -> Result<(), Trouble> {
    let (mut first, last) = key_range(tenant);
    loop {
        let entries = rows::all(conn, BY_NUMBER, (first, last, AT_ONCE), entry)?;
        let Some(newest) = entries.last() else { return Ok(()) };
        first = codec::own_key(tenant, newest.number.0)? + 1;
    }
}

/// Adds an entry under its key.
pub(super) fn insert(conn: &Connection, key: i64, entry: &AuditEntry) -> Result<(), Trouble> {
    let (kind, about) = entry.about.map(About::parts).unzip();
    conn.prepare_cached(INSERT)?.execute(params![
        key,
        entry.at,
        entry.app.map(|app| app.0),
        entry.deed.name(),
        kind,
        about,
        audit::details_text(&entry.details)?,
    ])?;
    Ok(())
}

/// Forgets the oldest entries, where more are there than are kept.
pub(super) fn forget(
    conn: &Connection,
    tenant: TenantId,
    last: AuditNumber,
) -> Result<(), Trouble> {
    let (first, _) = key_range(tenant);
    if let Some(old) = codec::key(tenant, last.0 - AUDIT_MAX) {
        conn.prepare_cached(DELETE)?.execute((first, old))?;
    }
    Ok(())
}

fn entry(row: &Row<'_>) -> Result<AuditEntry, Trouble> {
    let details: Option<Box<str>> = row.get(6)?;
    Ok(AuditEntry {
        number: AuditNumber(codec::number_of(row.get(0)?)),
        at: row.get(1)?,
        app: row.get::<_, Option<u32>>(2)?.map(AppNumber),
        deed: audit::deed(&row.get::<_, Box<str>>(3)?)?,
        about: audit::about(row.get(4)?, row.get(5)?)?,
        details: audit::details(details.as_deref())?,
    })
}
