//! The journal of a tenant told anew, part by part, and what it makes of it.
//!
//! The journal is read once to see who belongs together, and for each part from the first to the last
//! entry that concerns it. What one part makes is
//! held in memory, without the entries themselves.

use super::check::Steps;
use super::connection::Connection;
use super::trouble::Trouble;
use super::{load, query, ranges, rows};
use crate::report::Progress;
use crate::tables::codec::{self, key_range, keys_of};
use crate::tables::compare::{journal_step, same_value};
use kehub_core::facts::{Foresight, Part, Retelling, Retold, TenantFacts};
use kehub_core::identity::Identity;
use kehub_core::policy::Policy;
use kehub_core::{IdentityNumber, Seq, TenantId, TypeNumber};
use tokio_postgres::Row;

/// How many problems of one kind are asked for.
const ROWS_MAX: i64 = 100;
/// How often progress is told while the journal is read, in entries.
const TOLD_EVERY: i64 = 10_000;

const JOURNAL: &str = "SELECT key, entry, at FROM journal WHERE key BETWEEN $1 AND $2 ORDER BY key";
const IDENTITIES: &str = query::ALL_IDENTITIES;
const KINDS: &str = "SELECT key, type FROM identity WHERE key BETWEEN $1 AND $2";
const SAME_VALUE: &str = "
    SELECT min(key) FROM identity WHERE type BETWEEN $1 AND $2
    GROUP BY type, value HAVING count(*) > 1 LIMIT $3";
const AHEAD: &str = "
    SELECT key, head FROM customer
    WHERE key BETWEEN $1 AND $2 AND head > $3 AND head <= $4 ORDER BY key LIMIT 1";

/// The statements of this file, for tests that look at all of them.
#[cfg(any(test, feature = "testing"))]
pub(super) const STATEMENTS: &[(&str, &str)] = &[
    ("whole journal", JOURNAL),
    ("whole identities", IDENTITIES),
    ("types of identities", KINDS),
    ("values that stand twice", SAME_VALUE),
    ("customers ahead of the journal", AHEAD),
];

/// A journal being told.
pub(super) struct Telling<'a> {
    conn: &'a Connection,
    tenant: TenantId,
    progress: &'a dyn Progress,
    retelling: Retelling,
    steps: Steps,
    /// The last entry that the tenant notes.
    noted: Seq,
}

impl<'a> Telling<'a> {
    /// Before the first entry, in parts of about so many customers.
    pub(super) async fn new(
        conn: &'a Connection,
        tenant: TenantId,
        policy: &Policy,
        at_once: u32,
        progress: &'a dyn Progress,
    ) -> Result<Telling<'a>, Trouble> {
        let foresight = foresight(conn, tenant, progress).await?;
        let retelling = Retelling::new(tenant, policy, foresight, at_once);
        let noted = load::noted(conn, tenant).await?.seq;
        Ok(Telling { conn, tenant, progress, retelling, steps: Steps::default(), noted })
    }

    /// What the journal makes of the next part; `None` after the last one.
    pub(super) async fn next_part(&mut self) -> Result<Option<(TenantFacts, Part)>, Trouble> {
        let Some(part) = self.retelling.part() else { return Ok(None) };
        let identities = self.identities(&part).await?;
        self.retelling.begin(identities);
        let step = journal_step(&part);
        let total = u64::try_from(self.noted.0).unwrap_or_default();
        let keys = keys_of(self.tenant, &self.retelling.due_between());
        ranges::each(self.conn, ranges::ENTRIES, JOURNAL, keys, |row| {
            let number = codec::number_of(rows::key(row)?);
            if number % TOLD_EVERY == 0 {
                self.progress.at(&step, u64::try_from(number).unwrap_or_default(), total);
            }
            if self.retelling.is_due(Seq(number)) {
                self.tell(number, row, &part)?;
            }
            Ok(())
        })
        .await?;
        Ok(Some((self.retelling.told(), part)))
    }

    /// After the last part; also which customers the entries touched.
    pub(super) async fn end(self) -> Result<(Retold, Steps), Trouble> {
        let Telling { conn, tenant, retelling, steps, noted, .. } = self;
        let mut retold = retelling.end();
        let [first, last] = [0, u16::MAX].map(|it| codec::type_key(tenant, TypeNumber(it)));
        let twice = conn.all(SAME_VALUE, &[&first, &last, &ROWS_MAX]).await?;
        retold.problems.extend(rows::read(&twice, rows::key)?.into_iter().map(same_value));
        retold.problems.extend(cut_off(conn, tenant, retold.counters.seq, noted).await?);
        Ok((retold, steps))
    }

    /// The identities of a part that can be read.
    async fn identities(&self, part: &Part) -> Result<Vec<Identity>, Trouble> {
        let keys = keys_of(self.tenant, &part.identities());
        let mut identities = Vec::new();
        ranges::each(self.conn, ranges::IDENTITIES, IDENTITIES, keys, |row| {
            identities.extend(rows::identity(row).ok());
            Ok(())
        })
        .await?;
        Ok(identities)
    }

    fn tell(&mut self, number: i64, row: &Row, part: &Part) -> Result<(), Trouble> {
        let Ok(entry) = rows::entry(row) else {
            let text = format!("journal entry {number} cannot be read");
            self.retelling.wrong(Seq(number), text);
            return Ok(());
        };
        if part.is_first() {
            if (entry.seq.0, entry.at) != (number, row.try_get(2)?) {
                let text = format!("journal entry {number} stands in the place of another one");
                self.retelling.wrong(Seq(number), text);
            }
            self.steps.add(&entry);
        }
        self.retelling.tell(Seq(number), entry);
        Ok(())
    }
}

/// What has to be known before the first entry is told.
async fn foresight(
    conn: &Connection,
    tenant: TenantId,
    progress: &dyn Progress,
) -> Result<Foresight, Trouble> {
    let mut foresight = Foresight::default();
    progress.at("the journal", 0, 0);
    ranges::each(conn, ranges::IDENTITIES, KINDS, key_range(tenant), |row| {
        let number = IdentityNumber(codec::number_of(rows::key(row)?));
        foresight.know(number, codec::type_of(row.try_get(1)?));
        Ok(())
    })
    .await?;
    ranges::each(conn, ranges::ENTRIES, JOURNAL, key_range(tenant), |row| {
        // What cannot be read is told with the first part.
        if let Ok(entry) = rows::entry(row) {
            foresight.see(&entry);
        }
        Ok(())
    })
    .await?;
    Ok(foresight)
}

/// Whether entries are missing at the end of a journal: the tenant notes them, and a customer has
/// seen one of them. Either alone may be a damaged row.
async fn cut_off(
    conn: &Connection,
    tenant: TenantId,
    end: Seq,
    noted: Seq,
) -> Result<Option<String>, Trouble> {
    if noted <= end {
        return Ok(None);
    }
    let (first, last) = key_range(tenant);
    let found = conn.first(AHEAD, &[&first, &last, &end.0, &noted.0]).await?;
    let Some(row) = found else { return Ok(None) };
    let (customer, head) = (codec::number_of(rows::key(&row)?), row.try_get::<_, i64>(1)?);
    Ok(Some(format!(
        "the journal ends with entry {end}, and customer {customer} has seen entry {head}"
    )))
}
