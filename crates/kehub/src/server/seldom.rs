//! Log lines about what every request meets, such as a store that is away: one a second tells it.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// At most one line in this time, unless another one is given.
const PERIOD: Duration = Duration::from_secs(1);

/// Lets one of many lines through.
#[derive(Debug)]
pub(crate) struct Seldom {
    period: Duration,
    lines: Mutex<Lines>,
}

#[derive(Debug)]
struct Lines {
    told_at: Option<Instant>,
    /// Lines since then that were not let through.
    kept: u64,
}

impl Seldom {
    pub(crate) const fn new() -> Seldom {
        Seldom::every(PERIOD)
    }

    /// At most one in this time.
    pub(crate) const fn every(period: Duration) -> Seldom {
        Seldom { period, lines: Mutex::new(Lines { told_at: None, kept: 0 }) }
    }

    /// Whether it is time for a line: if so, how many before it were not let through.
    pub(crate) fn turn(&self, now: Instant) -> Option<u64> {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.told_at.is_some_and(|told| now.duration_since(told) < self.period) {
            lines.kept += 1;
            return None;
        }
        lines.told_at = Some(now);
        Some(std::mem::take(&mut lines.kept))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_lines_become_one_a_second_which_counts_the_others() {
        let (seldom, start) = (Seldom::new(), Instant::now());
        let turns = |from: u64| {
            let moments = (from..from + 1_000).map(|millis| start + Duration::from_millis(millis));
            moments.filter_map(|moment| seldom.turn(moment)).collect::<Vec<_>>()
        };
        assert_eq!(turns(0), [0]);
        assert_eq!(turns(1_000), [999]);
        assert_eq!(turns(7_500), [999]);
    }
}
