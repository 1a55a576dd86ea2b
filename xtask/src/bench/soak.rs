//! `cargo xtask bench soak`: a hub under mixed load at half of what it can do, for long, with batches, files,
//! merges, backups and checks beside it. Memory, files and times are to level off.

use super::FILE;
use super::decisions::{self, Decisions};
use super::filled::{Asked, Filled};
use super::import::{self, Import};
use super::peer::sizes;
use super::place::{Place, Work};
use super::report::{Origin, Panel, keep, mebi, millis, panels_drawn, quantile};
use crate::load::usage::memory;
use crate::load::{Seen, alone, exchange, steady, times};
use crate::postgres::program;
use crate::{succeed, target};
use anyhow::{Context as _, Result, ensure};
use hdrhistogram::Histogram;
use serde::Serialize;
use std::cell::Cell;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    asked: Asked,
    /// How long the load lasts
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=600))]
    minutes: u32,
    /// Connections that find out how much the hub can do; twice as many carry the load
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Rows of each file that is brought in beside the load
    #[arg(long, default_value_t = 200_000)]
    rows: u64,
    /// A folder for the figures as JSON and for the picture
    #[arg(long)]
    out: Option<PathBuf>,
}

/// How long it takes to find out how much the hub can do.
const PROBED: Duration = Duration::from_secs(10);
/// How often memory and files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// A batch comes so often; so does a pair to be merged, explained and parted.
const BATCH_EVERY: Duration = Duration::from_secs(10);
const MERGE_EVERY: Duration = Duration::from_secs(1);
/// Claims of each of the two.
const CLAIMS: u64 = 3;
/// Lines of the table.
const PARTS: u32 = 12;

/// What is done beside the load meanwhile, and when: after so many hundredths of the time. A check takes the
/// longer the more customers there are, and is to end before the load does.
const CHORES: &[(u32, Chore)] = &[
    (5, Chore::Import),
    (15, Chore::Check),
    (30, Chore::Backup),
    (38, Chore::Import),
    (45, Chore::Check),
    (65, Chore::Import),
    (75, Chore::Backup),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
enum Chore {
    Backup,
    Check,
    Import,
}

/// When something was done beside the load, in seconds from the beginning.
#[derive(Clone, Copy, Debug, Serialize)]
struct Done {
    chore: Chore,
    from: f64,
    to: f64,
}

/// What memory and files were at a moment, in seconds from the beginning. In bytes.
#[derive(Clone, Copy, Debug, Serialize)]
struct Sample {
    at: f64,
    memory: f64,
    /// The file or the database, without the log.
    store: u64,
    /// The write-ahead log of the file, or of the database's server.
    log: u64,
}

/// A part of the time. Milliseconds, and bytes.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Part {
    /// Minutes from the beginning.
    from: f64,
    median: f64,
    p99: f64,
    p999: f64,
    max: f64,
    /// The largest of each.
    memory: f64,
    store: u64,
    log: u64,
    beside: Vec<Chore>,
}

pub(super) fn run(options: &Options) -> Result<()> {
    let filled = Filled::new(&options.asked)?;
    let origin = Origin::told();
    println!("\n{origin}");
    let place = &filled.place;
    let files = files(&filled, options.rows)?;
    let (most, _) = place.run(Work::Mixed, options.connections, PROBED)?;
    let rate = most.per_second() / 2.0;
    println!("four gets by id to an upsert: {:.0}/s; half of that from now on", rate * 2.0);
    let time = Duration::from_secs(60 * u64::from(options.minutes));
    let is_over = AtomicBool::new(false);
    let watched = Watched {
        start: Instant::now(),
        store: &filled.store,
        file: filled.database.is_none().then(|| filled.folder.path().join(FILE)),
        process: place.server.process(),
        files,
        rows: options.rows,
        is_over: &is_over,
    };
    let (load, samples, (done, imports)) = thread::scope(|scope| {
        let samples = scope.spawn(|| watched.samples());
        let done = scope.spawn(|| watched.chores(time));
        let load = alone(load(place, options.connections * 2, rate, time));
        is_over.store(true, Ordering::Release);
        let (samples, done) = (samples.join(), done.join());
        let ended = |_| anyhow::anyhow!("a thread ended in a panic");
        anyhow::Ok((load?, samples.map_err(ended)??, done.map_err(ended)??))
    })?;
    let parts = parts(&load.seen.course, &samples, &done, time);
    println!("\n{}", Part::HEAD);
    for part in &parts {
        println!("{part}");
    }
    println!("\n{load}\n{}", Import::HEAD);
    for import in &imports {
        println!("{import}");
    }
    if let Some(folder) = &options.out {
        let name = format!("soak-{}", options.asked.engine.told());
        let told = serde_json::json!({
            "perSecond": rate,
            "parts": parts,
            "samples": samples,
            "beside": done,
            "imports": imports,
        });
        keep(folder, &name, &origin, &told)?;
        let title =
            format!("Mixed load at half of the largest rate, {}", options.asked.engine.told());
        let panels = panels(&load.seen.course, &samples);
        panels_drawn(&folder.join(format!("{name}.svg")), &title, "minutes", &panels)?;
    }
    check(&filled.store)
}

/// A file for each import.
fn files(filled: &Filled, rows: u64) -> Result<Vec<PathBuf>> {
    let imports = CHORES.iter().filter(|(_, chore)| *chore == Chore::Import);
    let made = imports.zip(1..).map(|(_, number)| {
        let file = filled.folder.path().join(format!("import-{number}.csv"));
        import::write_rows(&file, rows, &mut filled.place.people.borrow_mut())?;
        Ok(file)
    });
    made.collect()
}

/// What came of the load.
struct Load {
    seen: Seen,
    batches: Histogram<u64>,
    decided: Decisions,
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Load { seen, batches, decided } = self;
        writeln!(
            f,
            "{} answered, {} turned away, {:.0}/s",
            seen.items,
            seen.turned_away,
            seen.per_second()
        )?;
        let kinds = [
            ("batches of 1,000", batches),
            ("merges", &decided.merge),
            ("undoings", &decided.undo),
            ("explanations", &decided.explain),
        ];
        for (what, times) in kinds {
            let millis = |quantile| millis(times.value_at_quantile(quantile));
            let (count, median, p99) = (times.len(), millis(0.5), millis(0.99));
            writeln!(
                f,
                "{count} {what}: p50 {median:.1} ms, p99 {p99:.1}, max {:.1}",
                millis(1.0)
            )?;
        }
        Ok(())
    }
}

/// Sends the mixed load, and batches and merges beside it.
async fn load(place: &Place, connections: usize, rate: f64, time: Duration) -> Result<Load> {
    let is_over = Rc::new(Cell::new(false));
    let batches = {
        let (target, is_over) = (place.target.clone(), Rc::clone(&is_over));
        let source = place.source(Work::Batches, time);
        tokio::task::spawn_local(async move {
            let mut connection = target.open().await?;
            let mut taken = times()?;
            while !is_over.get() {
                let next = (source.borrow_mut())();
                let Some(batch) = next else { break };
                let begun = Instant::now();
                let answer = exchange(&mut connection, &batch).await?;
                let is_applied = answer.status == 200;
                ensure!(is_applied, "answered {}", String::from_utf8_lossy(answer.body));
                taken.record(u64::try_from(begun.elapsed().as_micros())?.max(1))?;
                tokio::time::sleep(BATCH_EVERY).await;
            }
            anyhow::Ok(taken)
        })
    };
    let decided = {
        let (target, is_over) = (place.target.clone(), Rc::clone(&is_over));
        tokio::task::spawn_local(async move {
            let mut connection = target.open().await?;
            let mut decided = Decisions::new()?;
            let mut person = 0;
            while !is_over.get() {
                let one = decisions::make(&mut connection, person, CLAIMS).await?;
                let other = decisions::make(&mut connection, person + 1, CLAIMS).await?;
                decided.pair(&mut connection, one, other).await?;
                person += 2;
                tokio::time::sleep(MERGE_EVERY).await;
            }
            anyhow::Ok(decided)
        })
    };
    let source = place.source(Work::Mixed, time);
    let seen = steady(&place.target, connections, rate, &source).await?;
    is_over.set(true);
    Ok(Load { seen, batches: batches.await??, decided: decided.await?? })
}

/// What is looked at while the load goes on.
struct Watched<'a> {
    start: Instant,
    store: &'a str,
    /// The file, if the store is one.
    file: Option<PathBuf>,
    process: u32,
    /// What is brought in, one after the other, and the rows of each.
    files: Vec<PathBuf>,
    rows: u64,
    is_over: &'a AtomicBool,
}

impl Watched<'_> {
    fn now(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }

    /// Waits so long; whether the load is over.
    fn wait(&self, until: Instant) -> bool {
        while Instant::now() < until && !self.is_over.load(Ordering::Acquire) {
            thread::sleep(Duration::from_millis(50));
        }
        self.is_over.load(Ordering::Acquire)
    }

    fn samples(&self) -> Result<Vec<Sample>> {
        let mut samples = Vec::new();
        let length = |file: &Path| std::fs::metadata(file).map_or(0, |told| told.len());
        loop {
            let (store, log) = match &self.file {
                Some(file) => (length(file), length(&file.with_extension("db-wal"))),
                None => sizes(self.store)?,
            };
            samples.push(Sample { at: self.now(), memory: memory(self.process), store, log });
            if self.wait(Instant::now() + LOOK_EVERY) {
                return Ok(samples);
            }
        }
    }

    /// Checks the store beside the load, makes backups of it, and brings files in.
    fn chores(&self, time: Duration) -> Result<(Vec<Done>, Vec<Import>)> {
        let (mut done, mut imports) = (Vec::new(), Vec::new());
        let mut files = self.files.iter();
        for (hundredths, chore) in CHORES {
            if self.wait(self.start + time * *hundredths / 100) {
                break;
            }
            let from = self.now();
            match chore {
                Chore::Backup if self.file.is_some() => back_up(self.store)?,
                Chore::Backup => base_backup(self.store)?,
                Chore::Check => check(self.store)?,
                Chore::Import => {
                    let file = files.next().context("fewer files than imports")?;
                    let what = format!("from minute {:.0}", from / 60.0);
                    imports.push(import::bring_in(&what, file, self.rows, self.store)?);
                }
            }
            done.push(Done { chore: *chore, from, to: self.now() });
        }
        Ok((done, imports))
    }
}

fn kehub(store: &str, arguments: &[&str]) -> Result<()> {
    let mut command = Command::new(target().join("release").join("kehub"));
    command.args(arguments).env("KEHUB_STORE", store);
    succeed(command.stdout(Stdio::null()).stderr(Stdio::null()))
}

fn back_up(store: &str) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("backup.db");
    kehub(store, &["backup", "--to", file.to_str().context("a path that is no text")?])
}

/// Backs a database up by its server's own means, the log since the beginning included.
fn base_backup(store: &str) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut command = Command::new(program("pg_basebackup")?);
    command.arg("--dbname").arg(store).arg("--pgdata").arg(folder.path());
    command.args(["--checkpoint=spread", "--wal-method=stream"]);
    succeed(command.stdout(Stdio::null()).stderr(Stdio::null()))
}

fn check(store: &str) -> Result<()> {
    kehub(store, &["check"])
}

fn parts(course: &[(u32, u32)], samples: &[Sample], done: &[Done], time: Duration) -> Vec<Part> {
    let length = time.as_secs_f64() / f64::from(PARTS);
    let part = |number: u32| {
        let (from, to) = (f64::from(number) * length, f64::from(number + 1) * length);
        let is_in = |at: f64| from <= at && at < to;
        let mut micros: Vec<u32> = course
            .iter()
            .filter(|(second, _)| is_in(f64::from(*second)))
            .map(|(_, micros)| *micros)
            .collect();
        micros.sort_unstable();
        let at = |thousandths| quantile(&micros, thousandths);
        let samples = || samples.iter().filter(|sample| is_in(sample.at));
        let beside = done.iter().filter(|it| it.from < to && from < it.to).map(|it| it.chore);
        Part {
            from: from / 60.0,
            median: at(500),
            p99: at(990),
            p999: at(999),
            max: at(1000),
            memory: samples().map(|sample| sample.memory).fold(0.0, f64::max),
            store: samples().map(|sample| sample.store).max().unwrap_or_default(),
            log: samples().map(|sample| sample.log).max().unwrap_or_default(),
            beside: beside.collect(),
        }
    };
    (0..PARTS).map(part).collect()
}

impl Part {
    const HEAD: &str = "| from minute | p50 ms | p99 ms | p99.9 ms | max ms | memory MiB | \
        store MiB | log MiB | beside |\n| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |";
}

fn mebi_of(bytes: u64) -> f64 {
    #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "far below 2^53")]
    let bytes = bytes as f64;
    mebi(bytes)
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Part { from, median, p99, p999, max, memory, store, log, beside } = self;
        let beside = beside.iter().map(|chore| match chore {
            Chore::Backup => "backup",
            Chore::Check => "check",
            Chore::Import => "import",
        });
        write!(
            f,
            "| {from:.1} | {median:.1} | {p99:.1} | {p999:.1} | {max:.1} | {:.0} | {:.0} | {:.0} | {} |",
            mebi(*memory),
            mebi_of(*store),
            mebi_of(*log),
            beside.collect::<Vec<_>>().join(", ")
        )
    }
}

fn panels(course: &[(u32, u32)], samples: &[Sample]) -> [Panel; 2] {
    let line = |of: fn(&Sample) -> f64| {
        samples.iter().map(|sample| (sample.at / 60.0, of(sample))).collect::<Vec<_>>()
    };
    let lines = vec![
        ("memory", line(|sample| mebi(sample.memory))),
        ("store", line(|sample| mebi_of(sample.store))),
        ("log", line(|sample| mebi_of(sample.log))),
    ];
    [Panel::of_course(course, 60.0), Panel { unit: "MiB", lines }]
}

#[cfg(test)]
mod tests {
    use super::{Chore, Done, Sample, parts};
    use std::time::Duration;

    #[test]
    fn a_part_tells_its_own_time() {
        let sample = |at, memory, log| Sample { at, memory, store: 1, log };
        let samples = [sample(1.0, 5.0, 7), sample(65.0, 3.0, 9), sample(119.0, 4.0, 8)];
        let done = [Done { chore: Chore::Check, from: 50.0, to: 70.0 }];
        let course: Vec<(u32, u32)> = (0..720).map(|second| (second, second * 1000)).collect();
        let parts = parts(&course, &samples, &done, Duration::from_mins(12));
        assert_eq!(parts.len(), 12);
        assert_eq!((parts[1].from, parts[1].max, parts[1].median), (1.0, 119.0, 90.0));
        assert_eq!((parts[1].memory, parts[1].log), (4.0, 9));
        assert_eq!(parts[0].beside, [Chore::Check]);
        assert_eq!(parts[1].beside, [Chore::Check]);
        assert_eq!(parts[2].beside, []);
    }
}
