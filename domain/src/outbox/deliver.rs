//! Sends the letters of the outbox. The application runs a worker that calls these functions.

use time::{Duration, OffsetDateTime};

use super::logout;
use super::prepare::prepare;
use super::{ClaimId, Delivery, Letter, LetterKind, LetterState, MailError};
use crate::{Core, PortFailure};

/// How much of a claim must be left when a message is sent: the longest time that a [`Mailer`](super::Mailer) takes, and
/// a difference between the clocks of two instances.
const NEEDED_LEASE: Duration = Duration::seconds(55);

/// Claims what is due. If it returns as many as it [can](Letter::CLAIMED_AT_ONCE), there may be more.
pub async fn claim(core: &Core, delivery: Delivery) -> Result<Vec<Letter>, PortFailure> {
    let now = core.clock.now();
    let claim = ClaimId::generate(now, core.entropy.as_ref())?;
    let mut unit = core.store.begin().await?;
    let until = now + Letter::LEASE;
    let claimed = unit.outbox().claim(claim, now, until, Letter::CLAIMED_AT_ONCE, delivery).await?;
    unit.commit().await?;
    Ok(claimed)
}

/// The outcome of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The mail server accepted the message.
    Delivered(LetterKind),
    /// There was nothing to say.
    Dropped,
    /// The attempt failed, and another one follows.
    Postponed(LetterKind, String),
    /// The attempt failed, and none follows.
    Died(LetterKind, String),
    /// Another worker has claimed the letter meanwhile.
    Lost,
}

/// Sends a claimed letter, and stores the outcome.
pub async fn send(core: &Core, mut letter: Letter) -> Result<Outcome, PortFailure> {
    let Some(claim) = letter.claim else { return Ok(Outcome::Lost) };
    let now = core.clock.now();
    if letter.next_attempt_at - now < NEEDED_LEASE && !prolong(core, &mut letter, claim, now).await? {
        return Ok(Outcome::Lost);
    }
    if letter.expires_at <= now {
        return record(core, letter, claim, Err(MailError::Temporary("expired".to_owned()))).await;
    }
    if let Some((client, session)) = letter.logout {
        return match logout::send(core, &letter, client, session).await? {
            Some(sent) => record(core, letter, claim, sent).await,
            None => discard(core, &letter, claim).await,
        };
    }
    let Some(mail) = &core.mail else { return Ok(Outcome::Lost) };
    let before = letter.clone();
    let content = match prepare(core, &mut letter, claim, now).await {
        // Another instance may have the key, or this one may get it.
        Err(PortFailure::Keyring(error)) => {
            return record(core, before, claim, Err(MailError::Temporary(error.to_string()))).await;
        }
        content => content?,
    };
    let Some(content) = content else { return discard(core, &letter, claim).await };
    let sent = match mail.writer.write(&letter, &content) {
        Ok(message) => mail.mailer.send(&message).await,
        Err(error) => Err(MailError::Temporary(error.to_string())),
    };
    drop(content);
    record(core, letter, claim, sent).await
}

/// Deletes a letter that says nothing.
async fn discard(core: &Core, letter: &Letter, claim: ClaimId) -> Result<Outcome, PortFailure> {
    let mut unit = core.store.begin().await?;
    let deleted = unit.outbox().delete(letter.id, claim).await?;
    unit.commit().await?;
    Ok(if deleted { Outcome::Dropped } else { Outcome::Lost })
}

async fn prolong(
    core: &Core,
    letter: &mut Letter,
    claim: ClaimId,
    now: OffsetDateTime,
) -> Result<bool, PortFailure> {
    letter.next_attempt_at = now + Letter::LEASE;
    let mut unit = core.store.begin().await?;
    let prolonged = unit.outbox().prolong(letter.id, claim, letter.next_attempt_at).await?;
    unit.commit().await?;
    Ok(prolonged)
}

/// Stores the outcome of an attempt.
async fn record(
    core: &Core,
    mut letter: Letter,
    claim: ClaimId,
    sent: Result<(), MailError>,
) -> Result<Outcome, PortFailure> {
    let now = core.clock.now();
    let kind = letter.kind;
    // `Some(None)` for an address that a mail server accepted, `Some(Some(_))` for one that it refused.
    let (outcome, undeliverable_at) = match sent {
        Ok(()) => (Outcome::Delivered(kind), Some(None)),
        Err(MailError::Rejected(error)) => (Outcome::Died(kind, shortened(error)), Some(Some(now))),
        Err(MailError::Temporary(error)) => {
            let next = now + Letter::delay_after(kind, letter.attempts);
            if next < letter.expires_at {
                letter.next_attempt_at = next;
                (Outcome::Postponed(kind, shortened(error)), None)
            } else {
                (Outcome::Died(kind, shortened(error)), None)
            }
        }
    };
    letter.claim = None;
    (letter.state, letter.last_error) = match &outcome {
        Outcome::Postponed(_, error) => (LetterState::Pending, Some(error.clone())),
        Outcome::Died(_, error) => (LetterState::Dead, Some(error.clone())),
        _ => (LetterState::Delivered, None),
    };
    let event = logout::event_of(core, &letter, now)?;
    let mut unit = core.store.begin().await?;
    if !unit.outbox().update(&letter, claim).await? {
        unit.rollback().await?;
        return Ok(Outcome::Lost);
    }
    if let Some(event) = event {
        unit.audit().record(&event).await?;
    }
    if letter.logout.is_none()
        && let Some((user, undeliverable_at)) = letter.user_id.zip(undeliverable_at)
    {
        unit.outbox().mark_address(user, &letter.recipient, undeliverable_at).await?;
    }
    unit.commit().await?;
    Ok(outcome)
}

/// Shortens an error to what is stored.
fn shortened(mut error: String) -> String {
    let mut end = error.len().min(Letter::MAX_ERROR_BYTES);
    while !error.is_char_boundary(end) {
        end -= 1;
    }
    error.truncate(end);
    error.retain(|c| !c.is_control());
    error
}
