//! What an erasure leaves behind in the file, and its removal.
//!
//! Deleted and overwritten rows are filled with zeros. But where rows are dealt out anew among
//! neighbouring pages, SQLite leaves copies of those that went to another page in the part of a page
//! that nothing uses, between the list of its cells and their content, until new rows take the place.
//! So after an erasure all pages are looked at, and where that part is not zero it is made so.

use super::connection::MOVE;
use super::rows;
use super::trouble::Trouble;
use rusqlite::{Connection, TransactionBehavior};
use std::ops::Range;
use std::time::Duration;

const PAGE: &str = "SELECT data FROM sqlite_dbpage WHERE pgno = ?1";
const PAGE_UPDATE: &str = "UPDATE sqlite_dbpage SET data = ?2 WHERE pgno = ?1";
/// Nobody has to wait for the disk while others wait for the file: what is not on it after a power cut
/// is swept again.
const NOT_WAITING: &str = "PRAGMA synchronous = NORMAL";
const PAGES: &str = "PRAGMA page_count";
const MARKS: &str = "SELECT erasures, swept FROM hub WHERE id = 1";
const SWEPT: &str = "UPDATE hub SET swept = max(swept, ?1) WHERE id = 1";

/// Pages that are looked at in one snapshot.
const LOOKED_AT: i64 = 1_024;
/// Pages that are written in one transaction, for which other writers wait.
const WRITTEN: usize = 64;
/// Pages that are written before the log is moved into the file, so that it does not grow by all of
/// them.
const MOVED: usize = 4_096;
/// How long other writers have the file to themselves between two of them.
const PAUSE: Duration = Duration::from_millis(2);
/// How long a transaction waits for other writers.
const PATIENCE: Duration = Duration::from_secs(1);
/// From here on the first byte of a page that continues a long row could be that of a table: such a
/// page begins with the number of the next one. The file would have 128 GiB.
const PAGES_MAX: i64 = 0x0200_0000;

/// Whether there were erasures that may have left something behind.
pub(super) fn is_due(conn: &Connection) -> Result<bool, Trouble> {
    let (erasures, swept) = marks(conn)?;
    Ok(erasures > swept)
}

fn marks(conn: &Connection) -> Result<(i64, i64), Trouble> {
    let found = rows::first(conn, MARKS, (), |row| Ok((row.get(0)?, row.get(1)?)))?;
    found.ok_or_else(|| Trouble::broken("the hub has no row"))
}

/// Sweeps away what was left behind; up to which erasure. `None` if `is_over` said in between that it
/// has to wait for another time.
pub(super) fn sweep(
    conn: &mut Connection,
    is_over: impl Fn() -> bool,
) -> Result<Option<i64>, Trouble> {
    conn.busy_timeout(PATIENCE)?;
    conn.execute_batch(NOT_WAITING)?;
    // What is erased from here on is swept the next time.
    let (erasures, _) = marks(conn)?;
    let pages = rows::first(conn, PAGES, (), rows::integer)?.unwrap_or_default();
    if pages >= PAGES_MAX {
        return Err(Trouble::broken("the file is too large to be swept after an erasure"));
    }
    let (mut first, mut written) = (1, 0);
    while first <= pages {
        let unclean = unclean(conn, first..(first + LOOKED_AT).min(pages + 1))?;
        for part in unclean.chunks(WRITTEN) {
            if is_over() {
                return Ok(None);
            }
            clean(conn, part)?;
            written += part.len();
            std::thread::sleep(PAUSE);
        }
        if written >= MOVED {
            conn.query_row(MOVE, (), |_| Ok(()))?;
            written = 0;
        }
        first += LOOKED_AT;
    }
    Ok(Some(erasures))
}

/// Notes up to which erasure nothing is left, in pages and in the log.
pub(super) fn note(conn: &Connection, erasures: i64) -> Result<(), Trouble> {
    conn.execute(SWEPT, [erasures])?;
    Ok(())
}

/// Those of these pages that hold something in their unused part.
fn unclean(conn: &mut Connection, pages: Range<i64>) -> Result<Vec<i64>, Trouble> {
    let tx = conn.transaction()?;
    let mut found = Vec::new();
    for number in pages {
        let is_unclean = rows::first(&tx, PAGE, [number], |row| {
            let page = row.get_ref(0)?.as_blob().map_err(Trouble::broken)?;
            let unused = unused(number, page).and_then(|unused| page.get(unused));
            Ok(unused.is_some_and(|unused| unused.iter().any(|byte| *byte != 0)))
        })?;
        found.extend(is_unclean.filter(|is_unclean| *is_unclean).map(|_| number));
    }
    tx.finish()?;
    Ok(found)
}

/// Fills the unused part of pages with zeros, as they are by now.
fn clean(conn: &mut Connection, pages: &[i64]) -> Result<(), Trouble> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for number in pages {
        let found: Option<Vec<u8>> = rows::first(&tx, PAGE, [number], |row| Ok(row.get(0)?))?;
        let Some(mut page) = found else { continue };
        if let Some(unused) = unused(*number, &page).and_then(|unused| page.get_mut(unused)) {
            unused.fill(0);
            tx.prepare_cached(PAGE_UPDATE)?.execute((number, page))?;
        }
    }
    tx.commit()?;
    Ok(())
}

/// The part of a page between the list of its cells and their content, if it is a page of a table or
/// an index. See "B-tree Pages" in the description of the file format of SQLite.
fn unused(number: i64, page: &[u8]) -> Option<Range<usize>> {
    // The first page begins with the header of the file.
    let header = if number == 1 { 100 } else { 0 };
    let list = match page.get(header)? {
        2 | 5 => 12,
        10 | 13 => 8,
        _ => return None,
    };
    let number_at = |at: usize| -> Option<usize> {
        let bytes: [u8; 2] = page.get(header + at..header + at + 2)?.try_into().ok()?;
        Some(usize::from(u16::from_be_bytes(bytes)))
    };
    let first = header + list + 2 * number_at(3)?;
    let content = match number_at(5)? {
        0 => 65_536,
        content => content,
    };
    (first <= content && content <= page.len()).then_some(first..content)
}
