//! `kehub import --dry-run`.

use super::begin::{REMEMBERED_MAX, look};
use super::{
    NotBegun, Opened, Options, Shown, Told, Waiting, listen, show_later, show_refused, source_of,
};
use crate::cli::care::give_way;
use crate::cli::store::COMMAND_LINE;
use crate::cli::{DEFAULT_TENANT, say};
use crate::clock::{Clock as _, SystemClock};
use crate::config::StoreLocation;
use crate::files::clean::Cleaner;
use crate::files::dry_run::{DryRun, Kind, Sample};
use crate::files::import::{Counts, Import};
use crate::files::job::{Settings, Wishes};
use crate::files::mapping::Choices;
use crate::files::names::{LOOKED_AT, Names};
use crate::files::refused::{Place, Report};
use anyhow::{Context as _, Result, bail, ensure};
use kehub_core::command::{IdentitySent, Upsert};
use kehub_core::conflict::ConflictKind;
use kehub_core::directory::NewTenant;
use kehub_core::import::{self, Hold, Plan, Progress, State};
use kehub_core::outcome::{ConflictView, IdentityVerdict, Resolution};
use kehub_core::policy::Preset;
use kehub_core::{CustomerId, ImportId};
use kehub_store::Trial;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// Tells what would come of files, one after the other, as if each were applied before the next one.
pub(super) async fn run(
    location: &StoreLocation,
    options: &Options,
    choices: &Choices,
    over: &Arc<AtomicBool>,
) -> Result<()> {
    give_way();
    let mut trial = begin(location, &options.tenant).await.context(NotBegun)?;
    let mut before = trial.imports(REMEMBERED_MAX).await.context(NotBegun)?;
    let newest = trial.newest(LOOKED_AT).await.context(NotBegun)?;
    let mut dry_run = DryRun::new(trial, COMMAND_LINE, &SystemClock);
    for file in &options.files {
        let known = (&*before, Names::new(dry_run.policy().clone(), &newest));
        let (opened, wishes) = look(options, choices, file, known).await.context(NotBegun)?;
        // What is said about the columns of one file holds for the next one.
        before.insert(0, told_as_done(&before, options, file, &wishes, &opened)?);
        dry_run = look_at(dry_run, options, file, (opened, wishes), over).await?;
    }
    Ok(())
}

/// A trial of the store, or of what an import would make if there is none.
async fn begin(location: &StoreLocation, tenant: &str) -> Result<Trial> {
    let place = match location {
        StoreLocation::Sqlite(path) => kehub_store::Place::Sqlite(path),
        StoreLocation::Postgres(url) => kehub_store::Place::Postgres(url),
    };
    if let Some(trial) = Trial::begin(place, tenant).await? {
        return Ok(trial);
    }
    if tenant != DEFAULT_TENANT {
        bail!("there is no tenant `{tenant}`");
    }
    let new = NewTenant { name: DEFAULT_TENANT.into(), preset: Preset::Compat };
    Ok(Trial::of_new(new).await?)
}

/// The import that a file would be.
fn told_as_done(
    before: &[import::Import],
    options: &Options,
    path: &Path,
    wishes: &Wishes,
    opened: &Opened,
) -> Result<import::Import> {
    let settings = Settings::of(wishes, &opened.mapping).text()?;
    let source = source_of(options, path).into();
    let now = SystemClock.now();
    Ok(import::Import {
        id: ImportId(before.iter().map(|it| it.id.0).max().unwrap_or_default() + 1),
        app: COMMAND_LINE,
        began_at: now,
        changed_at: now,
        plan: Plan { source, content: None, settings, spool: None },
        state: State::Done,
        is_unwanted: false,
        hold: Hold::default(),
        progress: Progress::default(),
        error: None,
    })
}

/// Shows what would come of the rows of a file.
async fn look_at<'a>(
    dry_run: DryRun<'a>,
    options: &Options,
    path: &Path,
    (opened, wishes): (Opened, Wishes),
    over: &Arc<AtomicBool>,
) -> Result<DryRun<'a>> {
    let begun = Instant::now();
    let clean = wishes.clean(source_of(options, path), opened.form);
    let cleaner = Cleaner::new(clean, dry_run.policy().clone());
    let place = options.refused.clone().map(Place::Named);
    let mut import = Import {
        destination: None,
        dry_run: Some(dry_run),
        cleaner,
        mapping: opened.mapping,
        report: place.map(|place| Report::new(place, opened.form)),
        skip: options.skip_rows,
        counts: Counts::default(),
        refused: Vec::new(),
        knows_row_type: false,
        job: None,
    };
    let watch = Waiting::new(path, opened.extent, over, None);
    let mut rows = opened.rows;
    let known = import.mapping.columns.len();
    listen(over);
    let ended = import.run(opened.first, &mut rows, &watch).await;
    watch.terminal.clear();
    show_later(&import.mapping, known)?;
    let has_ended = ended.with_context(|| path.display().to_string())?;
    let mut dry_run = import.dry_run.take().context("the dry run is gone")?;
    let samples = dry_run.take_samples();
    for kind in Kind::ALL {
        show(&samples, kind, dry_run.trial())?;
    }
    show_refused(&import)?;
    say!("this would come of it: {}", Told(&import.counts))?;
    let megabytes = dry_run.trial().bytes().await?.div_ceil(1 << 20);
    let seconds = begun.elapsed().as_secs_f64();
    say!("nothing was applied; it took {seconds:.1} s, and {megabytes} MiB of temporary space")?;
    ensure!(has_ended, "{}: interrupted", path.display());
    Ok(dry_run)
}

/// Shows the samples of a kind, if there are any.
fn show(samples: &[Sample], kind: Kind, trial: &Trial) -> Result<()> {
    let mut samples = samples.iter().filter(|sample| sample.kind == kind).peekable();
    if samples.peek().is_some() {
        let what = match kind {
            Kind::Created => "created",
            Kind::Updated => "updated",
            Kind::Unchanged => "unchanged",
            Kind::Merged => "merged",
            Kind::InConflict => "in conflict",
        };
        say!("{what}, the first ones:")?;
    }
    for Sample { line, upsert, resolution, .. } in samples {
        match kind {
            Kind::Created => say!("  line {line}: {}", Shown(upsert))?,
            Kind::Updated | Kind::Unchanged => {
                let customer = who(resolution.customer.id, trial);
                say!("  line {line}, {customer}: {}", Shown(upsert))?;
            }
            Kind::Merged => say!("  line {line}: {}", Joined(upsert, resolution, trial))?,
            Kind::InConflict => {
                for view in resolution.conflicts.iter().filter(|view| view.new) {
                    let customer = who(resolution.customer.id, trial);
                    say!("  line {line}, {customer}: {}", Refused(upsert, view, trial))?;
                }
            }
        }
    }
    Ok(())
}

/// A customer, for people.
fn who(customer: CustomerId, trial: &Trial) -> String {
    if trial.is_new(customer) {
        format!("new customer {customer}")
    } else {
        format!("customer {customer}")
    }
}

fn told(identity: &IdentitySent) -> String {
    format!("identity:{} = {}", identity.kind, identity.value)
}

/// Which customers a row would join, and by what.
struct Joined<'a>(&'a Upsert, &'a Resolution, &'a Trial);

impl fmt::Display for Joined<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Joined(upsert, resolution, trial) = self;
        let merged = resolution.merged.iter().map(|id| who(*id, trial));
        let merged = merged.collect::<Vec<_>>().join(", ");
        let bridges = upsert.identities.iter().zip(&resolution.identities);
        let bridges = bridges.filter(|(_, outcome)| {
            matches!(outcome.verdict, IdentityVerdict::Matched | IdentityVerdict::Moved)
        });
        let bridges: Vec<String> = bridges.map(|(identity, _)| told(identity)).collect();
        let survivor = who(resolution.customer.id, trial);
        write!(f, "{survivor} with {merged}: the row brings {}", bridges.join(" and "))
    }
}

/// What would be kept apart, or joined with a doubt, and by which rule.
struct Refused<'a>(&'a Upsert, &'a ConflictView, &'a Trial);

impl fmt::Display for Refused<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Refused(upsert, view, trial) = self;
        let about = upsert.identities.get(view.identity).map(told).unwrap_or_default();
        let other = view.with.map(|other| who(other, trial));
        match (view.kind, other) {
            (ConflictKind::Refused, Some(other)) => {
                write!(f, "kept apart from {other}, which has {about}")?;
            }
            (ConflictKind::Refused, None) => write!(f, "does not get {about}")?,
            (ConflictKind::Review, _) => write!(f, "to be reviewed because of {about}")?,
        }
        write!(f, " (rule {})", view.rule.name())
    }
}
