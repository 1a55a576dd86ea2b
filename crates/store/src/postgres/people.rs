//! Users, sessions, attempts to sign in and saved filters: from their tables, and back.

use super::connection::Connection;
use super::trouble::Trouble;
use super::{PostgresStore, READ_AGAIN, audit, read, reading, rows};
use crate::tables::audit::role;
use crate::tables::codec;
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
use std::collections::BTreeSet;
use tokio_postgres::Row;

const USERS: &str = "SELECT app, login, role, password, password_at FROM hub_user ORDER BY app";
const USER_UPSERT: &str = "
    INSERT INTO hub_user (app, login, role, password, password_at) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (app) DO UPDATE SET
        role = excluded.role, password = excluded.password, password_at = excluded.password_at";
const SESSION: &str = "SELECT hash, app, begun_at, seen_at, agent FROM session WHERE hash = $1";
const SESSIONS: &str =
    "SELECT hash, app, begun_at, seen_at, agent FROM session WHERE app = $1 ORDER BY hash";
const SESSION_UPSERT: &str = "
    INSERT INTO session (hash, app, begun_at, seen_at, agent) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (hash) DO UPDATE SET seen_at = excluded.seen_at";
const SESSION_DELETE: &str = "DELETE FROM session WHERE hash = $1";
const ATTEMPTS: &str = "SELECT app, failed, failed_at, locked_until, key FROM attempt";
const ATTEMPTS_UNDER: &str =
    "SELECT app, failed, failed_at, locked_until, key FROM attempt WHERE key = $1";
const ATTEMPTS_UPSERT: &str = "
    INSERT INTO attempt (key, app, failed, failed_at, locked_until) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (key) DO UPDATE SET app = excluded.app, failed = excluded.failed,
        failed_at = excluded.failed_at, locked_until = excluded.locked_until";
const ATTEMPTS_DELETE: &str = "DELETE FROM attempt WHERE key = $1";
const SAVED: &str =
    "SELECT app, name, query, saved_at FROM saved_filter WHERE app = $1 ORDER BY name";
const SAVED_UPSERT: &str = "
    INSERT INTO saved_filter (app, name, query, saved_at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (app, name) DO UPDATE SET query = excluded.query, saved_at = excluded.saved_at";
const SAVED_DELETE: &str = "DELETE FROM saved_filter WHERE app = $1 AND name = $2";
const LAST: &str = "SELECT last_audit FROM tenant WHERE id = $1";
const LAST_UPDATE: &str = "UPDATE tenant SET last_audit = $2 WHERE id = $1";
/// The statements of this file that look for rows, for tests that look at all of them.
#[cfg(any(test, feature = "testing"))]
pub(super) const STATEMENTS: &[(&str, &str)] = &[
    ("upsert of a user", USER_UPSERT),
    ("session", SESSION),
    ("sessions of a user", SESSIONS),
    ("upsert of a session", SESSION_UPSERT),
    ("delete of a session", SESSION_DELETE),
    ("attempts under a name", ATTEMPTS_UNDER),
    ("upsert of attempts", ATTEMPTS_UPSERT),
    ("delete of attempts", ATTEMPTS_DELETE),
    ("saved filters", SAVED),
    ("upsert of a saved filter", SAVED_UPSERT),
    ("delete of a saved filter", SAVED_DELETE),
    ("last audit", LAST),
    ("update of the last audit", LAST_UPDATE),
];

#[async_trait]
impl PeopleStore for PostgresStore {
    async fn session(&self, hash: SessionHash) -> Result<Option<Session>, StoreError> {
        read!(self.access, conn => one(conn, hash))
    }

    async fn sessions(&self, app: AppNumber) -> Result<Vec<Session>, StoreError> {
        read!(self.access, conn => of(conn, app))
    }

    async fn attempts(&self, key: LoginKey) -> Result<Option<Attempts>, StoreError> {
        read!(self.access, conn => under(conn, key))
    }

    async fn saved_filters(&self, app: AppNumber) -> Result<Vec<SavedFilter>, StoreError> {
        read!(self.access, conn => saved_by(conn, app))
    }

    async fn audit(
        &self,
        tenant: TenantId,
        filter: &AuditFilter,
        before: Option<AuditPlace>,
        limit: usize,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        read!(self, conn => audit::newest_first(conn, tenant, filter, before, limit))
    }
}

/// All users, by the number of their app.
pub(super) async fn users(conn: &Connection) -> Result<Vec<User>, Trouble> {
    rows::read(&conn.all(USERS, &[]).await?, |row| {
        Ok(User {
            app: AppNumber(rows::number(row, 0)?),
            login: row.try_get(1)?,
            role: role(row.try_get(2)?)?,
            password: row.try_get(3)?,
            password_at: row.try_get(4)?,
        })
    })
}

/// Writes a user that is new or different.
pub(super) async fn write_user(conn: &Connection, user: &User) -> Result<(), Trouble> {
    conn.run(
        USER_UPSERT,
        &[
            &i64::from(user.app.0),
            &user.login,
            &user.role.name(),
            &user.password,
            &user.password_at,
        ],
    )
    .await?;
    Ok(())
}

async fn one(conn: &Connection, hash: SessionHash) -> Result<Option<Session>, Trouble> {
    conn.first(SESSION, &[&&hash.0[..]]).await?.as_ref().map(session).transpose()
}

async fn of(conn: &Connection, app: AppNumber) -> Result<Vec<Session>, Trouble> {
    rows::read(&conn.all(SESSIONS, &[&i64::from(app.0)]).await?, session)
}

async fn saved_by(conn: &Connection, app: AppNumber) -> Result<Vec<SavedFilter>, Trouble> {
    rows::read(&conn.all(SAVED, &[&i64::from(app.0)]).await?, saved)
}

async fn under(conn: &Connection, key: LoginKey) -> Result<Option<Attempts>, Trouble> {
    let found = conn.first(ATTEMPTS_UNDER, &[&&key.0[..]]).await?;
    Ok(found.as_ref().map(attempts).transpose()?.map(|(_, attempts)| attempts))
}

/// What the requests look at of sessions, attempts and the audit log; `None` if none of them does.
pub(super) async fn facts(
    conn: &Connection,
    requests: &[Request],
) -> Result<Option<People>, Trouble> {
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
            NeededSessions::One(hash) => one(conn, hash).await?.map(|session| session.app),
        };
        if let Some(app) = app {
            let found = of(conn, app).await?;
            people.sessions.extend(found.into_iter().map(|session| (session.hash, session)));
        }
    }
    for app in changes.iter().filter_map(|(_, change)| change.saved()) {
        let found = saved_by(conn, app).await?;
        people.saved.extend(found.into_iter().map(|it| ((it.app, it.name.clone()), it)));
    }
    if changes.iter().any(|(_, change)| change.attempts()) {
        people.attempts.extend(rows::read(&conn.all(ATTEMPTS, &[]).await?, attempts)?);
    }
    for tenant in tenants {
        if let Some(row) = conn.first(LAST, &[&i64::from(tenant.0)]).await? {
            people.last.insert(tenant, AuditNumber(row.try_get(0)?));
        }
    }
    Ok(Some(people))
}

/// Writes what differs.
pub(super) async fn write(conn: &Connection, now: &People, before: &People) -> Result<(), Trouble> {
    for hash in before.sessions.keys().filter(|hash| !now.sessions.contains_key(hash)) {
        conn.run(SESSION_DELETE, &[&&hash.0[..]]).await?;
    }
    for (hash, session) in &now.sessions {
        if before.sessions.get(hash) != Some(session) {
            let Session { app, begun_at, seen_at, agent, .. } = session;
            conn.run(SESSION_UPSERT, &[&&hash.0[..], &i64::from(app.0), begun_at, seen_at, agent])
                .await?;
        }
    }
    write_attempts(conn, now, before).await?;
    write_saved(conn, now, before).await?;
    for ((tenant, number), entry) in &now.audit {
        audit::insert(conn, codec::own_key(*tenant, number.0)?, entry).await?;
    }
    for (tenant, last) in &now.last {
        if before.last.get(tenant) != Some(last) {
            conn.run(LAST_UPDATE, &[&i64::from(tenant.0), &last.0]).await?;
            audit::forget(conn, *tenant, *last).await?;
        }
    }
    Ok(())
}

async fn write_attempts(conn: &Connection, now: &People, before: &People) -> Result<(), Trouble> {
    for key in before.attempts.keys().filter(|key| !now.attempts.contains_key(key)) {
        conn.run(ATTEMPTS_DELETE, &[&&key.0[..]]).await?;
    }
    for (key, attempts) in &now.attempts {
        if before.attempts.get(key) != Some(attempts) {
            let Attempts { app, failed, failed_at, locked_until } = attempts;
            let app = app.map(|app| i64::from(app.0));
            conn.run(
                ATTEMPTS_UPSERT,
                &[&&key.0[..], &app, &i64::from(*failed), failed_at, locked_until],
            )
            .await?;
        }
    }
    Ok(())
}

async fn write_saved(conn: &Connection, now: &People, before: &People) -> Result<(), Trouble> {
    for (app, name) in before.saved.keys().filter(|place| !now.saved.contains_key(place)) {
        conn.run(SAVED_DELETE, &[&i64::from(app.0), name]).await?;
    }
    for (place, filter) in &now.saved {
        if before.saved.get(place) != Some(filter) {
            let SavedFilter { app, name, query, saved_at } = filter;
            conn.run(SAVED_UPSERT, &[&i64::from(app.0), name, query, saved_at]).await?;
        }
    }
    Ok(())
}

fn session(row: &Row) -> Result<Session, Trouble> {
    Ok(Session {
        hash: SessionHash(rows::bytes(row, 0)?),
        app: AppNumber(rows::number(row, 1)?),
        begun_at: row.try_get(2)?,
        seen_at: row.try_get(3)?,
        agent: row.try_get(4)?,
    })
}

fn saved(row: &Row) -> Result<SavedFilter, Trouble> {
    Ok(SavedFilter {
        app: AppNumber(rows::number(row, 0)?),
        name: row.try_get(1)?,
        query: row.try_get(2)?,
        saved_at: row.try_get(3)?,
    })
}

fn attempts(row: &Row) -> Result<(LoginKey, Attempts), Trouble> {
    let attempts = Attempts {
        app: rows::app(row, 0)?,
        failed: rows::number(row, 1)?,
        failed_at: row.try_get(2)?,
        locked_until: row.try_get(3)?,
    };
    Ok((LoginKey(rows::bytes(row, 4)?), attempts))
}
