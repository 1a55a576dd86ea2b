//! Webhooks and how far they have been told: from tables, and back.

use super::codec::{self, key_range};
use super::rows;
use super::trouble::Trouble;
use kehub_core::command::Request;
use kehub_core::facts::{NeededWebhooks, Needs};
use kehub_core::feed::{Cursor, Kind};
use kehub_core::webhook::{
    Failure, Lease, Progress, Reason, Secret, Settings, Undelivered, Webhook, Webhooks,
};
use kehub_core::{Micros, TenantId, WebhookId};
use rusqlite::{Connection, Row, params};
use std::collections::{BTreeMap, BTreeSet};

const LEASE: &str = "SELECT deliverer, deliverer_until FROM hub WHERE id = 1";
const LEASE_UPDATE: &str = "UPDATE hub SET deliverer = ?1, deliverer_until = ?2 WHERE id = 1";
const LAST: &str = "SELECT last_webhook FROM tenant WHERE id = ?1";
const LAST_UPDATE: &str = "UPDATE tenant SET last_webhook = ?2 WHERE id = ?1";
const WEBHOOKS: &str = "
    SELECT key, url, description, kinds, enabled, secret, old_secret, old_until, created_at,
           updated_at, epoch, position, place, delivered_at, failed_at, reason, status
    FROM webhook WHERE key BETWEEN ?1 AND ?2 ORDER BY key";
const UNDELIVERED: &str = "
    SELECT position, place, tries, due, failed_at, reason, status
    FROM undelivered WHERE webhook = ?1 ORDER BY position, place";
const WEBHOOK_UPSERT: &str = "
    INSERT INTO webhook (key, url, description, kinds, enabled, secret, old_secret, old_until,
                         created_at, updated_at, epoch, position, place, delivered_at, failed_at,
                         reason, status)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)
    ON CONFLICT (key) DO UPDATE SET
        url = excluded.url, description = excluded.description, kinds = excluded.kinds,
        enabled = excluded.enabled, secret = excluded.secret, old_secret = excluded.old_secret,
        old_until = excluded.old_until, updated_at = excluded.updated_at, epoch = excluded.epoch,
        position = excluded.position, place = excluded.place,
        delivered_at = excluded.delivered_at, failed_at = excluded.failed_at,
        reason = excluded.reason, status = excluded.status";
const WEBHOOK_DELETE: &str = "DELETE FROM webhook WHERE key = ?1";
const UNDELIVERED_UPSERT: &str = "
    INSERT INTO undelivered (webhook, position, place, tries, due, failed_at, reason, status)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
    ON CONFLICT (webhook, position, place) DO UPDATE SET tries = excluded.tries,
        due = excluded.due, failed_at = excluded.failed_at, reason = excluded.reason,
        status = excluded.status";
const UNDELIVERED_DELETE: &str =
    "DELETE FROM undelivered WHERE webhook = ?1 AND position = ?2 AND place = ?3";
const UNDELIVERED_DELETE_ALL: &str = "DELETE FROM undelivered WHERE webhook = ?1";

/// The statements of this file that read rows, for a look at their plans.
#[cfg(test)]
pub(super) const STATEMENTS: &[(&str, &str)] =
    &[("webhooks", WEBHOOKS), ("undelivered events", UNDELIVERED)];

/// The webhooks of a tenant, or of all, each whole.
pub(super) fn all(
    conn: &Connection,
    tenant: Option<TenantId>,
) -> Result<BTreeMap<(TenantId, WebhookId), Webhook>, Trouble> {
    let range = tenant.map_or((i64::MIN, i64::MAX), key_range);
    let mut found = BTreeMap::new();
    for (tenant, mut webhook) in rows::all(conn, WEBHOOKS, range, webhook)? {
        webhook.progress.undelivered = undelivered(conn, tenant, webhook.id)?;
        found.insert((tenant, webhook.id), webhook);
    }
    Ok(found)
}

/// What the requests look at of webhooks; `None` if none of them does.
pub(super) fn facts(conn: &Connection, requests: &[Request]) -> Result<Option<Webhooks>, Trouble> {
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
    let lease =
        rows::first(conn, LEASE, (), |row| Ok(Lease { holder: row.get(0)?, until: row.get(1)? }))?;
    let lease = lease.ok_or_else(|| Trouble::broken("the hub has no row"))?;
    let mut webhooks = Webhooks { lease, ..Webhooks::default() };
    for tenant in tenants {
        let Some(last) = rows::first(conn, LAST, [tenant.0], rows::integer)? else { continue };
        webhooks.last.insert(tenant, WebhookId(last));
        for (_, webhook) in rows::all(conn, WEBHOOKS, key_range(tenant), webhook)? {
            webhooks.all.insert((tenant, webhook.id), webhook);
        }
    }
    for (tenant, id) in named {
        if let Some(webhook) = webhooks.all.get_mut(&(tenant, id)) {
            webhook.progress.undelivered = undelivered(conn, tenant, id)?;
        }
    }
    Ok(Some(webhooks))
}

fn webhook(row: &Row<'_>) -> Result<(TenantId, Webhook), Trouble> {
    let key: i64 = row.get(0)?;
    let kinds: Box<str> = row.get(3)?;
    let kind = |name: &str| {
        Kind::named(name).ok_or_else(|| Trouble::broken(format!("no kind of event `{name}`")))
    };
    let old_secret = match (row.get::<_, Option<[u8; 32]>>(6)?, row.get(7)?) {
        (Some(secret), Some(until)) => Some((Secret(secret), until)),
        (_, _) => None,
    };
    let webhook = Webhook {
        id: WebhookId(codec::number_of(key)),
        settings: Settings {
            url: row.get(1)?,
            description: row.get(2)?,
            kinds: kinds.split_whitespace().map(kind).collect::<Result<_, _>>()?,
            enabled: row.get(4)?,
        },
        secret: Secret(row.get(5)?),
        old_secret,
        created_at: row.get(8)?,
        updated_at: row.get(9)?,
        progress: Progress {
            epoch: u64::try_from(row.get::<_, i64>(10)?).map_err(Trouble::broken)?,
            cursor: Cursor { position: row.get(11)?, index: row.get(12)? },
            undelivered: BTreeMap::new(),
            delivered_at: row.get(13)?,
            failure: failure(row, 14)?,
        },
    };
    Ok((codec::tenant_of(key)?, webhook))
}

/// A failure in three columns from this one on.
fn failure(row: &Row<'_>, first: usize) -> Result<Option<Failure>, Trouble> {
    let at: Option<Micros> = row.get(first)?;
    let name: Option<Box<str>> = row.get(first + 1)?;
    let (Some(at), Some(name)) = (at, name) else { return Ok(None) };
    let reason = Reason::named(&name, row.get(first + 2)?);
    let reason = reason.ok_or_else(|| Trouble::broken(format!("no reason `{name}`")))?;
    Ok(Some(Failure { at, reason }))
}

fn undelivered(
    conn: &Connection,
    tenant: TenantId,
    id: WebhookId,
) -> Result<BTreeMap<Cursor, Undelivered>, Trouble> {
    let key = codec::own_key(tenant, id.0)?;
    let found = rows::all(conn, UNDELIVERED, [key], |row| {
        let place = Cursor { position: row.get(0)?, index: row.get(1)? };
        let failure = failure(row, 4)?;
        Ok((place, Undelivered { tries: row.get(2)?, due: row.get(3)?, failure }))
    })?;
    Ok(found.into_iter().collect())
}

/// Writes what differs.
pub(super) fn write(conn: &Connection, now: &Webhooks, before: &Webhooks) -> Result<(), Trouble> {
    if now.lease != before.lease {
        let Lease { holder, until } = now.lease;
        conn.prepare_cached(LEASE_UPDATE)?.execute((holder, until))?;
    }
    for (tenant, last) in &now.last {
        if before.last.get(tenant) != Some(last) {
            conn.prepare_cached(LAST_UPDATE)?.execute((tenant.0, last.0))?;
        }
    }
    for (tenant, id) in before.all.keys().filter(|key| !now.all.contains_key(key)) {
        let key = codec::own_key(*tenant, id.0)?;
        conn.prepare_cached(WEBHOOK_DELETE)?.execute([key])?;
        conn.prepare_cached(UNDELIVERED_DELETE_ALL)?.execute([key])?;
    }
    for ((tenant, id), webhook) in &now.all {
        let known = before.all.get(&(*tenant, *id));
        if known != Some(webhook) {
            write_webhook(conn, codec::own_key(*tenant, id.0)?, webhook, known)?;
        }
    }
    Ok(())
}

fn write_webhook(
    conn: &Connection,
    key: i64,
    webhook: &Webhook,
    known: Option<&Webhook>,
) -> Result<(), Trouble> {
    let Webhook { settings, progress, .. } = webhook;
    let kinds: Vec<&str> = settings.kinds.iter().map(|kind| kind.name()).collect();
    let (old_secret, old_until) =
        webhook.old_secret.as_ref().map(|(secret, until)| (secret.0, *until)).unzip();
    let (failed_at, reason, status) = failure_columns(progress.failure);
    conn.prepare_cached(WEBHOOK_UPSERT)?.execute(params![
        key,
        settings.url,
        settings.description,
        kinds.join(" "),
        settings.enabled,
        webhook.secret.0,
        old_secret,
        old_until,
        webhook.created_at,
        webhook.updated_at,
        i64::try_from(progress.epoch).map_err(Trouble::broken)?,
        progress.cursor.position,
        progress.cursor.index,
        progress.delivered_at,
        failed_at,
        reason,
        status,
    ])?;
    let nothing = BTreeMap::new();
    let before = known.map_or(&nothing, |known| &known.progress.undelivered);
    for place in before.keys().filter(|place| !progress.undelivered.contains_key(place)) {
        let Cursor { position, index } = place;
        conn.prepare_cached(UNDELIVERED_DELETE)?.execute((key, position, index))?;
    }
    for (place, undelivered) in &progress.undelivered {
        if before.get(place) == Some(undelivered) {
            continue;
        }
        let (failed_at, reason, status) = failure_columns(undelivered.failure);
        conn.prepare_cached(UNDELIVERED_UPSERT)?.execute(params![
            key,
            place.position,
            place.index,
            undelivered.tries,
            undelivered.due,
            failed_at,
            reason,
            status,
        ])?;
    }
    Ok(())
}

fn failure_columns(
    failure: Option<Failure>,
) -> (Option<Micros>, Option<&'static str>, Option<u16>) {
    let reason = failure.map(|failure| failure.reason);
    let status = reason.and_then(Reason::status);
    (failure.map(|failure| failure.at), reason.map(Reason::name), status)
}
