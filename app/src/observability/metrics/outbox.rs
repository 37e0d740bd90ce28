use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use inwren_domain::outbox::deliver::Outcome;
use inwren_domain::outbox::{LetterKind, LetterState, OutboxFigures};
use time::OffsetDateTime;

use super::text::{Kind, Page};

/// The outcomes of an attempt, in the order of their counters.
const OUTCOMES: [&str; 3] = ["delivered", "postponed", "dead"];

/// The letters and logout tokens that this instance sent, and the figures of the outbox when the worker last read them.
#[derive(Debug)]
pub struct OutboxMetrics {
    attempts: Vec<(LetterKind, [AtomicU64; OUTCOMES.len()])>,
    figures: Mutex<OutboxFigures>,
}

impl Default for OutboxMetrics {
    fn default() -> Self {
        let attempts = LetterKind::ALL.iter().map(|kind| (*kind, Default::default())).collect();
        Self { attempts, figures: Mutex::default() }
    }
}

impl OutboxMetrics {
    /// Counts an attempt.
    pub fn count(&self, outcome: &Outcome) {
        let (kind, place) = match outcome {
            Outcome::Delivered(kind) => (kind, 0),
            Outcome::Postponed(kind, _) => (kind, 1),
            Outcome::Died(kind, _) => (kind, 2),
            Outcome::Dropped | Outcome::Lost => return,
        };
        let counters = self.attempts.iter().find(|(known, _)| known == kind);
        if let Some(counter) = counters.and_then(|(_, counters)| counters.get(place)) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Replaces the figures.
    pub fn set(&self, figures: OutboxFigures) {
        *self.figures.lock().unwrap_or_else(PoisonError::into_inner) = figures;
    }

    pub(super) fn write(&self, now: OffsetDateTime, page: &mut Page) {
        let figures = self.figures.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let age = figures.oldest_waiting.map_or(0.0, |oldest| (now - oldest).as_seconds_f64().max(0.0));
        page.metric("inwren_outbox_oldest_seconds", Kind::Gauge, "Age of the oldest letter that waits.")
            .sample(&[], age);
        let mut letters = page.metric(
            "inwren_outbox_letters",
            Kind::Gauge,
            "Letters and logout tokens in the outbox, by kind and state.",
        );
        for kind in LetterKind::ALL {
            for state in [LetterState::Pending, LetterState::Dead] {
                let of_pair = figures.letters.iter().filter(|(k, s, _)| (k, s) == (kind, &state));
                let count: u64 = of_pair.map(|(_, _, count)| count).sum();
                letters.sample(&[("kind", kind.as_str()), ("state", state.as_str())], count);
            }
        }
        let mut sent = page.metric(
            "inwren_letters_sent_total",
            Kind::Counter,
            "Attempts to send a letter or logout token, by kind and outcome.",
        );
        for (kind, counters) in &self.attempts {
            for (outcome, counter) in OUTCOMES.iter().zip(counters) {
                let labels = [("kind", kind.as_str()), ("outcome", *outcome)];
                sent.sample(&labels, counter.load(Ordering::Relaxed));
            }
        }
    }
}
