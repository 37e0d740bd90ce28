use super::{Inserted, Registration, Tier, User};
use crate::action_token::{ActionToken, ActionTokenId, Purpose, issue};
use crate::audit::{AuditEventKind, OPERATOR, Trail};
use crate::authn::Acr;
use crate::credential::password_policy::{self, WeakPassword};
use crate::credential::{Account, ClientTrust, Password, Requester};
use crate::kernel::{ClientInfo, Email, Locale, UserId};
use crate::outbox::{Letter, LetterKind, NewLetter};
use crate::{Core, Failure, PortFailure};

/// The input that all ways of creating a user share.
pub(super) struct NewUser<'a> {
    pub(super) login: NewLogin,
    pub(super) tier: Tier,
    pub(super) is_superuser: bool,
    /// Whether the user registered, rather than an operator creating the account.
    pub(super) self_registered: bool,
    pub(super) client: &'a ClientInfo,
    /// The language of letters.
    pub(super) locale: Option<Locale>,
    /// Whether to send a letter that verifies the address.
    pub(super) verifies: bool,
}

/// An address, and a password that is strong enough for it.
#[derive(Debug)]
pub(super) struct NewLogin {
    pub(super) email: Email,
    pub(super) password: Password,
}

impl NewLogin {
    pub(super) fn check(core: &Core, email: Email, password: Password) -> Result<Self, NotCreated> {
        password_policy::check_new(&password, &email, &core.settings.context_words)
            .map_err(NotCreated::WeakPassword)?;
        Ok(Self { email, password })
    }
}

/// Why the user was not created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotCreated {
    /// Another user has the address.
    EmailTaken,
    /// The password is too weak.
    WeakPassword(WeakPassword),
}

pub(super) async fn create(core: &Core, new: NewUser<'_>) -> Result<User, Failure<NotCreated>> {
    let trust = if new.self_registered { ClientTrust::Unrecognised } else { ClientTrust::Recognised };
    let hash = core.hasher.hash(new.login.password, Requester::new(new.client, trust)).await?;
    let now = core.clock.now();
    let user = User {
        id: UserId::generate(now, core.entropy.as_ref())?,
        email: new.login.email,
        is_active: true,
        is_superuser: new.is_superuser,
        tier: new.tier,
        created_at: now,
        updated_at: now,
        email_verified_at: None,
        email_undeliverable_at: None,
        locale: new.locale,
        credential_version: 0,
        sessions_epoch: 0,
        highest_acr: Acr::Aal1,
    };
    let actor = if new.self_registered { user.id } else { OPERATOR };
    let trail = Trail { core, at: now, actor: Some(actor), client: new.client };
    let event = trail.event(AuditEventKind::UserRegistered, user.id, None)?;

    let verification = if new.verifies { Some(verification(core, &user, new.client)?) } else { None };
    let registration = Registration {
        account: Account { user, password: Some(hash) },
        event,
        respects_reservations: core.mail.is_some(),
        verification,
    };
    match core.store.register_user(&registration).await? {
        Inserted::Inserted => {
            if registration.verification.is_some() {
                core.letters_queued();
            }
            Ok(registration.account.user)
        }
        Inserted::EmailTaken => Err(Failure::Refused(NotCreated::EmailTaken)),
    }
}

/// The token and the letter that verify the address of a new user.
fn verification(core: &Core, user: &User, client: &ClientInfo) -> Result<(ActionToken, Letter), PortFailure> {
    let now = user.created_at;
    let id = ActionTokenId::generate(now, core.entropy.as_ref())?;
    let (token, _) = issue(core, id, Purpose::VerifyEmail, user, user.email.clone(), (None, client), now)?;
    let letter = NewLetter::to_user(LetterKind::EmailVerification, user, client).with_link(&token);
    let letter = letter.write(core, now)?;
    Ok((token, letter))
}
