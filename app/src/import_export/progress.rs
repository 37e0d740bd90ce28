use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The interval between progress lines without a terminal.
const INTERVAL: Duration = Duration::from_secs(3);

/// Progress on standard error: a bar on a terminal, otherwise a line every few seconds.
pub struct Progress {
    what: &'static str,
    done: u64,
    total: Option<u64>,
    begun: Instant,
    shown: Shown,
}

enum Shown {
    Bar(ProgressBar),
    Lines { last: Instant },
    Nothing,
}

impl Progress {
    /// Starts at zero. The unit is the caller's choice; `total` uses the same one.
    pub fn begin(what: &'static str, total: Option<u64>) -> Self {
        let shown = if std::io::stderr().is_terminal() {
            let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
            let template = match total {
                Some(_) => "{msg} {bar:40} {percent:>3} % {eta} left",
                None => "{msg} {human_pos}",
            };
            bar.set_style(
                ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()),
            );
            bar.set_message(what);
            Shown::Bar(bar)
        } else {
            Shown::Lines { last: Instant::now() }
        };
        Self { what, done: 0, total, begun: Instant::now(), shown }
    }

    /// A progress that shows nothing.
    pub fn hidden() -> Self {
        Self { what: "", done: 0, total: None, begun: Instant::now(), shown: Shown::Nothing }
    }

    /// Sets the amount done so far.
    pub fn set(&mut self, done: u64) {
        self.done = done;
        match &mut self.shown {
            Shown::Bar(bar) => bar.set_position(done),
            Shown::Lines { last } if last.elapsed() >= INTERVAL => {
                *last = Instant::now();
                let _ = writeln!(std::io::stderr(), "{}", self.line());
            }
            Shown::Lines { .. } | Shown::Nothing => {}
        }
    }

    /// Adds to the amount done.
    pub fn advance(&mut self, more: u64) {
        self.set(self.done + more);
    }

    fn line(&self) -> String {
        let seconds = self.begun.elapsed().as_secs();
        match self.total.filter(|total| *total > 0) {
            Some(total) => {
                let percent = self.done.min(total) * 100 / total;
                format!("{} {percent} % after {seconds} s", self.what)
            }
            None => format!("{} {} after {seconds} s", self.what, HumanCount(self.done)),
        }
    }

    /// Prints a line without disturbing the bar.
    pub fn tell(&self, line: &str) {
        let tell = || {
            let _ = writeln!(std::io::stderr(), "{line}");
        };
        match &self.shown {
            Shown::Bar(bar) => bar.suspend(tell),
            Shown::Lines { .. } => tell(),
            Shown::Nothing => {}
        }
    }
}

/// Removes the bar. The caller reports the result.
impl Drop for Progress {
    fn drop(&mut self) {
        if let Shown::Bar(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }
}
