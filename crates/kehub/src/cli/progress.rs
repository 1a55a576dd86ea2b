//! How far a long piece of work has come, for whoever waits in front of it.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use kehub_store::Progress;

const STEP: &str = "{spinner} {msg}";
const SHARE: &str = "{spinner} {msg:24} [{bar:30}] {percent:>3} %, {eta} left";

/// Tells progress on one line of the terminal that errors go to; nobody, if that is a file.
pub(super) struct Terminal {
    bar: ProgressBar,
}

impl Default for Terminal {
    fn default() -> Terminal {
        // Hidden by itself where there is no terminal.
        Terminal { bar: ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()) }
    }
}

impl Terminal {
    /// Leaves nothing behind.
    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

impl Progress for Terminal {
    fn at(&self, step: &str, done: u64, total: u64) {
        if self.bar.message() != step {
            let style = if total == 0 { STEP } else { SHARE };
            if let Ok(style) = ProgressStyle::with_template(style) {
                self.bar.set_style(style);
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
