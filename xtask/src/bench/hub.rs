//! `cargo xtask bench hub`: every kind of call to one hub.

use super::filled::{Asked, Filled};
use super::place::{BATCH_ROWS, Work};
use super::report::{Origin, Panel, Round, keep, mebi, millis, panels_drawn};
use super::{FILE, decisions, start};
use crate::load::usage::memory;
use crate::load::{Seen, Sent, alone, closed, during, open};
use anyhow::{Context as _, Result};
use hdrhistogram::Histogram;
use rusqlite::{Connection, OpenFlags};
use serde::Serialize;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    asked: Asked,
    /// How long each kind of call is measured
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// How long upserts come at half of the rate that was reached
    #[arg(long, default_value_t = 60)]
    half_load_seconds: u64,
    /// Connections with one call under way each; look-ups that are timed one by one have one
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Claims of each of two customers who are merged, explained and parted
    #[arg(long, default_value_t = 100)]
    claims: u64,
    /// A folder for the figures as JSON and for the picture
    #[arg(long)]
    out: Option<PathBuf>,
}

/// What was measured of one kind of call. Times in milliseconds.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Call {
    what: String,
    #[serde(flatten)]
    round: Round,
    median: f64,
    p99: f64,
    p999: f64,
    max: f64,
    turned_away: u64,
}

impl Call {
    pub(super) fn new(
        what: &str,
        latency: &Histogram<u64>,
        round: Round,
        turned_away: u64,
    ) -> Call {
        let at = |quantile| millis(latency.value_at_quantile(quantile));
        Call {
            what: what.to_owned(),
            round,
            median: at(0.5),
            p99: at(0.99),
            p999: at(0.999),
            max: millis(latency.max()),
            turned_away,
        }
    }

    pub(super) const HEAD: &str = "| what | per second | p50 ms | p99 ms | p99.9 ms | max ms | \
        server µs each | written each |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |";
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Call { what, round, median, p99, p999, max, turned_away } = self;
        let Round { per_second, each } = round;
        write!(f, "| {what} | {per_second:.0} | {median:.1} | {p99:.1} | {p999:.1} | {max:.1} |")?;
        match each {
            Some(each) => {
                write!(f, " {:.0} | {:.0} |", each.server_seconds * 1e6, each.written_bytes)?;
            }
            None => f.write_str(" – | – |")?,
        }
        if *turned_away > 0 { write!(f, " {turned_away} were turned away") } else { Ok(()) }
    }
}

/// A hub, its store, and what came of the calls so far.
struct Bench<'o> {
    options: &'o Options,
    filled: Filled,
    calls: Vec<Call>,
}

pub(super) fn run(options: &Options) -> Result<()> {
    let filled = Filled::new(&options.asked)?;
    let origin = Origin::told();
    println!("\n{origin}\n{}", Call::HEAD);
    let mut bench = Bench { options, filled, calls: Vec::new() };
    // What makes many customers comes last: others are measured with little more than were asked for.
    let most = bench.work("upserts", Work::Upserts)?;
    bench.work("get by id", Work::Gets)?;
    bench.work("get by identity", Work::Identities)?;
    bench.pages()?;
    bench.decisions()?;
    bench.work("four gets by id to an upsert", Work::Mixed)?;
    bench.work(&format!("rows in batches of {BATCH_ROWS}"), Work::Batches)?;
    bench.upserts_at(most / 2.0)?;
    let Bench { filled, calls, .. } = bench;
    let rest = Rest::of(filled)?;
    println!("\n{rest}");
    if let Some(folder) = &options.out {
        let name = format!("hub-{}", options.asked.engine.told());
        keep(folder, &name, &origin, &serde_json::json!({ "calls": calls, "after": rest }))?;
    }
    Ok(())
}

impl Bench<'_> {
    fn time(&self) -> Duration {
        Duration::from_secs(self.options.seconds)
    }

    fn take(&mut self, call: Call) {
        println!("{call}");
        self.calls.push(call);
    }

    /// A kind of call, over all connections.
    fn work(&mut self, what: &str, work: Work) -> Result<f64> {
        let (seen, round) = self.filled.place.run(work, self.options.connections, self.time())?;
        self.take(Call::new(what, &seen.latency, round, seen.turned_away));
        Ok(round.per_second)
    }

    /// Upserts that come at this rate, whatever becomes of those before.
    fn upserts_at(&mut self, rate: f64) -> Result<()> {
        let time = Duration::from_secs(self.options.half_load_seconds);
        // Enough connections that a request which is due never waits for one.
        let connections = self.options.connections * 2;
        let source = self.filled.place.source(Work::Upserts, time);
        let (seen, round) = self
            .filled
            .place
            .used(|| open(&self.filled.place.target, connections, rate, &source))?;
        self.take(Call::new(
            "upserts at half of the largest rate",
            &seen.latency,
            round,
            seen.turned_away,
        ));
        let Some(folder) = &self.options.out else { return Ok(()) };
        std::fs::create_dir_all(folder)?;
        let engine = self.options.asked.engine.told();
        let title = format!("Upserts at half of the largest rate, {engine}");
        let panel = Panel::of_course(&seen.course, 1.0);
        panels_drawn(&folder.join(format!("hub-{engine}.svg")), &title, "seconds", &[panel])
    }

    /// Lists and counts, one call after the other.
    fn pages(&mut self) -> Result<()> {
        let created = |share: u64| {
            let id = (self.options.asked.customers * share / 100).max(1);
            let told = self.filled.place.get(&format!("/v1/customers/{id}?select=dateCreated"))?;
            let moment = told.split('"').nth(3).context("no time in an answer")?;
            anyhow::Ok(moment.to_owned())
        };
        let (from, tenth, twentieth) = (created(40)?, created(50)?, created(45)?);
        let period = |to: &str| format!("dateCreatedFrom={from}&dateCreatedTo={to}");
        let updated = format!("lastUpdatedFrom={from}&lastUpdatedTo={twentieth}");
        // 官网 and 王伟
        let (source, name) = ("source=%E5%AE%98%E7%BD%91", "name=%E7%8E%8B%E4%BC%9F");
        let (one, mail) = (crate::load::people::mobile(7), "email=u7%40example.com");
        let mobile = format!("mobile={one}");
        let filters: [(&str, String); 12] = [
            ("no filter", String::new()),
            ("source", source.to_owned()),
            ("stage", "stage=lead".to_owned()),
            ("gender", "gender=1".to_owned()),
            ("name", name.to_owned()),
            ("mobile", mobile),
            ("email", mail.to_owned()),
            ("externalId", "externalId=e-1".to_owned()),
            ("idList", "idList=1,20,300,4000".to_owned()),
            ("created, 5 %", period(&twentieth)),
            ("gender and created, 5 %", format!("gender=1&{}", period(&tenth))),
            ("source and updated", format!("{source}&{updated}")),
        ];
        for (name, filter) in &filters {
            self.look(
                &format!("first page of 20: {name}"),
                &format!("/v1/customers?rows=20&{filter}"),
            )?;
        }
        for (name, filter) in &filters {
            self.look(&format!("count: {name}"), &format!("/v1/customers/count?{filter}"))?;
        }
        for order in ["id", "lastUpdated"] {
            let path = format!("/v1/customers?rows=100&page=1000&sidx={order}&sord=desc");
            self.look(&format!("page 1000 of 100 by {order}"), &path)?;
        }
        Ok(())
    }

    /// The same look again and again, over one connection.
    fn look(&mut self, what: &str, path: &str) -> Result<()> {
        let asked = path.to_owned();
        let time = self.time().min(Duration::from_secs(2));
        let source = during(time, move || Sent::get(asked.clone()));
        let (seen, round) =
            self.filled.place.used(|| closed(&self.filled.place.target, 1, &source))?;
        self.take(Call::new(what, &seen.latency, round, seen.turned_away));
        Ok(())
    }

    fn decisions(&mut self) -> Result<()> {
        let Options { connections, claims, .. } = *self.options;
        let decided = alone(decisions::measure(&self.filled.place, connections, claims))?;
        let kinds = [
            (format!("merge by hand, of {claims} claims each, beside upserts"), &decided.merge),
            ("undo of that".to_owned(), &decided.undo),
            ("explanation across that".to_owned(), &decided.explain),
            ("explanation of a few claims".to_owned(), &decided.explain_small),
        ];
        for (what, times) in kinds {
            let round = Round::new(1e6 / times.mean().max(1.0), times.len(), None);
            self.take(Call::new(&what, times, round, 0));
        }
        let Seen { latency, items, turned_away, .. } = &decided.upserts;
        let round = Round::new(decided.upserts.per_second(), *items, None);
        self.take(Call::new("upserts meanwhile", latency, round, *turned_away));
        Ok(())
    }
}

/// What is left when all calls are answered.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Rest {
    customers: u64,
    /// Bytes of memory that the hub held at the end, and after its next start.
    memory: f64,
    memory_after_start: f64,
    /// Seconds from its next start until it was ready.
    ready: f64,
    /// Bytes of its file, or of its database.
    disk: u64,
    /// Of these, bytes of the journal.
    journal: u64,
}

impl Rest {
    /// Ends the hub, and starts it again.
    fn of(filled: Filled) -> Result<Rest> {
        let Filled { place, store, database, _server, folder } = filled;
        let customers = place.get("/v1/customers/count")?.parse().context("no count")?;
        let memory_held = memory(place.server.process());
        place.server.stop()?;
        let begun = Instant::now();
        let again = start(&store)?;
        let ready = begun.elapsed().as_secs_f64();
        let memory_after_start = memory(again.process());
        again.stop()?;
        let (disk, journal) = match &database {
            Some(database) => (database.size()?, database.size_of("journal")?),
            None => sizes_in(&folder.path().join(FILE))?,
        };
        Ok(Rest { customers, memory: memory_held, memory_after_start, ready, disk, journal })
    }
}

/// Bytes of a file that no hub uses, and of its journal.
fn sizes_in(file: &Path) -> Result<(u64, u64)> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(file, flags)?;
    let sql = "SELECT sum(pgsize) FROM dbstat WHERE name = 'journal' AND aggregate = TRUE";
    let journal: i64 = conn.query_row(sql, (), |row| row.get(0))?;
    Ok((std::fs::metadata(file)?.len(), u64::try_from(journal)?))
}

impl fmt::Display for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Rest { customers, memory, memory_after_start, ready, disk, journal } = self;
        let each = |bytes: u64| bytes / (*customers).max(1);
        writeln!(
            f,
            "{customers} customers at the end, {disk} bytes on disk: {} each, and {} of the journal",
            each(disk - journal),
            each(*journal)
        )?;
        writeln!(
            f,
            "the hub held {:.0} MiB of memory; started again, it was ready in {ready:.2} s and held {:.0} MiB",
            mebi(*memory),
            mebi(*memory_after_start)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_has_a_size_of_its_own() {
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join(FILE);
        let conn = Connection::open(&file).unwrap();
        let tables = "CREATE TABLE journal (key INTEGER PRIMARY KEY, entry BLOB);
            CREATE TABLE customer (key INTEGER PRIMARY KEY, fields BLOB);
            INSERT INTO journal VALUES (1, zeroblob(100000));
            INSERT INTO customer VALUES (1, zeroblob(300000))";
        conn.execute_batch(tables).unwrap();
        drop(conn);
        let (all, journal) = sizes_in(&file).unwrap();
        assert!((100_000..200_000).contains(&journal), "{journal}");
        assert!(all > journal + 300_000, "{all}");
    }
}
