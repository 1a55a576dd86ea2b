//! Connections to the server: how they are set up, and the pool for reading.

use super::identified::KnownTypes;
use super::trouble::Trouble;
use super::{cluster, tls};
use crate::tables::copy;
use futures_util::StreamExt as _;
use futures_util::future::{BoxFuture, try_join_all};
use percent_encoding::percent_decode_str;
use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::config::Host;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{AsyncMessage, Client, Config, Row, RowStream, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

/// Prepared statements kept by a connection.
const STATEMENTS_MAX: usize = 256;
/// How long a connection may take to be made, unless the address says otherwise.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a read waits for one of the connections that read.
const READER_WAIT: Duration = Duration::from_secs(10);
/// After how long without an acknowledgement from the other side a connection is lost.
const SILENCE_MAX: Duration = Duration::from_secs(8);
/// How often the other side is asked once it is silent.
const SILENCE_PAUSE: Duration = Duration::from_secs(3);

/// A statement that takes longer than this is given up, and so is a wait for a lock. A session that was left in
/// the middle of a transaction, by a hub that is gone or cut off, holds its locks for less than the ten seconds
/// for which other hubs try a write again. Tables are read by an index wherever there is one: plans are kept,
/// also those that were made when the tables were small; what that costs on paper is no reason to compile
/// them. A machine that vanished holds nothing for long.
const SETTINGS: [(&str, &str); 9] = [
    ("statement_timeout", "60s"),
    ("lock_timeout", "15s"),
    ("idle_in_transaction_session_timeout", "8s"),
    ("timezone", "UTC"),
    ("enable_seqscan", "off"),
    ("jit", "off"),
    ("tcp_keepalives_idle", "8"),
    ("tcp_keepalives_interval", "3"),
    ("tcp_keepalives_count", "3"),
];
/// Begins a transaction that sees one moment.
pub(super) const READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// For the rest of a transaction, statements may take as long as they need, and so may the hub.
pub(super) const LONG: &str =
    "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0";

/// Arguments of a statement.
pub(super) type Args<'a> = &'a [&'a (dyn ToSql + Sync)];

/// A prepared statement and its arguments.
pub(super) struct Bound<'a> {
    statement: Statement,
    args: Vec<&'a (dyn ToSql + Sync)>,
}

/// Called with the payload of every notification.
pub(super) type Hear = Arc<dyn Fn(&str) + Send + Sync>;

/// A server, and how to reach it.
pub(super) struct Server {
    /// One for each host of the address, in its order.
    configs: Vec<Config>,
    tls: MakeRustlsConnect,
    /// What a session begins with.
    settings: Arc<str>,
    /// Whether the tables are spread over a cluster; known once the schema has been looked at.
    distributed: OnceLock<bool>,
}

impl Server {
    /// The server of an address such as `postgres://user:password@host/database`, which may name
    /// several hosts: `host,other:5433`.
    pub(super) fn of(url: &str) -> Result<Server, Trouble> {
        let (url, trust) = tls::Trust::of(url)?;
        let (url, settings) = settings(&url)?;
        let configs = each_host(&url).iter().map(|url| config(url)).collect::<Result<_, _>>()?;
        let tls = MakeRustlsConnect::new(tls::client(&trust)?);
        Ok(Server { configs, tls, settings: settings.into(), distributed: OnceLock::new() })
    }

    /// Which server it is, for people: without the password.
    pub(super) fn place(&self) -> String {
        let hosts: Vec<String> = self.configs.iter().map(host).collect();
        let database = self.configs.first().and_then(Config::get_dbname).unwrap_or_default();
        format!("postgres://{}/{database}", hosts.join(","))
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
        if conn.is_distributed {
            cluster::set_up(&conn).await?;
        }
        Ok(conn)
    }

    /// Whether the tables are spread over a cluster, as far as that is known.
    pub(super) fn is_distributed(&self) -> bool {
        self.distributed.get().copied().unwrap_or_default()
    }

    /// A new connection that hears notifications.
    pub(super) async fn listen(&self, hear: Hear) -> Result<Connection, Trouble> {
        let mut troubles = Vec::new();
        for config in &self.configs {
            match self.connected(config, &hear).await {
                Ok(connection) => return Ok(connection),
                Err(trouble) => troubles.push((host(config), trouble)),
            }
        }
        // Of several hosts, each tells why it is none.
        match troubles.pop() {
            Some((_, trouble)) if troubles.is_empty() => Err(trouble),
            Some(last) => {
                troubles.push(last);
                let told = |(host, trouble): &(String, Trouble)| match trouble {
                    Trouble::Unreachable(cause) => format!("{host}: {cause}"),
                    Trouble::Postgres(_)
                    | Trouble::Unsettled(_)
                    | Trouble::Busy
                    | Trouble::Broken(_) => format!("{host}: {trouble}"),
                };
                let told: Vec<String> = troubles.iter().map(told).collect();
                Err(Trouble::Unreachable(told.join("; ").into()))
            }
            None => Err(Trouble::broken("the address names no host")),
        }
    }

    async fn connected(&self, config: &Config, hear: &Hear) -> Result<Connection, Trouble> {
        let unreachable = |error: tokio_postgres::Error| {
            let code = error.code().map(SqlState::code);
            if code.is_none_or(|code| ["57P01", "57P02", "57P03", "53300"].contains(&code)) {
                Trouble::Unreachable(told(&error).into())
            } else {
                Trouble::from(error)
            }
        };
        // The driver bounds only the first step: who took the call may never say a word.
        let patience = config.get_connect_timeout().copied().unwrap_or(CONNECT_TIMEOUT);
        let connected = tokio::time::timeout(patience, config.connect(self.tls.clone())).await;
        let silent = |_| Trouble::Unreachable("it does not answer".into());
        let connected = connected.map_err(silent)?.map_err(unreachable)?;
        let (hear, host) = (Arc::clone(hear), host(config));
        let (client, mut connection) = connected;
        tokio::spawn(async move {
            let mut messages =
                futures_util::stream::poll_fn(move |context| connection.poll_message(context));
            while let Some(message) = messages.next().await {
                match message {
                    Ok(AsyncMessage::Notification(told)) => hear(told.payload()),
                    Ok(_) => (),
                    // Whoever waits for an answer is told as well.
                    Err(error) => {
                        let error = told(&error);
                        tracing::warn!(host, error, "a session of the database was lost");
                        return;
                    }
                }
            }
        });
        let is_distributed = self.is_distributed();
        let (statements, types) = (Mutex::default(), KnownTypes::default());
        let settings = Arc::clone(&self.settings);
        let conn = Connection { client, statements, is_distributed, types, settings };
        let begun = async {
            conn.set_up().await?;
            if is_distributed { cluster::set_up(&conn).await } else { Ok(()) }
        };
        tokio::time::timeout(patience, begun).await.map_err(silent)??;
        Ok(conn)
    }
}

/// How to reach the server of an address of one host.
fn config(url: &str) -> Result<Config, Trouble> {
    let unusable = |error: tokio_postgres::Error| Trouble::broken(told(&error));
    let mut config: Config = url.parse().map_err(unusable)?;
    let is_split = |host: &Host| matches!(host, Host::Tcp(name) if name.contains('@'));
    if config.get_hosts().iter().any(is_split) {
        return Err(Trouble::broken(
            "the host has an `@`: in a password, write `@` as `%40`, `/` as `%2F` and `%` as `%25`",
        ));
    }
    if config.get_application_name().is_none() {
        config.application_name("kehub");
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT_TIMEOUT);
    }
    config.tcp_user_timeout(SILENCE_MAX).keepalives_idle(SILENCE_MAX);
    config.keepalives_interval(SILENCE_PAUSE);
    Ok(config)
}

/// An address without its `options`, and the statement that makes the settings of a session: ours, and then those,
/// so that they count. They are no part of how a session is asked for: a pooler in between refuses that, or
/// passes over it.
fn settings(url: &str) -> Result<(String, String), Trouble> {
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let ours = SETTINGS.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let (mut settings, mut rest) = (Vec::from(ours), Vec::new());
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("options", options)) => {
                let options = percent_decode_str(options).decode_utf8().map_err(Trouble::broken)?;
                settings.extend(chosen(&options)?);
            }
            Some(_) | None => rest.push(pair),
        }
    }
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let made = settings
        .iter()
        .map(|(name, value)| format!("set_config({}, {}, false)", quoted(name), quoted(value)));
    let sql = format!("SELECT {}", made.collect::<Vec<_>>().join(", "));
    let url = if rest.is_empty() { base.to_owned() } else { format!("{base}?{}", rest.join("&")) };
    Ok((url, sql))
}

/// The settings that `options` name as they do on the command line of a server: `-c NAME=VALUE`, with `\` before
/// blanks that are part of a value.
fn chosen(options: &str) -> Result<Vec<(String, String)>, Trouble> {
    let mut words = vec![String::new()];
    let mut letters = options.chars();
    while let Some(letter) = letters.next() {
        match (letter, words.last_mut()) {
            ('\\', Some(word)) => word.extend(letters.next()),
            (blank, _) if blank.is_whitespace() => words.push(String::new()),
            (_, Some(word)) => word.push(letter),
            (_, None) => (),
        }
    }
    let mut words = words.into_iter().filter(|word| !word.is_empty());
    let mut found = Vec::new();
    while let Some(word) = words.next() {
        let setting = match word.strip_prefix("--").or_else(|| word.strip_prefix("-c")) {
            Some("") => words.next(),
            named => named.map(str::to_owned),
        };
        let setting = setting.as_deref().and_then(|setting| setting.split_once('='));
        let (name, value) = setting.ok_or_else(|| {
            Trouble::broken(
                "`options`: expected `-c NAME=VALUE`, or several of them with blanks between",
            )
        })?;
        found.push((name.replace('-', "_"), value.to_owned()));
    }
    Ok(found)
}

/// An address for each host of one, so that one which is silent does not keep us from the others.
fn each_host(url: &str) -> Vec<String> {
    let Some((scheme, rest)) = url.split_once("://") else { return vec![url.to_owned()] };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    let (user, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
    let at = if user.is_empty() { "" } else { "@" };
    hosts.split(',').map(|host| format!("{scheme}://{user}{at}{host}{rest}")).collect()
}

/// The host of an address of one, for people.
fn host(config: &Config) -> String {
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(name)) => name.clone(),
        #[cfg(unix)]
        Some(Host::Unix(path)) => path.display().to_string(),
        None => "localhost".to_owned(),
    };
    let port = config.get_ports().first().map_or(5432, |port| *port);
    format!("{host}:{port}")
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
    types: KnownTypes,
    settings: Arc<str>,
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
        #[cfg(any(test, feature = "testing"))]
        assert!(
            super::statements::is_registered(sql, self.is_distributed),
            "it stands in no list of statements: {sql}"
        );
        let statement = self.client.prepare(sql).await?;
        let mut statements = self.statements();
        if statements.len() >= STATEMENTS_MAX {
            statements.clear();
        }
        statements.insert(sql.into(), statement.clone());
        Ok(statement)
    }

    /// Makes the settings of a session as they are when it begins.
    pub(super) async fn set_up(&self) -> Result<(), Trouble> {
        Ok(self.client.batch_execute(&self.settings).await?)
    }

    /// Prepares a statement, so that its next use is sent at once.
    pub(super) async fn prepare(&self, sql: &str) -> Result<(), Trouble> {
        self.statement(sql).await.map(drop)
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

    /// Prepares a statement that is to be sent later.
    pub(super) async fn bind<'a>(
        &self,
        sql: &str,
        args: Vec<&'a (dyn ToSql + Sync)>,
    ) -> Result<Bound<'a>, Trouble> {
        Ok(Bound { statement: self.statement(sql).await?, args })
    }

    /// Runs a prepared statement; how many rows it touched. It is sent as soon as this is polled.
    pub(super) async fn send(&self, bound: &Bound<'_>) -> Result<u64, Trouble> {
        Ok(self.client.execute(&bound.statement, &bound.args).await?)
    }

    /// Runs prepared statements, none of which waits for another one.
    pub(super) async fn send_all(&self, bound: &[Bound<'_>]) -> Result<(), Trouble> {
        try_join_all(bound.iter().map(|bound| self.send(bound))).await.map(drop)
    }

    /// Runs statements without arguments.
    pub(super) async fn batch(&self, sql: &str) -> Result<(), Trouble> {
        Ok(self.client.batch_execute(sql).await?)
    }

    /// Fills a table by a COPY in the binary format.
    pub(super) async fn fill(
        &self,
        sql: &str,
        types: &[Type],
        rows: &[copy::Row],
    ) -> Result<(), Trouble> {
        let statement = self.statement(sql).await?;
        let sink = self.client.copy_in(&statement).await?;
        let mut writer = pin!(BinaryCopyInWriter::new(sink, types));
        for row in rows {
            writer.as_mut().write_raw(row).await?;
        }
        writer.finish().await?;
        Ok(())
    }

    /// Whether it leads to a cluster over which the tables are spread.
    pub(super) fn is_distributed(&self) -> bool {
        self.is_distributed
    }

    /// The types of identities that were read with it.
    pub(super) fn types(&self) -> &KnownTypes {
        &self.types
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

    /// Waits for a free connection, not for ever, and runs a single statement with it, which sees one
    /// moment by itself; `None` if the store is closed.
    pub(super) async fn once<T>(
        &self,
        read: impl for<'c> Fn(&'c Connection) -> BoxFuture<'c, Result<T, Trouble>>,
    ) -> Result<Option<T>, Trouble> {
        let Some(_permit) = self.permit().await? else { return Ok(None) };
        loop {
            let (conn, is_new) = self.connection().await?;
            match read(&conn).await {
                Err(trouble) if trouble.is_lost() && !is_new => (),
                found => {
                    let is_sound = found.as_ref().err().is_none_or(Trouble::spares_the_session);
                    if is_sound && !self.permits.is_closed() {
                        self.idle().push(conn);
                    }
                    return found.map(Some);
                }
            }
        }
    }

    async fn permit(&self) -> Result<Option<OwnedSemaphorePermit>, Trouble> {
        let permit = Arc::clone(&self.permits).acquire_owned();
        let permit = tokio::time::timeout(READER_WAIT, permit).await;
        Ok(permit.map_err(|_| Trouble::Busy)?.ok())
    }

    /// An idle connection, or a new one, and whether it is new: a restart of the server ends those that
    /// are idle.
    async fn connection(&self) -> Result<(Connection, bool), Trouble> {
        let idle = self.idle().pop();
        match idle {
            Some(conn) => Ok((conn, false)),
            None => Ok((self.server.connect().await?, true)),
        }
    }

    /// Waits for a free connection, not for ever, and begins a snapshot with it; `None` if the store
    /// is closed.
    pub(super) async fn begin(self: &Arc<Self>) -> Result<Option<Snapshot>, Trouble> {
        let Some(permit) = self.permit().await? else { return Ok(None) };
        loop {
            let (conn, is_new) = self.connection().await?;
            match conn.batch(READ).await {
                Ok(()) => {
                    let readers = Arc::clone(self);
                    return Ok(Some(Snapshot { conn: Some(conn), readers, _permit: permit }));
                }
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
        if found.as_ref().is_err_and(|trouble| !trouble.spares_the_session()) {
            return found;
        }
        let is_over = conn.batch(if found.is_ok() { "COMMIT" } else { "ROLLBACK" }).await.is_ok();
        if is_over && !self.readers.permits.is_closed() {
            self.readers.idle().push(conn);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_made_in_a_session_and_those_of_the_address_count() {
        let url = "postgres://host/db?options=-c%20lock_timeout%3D1s%20--search-path%3Da%5C%20b&connect_timeout=7";
        let (rest, sql) = settings(url).unwrap();
        assert_eq!(rest, "postgres://host/db?connect_timeout=7");
        assert_eq!(config(&rest).unwrap().get_options(), None);
        let ours = sql.find("set_config('lock_timeout', '15s', false)").unwrap();
        let theirs = sql.find("set_config('lock_timeout', '1s', false)").unwrap();
        assert!(ours < theirs && sql.ends_with("set_config('search_path', 'a b', false)"), "{sql}");
        assert_eq!(settings("postgres://host/db").unwrap().0, "postgres://host/db");
    }

    #[test]
    fn options_that_are_no_settings_are_refused() {
        for options in ["-c", "-c lock_timeout", "-S 5", "lock_timeout=1s"] {
            let refused = chosen(options).unwrap_err().to_string();
            assert!(refused.contains("`options`: expected `-c NAME=VALUE`"), "{refused}");
        }
        assert!(chosen("  ").unwrap().is_empty());
        let quoted = ("a".to_owned(), "it's".to_owned());
        assert_eq!(chosen("-ca=it's").unwrap(), [quoted]);
        let (_, sql) = settings("postgres://host/db?options=-ca%3Dit's").unwrap();
        assert!(sql.contains("set_config('a', 'it''s', false)"), "{sql}");
    }
}
