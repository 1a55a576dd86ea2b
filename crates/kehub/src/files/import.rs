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
use super::turns::{Others, Turns};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesOrdered, StreamExt as _};
use kehub_core::command::{Command, IdentitySent, Matching, Upsert};
use kehub_core::outcome::{Outcome, ResultKind, Warning};
use kehub_core::policy::OnConflict;
use kehub_store::{Batch, OpenError, StoreError};
use std::io;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

/// Rows that are applied in one go: few enough that single requests do not wait for long.
const BATCH_ROWS: usize = 250;
/// How many batches are under way at most: while one is written the next one waits for its turn, so that
/// nobody who writes is idle while rows are read, cleaned and counted.
const AT_ONCE: usize = 2;
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

impl Counts {
    /// Counts what came of a row; why it was refused, if it was.
    fn add(&mut self, outcome: &Outcome) -> Result<Option<Ruled>, ImportError> {
        #[expect(clippy::wildcard_enum_match_arm, reason = "no other is one of an upsert")]
        let resolution = match outcome {
            // Compat answers who owns what is quarantined, and leaves it as it is.
            Outcome::Resolved(it) if it.warnings.contains(&Warning::NothingWritten) => {
                self.refused += 1;
                return Ok(Some(Ruled::NothingUsable));
            }
            Outcome::Resolved(resolution) => resolution,
            Outcome::Refused(refusal) => {
                self.refused += 1;
                return Ok(Some(Ruled::from(refusal)));
            }
            _ => return Err(ImportError::Outcome),
        };
        let count = match resolution.result {
            ResultKind::Created => &mut self.created,
            ResultKind::Updated => &mut self.updated,
            ResultKind::Unchanged => &mut self.unchanged,
            ResultKind::Merged => &mut self.merged,
        };
        *count += 1;
        self.conflicts += u64::from(resolution.conflicts.iter().any(|conflict| conflict.new));
        Ok(None)
    }
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
    /// Which turns to take; `others` are known to have written between our batches a moment ago.
    fn turns(&self, others: bool) -> Turns;
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

/// What is known of a row before it is applied.
enum Fate {
    Unreadable(Unreadable),
    Unfit(Row, Vec<CellProblem>),
    /// Its upsert is among those that are sent.
    Sent(Row),
}

/// Rows of a file that are applied together, in their order.
struct Rowset {
    fates: Vec<Fate>,
    /// Rows of the file that were read up to its end.
    read: u64,
    skipped: u64,
    /// Identities to be sent behind upserts, by the places of those.
    apart: Vec<(usize, Option<OnConflict>, Vec<IdentitySent>)>,
}

impl Rowset {
    /// Where the rows begin that are sent.
    fn lines(&self) -> Vec<u64> {
        let line = |fate: &Fate| match fate {
            Fate::Sent(row) => Some(row.line),
            Fate::Unreadable(_) | Fate::Unfit(..) => None,
        };
        self.fates.iter().filter_map(line).collect()
    }
}

/// What came of rows.
struct Answered {
    rows: Rowset,
    /// To be sent again if it has to be; `None` if nothing was sent.
    batch: Option<Batch>,
    answer: Result<Vec<Outcome>, StoreError>,
}

/// Rows on their way.
#[derive(Default)]
struct Sending<'a> {
    /// Rows of the file that were read so far.
    read: u64,
    /// Batches that are being applied, in the order of the file: a store takes those of one tenant in the
    /// order in which they come.
    under_way: FuturesOrdered<BoxFuture<'a, Answered>>,
    others: Others,
}

impl<'a> Import<'a> {
    /// Applies the rows that were read, and all that follow, until somebody says that it is over:
    /// then `false`. What becomes of it is written down.
    pub(crate) async fn run(
        &mut self,
        first: Chunk,
        rows: &mut Rows,
        watch: &dyn Watch,
    ) -> Result<bool, ImportError> {
        let mut sending = Sending::default();
        let mut result = self.chunks(first, rows, &mut sending, watch).await;
        if matches!(result, Ok(_) | Err(ImportError::File(_))) {
            // However it ends, what was sent counts.
            result = self.settle_all_but(0, &mut sending, watch).await.and(result);
        }
        let flushed = self.report.as_mut().map_or(Ok(()), Report::flush);
        let result = result.and_then(|ended| flushed.map(|()| ended).map_err(ImportError::Report));
        self.conclude(result).await
    }

    async fn chunks(
        &mut self,
        first: Chunk,
        rows: &mut Rows,
        sending: &mut Sending<'a>,
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
                let turns = watch.turns(sending.others.are_there());
                let size = turns.rows(self.job.as_ref().map_or(BATCH_ROWS, |job| job.batch_rows));
                self.batch(rest.by_ref().take(size), turns, sending, watch).await?;
            }
            let chunk = match self.next(rows, sending, watch).await? {
                ControlFlow::Continue(chunk) => chunk,
                ControlFlow::Break(is_end) => return Ok(is_end),
            };
            self.mapping.extend(&chunk.columns);
            items = chunk.items;
        }
    }

    /// The rows that come next, or whether there are no more; otherwise it is over.
    async fn next(
        &mut self,
        rows: &mut Rows,
        sending: &mut Sending<'a>,
        watch: &dyn Watch,
    ) -> Result<ControlFlow<bool, Chunk>, ImportError> {
        loop {
            // Who types rows may take long, and want to see what became of them, or to end meanwhile.
            let answered = tokio::select! {
                biased;
                next = rows.next() => {
                    return Ok(next?.map_or(ControlFlow::Break(true), ControlFlow::Continue));
                }
                Some(answered) = sending.under_way.next() => Some(answered),
                () = tokio::time::sleep(LOOK_PERIOD) => None,
            };
            match answered {
                Some(answered) => self.settle(answered, sending, watch).await?,
                None if watch.is_over() || self.is_unwanted() => {
                    return Ok(ControlFlow::Break(false));
                }
                None => self.note_if_due().await?,
            }
        }
    }

    /// Sends rows behind those that are under way, of which it waits for as many as are too many.
    async fn batch(
        &mut self,
        items: impl Iterator<Item = Item>,
        turns: Turns,
        sending: &mut Sending<'a>,
        watch: &dyn Watch,
    ) -> Result<(), ImportError> {
        let begun = Instant::now();
        let (rows, upserts) = self.cleaned(items, &mut sending.read);
        let is_shared = turns != Turns::Every && !upserts.is_empty();
        // What is sent behind its upserts comes before the next rows.
        let left = if is_shared || !rows.apart.is_empty() { 0 } else { AT_ONCE - 1 };
        let sent = self.send(rows, upserts).await?;
        sending.under_way.push_back(sent);
        self.settle_all_but(left, sending, watch).await?;
        if is_shared {
            tokio::time::sleep(turns.pause(begun.elapsed())).await;
        }
        Ok(())
    }

    /// What rows say. `read` counts those of the file.
    fn cleaned(&self, items: impl Iterator<Item = Item>, read: &mut u64) -> (Rowset, Vec<Upsert>) {
        let done = self.job.as_ref().map_or(0, |job| job.done);
        let (mut fates, mut upserts, mut apart) = (Vec::new(), Vec::new(), Vec::new());
        let mut skipped = 0;
        for item in items {
            *read += 1;
            if *read <= done {
                // Counted already.
                continue;
            }
            if *read <= self.skip {
                skipped += 1;
                continue;
            }
            let row = match item {
                Item::Unreadable(line) => {
                    fates.push(Fate::Unreadable(line));
                    continue;
                }
                Item::Row(row) => row,
            };
            match self.cleaner.upsert(&self.mapping, &row) {
                Ok(mut upsert) => {
                    let identities = set_apart(&mut upsert.identities, self.cleaner.policy());
                    if !identities.is_empty() {
                        apart.push((upserts.len(), upsert.on_conflict, identities));
                    }
                    upserts.push(upsert);
                    fates.push(Fate::Sent(row));
                }
                Err(problems) => fates.push(Fate::Unfit(row, problems)),
            }
        }
        (Rowset { fates, read: (*read).max(done), skipped, apart }, upserts)
    }

    /// Rows on their way, once it is polled.
    async fn send(
        &mut self,
        rows: Rowset,
        upserts: Vec<Upsert>,
    ) -> Result<BoxFuture<'a, Answered>, ImportError> {
        if upserts.is_empty() || self.dry_run.is_some() {
            let answer = Ok(self.outcomes(&rows.lines(), upserts).await?);
            return Ok(std::future::ready(Answered { rows, batch: None, answer }).boxed());
        }
        self.make_row_type_known(&upserts).await?;
        let destination = self.destination.clone().ok_or(ImportError::Outcome)?;
        let batch = destination.batch(upserts.into_iter().map(Command::Upsert).collect())?;
        let sent = async move {
            let answer = destination.store.apply(batch.clone()).await;
            Answered { rows, batch: Some(batch), answer }
        };
        Ok(sent.boxed())
    }

    /// Takes note of what came of rows until so many batches are left under way, and of those of which
    /// that is known already.
    async fn settle_all_but(
        &mut self,
        left: usize,
        sending: &mut Sending<'a>,
        watch: &dyn Watch,
    ) -> Result<(), ImportError> {
        loop {
            // What was not under way yet is from here on.
            let mut answered = sending.under_way.next().now_or_never();
            if answered.is_none() && sending.under_way.len() > left {
                answered = Some(sending.under_way.next().await);
            }
            let Some(answered) = answered.flatten() else { return Ok(()) };
            self.settle(answered, sending, watch).await?;
        }
    }

    /// Takes note of what came of rows.
    async fn settle(
        &mut self,
        answered: Answered,
        sending: &mut Sending<'a>,
        watch: &dyn Watch,
    ) -> Result<(), ImportError> {
        let Answered { rows, batch, answer } = answered;
        match (answer, batch) {
            (Ok(outcomes), _) => {
                sending.others.look(&outcomes);
                self.count(rows, outcomes, watch).await
            }
            (Err(error @ StoreError::Corrupt(_)), _) | (Err(error), None) => Err(error.into()),
            (Err(_), Some(batch)) => self.send_again((rows, batch), sending, watch).await,
        }
    }

    /// Sends rows that were not applied, or perhaps were; and those that were under way behind them, so
    /// that the later one of two rows about a customer has the last word.
    async fn send_again(
        &mut self,
        first: (Rowset, Batch),
        sending: &mut Sending<'a>,
        watch: &dyn Watch,
    ) -> Result<(), ImportError> {
        sending.others.look_away();
        let mut again = vec![(first.0, Some(first.1))];
        while let Some(Answered { rows, batch, .. }) = sending.under_way.next().await {
            again.push((rows, batch));
        }
        for (rows, batch) in again {
            let outcomes = match (batch, &self.destination) {
                (Some(batch), Some(destination)) => destination.applied(&batch).await?,
                // There was nothing to send.
                (None, _) | (_, None) => Vec::new(),
            };
            self.count(rows, outcomes, watch).await?;
        }
        Ok(())
    }

    /// Counts rows, and reports those that were refused. What is counted is done: a batch that fails may be
    /// begun again where the counts are.
    async fn count(
        &mut self,
        rows: Rowset,
        mut outcomes: Vec<Outcome>,
        watch: &dyn Watch,
    ) -> Result<(), ImportError> {
        let Rowset { fates, read, skipped, apart } = rows;
        self.add(&mut outcomes, apart).await?;
        let mut counts = self.counts;
        counts.skipped += skipped;
        let mut outcomes = outcomes.iter();
        for fate in fates {
            match fate {
                Fate::Unreadable(line) => {
                    counts.refused += 1;
                    self.refuse_line(&line)?;
                }
                Fate::Unfit(row, problems) => {
                    counts.refused += 1;
                    self.refuse(&row, &problems)?;
                }
                Fate::Sent(row) => {
                    counts.fit += 1;
                    let outcome = outcomes.next().ok_or(ImportError::Outcome)?;
                    if let Some(ruled) = counts.add(outcome)? {
                        self.refuse_by_rules(&row, ruled)?;
                    }
                }
            }
        }
        counts.rows = read;
        self.counts = counts;
        self.measure_report()?;
        self.note_if_due().await?;
        watch.at(&self.counts);
        Ok(())
    }

    /// What comes of upserts, which are those of rows that begin in these lines if there are any.
    async fn outcomes(
        &mut self,
        lines: &[u64],
        upserts: Vec<Upsert>,
    ) -> Result<Vec<Outcome>, ImportError> {
        if upserts.is_empty() {
            return Ok(Vec::new());
        }
        if let Some(dry_run) = &mut self.dry_run {
            return dry_run.outcomes(lines, upserts).await;
        }
        let destination = self.destination.as_ref().ok_or(ImportError::Outcome)?;
        destination.apply(upserts.into_iter().map(Command::Upsert).collect()).await
    }

    async fn make_row_type_known(&mut self, upserts: &[Upsert]) -> Result<(), ImportError> {
        if self.knows_row_type || !are_made(upserts) {
            return Ok(());
        }
        let destination = self.destination.as_ref().ok_or(ImportError::Outcome)?;
        destination.name_row_type().await?;
        self.knows_row_type = true;
        Ok(())
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
