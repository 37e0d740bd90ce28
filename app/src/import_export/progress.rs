use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often a line is written where there is no terminal.
const INTERVAL: Duration = Duration::from_secs(3);

/// Shows on standard error how far something has come: a bar on a terminal, and elsewhere a line every few seconds.
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
    /// Begins with nothing done. What is counted may be anything, so long as `total` counts the same.
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

    /// Shows nothing.
    pub fn hidden() -> Self {
        Self { what: "", done: 0, total: None, begun: Instant::now(), shown: Shown::Nothing }
    }

    /// Says how much is done by now.
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

    /// Says that so much more is done.
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

    /// Writes a line beside the bar.
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

/// The bar goes; what has come of it is told elsewhere.
impl Drop for Progress {
    fn drop(&mut self) {
        if let Shown::Bar(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }
}
