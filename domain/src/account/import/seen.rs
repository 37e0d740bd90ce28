use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Which values were met before, in sixteen bytes each whatever they are.
///
/// Two different values are taken for one with a chance of one in 10²⁶ among a million.
#[derive(Debug, Default)]
pub(super) struct Seen(HashSet<Fingerprint>);

/// Stands for a value.
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

    /// Notes a value. `false` if it was met before.
    pub(super) fn insert(&mut self, value: Fingerprint) -> bool {
        self.0.insert(value)
    }
}
