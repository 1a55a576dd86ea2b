//! Where the time comes from. Nothing else in the program asks the machine for it.

use kehub_core::Micros;
use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Says what time it is.
pub trait Clock: fmt::Debug + Send + Sync {
    /// Now, in microseconds since 1970-01-01T00:00:00Z.
    fn now(&self) -> Micros;
}

/// The clock of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Micros {
        #[expect(clippy::disallowed_methods, reason = "this is the one place that asks")]
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.ok().and_then(|since| i64::try_from(since.as_micros()).ok()).unwrap_or(0)
    }
}

/// By how much a clock is ahead of another one, at least, in microseconds; less than 0 where it is behind. It showed
/// `before` and `after` around the moment at which the other one was read.
pub fn ahead(before: Micros, other: Micros, after: Micros) -> Micros {
    if other < before { before - other } else { (after - other).min(0) }
}

/// A clock that stands still until somebody moves it. For tests.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows this moment.
    pub fn at(now: Micros) -> ManualClock {
        ManualClock(AtomicI64::new(now))
    }

    /// Moves the clock on by this many seconds.
    pub fn advance_seconds(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Micros {
        self.0.load(Ordering::SeqCst)
    }
}

#[test]
fn a_slow_answer_is_not_taken_for_another_time() {
    assert_eq!(ahead(1_000, 5_000, 9_000), 0);
    assert_eq!(ahead(1_000, 400, 9_000), 600);
    assert_eq!(ahead(1_000, 9_700, 9_000), -700);
}
