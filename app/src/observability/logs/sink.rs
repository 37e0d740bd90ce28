//! The log writer. A thread of its own writes the lines, so that callers never wait for the reader of standard output.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// Maximum number of waiting lines. Further lines are dropped and counted.
const MAX_WAITING: usize = 8_192;
/// Maximum size of a write.
const MAX_BATCH_BYTES: usize = 64 * 1024;
/// How long a line may wait to be written together with others. The thread sleeps meanwhile, so that callers do not
/// have to wake it.
const GATHERING: Duration = Duration::from_millis(2);
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
    /// Answered when everything before it is written.
    Flush(SyncSender<()>),
}

impl LogSink {
    /// Starts the writer thread.
    pub fn start(output: impl Write + Send + 'static) -> io::Result<Self> {
        let (messages, waiting) = sync_channel(MAX_WAITING);
        let dropped = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&dropped);
        std::thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || write_all(&waiting, output, &counter))?;
        Ok(Self { messages, dropped })
    }

    /// Queues whole lines, each with its line break.
    pub(super) fn send(&self, line: Vec<u8>) {
        if let Err(TrySendError::Full(_)) = self.messages.try_send(Message::Line(line)) {
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

#[allow(clippy::disallowed_methods, reason = "a thread of its own, which blocks nobody")]
fn gather() {
    std::thread::sleep(GATHERING);
}

fn write_all(messages: &Receiver<Message>, mut output: impl Write, dropped: &AtomicU64) {
    let mut batch = Vec::new();
    while let Ok(first) = messages.recv() {
        if matches!(first, Message::Line(_)) {
            gather();
        }
        let mut flushed = None;
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                Message::Line(line) => batch.extend(line),
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
            tracing::warn!(lines, "log lines were dropped, because they were not read fast enough");
        }
    }
}

impl Write for &LogSink {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.send(line.to_vec());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for LogSink {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> Self::Writer {
        self
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
            (&sink).write_all(format!("{number}\n").as_bytes()).unwrap();
        }
        // A flush waits for a second, which may be too short on a busy machine.
        let flushed = (0..60).any(|_| sink.flush());
        assert!(flushed);
        let expected: String = (0..1_000).map(|number| format!("{number}\n")).collect();
        assert_eq!(buffer.text(), expected);
    }

    #[test]
    fn nobody_waits_for_a_reader_who_has_stopped() {
        let (_reader, stalled): (Sender<()>, _) = channel();
        let sink = LogSink::start(Stalled(stalled)).unwrap();
        for _ in 0..3 * MAX_WAITING {
            (&sink).write_all(b"a line\n").unwrap();
        }
        assert!(sink.dropped.load(Ordering::Relaxed) > 0);
        assert!(!sink.flush(), "nothing was written");
    }
}
