//! Rows that are only tried: what would come of each, if it were applied after all those before it.

use super::clean::ROW_TYPE;
use super::destination::{are_made, moments, row_type};
use super::import::{ImportError, SAMPLES_MAX};
use crate::clock::Clock;
use kehub_core::AppNumber;
use kehub_core::command::{Origin, Upsert};
use kehub_core::outcome::{Outcome, Resolution, ResultKind, Warning};
use kehub_core::policy::Policy;
use kehub_store::Trial;

/// What became of a row, as samples are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Created,
    Updated,
    Unchanged,
    Merged,
    /// It would open a conflict or review entry; it is among the others, too.
    InConflict,
}

impl Kind {
    /// Every kind, in the order in which they are shown.
    pub(crate) const ALL: [Kind; 5] =
        [Kind::Created, Kind::Updated, Kind::Unchanged, Kind::Merged, Kind::InConflict];

    fn of(result: ResultKind) -> Kind {
        match result {
            ResultKind::Created => Kind::Created,
            ResultKind::Updated => Kind::Updated,
            ResultKind::Unchanged => Kind::Unchanged,
            ResultKind::Merged => Kind::Merged,
        }
    }
}

/// A row, to be shown.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    pub(crate) kind: Kind,
    pub(crate) line: u64,
    /// What it says.
    pub(crate) upsert: Upsert,
    /// What would come of it.
    pub(crate) resolution: Resolution,
}

/// A trial that rows of files are applied to.
pub(crate) struct DryRun<'a> {
    trial: Trial,
    app: AppNumber,
    clock: &'a dyn Clock,
    knows_row_type: bool,
    /// The first rows of each kind.
    samples: Vec<Sample>,
}

impl<'a> DryRun<'a> {
    /// In the name of an app, which decides nothing but what it has told before.
    pub(crate) fn new(trial: Trial, app: AppNumber, clock: &'a dyn Clock) -> DryRun<'a> {
        let knows_row_type = trial.policy().type_named(ROW_TYPE).is_some();
        DryRun { trial, app, clock, knows_row_type, samples: Vec::new() }
    }

    /// The rules that rows are read by.
    pub(crate) fn policy(&self) -> &Policy {
        self.trial.policy()
    }

    /// The trial itself.
    pub(crate) fn trial(&mut self) -> &mut Trial {
        &mut self.trial
    }

    /// The samples since the last call, by kind and line.
    pub(crate) fn take_samples(&mut self) -> Vec<Sample> {
        let mut samples = std::mem::take(&mut self.samples);
        samples.sort_by_key(|sample| (sample.kind, sample.line));
        samples
    }

    /// What would come of further rows, in order, which begin in these lines.
    pub(super) async fn outcomes(
        &mut self,
        lines: &[u64],
        upserts: Vec<Upsert>,
    ) -> Result<Vec<Outcome>, ImportError> {
        let (app, mut moment) = (self.app, moments(self.clock));
        let mut origin = || {
            let at = moment();
            Origin { app, actor: None, request: "dry run".into(), at }
        };
        if !self.knows_row_type && are_made(&upserts) {
            let Outcome::Policy(_) = self.trial.set_policy(origin(), row_type()).await? else {
                return Err(ImportError::Outcome);
            };
            self.knows_row_type = true;
        }
        let arriving = upserts.iter().map(|upsert| (origin(), upsert.clone())).collect();
        let outcomes = self.trial.upserts(arriving).await?;
        for ((line, upsert), outcome) in lines.iter().zip(upserts).zip(&outcomes) {
            if let Outcome::Resolved(resolution) = outcome
                && !resolution.warnings.contains(&Warning::NothingWritten)
            {
                self.see(*line, &upsert, resolution);
            }
        }
        Ok(outcomes)
    }

    fn see(&mut self, line: u64, upsert: &Upsert, resolution: &Resolution) {
        let opens = resolution.conflicts.iter().any(|conflict| conflict.new);
        for kind in [Some(Kind::of(resolution.result)), opens.then_some(Kind::InConflict)] {
            let Some(kind) = kind else { continue };
            let known = self.samples.iter().filter(|sample| sample.kind == kind).count();
            if known < SAMPLES_MAX {
                let (upsert, resolution) = (upsert.clone(), resolution.clone());
                self.samples.push(Sample { kind, line, upsert, resolution });
            }
        }
    }
}
