use std::io::{self, Write};
use std::sync::{Arc, Mutex};

/// Keeps what is written to it, for the tests of the log.
#[derive(Clone, Default)]
pub(super) struct TestBuffer(Arc<Mutex<Vec<u8>>>);

impl TestBuffer {
    pub(super) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for TestBuffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
