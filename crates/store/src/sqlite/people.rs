//! Users, sessions, attempts to sign in and saved filters: from their tables, and back.

use super::codec;
use super::trouble::Trouble;
use super::{SqliteStore, audit, rows};
use crate::tables::audit::role;
use crate::{PeopleStore, StoreError};
use async_trait::async_trait;
use kehub_core::command::Request;
use kehub_core::facts::Needs;
use kehub_core::people::audit::{AuditEntry, AuditFilter, AuditNumber, AuditPlace};
use kehub_core::people::saved::SavedFilter;
use kehub_core::people::session::{Attempts, LoginKey, Session, SessionHash};
use kehub_core::people::user::User;
use kehub_core::people::{NeededSessions, People};
use kehub_core::{AppNumber, TenantId};
use rusqlite::{Connection, Row, params};
use std::collections::BTreeSet;

const USERS: &str = "SELECT app, login, role, password, password_at FROM hub_user ORDER BY app";
const USER_UPSERT: &str = "
    INSERT INTO hub_user (app, login, role, password, password_at) VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT (app) DO UPDATE SET
        role = excluded.role, password = excluded.password, password_at = excluded.password_at";
const SESSION: &str = "SELECT hash, app, begun_at, seen_at, agent FROM session WHERE hash = ?1";
const SESSIONS: &str =
    "SELECT hash, app, begun_at, seen_at, agent FROM session WHERE app = ?1 ORDER BY hash";
const SESSION_UPSERT: &str = "
    INSERT INTO session (hash, app, begun_at, seen_at, agent) VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT (hash) DO UPDATE SET seen_at = excluded.seen_at";
const SESSION_DELETE: &str = "DELETE FROM session WHERE hash = ?1";
const ATTEMPTS: &str = "SELECT app, failed, failed_at, locked_until, key FROM attempt";
const ATTEMPTS_UNDER: &str =
    "SELECT app, failed, failed_at, locked_until, key FROM attempt WHERE key = ?1";
const ATTEMPTS_UPSERT: &str = "
    INSERT INTO attempt (key, app, failed, failed_at, locked_until) VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT (key) DO UPDATE SET app = excluded.app, failed = excluded.failed,
        failed_at = excluded.failed_at, locked_until = excluded.locked_until";
const ATTEMPTS_DELETE: &str = "DELETE FROM attempt WHERE key = ?1";
const SAVED: &str =
    "SELECT app, name, query, saved_at FROM saved_filter WHERE app = ?1 ORDER BY name";
const SAVED_UPSERT: &str = "
    INSERT INTO saved_filter (app, name, query, saved_at) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (app, name) DO UPDATE SET query = excluded.query, saved_at = excluded.saved_at";
const SAVED_DELETE: &str = "DELETE FROM saved_filter WHERE app = ?1 AND name = ?2";
const LAST: &str = "SELECT last_audit FROM tenant WHERE id = ?1";
const LAST_UPDATE: &str = "UPDATE tenant SET last_audit = ?2 WHERE id = ?1";
/// The statements of this file that look for rows, for a look at their plans.
#[cfg(test)]
pub(super) const STATEMENTS: &[(&str, &str)] =
    &[("session", SESSION), ("attempts under a name", ATTEMPTS_UNDER), ("saved filters", SAVED)];

#[async_trait]
impl PeopleStore for SqliteStore {
    async fn session(&self, hash: SessionHash) -> Result<Option<Session>, StoreError> {
        self.glance(move |conn| rows::first(conn, SESSION, [hash.0], session)).await
    }

    async fn sessions(&self, app: AppNumber) -> Result<Vec<Session>, StoreError> {
        self.read(move |conn| rows::all(conn, SESSIONS, [app.0], session)).await
    }

    async fn attempts(&self, key: LoginKey) -> Result<Option<Attempts>, StoreError> {
        let under = move |conn: &Connection| rows::first(conn, ATTEMPTS_UNDER, [key.0], attempts);
        Ok(self.read(under).await?.map(|(_, attempts)| attempts))
    }

    async fn saved_filters(&self, app: AppNumber) -> Result<Vec<SavedFilter>, StoreError> {
        self.read(move |conn| rows::all(conn, SAVED, [app.0], saved)).await
    }

    async fn audit(
        &self,
        tenant: TenantId,
        filter: &AuditFilter,
        before: Option<AuditPlace>,
        limit: usize,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let filter = filter.clone();
        self.read(move |conn| audit::newest_first(conn, tenant, &filter, before, limit)).await
    }
}

/// All users, by the number of their app.
pub(super) fn users(conn: &Connection) -> Result<Vec<User>, Trouble> {
    rows::all(conn, USERS, (), |row| {
        Ok(User {
            app: AppNumber(row.get(0)?),
            login: row.get(1)?,
            role: role(&row.get::<_, Box<str>>(2)?)?,
            password: row.get(3)?,
            password_at: row.get(4)?,
        })
    })
}

/// Writes a user that is new or different.
pub(super) fn write_user(conn: &Connection, user: &User) -> Result<(), Trouble> {
    conn.prepare_cached(USER_UPSERT)?.execute(params![
        user.app.0,
        user.login,
        user.role.name(),
        user.password,
        user.password_at,
    ])?;
    Ok(())
}

/// What the requests look at of sessions, attempts and the audit log; `None` if none of them does.
pub(super) fn facts(conn: &Connection, requests: &[Request]) -> Result<Option<People>, Trouble> {
    let changes = requests.iter().filter_map(|it| Some((it.tenant, Needs::people(&it.command)?)));
    let changes: Vec<_> = changes.collect();
    let noted = requests.iter().filter(|it| Needs::noted(&it.command)).map(|it| it.tenant);
    let tenants: BTreeSet<TenantId> =
        changes.iter().map(|(tenant, _)| *tenant).chain(noted).collect();
    if tenants.is_empty() {
        return Ok(None);
    }
    let mut people = People::default();
    for needed in changes.iter().filter_map(|(_, change)| change.sessions()) {
        let app = match needed {
            NeededSessions::Of(app) => Some(app),
            NeededSessions::One(hash) => {
                rows::first(conn, SESSION, [hash.0], session)?.map(|session| session.app)
            }
        };
        if let Some(app) = app {
            let found = rows::all(conn, SESSIONS, [app.0], session)?;
            people.sessions.extend(found.into_iter().map(|session| (session.hash, session)));
        }
    }
    for app in changes.iter().filter_map(|(_, change)| change.saved()) {
        let found = rows::all(conn, SAVED, [app.0], saved)?;
        people.saved.extend(found.into_iter().map(|it| ((it.app, it.name.clone()), it)));
    }
    if changes.iter().any(|(_, change)| change.attempts()) {
        people.attempts.extend(rows::all(conn, ATTEMPTS, (), attempts)?);
    }
    for tenant in tenants {
        let last = rows::first(conn, LAST, [tenant.0], rows::integer)?;
        people.last.extend(last.map(|last| (tenant, AuditNumber(last))));
    }
    Ok(Some(people))
}

/// Writes what differs.
pub(super) fn write(conn: &Connection, now: &People, before: &People) -> Result<(), Trouble> {
    write_saved(conn, now, before)?;
    for hash in before.sessions.keys().filter(|hash| !now.sessions.contains_key(hash)) {
        conn.prepare_cached(SESSION_DELETE)?.execute([hash.0])?;
    }
    for (hash, session) in &now.sessions {
        if before.sessions.get(hash) != Some(session) {
            let Session { app, begun_at, seen_at, agent, .. } = session;
            let values = params![hash.0, app.0, begun_at, seen_at, agent];
            conn.prepare_cached(SESSION_UPSERT)?.execute(values)?;
        }
    }
    for key in before.attempts.keys().filter(|key| !now.attempts.contains_key(key)) {
        conn.prepare_cached(ATTEMPTS_DELETE)?.execute([key.0])?;
    }
    for (key, attempts) in &now.attempts {
        if before.attempts.get(key) != Some(attempts) {
            let Attempts { app, failed, failed_at, locked_until } = attempts;
            let values = params![key.0, app.map(|app| app.0), failed, failed_at, locked_until];
            conn.prepare_cached(ATTEMPTS_UPSERT)?.execute(values)?;
        }
    }
    for ((tenant, number), entry) in &now.audit {
        audit::insert(conn, codec::own_key(*tenant, number.0)?, entry)?;
    }
    for (tenant, last) in &now.last {
        if before.last.get(tenant) != Some(last) {
            conn.prepare_cached(LAST_UPDATE)?.execute((tenant.0, last.0))?;
            audit::forget(conn, *tenant, *last)?;
        }
    }
    Ok(())
}

fn write_saved(conn: &Connection, now: &People, before: &People) -> Result<(), Trouble> {
    for (app, name) in before.saved.keys().filter(|place| !now.saved.contains_key(place)) {
        conn.prepare_cached(SAVED_DELETE)?.execute((app.0, name))?;
    }
    for (place, filter) in &now.saved {
        if before.saved.get(place) != Some(filter) {
            let SavedFilter { app, name, query, saved_at } = filter;
            conn.prepare_cached(SAVED_UPSERT)?.execute((app.0, name, query, saved_at))?;
        }
    }
    Ok(())
}

fn session(row: &Row<'_>) -> Result<Session, Trouble> {
    Ok(Session {
        hash: SessionHash(row.get(0)?),
        app: AppNumber(row.get(1)?),
        begun_at: row.get(2)?,
        seen_at: row.get(3)?,
        agent: row.get(4)?,
    })
}

fn attempts(row: &Row<'_>) -> Result<(LoginKey, Attempts), Trouble> {
    let attempts = Attempts {
        app: row.get::<_, Option<u32>>(0)?.map(AppNumber),
        failed: row.get(1)?,
        failed_at: row.get(2)?,
        locked_until: row.get(3)?,
    };
    Ok((LoginKey(row.get(4)?), attempts))
}

fn saved(row: &Row<'_>) -> Result<SavedFilter, Trouble> {
    Ok(SavedFilter {
        app: AppNumber(row.get(0)?),
        name: row.get(1)?,
        query: row.get(2)?,
        saved_at: row.get(3)?,
    })
}
