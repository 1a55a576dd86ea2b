//! Imports: from a table, and back.

use super::connection::Connection;
use super::rows;
use super::trouble::Trouble;
use crate::Spooled;
use crate::tables::codec::{self, key_range};
use kehub_core::command::Request;
use kehub_core::facts::{NeededImports, Needs};
use kehub_core::import::{Content, Hold, Import, Imports, Plan, Progress, State};
use kehub_core::{AppNumber, ImportId, TenantId};
use std::collections::BTreeSet;
use tokio_postgres::Row;

const LAST: &str = "SELECT last_import FROM tenant WHERE id = $1";
const LAST_UPDATE: &str = "UPDATE tenant SET last_import = $2 WHERE id = $1";
/// The columns of [`import`].
macro_rules! columns {
    () => {
        "key, app, source, bytes, hash, settings, spool, state, unwanted, holder, until, began_at, \
         changed_at, rows_read, skipped, created, updated, unchanged, merged, conflicts, refused, \
         report, report_bytes, error"
    };
}
const NEWEST_FIRST: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM import WHERE key BETWEEN $1 AND $2 ORDER BY key DESC LIMIT $3"
);
const SPOOLED: &str =
    concat!("SELECT ", columns!(), " FROM import WHERE spool IS NOT NULL ORDER BY key");
/// There are few rows: a thousand of a tenant at most.
const OPEN: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM import WHERE spool IS NOT NULL AND state IN ('running', 'interrupted') ORDER BY key"
);
const UPSERT: &str = concat!(
    "INSERT INTO import (",
    columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, \
     $19, $20, $21, $22, $23, $24)
     ON CONFLICT (key) DO UPDATE SET
        spool = excluded.spool, state = excluded.state, unwanted = excluded.unwanted,
        holder = excluded.holder, until = excluded.until, changed_at = excluded.changed_at,
        rows_read = excluded.rows_read, skipped = excluded.skipped, created = excluded.created,
        updated = excluded.updated, unchanged = excluded.unchanged, merged = excluded.merged,
        conflicts = excluded.conflicts, refused = excluded.refused, report = excluded.report,
        report_bytes = excluded.report_bytes, error = excluded.error"
);
const DELETE: &str = "DELETE FROM import WHERE key = $1";

/// The statements of this file, for tests that look at all of them.
#[cfg(any(test, feature = "testing"))]
pub(super) const STATEMENTS: &[(&str, &str)] = &[
    ("last import", LAST),
    ("update of the last import", LAST_UPDATE),
    ("imports", NEWEST_FIRST),
    ("spooled imports", SPOOLED),
    ("open imports", OPEN),
    ("upsert of an import", UPSERT),
    ("delete of an import", DELETE),
];

/// Imports of a tenant with an id below `before`, newest first, at most `limit`.
pub(super) async fn newest_first(
    conn: &Connection,
    tenant: TenantId,
    before: Option<ImportId>,
    limit: usize,
) -> Result<Vec<Import>, Trouble> {
    let (first, mut last) = key_range(tenant);
    if let Some(key) = before.and_then(|before| codec::key(tenant, before.0)) {
        last = key - 1;
    }
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let found = rows::read(&conn.all(NEWEST_FIRST, &[&first, &last, &limit]).await?, import)?;
    Ok(found.into_iter().map(|(_, import)| import).collect())
}

/// Imports of all tenants whose files hubs keep, by tenant and id.
pub(super) async fn spooled(
    conn: &Connection,
    which: Spooled,
) -> Result<Vec<(TenantId, Import)>, Trouble> {
    let sql = match which {
        Spooled::All => SPOOLED,
        Spooled::Open => OPEN,
    };
    rows::read(&conn.all(sql, &[]).await?, import)
}

/// What the requests look at of imports; `None` if none of them does.
pub(super) async fn facts(
    conn: &Connection,
    requests: &[Request],
) -> Result<Option<Imports>, Trouble> {
    let needed = requests.iter().filter_map(|it| Some((it.tenant, Needs::imports(&it.command)?)));
    let needed: BTreeSet<(TenantId, NeededImports)> = needed.collect();
    if needed.is_empty() {
        return Ok(None);
    }
    let mut imports = Imports::default();
    for (tenant, needed) in needed {
        let (before, limit) = match needed {
            NeededImports::All => (None, usize::MAX),
            NeededImports::One(id) => (Some(ImportId(id.0.saturating_add(1))), 1),
        };
        let found = newest_first(conn, tenant, before, limit).await?;
        imports.all.extend(found.into_iter().map(|import| ((tenant, import.id), import)));
        if let Some(row) = conn.first(LAST, &[&i64::from(tenant.0)]).await? {
            imports.last.insert(tenant, ImportId(row.try_get(0)?));
        }
    }
    Ok(Some(imports))
}

/// Writes what differs.
pub(super) async fn write(
    conn: &Connection,
    now: &Imports,
    before: &Imports,
) -> Result<(), Trouble> {
    for (tenant, last) in &now.last {
        if before.last.get(tenant) != Some(last) {
            conn.run(LAST_UPDATE, &[&i64::from(tenant.0), &last.0]).await?;
        }
    }
    for (tenant, id) in before.all.keys().filter(|key| !now.all.contains_key(key)) {
        conn.run(DELETE, &[&codec::own_key(*tenant, id.0)?]).await?;
    }
    for ((tenant, id), import) in &now.all {
        if before.all.get(&(*tenant, *id)) != Some(import) {
            upsert(conn, codec::own_key(*tenant, id.0)?, import).await?;
        }
    }
    Ok(())
}

async fn upsert(conn: &Connection, key: i64, import: &Import) -> Result<(), Trouble> {
    let Import { plan, progress, .. } = import;
    let count = |count: u64| i64::try_from(count).map_err(Trouble::broken);
    let (bytes, hash) =
        plan.content.as_ref().map(|content| (content.bytes, &content.hash[..])).unzip();
    conn.run(
        UPSERT,
        &[
            &key,
            &i64::from(import.app.0),
            &plan.source,
            &bytes.map(count).transpose()?,
            &hash,
            &plan.settings,
            &plan.spool,
            &import.state.name(),
            &import.is_unwanted,
            &import.hold.holder,
            &import.hold.until,
            &import.began_at,
            &import.changed_at,
            &count(progress.rows)?,
            &count(progress.skipped)?,
            &count(progress.created)?,
            &count(progress.updated)?,
            &count(progress.unchanged)?,
            &count(progress.merged)?,
            &count(progress.conflicts)?,
            &count(progress.refused)?,
            &progress.report,
            &count(progress.report_bytes)?,
            &import.error,
        ],
    )
    .await?;
    Ok(())
}

fn import(row: &Row) -> Result<(TenantId, Import), Trouble> {
    let key = rows::key(row)?;
    let count = |column: usize| rows::number::<u64>(row, column);
    let content = match (row.try_get::<_, Option<i64>>(3)?, row.try_get::<_, Option<&[u8]>>(4)?) {
        (Some(_), Some(_)) => Some(Content { bytes: count(3)?, hash: rows::bytes(row, 4)? }),
        (_, _) => None,
    };
    let state: &str = row.try_get(7)?;
    let state = State::named(state)
        .ok_or_else(|| Trouble::broken(format!("no state of an import `{state}`")))?;
    let import = Import {
        id: ImportId(codec::number_of(key)),
        app: AppNumber(rows::number(row, 1)?),
        began_at: row.try_get(11)?,
        changed_at: row.try_get(12)?,
        plan: Plan {
            source: row.try_get(2)?,
            content,
            settings: row.try_get(5)?,
            spool: row.try_get(6)?,
        },
        state,
        is_unwanted: row.try_get(8)?,
        hold: Hold { holder: row.try_get(9)?, until: row.try_get(10)? },
        progress: Progress {
            rows: count(13)?,
            skipped: count(14)?,
            created: count(15)?,
            updated: count(16)?,
            unchanged: count(17)?,
            merged: count(18)?,
            conflicts: count(19)?,
            refused: count(20)?,
            report: row.try_get(21)?,
            report_bytes: count(22)?,
        },
        error: row.try_get(23)?,
    };
    Ok((codec::tenant_of(key)?, import))
}
