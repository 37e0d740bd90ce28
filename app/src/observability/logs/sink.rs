//! The log writer. A thread of its own writes the lines, so that callers never wait for the reader of standard output.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

/// Maximum number of waiting lines. Further lines are dropped and counted.
const MAX_WAITING: usize = 8_192;
/// Maximum size of a write.
const MAX_BATCH_BYTES: usize = 64 * 1024;
/// How long a line may wait to be written together with others. The thread sleeps meanwhile, so that callers do not
/// have to wake it.
const GATHERING: Duration = Duration::from_millis(2);
/// How long the first lines wait for the banner. A startup that takes longer shows what it does.
const MAX_HOLD: Duration = Duration::from_secs(1);
/// How long the end of the process waits for the last lines.
const MAX_FLUSH: Duration = Duration::from_secs(1);

/// Accepts lines without ever waiting. Lines are dropped if the reader is too slow. All lines are dropped if they
/// cannot be written at all, for example on a full disk or to a closed pipe.
#[derive(Clone, Debug)]
pub struct LogSink {
    messages: SyncSender<Message>,
    dropped: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Message {
    Line(Vec<u8>),
    Banner(Vec<u8>),
    /// Answered when everything before it is written.
    Flush(SyncSender<()>),
}

impl LogSink {
    /// Starts the writer thread.
    pub fn start(output: impl Write + Send + 'static) -> io::Result<Self> {
        Self::start_with(output, false)
    }

    /// Starts the writer thread, which holds the lines of the startup back until the [`banner`](Self::banner) is
    /// written.
    pub fn start_for_banner(output: impl Write + Send + 'static) -> io::Result<Self> {
        Self::start_with(output, true)
    }

    fn start_with(output: impl Write + Send + 'static, holds: bool) -> io::Result<Self> {
        let (messages, waiting) = sync_channel(MAX_WAITING);
        let dropped = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&dropped);
        std::thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || write_all(&waiting, output, &counter, holds))?;
        Ok(Self { messages, dropped })
    }

    /// Queues whole lines, each with its line break.
    pub(super) fn send(&self, line: Vec<u8>) {
        self.queue(Message::Line(line));
    }

    /// Queues the banner. It is written before the lines that have been held back for it.
    pub fn banner(&self, text: String) {
        self.queue(Message::Banner(text.into_bytes()));
    }

    fn queue(&self, message: Message) {
        if let Err(TrySendError::Full(_)) = self.messages.try_send(message) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits briefly until all earlier lines are written. `false` if they are not.
    pub fn flush(&self) -> bool {
        let (written, waiting) = sync_channel(1);
        match self.messages.try_send(Message::Flush(written)) {
            Ok(()) => waiting.recv_timeout(MAX_FLUSH) != Err(RecvTimeoutError::Timeout),
            Err(_) => false,
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "a thread of its own, which blocks no task")]
fn gather() {
    std::thread::sleep(GATHERING);
}

/// Collects lines until the banner arrives, and puts it before them. It gives up at a flush, when the lines have waited
/// for [`MAX_HOLD`], or when they fill a batch.
fn hold_back(messages: &Receiver<Message>) -> (Vec<u8>, Option<SyncSender<()>>) {
    let mut held = Vec::new();
    let mut begun: Option<Instant> = None;
    while held.len() < MAX_BATCH_BYTES {
        let message = match begun {
            Some(begun) => messages.recv_timeout(MAX_HOLD.saturating_sub(begun.elapsed())),
            None => messages.recv().map_err(RecvTimeoutError::from),
        };
        match message {
            Ok(Message::Line(line)) => {
                begun.get_or_insert_with(Instant::now);
                held.extend(line);
            }
            Ok(Message::Banner(banner)) => return ([banner, held].concat(), None),
            Ok(Message::Flush(answer)) => return (held, Some(answer)),
            Err(_) => break,
        }
    }
    (held, None)
}

fn write_all(messages: &Receiver<Message>, mut output: impl Write, dropped: &AtomicU64, holds: bool) {
    if holds {
        let (first, flushed) = hold_back(messages);
        let _ = output.write_all(&first).and_then(|()| output.flush());
        if let Some(answer) = flushed {
            let _ = answer.send(());
        }
    }
    let mut batch = Vec::new();
    while let Ok(first) = messages.recv() {
        if matches!(first, Message::Line(_)) {
            gather();
        }
        let mut flushed = None;
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                Message::Line(text) | Message::Banner(text) => batch.extend(text),
                Message::Flush(answer) => flushed = Some(answer),
            }
            let goes_on = flushed.is_none() && batch.len() < MAX_BATCH_BYTES;
            next = if goes_on { messages.try_recv().ok() } else { None };
        }
        // A failed write cannot be reported anywhere.
        let _ = output.write_all(&batch).and_then(|()| output.flush());
        batch.clear();
        if let Some(answer) = flushed {
            let _ = answer.send(());
        }
        let lines = dropped.swap(0, Ordering::Relaxed);
        if lines > 0 {
            tracing::warn!(lines, "dropped log lines: the reader of the log is too slow");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};

    use super::super::test_buffer::TestBuffer;
    use super::*;

    /// Blocks until its other end is dropped.
    struct Stalled(Receiver<()>);

    impl Write for Stalled {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_are_written_in_order() {
        let buffer = TestBuffer::default();
        let sink = LogSink::start(buffer.clone()).unwrap();
        for number in 0..1_000 {
            sink.send(format!("{number}\n").into_bytes());
        }
        // A flush waits for a second, which may be too short on a busy machine.
        let flushed = (0..60).any(|_| sink.flush());
        assert!(flushed);
        let expected: String = (0..1_000).map(|number| format!("{number}\n")).collect();
        assert_eq!(buffer.text(), expected);
    }

    #[test]
    fn the_banner_comes_first() {
        let buffer = TestBuffer::default();
        let sink = LogSink::start_for_banner(buffer.clone()).unwrap();
        sink.send(b"first\n".to_vec());
        sink.banner("banner\n".to_owned());
        sink.send(b"second\n".to_vec());
        let flushed = (0..60).any(|_| sink.flush());
        assert!(flushed);
        assert_eq!(buffer.text(), "banner\nfirst\nsecond\n");
    }

    #[test]
    fn lines_without_a_banner_are_written_at_a_flush() {
        let buffer = TestBuffer::default();
        let sink = LogSink::start_for_banner(buffer.clone()).unwrap();
        sink.send(b"failed\n".to_vec());
        let flushed = (0..60).any(|_| sink.flush());
        assert!(flushed);
        assert_eq!(buffer.text(), "failed\n");
    }

    #[test]
    fn a_stalled_reader_blocks_no_caller() {
        let (_reader, stalled): (Sender<()>, _) = channel();
        let sink = LogSink::start(Stalled(stalled)).unwrap();
        for _ in 0..3 * MAX_WAITING {
            sink.send(b"a line\n".to_vec());
        }
        assert!(sink.dropped.load(Ordering::Relaxed) > 0);
        assert!(!sink.flush(), "nothing was written");
    }
}
