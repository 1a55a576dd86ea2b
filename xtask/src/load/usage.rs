//! What processes use of the machine, where the system tells it (`/proc`); nothing elsewhere.

use anyhow::{Context as _, Result};
use serde::Serialize;
use std::fs;
use std::ops::Sub;
use std::process::Command;

/// What was used up to one moment, or between two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Usage {
    /// Processor time of the servers, in seconds.
    pub(crate) server_seconds: f64,
    /// That of this process.
    pub(crate) client_seconds: f64,
    /// Bytes that the servers gave to the disk.
    pub(crate) written_bytes: f64,
}

impl Usage {
    /// What these processes have used so far, and this one.
    pub(crate) fn of(servers: &[u32]) -> Usage {
        let sum = |of: fn(u32) -> f64| servers.iter().map(|process| of(*process)).sum();
        Usage {
            server_seconds: sum(seconds),
            client_seconds: seconds(std::process::id()),
            written_bytes: sum(written),
        }
    }
}

impl Sub for Usage {
    type Output = Usage;

    fn sub(self, before: Usage) -> Usage {
        Usage {
            server_seconds: self.server_seconds - before.server_seconds,
            client_seconds: self.client_seconds - before.client_seconds,
            written_bytes: self.written_bytes - before.written_bytes,
        }
    }
}

/// A process and those that it has started, and so on.
pub(crate) fn family(process: u32) -> Result<Vec<u32>> {
    let output = Command::new("ps").args(["-A", "-o", "pid=,ppid="]).output();
    let told = String::from_utf8(output.context("cannot start `ps`")?.stdout)?;
    let pairs: Vec<(u32, u32)> = told
        .lines()
        .filter_map(|line| {
            let mut numbers = line.split_whitespace().map(str::parse);
            Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
        })
        .collect();
    let mut family = vec![process];
    let mut next = 0;
    while let Some(parent) = family.get(next).copied() {
        family.extend(pairs.iter().filter(|(_, of)| *of == parent).map(|(child, _)| *child));
        next += 1;
    }
    Ok(family)
}

/// Processor time, also of children that have ended, in seconds. The system counts hundredths.
fn seconds(process: u32) -> f64 {
    let told = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    ticks(&told) / 100.0
}

fn ticks(stat: &str) -> f64 {
    // The name may hold blanks; fields 14 to 17 count from before it.
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let fields = after_name.split_whitespace().skip(11).take(4);
    fields.filter_map(|ticks| ticks.parse::<f64>().ok()).sum()
}

fn written(process: u32) -> f64 {
    let told = fs::read_to_string(format!("/proc/{process}/io")).unwrap_or_default();
    field(&told, "write_bytes:").unwrap_or_default()
}

/// Bytes of memory that a process holds.
pub(crate) fn memory(process: u32) -> f64 {
    let told = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    field(&told, "VmRSS:").unwrap_or_default() * 1024.0
}

fn field(told: &str, name: &str) -> Option<f64> {
    let rest = told.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}

/// What the machine is, for people.
pub(crate) fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let told = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = told.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("unknown", |(_, model)| model.trim());
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory = field(&memory, "MemTotal:").unwrap_or_default() / 1024.0 / 1024.0;
    format!("{cores} cores ({model}), {memory:.0} GiB of memory, shared by servers and client")
}

#[cfg(test)]
mod tests {
    use super::{family, field, ticks};

    #[test]
    fn the_time_of_a_process_is_read_behind_its_name() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194560 1 2 3 4 150 50 9 1 20 0 12 0 100";
        assert!((ticks(stat) - 210.0).abs() < f64::EPSILON);
        assert!(ticks("").abs() < f64::EPSILON);
    }

    #[test]
    fn a_field_is_found_by_its_whole_name() {
        let told = "cancelled_write_bytes: 1\nwrite_bytes: 4096\nVmRSS:\t  12 kB\n";
        assert_eq!(field(told, "write_bytes:"), Some(4096.0));
        assert_eq!(field(told, "VmRSS:"), Some(12.0));
        assert_eq!(field(told, "VmHWM:"), None);
    }

    #[test]
    fn a_family_begins_with_its_eldest() {
        let own = std::process::id();
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let family = family(own).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(family.first(), Some(&own));
        assert!(family.contains(&child.id()));
    }
}
