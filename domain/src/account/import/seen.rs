use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

/// The values that were met before, in sixteen bytes per value.
///
/// Among a million values, two different ones collide with a probability of one in 10²⁶.
#[derive(Debug, Default)]
pub(super) struct Seen(HashSet<Fingerprint>);

/// Identifies a value by 128 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Fingerprint(u64, u64);

impl Fingerprint {
    pub(super) fn of(value: impl Hash) -> Self {
        let half = |which: u8| {
            let mut hasher = DefaultHasher::new();
            which.hash(&mut hasher);
            value.hash(&mut hasher);
            hasher.finish()
        };
        Self(half(0), half(1))
    }
}

impl Seen {
    pub(super) fn contains(&self, value: Fingerprint) -> bool {
        self.0.contains(&value)
    }

    /// Adds a value. `false` if it was met before.
    pub(super) fn insert(&mut self, value: Fingerprint) -> bool {
        self.0.insert(value)
    }
}
