//! `cargo xtask bench import`: a file that is brought in beside requests, and another one alone.

use super::filled::{Asked, Filled};
use super::hub::Call;
use super::place::UPSERTS;
use super::report::{Origin, keep, mebi};
use crate::load::people::{HEADINGS, People};
use crate::load::usage::{Usage, memory};
use crate::load::{Sent, Source, alone, during, open, steady};
use crate::target;
use anyhow::{Context as _, Result, ensure};
use serde::Serialize;
use std::cell::RefCell;
use std::fmt;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Connections for requests that come at a rate.
const CONNECTIONS: usize = 64;
/// How often it is looked whether an import has ended.
const LOOK_EVERY: Duration = Duration::from_millis(50);

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    asked: Asked,
    /// Rows of each file
    #[arg(long, default_value_t = 1_000_000)]
    rows: u64,
    /// Single upserts a second, beside one of the files and without it
    #[arg(long, default_value_t = 500)]
    upserts_per_second: u64,
    /// How long they are measured without the file
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// A folder for the figures as JSON
    #[arg(long)]
    out: Option<PathBuf>,
}

/// What was measured of an import.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Import {
    what: String,
    rows: u64,
    seconds: f64,
    /// Processor time that a row took, in seconds.
    each: f64,
    /// Bytes of memory that it held at most.
    memory: f64,
    /// Rows of its file of refused rows.
    refused: u64,
}

impl Import {
    pub(super) const HEAD: &str = "| import | rows | seconds | rows a second | processor µs a row | memory MiB | \
        refused |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: |";
}

impl fmt::Display for Import {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Import { what, rows, seconds, each, memory, refused } = self;
        #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "far below 2^53")]
        let rate = *rows as f64 / seconds;
        write!(
            f,
            "| {what} | {rows} | {seconds:.1} | {rate:.0} | {:.0} | {:.0} | {refused} |",
            each * 1e6,
            mebi(*memory)
        )
    }
}

pub(super) fn run(options: &Options) -> Result<()> {
    let filled = Filled::new(&options.asked)?;
    let origin = Origin::told();
    let people = Rc::clone(&filled.place.people);
    let files = ["beside.csv", "alone.csv"].map(|name| filled.folder.path().join(name));
    for file in &files {
        write_rows(file, options.rows, &mut people.borrow_mut())?;
    }
    let [beside, alone_file] = files;
    println!("\n{origin}\n{}", Call::HEAD);
    let time = Duration::from_secs(options.seconds);
    let upsert = move || Sent::post(UPSERTS, people.borrow_mut().next().body());
    #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "far below 2^53")]
    let rate = options.upserts_per_second as f64;
    let mut calls = Vec::new();
    let source = during(time, upsert.clone());
    let place = &filled.place;
    let (seen, round) = place.used(|| open(&place.target, CONNECTIONS, rate, &source))?;
    calls.push(Call::new("upserts without an import", &seen.latency, round, seen.turned_away));

    let running = Rc::new(RefCell::new(Running::start(&beside, &filled.store)?));
    let end = Rc::clone(&running);
    let mut upsert = upsert;
    let source: Source =
        Rc::new(RefCell::new(move || (!end.borrow().has_ended()).then(&mut upsert)));
    let (seen, round) = place.used(|| {
        alone(async {
            let watch = async {
                while running.borrow_mut().look()? {
                    tokio::time::sleep(LOOK_EVERY).await;
                }
                anyhow::Ok(())
            };
            let load = steady(&place.target, CONNECTIONS, rate, &source);
            // An import that fails ends the load as well.
            let (seen, ()) = tokio::try_join!(load, watch)?;
            Ok(seen)
        })
    })?;
    calls.push(Call::new("upserts beside the import", &seen.latency, round, seen.turned_away));
    for call in &calls {
        println!("{call}");
    }
    println!("\n{}", Import::HEAD);
    let beside = running.borrow_mut().told("beside these upserts", options.rows, &beside)?;
    println!("{beside}");
    // The last of these is dropped first: a database before its server.
    let Filled { place, store, folder: _folder, _server, database: _database } = filled;
    place.server.stop()?;
    let alone_told = bring_in("alone", &alone_file, options.rows, &store)?;
    println!("{alone_told}");
    if let Some(folder) = &options.out {
        let name = format!("import-{}", options.asked.engine.told());
        let result = serde_json::json!({ "calls": calls, "imports": [beside, alone_told] });
        keep(folder, &name, &origin, &result)?;
    }
    Ok(())
}

/// Brings in a file of so many rows.
pub(super) fn bring_in(what: &str, file: &Path, rows: u64, store: &str) -> Result<Import> {
    let mut running = Running::start(file, store)?;
    while running.look()? {
        std::thread::sleep(LOOK_EVERY);
    }
    running.told(what, rows, file)
}

/// Makes a file of the next people.
pub(super) fn write_rows(file: &Path, rows: u64, people: &mut People) -> Result<()> {
    let mut out = BufWriter::new(File::create(file)?);
    writeln!(out, "{HEADINGS}")?;
    for row in 0..rows {
        writeln!(out, "{}", people.next().line(row))?;
    }
    Ok(out.flush()?)
}

/// A `kehub import` under way.
struct Running {
    child: Child,
    begun: Instant,
    took: Option<Duration>,
    processor_seconds: f64,
    memory: f64,
}

impl Running {
    fn start(file: &Path, store: &str) -> Result<Running> {
        let child = Command::new(target().join("release").join("kehub"))
            .arg("import")
            .arg(file)
            .env("KEHUB_STORE", store)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start `kehub import`")?;
        Ok(Running {
            child,
            begun: Instant::now(),
            took: None,
            processor_seconds: 0.0,
            memory: 0.0,
        })
    }

    fn has_ended(&self) -> bool {
        self.took.is_some()
    }

    /// Whether it is still under way.
    fn look(&mut self) -> Result<bool> {
        let process = self.child.id();
        self.memory = self.memory.max(memory(process));
        let seconds = Usage::of(&[process]).server_seconds;
        self.processor_seconds = self.processor_seconds.max(seconds);
        if self.took.is_none()
            && let Some(status) = self.child.try_wait()?
        {
            // 1: some rows were refused.
            ensure!(matches!(status.code(), Some(0 | 1)), "`kehub import` ended with {status}");
            self.took = Some(self.begun.elapsed());
        }
        Ok(self.took.is_none())
    }

    /// What it came to, once it has ended.
    fn told(&self, what: &str, rows: u64, file: &Path) -> Result<Import> {
        let seconds = self.took.context("the import has not ended")?.as_secs_f64();
        let refused = std::fs::read_to_string(file.with_extension("refused.csv"))?;
        let refused = u64::try_from(refused.lines().count().saturating_sub(1))?;
        #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "far below 2^53")]
        let each = self.processor_seconds / rows as f64;
        Ok(Import { what: what.to_owned(), rows, seconds, each, memory: self.memory, refused })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.took.is_none() && self.child.kill().is_ok() {
            self.child.wait().ok();
        }
    }
}
