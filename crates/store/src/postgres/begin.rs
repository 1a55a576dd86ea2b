//! How the transaction of a group begins: in one round trip, in which it locks its tenants and looks up
//! what the requests name.

use super::cluster;
use super::connection::Connection;
use super::load::Lock;
use super::named::{Found, Named};
use super::trouble::Trouble;
use futures_util::future::join4;
use std::sync::Arc;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

/// It does not ask for `READ WRITE`: a database that was made read-only is to stay so.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";
/// The group before it must be the last one, and nobody may have given the session up.
const MARK: &str = "
    UPDATE writer SET last_group = $2, seen_at = now()
    WHERE number = $1 AND last_group = $2::bigint - 1 AND NOT given_up";

/// The statements of this file, for tests that look at all of them.
#[cfg(any(test, feature = "testing"))]
pub(super) const STATEMENTS: &[(&str, &str)] = &[("mark", MARK)];

/// How the transaction of a group begins.
pub(super) struct Begin {
    pub(super) conn: Arc<Connection>,
    /// The session, and which group of it this is.
    pub(super) number: i64,
    pub(super) group: i64,
    pub(super) lock: Lock,
    /// What is looked up with the types known before.
    pub(super) named: Option<Named>,
}

/// What is known once the tenants of a group are locked.
pub(super) struct Locked {
    /// Their rows.
    pub(super) tenants: Vec<Row>,
    /// What was looked up with the types known before.
    pub(super) early: Option<(Named, Found)>,
}

impl Begin {
    /// Sends all of it at once; what was sent before on this session is done before it.
    pub(super) async fn run(self) -> Result<Locked, Trouble> {
        let Begin { conn, number, group, lock, named } = self;
        let conn = &*conn;
        lock.prepare(conn).await?;
        let found = async {
            let Some(named) = named else { return Ok(None) };
            let found = named.read(conn).await?;
            Ok::<_, Trouble>(Some((named, found)))
        };
        // Sent in this order, without waiting for one another.
        let mark: [&(dyn ToSql + Sync); 2] = [&number, &group];
        let (begun, locked, marked, found) =
            join4(conn.batch(BEGIN), lock.take(conn), conn.run(MARK, &mark), found).await;
        begun?;
        let tenants = locked?;
        if marked? != 1 {
            return Err(Trouble::Unreachable("the session was given up".into()));
        }
        cluster::settled(conn).await?;
        Ok(Locked { tenants, early: found? })
    }
}
