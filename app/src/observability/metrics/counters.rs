use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};

use super::text::{Kind, Page};

/// The values that a label can have. There are few, and they are known when the program is built.
pub(crate) trait Label: Copy + Send + Sync + 'static {
    /// All of them.
    const ALL: &'static [Self];

    /// The value as it is written.
    fn text(self) -> &'static str;

    /// The place in [`Self::ALL`].
    fn place(self) -> usize;
}

/// Makes an enum that is a [`Label`].
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

/// A counter for each value of a label. Counting is one atomic addition.
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
    /// One more.
    pub(crate) fn count(&self, label: L) {
        if let Some(count) = self.counts.get(label.place()) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many there were.
    pub(super) fn get(&self, label: L) -> u64 {
        self.counts.get(label.place()).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// Writes the metric, with a sample for each value, zeros too: a rate can be told from the first event on only if
    /// the counter was there before it.
    pub(super) fn write(&self, page: &mut Page, name: &'static str, label: &str, help: &str) {
        let mut metric = page.metric(name, Kind::Counter, help);
        for value in L::ALL {
            metric.sample(&[(label, value.text())], self.get(*value));
        }
    }
}
