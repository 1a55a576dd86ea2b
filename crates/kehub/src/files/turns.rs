//! What an import leaves to others who write to the same place and cannot be queued with.

use kehub_core::Seq;
use kehub_core::outcome::Outcome;
use std::time::{Duration, Instant};

/// The shortest time that is left to whoever waits for a file: they look for it every 25 ms or more often.
const LOOKING: Duration = Duration::from_millis(30);
/// Rows of a batch beside others who wait in a queue: they are next, but for the rows that are being written.
const QUEUED_ROWS: usize = 100;
/// For how long it is taken account of others who wrote between two batches.
const OTHERS_KEPT: Duration = Duration::from_secs(1);

/// Which turns an import takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turns {
    /// All: nobody else is there, or what it sends waits where they wait.
    Every,
    /// Every other one: who waits does not write until it is free for a moment.
    EveryOther,
    /// Shorter ones, with a pause of half of their length: who waits is next anyhow, and in a pause nobody
    /// has to wait.
    Shorter,
}

impl Turns {
    /// How many rows are to be applied in one go, where it would be so many otherwise.
    pub(super) fn rows(self, usual: usize) -> usize {
        match self {
            Turns::Every | Turns::EveryOther => usual,
            Turns::Shorter => usual.min(QUEUED_ROWS),
        }
    }

    /// For how long nothing is sent after a turn that took so long.
    pub(super) fn pause(self, took: Duration) -> Duration {
        match self {
            Turns::Every => Duration::ZERO,
            Turns::EveryOther => took.max(LOOKING),
            Turns::Shorter => took / 2,
        }
    }
}

/// Whether others write to the same journal.
#[derive(Default)]
pub(super) struct Others {
    /// The last entry of ours.
    last: Option<Seq>,
    seen: Option<Instant>,
}

impl Others {
    /// Looks at the places of entries that were written in one go, one behind the other.
    pub(super) fn look(&mut self, outcomes: &[Outcome]) {
        let seq = |outcome: &Outcome| {
            let Outcome::Resolved(resolution) = outcome else { return None };
            resolution.seq
        };
        let Some(first) = outcomes.iter().find_map(seq) else { return };
        if self.last.is_some_and(|last| first.0 > last.0 + 1) {
            self.seen = Some(Instant::now());
        }
        self.last = outcomes.iter().rev().find_map(seq);
    }

    /// Entries of ours may follow that are not looked at.
    pub(super) fn look_away(&mut self) {
        self.last = None;
    }

    /// Whether there were any a moment ago.
    pub(super) fn are_there(&self) -> bool {
        self.seen.is_some_and(|seen| seen.elapsed() < OTHERS_KEPT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_have_time_between_turns() {
        let (short, long) = (Duration::from_millis(4), Duration::from_millis(90));
        assert_eq!(Turns::Every.pause(long), Duration::ZERO);
        // Whoever looks for a file every 25 ms has looked meanwhile.
        assert_eq!(Turns::EveryOther.pause(short), Duration::from_millis(30));
        assert_eq!(Turns::EveryOther.pause(long), long);
        assert_eq!(Turns::Shorter.pause(long), Duration::from_millis(45));
        // A job of a hub has smaller batches already.
        assert_eq!([50, 250].map(|usual| Turns::Shorter.rows(usual)), [50, 100]);
        assert_eq!(Turns::EveryOther.rows(250), 250);
    }
}
