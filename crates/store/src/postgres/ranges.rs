//! Reads of very many rows, one at a time.
//!
//! The coordinator of a cluster gathers the rows of all nodes, and sorts them, before it hands out the first
//! one. So there they are asked for by ranges of keys, each of which begins where the next row is: however
//! large a table is and however large the gaps in it are, a range has few rows.

use super::connection::Connection;
use super::trouble::Trouble;
use futures_util::TryStreamExt as _;
use std::pin::pin;
use tokio_postgres::Row;

/// Keys of a range that a cluster is asked for at once.
const AT_ONCE: i64 = 50_000;
/// The same where few of them are found.
const AT_ONCE_MAX: i64 = 16 * AT_ONCE;

/// Asks for the first key between two, in the column by which rows are read.
#[derive(Clone, Copy)]
pub(super) struct Nearest(Option<&'static str>);

/// Of what stays in one place: it is read as a whole.
pub(super) const OF_ONE_PLACE: Nearest = Nearest(None);
pub(super) const CUSTOMERS: Nearest =
    Nearest(Some("SELECT min(key) FROM customer WHERE key BETWEEN $1 AND $2"));
pub(super) const REDIRECTS: Nearest =
    Nearest(Some("SELECT min(survivor) FROM customer WHERE survivor BETWEEN $1 AND $2"));
pub(super) const HOMES: Nearest =
    Nearest(Some("SELECT min(key) FROM home WHERE key BETWEEN $1 AND $2"));
pub(super) const IDENTITIES: Nearest =
    Nearest(Some("SELECT min(key) FROM identity WHERE key BETWEEN $1 AND $2"));
pub(super) const ENTRIES: Nearest =
    Nearest(Some("SELECT min(key) FROM journal WHERE key BETWEEN $1 AND $2"));

/// The statements of this file, for tests that look at all of them.
#[cfg(any(test, feature = "testing"))]
pub(super) const STATEMENTS: &[(&str, &str)] = &[
    ("nearest customer", CUSTOMERS.sql()),
    ("nearest redirect", REDIRECTS.sql()),
    ("nearest home", HOMES.sql()),
    ("nearest identity", IDENTITIES.sql()),
    ("nearest entry", ENTRIES.sql()),
];

impl Nearest {
    #[cfg(any(test, feature = "testing"))]
    const fn sql(self) -> &'static str {
        match self.0 {
            Some(sql) => sql,
            None => "",
        }
    }
}

/// The ranges of keys that are asked for one after the other.
pub(super) struct Windows<'c> {
    conn: &'c Connection,
    nearest: Nearest,
    rest: Option<(i64, i64)>,
    /// Keys of the next range.
    width: i64,
}

impl<'c> Windows<'c> {
    /// Of everything between two keys.
    pub(super) fn new(conn: &'c Connection, nearest: Nearest, keys: (i64, i64)) -> Windows<'c> {
        Windows { conn, nearest, rest: Some(keys), width: AT_ONCE }
    }

    /// The next range; `None` if there are no more rows.
    pub(super) async fn next(&mut self) -> Result<Option<(i64, i64)>, Trouble> {
        let Some((first, last)) = self.rest.take() else { return Ok(None) };
        let Some(nearest) = self.nearest.0.filter(|_| self.conn.is_distributed()) else {
            return Ok(Some((first, last)));
        };
        let found: Option<i64> = self.conn.one(nearest, &[&first, &last]).await?.try_get(0)?;
        let Some(begin) = found else { return Ok(None) };
        let end = begin.saturating_add(self.width - 1).min(last);
        self.rest = (end < last).then_some((end + 1, last));
        Ok(Some((begin, end)))
    }

    /// Told how many rows of a range were read: where few are, ranges are wide.
    pub(super) fn had(&mut self, rows: usize) {
        self.width = match i64::try_from(rows) {
            Ok(rows) if rows < AT_ONCE / 4 => (self.width * 2).min(AT_ONCE_MAX),
            Ok(rows) if rows < AT_ONCE => self.width,
            Ok(_) | Err(_) => AT_ONCE,
        };
    }
}

/// Every row of a statement about the keys between two, one at a time.
pub(super) async fn each(
    conn: &Connection,
    nearest: Nearest,
    sql: &str,
    keys: (i64, i64),
    mut take: impl FnMut(&Row) -> Result<(), Trouble>,
) -> Result<(), Trouble> {
    let mut windows = Windows::new(conn, nearest, keys);
    while let Some((first, last)) = windows.next().await? {
        let mut rows = pin!(conn.each(sql, &[&first, &last]).await?);
        while let Some(row) = rows.try_next().await? {
            take(&row)?;
        }
    }
    Ok(())
}
