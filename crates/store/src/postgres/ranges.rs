//! Reads of very many rows, one at a time.
//!
//! The coordinator of a cluster gathers the rows of all nodes, and sorts them, before it hands out the first
//! one. So there they are asked for by ranges of keys, each of which begins where the next row is: however
//! large a table is and however large the gaps in it are, a range has [`WIDTH_MAX`] rows at most.

use super::connection::Connection;
use super::trouble::Trouble;
use futures_util::TryStreamExt as _;
use std::pin::pin;
use tokio_postgres::Row;

/// Keys of a range.
const WIDTH: i64 = 50_000;
/// The same where few of them are found.
const WIDTH_MAX: i64 = 16 * WIDTH;

/// Asks for the first key between two, in the column by which rows are read.
#[derive(Clone, Copy)]
pub(super) struct FirstKey(Option<&'static str>);

/// Of what stays in one place: it is read as a whole.
pub(super) const OF_ONE_PLACE: FirstKey = FirstKey(None);
pub(super) const CUSTOMERS: FirstKey =
    FirstKey(Some("SELECT min(key) FROM customer WHERE key BETWEEN $1 AND $2"));
pub(super) const REDIRECTS: FirstKey =
    FirstKey(Some("SELECT min(survivor) FROM customer WHERE survivor BETWEEN $1 AND $2"));
pub(super) const HOMES: FirstKey =
    FirstKey(Some("SELECT min(key) FROM home WHERE key BETWEEN $1 AND $2"));
pub(super) const IDENTITIES: FirstKey =
    FirstKey(Some("SELECT min(key) FROM identity WHERE key BETWEEN $1 AND $2"));
pub(super) const ENTRIES: FirstKey =
    FirstKey(Some("SELECT min(key) FROM journal WHERE key BETWEEN $1 AND $2"));

/// The statements of this file, for tests that look at all of them.
#[cfg(any(test, feature = "testing"))]
pub(super) const STATEMENTS: &[(&str, &str)] = &[
    ("first customer", CUSTOMERS.sql()),
    ("first redirect", REDIRECTS.sql()),
    ("first home", HOMES.sql()),
    ("first identity", IDENTITIES.sql()),
    ("first entry", ENTRIES.sql()),
];

impl FirstKey {
    #[cfg(any(test, feature = "testing"))]
    const fn sql(self) -> &'static str {
        match self.0 {
            Some(sql) => sql,
            None => "",
        }
    }
}

/// The ranges of keys that are asked for one after the other.
pub(super) struct Ranges<'c> {
    conn: &'c Connection,
    first_key: FirstKey,
    rest: Option<(i64, i64)>,
    /// Keys of the next range.
    width: i64,
}

impl<'c> Ranges<'c> {
    /// Of everything between two keys.
    pub(super) fn new(conn: &'c Connection, first_key: FirstKey, keys: (i64, i64)) -> Ranges<'c> {
        Ranges { conn, first_key, rest: Some(keys), width: WIDTH }
    }

    /// The next range; `None` if there are no more rows.
    pub(super) async fn next(&mut self) -> Result<Option<(i64, i64)>, Trouble> {
        let Some((first, last)) = self.rest.take() else { return Ok(None) };
        let Some(sql) = self.first_key.0.filter(|_| self.conn.is_distributed()) else {
            return Ok(Some((first, last)));
        };
        let found: Option<i64> = self.conn.one(sql, &[&first, &last]).await?.try_get(0)?;
        let Some(first) = found else { return Ok(None) };
        let (range, rest) = split(first, last, self.width);
        self.rest = rest;
        Ok(Some(range))
    }

    /// Told how many rows of a range were read: where few are, ranges are wide.
    pub(super) fn had(&mut self, rows: usize) {
        self.width = width_behind(self.width, rows);
    }
}

/// So many keys of those between two, and the rest.
fn split(first: i64, last: i64, width: i64) -> ((i64, i64), Option<(i64, i64)>) {
    let end = first.saturating_add(width - 1).min(last);
    ((first, end), (end < last).then(|| (end + 1, last)))
}

/// The width of the range behind one of which so many rows were read.
fn width_behind(width: i64, rows: usize) -> i64 {
    match i64::try_from(rows) {
        Ok(rows) if rows < WIDTH / 4 => (width * 2).min(WIDTH_MAX),
        Ok(rows) if rows < WIDTH => width,
        Ok(_) | Err(_) => WIDTH,
    }
}

/// Every row of a statement about the keys between two, one at a time.
pub(super) async fn each(
    conn: &Connection,
    first_key: FirstKey,
    sql: &str,
    keys: (i64, i64),
    mut take: impl FnMut(&Row) -> Result<(), Trouble>,
) -> Result<(), Trouble> {
    let mut ranges = Ranges::new(conn, first_key, keys);
    while let Some((first, last)) = ranges.next().await? {
        let mut rows = pin!(conn.each(sql, &[&first, &last]).await?);
        let mut count = 0;
        while let Some(row) = rows.try_next().await? {
            take(&row)?;
            count += 1;
        }
        ranges.had(count);
    }
    Ok(())
}

#[test]
fn a_range_ends_where_the_next_one_begins() {
    assert_eq!(split(1, 10, 4), ((1, 4), Some((5, 10))));
    assert_eq!(split(5, 10, 5), ((5, 9), Some((10, 10))));
    assert_eq!(split(10, 10, 4), ((10, 10), None));
    assert_eq!(split(7, 10, 4), ((7, 10), None));
    assert_eq!(split(i64::MAX - 1, i64::MAX, WIDTH), ((i64::MAX - 1, i64::MAX), None));
}

#[test]
fn ranges_are_wide_where_few_rows_are() {
    let widths = [0, 9, 12_499, 12_499, 12_499, 20_000, 50_000, 20_000].iter();
    let widths = widths.scan(WIDTH, |width, rows| {
        *width = width_behind(*width, *rows);
        Some(*width / WIDTH)
    });
    assert_eq!(widths.collect::<Vec<_>>(), [2, 4, 8, 16, 16, 16, 1, 1]);
}
