use std::io::{BufRead as _, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

/// The lines that a process writes to one of its outputs.
#[derive(Default)]
pub(super) struct Log {
    written: Mutex<Written>,
    changed: Condvar,
}

#[derive(Default)]
struct Written {
    lines: Vec<String>,
    ended: bool,
}

impl Log {
    pub(super) fn of(output: impl Read + Send + 'static) -> Arc<Self> {
        let log = Arc::new(Self::default());
        let writer = Arc::clone(&log);
        thread::spawn(move || writer.follow(output));
        log
    }

    fn follow(&self, output: impl Read) {
        let mut output = BufReader::new(output);
        let mut line = Vec::new();
        while output.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            let text = String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned();
            self.written().lines.push(text);
            self.changed.notify_all();
            line.clear();
        }
        self.written().ended = true;
        self.changed.notify_all();
    }

    pub(super) fn text(&self) -> String {
        self.written().lines.iter().map(|line| format!("{line}\n")).collect()
    }

    /// Waits until `find` returns a value for the lines. Returns `None` if the output ends without it, or on timeout.
    pub(super) fn wait<T>(&self, patience: Duration, find: impl Fn(&[String]) -> Option<T>) -> Option<T> {
        let waiting = |written: &mut Written| !written.ended && find(&written.lines).is_none();
        let (written, _) =
            self.changed.wait_timeout_while(self.written(), patience, waiting).expect("the log");
        find(&written.lines)
    }

    /// Waits for the end of the output. Returns `false` on timeout.
    pub(super) fn wait_for_end(&self, patience: Duration) -> bool {
        let waiting = |written: &mut Written| !written.ended;
        let (written, _) =
            self.changed.wait_timeout_while(self.written(), patience, waiting).expect("the log");
        written.ended
    }

    fn written(&self) -> MutexGuard<'_, Written> {
        self.written.lock().expect("the log")
    }
}
