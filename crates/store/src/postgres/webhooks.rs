//! Webhooks and how far they have been told: from tables, and back.

use super::connection::Connection;
use super::rows;
use super::trouble::Trouble;
use crate::tables::codec::{self, key_range};
use kehub_core::command::Request;
use kehub_core::facts::{NeededWebhooks, Needs};
use kehub_core::feed::{Cursor, Kind};
use kehub_core::webhook::{
    Failure, Lease, Progress, Reason, Secret, Settings, Undelivered, Webhook, Webhooks,
};
use kehub_core::{Micros, TenantId, WebhookId};
use std::collections::{BTreeMap, BTreeSet};
use tokio_postgres::Row;

const LEASE: &str = "SELECT deliverer, deliverer_until FROM hub WHERE id = 1";
const LEASE_UPDATE: &str = "UPDATE hub SET deliverer = $1, deliverer_until = $2 WHERE id = 1";
const LAST: &str = "SELECT id, last_webhook FROM tenant WHERE id = ANY($1)";
const LAST_UPDATE: &str = "UPDATE tenant SET last_webhook = $2 WHERE id = $1";
const WEBHOOKS: &str = "
    SELECT key, url, description, kinds, enabled, secret, old_secret, old_until, created_at,
           updated_at, epoch, position, place, delivered_at, failed_at, reason, status
    FROM webhook WHERE key BETWEEN $1 AND $2 ORDER BY key";
const UNDELIVERED: &str = "
    SELECT position, place, tries, due, failed_at, reason, status, webhook
    FROM undelivered WHERE webhook = ANY($1) ORDER BY webhook, position, place";
const WEBHOOK_UPSERT: &str = "
    INSERT INTO webhook (key, url, description, kinds, enabled, secret, old_secret, old_until,
                         created_at, updated_at, epoch, position, place, delivered_at, failed_at,
                         reason, status)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
    ON CONFLICT (key) DO UPDATE SET
        url = excluded.url, description = excluded.description, kinds = excluded.kinds,
        enabled = excluded.enabled, secret = excluded.secret, old_secret = excluded.old_secret,
        old_until = excluded.old_until, updated_at = excluded.updated_at, epoch = excluded.epoch,
        position = excluded.position, place = excluded.place,
        delivered_at = excluded.delivered_at, failed_at = excluded.failed_at,
        reason = excluded.reason, status = excluded.status";
const WEBHOOK_DELETE: &str = "DELETE FROM webhook WHERE key = $1";
const UNDELIVERED_UPSERT: &str = "
    INSERT INTO undelivered (webhook, position, place, tries, due, failed_at, reason, status)
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[],
                         $6::bigint[], $7::text[], $8::bigint[])
    ON CONFLICT (webhook, position, place) DO UPDATE SET tries = excluded.tries,
        due = excluded.due, failed_at = excluded.failed_at, reason = excluded.reason,
        status = excluded.status";
const UNDELIVERED_DELETE: &str = "
    DELETE FROM undelivered AS u USING unnest($2::bigint[], $3::bigint[]) AS w (position, place)
    WHERE u.webhook = $1 AND u.position = w.position AND u.place = w.place";
const UNDELIVERED_DELETE_ALL: &str = "DELETE FROM undelivered WHERE webhook = $1";

/// The statements of this file, for tests that look at all of them.
#[cfg(any(test, feature = "testing"))]
pub(super) const STATEMENTS: &[(&str, &str)] = &[
    ("lease", LEASE),
    ("update of the lease", LEASE_UPDATE),
    ("last webhook", LAST),
    ("update of the last webhook", LAST_UPDATE),
    ("webhooks", WEBHOOKS),
    ("undelivered events", UNDELIVERED),
    ("upsert of a webhook", WEBHOOK_UPSERT),
    ("delete of a webhook", WEBHOOK_DELETE),
    ("upsert of undelivered events", UNDELIVERED_UPSERT),
    ("delete of undelivered events", UNDELIVERED_DELETE),
    ("delete of all undelivered events", UNDELIVERED_DELETE_ALL),
];

/// The webhooks of a tenant, or of all, each whole.
pub(super) async fn all(
    conn: &Connection,
    tenant: Option<TenantId>,
) -> Result<BTreeMap<(TenantId, WebhookId), Webhook>, Trouble> {
    let (first, last) = tenant.map_or((i64::MIN, i64::MAX), key_range);
    let found = rows::read(&conn.all(WEBHOOKS, &[&first, &last]).await?, webhook)?;
    let mut found: BTreeMap<_, _> =
        found.into_iter().map(|(tenant, webhook)| ((tenant, webhook.id), webhook)).collect();
    let keys: Vec<(TenantId, WebhookId)> = found.keys().copied().collect();
    undelivered(conn, &mut found, &keys).await?;
    Ok(found)
}

/// What the requests look at of webhooks; `None` if none of them does.
pub(super) async fn facts(
    conn: &Connection,
    requests: &[Request],
) -> Result<Option<Webhooks>, Trouble> {
    let mut tenants = BTreeSet::new();
    // Those that have to be seen whole.
    let mut named = BTreeSet::new();
    for request in requests {
        match Needs::webhooks(&request.command) {
            None => continue,
            Some(NeededWebhooks::Settings) => (),
            Some(NeededWebhooks::Whole(id)) => {
                named.insert((request.tenant, id));
            }
        }
        tenants.insert(request.tenant);
    }
    if tenants.is_empty() {
        return Ok(None);
    }
    let lease = conn.one(LEASE, &[]).await?;
    let lease = Lease { holder: lease.try_get(0)?, until: lease.try_get(1)? };
    let mut webhooks = Webhooks { lease, ..Webhooks::default() };
    let ids: Vec<i64> = tenants.into_iter().map(|tenant| i64::from(tenant.0)).collect();
    for row in conn.all(LAST, &[&ids]).await? {
        let tenant = TenantId(rows::number(&row, 0)?);
        webhooks.last.insert(tenant, WebhookId(row.try_get(1)?));
        let (first, last) = key_range(tenant);
        let found = conn.all(WEBHOOKS, &[&first, &last]).await?;
        for (_, webhook) in rows::read(&found, webhook)? {
            webhooks.all.insert((tenant, webhook.id), webhook);
        }
    }
    let named: Vec<(TenantId, WebhookId)> = named.into_iter().collect();
    undelivered(conn, &mut webhooks.all, &named).await?;
    Ok(Some(webhooks))
}

fn webhook(row: &Row) -> Result<(TenantId, Webhook), Trouble> {
    let key = rows::key(row)?;
    let kinds: &str = row.try_get(3)?;
    let kind = |name: &str| {
        Kind::named(name).ok_or_else(|| Trouble::broken(format!("no kind of event `{name}`")))
    };
    let old_secret = match (row.try_get::<_, Option<&[u8]>>(6)?, row.try_get(7)?) {
        (Some(_), Some(until)) => Some((Secret(rows::bytes(row, 6)?), until)),
        (_, _) => None,
    };
    let webhook = Webhook {
        id: WebhookId(codec::number_of(key)),
        settings: Settings {
            url: row.try_get(1)?,
            description: row.try_get(2)?,
            kinds: kinds.split_whitespace().map(kind).collect::<Result<_, _>>()?,
            enabled: row.try_get(4)?,
        },
        secret: Secret(rows::bytes(row, 5)?),
        old_secret,
        created_at: row.try_get(8)?,
        updated_at: row.try_get(9)?,
        progress: Progress {
            epoch: rows::number(row, 10)?,
            cursor: Cursor { position: row.try_get(11)?, index: rows::number(row, 12)? },
            undelivered: BTreeMap::new(),
            delivered_at: row.try_get(13)?,
            failure: failure(row, 14)?,
        },
    };
    Ok((codec::tenant_of(key)?, webhook))
}

/// A failure in three columns from this one on.
fn failure(row: &Row, first: usize) -> Result<Option<Failure>, Trouble> {
    let at: Option<Micros> = row.try_get(first)?;
    let name: Option<&str> = row.try_get(first + 1)?;
    let (Some(at), Some(name)) = (at, name) else { return Ok(None) };
    let status: Option<i64> = row.try_get(first + 2)?;
    let status = status.map(u16::try_from).transpose().map_err(Trouble::broken)?;
    let reason = Reason::named(name, status);
    let reason = reason.ok_or_else(|| Trouble::broken(format!("no reason `{name}`")))?;
    Ok(Some(Failure { at, reason }))
}

/// Reads what these webhooks have not delivered.
async fn undelivered(
    conn: &Connection,
    webhooks: &mut BTreeMap<(TenantId, WebhookId), Webhook>,
    wanted: &[(TenantId, WebhookId)],
) -> Result<(), Trouble> {
    let keys = wanted.iter().filter_map(|(tenant, id)| codec::key(*tenant, id.0));
    let keys: Vec<i64> = keys.collect();
    for row in conn.some(UNDELIVERED, keys.len(), &[&keys]).await? {
        let place = Cursor { position: row.try_get(0)?, index: rows::number(&row, 1)? };
        let failure = failure(&row, 4)?;
        let found = Undelivered { tries: rows::number(&row, 2)?, due: row.try_get(3)?, failure };
        let key: i64 = row.try_get(7)?;
        let key = (codec::tenant_of(key)?, WebhookId(codec::number_of(key)));
        if let Some(webhook) = webhooks.get_mut(&key) {
            webhook.progress.undelivered.insert(place, found);
        }
    }
    Ok(())
}

/// Writes what differs.
pub(super) async fn write(
    conn: &Connection,
    now: &Webhooks,
    before: &Webhooks,
) -> Result<(), Trouble> {
    if now.lease != before.lease {
        conn.run(LEASE_UPDATE, &[&now.lease.holder, &now.lease.until]).await?;
    }
    for (tenant, last) in &now.last {
        if before.last.get(tenant) != Some(last) {
            conn.run(LAST_UPDATE, &[&i64::from(tenant.0), &last.0]).await?;
        }
    }
    for (tenant, id) in before.all.keys().filter(|key| !now.all.contains_key(key)) {
        let key = codec::own_key(*tenant, id.0)?;
        conn.run(WEBHOOK_DELETE, &[&key]).await?;
        conn.run(UNDELIVERED_DELETE_ALL, &[&key]).await?;
    }
    for ((tenant, id), webhook) in &now.all {
        let known = before.all.get(&(*tenant, *id));
        if known != Some(webhook) {
            let key = codec::own_key(*tenant, id.0)?;
            write_webhook(conn, key, webhook).await?;
            write_undelivered(conn, key, webhook, known).await?;
        }
    }
    Ok(())
}

async fn write_webhook(conn: &Connection, key: i64, webhook: &Webhook) -> Result<(), Trouble> {
    let Webhook { settings, progress, .. } = webhook;
    let kinds: Vec<&str> = settings.kinds.iter().map(|kind| kind.name()).collect();
    let (old_secret, old_until) =
        webhook.old_secret.as_ref().map(|(secret, until)| (&secret.0[..], *until)).unzip();
    let (failed_at, reason, status) = failure_columns(progress.failure);
    conn.run(
        WEBHOOK_UPSERT,
        &[
            &key,
            &settings.url,
            &settings.description,
            &kinds.join(" "),
            &settings.enabled,
            &&webhook.secret.0[..],
            &old_secret,
            &old_until,
            &webhook.created_at,
            &webhook.updated_at,
            &i64::try_from(progress.epoch).map_err(Trouble::broken)?,
            &progress.cursor.position,
            &i64::from(progress.cursor.index),
            &progress.delivered_at,
            &failed_at,
            &reason,
            &status,
        ],
    )
    .await?;
    Ok(())
}

async fn write_undelivered(
    conn: &Connection,
    key: i64,
    webhook: &Webhook,
    known: Option<&Webhook>,
) -> Result<(), Trouble> {
    let nothing = BTreeMap::new();
    let before = known.map_or(&nothing, |known| &known.progress.undelivered);
    let now = &webhook.progress.undelivered;
    let gone = before.keys().filter(|place| !now.contains_key(place));
    let (positions, places): (Vec<i64>, Vec<i64>) =
        gone.map(|place| (place.position, i64::from(place.index))).unzip();
    if !positions.is_empty() {
        conn.run(UNDELIVERED_DELETE, &[&key, &positions, &places]).await?;
    }
    let changed = now.iter().filter(|(place, it)| before.get(place) != Some(it));
    let changed: Vec<(&Cursor, &Undelivered)> = changed.collect();
    if changed.is_empty() {
        return Ok(());
    }
    let failures: Vec<_> = changed.iter().map(|(_, it)| failure_columns(it.failure)).collect();
    conn.run(
        UNDELIVERED_UPSERT,
        &[
            &vec![key; changed.len()],
            &changed.iter().map(|(place, _)| place.position).collect::<Vec<_>>(),
            &changed.iter().map(|(place, _)| i64::from(place.index)).collect::<Vec<_>>(),
            &changed.iter().map(|(_, it)| i64::from(it.tries)).collect::<Vec<_>>(),
            &changed.iter().map(|(_, it)| it.due).collect::<Vec<_>>(),
            &failures.iter().map(|(at, _, _)| *at).collect::<Vec<_>>(),
            &failures.iter().map(|(_, reason, _)| *reason).collect::<Vec<_>>(),
            &failures.iter().map(|(_, _, status)| *status).collect::<Vec<_>>(),
        ],
    )
    .await?;
    Ok(())
}

fn failure_columns(
    failure: Option<Failure>,
) -> (Option<Micros>, Option<&'static str>, Option<i64>) {
    let reason = failure.map(|failure| failure.reason);
    let status = reason.and_then(Reason::status).map(i64::from);
    (failure.map(|failure| failure.at), reason.map(Reason::name), status)
}
