//! Lets a user set a new password. No administrator ever chooses the password of a user (OWASP ASVS 5.0, 6.4.6).

use time::OffsetDateTime;

use super::{Admin, Unconfirmed};
use crate::action_token::{ActionTokenId, Purpose, issue};
use crate::audit::{AuditEventKind, Trail};
use crate::authn::step_up::StepUpRequired;
use crate::kernel::{ClientInfo, Email, PlainToken, UserId};
use crate::outbox::{LetterKind, NewLetter};
use crate::{Core, Failure};

/// Who gets the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The user, by a letter if mail is configured; else the administrator.
    Letter,
    /// The administrator, who hands it over.
    Administrator,
}

/// A link that sets a new password.
#[derive(Debug)]
pub struct ResetLink {
    /// The address of the user.
    pub email: Email,
    /// When the link expires.
    pub expires_at: OffsetDateTime,
    /// The token of the link, if no letter carries it.
    pub token: Option<PlainToken>,
}

/// Why there is no link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The user does not exist, or is not active.
    NotFound,
    /// The request requires a more recent authentication.
    StepUp(StepUpRequired),
    /// The caller is no longer authorised to administer users.
    Unconfirmed(Unconfirmed),
}

/// Creates the link. The password stays as it is until the link is used.
pub async fn execute(
    core: &Core,
    admin: Admin,
    id: UserId,
    delivery: Delivery,
    client: &ClientInfo,
) -> Result<ResetLink, Failure<Refusal>> {
    let now = core.clock.now();
    admin.require_recent(core, now).map_err(|required| Failure::Refused(Refusal::StepUp(required)))?;
    let trail = Trail { core, at: now, actor: Some(admin.id()), client };
    let event = trail.event(AuditEventKind::PasswordResetIssued, id, None)?;
    let token_id = ActionTokenId::generate(now, core.entropy.as_ref())?;
    let mut unit = core.store.begin().await?;
    let locked = match admin.confirm(unit.as_mut(), now).await? {
        Err(unconfirmed) => Err(Refusal::Unconfirmed(unconfirmed)),
        Ok(_) => {
            let locked = unit.users().lock(id).await?.filter(|user| user.is_active);
            locked.ok_or(Refusal::NotFound)
        }
    };
    let user = match locked {
        Ok(user) => user,
        Err(refusal) => {
            unit.rollback().await?;
            return Err(Failure::Refused(refusal));
        }
    };
    let by = (admin.session_id(), client);
    let (token, secret) = issue(core, token_id, Purpose::ResetPassword, &user, user.email.clone(), by, now)?;
    unit.action_tokens().insert(&token).await?;
    unit.audit().record(&event).await?;
    let by_mail = delivery == Delivery::Letter && core.mail.is_some();
    if by_mail {
        // The letter names no administrator and no address of one.
        let nowhere = ClientInfo::default();
        let letter = NewLetter::to_user(LetterKind::PasswordReset, &user, &nowhere).with_link(&token);
        unit.outbox().insert(&letter.write(core, now)?).await?;
    }
    unit.commit().await?;
    core.letters_queued();
    let secret = (!by_mail).then_some(secret);
    Ok(ResetLink { email: user.email, expires_at: token.expires_at, token: secret })
}
