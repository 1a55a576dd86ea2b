//! A database as an end of a copy: read beside whoever uses it, or filled by nobody else.
//!
//! A part of a table that may be spread over a cluster is a range of keys, which are nearly dense: with
//! a limit instead, each shard would send as many rows as the whole part has.

use super::connection::{Connection, LONG};
use super::trouble::Trouble;
use super::{check, cluster, rebuild, schema, server};
use crate::OpenError;
use crate::copy::{End, Source, Target};
use crate::tables::codec;
use crate::tables::copy::{
    COUNTERS, Counters, JOURNAL_NAME, Kind, Resumed, Row, Size, State, TABLES, Table, Unusable,
    Value,
};
use async_trait::async_trait;
use bytes::{BufMut as _, BytesMut};
use futures_util::TryStreamExt as _;
use kehub_core::{Micros, Seq, TenantId};
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::pin::pin;
use std::time::Duration;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

const TOKEN_KEY: &str = "SELECT token_key FROM hub WHERE id = 1";
const TOKEN_KEY_UPDATE: &str = "UPDATE hub SET token_key = $1 WHERE id = 1";
const MARKS_KEPT: &str = "SELECT to_regclass('copying') IS NOT NULL";
const MARK: &str = r#"
    SELECT source, to_char(to_timestamp(since / 1000000) AT TIME ZONE 'UTC',
                           'YYYY-MM-DD"T"HH24:MI:SS"Z"')
    FROM copying"#;
const MARK_INSERT: &str = "INSERT INTO copying (id, source, since) VALUES (1, $1, $2)";
const MARK_DELETE: &str = "DELETE FROM copying WHERE id = 1";
/// One copy at a time. Whoever was killed holds it for as long as the server works on what it sent
/// last.
const LOCK: &str = "SELECT pg_try_advisory_lock(1264937078, hashtext(current_schema()))";
const LOCK_WAIT: (u32, Duration) = (500, Duration::from_millis(20));
/// What is sent may take as long as it needs.
const PATIENT: &str = "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0";
const TRAIL_FILL: &str = "COPY trail (customer, seq) FROM STDIN (FORMAT binary)";
/// A server that knows nothing yet of what it holds chooses bad plans.
const ANALYZE: &str = "ANALYZE journal, trail, customer, updated, home, identity, merge, conflict";
/// What the engine adds to the tables of all engines, and what it says of a tenant whose identity
/// types no hub has read yet.
const TYPES_VERSION: (&str, i64) = ("types_version", 0);
const TENANT: &str = "tenant";

/// Of which state a database is an unfinished copy, and since when.
type Mark = (Vec<u8>, String);

/// Refuses a database that another store is being copied into.
pub(super) async fn refuse_unfinished(conn: &Connection) -> Result<(), Trouble> {
    match mark(conn).await? {
        Some((_, since)) => Err(Trouble::broken(Unusable::Unfinished { since })),
        None => Ok(()),
    }
}

async fn mark(conn: &Connection) -> Result<Option<Mark>, Trouble> {
    // A database that is not up to date has none yet.
    if !conn.one(MARKS_KEPT, &[]).await?.try_get(0)? {
        return Ok(None);
    }
    let Some(row) = conn.first(MARK, &[]).await? else { return Ok(None) };
    Ok(Some((row.try_get(0)?, row.try_get(1)?)))
}

/// A connection to a database, and where that is.
struct Database {
    place: String,
    conn: Connection,
}

impl Database {
    fn failed(&self) -> impl Fn(Trouble) -> OpenError {
        let place = self.place.clone();
        move |trouble| OpenError::of(&place, trouble)
    }
}

#[async_trait]
impl End for Database {
    async fn state(&mut self) -> Result<State, OpenError> {
        state(&self.conn).await.map_err(self.failed())
    }

    async fn part(
        &mut self,
        table: &'static Table,
        behind: Vec<Value>,
        size: Size,
    ) -> Result<Vec<Row>, OpenError> {
        part(&self.conn, table, behind, size).await.map_err(self.failed())
    }
}

/// A database that is copied.
pub(crate) struct CopySource(Database);

impl CopySource {
    /// Begins to look at a database, as of now.
    pub(crate) async fn open(url: &str) -> Result<CopySource, OpenError> {
        let server = server(url)?;
        let look = async {
            let conn = server.look(server.connect().await?).await?;
            schema::check_current(&conn).await?;
            cluster::begin_exact(&conn).await?;
            conn.batch(LONG).await?;
            Ok(conn)
        };
        let conn = look.await.map_err(|trouble: Trouble| OpenError::of(server.place(), trouble))?;
        Ok(CopySource(Database { place: server.place(), conn }))
    }
}

#[async_trait]
impl End for CopySource {
    async fn state(&mut self) -> Result<State, OpenError> {
        self.0.state().await
    }

    async fn part(
        &mut self,
        table: &'static Table,
        behind: Vec<Value>,
        size: Size,
    ) -> Result<Vec<Row>, OpenError> {
        self.0.part(table, behind, size).await
    }
}

#[async_trait]
impl Source for CopySource {
    async fn let_go(&mut self) -> Result<(), OpenError> {
        self.0.conn.batch("COMMIT").await.map_err(self.0.failed())
    }
}

/// A database that is copied to.
pub(crate) struct CopyTarget {
    database: Database,
    /// What the trails have to be, as the entries that were read say, and the last of these.
    told: BTreeMap<TenantId, (check::Steps, Seq)>,
}

impl CopyTarget {
    /// Takes a database, and makes its tables if there are none. Spreads them over a cluster if that is
    /// asked for.
    pub(crate) async fn open(url: &str, distributed: bool) -> Result<CopyTarget, OpenError> {
        let server = server(url)?;
        let open = async {
            let conn = server.connect().await?;
            let lacking = schema::lacking(&conn).await?;
            lock(&conn).await?;
            if lacking.len() == schema::all().len() {
                schema::migrate(&conn).await?;
            } else if !lacking.is_empty() {
                return Err(Trouble::broken(Unusable::Older));
            }
            // Only what will be copied to is spread: somebody may be using anything else.
            let spreads = distributed && !cluster::is_distributed(&conn).await?;
            if spreads && mark(&conn).await?.is_none() {
                refuse_rows(&conn).await?;
            }
            cluster::distribute(&conn, distributed).await?;
            let conn = server.look(conn).await?;
            conn.batch(PATIENT).await?;
            cluster::keep_connections(&conn).await?;
            if conn.is_distributed() {
                // What an earlier run had sent last is seen on all nodes or on none.
                cluster::recover(&conn).await;
                cluster::settled(&conn).await?;
            }
            Ok(conn)
        };
        let conn = open.await.map_err(|trouble| OpenError::of(server.place(), trouble))?;
        let database = Database { place: server.place(), conn };
        Ok(CopyTarget { database, told: BTreeMap::new() })
    }

    /// Notes what the entries of a part of the journal say of the trails; those of all but the first
    /// `known`.
    fn trails(&mut self, rows: &[Row], known: usize) -> Result<Vec<Row>, Trouble> {
        let mut trails = Vec::new();
        for (place, row) in rows.iter().enumerate() {
            let [Value::Integer(key), _, Value::Bytes(bytes)] = &**row else {
                return Err(Trouble::broken("an entry of the journal is incomplete"));
            };
            let (tenant, seq) = (codec::tenant_of(*key)?, codec::number_of(*key));
            let unread = |_| {
                Trouble::broken(format!(
                    "entry {seq} of tenant {tenant} cannot be read, see `kehub check` of the source"
                ))
            };
            let entry = codec::entry(bytes).map_err(unread)?;
            let none = (check::Steps::default(), Seq(0));
            let (steps, last) = self.told.entry(tenant).or_insert(none);
            steps.add(&entry);
            *last = Seq(seq);
            if place < known {
                continue;
            }
            let touched: BTreeSet<_> = entry.touched.iter().map(|it| it.customer).collect();
            for customer in touched {
                let customer = codec::own_key(tenant, customer.0)?;
                trails.push([Value::Integer(customer), Value::Integer(*key)].into());
            }
        }
        Ok(trails)
    }

    async fn write_part(
        &mut self,
        table: &Table,
        rows: Vec<Row>,
        known: usize,
    ) -> Result<(), Trouble> {
        let trails =
            if table.name == JOURNAL_NAME { self.trails(&rows, known)? } else { Vec::new() };
        let rows = rows.get(known..).unwrap_or_default();
        if rows.is_empty() {
            return Ok(());
        }
        let conn = &self.database.conn;
        let (sql, types) = fill(table);
        conn.batch("BEGIN").await?;
        if table.name == TENANT {
            let own = Value::Integer(TYPES_VERSION.1);
            let rows: Vec<Row> =
                rows.iter().map(|row| row.iter().chain([&own]).cloned().collect()).collect();
            conn.fill(&sql, &types, &rows).await?;
        } else {
            conn.fill(&sql, &types, rows).await?;
        }
        if !trails.is_empty() {
            conn.fill(TRAIL_FILL, &[Type::INT8, Type::INT8], &trails).await?;
        }
        conn.batch("COMMIT").await?;
        // What is read back is read from all nodes.
        cluster::settled(conn).await
    }

    /// Makes what follows from the rows, and looks at what was made beside them.
    async fn derive(&self) -> Result<Vec<String>, Trouble> {
        let mut problems = Vec::new();
        for (tenant, (steps, last)) in &self.told {
            rebuild::list_by_time(&self.database.conn, *tenant).await?;
            let found = check::trail_problems(&self.database.conn, *tenant, *last, *steps).await?;
            problems.extend(found.into_iter().map(|text| format!("tenant {tenant}: {text}")));
        }
        Ok(problems)
    }
}

#[async_trait]
impl End for CopyTarget {
    async fn state(&mut self) -> Result<State, OpenError> {
        self.database.state().await
    }

    async fn part(
        &mut self,
        table: &'static Table,
        behind: Vec<Value>,
        size: Size,
    ) -> Result<Vec<Row>, OpenError> {
        self.database.part(table, behind, size).await
    }
}

#[async_trait]
impl Target for CopyTarget {
    async fn begin(&mut self, state: &State, at: Micros) -> Result<(), OpenError> {
        begin(&self.database.conn, state, at).await.map_err(self.database.failed())
    }

    async fn last_key(&mut self, table: &'static Table) -> Result<Option<Vec<Value>>, OpenError> {
        last_key(&self.database.conn, table).await.map_err(self.database.failed())
    }

    async fn write(
        &mut self,
        table: &'static Table,
        rows: Vec<Row>,
        known: usize,
    ) -> Result<(), OpenError> {
        let written = self.write_part(table, rows, known).await;
        written.map_err(self.database.failed())
    }

    async fn problems(&mut self) -> Result<Vec<String>, OpenError> {
        self.derive().await.map_err(self.database.failed())
    }

    async fn finish(&mut self) -> Result<(), OpenError> {
        let finish = async {
            self.database.conn.batch(ANALYZE).await?;
            self.database.conn.run(MARK_DELETE, &[]).await
        };
        finish.await.map(|_| ()).map_err(self.database.failed())
    }
}

async fn lock(conn: &Connection) -> Result<(), Trouble> {
    for _ in 0..LOCK_WAIT.0 {
        if conn.one(LOCK, &[]).await?.try_get(0)? {
            return Ok(());
        }
        tokio::time::sleep(LOCK_WAIT.1).await;
    }
    Err(Trouble::broken("another copy to it is running"))
}

async fn state(conn: &Connection) -> Result<State, Trouble> {
    let mut tenants = Vec::new();
    for row in conn.all(COUNTERS, &[]).await? {
        let mut counters = Counters::default();
        for (column, counter) in counters.iter_mut().enumerate() {
            *counter = row.try_get(column)?;
        }
        tenants.push(counters);
    }
    let token_key: Vec<u8> = conn.one(TOKEN_KEY, &[]).await?.try_get(0)?;
    Ok(State::of(&token_key, tenants)?)
}

async fn begin(conn: &Connection, state: &State, at: Micros) -> Result<(), Trouble> {
    conn.batch("BEGIN").await?;
    if let Some((source, since)) = mark(conn).await? {
        if source != state.fingerprint() {
            return Err(Trouble::broken(Unusable::OfAnotherState { since }));
        }
        for table in TABLES.iter().filter(|table| table.resumed == Resumed::Anew) {
            conn.run(&format!("DELETE FROM {}", table.name), &[]).await?;
        }
        return conn.batch("COMMIT").await;
    }
    if self::state(conn).await?.token_key == state.token_key {
        return Err(Trouble::broken(Unusable::Same));
    }
    refuse_rows(conn).await?;
    conn.run(TOKEN_KEY_UPDATE, &[&&state.token_key[..]]).await?;
    conn.run(MARK_INSERT, &[&&state.fingerprint()[..], &at]).await?;
    conn.batch("COMMIT").await
}

async fn refuse_rows(conn: &Connection) -> Result<(), Trouble> {
    for table in TABLES {
        if conn.first(&any_sql(table), &[]).await?.is_some() {
            return Err(Trouble::broken(Unusable::NotEmpty(table.name)));
        }
    }
    Ok(())
}

/// Whether a table has rows.
fn any_sql(table: &Table) -> String {
    format!("SELECT {} FROM {} LIMIT 1", table.key_list(), table.name)
}

/// The largest key of a table.
fn last_sql(table: &Table) -> String {
    let last = table.key_columns().iter().map(|(name, _)| format!("{name} DESC"));
    let last = last.collect::<Vec<_>>().join(", ");
    format!("SELECT {} FROM {} ORDER BY {last} LIMIT 1", table.key_list(), table.name)
}

/// The rows of a table behind a key, by key, so many.
fn behind_sql(table: &Table) -> String {
    let (list, key, name) = (table.list(), table.key_list(), table.name);
    let places: Vec<String> =
        (1..=table.key_columns().len()).map(|place| format!("${place}")).collect();
    let limit = places.len() + 1;
    let behind = places.join(", ");
    format!("SELECT {list} FROM {name} WHERE ({key}) > ({behind}) ORDER BY {key} LIMIT ${limit}")
}

/// The first key of a table behind another one.
fn next_sql(table: &Table) -> String {
    let (key, name) = (table.key_list(), table.name);
    format!("SELECT min({key}) FROM {name} WHERE {key} > $1")
}

/// The rows of a table from one key to another.
fn range_sql(table: &Table) -> String {
    let (list, key, name) = (table.list(), table.key_list(), table.name);
    format!("SELECT {list} FROM {name} WHERE {key} BETWEEN $1 AND $2 ORDER BY {key}")
}

fn is_spread(table: &Table) -> bool {
    cluster::SPREAD.iter().any(|spread| spread.table == table.name)
}

/// A COPY into a table, and the types of its columns.
fn fill(table: &Table) -> (String, Vec<Type>) {
    let mut list = table.list();
    let mut types: Vec<Type> = table.columns.iter().map(|(_, kind)| type_of(*kind)).collect();
    if table.name == TENANT {
        list = format!("{list}, {}", TYPES_VERSION.0);
        types.push(Type::INT8);
    }
    (format!("COPY {} ({list}) FROM STDIN (FORMAT binary)", table.name), types)
}

fn type_of(kind: Kind) -> Type {
    match kind {
        Kind::Integer => Type::INT8,
        Kind::Flag => Type::BOOL,
        Kind::Text => Type::TEXT,
        Kind::Json => Type::JSON,
        Kind::Bytes => Type::BYTEA,
    }
}

async fn part(
    conn: &Connection,
    table: &'static Table,
    behind: Vec<Value>,
    size: Size,
) -> Result<Vec<Row>, Trouble> {
    let limit = size.limit();
    let (sql, args) = if is_spread(table) {
        let behind = behind.first().unwrap_or(&Value::Null);
        let next: Option<i64> = conn.one(&next_sql(table), &[behind]).await?.try_get(0)?;
        let Some(first) = next else { return Ok(Vec::new()) };
        let last = first.saturating_add(limit - 1);
        (range_sql(table), vec![Value::Integer(first), Value::Integer(last)])
    } else {
        let mut args = behind;
        args.push(Value::Integer(limit));
        (behind_sql(table), args)
    };
    let mut sent: Vec<&(dyn ToSql + Sync)> = Vec::with_capacity(args.len());
    for value in &args {
        sent.push(value);
    }
    let mut found = pin!(conn.each(&sql, &sent).await?);
    let (mut part, mut bytes) = (Vec::new(), 0);
    while let Some(row) = found.try_next().await? {
        let mut values = Vec::with_capacity(table.columns.len());
        for place in 0..table.columns.len() {
            values.push(row.try_get::<_, Value>(place)?);
        }
        bytes += values.iter().map(Value::bytes).sum::<usize>();
        part.push(values.into());
        if size.is_reached(part.len(), bytes) {
            break;
        }
    }
    Ok(part)
}

async fn last_key(conn: &Connection, table: &'static Table) -> Result<Option<Vec<Value>>, Trouble> {
    let Some(row) = conn.first(&last_sql(table), &[]).await? else { return Ok(None) };
    let key = (0..table.key_columns().len()).map(|place| row.try_get::<_, Value>(place));
    Ok(Some(key.collect::<Result<_, _>>()?))
}

impl ToSql for Value {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Value::Null => return Ok(IsNull::Yes),
            Value::Integer(number) => out.put_i64(*number),
            Value::Flag(flag) => out.put_u8(u8::from(*flag)),
            Value::Text(text) => out.put_slice(text.as_bytes()),
            Value::Bytes(bytes) => out.put_slice(bytes),
        }
        Ok(IsNull::No)
    }

    fn accepts(found: &Type) -> bool {
        is_carried(found)
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Value {
    fn from_sql(found: &Type, raw: &'a [u8]) -> Result<Value, Box<dyn Error + Sync + Send>> {
        Ok(if *found == Type::INT8 {
            Value::Integer(i64::from_sql(found, raw)?)
        } else if *found == Type::BOOL {
            Value::Flag(bool::from_sql(found, raw)?)
        } else if *found == Type::BYTEA {
            Value::Bytes(raw.into())
        } else {
            Value::Text(std::str::from_utf8(raw)?.into())
        })
    }

    fn from_sql_null(_: &Type) -> Result<Value, Box<dyn Error + Sync + Send>> {
        Ok(Value::Null)
    }

    fn accepts(found: &Type) -> bool {
        is_carried(found)
    }
}

fn is_carried(found: &Type) -> bool {
    [Type::INT8, Type::BOOL, Type::TEXT, Type::JSON, Type::BYTEA].contains(found)
}

/// The statements of this file, each with whether it only reads, for tests that look at all of them.
#[cfg(any(test, feature = "testing"))]
pub(super) fn statements() -> Vec<(String, String, bool)> {
    let fixed = [
        ("key of tokens", TOKEN_KEY, true),
        ("update of the key of tokens", TOKEN_KEY_UPDATE, false),
        ("mark of a copy", MARK, true),
        ("insert of the mark", MARK_INSERT, false),
        ("delete of the mark", MARK_DELETE, false),
        ("counters", COUNTERS, true),
        ("copy into trails", TRAIL_FILL, false),
    ];
    let fixed = fixed.map(|(name, sql, reads)| (name.to_owned(), sql.to_owned(), reads));
    let of_table = |table: &Table| {
        let name = table.name;
        let mut found = vec![
            (format!("last of {name}"), last_sql(table), true),
            (format!("copy into {name}"), fill(table).0, false),
            (format!("any of {name}"), any_sql(table), true),
        ];
        if is_spread(table) {
            found.push((format!("next of {name}"), next_sql(table), true));
            found.push((format!("range of {name}"), range_sql(table), true));
        } else {
            found.push((format!("part of {name}"), behind_sql(table), true));
        }
        if table.resumed == Resumed::Anew {
            found.push((format!("delete of {name}"), format!("DELETE FROM {name}"), false));
        }
        found
    };
    fixed.into_iter().chain(TABLES.iter().flat_map(of_table)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TestDatabase;
    use crate::tables::copy::OF_EACH_STORE;
    use std::iter::once;

    const COLUMNS: &str = "
        SELECT table_name::text, column_name::text, data_type::text FROM information_schema.columns
        WHERE table_schema = current_schema()";
    /// Tables that only this engine has, or derives.
    const OWN: &[&str] = &["writer", "trail", "updated"];
    const OF_HUB: &[&str] = &["id", "deliverer", "deliverer_until"];

    #[tokio::test(flavor = "multi_thread")]
    async fn every_table_and_every_column_is_carried() {
        let database = TestDatabase::new().await;
        let conn = server(&database.url()).unwrap().connect().await.unwrap();
        schema::migrate(&conn).await.unwrap();
        let mut there = BTreeSet::new();
        for row in conn.all(COLUMNS, &[]).await.unwrap() {
            let (table, column, kind): (String, String, String) =
                (row.get(0), row.get(1), row.get(2));
            let is_own = OWN.contains(&&*table)
                || (table == "hub" && OF_HUB.contains(&&*column))
                || (table != "hub" && OF_EACH_STORE.contains(&&*table));
            if !is_own {
                there.insert((table, column, kind));
            }
        }
        let owned = |table: &str, column: &str, kind: &str| {
            (table.to_owned(), column.to_owned(), kind.to_owned())
        };
        let columns = |table: &'static Table| {
            table.columns.iter().map(move |(name, kind)| {
                let kind = match kind {
                    Kind::Integer => "bigint",
                    Kind::Flag => "boolean",
                    Kind::Text => "text",
                    Kind::Json => "json",
                    Kind::Bytes => "bytea",
                };
                owned(table.name, name, kind)
            })
        };
        let expected: BTreeSet<_> = TABLES
            .iter()
            .flat_map(columns)
            .chain(once(owned("hub", "token_key", "bytea")))
            .chain(once(owned(TENANT, TYPES_VERSION.0, "bigint")))
            .collect();
        assert_eq!(there, expected);
    }
}
