use std::sync::atomic::{AtomicU64, Ordering};

use inwren_domain::outbox::OutboxSignal;

/// Counts how often the worker that empties the outbox was woken.
#[derive(Debug, Default)]
pub struct FakeSignal(AtomicU64);

impl FakeSignal {
    /// How often the worker was woken.
    pub fn wakings(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl OutboxSignal for FakeSignal {
    fn letters_queued(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}
