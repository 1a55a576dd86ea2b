//! What an engine tells of itself.

use std::time::Duration;

/// What an engine is doing right now, for the metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gauges {
    /// Requests that wait to be applied.
    pub queue_depth: u64,
    /// Requests applied in groups so far; refused and dry ones included.
    pub grouped_total: u64,
    /// Groups committed so far.
    pub groups_total: u64,
    /// Size of each of the last groups, taken out by this call, oldest first.
    pub group_sizes: Vec<u32>,
    /// How long each of the last groups took from its COMMIT until it was durable, in microseconds,
    /// likewise.
    pub commit_micros: Vec<u64>,
}

/// How many groups are remembered between two looks at the gauges.
pub(crate) const RECENT_GROUPS_MAX: usize = 1024;

impl Gauges {
    /// What is told, while so many requests wait. What was remembered of groups is taken out.
    pub(crate) fn taken(&mut self, waiting: usize) -> Gauges {
        let group_sizes = std::mem::take(&mut self.group_sizes);
        let commit_micros = std::mem::take(&mut self.commit_micros);
        let queue_depth = u64::try_from(waiting).unwrap_or(u64::MAX);
        Gauges { queue_depth, group_sizes, commit_micros, ..self.clone() }
    }

    /// Counts a group, and how long its commit took, if there was one.
    pub(crate) fn count(&mut self, requests: usize, committed: Option<Duration>) {
        self.grouped_total += u64::try_from(requests).unwrap_or(u64::MAX);
        let Some(committed) = committed else { return };
        self.groups_total += 1;
        if self.group_sizes.len() < RECENT_GROUPS_MAX {
            self.group_sizes.push(u32::try_from(requests).unwrap_or(u32::MAX));
            self.commit_micros.push(u64::try_from(committed.as_micros()).unwrap_or(u64::MAX));
        }
    }
}
