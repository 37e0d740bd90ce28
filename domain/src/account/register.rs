//! Registers an account.

use time::Duration;

use super::new_user::{NewUser, create};
use super::tier_choice::{self, TierRefused};
use super::{EmailVerification, NotCreated, RegistrationMode, Tier, User};
use crate::credential::{ClientTrust, Password, Requester, password_policy};
use crate::kernel::{ClientInfo, Email, Locale, TokenDigest};
use crate::outbox::{LetterKind, NewLetter};
use crate::pending_registration::{PendingRegistration, VerificationId, derive_link};
use crate::{Core, Failure};

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
    /// Whether the limits of letters allow one to this address. Without a letter the response is the same.
    pub letter_allowed: bool,
    /// The client that sent the request.
    pub client: ClientInfo,
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

/// Creates the account, or a pending registration.
pub async fn execute(core: &Core, command: Command) -> Result<Registered, Failure<Refusal>> {
    let settings = &core.settings;
    if settings.registration != RegistrationMode::Open {
        return Err(Failure::Refused(Refusal::Closed));
    }
    let tier = tier_choice::at_registration(&settings.tiers, command.tier.as_deref())
        .map_err(|refused| Failure::Refused(Refusal::Tier(refused)))?;
    if settings.email_verification == EmailVerification::Required {
        return register_pending(core, command, tier).await;
    }
    let verifies = settings.email_verification == EmailVerification::Optional
        && command.letter_allowed
        && core.mail.is_some();
    let new = NewUser {
        email: command.email,
        password: command.password,
        tier,
        is_superuser: false,
        self_registered: true,
        client: &command.client,
        locale: command.locale,
        verifies,
    };
    let created = create(core, new).await.map_err(|failure| failure.map(Refusal::NotCreated))?;
    Ok(Registered::User(created))
}

/// Stores a pending registration and a letter, whether the address is taken or not: the worker that sends the letter
/// finds that out. So the request does the same work in both cases.
async fn register_pending(core: &Core, command: Command, tier: Tier) -> Result<Registered, Failure<Refusal>> {
    let Command { email, password, locale, client, .. } = command;
    if core.mail.is_none() {
        return Err(Failure::Refused(Refusal::MailNotConfigured));
    }
    password_policy::check_new(&password, &email, &core.settings.context_words)
        .map_err(|weak| Failure::Refused(Refusal::NotCreated(NotCreated::WeakPassword(weak))))?;
    let hash = core.hasher.hash(password, Requester::new(&client, ClientTrust::Unrecognised)).await?;
    let now = core.clock.now();
    let id = VerificationId::generate(now, core.entropy.as_ref())?;
    let registered = Registered::Pending { id, expires_in: PendingRegistration::CODE_LIFETIME };
    if !command.letter_allowed {
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
