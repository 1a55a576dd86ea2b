//! What is done to a database as a whole, by who does not serve it: to bring it up to date, hold it
//! against its journal, make it anew.

use super::trouble::Trouble;
use super::{PostgresStore, check, cluster, policy, rebuild, schema, server};
use crate::{Migration, OpenError, Progress, Rebuilt, Report};

impl PostgresStore {
    /// What would be applied to a database when it is opened. Changes nothing.
    pub async fn migrations_due(url: &str) -> Result<&'static [Migration], OpenError> {
        let server = server(url)?;
        let look = async { schema::due(&server.connect().await?).await };
        look.await.map_err(|trouble: Trouble| OpenError::of(server.place(), trouble))
    }

    /// The statements by which the tables of a database would be spread over the cluster that it is the
    /// coordinator of; none if they are. Changes nothing.
    pub async fn spreading_due(url: &str) -> Result<Vec<String>, OpenError> {
        let server = server(url)?;
        let look = async { cluster::spreading(&server.connect().await?).await };
        look.await.map_err(|trouble: Trouble| OpenError::of(server.place(), trouble))
    }

    /// Brings a database up to date, as opening it does; what was applied. Spreads its tables over a
    /// cluster if that is asked for.
    pub async fn migrate(url: &str, distributed: bool) -> Result<&'static [Migration], OpenError> {
        let server = server(url)?;
        let migrate = async {
            let conn = server.connect().await?;
            let applied = schema::migrate(&conn).await?;
            cluster::distribute(&conn, distributed).await?;
            Ok(applied)
        };
        migrate.await.map_err(|trouble: Trouble| OpenError::of(server.place(), trouble))
    }

    /// Looks at a database beside whoever uses it, changing nothing, as of one moment: as
    /// [`Store::check`](crate::Store::check), of the tenant of this name or of the whole database. On a
    /// cluster, who wants to write waits until it is over. About `at_once` customers are held in memory.
    pub async fn check(
        url: &str,
        only: Option<&str>,
        at_once: u32,
        progress: &dyn Progress,
    ) -> Result<Report, OpenError> {
        let server = server(url)?;
        let look = async {
            let conn = server.look(server.connect().await?).await?;
            schema::check_current(&conn).await?;
            cluster::begin_exact(&conn).await?;
            let only = policy::tenant_named(&conn, only).await?;
            check::check(&conn, only, at_once, progress).await
        };
        look.await.map_err(|trouble: Trouble| OpenError::of(server.place(), trouble))
    }

    /// Makes the rows of a database anew from its journal, where they are not what it says, in one
    /// transaction; who wants to write meanwhile waits. What a journal does not hold stays: texts of
    /// identities, tenants, apps, webhooks. About `at_once` customers are held in memory.
    pub async fn rebuild(
        url: &str,
        only: Option<&str>,
        at_once: u32,
        progress: &dyn Progress,
    ) -> Result<Rebuilt, OpenError> {
        let server = server(url)?;
        let rebuild = async {
            let conn = server.look(server.connect().await?).await?;
            rebuild::rebuild(&conn, only, at_once, progress).await
        };
        rebuild.await.map_err(|trouble| OpenError::of(server.place(), trouble))
    }
}
