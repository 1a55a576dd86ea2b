//! From what became dirty to tables.
//!
//! The cost of a write is the pages it touches. So rows are written in the order of their keys,
//! and an UPDATE names an indexed column only if its value changed: SQLite rewrites the index
//! entries of every column that the statement names.

use super::codec::{self, Indexed, Live, OwnColumns, indexed};
use super::load::{Before, TenantBefore};
use super::trouble::Trouble;
use super::{imports, people, webhooks, wechat};
use crate::tables::changes::Changes;
use kehub_core::conflict::Conflict;
use kehub_core::customer::{Customer, Fold};
use kehub_core::directory::{App, Directory};
use kehub_core::facts::{Dirty, Facts, TenantFacts};
use kehub_core::identity::{Identity, Quarantine};
use kehub_core::journal::Entry;
use kehub_core::merge::{CannotLink, Merge};
use kehub_core::receipt::{Receipt, expired_at};
use kehub_core::{CustomerId, Micros, TenantId};
use rusqlite::types::ToSql;
use rusqlite::{Connection, params};
use std::fmt::Write as _;

const TENANT_INSERT: &str = "
    INSERT INTO tenant (id, name, preset, on_conflict, policy_version, created_at, customers_live,
                        last_customer, last_identity, last_seq, last_merge, last_conflict)
    VALUES (?1, ?2, ?3, ?4, 1, ?5, 0, 0, 0, 0, 0, 0)
    ON CONFLICT (id) DO UPDATE SET
        name = excluded.name, preset = excluded.preset, on_conflict = excluded.on_conflict";
const TENANT_UPDATE: &str = "
    UPDATE tenant SET customers_live = customers_live + ?2, last_customer = ?3,
        last_identity = ?4, last_seq = ?5, last_merge = ?6, last_conflict = ?7,
        customers_male = customers_male + ?8, customers_female = customers_female + ?9
    WHERE id = ?1";
const POLICY_UPDATE: &str = "
    UPDATE tenant SET preset = ?2, on_conflict = ?3, policy_version = ?4 WHERE id = ?1";
const APP_UPSERT: &str = "
    INSERT INTO app (number, tenant, id, name, secret_hash, key_version, permissions,
                     created_at, revoked_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
    ON CONFLICT (number) DO UPDATE SET
        name = excluded.name, secret_hash = excluded.secret_hash,
        key_version = excluded.key_version, permissions = excluded.permissions,
        revoked_at = excluded.revoked_at";
const TYPE_UPSERT: &str = "
    INSERT INTO identity_type (key, name, settings) VALUES (?1, ?2, ?3)
    ON CONFLICT (key) DO UPDATE SET settings = excluded.settings";
const IDENTITY_INSERT: &str = "
    INSERT INTO identity (key, type, value, raw, name, scope, home, quarantine, companions, apps,
                          pardoned)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
const IDENTITY_UPDATE: &str = "
    UPDATE identity SET name = ?2, scope = ?3, quarantine = ?4, companions = ?5, apps = ?6,
        pardoned = ?7
    WHERE key = ?1";
const IDENTITY_ERASE: &str = "
    UPDATE identity SET value = ?2, raw = NULL, name = NULL, scope = NULL, home = NULL,
        quarantine = ?3, companions = ?4, apps = ?5, pardoned = ?6
    WHERE key = ?1";
const IDENTITY_REHOME: &str = "
    UPDATE identity SET name = ?2, scope = ?3, quarantine = ?4, companions = ?5, apps = ?6,
        pardoned = ?7, home = ?8
    WHERE key = ?1";
const CUSTOMER_INSERT: &str = "
    INSERT INTO customer (key, homes, rev, head, fields, cells, live, survivor, updated_at,
                          source, stage, mobile_key, email_key, created_at, seen_at, name,
                          external_id, gender)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)";
const CUSTOMER_UPDATE: &str =
    "UPDATE customer SET homes = ?2, rev = ?3, head = ?4, fields = ?5, cells = ?6, seen_at = ?7";
const HOME_UPSERT: &str = "
    INSERT INTO home (key, source, stage, name, external_id, gender, fields, cells)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
    ON CONFLICT (key) DO UPDATE SET source = excluded.source, stage = excluded.stage,
        name = excluded.name, external_id = excluded.external_id, gender = excluded.gender,
        fields = excluded.fields, cells = excluded.cells";
const HOME_DELETE: &str = "DELETE FROM home WHERE key = ?1";
const MERGE_UPSERT: &str = "
    INSERT INTO merge (key, left_home, right_home, seq, bridge, guards, undone)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
    ON CONFLICT (key) DO UPDATE SET undone = excluded.undone";
const CANNOT_LINK_INSERT: &str = "
    INSERT INTO cannot_link (low, high, seq) VALUES (?1, ?2, ?3)
    ON CONFLICT (low, high) DO UPDATE SET seq = excluded.seq";
const CANNOT_LINK_DELETE: &str = "DELETE FROM cannot_link WHERE low = ?1 AND high = ?2";
const UNDECIDED_INSERT: &str = "INSERT OR IGNORE INTO undecided (merge, claim) VALUES (?1, ?2)";
const UNDECIDED_DELETE: &str = "DELETE FROM undecided WHERE merge = ?1 AND claim = ?2";
const CONFLICT_UPSERT: &str = "
    INSERT INTO conflict (key, kind, rule, identity, left_home, right_home, evidence, opened,
                          settled, settlement)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
    ON CONFLICT (key) DO UPDATE SET evidence = excluded.evidence, settled = excluded.settled,
        settlement = excluded.settlement";
const RECEIPT_REPLACE: &str = "
    INSERT OR REPLACE INTO receipt (tenant, app, key, request, at, seq, outcome)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
const RECEIPTS_DELETE: &str = "
    DELETE FROM receipt WHERE (tenant, app, key) IN (
        SELECT tenant, app, key FROM receipt INDEXED BY receipt_at
        WHERE at <= ?1 ORDER BY at LIMIT ?2)";
const JOURNAL_INSERT: &str = "INSERT INTO journal (key, at, entry) VALUES (?1, ?2, ?3)";
const JOURNAL_REWRITE: &str = "UPDATE journal SET entry = ?2 WHERE key = ?1";

/// The statements of this file that look for rows, for a look at their plans.
#[cfg(test)]
pub(super) const STATEMENTS: &[(&str, &str)] = &[("expired receipts", RECEIPTS_DELETE)];

/// How many expired receipts a group removes beside twice as many as it writes: those of the busy
/// hours go faster than they came, and the last ones go too.
const RECEIPTS_REMOVED: usize = 16;

/// Writes the changes, and removes some of what has expired by now.
pub(super) fn changes(
    conn: &Connection,
    facts: &Facts,
    changes: &Changes,
    before: &Before,
    now: Micros,
) -> Result<(), Trouble> {
    if changes.directory {
        directory(conn, &facts.directory, &before.directory)?;
    }
    if changes.webhooks {
        webhooks::write(conn, &facts.webhooks, &before.webhooks)?;
    }
    if changes.wechat {
        wechat::write(conn, &facts.wechat, &before.wechat)?;
    }
    if changes.imports {
        imports::write(conn, &facts.imports, &before.imports)?;
    }
    if changes.people {
        people::write(conn, &facts.people, &before.people)?;
    }
    let nothing = TenantBefore::default();
    for (tenant, dirty) in &changes.tenants {
        let missing = || Trouble::broken(format!("tenant {tenant} is dirty and not there"));
        let facts = facts.tenants.get(tenant).ok_or_else(missing)?;
        let before = before.tenants.get(tenant).unwrap_or(&nothing);
        TenantWriter { conn, tenant: *tenant, facts, before }.write(dirty)?;
    }
    let receipts: usize = changes.tenants.iter().map(|(_, dirty)| dirty.receipts.len()).sum();
    let removed = i64::try_from(2 * receipts + RECEIPTS_REMOVED).map_err(Trouble::broken)?;
    conn.prepare_cached(RECEIPTS_DELETE)?.execute((expired_at(now), removed))?;
    Ok(())
}

/// Writes rows of one tenant that were removed, or are not as the facts have them.
pub(super) fn anew(
    conn: &Connection,
    facts: &TenantFacts,
    dirty: &Dirty,
    before: &TenantBefore,
) -> Result<(), Trouble> {
    TenantWriter { conn, tenant: facts.tenant(), facts, before }.write(dirty)
}

/// Writes the tenants, apps and users that are new or different.
fn directory(conn: &Connection, now: &Directory, before: &Directory) -> Result<(), Trouble> {
    for tenant in now.tenants.iter().filter(|tenant| !before.tenants.contains(tenant)) {
        conn.prepare_cached(TENANT_INSERT)?.execute(params![
            tenant.id.0,
            tenant.name,
            tenant.preset.name(),
            tenant.on_conflict.name(),
            tenant.created_at,
        ])?;
    }
    for app in now.apps.iter().filter(|app| !before.apps.contains(app)) {
        write_app(conn, app)?;
    }
    for user in now.users.iter().filter(|user| !before.users.contains(user)) {
        people::write_user(conn, user)?;
    }
    Ok(())
}

fn write_app(conn: &Connection, app: &App) -> Result<(), Trouble> {
    let names: Vec<&str> = app.permissions.iter().map(|permission| permission.name()).collect();
    conn.prepare_cached(APP_UPSERT)?.execute(params![
        app.number.0,
        app.tenant.0,
        app.id,
        app.name,
        app.secret_hash,
        app.key_version,
        names.join(" "),
        app.created_at,
        app.revoked_at,
    ])?;
    Ok(())
}

struct TenantWriter<'a> {
    conn: &'a Connection,
    tenant: TenantId,
    facts: &'a TenantFacts,
    before: &'a TenantBefore,
}

impl TenantWriter<'_> {
    fn write(&self, dirty: &Dirty) -> Result<(), Trouble> {
        for number in &dirty.types {
            let kind = loaded(self.facts.policy().type_of(*number))?;
            let key = codec::type_key(self.tenant, *number);
            let settings = codec::settings_text(&kind.settings)?;
            self.conn.prepare_cached(TYPE_UPSERT)?.execute((key, &*kind.name, settings))?;
        }
        for number in &dirty.identities {
            self.identity(loaded(self.facts.identity(*number))?)?;
        }
        let mut live = Live::default();
        for id in &dirty.customers {
            self.customer(loaded(self.facts.customer(*id))?, &mut live)?;
        }
        for home in &dirty.homes {
            self.home(*home, self.facts.home(*home))?;
        }
        for id in &dirty.merges {
            self.merge(loaded(self.facts.merge(*id))?)?;
        }
        for id in &dirty.conflicts {
            self.conflict(loaded(self.facts.conflict(*id))?)?;
        }
        for link in &dirty.links {
            self.cannot_link(*link)?;
        }
        for (merge, claim) in &dirty.undecided {
            let is_open = self.facts.undecided().any(|open| open == (*merge, *claim));
            let sql = if is_open { UNDECIDED_INSERT } else { UNDECIDED_DELETE };
            let keys = (self.key(merge.0)?, self.key(claim.0)?);
            self.conn.prepare_cached(sql)?.execute(keys)?;
        }
        for entry in &dirty.entries {
            self.entry(entry)?;
        }
        for key in &dirty.receipts {
            self.receipt(loaded(self.facts.receipt(*key))?)?;
        }
        for seq in &dirty.rewritten {
            let blob = codec::entry_blob(loaded(self.facts.entry(*seq))?)?;
            self.conn.prepare_cached(JOURNAL_REWRITE)?.execute((self.key(seq.0)?, blob))?;
        }
        self.counters(live)?;
        if dirty.policy {
            self.policy()?;
        }
        Ok(())
    }

    fn key(&self, number: i64) -> Result<i64, Trouble> {
        Ok(codec::own_key(self.tenant, number)?)
    }

    fn identity(&self, identity: &Identity) -> Result<(), Trouble> {
        let key = self.key(identity.number.0)?;
        let home = identity.home.map(|home| self.key(home.0)).transpose()?;
        let quarantine = identity.quarantine == Quarantine::Yes;
        let companions = codec::list_blob(&identity.companions)?;
        let apps = codec::list_blob(&identity.apps)?;
        let (name, scope, pardoned) = (&identity.name, &identity.scope, identity.pardoned);
        if identity.is_erased() {
            let value = &*identity.key.value;
            self.conn
                .prepare_cached(IDENTITY_ERASE)?
                .execute(params![key, value, quarantine, companions, apps, pardoned])?;
            return Ok(());
        }
        match self.before.identities.get(&identity.number) {
            Some(before) if *before == identity.home => self
                .conn
                .prepare_cached(IDENTITY_UPDATE)?
                .execute(params![key, name, scope, quarantine, companions, apps, pardoned])?,
            Some(_) => self
                .conn
                .prepare_cached(IDENTITY_REHOME)?
                .execute(params![key, name, scope, quarantine, companions, apps, pardoned, home])?,
            None => {
                let kind = codec::type_key(self.tenant, identity.key.kind);
                let value = &identity.key.value;
                let raw = (identity.raw != *value).then_some(&identity.raw);
                self.conn.prepare_cached(IDENTITY_INSERT)?.execute(params![
                    key, kind, value, raw, name, scope, home, quarantine, companions, apps,
                    pardoned
                ])?
            }
        };
        Ok(())
    }

    /// Writes a customer row, and counts it.
    fn customer(&self, customer: &Customer, live: &mut Live) -> Result<(), Trouble> {
        let key = self.key(customer.id.0)?;
        let columns = codec::fold_columns(&customer.fold)?;
        let now = indexed(self.tenant, customer)?;
        let rev = i64::try_from(customer.rev).map_err(Trouble::broken)?;
        let (homes, head) = (customer.homes, customer.head.0);
        let (fields, cells) = (columns.fields, columns.cells);
        let seen_at = (customer.seen_at != customer.updated_at).then_some(customer.seen_at);
        let before = self.before.customers.get(&customer.id);
        live.count(before, &now);
        let Some(before) = before else {
            self.conn.prepare_cached(CUSTOMER_INSERT)?.execute(params![
                key,
                homes,
                rev,
                head,
                fields,
                cells,
                now.live,
                now.survivor,
                now.updated_at,
                now.own.source,
                now.own.stage,
                now.mobile_key,
                now.email_key,
                customer.created_at,
                seen_at,
                now.own.name,
                now.own.external_id,
                now.own.gender,
            ])?;
            return Ok(());
        };
        let mut sql = CUSTOMER_UPDATE.to_owned();
        let mut values: Vec<&dyn ToSql> =
            vec![&key, &homes, &rev, &head, &fields, &cells, &seen_at];
        for (column, value) in now.changed_since(before) {
            values.push(value);
            // Writing into a String cannot fail.
            write!(sql, ", {column} = ?{}", values.len()).map_err(Trouble::broken)?;
        }
        sql.push_str(" WHERE key = ?1");
        self.conn.prepare_cached(&sql)?.execute(&*values)?;
        Ok(())
    }

    fn home(&self, home: CustomerId, fold: Option<&Fold>) -> Result<(), Trouble> {
        let key = self.key(home.0)?;
        let Some(fold) = fold else {
            self.conn.prepare_cached(HOME_DELETE)?.execute([key])?;
            return Ok(());
        };
        let (own, rest) = (OwnColumns::of(fold), codec::fold_columns(fold)?);
        self.conn.prepare_cached(HOME_UPSERT)?.execute(params![
            key,
            own.source,
            own.stage,
            own.name,
            own.external_id,
            own.gender,
            rest.fields,
            rest.cells
        ])?;
        Ok(())
    }

    fn merge(&self, merge: &Merge) -> Result<(), Trouble> {
        self.conn.prepare_cached(MERGE_UPSERT)?.execute(params![
            self.key(merge.id.0)?,
            self.key(merge.left.0)?,
            self.key(merge.right.0)?,
            merge.seq.0,
            codec::list_blob(&merge.bridge)?,
            codec::list_blob(&merge.guards)?,
            merge.undone.map(|seq| seq.0),
        ])?;
        Ok(())
    }

    fn cannot_link(&self, link: CannotLink) -> Result<(), Trouble> {
        let (low, high) = (self.key(link.low.0)?, self.key(link.high.0)?);
        match self.facts.link(link) {
            Some(seq) => {
                self.conn.prepare_cached(CANNOT_LINK_INSERT)?.execute((low, high, seq.0))?
            }
            None => self.conn.prepare_cached(CANNOT_LINK_DELETE)?.execute((low, high))?,
        };
        Ok(())
    }

    fn conflict(&self, conflict: &Conflict) -> Result<(), Trouble> {
        self.conn.prepare_cached(CONFLICT_UPSERT)?.execute(params![
            self.key(conflict.id.0)?,
            codec::variant_text(&conflict.kind)?,
            codec::variant_text(&conflict.rule)?,
            self.key(conflict.identity.0)?,
            self.key(conflict.left.0)?,
            conflict.right.map(|right| self.key(right.0)).transpose()?,
            codec::list_blob(&conflict.evidence)?,
            conflict.opened.0,
            conflict.settled.map(|seq| seq.0),
            codec::one_blob(conflict.settlement.as_ref())?,
        ])?;
        Ok(())
    }

    fn entry(&self, entry: &Entry) -> Result<(), Trouble> {
        let key = self.key(entry.seq.0)?;
        let blob = codec::entry_blob(entry)?;
        self.conn.prepare_cached(JOURNAL_INSERT)?.execute((key, entry.at, blob))?;
        Ok(())
    }

    fn receipt(&self, receipt: &Receipt) -> Result<(), Trouble> {
        self.conn.prepare_cached(RECEIPT_REPLACE)?.execute(params![
            self.tenant.0,
            receipt.key.app.0,
            receipt.key.key,
            receipt.request,
            receipt.at,
            receipt.seq.0,
            codec::remembered_blob(&receipt.outcome)?,
        ])?;
        Ok(())
    }

    fn counters(&self, live: Live) -> Result<(), Trouble> {
        let counters = self.facts.counters();
        self.conn.prepare_cached(TENANT_UPDATE)?.execute(params![
            self.tenant.0,
            live.all,
            counters.customer.0,
            counters.identity.0,
            counters.seq.0,
            counters.merge.0,
            counters.conflict.0,
            live.male,
            live.female,
        ])?;
        Ok(())
    }

    fn policy(&self) -> Result<(), Trouble> {
        let policy = self.facts.policy();
        let (preset, on_conflict) = (policy.preset.name(), policy.on_conflict.name());
        self.conn.prepare_cached(POLICY_UPDATE)?.execute((
            self.tenant.0,
            preset,
            on_conflict,
            policy.version,
        ))?;
        Ok(())
    }
}

impl Indexed {
    /// The columns that differ, with their values.
    fn changed_since(&self, before: &Indexed) -> impl Iterator<Item = (&'static str, &dyn ToSql)> {
        fn column<'v, T: ToSql + PartialEq>(
            name: &'static str,
            now: &'v T,
            before: &T,
        ) -> Option<(&'static str, &'v dyn ToSql)> {
            (now != before).then_some((name, now))
        }
        [
            column("live", &self.live, &before.live),
            column("survivor", &self.survivor, &before.survivor),
            column("updated_at", &self.updated_at, &before.updated_at),
            column("source", &self.own.source, &before.own.source),
            column("stage", &self.own.stage, &before.own.stage),
            column("name", &self.own.name, &before.own.name),
            column("external_id", &self.own.external_id, &before.own.external_id),
            column("gender", &self.own.gender, &before.own.gender),
            column("mobile_key", &self.mobile_key, &before.mobile_key),
            column("email_key", &self.email_key, &before.email_key),
        ]
        .into_iter()
        .flatten()
    }
}

fn loaded<T>(found: Option<T>) -> Result<T, Trouble> {
    found.ok_or_else(|| Trouble::broken("what is dirty is not in the facts"))
}
