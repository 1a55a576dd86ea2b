//! Rows applied to a store, in batches, and what came of them.

use super::apart::set_apart;
use super::clean::{CellProblem, Cleaner, Misfit};
use super::destination::{Destination, are_made};
use super::dry_run::DryRun;
use super::error::{FileError, Halt};
use super::job::Job;
use super::mapping::Mapping;
use super::refused::{Report, reason};
use super::rows::{Chunk, Item, Row, Rows, Unreadable};
use super::ruled::Ruled;
use kehub_core::command::{Command, IdentitySent, Matching, Upsert};
use kehub_core::outcome::{Outcome, ResultKind, Warning};
use kehub_core::policy::OnConflict;
use kehub_store::{OpenError, StoreError};
use std::io;
use std::time::{Duration, Instant};

/// Rows that are applied in one go: few enough that single requests do not wait for long.
const BATCH_ROWS: usize = 250;
/// The shortest time that is left to others between two batches: who waits for a file looks for it
/// every 25 ms or more often.
const OTHERS_TURN: Duration = Duration::from_millis(30);
/// How often it is looked whether it is over while no rows come.
const LOOK_PERIOD: Duration = Duration::from_millis(200);
/// How many rows of a kind are kept to be shown.
pub(super) const SAMPLES_MAX: usize = 5;

/// How many rows came to what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Rows read, all of them.
    pub(crate) rows: u64,
    /// Passed over, as somebody asked.
    pub(crate) skipped: u64,
    /// Fit to be applied.
    pub(crate) fit: u64,
    pub(crate) created: u64,
    pub(crate) updated: u64,
    pub(crate) unchanged: u64,
    pub(crate) merged: u64,
    /// Rows that opened a conflict or review entry; they are among the others, too.
    pub(crate) conflicts: u64,
    /// Not applied: they do not fit, or the rules say no.
    pub(crate) refused: u64,
}

/// A refused row, to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RefusedRow {
    pub(crate) line: u64,
    /// All that is wrong with it, in one sentence.
    pub(crate) reason: String,
    /// The same by columns.
    pub(crate) problems: Vec<CellProblem>,
}

/// Whoever waits for the end.
pub(crate) trait Watch: Sync {
    /// So far it came.
    fn at(&self, counts: &Counts);
    /// Whether no further batch is to begin.
    fn is_over(&self) -> bool;
    /// Whether somebody else writes to the same place and cannot be queued with.
    fn is_shared(&self) -> bool;
}

/// Why an import cannot go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImportError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{}", Halt::report(.0))]
    Report(#[source] io::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Trial(#[from] OpenError),
    #[error("{}", Halt::Outcome)]
    Outcome,
    /// Somebody else goes on with it.
    #[error("another process has taken this import over, or somebody has forgotten it")]
    Lost,
}

/// Rows of one file on their way to customers.
pub(crate) struct Import<'a> {
    /// Where they go; nowhere if they are only tried.
    pub(crate) destination: Option<Destination<'a>>,
    /// What they are tried on instead.
    pub(crate) dry_run: Option<DryRun<'a>>,
    pub(crate) cleaner: Cleaner,
    pub(crate) mapping: Mapping,
    pub(crate) report: Option<Report>,
    /// Rows that are passed over at the beginning.
    pub(crate) skip: u64,
    pub(crate) counts: Counts,
    /// The first refused rows.
    pub(crate) refused: Vec<RefusedRow>,
    /// Whether the tenant knows the type of identities that are made for rows.
    pub(crate) knows_row_type: bool,
    /// What is written down while it goes on, unless they are only tried.
    pub(crate) job: Option<Job>,
}

impl Import<'_> {
    /// Applies the rows that were read, and all that follow, until somebody says that it is over:
    /// then `false`. What becomes of it is written down.
    pub(crate) async fn run(
        &mut self,
        first: Chunk,
        rows: &mut Rows,
        watch: &dyn Watch,
    ) -> Result<bool, ImportError> {
        let result = self.chunks(first, rows, watch).await;
        let flushed = self.report.as_mut().map_or(Ok(()), Report::flush);
        let result = result.and_then(|ended| flushed.map(|()| ended).map_err(ImportError::Report));
        self.conclude(result).await
    }

    async fn chunks(
        &mut self,
        first: Chunk,
        rows: &mut Rows,
        watch: &dyn Watch,
    ) -> Result<bool, ImportError> {
        // Its columns are in the mapping already.
        let mut items = first.items;
        loop {
            let mut rest = items.into_iter().peekable();
            while rest.peek().is_some() {
                if watch.is_over() || self.is_unwanted() {
                    return Ok(false);
                }
                let begun = Instant::now();
                let size = self.job.as_ref().map_or(BATCH_ROWS, |job| job.batch_rows);
                let is_applied = self.batch(rest.by_ref().take(size)).await?;
                self.note_if_due().await?;
                watch.at(&self.counts);
                if is_applied && watch.is_shared() {
                    tokio::time::sleep(begun.elapsed().max(OTHERS_TURN)).await;
                }
            }
            // Who types rows may take long, and want to end meanwhile.
            let next = loop {
                match tokio::time::timeout(LOOK_PERIOD, rows.next()).await {
                    Ok(next) => break next?,
                    Err(_) if watch.is_over() || self.is_unwanted() => return Ok(false),
                    Err(_) => self.note_if_due().await?,
                }
            };
            let Some(chunk) = next else { return Ok(true) };
            self.mapping.extend(&chunk.columns);
            items = chunk.items;
        }
    }

    /// Whether anything was applied.
    async fn batch(&mut self, items: impl Iterator<Item = Item>) -> Result<bool, ImportError> {
        let (mut rows, mut upserts) = (Vec::new(), Vec::new());
        let (mut read, done) =
            self.job.as_ref().map_or((self.counts.rows, 0), |job| (job.read, job.done));
        // What is counted is done: a batch that fails may be begun again where the counts are.
        let mut settled = self.counts;
        for item in items {
            read += 1;
            if read <= done {
                // Counted already.
                continue;
            }
            if read <= self.skip {
                settled.skipped += 1;
                continue;
            }
            match item {
                Item::Unreadable(line) => {
                    settled.refused += 1;
                    self.refuse_line(&line)?;
                }
                Item::Row(row) => match self.cleaner.upsert(&self.mapping, &row) {
                    Ok(upsert) => {
                        settled.fit += 1;
                        rows.push(row);
                        upserts.push(upsert);
                    }
                    Err(problems) => {
                        settled.refused += 1;
                        self.refuse(&row, &problems)?;
                    }
                },
            }
        }
        let is_applied = self.destination.is_some() && !upserts.is_empty();
        if !upserts.is_empty() {
            self.apply(&rows, upserts, &mut settled).await?;
        }
        settled.rows = read.max(done);
        self.counts = settled;
        self.is_read(read)?;
        Ok(is_applied)
    }

    async fn apply(
        &mut self,
        rows: &[Row],
        upserts: Vec<Upsert>,
        counts: &mut Counts,
    ) -> Result<(), ImportError> {
        let policy = self.cleaner.policy();
        let mut upserts = upserts;
        let apart = |(place, upsert): (usize, &mut Upsert)| {
            let identities = set_apart(&mut upsert.identities, policy);
            (place, upsert.on_conflict, identities)
        };
        let apart: Vec<_> = upserts.iter_mut().enumerate().map(apart).collect();
        let mut outcomes = self.outcomes(rows, upserts).await?;
        self.add(&mut outcomes, apart).await?;
        for (row, outcome) in rows.iter().zip(outcomes) {
            #[expect(clippy::wildcard_enum_match_arm, reason = "no other is one of an upsert")]
            match outcome {
                // Compat answers who owns what is quarantined, and leaves it as it is.
                Outcome::Resolved(resolution)
                    if resolution.warnings.contains(&Warning::NothingWritten) =>
                {
                    counts.refused += 1;
                    self.refuse_by_rules(row, Ruled::NothingUsable)?;
                }
                Outcome::Resolved(resolution) => {
                    let count = match resolution.result {
                        ResultKind::Created => &mut counts.created,
                        ResultKind::Updated => &mut counts.updated,
                        ResultKind::Unchanged => &mut counts.unchanged,
                        ResultKind::Merged => &mut counts.merged,
                    };
                    *count += 1;
                    let opened = resolution.conflicts.iter().any(|conflict| conflict.new);
                    counts.conflicts += u64::from(opened);
                }
                Outcome::Refused(refusal) => {
                    counts.refused += 1;
                    self.refuse_by_rules(row, Ruled::from(&refusal))?;
                }
                _ => return Err(ImportError::Outcome),
            }
        }
        Ok(())
    }

    /// What comes of upserts, which are those of these rows if there are any.
    async fn outcomes(
        &mut self,
        rows: &[Row],
        upserts: Vec<Upsert>,
    ) -> Result<Vec<Outcome>, ImportError> {
        if let Some(dry_run) = &mut self.dry_run {
            return dry_run.outcomes(rows, upserts).await;
        }
        let destination = self.destination.as_ref().ok_or(ImportError::Outcome)?;
        if !self.knows_row_type && are_made(&upserts) {
            destination.name_row_type().await?;
            self.knows_row_type = true;
        }
        destination.apply(upserts.into_iter().map(Command::Upsert).collect()).await
    }

    /// Sends the identities behind their upserts, and adds what came of them to the outcomes of those.
    async fn add(
        &mut self,
        outcomes: &mut [Outcome],
        apart: Vec<(usize, Option<OnConflict>, Vec<IdentitySent>)>,
    ) -> Result<(), ImportError> {
        let (mut places, mut upserts) = (Vec::new(), Vec::new());
        for (place, on_conflict, identities) in apart {
            let Some(Outcome::Resolved(resolution)) = outcomes.get(place) else { continue };
            let matching =
                Matching { customer: Some(resolution.customer.id), ..Matching::default() };
            for identity in identities {
                let identities = vec![identity];
                places.push(place);
                upserts.push(Upsert { identities, on_conflict, matching, ..Upsert::default() });
            }
        }
        let mut places = places.into_iter();
        while !upserts.is_empty() {
            let rest = upserts.split_off(upserts.len().min(BATCH_ROWS));
            let applied = self.outcomes(&[], std::mem::replace(&mut upserts, rest)).await?;
            for (place, added) in places.by_ref().zip(applied) {
                let Some(outcome) = outcomes.get_mut(place) else { continue };
                join(outcome, added);
            }
        }
        Ok(())
    }

    fn refuse_by_rules(&mut self, row: &Row, ruled: Ruled) -> Result<(), ImportError> {
        let problem = Misfit::Refused(ruled);
        self.refuse(row, &[CellProblem { column: None, value: String::new(), problem }])
    }

    fn refuse(&mut self, row: &Row, problems: &[CellProblem]) -> Result<(), ImportError> {
        if let Some(report) = &mut self.report {
            report.row(&self.mapping, row, problems).map_err(ImportError::Report)?;
        }
        if self.refused.len() < SAMPLES_MAX {
            let reason = reason(&self.mapping, problems);
            self.refused.push(RefusedRow { line: row.line, reason, problems: problems.to_vec() });
        }
        Ok(())
    }

    fn refuse_line(&mut self, line: &Unreadable) -> Result<(), ImportError> {
        if let Some(report) = &mut self.report {
            report.unreadable(&self.mapping, line).map_err(ImportError::Report)?;
        }
        if self.refused.len() < SAMPLES_MAX {
            let (line, problem) = (line.line, Misfit::NoRow(line.reason.clone()));
            let problems = vec![CellProblem { column: None, value: String::new(), problem }];
            self.refused.push(RefusedRow {
                line,
                reason: reason(&self.mapping, &problems),
                problems,
            });
        }
        Ok(())
    }
}

/// Adds what came of a further identity of a row.
fn join(outcome: &mut Outcome, added: Outcome) {
    match (&mut *outcome, added) {
        (Outcome::Resolved(whole), Outcome::Resolved(added)) => {
            // Whom it joins it joins, whether it was made by the row or changed.
            if whole.result == ResultKind::Unchanged || added.result == ResultKind::Merged {
                whole.result = added.result;
            }
            whole.conflicts.extend(added.conflicts);
        }
        (Outcome::Resolved(_), added) => *outcome = added,
        _ => (),
    }
}

#[cfg(test)]
mod tests;
