//! Changes the caller's address or tier.

use time::OffsetDateTime;

use super::tier_choice::{self, TierRefused};
use super::{EmailVerification, Updated, User, UserChange};
use crate::action_token::{self, ActionTokenId, Purpose, issue};
use crate::audit::{AuditEventKind, Trail};
use crate::authn::step_up::StepUpRequired;
use crate::kernel::{ClientInfo, Email};
use crate::outbox::{LetterKind, NewLetter};
use crate::session::{Principal, end_legacy_tokens};
use crate::store::UnitOfWork;
use crate::{Core, Failure, PortFailure};

/// The requested changes; `None` keeps the value.
#[derive(Debug, Default)]
pub struct Command {
    /// The new address.
    pub email: Option<Email>,
    /// The new tier.
    pub tier: Option<String>,
}

/// Why nothing changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Another user has the address.
    EmailTaken,
    /// The tier is not available.
    Tier(TierRefused),
    /// A new address requires a more recent authentication.
    StepUp(StepUpRequired),
    /// The new address has to confirm the change, but no mail is configured.
    MailNotConfigured,
    /// The session ended, or the account was deactivated or deleted, meanwhile.
    ChangedMeanwhile,
}

/// The result of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// The user after the change.
    Now(User),
    /// The new address has to confirm the change first. Until then the login keeps its address.
    Pending {
        /// The user, with a changed tier if one was requested.
        user: User,
        /// The new address.
        pending_email: Email,
    },
}

/// Changes the account.
pub async fn execute(
    core: &Core,
    principal: &Principal,
    command: Command,
    client: &ClientInfo,
) -> Result<Changed, Failure<Refusal>> {
    let user = &principal.user;
    let tier = command.tier.map(|name| {
        if user.is_superuser {
            tier_choice::given_by_superuser(&core.settings.tiers, &name)
        } else {
            tier_choice::chosen_by_user(&core.settings.tiers, &name, &user.tier)
        }
    });
    let tier = tier.transpose().map_err(|refused| Failure::Refused(Refusal::Tier(refused)))?;
    let change = UserChange { email: command.email, tier, ..UserChange::default() }.against(user);
    if change.is_empty() {
        return Ok(Changed::Now(user.clone()));
    }
    let now = core.clock.now();
    if change.email.is_some() {
        principal
            .require_recent(core, now)
            .map_err(|required| Failure::Refused(Refusal::StepUp(required)))?;
    }
    let other_email = change.email.clone().filter(|email| *email != user.email);
    let has_to_confirm = core.settings.email_verification != EmailVerification::Off;
    let pending_email = other_email.filter(|_| has_to_confirm);
    if pending_email.is_some() && core.mail.is_none() {
        return Err(Failure::Refused(Refusal::MailNotConfigured));
    }
    let mut unit = core.store.begin().await?;
    let changing = Changing { core, principal, client, now };
    match changing.apply(unit.as_mut(), change, pending_email.as_ref()).await {
        Ok(user) => {
            unit.commit().await?;
            core.letters_queued();
            Ok(match pending_email {
                Some(pending_email) => Changed::Pending { user, pending_email },
                None => Changed::Now(user),
            })
        }
        Err(failure) => {
            unit.rollback().await?;
            Err(failure)
        }
    }
}

/// A change that is under way.
struct Changing<'a> {
    core: &'a Core,
    principal: &'a Principal,
    client: &'a ClientInfo,
    now: OffsetDateTime,
}

impl Changing<'_> {
    async fn apply(
        &self,
        unit: &mut dyn UnitOfWork,
        mut change: UserChange,
        pending_email: Option<&Email>,
    ) -> Result<User, Failure<Refusal>> {
        let Self { core, principal, client, now } = *self;
        let locked = crate::session::lock(unit, principal, now).await?;
        let current = locked.ok_or(Failure::Refused(Refusal::ChangedMeanwhile))?;
        let trail = Trail { core, at: now, actor: Some(current.id), client };
        let session = principal.session_id();
        if let Some(new_email) = pending_email {
            change.email = None;
            change.email_verified_at = None;
            self.request(unit, &current, new_email).await?;
            let event = trail.event(AuditEventKind::EmailChangeRequested, current.id, session)?;
            unit.audit().record(&event).await?;
        } else if let Some(new_email) = &change.email {
            end_legacy_tokens(core, unit, &current, now).await?;
            if *new_email != current.email {
                self.tell_former_address(unit, &current, new_email).await?;
                action_token::void_all(unit, current.id).await?;
                if unit.action_tokens().is_reserved(new_email, current.id, now).await? {
                    return Err(Failure::Refused(Refusal::EmailTaken));
                }
            }
        }
        if change.is_empty() {
            return Ok(current);
        }
        unit.audit().record(&trail.event(AuditEventKind::UserUpdated, current.id, session)?).await?;
        match unit.users().update(current.id, &change, now).await? {
            Updated::Updated(updated) => Ok(updated),
            Updated::EmailTaken => Err(Failure::Refused(Refusal::EmailTaken)),
            Updated::NotFound => Err(Failure::Refused(Refusal::ChangedMeanwhile)),
        }
    }

    /// Sends the link that confirms the new address. Whether it is taken decides the index at the confirmation.
    async fn request(
        &self,
        unit: &mut dyn UnitOfWork,
        user: &User,
        new_email: &Email,
    ) -> Result<(), PortFailure> {
        let Self { core, principal, client, now } = *self;
        let id = ActionTokenId::generate(now, core.entropy.as_ref())?;
        let by = (principal.session_id(), client);
        let (token, _) = issue(core, id, Purpose::ChangeEmail, user, new_email.clone(), by, now)?;
        let mut letter = NewLetter::to_user(LetterKind::EmailChange, user, client).with_link(&token);
        letter.recipient = new_email.clone();
        unit.action_tokens().insert(&token).await?;
        unit.outbox().insert(&letter.write(core, now)?).await?;
        self.tell_former_address(unit, user, new_email).await
    }

    /// Sends the link that restores the former address to it, if mail is configured.
    async fn tell_former_address(
        &self,
        unit: &mut dyn UnitOfWork,
        user: &User,
        new_email: &Email,
    ) -> Result<(), PortFailure> {
        let Self { core, principal, client, now } = *self;
        if core.mail.is_none() {
            return Ok(());
        }
        let id = ActionTokenId::generate(now, core.entropy.as_ref())?;
        let by = (principal.session_id(), client);
        let (token, _) = issue(core, id, Purpose::UndoEmail, user, user.email.clone(), by, now)?;
        let mut letter = NewLetter::to_user(LetterKind::EmailUndo, user, client).with_link(&token);
        letter.new_email = Some(new_email);
        unit.action_tokens().insert(&token).await?;
        unit.outbox().insert(&letter.write(core, now)?).await?;
        Ok(())
    }
}
