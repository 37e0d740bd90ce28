//! Removes the second factors of a user who has lost them: after an announced delay, during which the user can keep
//! them.

use time::{Duration, OffsetDateTime};

use super::User;
use crate::action_token::{self, ActionToken, ActionTokenId, Parsed, Purpose, issue};
use crate::audit::{AuditEventKind, Trail};
use crate::authn::Attempt;
use crate::credential::Password;
use crate::factor::change::complete;
use crate::kernel::{ClientInfo, Email};
use crate::outbox::{LetterKind, NewLetter};
use crate::session::{RevocationReason, end_all};
use crate::store::UnitOfWork;
use crate::{Core, Failure, PortFailure};

/// Why a removal was not requested or cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Such requests are disabled.
    Disabled,
    /// No mail is configured, so the delay could not be announced.
    MailNotConfigured,
    /// The token is wrong, used or expired.
    Invalid,
}

/// Requests the removal of the second factors of the account with this address and password. The outcome does not tell
/// whether there is one: the letters do.
pub async fn request(
    core: &Core,
    email: &Email,
    password: Password,
    client: &ClientInfo,
) -> Result<(), Failure<Refusal>> {
    let delay = core.settings.factors.lost_factor_delay;
    if !delay.is_positive() {
        return Err(Failure::Refused(Refusal::Disabled));
    }
    if core.mail.is_none() {
        return Err(Failure::Refused(Refusal::MailNotConfigured));
    }
    let attempt = Attempt::start(core, email, client).await?;
    let user = match attempt.password(core, password).await {
        Ok(attempt) => attempt.into_user().filter(User::has_factor),
        Err(Failure::Refused(_)) => None,
        Err(Failure::Port(failure)) => return Err(failure.into()),
    };
    let Some(user) = user else { return Ok(()) };
    // A second request does not prolong the delay. Of two at the same moment, the later one counts.
    let mut view = core.store.read().await?;
    if view.action_tokens().newest_of(user.id, Purpose::KeepFactors).await?.is_some() {
        return Ok(());
    }
    drop(view);
    let mut unit = core.store.begin().await?;
    announce(core, unit.as_mut(), &user, delay, client).await?;
    unit.commit().await?;
    core.letters_queued();
    Ok(())
}

/// Stores the request with its letters.
async fn announce(
    core: &Core,
    unit: &mut dyn UnitOfWork,
    known: &User,
    delay: Duration,
    client: &ClientInfo,
) -> Result<(), PortFailure> {
    let now = core.clock.now();
    let locked = unit.users().lock(known.id).await?;
    let Some(user) = locked.filter(|user| user.credential_version == known.credential_version) else {
        return Ok(());
    };
    let trail = Trail { core, at: now, actor: Some(user.id), client };
    let id = ActionTokenId::generate(now, core.entropy.as_ref())?;
    let (mut token, _) =
        issue(core, id, Purpose::KeepFactors, &user, user.email.clone(), (None, client), now)?;
    token.expires_at = now + delay;
    unit.action_tokens().insert(&token).await?;
    for after in announcements(delay) {
        let letter = NewLetter::to_user(LetterKind::FactorRemovalRequested, &user, client).with_link(&token);
        unit.outbox().insert(&letter.write(core, now + after)?).await?;
    }
    let event = trail.event(AuditEventKind::FactorRemovalRequested, user.id, None)?;
    unit.audit().record(&event).await?;
    Ok(())
}

/// When letters announce the removal: at once, after one and two days, and one hour before it.
fn announcements(delay: Duration) -> Vec<Duration> {
    let last = delay - Duration::HOUR;
    let mut times = vec![Duration::ZERO];
    times.extend([Duration::DAY, Duration::days(2)].into_iter().filter(|after| *after < last));
    times.extend(last.is_positive().then_some(last));
    times
}

/// Keeps the factors, by the link in one of the letters.
pub async fn cancel(core: &Core, token: &str, client: &ClientInfo) -> Result<(), Failure<Refusal>> {
    let now = core.clock.now();
    let invalid = || Failure::Refused(Refusal::Invalid);
    let parsed = Parsed::parse(token).ok_or_else(invalid)?;
    let found = action_token::find(core, &parsed, Purpose::KeepFactors, now).await?.ok_or_else(invalid)?;
    let trail = Trail { core, at: now, actor: Some(found.user_id), client };
    let event = trail.event(AuditEventKind::FactorRemovalCancelled, found.user_id, None)?;
    let mut unit = core.store.begin().await?;
    unit.users().lock(found.user_id).await?;
    if !unit.action_tokens().spend(found.id, &found.hashed_token, now).await? {
        unit.rollback().await?;
        return Err(invalid());
    }
    unit.audit().record(&event).await?;
    unit.commit().await?;
    Ok(())
}

/// Removes the factors of one user whose delay is over. Returns whether there was a request to decide, so that there
/// may be more.
pub async fn remove_due(core: &Core) -> Result<bool, PortFailure> {
    if !core.clock.is_settled() {
        return Ok(false);
    }
    let now = core.clock.now();
    let mut unit = core.store.begin().await?;
    let due = unit.action_tokens().take_expired(Purpose::KeepFactors, now, 1).await?;
    for token in &due {
        remove(core, unit.as_mut(), token, now).await?;
    }
    unit.commit().await?;
    core.letters_queued();
    Ok(!due.is_empty())
}

async fn remove(
    core: &Core,
    unit: &mut dyn UnitOfWork,
    token: &ActionToken,
    now: OffsetDateTime,
) -> Result<(), PortFailure> {
    let locked = unit.users().lock(token.user_id).await?;
    let is_same = |user: &User| user.credential_version == token.credential_version && user.has_factor();
    let Some(user) = locked.filter(is_same) else { return Ok(()) };
    let trail = Trail { core, at: now, actor: None, client: &token.client };
    unit.factors().remove_all(user.id).await?;
    end_all(unit, user.id, None, RevocationReason::FactorsChanged, now).await?;
    let event = trail.event(AuditEventKind::FactorsRemoved, user.id, None)?;
    complete(unit, &user, event, (LetterKind::FactorsRemoved, trail.client), &trail).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removal_is_announced_four_times() {
        let hours = |delay| -> Vec<i64> {
            announcements(Duration::hours(delay)).iter().map(|after| after.whole_hours()).collect()
        };
        assert_eq!(hours(72), [0, 24, 48, 71]);
        assert_eq!(hours(48), [0, 24, 47]);
        assert_eq!(hours(25), [0, 24]);
        assert_eq!(hours(2), [0, 1]);
        assert_eq!(hours(1), [0]);
    }
}
