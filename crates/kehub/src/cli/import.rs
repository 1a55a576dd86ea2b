//! `kehub import`.

mod begin;
mod dry_run;

use super::care::give_way;
use super::progress::Terminal;
use super::store::open;
use super::{DEFAULT_TENANT, counted, listed, say};
use crate::config::{StoreLocation, StoreOptions};
use crate::files::found_by::FoundBy;
use crate::files::headings::{Above, HeaderRow, Sheets};
use crate::files::import::{Counts, Import, Watch};
use crate::files::job::Wishes;
use crate::files::mapping::{Choices, Mapping};
use crate::files::refused::Report;
use crate::files::remembered::Said;
use crate::files::rows::{Chunk, Rows};
use crate::files::source::{Extent, Form, ReadOptions, Source, encoding_named};
use crate::files::turns::Turns;
use crate::wire::time;
use anyhow::{Context as _, Result, anyhow, ensure};
use begin::Started;
use encoding_rs::Encoding;
use kehub_core::attribute::{FieldKey, Kind, Value};
use kehub_core::command::Upsert;
use kehub_core::policy::OnConflict;
use kehub_store::{Progress as _, SqliteStore, Store};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// The offset of times that name none, unless one is given.
const UTC: &str = "Z";

/// Sheets of a workbook that are named, of those that are left out.
const SHEETS_SHOWN_MAX: usize = 10;

/// What is brought in, and how.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// CSV, XLSX or NDJSON, also packed as .gz or .zst; `-` for standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// The tenant that the customers belong to
    #[arg(long, default_value = DEFAULT_TENANT)]
    tenant: String,

    /// Say what a column is: an attribute, `attr.KEY`, `identity:TYPE`, or `-` to leave it out
    ///
    /// COLUMN is a heading, or # and the number of a column. May be given several times.
    #[arg(long = "map", value_name = "COLUMN=TARGET")]
    maps: Vec<String>,

    /// Say what columns are, in a file: a JSON object of columns and targets
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,

    /// Show what columns are taken for and what would come of the rows, with samples; apply nothing
    ///
    /// Each row is decided as it would be if it were applied to the store after all rows before it:
    /// who would be created, updated, merged, in conflict or refused. The store is read as of the moment
    /// at which this begins, and neither written to nor locked; memory does not grow with the file.
    /// What it decided is in a temporary file (TMPDIR), which is gone with the process. Until it ends,
    /// the write-ahead log of a busy hub's file grows, and a PostgreSQL server keeps what was replaced.
    #[arg(long)]
    dry_run: bool,

    /// What happens when a row brings customers together: merge, keep or reject; as the tenant is
    /// set, unless given
    ///
    /// `merge` merges them unless a guard objects, and opens a conflict then. `keep` merges nobody, and opens a
    /// conflict. `reject` merges them unless a guard objects, and refuses the whole row then.
    #[arg(long, value_name = "WHAT", value_parser = on_conflict)]
    on_conflict: Option<OnConflict>,

    /// By what a row finds its customer, before all others the first: id, identity, mobile, email; parted by
    /// commas
    ///
    /// `identity` is always among them. With `id`, a column `id` or 客户ID is the id of a customer of this hub;
    /// a row with an id of nobody is refused.
    #[arg(long = "match", value_name = "WHAT", value_parser = FoundBy::named,
        default_value = "identity,mobile,email")]
    found_by: FoundBy,

    /// Take CSV cells as they are, also a `'` before what a spreadsheet would run, as an export with --raw
    /// writes them
    #[arg(long)]
    raw: bool,

    /// Where refused rows go; beside FILE as NAME.refused.EXT, unless given
    #[arg(long, value_name = "FILE")]
    refused: Option<PathBuf>,

    /// Begin with the first row, also if the same file was interrupted before
    #[arg(long)]
    again: bool,

    /// Do not take over what was said about columns when a file of this name, or one with the same
    /// headings, was imported before
    #[arg(long)]
    new_mapping: bool,

    /// Pass over so many rows at the beginning
    #[arg(long, value_name = "ROWS", default_value_t = 0)]
    skip_rows: u64,

    /// The line that holds the headings of a table
    ///
    /// Unless given, they are the first row that is not blank. If that has no known label, they are the first
    /// of the first 20 rows in which two or more stand. Rows above the headings are passed over.
    #[arg(long, value_name = "LINE", value_parser = clap::value_parser!(u64).range(1..))]
    header_row: Option<u64>,

    /// What parts the values of CSV, if it is not one of , ; | and tab: one character, or `tab`
    #[arg(long, value_name = "CHARACTER", value_parser = delimiter)]
    delimiter: Option<u8>,

    /// The encoding of text, if it does not show: such as utf-8, gb18030, utf-16le
    #[arg(long, value_name = "NAME", value_parser = encoding_named)]
    encoding: Option<&'static Encoding>,

    /// The sheet of a workbook; the first one that is shown and has cells, unless given
    #[arg(long, value_name = "NAME")]
    sheet: Option<String>,

    /// The offset of times that name none, such as +08:00; UTC unless given
    #[arg(long, value_name = "+HH:MM", default_value = UTC, value_parser = zone,
        allow_hyphen_values = true)]
    utc_offset: String,

    /// What the file is called; its name unless given
    ///
    /// What is said about the columns of a source is used again by the next import of it. A row without
    /// anything to know it by gets an identity made of this and of what it says, so that it is known again.
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
}

/// Why nothing was begun; the process ends with 2 then.
#[derive(Debug, thiserror::Error)]
#[error("nothing was imported")]
pub(super) struct NotBegun;

fn on_conflict(name: &str) -> Result<OnConflict, &'static str> {
    OnConflict::named(name).ok_or("expected merge, keep or reject")
}

fn delimiter(text: &str) -> Result<u8, &'static str> {
    match text.as_bytes() {
        _ if text.eq_ignore_ascii_case("tab") || text == "\\t" => Ok(b'\t'),
        [byte] if byte.is_ascii() && !byte.is_ascii_alphanumeric() && !b"\"\r\n".contains(byte) => {
            Ok(*byte)
        }
        _ => Err("expected one character that is no letter, digit or quote, or `tab`"),
    }
}

fn zone(text: &str) -> Result<String, &'static str> {
    let is_zone = time::parse(&format!("2024-01-01T00:00:00{text}")).is_some();
    (is_zone && !text.is_empty()).then(|| text.to_owned()).ok_or("expected Z, or one like +08:00")
}

/// Brings files in, one after the other.
pub(super) async fn run(location: &StoreLocation, options: &Options) -> Result<()> {
    let choices = choices(options).context(NotBegun)?;
    if options.files.len() > 1 {
        let several =
            options.refused.is_some() || options.skip_rows > 0 || options.source.is_some();
        if several {
            let problem = "--refused, --skip-rows and --source are about one file, not several";
            return Err(anyhow!(problem).context(NotBegun));
        }
    }
    let over = Arc::new(AtomicBool::new(false));
    if options.dry_run {
        return dry_run::run(location, options, &choices, &over).await;
    }
    give_way();
    let store = open(location, StoreOptions::default()).await.context(NotBegun)?;
    let mut refused = 0;
    let mut result = Ok(());
    for file in &options.files {
        let run = Run { location, options, choices: &choices, over: &over };
        match run.import(&*store, file).await {
            Ok(counts) => refused += counts.refused,
            Err(error) => {
                result = Err(error);
                break;
            }
        }
    }
    store.close().await.context("cannot close the store")?;
    result?;
    ensure!(refused == 0, "{} refused", were(refused));
    Ok(())
}

/// So many rows, of which something is to be said.
fn were(rows: u64) -> String {
    format!("{} {}", counted(rows, "row"), if rows == 1 { "was" } else { "were" })
}

/// From now on Ctrl-C says that it is over; before, it ends a process that has applied nothing.
fn listen(over: &Arc<AtomicBool>) {
    let over = Arc::clone(over);
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            over.store(true, Ordering::Relaxed);
        }
    });
}

fn choices(options: &Options) -> Result<Choices> {
    let mut choices = Choices::default();
    if let Some(path) = &options.mapping {
        let text = std::fs::read(path).with_context(|| path.display().to_string())?;
        choices.add_file(&text).with_context(|| path.display().to_string())?;
    }
    if options.found_by.id {
        choices.match_by_id();
    }
    for pair in &options.maps {
        choices.add(pair).context("--map")?;
    }
    Ok(choices)
}

/// A file that is open, with its first rows and what its columns are.
struct Opened {
    form: Form,
    extent: Extent,
    rows: Rows,
    first: Chunk,
    mapping: Mapping,
}

impl Opened {
    /// Opens a file, of whose columns this is said.
    async fn new(options: &Options, path: &Path, said: Said) -> Result<Opened> {
        let source = Source::open(path, &read_options(options))?;
        let (form, extent) = (source.form(), source.extent());
        let mut rows = Rows::start(source, said.clone())?;
        let first = rows.next().await?.unwrap_or_default();
        let choices = said.choices(&first.columns);
        let mapping = Mapping::new(&first.columns, choices, form == Form::Lines)?;
        Ok(Opened { form, extent, rows, first, mapping })
    }
}

fn read_options(options: &Options) -> ReadOptions {
    ReadOptions {
        delimiter: options.delimiter,
        encoding: options.encoding,
        sheet: options.sheet.clone(),
        header: options.header_row.map_or(HeaderRow::Sought, HeaderRow::At),
    }
}

/// What holds for all files of a run.
struct Run<'a> {
    location: &'a StoreLocation,
    options: &'a Options,
    choices: &'a Choices,
    over: &'a Arc<AtomicBool>,
}

impl Run<'_> {
    async fn import(&self, store: &dyn Store, path: &Path) -> Result<Counts> {
        let started = self.begin(store, path).await.context(NotBegun)?;
        let Started { mut import, mut rows, first, extent, content } = started;
        let watch = Waiting::new(path, extent, self.over, Some(self.location));
        let watch = Waiting { before: applied(&import.counts), ..watch };
        let known = import.mapping.columns.len();
        listen(self.over);
        let ended = import.run(first, &mut rows, &watch).await;
        watch.terminal.clear();
        show_later(&import.mapping, known)?;
        let counts = import.counts;
        show_refused(&import)?;
        say!("{}", Told(&counts))?;
        if let Some(report) = &import.report {
            show_report(report, self.options)?;
        }
        let name = path.display();
        let on = match content {
            Some(_) => format!("{name}: the same command goes on after row {}", counts.rows),
            None => format!("{name}: go on with --skip-rows {}", counts.rows),
        };
        ensure!(ended.with_context(|| on.clone())?, "{on}: interrupted");
        Ok(counts)
    }
}

/// What has to be said again for refused rows to be read and applied as their file was. What was said about
/// columns is known.
fn said_again(options: &Options) -> String {
    let mut flags = Vec::new();
    if options.tenant != DEFAULT_TENANT {
        flags.push(format!("--tenant {}", options.tenant));
    }
    if options.utc_offset != UTC {
        flags.push(format!("--utc-offset {}", options.utc_offset));
    }
    if options.found_by != FoundBy::default() {
        flags.push(format!("--match {}", options.found_by));
    }
    if let Some(on_conflict) = options.on_conflict {
        flags.push(format!("--on-conflict {}", on_conflict.name()));
    }
    if options.raw {
        flags.push("--raw".to_owned());
    }
    match options.delimiter {
        Some(b'\t') => flags.push("--delimiter tab".to_owned()),
        Some(delimiter) => flags.push(format!("--delimiter '{}'", char::from(delimiter))),
        None => (),
    }
    if flags.is_empty() { String::new() } else { format!(" with {}", flags.join(" ")) }
}

/// What a file is called.
fn source_of(options: &Options, path: &Path) -> String {
    let name =
        || path.file_name().map_or_else(|| "-".into(), |it| it.to_string_lossy().into_owned());
    options.source.clone().unwrap_or_else(name)
}

/// What the flags ask for, but for columns.
fn wishes(options: &Options) -> Wishes {
    Wishes {
        choices: Choices::default(),
        read: read_options(options),
        utc_offset: options.utc_offset.clone(),
        on_conflict: options.on_conflict,
        matching: options.found_by.matching(),
        raw: options.raw,
        skip: options.skip_rows,
    }
}

fn show_mapping(path: &Path, opened: &Opened) -> Result<()> {
    let mapping = &opened.mapping;
    let form = match opened.form {
        Form::Table(b'\t') => "CSV with tabs".to_owned(),
        Form::Table(delimiter) => format!("CSV with `{}`", char::from(delimiter)),
        Form::Lines => "NDJSON".to_owned(),
        Form::Workbook => "XLSX".to_owned(),
    };
    let columns = u64::try_from(mapping.columns.len()).unwrap_or(u64::MAX);
    say!("{}: {form}, {}", path.display(), counted(columns, "column"))?;
    if let Some(Above { rows, headings }) = opened.first.above {
        let are = if rows == 1 { "is" } else { "are" };
        let rows = counted(rows, "row");
        say!("the headings are in line {headings}; {rows} above {are} passed over")?;
    }
    if let Some(Sheets { sheet, others }) = &opened.first.sheets {
        let names: Vec<String> =
            others.iter().take(SHEETS_SHOWN_MAX).map(|it| format!("`{it}`")).collect();
        let rest = others.len().saturating_sub(SHEETS_SHOWN_MAX);
        let rest = if rest > 0 { format!(" and {rest} more") } else { String::new() };
        say!(
            "the sheet is `{sheet}`; left out, unless --sheet names them: {}{rest}",
            names.join(", ")
        )?;
    }
    show_columns(mapping, 0)?;
    if opened.form != Form::Lines && mapping.says_something() && !mapping.names_anybody() {
        say!(
            "no column tells who a row is (a mobile, an e-mail address, an identity): each is a new customer"
        )?;
    }
    Ok(())
}

/// Shows what columns are, from this one on.
fn show_columns(mapping: &Mapping, from: usize) -> Result<()> {
    for (place, column) in mapping.columns.iter().enumerate().skip(from) {
        say!("  {:20} -> {}", mapping.heading(place), column.target)?;
    }
    Ok(())
}

/// Shows what came of columns that were not known at the beginning.
fn show_later(mapping: &Mapping, known: usize) -> Result<()> {
    if mapping.columns.len() > known {
        say!("columns that came later:")?;
        show_columns(mapping, known)?;
    }
    for wanted in mapping.unmet() {
        say!("no column `{wanted}` came")?;
    }
    Ok(())
}

fn show_refused(import: &Import<'_>) -> Result<()> {
    for row in &import.refused {
        say!("line {} refused: {}", row.line, row.reason)?;
    }
    let shown = u64::try_from(import.refused.len()).unwrap_or(u64::MAX);
    if import.counts.refused > shown {
        say!("and {} more", import.counts.refused - shown)?;
    }
    Ok(())
}

/// Says where refused rows are.
fn show_report(report: &Report, options: &Options) -> Result<()> {
    let Some(path) = report.path() else { return Ok(()) };
    let here = std::env::current_dir().unwrap_or_default();
    let shown = path.strip_prefix(here).unwrap_or(path).display();
    if report.rows_of_workbook().is_some() {
        return say!("refused rows so far are in {shown}: a workbook is made of it at the end");
    }
    let flags = said_again(options);
    say!("refused rows are in {shown}: mend them there, and import that file{flags}")
}

/// What came of rows, for people.
struct Told<'a>(&'a Counts);

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts {
            rows, created, updated, unchanged, merged, conflicts, refused, skipped, ..
        } = self.0;
        write!(
            f,
            "{}: {created} created, {updated} updated, {unchanged} unchanged, {merged} \
             merged, {refused} refused; {conflicts} with conflicts",
            counted(*rows, "row")
        )?;
        if *skipped > 0 {
            write!(f, "; {skipped} skipped")?;
        }
        Ok(())
    }
}

/// What came of rows so far, without what there is none of.
struct Brief<'a>(&'a Counts);

impl fmt::Display for Brief<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts {
            rows, created, updated, unchanged, merged, conflicts, refused, skipped, ..
        } = *self.0;
        f.write_str(&counted(rows, "row"))?;
        let outcomes = listed(&[
            (created, "created"),
            (updated, "updated"),
            (unchanged, "unchanged"),
            (merged, "merged"),
            (refused, "refused"),
            (conflicts, "with conflicts"),
            (skipped, "skipped"),
        ]);
        if outcomes.is_empty() { Ok(()) } else { write!(f, ", {outcomes}") }
    }
}

/// A row as it would be sent.
struct Shown<'a>(&'a Upsert);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = &self.0.fields;
        let mut parts: Vec<String> = Vec::new();
        parts.extend(self.0.matching.customer.map(|id| format!("id = {id}")));
        for (key, value) in &fields.values {
            let is_time = matches!(key, FieldKey::Builtin(it) if it.kind() == Kind::Time);
            let value = match value {
                None => continue,
                Some(Value::Text(text)) => text.to_string(),
                Some(Value::Integer(at)) if is_time => time::precise(*at).unwrap_or_default(),
                Some(Value::Integer(number)) => number.to_string(),
                Some(Value::Decimal(number)) => number.get().to_string(),
                Some(Value::Flag(flag)) => flag.to_string(),
            };
            parts.push(format!("{key} = {value}"));
        }
        for (name, flag) in
            [("mobileVerified", fields.mobile_verified), ("emailVerified", fields.email_verified)]
        {
            parts.extend(flag.map(|flag| format!("{name} = {flag}")));
        }
        let identities = self.0.identities.iter();
        parts.extend(identities.map(|it| format!("identity:{} = {}", it.kind, it.value)));
        f.write_str(&parts.join(", "))
    }
}

/// Somebody in front of a terminal, or a file that lines go to.
struct Waiting<'a> {
    terminal: Terminal,
    name: String,
    extent: Extent,
    over: &'a AtomicBool,
    /// The store, which others may write to as well; `None` of one that is only read.
    location: Option<&'a StoreLocation>,
    begun: Instant,
    /// Rows that were brought in before it began.
    before: u64,
}

/// Rows that were brought in or refused, without those that were passed over.
fn applied(counts: &Counts) -> u64 {
    counts.rows.saturating_sub(counts.skipped)
}

impl<'a> Waiting<'a> {
    fn new(
        path: &Path,
        extent: Extent,
        over: &'a AtomicBool,
        location: Option<&'a StoreLocation>,
    ) -> Waiting<'a> {
        let name =
            path.file_name().map_or_else(|| "-".into(), |it| it.to_string_lossy().into_owned());
        let (terminal, begun) = (Terminal::in_lines(), Instant::now());
        Waiting { terminal, name, extent, over, location, begun, before: 0 }
    }
}

impl Watch for Waiting<'_> {
    fn at(&self, counts: &Counts) {
        let millis = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX).max(1);
        let rate = applied(counts).saturating_sub(self.before).saturating_mul(1_000) / millis;
        let step = format!("{}: {rate} rows/s, {}", self.name, Brief(counts));
        let total = self.extent.total;
        self.terminal.at(&step, self.extent.read().min(total), total);
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    fn turns(&self, others: bool) -> Turns {
        match self.location {
            // Who waits for the file does not write until it is free.
            Some(StoreLocation::Sqlite(path)) if SqliteStore::is_served(path) => Turns::EveryOther,
            Some(StoreLocation::Postgres(_)) if others => Turns::Shorter,
            Some(StoreLocation::Sqlite(_) | StoreLocation::Postgres(_)) | None => Turns::Every,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    #[derive(clap::Parser)]
    struct Alone {
        #[command(flatten)]
        options: Options,
    }

    #[test]
    fn who_mends_refused_rows_is_told_what_to_say_again() {
        let said = |flags: &str| {
            let words = ["import", "a.csv"].into_iter().chain(flags.split_whitespace());
            said_again(&Alone::parse_from(words).options)
        };
        assert_eq!(said(""), "");
        assert_eq!(said("--map x=attr.y --skip-rows 7 --encoding gb18030"), "");
        assert_eq!(said("--utc-offset -03:30"), " with --utc-offset -03:30");
        assert_eq!(
            said("--raw --delimiter ^ --match id,identity --on-conflict keep --tenant shop"),
            " with --tenant shop --match id,identity --on-conflict keep --raw --delimiter '^'"
        );
    }

    #[test]
    fn delimiters_and_offsets_that_can_be_none_are_refused() {
        assert_eq!([delimiter("tab"), delimiter("\\t"), delimiter("^")], [Ok(9), Ok(9), Ok(b'^')]);
        for text in ["", "a", "1", "\"", ";;", "；", "\n"] {
            assert!(delimiter(text).is_err(), "{text}");
        }
        assert!(["Z", "+08:00", "-0330"].into_iter().all(|text| zone(text).is_ok()));
        assert!(["", "8", "+8", "Asia/Shanghai", "+25:00"].into_iter().all(|it| zone(it).is_err()));
    }
}
