use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};

use super::text::{Kind, Page};

/// The values of a label. They are few, and fixed at compile time.
pub(crate) trait Label: Copy + Send + Sync + 'static {
    /// All values.
    const ALL: &'static [Self];

    /// The value as text.
    fn text(self) -> &'static str;

    /// The index in [`Self::ALL`].
    fn place(self) -> usize;
}

/// Declares an enum that implements [`Label`].
macro_rules! labels {
    ($($(#[$doc:meta])* $name:ident { $($(#[$about:meta])* $variant:ident = $text:literal,)+ })+) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            pub(crate) enum $name { $($(#[$about])* $variant,)+ }

            impl Label for $name {
                const ALL: &'static [Self] = &[$(Self::$variant,)+];

                fn text(self) -> &'static str {
                    match self { $(Self::$variant => $text,)+ }
                }

                fn place(self) -> usize {
                    self as usize
                }
            }
        )+
    };
}
pub(super) use labels;

/// A counter per value of a label. Counting is one atomic addition.
pub(crate) struct Counters<L> {
    counts: Box<[AtomicU64]>,
    label: PhantomData<L>,
}

impl<L: Label> Default for Counters<L> {
    fn default() -> Self {
        Self { counts: L::ALL.iter().map(|_| AtomicU64::new(0)).collect(), label: PhantomData }
    }
}

impl<L: Label> Counters<L> {
    /// Adds one.
    pub(crate) fn count(&self, label: L) {
        if let Some(count) = self.counts.get(label.place()) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The count of a value.
    pub(super) fn get(&self, label: L) -> u64 {
        self.counts.get(label.place()).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// Writes the metric, with a sample per value, including zeros: a rate includes the first event only if the counter
    /// existed before it.
    pub(super) fn write(&self, page: &mut Page, name: &'static str, label: &str, help: &str) {
        let mut metric = page.metric(name, Kind::Counter, help);
        for value in L::ALL {
            metric.sample(&[(label, value.text())], self.get(*value));
        }
    }
}
