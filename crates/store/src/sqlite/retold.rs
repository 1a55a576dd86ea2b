//! The journal of a tenant told anew, part by part, and what it makes of it.
//!
//! The journal is read once to see who belongs together, and for each part from the first to the last
//! entry that concerns it. What one part makes is
//! held in memory, without the entries themselves.

use super::codec::{self, key_range, keys_of};
use super::trouble::Trouble;
use super::{load, rows};
use crate::report::Progress;
use crate::tables::compare::{journal_step, same_value};
use kehub_core::facts::{Foresight, Part, Retelling, Retold, TenantFacts};
use kehub_core::identity::Identity;
use kehub_core::journal::Entry;
use kehub_core::policy::Policy;
use kehub_core::{IdentityNumber, Seq, TenantId, TypeNumber};
use rusqlite::{Connection, Row};

/// How many problems of one kind are asked for.
const ROWS_MAX: i64 = 100;
/// How often progress is told while the journal is read, in entries.
const TOLD_EVERY: i64 = 10_000;

const JOURNAL: &str = "SELECT key, at, entry FROM journal WHERE key BETWEEN ?1 AND ?2 ORDER BY key";
const KINDS: &str = "SELECT key, type FROM identity WHERE key BETWEEN ?1 AND ?2";
const SAME_VALUE: &str = "
    SELECT min(key) FROM identity WHERE type BETWEEN ?1 AND ?2
    GROUP BY type, value HAVING count(*) > 1 LIMIT ?3";
const AHEAD: &str = "
    SELECT key, head FROM customer
    WHERE key BETWEEN ?1 AND ?2 AND head > ?3 AND head <= ?4 ORDER BY key LIMIT 1";

/// A journal being told.
pub(super) struct Telling<'a> {
    conn: &'a Connection,
    tenant: TenantId,
    progress: &'a dyn Progress,
    retelling: Retelling,
    /// The last entry that the tenant notes.
    noted: Seq,
}

impl<'a> Telling<'a> {
    /// Before the first entry, in parts of about so many customers.
    pub(super) fn new(
        conn: &'a Connection,
        tenant: TenantId,
        policy: &Policy,
        at_once: u32,
        progress: &'a dyn Progress,
    ) -> Result<Telling<'a>, Trouble> {
        let foresight = foresight(conn, tenant, progress)?;
        let retelling = Retelling::new(tenant, policy, foresight, at_once);
        let noted = load::noted(conn, tenant)?.seq;
        Ok(Telling { conn, tenant, progress, retelling, noted })
    }

    /// What the journal makes of the next part; `None` after the last one.
    pub(super) fn next_part(&mut self) -> Result<Option<(TenantFacts, Part)>, Trouble> {
        let (conn, progress) = (self.conn, self.progress);
        let Some(part) = self.retelling.part() else { return Ok(None) };
        let identities = self.identities(&part)?;
        self.retelling.begin(identities);
        let step = journal_step(&part);
        let total = u64::try_from(self.noted.0).unwrap_or_default();
        let mut statement = conn.prepare_cached(JOURNAL)?;
        let mut rows = statement.query(keys_of(self.tenant, &self.retelling.due_between()))?;
        while let Some(row) = rows.next()? {
            let number = codec::number_of(row.get(0)?);
            if number % TOLD_EVERY == 0 {
                progress.at(&step, u64::try_from(number).unwrap_or_default(), total);
            }
            if self.retelling.is_due(Seq(number)) {
                self.tell(number, row, &part);
            }
        }
        Ok(Some((self.retelling.told(), part)))
    }

    /// After the last part.
    pub(super) fn end(self) -> Result<Retold, Trouble> {
        let Telling { conn, tenant, retelling, noted, .. } = self;
        let mut retold = retelling.end();
        let [first, last] = [0, u16::MAX].map(|it| codec::type_key(tenant, TypeNumber(it)));
        let twice = rows::all(conn, SAME_VALUE, (first, last, ROWS_MAX), rows::integer)?;
        retold.problems.extend(twice.into_iter().map(same_value));
        retold.problems.extend(cut_off(conn, tenant, retold.counters.seq, noted)?);
        Ok(retold)
    }

    /// The identities of a part that can be read.
    fn identities(&self, part: &Part) -> Result<Vec<Identity>, Trouble> {
        let (first, last) = keys_of(self.tenant, &part.identities());
        load::identities(self.conn, first, last)
    }

    fn tell(&mut self, number: i64, row: &Row<'_>, part: &Part) {
        let (Some(entry), Ok(at)) = (entry_of(row), row.get::<_, i64>(1)) else {
            let text = format!("journal entry {number} cannot be read");
            return self.retelling.wrong(Seq(number), text);
        };
        if part.is_first() && (entry.seq.0, entry.at) != (number, at) {
            let text = format!("journal entry {number} stands in the place of another one");
            self.retelling.wrong(Seq(number), text);
        }
        self.retelling.tell(Seq(number), entry);
    }
}

/// What has to be known before the first entry is told.
fn foresight(
    conn: &Connection,
    tenant: TenantId,
    progress: &dyn Progress,
) -> Result<Foresight, Trouble> {
    let mut foresight = Foresight::default();
    progress.at("the journal", 0, 0);
    let mut statement = conn.prepare_cached(KINDS)?;
    let mut rows = statement.query(key_range(tenant))?;
    while let Some(row) = rows.next()? {
        // What cannot be read is told by the comparison of rows.
        if let Ok(kind) = row.get(1) {
            let number = IdentityNumber(codec::number_of(row.get(0)?));
            foresight.know(number, codec::type_of(kind));
        }
    }
    let mut statement = conn.prepare_cached(JOURNAL)?;
    let mut rows = statement.query(key_range(tenant))?;
    while let Some(row) = rows.next()? {
        // What cannot be read is told with the first part.
        if let Some(entry) = entry_of(row) {
            foresight.see(&entry);
        }
    }
    Ok(foresight)
}

/// The entry of a row of the journal; `None` if it cannot be read.
fn entry_of(row: &Row<'_>) -> Option<Entry> {
    let blob = row.get_ref(2).ok()?.as_blob().ok()?;
    codec::entry(blob).ok()
}

/// Whether entries are missing at the end of a journal: the tenant notes them, and a customer has
/// seen one of them. Either alone may be a damaged row.
fn cut_off(
    conn: &Connection,
    tenant: TenantId,
    end: Seq,
    noted: Seq,
) -> Result<Option<String>, Trouble> {
    if noted <= end {
        return Ok(None);
    }
    let (first, last) = key_range(tenant);
    let read = |row: &Row<'_>| Ok((codec::number_of(row.get(0)?), row.get::<_, i64>(1)?));
    let found = rows::first(conn, AHEAD, (first, last, end.0, noted.0), read)?;
    Ok(found.map(|(customer, head)| {
        format!("the journal ends with entry {end}, and customer {customer} has seen entry {head}")
    }))
}
