//! Workers of several instances, whose clocks differ.

use std::sync::Arc;

use async_trait::async_trait;
use inwren_domain::Core;
use inwren_domain::outbox::deliver::{self, Outcome};
use inwren_domain::outbox::{Delivery, Letter, LetterKind, Mail, MailError, Mailer, Message};
use inwren_domain::store::Store;
use time::Duration;

use crate::fakes::{FakeClock, Fakes};
use crate::fixtures::{self, fresh_email, now};

/// The longest difference between the clocks of two instances.
const SKEW: Duration = Duration::seconds(5);
/// The longest time that a mailer takes, in seconds.
const LONGEST: i64 = 45;

/// A mailer that takes the longest time for a message. Every second, another worker tries to claim the letter.
struct WatchedMailer {
    clocks: [Arc<FakeClock>; 2],
    other: Core,
}

#[async_trait]
impl Mailer for WatchedMailer {
    async fn send(&self, _: &Message) -> Result<(), MailError> {
        for second in 0..LONGEST {
            let claimed = deliver::claim(&self.other, Delivery::Letters).await.expect("a claim");
            assert!(claimed.is_empty(), "the other worker has the letter, too, after {second} s");
            pass(&self.clocks, Duration::SECOND);
        }
        Ok(())
    }
}

fn pass(clocks: &[Arc<FakeClock>; 2], time: Duration) {
    clocks.iter().for_each(|clock| clock.advance(time));
}

/// Two instances never send one letter at the same time, with clocks that differ by five seconds, and however long a
/// letter has waited for its turn after the claim.
pub async fn a_letter_is_with_one_worker_whatever_its_clock_says(store: Arc<dyn Store>) {
    for skew in [SKEW, -SKEW] {
        let clocks = [now(), now() + skew].map(|time| Arc::new(FakeClock::at(time)));
        let [mut own, mut other] = clocks.clone().map(|clock| Fakes::with_clock(store.clone(), clock));
        other.core.mail = Some(other.mail.mail());
        let mailer = Arc::new(WatchedMailer { clocks: clocks.clone(), other: other.core.clone() });
        own.core.mail = Some(Mail { mailer, ..own.mail.mail() });
        let (own, other) = (own.core, other.core);
        let claim_new = async || {
            let time = own.clock.now().min(other.clock.now());
            let letter = Letter {
                created_at: time,
                next_attempt_at: time,
                expires_at: time + Letter::LIFETIME,
                ..fixtures::letter(LetterKind::PasswordChanged, &fresh_email())
            };
            in_unit!(store, |unit| unit.outbox().insert(&letter).await.unwrap());
            deliver::claim(&own, Delivery::Letters).await.expect("a claim").pop().expect("the letter")
        };
        for waiting in [0, 4, 5, 6, 30, 54] {
            let claimed = claim_new().await;
            pass(&clocks, Duration::seconds(waiting));
            let sent = deliver::send(&own, claimed).await;
            assert_eq!(sent.unwrap(), Outcome::Delivered(LetterKind::PasswordChanged), "{skew} {waiting}");
        }
        // When the claim is over for the other worker, it gets the letter, and the first one sends nothing.
        let claimed = claim_new().await;
        pass(&clocks, Letter::LEASE + SKEW);
        let taken = deliver::claim(&other, Delivery::Letters).await.expect("a claim");
        assert_eq!(taken.len(), 1);
        assert_eq!(deliver::send(&own, claimed).await.unwrap(), Outcome::Lost);
        let sent = deliver::send(&other, taken.into_iter().next().unwrap()).await;
        assert_eq!(sent.unwrap(), Outcome::Delivered(LetterKind::PasswordChanged));
    }
}
