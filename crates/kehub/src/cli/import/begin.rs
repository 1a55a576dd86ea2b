//! How an import begins: what its columns are, whether it goes on with an earlier one, and that no other
//! process is at work on it.

use super::{Opened, Options, Run, show_mapping, source_of, wishes};
use crate::cli::store::{COMMAND_LINE, default_tenant, tenant};
use crate::cli::{DEFAULT_TENANT, say};
use crate::clock::{Clock as _, SystemClock};
use crate::files::clean::{Cleaner, ROW_TYPE};
use crate::files::destination::Destination;
use crate::files::import::{Counts, Import};
use crate::files::job::{self, Begun, Job, Settings, Wishes};
use crate::files::mapping::Choices;
use crate::files::names::Names;
use crate::files::refused::{Place, Report, is_free, near, written_at};
use crate::files::remembered::Said;
use crate::files::rows::{Chunk, Rows};
use crate::files::source::{Extent, Form};
use crate::files::workbook;
use anyhow::{Context as _, Result, bail, ensure};
use kehub_core::directory::Tenant;
use kehub_core::import::{self, Plan};
use kehub_store::Store;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Rows that are applied in one go: few enough that single requests do not wait for long.
const BATCH_ROWS: usize = 250;
/// Among how many earlier imports is looked for one of the same source or headings.
pub(super) const REMEMBERED_MAX: usize = 200;
/// For how much longer than it has to another process is waited for.
const WAIT: Duration = Duration::from_millis(50);

/// An import that has begun.
pub(super) struct Started<'s> {
    pub(super) import: Import<'s>,
    pub(super) rows: Rows,
    pub(super) first: Chunk,
    pub(super) extent: Extent,
    pub(super) content: Option<import::Content>,
}

impl Run<'_> {
    /// Begins an import, or goes on with one.
    pub(super) async fn begin<'s>(&self, store: &'s dyn Store, path: &Path) -> Result<Started<'s>> {
        let options = self.options;
        let tenant = if options.tenant == DEFAULT_TENANT {
            default_tenant(store).await?
        } else {
            tenant(store, &options.tenant).await?
        };
        let policy = store.policy(tenant.id).await?.context("there is no such tenant")?;
        let named = || path.display().to_string();
        let known = store.imports(tenant.id, None, REMEMBERED_MAX).await?;
        let own = Names::of(store, tenant.id, policy.clone()).await?;
        let (opened, wishes) = look(options, self.choices, path, (&known, own)).await?;
        let clean = wishes.clean(source_of(options, path), opened.form);
        let content = job::content_of(path).with_context(named)?;
        let settings = Settings::of(&wishes, &opened.mapping).text()?;
        let plan = Plan { source: clean.source.as_str().into(), content, settings, spool: None };
        let report = self.check_report(&known, &plan, opened.form)?;
        let destination = destination(store, &tenant);
        let mut kept = self.hold(&destination, &plan).await.with_context(named)?;
        let fresh = || {
            let near = || Place::Near(near(path, opened.form));
            let place = report.map_or_else(near, Place::Named).free()?;
            Ok(written_at(std::path::absolute(place)?, opened.form))
        };
        let place = job::report_of(&mut kept, fresh)?;
        let place_path = place.clone().free()?;
        let sheet = options.sheet.clone().unwrap_or_else(|| workbook::SHEET.to_owned());
        let job = Job::of(&kept, Some(&place_path), BATCH_ROWS).making_workbook(sheet);
        let mut import = Import {
            destination: Some(destination),
            dry_run: None,
            cleaner: Cleaner::new(clean, policy.clone()),
            mapping: opened.mapping,
            report: Some(Report::new(place, opened.form)),
            skip: options.skip_rows,
            counts: Counts::default(),
            refused: Vec::new(),
            knows_row_type: policy.type_named(ROW_TYPE).is_some(),
            job: Some(job),
        };
        import.go_on(&kept).await?;
        if kept.progress.rows > 0 {
            let (id, rows) = (kept.id, kept.progress.rows);
            say!("{}: import {id} goes on after row {rows}", path.display())?;
        }
        let Opened { rows, first, extent, .. } = opened;
        Ok(Started { import, rows, first, extent, content })
    }

    /// The report that somebody named: it must not be there, unless it is of the import that goes on.
    fn check_report(
        &self,
        known: &[import::Import],
        plan: &Plan,
        form: Form,
    ) -> Result<Option<PathBuf>> {
        let Some(path) = &self.options.refused else { return Ok(None) };
        let whole = std::path::absolute(path)?;
        let written = written_at(whole.clone(), form);
        let is_its = |import: &import::Import| {
            import.may_go_on()
                && import.plan.content == plan.content
                && import.progress.report.as_deref().map(Path::new) == Some(&written)
        };
        let is_free = is_free(&whole) || known.iter().any(is_its);
        ensure!(is_free, "--refused {}: it is there already", path.display());
        Ok(Some(whole))
    }

    /// Makes sure that this process is the only one at work on a file. One that was killed a moment ago
    /// looks like one that is at work, for as long as it could be.
    async fn hold(
        &self,
        destination: &Destination<'_>,
        plan: &Plan,
    ) -> Result<Box<import::Import>> {
        let holder = job::draw_holder()?;
        let mut seen = None;
        loop {
            match destination.begin(plan.clone(), holder, self.options.again).await? {
                Begun::Ours(kept) => return Ok(kept),
                Begun::Theirs(id, until) => {
                    if seen.is_some_and(|seen| until > seen) {
                        bail!("import {id} of this file is under way");
                    }
                    if seen.is_none() {
                        say!(
                            "import {id} of this file was at work a moment ago: looking whether it is"
                        )?;
                    }
                    seen = Some(until);
                    let left = until.saturating_sub(SystemClock.now());
                    let left = Duration::from_micros(u64::try_from(left).unwrap_or(0));
                    tokio::time::sleep(left + WAIT).await;
                }
            }
        }
    }
}

/// Opens a file, and shows what its columns are, where these imports came before and there are these names.
pub(super) async fn look(
    options: &Options,
    choices: &Choices,
    path: &Path,
    (before, names): (&[import::Import], Names),
) -> Result<(Opened, Wishes)> {
    let said = Said {
        before: before.into(),
        source: source_of(options, path),
        now: choices.clone(),
        is_new: options.new_mapping,
        names,
    };
    let opened = Opened::new(options, path, said.clone()).await;
    let opened = opened.with_context(|| path.display().to_string())?;
    show_remembered(&said, &opened.first.columns)?;
    show_mapping(path, &opened)?;
    let says_something = opened.mapping.says_something() || opened.form == Form::Lines;
    ensure!(
        says_something,
        "{}: no column has a known label: say with --map what they are, or with --header-row in which line \
         the headings stand",
        path.display()
    );
    let choices = said.choices(&opened.first.columns);
    let wishes = wishes(options);
    let read = wishes.read.settled(opened.form, opened.first.above);
    Ok((opened, Wishes { choices, read, ..wishes }))
}

/// Says what is taken over.
fn show_remembered(said: &Said, headings: &[String]) -> Result<()> {
    let Some(before) = said.remembered(headings) else { return Ok(()) };
    say!("columns as in import {} of {}:", before.import, before.source)?;
    for (column, target) in before.choices.pairs() {
        say!("  {column:20} -> {target}")?;
    }
    Ok(())
}

fn destination<'s>(store: &'s dyn Store, tenant: &Tenant) -> Destination<'s> {
    Destination {
        store,
        tenant: tenant.id,
        app: COMMAND_LINE,
        request: "import".into(),
        clock: &SystemClock,
    }
}
