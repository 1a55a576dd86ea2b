//! `kehub export`.

use super::care::give_way;
use super::progress::Terminal;
use super::store::{must_be_there, tenant, with_store};
use super::{DEFAULT_TENANT, counted, say};
use crate::api::customers::filter;
use crate::api::parameters::Parameters;
use crate::config::StoreLocation;
use crate::export::options::{self, Fields, Headings, Identities, Unfit, Word};
use crate::export::{self, Asked, Compression, ExportError, Format, Out};
use anyhow::{Context as _, Result, bail};
use kehub_core::filter::Filter;
use kehub_store::{Progress as _, Walk};
use std::fs::File;
use std::io::{ErrorKind, Write as _, stderr, stdout};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tempfile::NamedTempFile;
use tokio::runtime::Handle;

/// What is exported, and how.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The file to make, or `-` for standard output. Its name tells the format: .csv, .tsv, .ndjson,
    /// .jsonl or .xlsx, and .gz or .zst behind that
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// csv, ndjson or xlsx
    #[arg(long, value_parser = word::<Format>)]
    format: Option<Format>,

    /// none, gzip or zstd
    #[arg(long, value_parser = word::<Compression>)]
    compression: Option<Compression>,

    /// Only customers whose field is like this, in the words of `GET /api/customers`:
    /// city=Beijing, stage:in=Lead,Member, lastUpdated:gte=2026-05-04T00:00:00Z. May be given again; all
    /// must hold
    #[arg(long = "filter", value_name = "FIELD=VALUE")]
    filters: Vec<String>,

    /// Only these fields, parted by commas: name,mobile,attr.size; all that somebody shows unless given
    #[arg(long, value_parser = fields)]
    fields: Option<Fields>,

    /// How a table tells identities: a column for each type, a row for each identity, or not at all:
    /// columns, rows or none
    #[arg(long, value_parser = word::<Identities>)]
    identities: Option<Identities>,

    /// In which words a table is: zh for people who read Chinese, usual for xlsx, or the names of the
    /// API, usual for csv: zh or names
    #[arg(long, value_parser = word::<Headings>)]
    headings: Option<Headings>,

    /// What parts the cells of a csv file: one character, or `tab`
    #[arg(long, value_parser = delimiter)]
    delimiter: Option<u8>,

    /// Write csv cells as they are, also those that a spreadsheet would run as formulas
    #[arg(long)]
    raw: bool,

    /// How far from UTC the moments of a table are told, such as +08:00
    #[arg(long, value_parser = utc_offset, allow_hyphen_values = true)]
    utc_offset: Option<i32>,

    /// The tenant whose customers these are
    #[arg(long, default_value = DEFAULT_TENANT)]
    tenant: String,

    /// Give up the file that is there
    #[arg(long)]
    replace: bool,
}

fn word<T: Word>(text: &str) -> Result<T, String> {
    T::named(text).ok_or_else(|| format!("expected one of {}", T::names()))
}

fn fields(text: &str) -> Result<Fields, String> {
    Fields::named(text).map_err(|unknown| format!("expected {}, found {unknown}", Fields::EXPECTED))
}

fn delimiter(text: &str) -> Result<u8, String> {
    options::delimiter(text).ok_or_else(|| format!("expected {}", options::DELIMITER))
}

fn utc_offset(text: &str) -> Result<i32, String> {
    options::utc_offset(text).ok_or_else(|| format!("expected {}", options::UTC_OFFSET))
}

/// Writes a file of customers, and tells how many there are.
pub(super) async fn run(location: &StoreLocation, options: Options) -> Result<()> {
    let filter = filter_of(&options.filters)?;
    let export = settled(&options)?;
    let place = Place::new(&options.file, options.replace)?;
    must_be_there(location).await?;
    give_way();
    let file = options.file.display();
    let written = with_store(location, async |store| {
        let tenant = tenant(&*store, &options.tenant).await?.id;
        let walk = store.walk(tenant, &filter, export.survey()).await?;
        Ok(write(walk, export, place.out()?).await)
    });
    match written.await? {
        Ok(count) => {
            let is_file = matches!(place, Place::File { .. });
            place.keep().with_context(|| format!("cannot make {file}"))?;
            if is_file {
                say!("exported {} to {file}", counted(count, "customer"))?;
            }
            Ok(())
        }
        // Whoever reads may have read enough and gone away.
        Err(ExportError::Io(error))
            if matches!(place, Place::Output) && error.kind() == ErrorKind::BrokenPipe =>
        {
            Ok(())
        }
        Err(error) => Err(error).with_context(|| format!("the export to {file} broke off")),
    }
}

/// The filter of words such as `city=Beijing`.
fn filter_of(words: &[String]) -> Result<Filter> {
    let mut given = Vec::with_capacity(words.len());
    for word in words {
        let Some((name, value)) = word.split_once('=') else {
            bail!("--filter: expected a field, `=` and a value, found no `=`");
        };
        given.push((name.trim().to_owned(), value.trim().to_owned()));
    }
    let mut parameters = Parameters::given(given);
    let filter = filter::read(&mut parameters);
    match parameters.end() {
        Ok(()) => Ok(filter),
        Err(problem) => bail!("--filter: {}", problem.lines().join("; ")),
    }
}

/// What was asked for, with what the name of the file tells.
fn settled(options: &Options) -> Result<export::Options> {
    let name = Name::of(&options.file);
    let Some(format) = options.format.or(name.format) else {
        bail!(
            "--format: expected {}, or a file whose name ends in .csv, .tsv, .ndjson, .jsonl or .xlsx, \
             before .gz or .zst",
            Format::names()
        );
    };
    let is_tabbed = name.is_tabbed && format == Format::Csv;
    let asked = Asked {
        compression: options.compression.or(name.compression),
        fields: options.fields.clone(),
        identities: options.identities,
        headings: options.headings,
        delimiter: options.delimiter.or(is_tabbed.then_some(b'\t')),
        raw: options.raw,
        utc_offset: options.utc_offset,
    };
    asked.of(format).map_err(|unfit| {
        let told = |it: &Unfit| {
            let flag = it.parameter.replace("utcOffset", "utc-offset");
            format!("--{flag}: expected {}, found {}", it.expected, it.found)
        };
        anyhow::anyhow!("{}", unfit.iter().map(told).collect::<Vec<_>>().join("; "))
    })
}

/// What the name of a file tells.
#[derive(Debug, Default, PartialEq, Eq)]
struct Name {
    format: Option<Format>,
    compression: Option<Compression>,
    is_tabbed: bool,
}

impl Name {
    fn of(file: &Path) -> Name {
        let name = file.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        let mut words = name.rsplit('.').peekable();
        let compression = match words.peek() {
            Some(&"gz") => Some(Compression::Gzip),
            Some(&"zst") => Some(Compression::Zstd),
            Some(_) | None => None,
        };
        if compression.is_some() {
            words.next();
        }
        let (format, is_tabbed) = match words.next() {
            Some("csv") => (Some(Format::Csv), false),
            Some("tsv") => (Some(Format::Csv), true),
            Some("ndjson" | "jsonl") => (Some(Format::Ndjson), false),
            Some("xlsx") => (Some(Format::Xlsx), false),
            Some(_) | None => (None, false),
        };
        Name { format, compression, is_tabbed }
    }
}

/// Where an export goes.
#[derive(Debug)]
enum Place {
    Output,
    /// A file, and what it is until it is whole.
    File {
        path: PathBuf,
        part: NamedTempFile,
        replace: bool,
    },
}

impl Place {
    fn new(path: &Path, replace: bool) -> Result<Place> {
        if path == Path::new("-") {
            return Ok(Place::Output);
        }
        if !replace && path.try_exists()? {
            bail!("{} is there already; --replace gives it up", path.display());
        }
        // Readable by its owner only.
        let part = tempfile::Builder::new()
            .prefix(".kehub-export-")
            .suffix(".part")
            .tempfile_in(folder_of(path))
            .with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Place::File { path: path.to_owned(), part, replace })
    }

    fn out(&self) -> Result<Out> {
        Ok(match self {
            Place::Output => Box::new(stdout()),
            Place::File { part, .. } => Box::new(part.as_file().try_clone()?),
        })
    }

    /// Gives a whole file its name.
    fn keep(self) -> Result<()> {
        let Place::File { path, part, replace } = self else { return Ok(()) };
        part.as_file().sync_all()?;
        if replace {
            part.persist(&path)?;
        } else {
            part.persist_noclobber(&path)?;
        }
        File::open(folder_of(&path))?.sync_all()?;
        Ok(())
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Writes what a walk tells, until somebody interrupts it.
async fn write(walk: Walk, export: export::Options, out: Out) -> Result<u64, ExportError> {
    let is_stopped = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&is_stopped);
    let runtime = Handle::current();
    let write = move || {
        let terminal = Terminal::counting("customers");
        let written = export::write(walk, &export, out, &runtime, &mut |done, total| {
            terminal.at("exporting", done, total);
            if stopped.load(Ordering::Relaxed) {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        });
        terminal.clear();
        written
    };
    let writing = async { tokio::task::spawn_blocking(write).await };
    tokio::pin!(writing);
    // In this order: it listens before it writes.
    let written = tokio::select! {
        biased;
        _ = tokio::signal::ctrl_c() => {
            is_stopped.store(true, Ordering::Relaxed);
            // Whoever waits may have to wait for whoever reads.
            writeln!(stderr(), "interrupted: stopping").ok();
            writing.await
        }
        written = &mut writing => written,
    };
    written.map_err(|error| ExportError::Io(error.into()))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_whole_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("all.csv");
        let names = || std::fs::read_dir(folder.path()).unwrap().count();
        let place = Place::new(&path, false).unwrap();
        place.out().unwrap().write_all(b"half").unwrap();
        assert_eq!((names(), path.exists()), (1, false));
        drop(place);
        assert_eq!(names(), 0);
        std::fs::write(&path, "before").unwrap();
        let place = Place::new(&path, true).unwrap();
        place.out().unwrap().write_all(b"half").unwrap();
        drop(place);
        assert_eq!((names(), std::fs::read_to_string(&path).unwrap()), (1, "before".to_owned()));
    }

    #[test]
    fn the_name_of_a_file_tells_its_format() {
        let name = |name: &str| Name::of(Path::new(name));
        let of = |format, compression| Name { format, compression, is_tabbed: false };
        assert_eq!(name("a/b.csv"), of(Some(Format::Csv), None));
        assert!(name("b.tsv").is_tabbed);
        assert_eq!(name("B.NDJSON.GZ"), of(Some(Format::Ndjson), Some(Compression::Gzip)));
        assert_eq!(name("2026.05.xlsx"), of(Some(Format::Xlsx), None));
        assert_eq!(name("b.jsonl.zst"), of(Some(Format::Ndjson), Some(Compression::Zstd)));
        for unknown in ["-", "csv.txt", "", "b"] {
            assert_eq!(name(unknown), of(None, None), "{unknown}");
        }
    }
}
