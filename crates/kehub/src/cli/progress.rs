//! How far a long piece of work has come, for whoever waits in front of it.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use kehub_store::Progress;
use std::fmt;
use std::io::{IsTerminal as _, Write as _, stderr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often a line is printed where there is no terminal.
const LINE_PERIOD: Duration = Duration::from_secs(10);

const STEP: &str = "{spinner} {msg}";
const SHARE: &str = "{spinner} {msg:24} [{bar:30}] {percent:>3} %, {eta} left";
const COUNT: &str =
    "{spinner} {msg:24} [{bar:30}] {human_pos}/{human_len} {prefix}, {rate}/s, {eta} left";

/// Tells progress on one line of the terminal that errors go to. If that is a file, nobody is told,
/// except now and then of what is counted.
pub(super) struct Terminal {
    bar: ProgressBar,
    told_as: ToldAs,
    /// When the last line was printed.
    told: Mutex<Instant>,
}

/// What stands beside a step.
#[derive(Clone, Copy, Debug)]
enum ToldAs {
    /// Its share of the whole; on a terminal only.
    Share,
    /// The same, also in lines elsewhere.
    ShareInLines,
    /// How many of these are done, and how fast; also in lines elsewhere.
    Count(&'static str),
}

impl Default for Terminal {
    fn default() -> Terminal {
        Terminal::new(ToldAs::Share)
    }
}

impl Terminal {
    /// Tells also how many of these are done, and how fast.
    pub(super) fn counting(unit: &'static str) -> Terminal {
        Terminal::new(ToldAs::Count(unit))
    }

    /// Tells steps now and then also where there is no terminal.
    pub(super) fn in_lines() -> Terminal {
        Terminal::new(ToldAs::ShareInLines)
    }

    fn new(told_as: ToldAs) -> Terminal {
        // Hidden by itself where there is no terminal.
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let ToldAs::Count(unit) = told_as {
            bar.set_prefix(unit);
        }
        Terminal { bar, told_as, told: Mutex::new(Instant::now()) }
    }

    /// Leaves nothing behind.
    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }

    /// Prints something while the line is out of the way.
    pub(super) fn aside<T>(&self, print: impl FnOnce() -> T) -> T {
        self.bar.suspend(print)
    }

    fn style(&self, total: u64) -> &'static str {
        match (total, self.told_as) {
            (0, _) => STEP,
            (_, ToldAs::Count(_)) => COUNT,
            (_, ToldAs::Share | ToldAs::ShareInLines) => SHARE,
        }
    }

    fn print(&self, step: &str, done: u64, total: u64) {
        let line = match self.told_as {
            ToldAs::Share => return,
            ToldAs::Count(unit) => format!("{step}: {done} of {total} {unit}"),
            ToldAs::ShareInLines => match done.saturating_mul(100).checked_div(total) {
                None => step.to_owned(),
                Some(percent) => format!("{step} ({percent} %)"),
            },
        };
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.elapsed() >= LINE_PERIOD {
            *told = Instant::now();
            // Where that cannot be written to, there is nobody to read it.
            drop(writeln!(stderr(), "{line}"));
        }
    }
}

impl Progress for Terminal {
    fn at(&self, step: &str, done: u64, total: u64) {
        if !stderr().is_terminal() {
            self.print(step, done, total);
            return;
        }
        if self.bar.message() != step {
            if let Ok(style) = ProgressStyle::with_template(self.style(total)) {
                self.bar.set_style(style.with_key("rate", whole_rate));
            }
            self.bar.set_message(step.to_owned());
        }
        if done < self.bar.position() {
            self.bar.reset();
        }
        self.bar.set_length(total);
        self.bar.set_position(done);
        self.bar.tick();
    }
}

fn whole_rate(state: &ProgressState, text: &mut dyn fmt::Write) {
    // A text takes whatever is written.
    write!(text, "{:.0}", state.per_sec()).ok();
}
