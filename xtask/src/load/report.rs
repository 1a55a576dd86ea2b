//! What a run gives to print.

use super::Seen;
use super::decisions::Decisions;
use crate::server::Server;
use anyhow::{Context as _, Result};
use std::fmt;
use std::fs;
use std::time::Duration;

/// What the server and the system tell at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    /// Requests applied in groups.
    grouped: u64,
    /// Groups committed.
    commits: u64,
    /// Processor time of the server and of this client, in hundredths of a second.
    server_ticks: u64,
    client_ticks: u64,
}

impl Reading {
    pub(super) fn take(server: &Server) -> Result<Reading> {
        let metrics = server.get("/metrics")?;
        let value =
            |name| metric(&metrics, name).with_context(|| format!("no `{name}` under /metrics"));
        Ok(Reading {
            grouped: value("kehub_grouped_requests_total")?,
            commits: value("kehub_groups_total")?,
            server_ticks: ticks(server.process()),
            client_ticks: ticks(std::process::id()),
        })
    }
}

/// The value of a metric without labels.
fn metric(metrics: &str, name: &str) -> Option<u64> {
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    line.split('.').next()?.parse().ok()
}

/// Processor time of a process, where the system tells it; 0 elsewhere.
fn ticks(process: u32) -> u64 {
    let Ok(stat) = fs::read_to_string(format!("/proc/{process}/stat")) else { return 0 };
    // The name may hold blanks; fields 14 and 15 count from before it.
    let after_name = stat.rsplit(')').next().unwrap_or("");
    after_name
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|ticks| ticks.parse::<u64>().ok())
        .sum()
}

/// A finished run.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) connections: usize,
    pub(super) customers_before: u64,
    pub(super) customers_after: u64,
    pub(super) before: Reading,
    pub(super) after: Reading,
    pub(super) seen: Seen,
    pub(super) decisions: Option<Decisions>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Seen { latency, created, updated, turned_away, took } = &self.seen;
        let commits = self.after.commits - self.before.commits;
        let grouped = self.after.grouped - self.before.grouped;
        let millis = |micros: u64| tenths(u128::from(micros), 1000);
        writeln!(f)?;
        writeln!(f, "machine        {}, shared by client and server", machine())?;
        writeln!(f, "load           {} connections, closed loop", self.connections)?;
        writeln!(
            f,
            "customers      {} before, {} after",
            self.customers_before, self.customers_after
        )?;
        writeln!(
            f,
            "upserts        {created} created, {updated} updated, {turned_away} turned away"
        )?;
        writeln!(f, "upserts/s      {}", per_second(created + updated, *took))?;
        writeln!(f, "commits/s      {}", per_second(commits, *took))?;
        writeln!(f, "a commit holds {} upserts", tenths(grouped.into(), commits.into()))?;
        writeln!(
            f,
            "latency (ms)   p50 {}  p99 {}  p99.9 {}  max {}",
            millis(latency.value_at_quantile(0.5)),
            millis(latency.value_at_quantile(0.99)),
            millis(latency.value_at_quantile(0.999)),
            millis(latency.max()),
        )?;
        writeln!(
            f,
            "processor      server {} s, client {} s, in {} s",
            tenths((self.after.server_ticks - self.before.server_ticks).into(), 100),
            tenths((self.after.client_ticks - self.before.client_ticks).into(), 100),
            tenths(took.as_millis(), 1000),
        )?;
        self.decisions.as_ref().map_or(Ok(()), |decisions| write!(f, "{decisions}"))
    }
}

impl fmt::Display for Decisions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = |micros: u64| tenths(u128::from(micros), 1000);
        writeln!(
            f,
            "decisions      under the same load, customers of {} claims each",
            self.claims
        )?;
        for (what, times) in [
            ("merge (ms)", &self.merge),
            ("undo (ms)", &self.undo),
            ("explain (ms)", &self.explain),
            ("  few claims", &self.explain_small),
            ("upserts (ms)", &self.upserts.latency),
        ] {
            writeln!(
                f,
                "  {what:13} p50 {}  p99 {}  max {}",
                millis(times.value_at_quantile(0.5)),
                millis(times.value_at_quantile(0.99)),
                millis(times.max()),
            )?;
        }
        Ok(())
    }
}

fn per_second(count: u64, took: Duration) -> u128 {
    u128::from(count) * 1000 / took.as_millis().max(1)
}

/// A quotient with one digit after the point.
fn tenths(value: u128, by: u128) -> String {
    let tenths = value * 10 / by.max(1);
    format!("{}.{}", tenths / 10, tenths % 10)
}

fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("", |(_, model)| model.trim());
    format!("{cores} cores {model}")
}

#[cfg(test)]
mod tests {
    use super::{metric, tenths};

    #[test]
    fn a_metric_is_found_by_its_whole_name() {
        let metrics = "# TYPE a histogram\na_sum 12.0\na_count 3\n";
        assert_eq!(metric(metrics, "a_sum"), Some(12));
        assert_eq!(metric(metrics, "a_count"), Some(3));
        assert_eq!(metric(metrics, "a"), None);
    }

    #[test]
    fn quotients_show_one_digit() {
        assert_eq!(tenths(12_345, 1000), "12.3");
        assert_eq!(tenths(5, 0), "5.0");
    }
}
