//! Invites a user: creates the account without a password, and a link that sets one.

use time::OffsetDateTime;

use super::{Admin, Unconfirmed};
use crate::account::tier_choice::{self, TierRefused};
use crate::account::{Inserted, User};
use crate::action_token::{ActionTokenId, Purpose, issue};
use crate::audit::{AuditEventKind, Trail};
use crate::authn::Acr;
use crate::authn::step_up::StepUpRequired;
use crate::credential::Account;
use crate::kernel::{ClientInfo, Email, Locale, PlainToken, UserId};
use crate::outbox::{LetterKind, NewLetter};
use crate::{Core, Failure};

/// The user to invite.
#[derive(Debug)]
pub struct Command {
    /// The address.
    pub email: Email,
    /// The tier; `None` is the default tier.
    pub tier: Option<String>,
    /// Whether the user is a superuser.
    pub is_superuser: bool,
    /// The language of the letter.
    pub locale: Option<Locale>,
}

/// The invited user and the invitation.
#[derive(Debug)]
pub struct Invited {
    /// The user. No password matches until the invitation is accepted.
    pub user: User,
    /// When the invitation expires.
    pub expires_at: OffsetDateTime,
    /// The token of the link, if no letter carries it.
    pub token: Option<PlainToken>,
}

/// Why the user was not invited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Another user has the address.
    EmailTaken,
    /// The tier does not exist.
    Tier(TierRefused),
    /// A new superuser requires a more recent authentication.
    StepUp(StepUpRequired),
    /// The caller is no longer authorised to administer users.
    Unconfirmed(Unconfirmed),
}

/// Creates the user, and sends the letter if mail is configured.
pub async fn execute(
    core: &Core,
    admin: Admin,
    command: Command,
    client: &ClientInfo,
) -> Result<Invited, Failure<Refusal>> {
    let tiers = &core.settings.tiers;
    let tier = match command.tier {
        Some(name) => tier_choice::given_by_superuser(tiers, &name)
            .map_err(|refused| Failure::Refused(Refusal::Tier(refused)))?,
        None => tiers.default_tier().clone(),
    };
    let now = core.clock.now();
    if command.is_superuser {
        admin.require_recent(core, now).map_err(|required| Failure::Refused(Refusal::StepUp(required)))?;
    }
    let user = User {
        id: UserId::generate(now, core.entropy.as_ref())?,
        email: command.email,
        is_active: true,
        is_superuser: command.is_superuser,
        tier,
        created_at: now,
        updated_at: now,
        email_verified_at: None,
        email_undeliverable_at: None,
        locale: command.locale,
        credential_version: 0,
        sessions_epoch: 0,
        highest_acr: Acr::Aal1,
    };
    let id = ActionTokenId::generate(now, core.entropy.as_ref())?;
    let by = (admin.session_id(), client);
    let (token, secret) = issue(core, id, Purpose::AcceptInvitation, &user, user.email.clone(), by, now)?;
    let letter = NewLetter::to_user(LetterKind::Invitation, &user, client).with_link(&token);
    let letter = letter.write(core, now)?;
    let trail = Trail { core, at: now, actor: Some(admin.id()), client };
    let event = trail.event(AuditEventKind::UserInvited, user.id, None)?;
    let account = Account { user, password: None };
    let user = &account.user;
    let mut unit = core.store.begin().await?;
    let refusal = match admin.confirm(unit.as_mut(), now).await? {
        Err(unconfirmed) => Some(Refusal::Unconfirmed(unconfirmed)),
        Ok(_) => {
            let is_taken = unit.users().insert(&account).await? == Inserted::EmailTaken
                || unit.action_tokens().is_reserved(&user.email, user.id, now).await?;
            is_taken.then_some(Refusal::EmailTaken)
        }
    };
    if let Some(refusal) = refusal {
        unit.rollback().await?;
        return Err(Failure::Refused(refusal));
    }
    unit.action_tokens().insert(&token).await?;
    unit.audit().record(&event).await?;
    let by_mail = core.mail.is_some();
    if by_mail {
        unit.outbox().insert(&letter).await?;
    }
    unit.commit().await?;
    core.letters_queued();
    let secret = (!by_mail).then_some(secret);
    Ok(Invited { user: account.user, expires_at: token.expires_at, token: secret })
}
