//! A file as an end of a copy: read beside whoever uses it, or filled by nobody else.

use super::trouble::Trouble;
use super::{connection, make_folder, rows, schema};
use crate::OpenError;
use crate::copy::{End, Source, Target};
use crate::tables::copy::{
    COUNTERS, Counters, Kind, Resumed, Row, Size, State, TABLES, Table, Unusable, Value,
};
use async_trait::async_trait;
use kehub_core::Micros;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, Row as SqliteRow, ToSql, params_from_iter};
use std::path::{Path, PathBuf};

const TOKEN_KEY: &str = "SELECT token_key FROM hub WHERE id = 1";
const TOKEN_KEY_UPDATE: &str = "UPDATE hub SET token_key = ?1 WHERE id = 1";
const MARKS_KEPT: &str = "
    SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'copying')";
const MARK: &str = "
    SELECT source, strftime('%Y-%m-%dT%H:%M:%SZ', since / 1000000, 'unixepoch') FROM copying";
const MARK_INSERT: &str = "INSERT INTO copying (id, source, since) VALUES (1, ?1, ?2)";
const MARK_DELETE: &str = "DELETE FROM copying";

/// Of which state a file is an unfinished copy, and since when.
type Mark = (Vec<u8>, String);

/// Refuses a file that another store is being copied into.
pub(super) fn refuse_unfinished(conn: &Connection) -> Result<(), Trouble> {
    match mark(conn)? {
        Some((_, since)) => Err(Trouble::broken(Unusable::Unfinished { since })),
        None => Ok(()),
    }
}

fn mark(conn: &Connection) -> Result<Option<Mark>, Trouble> {
    // A file that is not up to date has none yet.
    if !conn.query_row(MARKS_KEPT, (), |row| row.get(0))? {
        return Ok(None);
    }
    rows::first(conn, MARK, (), |row| Ok((row.get(0)?, row.get(1)?)))
}

/// Refuses to copy a file to itself.
pub(crate) fn refuse_same(from: &Path, to: &Path) -> Result<(), OpenError> {
    let is_same = |from: PathBuf| std::fs::canonicalize(to).is_ok_and(|to| from == to);
    if std::fs::canonicalize(from).is_ok_and(is_same) {
        return Err(OpenError::of(to.display(), Unusable::Same));
    }
    Ok(())
}

/// A connection to a file, used off the async threads.
pub(super) struct File {
    path: PathBuf,
    conn: Option<Connection>,
}

impl File {
    pub(super) fn new(path: &Path, conn: Result<Connection, Trouble>) -> Result<File, OpenError> {
        let conn = conn.map_err(|trouble| OpenError::of(path.display(), trouble))?;
        Ok(File { path: path.to_owned(), conn: Some(conn) })
    }

    pub(super) async fn with<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Connection) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, OpenError> {
        let conn = self.conn.take();
        let task = tokio::task::spawn_blocking(move || {
            let mut conn = conn.ok_or_else(|| Trouble::broken("it was given up"))?;
            work(&mut conn).map(|found| (conn, found))
        });
        let worked = task.await.map_err(Trouble::broken).and_then(|worked| worked);
        let of_file = |trouble| OpenError::of(self.path.display(), trouble);
        let (conn, found) = worked.map_err(of_file)?;
        self.conn = Some(conn);
        Ok(found)
    }
}

#[async_trait]
impl End for File {
    async fn state(&mut self) -> Result<State, OpenError> {
        self.with(|conn| state(conn)).await
    }

    async fn part(
        &mut self,
        table: &'static Table,
        behind: Vec<Value>,
        size: Size,
    ) -> Result<Vec<Row>, OpenError> {
        self.with(move |conn| part(conn, table, &behind, size)).await
    }
}

/// A file that is copied.
pub(crate) struct CopySource(File);

impl CopySource {
    /// Begins to look at a file, as of now.
    pub(crate) fn open(path: &Path) -> Result<CopySource, OpenError> {
        let look = || {
            let conn = connection::looking(path)?;
            conn.execute_batch("BEGIN")?;
            schema::check_current(&conn)?;
            Ok(conn)
        };
        Ok(CopySource(File::new(path, look())?))
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
        self.0.with(|conn| Ok(conn.execute_batch("COMMIT")?)).await
    }
}

/// A file that is copied to.
pub(crate) struct CopyTarget(File);

impl CopyTarget {
    /// Takes a file that nobody else has open, and makes it if there is none.
    pub(crate) fn open(path: &Path) -> Result<CopyTarget, OpenError> {
        let open = || {
            // Who was killed while making it may have left something to be undone: only one that may
            // write to a file can look at such a one.
            if path.try_exists().map_err(Trouble::broken)? {
                let conn = connection::filling(path)?;
                let lacking = schema::lacking(&conn)?.len();
                if lacking == 0 {
                    return Ok(conn);
                }
                if lacking < schema::all().len() {
                    return Err(Trouble::broken(Unusable::Older));
                }
            }
            make_folder(path)?;
            schema::migrate(&mut connection::writing(path)?)?;
            connection::filling(path)
        };
        Ok(CopyTarget(File::new(path, open())?))
    }
}

#[async_trait]
impl End for CopyTarget {
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
impl Target for CopyTarget {
    async fn begin(&mut self, state: &State, at: Micros) -> Result<(), OpenError> {
        let state = state.clone();
        self.0.with(move |conn| begin(conn, &state, at)).await
    }

    async fn last_key(&mut self, table: &'static Table) -> Result<Option<Vec<Value>>, OpenError> {
        self.0.with(move |conn| last_key(conn, table)).await
    }

    async fn write(
        &mut self,
        table: &'static Table,
        rows: Vec<Row>,
        known: usize,
    ) -> Result<(), OpenError> {
        self.0.with(move |conn| write(conn, table, rows.get(known..).unwrap_or_default())).await
    }

    async fn problems(&mut self) -> Result<Vec<String>, OpenError> {
        // Nothing is derived here.
        Ok(Vec::new())
    }

    async fn finish(&mut self) -> Result<(), OpenError> {
        self.0.with(|conn| Ok(conn.execute_batch(MARK_DELETE)?)).await
    }
}

fn state(conn: &Connection) -> Result<State, Trouble> {
    let tenants = rows::all(conn, COUNTERS, (), |row| {
        let mut counters = Counters::default();
        for (column, counter) in counters.iter_mut().enumerate() {
            *counter = row.get(column)?;
        }
        Ok(counters)
    })?;
    let token_key = rows::first(conn, TOKEN_KEY, (), |row| Ok(row.get::<_, Vec<u8>>(0)?))?;
    let token_key = token_key.ok_or_else(|| Trouble::broken("the hub has no key for tokens"))?;
    Ok(State::of(&token_key, tenants)?)
}

fn begin(conn: &mut Connection, state: &State, at: Micros) -> Result<(), Trouble> {
    let found = mark(conn)?;
    let tx = conn.transaction()?;
    if let Some((source, since)) = found {
        if source != state.fingerprint() {
            return Err(Trouble::broken(Unusable::OfAnotherState { since }));
        }
        for table in TABLES.iter().filter(|table| table.resumed == Resumed::Anew) {
            tx.execute(&format!("DELETE FROM {}", table.name), ())?;
        }
        return Ok(tx.commit()?);
    }
    if self::state(&tx)?.token_key == state.token_key {
        return Err(Trouble::broken(Unusable::Same));
    }
    for table in TABLES {
        let sql = format!("SELECT EXISTS (SELECT 1 FROM {})", table.name);
        if tx.query_row(&sql, (), |row| row.get(0))? {
            return Err(Trouble::broken(Unusable::NotEmpty(table.name)));
        }
    }
    tx.execute(TOKEN_KEY_UPDATE, [state.token_key])?;
    tx.execute(MARK_INSERT, (state.fingerprint(), at))?;
    Ok(tx.commit()?)
}

/// The rows of a table behind a key, by key.
fn read_sql(table: &Table) -> String {
    let (list, key) = (table.list(), table.key_list());
    let places: Vec<String> =
        (1..=table.key_columns().len()).map(|place| format!("?{place}")).collect();
    let (name, limit) = (table.name, places.len() + 1);
    let behind = places.join(", ");
    format!("SELECT {list} FROM {name} WHERE ({key}) > ({behind}) ORDER BY {key} LIMIT ?{limit}")
}

fn part(
    conn: &Connection,
    table: &'static Table,
    behind: &[Value],
    size: Size,
) -> Result<Vec<Row>, Trouble> {
    let mut statement = conn.prepare_cached(&read_sql(table))?;
    let limit = Value::Integer(size.limit());
    let mut found = statement.query(params_from_iter(behind.iter().chain([&limit])))?;
    let (mut part, mut bytes) = (Vec::new(), 0);
    while let Some(row) = found.next()? {
        let values = values(row, table, table.columns)?;
        bytes += values.iter().map(Value::bytes).sum::<usize>();
        part.push(values.into());
        if size.is_reached(part.len(), bytes) {
            break;
        }
    }
    Ok(part)
}

/// The first columns of a row.
fn values(
    row: &SqliteRow<'_>,
    table: &Table,
    columns: &[(&'static str, Kind)],
) -> Result<Vec<Value>, Trouble> {
    let mut values = Vec::with_capacity(columns.len());
    for (place, (column, kind)) in columns.iter().enumerate() {
        let other = || Unusable::OfAnotherKind { table: table.name, column };
        let value = value(row.get_ref(place)?, *kind);
        values.push(value.ok_or_else(|| Trouble::broken(other()))?);
    }
    Ok(values)
}

fn value(found: ValueRef<'_>, kind: Kind) -> Option<Value> {
    Some(match (found, kind) {
        (ValueRef::Null, _) => Value::Null,
        (ValueRef::Integer(number), Kind::Integer) => Value::Integer(number),
        (ValueRef::Integer(number @ (0 | 1)), Kind::Flag) => Value::Flag(number == 1),
        (ValueRef::Text(text), Kind::Text | Kind::Json) => {
            Value::Text(std::str::from_utf8(text).ok()?.into())
        }
        (ValueRef::Blob(bytes), Kind::Bytes) => Value::Bytes(bytes.into()),
        (
            ValueRef::Integer(_) | ValueRef::Real(_) | ValueRef::Text(_) | ValueRef::Blob(_),
            Kind::Integer | Kind::Flag | Kind::Text | Kind::Json | Kind::Bytes,
        ) => return None,
    })
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Value::Null => ValueRef::Null,
            Value::Integer(number) => ValueRef::Integer(*number),
            Value::Flag(flag) => ValueRef::Integer(i64::from(*flag)),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

fn last_key(conn: &Connection, table: &'static Table) -> Result<Option<Vec<Value>>, Trouble> {
    let key = table.key_list();
    let last = table.key_columns().iter().map(|(name, _)| format!("{name} DESC"));
    let last = last.collect::<Vec<_>>().join(", ");
    let sql = format!("SELECT {key} FROM {} ORDER BY {last} LIMIT 1", table.name);
    rows::first(conn, &sql, (), |row| values(row, table, table.key_columns()))
}

fn write(conn: &mut Connection, table: &Table, rows: &[Row]) -> Result<(), Trouble> {
    if rows.is_empty() {
        return Ok(());
    }
    let places = (1..=table.columns.len()).map(|place| format!("?{place}"));
    let places = places.collect::<Vec<_>>().join(", ");
    let sql = format!("INSERT INTO {} ({}) VALUES ({places})", table.name, table.list());
    let tx = conn.transaction()?;
    {
        let mut statement = tx.prepare_cached(&sql)?;
        for row in rows {
            statement.execute(params_from_iter(row))?;
        }
    }
    Ok(tx.commit()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::copy::OF_EACH_STORE;
    use std::collections::BTreeMap;

    const TABLES_THERE: &str =
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    const COLUMNS: &str = "SELECT name, type, pk FROM pragma_table_info(?1) ORDER BY name";
    /// Columns of the hub that no other store is told.
    const OWN: &[&str] =
        &["id", "writer", "last_group", "deliverer", "deliverer_until", "erasures", "swept"];

    fn hub(folder: &tempfile::TempDir) -> Connection {
        let mut conn = connection::writing(&folder.path().join("hub.db")).unwrap();
        schema::migrate(&mut conn).unwrap();
        conn
    }

    fn columns(conn: &Connection, table: &str) -> Vec<(String, String, i64)> {
        let read = |row: &SqliteRow<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
        rows::all(conn, COLUMNS, [table], read).unwrap()
    }

    #[test]
    fn every_table_and_every_column_is_carried() {
        let folder = tempfile::TempDir::new().unwrap();
        let conn = hub(&folder);
        let there = rows::all(&conn, TABLES_THERE, (), |row| Ok(row.get(0)?)).unwrap();
        let mut expected: BTreeMap<&str, Vec<(String, String, i64)>> = BTreeMap::new();
        for table in TABLES {
            let columns = table.columns.iter().enumerate().map(|(place, (name, kind))| {
                let kind = match kind {
                    Kind::Integer | Kind::Flag => "INTEGER",
                    Kind::Text | Kind::Json => "TEXT",
                    Kind::Bytes => "BLOB",
                };
                let is_key = place < table.key_columns().len();
                let key = if is_key { i64::try_from(place + 1).unwrap() } else { 0 };
                ((*name).to_owned(), kind.to_owned(), key)
            });
            let mut columns: Vec<_> = columns.collect();
            columns.sort();
            expected.insert(table.name, columns);
        }
        let there: Vec<String> =
            there.into_iter().filter(|it: &String| !OF_EACH_STORE.contains(&&**it)).collect();
        for table in &there {
            assert_eq!(Some(&columns(&conn, table)), expected.get(&**table), "{table}");
        }
        assert_eq!(there.len(), expected.len());
        let of_hub = columns(&conn, "hub").into_iter().map(|(name, ..)| name);
        let carried: Vec<String> = of_hub.filter(|name| !OWN.contains(&&**name)).collect();
        assert_eq!(carried, ["token_key"]);
    }

    #[test]
    fn a_part_is_read_from_the_key_of_its_table() {
        let folder = tempfile::TempDir::new().unwrap();
        let conn = hub(&folder);
        for table in TABLES {
            let sql = format!("EXPLAIN QUERY PLAN {}", read_sql(table));
            let nothing = params_from_iter(vec![1; table.key_columns().len() + 1]);
            let mut statement = conn.prepare(&sql).unwrap();
            let steps: Vec<String> = statement
                .query_map(nothing, |row| row.get(3))
                .unwrap()
                .map(Result::unwrap)
                .collect();
            assert_eq!(steps.len(), 1, "{steps:?}");
            assert!(
                steps[0].starts_with("SEARCH") && steps[0].contains("PRIMARY KEY"),
                "{steps:?}"
            );
        }
    }
}
