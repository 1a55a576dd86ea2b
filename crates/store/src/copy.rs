//! Moving house: everything that one store holds is carried into another one, whatever the engines.
//!
//! Rows are carried as they are, a table after the other, in parts, each written in one transaction
//! and in the order of keys. So whoever is interrupted goes on behind the largest key that arrived.
//! The source is read as of one moment and never written to. The target is marked until everything
//! was read back from it and found equal; nobody can open it before.

use crate::report::{Copied, CopiedTable, Progress};
use crate::tables::copy::{Resumed, Row, Size, State, Summing, TABLES, Table, Value};
use crate::{Checksum, OpenError, postgres, sqlite};
use async_trait::async_trait;
use kehub_core::Micros;
use std::path::Path;

/// Where a store is.
#[derive(Clone, Copy)]
pub enum Place<'p> {
    /// In this file.
    Sqlite(&'p Path),
    /// In the database of this address, which may hold a password.
    Postgres(&'p str),
}

/// How a store is copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyOptions {
    /// When the copy begins.
    pub at: Micros,
    /// Spread the tables of the target over the Citus cluster that it is the coordinator of. Default
    /// false.
    pub distributed: bool,
    /// Rows that are written in one transaction at most. Default 10,000.
    pub part_rows: usize,
}

impl CopyOptions {
    /// The defaults, for a copy that begins now.
    pub fn at(at: Micros) -> CopyOptions {
        CopyOptions { at, distributed: false, part_rows: 10_000 }
    }
}

/// One end of a copy, to be read.
#[async_trait]
pub(crate) trait End: Send {
    /// What tells its state.
    async fn state(&mut self) -> Result<State, OpenError>;

    /// The rows of a table behind a key, in order, a part of them; none if there are no more.
    async fn part(
        &mut self,
        table: &'static Table,
        behind: Vec<Value>,
        size: Size,
    ) -> Result<Vec<Row>, OpenError>;
}

/// The end that is copied: what is read of it is of one moment, until that is let go.
#[async_trait]
pub(crate) trait Source: End {
    /// Lets the moment go: what is read from now on is what is there now.
    async fn let_go(&mut self) -> Result<(), OpenError>;
}

/// The end that is copied to, which nobody else may use.
#[async_trait]
pub(crate) trait Target: End {
    /// Marks it as the unfinished copy of a state, with the key of tokens of that, if it is empty. Of a
    /// copy that was begun from the same state, it keeps what stays and forgets what is carried anew.
    async fn begin(&mut self, state: &State, at: Micros) -> Result<(), OpenError>;

    /// The largest key that a table has.
    async fn last_key(&mut self, table: &'static Table) -> Result<Option<Vec<Value>>, OpenError>;

    /// Writes rows that follow on each other in one transaction, with what is derived from them. The
    /// first `known` are there already, and only looked at.
    async fn write(
        &mut self,
        table: &'static Table,
        rows: Vec<Row>,
        known: usize,
    ) -> Result<(), OpenError>;

    /// What is wrong with what was derived.
    async fn problems(&mut self) -> Result<Vec<String>, OpenError>;

    /// Takes the mark away: from now on it is a store as any other.
    async fn finish(&mut self) -> Result<(), OpenError>;
}

/// Copies a store, as of one moment and beside whoever uses it, into an empty one, which is made if
/// there is none; or goes on with a copy that was begun from the same state of the same store. On a
/// Citus cluster, who wants to write to the source waits until everything was read.
///
/// Unless what it gives is verified, the target stays marked as unfinished, and cannot be opened.
pub async fn copy(
    from: Place<'_>,
    to: Place<'_>,
    options: CopyOptions,
    progress: &dyn Progress,
) -> Result<Copied, OpenError> {
    if let (Place::Sqlite(from), Place::Sqlite(to)) = (from, to) {
        sqlite::refuse_same(from, to)?;
    }
    let size = Size { rows: options.part_rows.max(1) };
    let mut source: Box<dyn Source> = match from {
        Place::Sqlite(path) => Box::new(sqlite::CopySource::open(path)?),
        Place::Postgres(url) => Box::new(postgres::CopySource::open(url).await?),
    };
    let state = source.state().await?;
    let mut target: Box<dyn Target> = match to {
        Place::Sqlite(path) => Box::new(sqlite::CopyTarget::open(path)?),
        Place::Postgres(url) => {
            Box::new(postgres::CopyTarget::open(url, options.distributed).await?)
        }
    };
    target.begin(&state, options.at).await?;

    let mut done = Done { rows: 0, total: state.rows(), progress };
    let (mut read, mut resumed) = (Vec::new(), 0);
    for table in TABLES {
        let (sum, known) = carry(&mut *source, &mut *target, table, size, &mut done).await?;
        read.push(sum);
        resumed += known;
    }
    source.let_go().await?;

    let mut done = Done { rows: 0, total: read.iter().map(|sum| sum.rows).sum(), progress };
    let mut tables = Vec::new();
    for (table, source) in TABLES.iter().zip(read) {
        let target = found(&mut *target, table, size, &mut done).await?;
        tables.push(CopiedTable { name: table.name, source, target });
    }
    let mut problems = target.problems().await?;
    if target.state().await? != state {
        problems.push("the key of tokens and the counters are not those of the source".to_owned());
    }
    let mut copied = Copied { tables, resumed, problems, since: None };
    if copied.is_verified() {
        target.finish().await?;
    }
    // That the source is away by now takes nothing from the copy.
    let now = source.state().await.ok();
    copied.since = now.map(|now| now.entries().saturating_sub(state.entries()));
    Ok(copied)
}

/// How many rows are done.
struct Done<'p> {
    rows: u64,
    total: u64,
    progress: &'p dyn Progress,
}

impl Done<'_> {
    fn add(&mut self, step: &str, rows: usize) {
        self.rows += u64::try_from(rows).unwrap_or_default();
        self.progress.at(step, self.rows, self.total.max(self.rows));
    }
}

/// Carries a table: what was read of it, and how many of the rows were there already.
async fn carry(
    source: &mut dyn Source,
    target: &mut dyn Target,
    table: &'static Table,
    size: Size,
    done: &mut Done<'_>,
) -> Result<(Checksum, u64), OpenError> {
    let step = format!("copying {}", table.name);
    let last = match table.resumed {
        Resumed::Kept => target.last_key(table).await?,
        Resumed::Anew => None,
    };
    let is_there = |row: &Row| last.as_deref().is_some_and(|last| table.key_of(row) <= last);
    let (mut sum, mut resumed) = (Summing::default(), 0);
    let mut part = source.part(table, table.below(), size).await?;
    while let Some(newest) = part.last() {
        let behind = table.key_of(newest).to_vec();
        for row in &part {
            sum.add(row);
        }
        let (count, known) = (part.len(), part.partition_point(is_there));
        // While one part is written, the next one is read.
        let (next, written) =
            tokio::join!(source.part(table, behind, size), target.write(table, part, known));
        written?;
        part = next?;
        resumed += u64::try_from(known).unwrap_or_default();
        done.add(&step, count);
    }
    Ok((sum.end(), resumed))
}

/// What a table of the target holds.
async fn found(
    target: &mut dyn Target,
    table: &'static Table,
    size: Size,
    done: &mut Done<'_>,
) -> Result<Checksum, OpenError> {
    let step = format!("verifying {}", table.name);
    let mut sum = Summing::default();
    let mut part = target.part(table, table.below(), size).await?;
    while let Some(newest) = part.last() {
        let behind = table.key_of(newest).to_vec();
        for row in &part {
            sum.add(row);
        }
        done.add(&step, part.len());
        part = target.part(table, behind, size).await?;
    }
    Ok(sum.end())
}
