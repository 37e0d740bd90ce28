use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use inwren_domain::outbox::{Mail, MailError, Mailer, Message};

/// The letters that this process sent last, for developers. They contain the secrets of their links.
#[derive(Default)]
pub struct RecentLetters(Mutex<VecDeque<Message>>);

impl RecentLetters {
    /// How many letters are kept.
    const KEPT: usize = 20;

    /// The letters, newest first.
    pub fn newest_first(&self) -> Vec<Message> {
        self.lock().iter().cloned().collect()
    }

    fn add(&self, message: &Message) {
        let mut letters = self.lock();
        // A further attempt replaces the former one.
        letters.retain(|letter| letter.id != message.id);
        letters.truncate(Self::KEPT - 1);
        letters.push_front(message.clone());
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Message>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A mailer that remembers what it sends.
struct Recording {
    inner: Arc<dyn Mailer>,
    recent: Arc<RecentLetters>,
}

#[async_trait]
impl Mailer for Recording {
    async fn send(&self, message: &Message) -> Result<(), MailError> {
        self.recent.add(message);
        self.inner.send(message).await
    }
}

/// Makes the mailer remember what it sends. Only for development.
pub fn record(mail: &mut Mail) -> Arc<RecentLetters> {
    let recent = Arc::new(RecentLetters::default());
    mail.mailer = Arc::new(Recording { inner: Arc::clone(&mail.mailer), recent: Arc::clone(&recent) });
    recent
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::letters::{samples, writer};

    #[test]
    fn the_last_letters_are_kept_once() {
        let sample =
            samples::all(&writer("https://auth.example.org", "A", None).unwrap()).next().unwrap().unwrap();
        let recent = RecentLetters::default();
        for number in [0..25, 24..25].into_iter().flatten() {
            recent.add(&Message { id: number.to_string(), ..sample.clone() });
        }
        let ids: Vec<String> = recent.newest_first().into_iter().map(|letter| letter.id).collect();
        assert_eq!(ids, (5..25).rev().map(|number| number.to_string()).collect::<Vec<_>>());
    }
}
