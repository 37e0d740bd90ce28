//! Registers an account.

use time::Duration;

use super::new_user::{NewLogin, NewUser, create};
use super::tier_choice::{self, TierRefused};
use super::{EmailVerification, NotCreated, RegistrationMode, Tier, User};
use crate::credential::{ClientTrust, Password, Requester};
use crate::kernel::{ClientInfo, Email, Locale, TokenDigest};
use crate::outbox::{LetterKind, NewLetter};
use crate::pending_registration::{PendingRegistration, VerificationId, derive_link};
use crate::{Core, Failure, PortFailure};

/// A registration request.
#[derive(Debug)]
pub struct Command {
    /// The login name.
    pub email: Email,
    /// The password.
    pub password: Password,
    /// The tier, if the client requests one.
    pub tier: Option<String>,
    /// The language of letters, if the client has one.
    pub locale: Option<Locale>,
    /// The client that sent the request.
    pub client: ClientInfo,
}

/// A request that is refused only if the address is taken.
#[derive(Debug)]
pub struct Admissible {
    login: NewLogin,
    tier: Tier,
    locale: Option<Locale>,
    client: ClientInfo,
}

impl Admissible {
    /// The login name.
    pub const fn email(&self) -> &Email {
        &self.login.email
    }
}

/// The result of a registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Registered {
    /// The user exists.
    User(User),
    /// The user exists once the mailbox is proven. The result does not say whether the address is taken.
    Pending {
        /// Identifies the registration.
        id: VerificationId,
        /// How long the code in the letter is valid.
        expires_in: Duration,
    },
}

/// Why no account was created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Registration is not open to all.
    Closed,
    /// The mailbox has to be proven, but no mail is configured.
    MailNotConfigured,
    /// The user could not be created.
    NotCreated(NotCreated),
    /// The tier is not available.
    Tier(TierRefused),
}

/// Checks all that does not depend on other users. It reads nothing from the store.
pub fn check(core: &Core, command: Command) -> Result<Admissible, Refusal> {
    let Command { email, password, tier, locale, client } = command;
    let settings = &core.settings;
    if settings.registration != RegistrationMode::Open {
        return Err(Refusal::Closed);
    }
    let tier = tier_choice::at_registration(&settings.tiers, tier.as_deref()).map_err(Refusal::Tier)?;
    if settings.email_verification == EmailVerification::Required && core.mail.is_none() {
        return Err(Refusal::MailNotConfigured);
    }
    let login = NewLogin::check(core, email, password).map_err(Refusal::NotCreated)?;
    Ok(Admissible { login, tier, locale, client })
}

/// Creates the account, or a pending registration. `letter_allowed` tells whether the limits of letters allow one to this
/// address; the result does not depend on it.
pub async fn execute(
    core: &Core,
    request: Admissible,
    letter_allowed: bool,
) -> Result<Registered, Failure<Refusal>> {
    let settings = &core.settings;
    if settings.email_verification == EmailVerification::Required {
        return Ok(register_pending(core, request, letter_allowed).await?);
    }
    let verifies =
        settings.email_verification == EmailVerification::Optional && letter_allowed && core.mail.is_some();
    let new = NewUser {
        login: request.login,
        tier: request.tier,
        is_superuser: false,
        self_registered: true,
        client: &request.client,
        locale: request.locale,
        verifies,
    };
    let created = create(core, new).await.map_err(|failure| failure.map(Refusal::NotCreated))?;
    Ok(Registered::User(created))
}

/// Stores a pending registration and a letter, whether the address is taken or not: the worker that sends the letter
/// finds that out. So the request does the same work in both cases.
async fn register_pending(
    core: &Core,
    request: Admissible,
    letter_allowed: bool,
) -> Result<Registered, PortFailure> {
    let Admissible { login: NewLogin { email, password }, tier, locale, client } = request;
    let hash = core.hasher.hash(password, Requester::new(&client, ClientTrust::Unrecognised)).await?;
    let now = core.clock.now();
    let id = VerificationId::generate(now, core.entropy.as_ref())?;
    let registered = Registered::Pending { id, expires_in: PendingRegistration::CODE_LIFETIME };
    if !letter_allowed {
        return Ok(registered);
    }
    let mut registration = PendingRegistration {
        id,
        email,
        password: hash,
        tier,
        locale,
        hashed_token: TokenDigest::from_bytes([0; 32]),
        key_id: core.keyring()?.current(),
        code_round: 0,
        attempts_left: PendingRegistration::ATTEMPTS,
        code_expires_at: now + PendingRegistration::CODE_LIFETIME,
        client,
        created_at: now,
        expires_at: now + PendingRegistration::LIFETIME,
    };
    registration.hashed_token = core.verifier.digest(&derive_link(core, &registration)?);
    let (kind, locale) = (LetterKind::EmailVerification, registration.locale.clone());
    let recipient = registration.email.clone();
    let mut letter = NewLetter::requested(kind, recipient, locale, &registration.client);
    letter.verification_id = Some(id);
    let letter = letter.write(core, now)?;
    let mut unit = core.store.begin().await?;
    unit.pending_registrations().insert(&registration).await?;
    unit.outbox().insert(&letter).await?;
    unit.commit().await?;
    core.letters_queued();
    Ok(registered)
}
