//! Connections to the server: how they are set up, and the pool for reading.

use super::trouble::Trouble;
use super::{cluster, tls};
use futures_util::StreamExt as _;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_postgres::config::Host;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{AsyncMessage, Client, Config, Row, RowStream, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

/// Prepared statements kept by a connection.
const STATEMENTS_MAX: usize = 256;
/// How long a connection may take to be made, unless the address says otherwise.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// After how long without an acknowledgement from the other side a connection is lost.
const SILENCE_MAX: Duration = Duration::from_secs(20);

/// A statement that takes longer than this is given up, and so is a wait for a lock. A session that
/// was left in the middle of a transaction, by a hub that is gone, holds its locks no longer.
const LIMITS: &str = "-c statement_timeout=60s -c lock_timeout=15s \
    -c idle_in_transaction_session_timeout=20s -c timezone=UTC";
/// Begins a transaction that sees one moment.
pub(super) const READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// For the rest of a transaction, statements may take as long as they need, and so may the hub.
pub(super) const LONG: &str =
    "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0";

/// Arguments of a statement.
pub(super) type Args<'a> = &'a [&'a (dyn ToSql + Sync)];

/// Called with the payload of every notification.
pub(super) type Hear = Arc<dyn Fn(&str) + Send + Sync>;

/// A server, and how to reach it.
pub(super) struct Server {
    config: Config,
    tls: MakeRustlsConnect,
    /// Whether the tables are spread over a cluster; known once the schema has been looked at.
    distributed: OnceLock<bool>,
}

impl Server {
    /// The server of an address such as `postgres://user:password@host/database`.
    pub(super) fn of(url: &str) -> Result<Server, Trouble> {
        let (url, trust) = tls::Trust::of(url)?;
        let mut config: Config = url.parse()?;
        if config.get_application_name().is_none() {
            config.application_name("kehub");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        config.tcp_user_timeout(SILENCE_MAX).keepalives_idle(SILENCE_MAX);
        // What the address says comes last, and thus counts.
        let options = config.get_options().unwrap_or_default();
        let options = format!("{LIMITS} {options}");
        config.options(options.trim());
        let tls = MakeRustlsConnect::new(tls::client(&trust)?);
        Ok(Server { config, tls, distributed: OnceLock::new() })
    }

    /// Which server it is, for people: without the password.
    pub(super) fn place(&self) -> String {
        let host = match self.config.get_hosts().first() {
            Some(Host::Tcp(name)) => name.clone(),
            #[cfg(unix)]
            Some(Host::Unix(path)) => path.display().to_string(),
            None => "localhost".to_owned(),
        };
        let port = self.config.get_ports().first().map_or(5432, |port| *port);
        let database = self.config.get_dbname().unwrap_or_default();
        format!("postgres://{host}:{port}/{database}")
    }

    /// A new connection.
    pub(super) async fn connect(&self) -> Result<Connection, Trouble> {
        self.listen(Arc::new(|_| ())).await
    }

    /// The same connection, after a look at whether the tables are spread over a cluster: it and those
    /// that are made afterwards know that.
    pub(super) async fn look(&self, mut conn: Connection) -> Result<Connection, Trouble> {
        let found = cluster::is_distributed(&conn).await?;
        conn.is_distributed = *self.distributed.get_or_init(|| found);
        Ok(conn)
    }

    /// A new connection that hears notifications.
    pub(super) async fn listen(&self, hear: Hear) -> Result<Connection, Trouble> {
        let unreachable = |error: tokio_postgres::Error| {
            let code = error.code().map(SqlState::code);
            if code.is_none_or(|code| ["57P01", "57P02", "57P03", "53300"].contains(&code)) {
                Trouble::Unreachable(told(&error).into())
            } else {
                Trouble::from(error)
            }
        };
        let connected = self.config.connect(self.tls.clone()).await.map_err(unreachable)?;
        let (client, mut connection) = connected;
        tokio::spawn(async move {
            let mut messages =
                futures_util::stream::poll_fn(move |context| connection.poll_message(context));
            while let Some(message) = messages.next().await {
                match message {
                    Ok(AsyncMessage::Notification(told)) => hear(told.payload()),
                    Ok(_) => (),
                    // Whoever waits for an answer is told as well.
                    Err(_) => return,
                }
            }
        });
        let is_distributed = self.distributed.get().copied().unwrap_or_default();
        Ok(Connection { client, statements: Mutex::default(), is_distributed })
    }
}

/// An error of the driver with its causes; it holds no values.
fn told(error: &tokio_postgres::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

/// A session.
pub(super) struct Connection {
    client: Client,
    statements: Mutex<HashMap<Box<str>, Statement>>,
    is_distributed: bool,
}

impl Connection {
    fn statements(&self) -> MutexGuard<'_, HashMap<Box<str>, Statement>> {
        self.statements.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn statement(&self, sql: &str) -> Result<Statement, Trouble> {
        let known = self.statements().get(sql).cloned();
        if let Some(statement) = known {
            return Ok(statement);
        }
        let statement = self.client.prepare(sql).await?;
        let mut statements = self.statements();
        if statements.len() >= STATEMENTS_MAX {
            statements.clear();
        }
        statements.insert(sql.into(), statement.clone());
        Ok(statement)
    }

    /// All rows of a statement.
    pub(super) async fn all(&self, sql: &str, args: Args<'_>) -> Result<Vec<Row>, Trouble> {
        let statement = self.statement(sql).await?;
        Ok(self.client.query(&statement, args).await?)
    }

    /// All rows of a statement about so many things; nothing is asked about none.
    pub(super) async fn some(
        &self,
        sql: &str,
        about: usize,
        args: Args<'_>,
    ) -> Result<Vec<Row>, Trouble> {
        if about == 0 { Ok(Vec::new()) } else { self.all(sql, args).await }
    }

    /// The first row of a statement, if there is one.
    pub(super) async fn first(&self, sql: &str, args: Args<'_>) -> Result<Option<Row>, Trouble> {
        Ok(self.all(sql, args).await?.into_iter().next())
    }

    /// The row of a statement that always has one.
    pub(super) async fn one(&self, sql: &str, args: Args<'_>) -> Result<Row, Trouble> {
        let found = self.first(sql, args).await?;
        found.ok_or_else(|| Trouble::broken("a row is missing that is always there"))
    }

    /// The rows of a statement one after the other.
    pub(super) async fn each(&self, sql: &str, args: Args<'_>) -> Result<RowStream, Trouble> {
        let statement = self.statement(sql).await?;
        Ok(self.client.query_raw(&statement, args.iter().copied()).await?)
    }

    /// Runs a statement; how many rows it touched.
    pub(super) async fn run(&self, sql: &str, args: Args<'_>) -> Result<u64, Trouble> {
        let statement = self.statement(sql).await?;
        Ok(self.client.execute(&statement, args).await?)
    }

    /// Runs statements without arguments.
    pub(super) async fn batch(&self, sql: &str) -> Result<(), Trouble> {
        Ok(self.client.batch_execute(sql).await?)
    }

    /// Whether it leads to a cluster over which the tables are spread.
    pub(super) fn is_distributed(&self) -> bool {
        self.is_distributed
    }

    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }
}

/// Connections that only read, lent one at a time.
pub(super) struct Readers {
    server: Arc<Server>,
    idle: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn new(server: Arc<Server>, count: usize) -> Arc<Readers> {
        let permits = Arc::new(Semaphore::new(count.max(1)));
        Arc::new(Readers { server, idle: Mutex::default(), permits })
    }

    /// Refuses every further reader, and ends the sessions.
    pub(super) fn close(&self) {
        self.permits.close();
        self.idle().clear();
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a free connection and begins a snapshot with it; `None` if the store is closed.
    pub(super) async fn begin(self: &Arc<Self>) -> Result<Option<Snapshot>, Trouble> {
        let Ok(permit) = Arc::clone(&self.permits).acquire_owned().await else { return Ok(None) };
        loop {
            let idle = self.idle().pop();
            let is_new = idle.is_none();
            let conn = match idle {
                Some(conn) => conn,
                None => self.server.connect().await?,
            };
            match conn.batch(READ).await {
                Ok(()) => {
                    let readers = Arc::clone(self);
                    return Ok(Some(Snapshot { conn: Some(conn), readers, _permit: permit }));
                }
                // A restart of the server ended it while it was idle.
                Err(trouble) if trouble.is_lost() && !is_new => (),
                Err(trouble) => return Err(trouble),
            }
        }
    }
}

/// A connection in a transaction that sees one moment. Dropped before its end, it is not used again.
pub(super) struct Snapshot {
    conn: Option<Connection>,
    readers: Arc<Readers>,
    _permit: OwnedSemaphorePermit,
}

impl Snapshot {
    pub(super) fn conn(&self) -> Result<&Connection, Trouble> {
        self.conn.as_ref().ok_or_else(|| Trouble::broken("a snapshot that is over"))
    }

    /// Gives the connection back.
    pub(super) async fn end<T>(mut self, found: Result<T, Trouble>) -> Result<T, Trouble> {
        let Some(conn) = self.conn.take() else { return found };
        let is_over = conn.batch(if found.is_ok() { "COMMIT" } else { "ROLLBACK" }).await.is_ok();
        if is_over && !self.readers.permits.is_closed() {
            self.readers.idle().push(conn);
        }
        found
    }
}
