use time::OffsetDateTime;

use super::{Letter, LetterId, LetterKind, LetterState};
use crate::Core;
use crate::account::User;
use crate::action_token::ActionToken;
use crate::kernel::{ClientInfo, Email, EntropyError, Locale, UserId};
use crate::pending_registration::VerificationId;

/// A letter to put into the outbox.
pub(crate) struct NewLetter<'a> {
    pub(crate) kind: LetterKind,
    pub(crate) recipient: Email,
    pub(crate) user_id: Option<UserId>,
    pub(crate) token: Option<&'a ActionToken>,
    pub(crate) verification_id: Option<VerificationId>,
    pub(crate) new_email: Option<&'a Email>,
    pub(crate) locale: Option<Locale>,
    pub(crate) client: &'a ClientInfo,
}

impl<'a> NewLetter<'a> {
    /// A letter about a user, to the user's address and in the user's language.
    pub(crate) fn to_user(kind: LetterKind, user: &User, client: &'a ClientInfo) -> Self {
        Self {
            kind,
            recipient: user.email.clone(),
            user_id: Some(user.id),
            token: None,
            verification_id: None,
            new_email: None,
            locale: user.locale.clone(),
            client,
        }
    }

    /// A letter that a client without an account requests. The worker finds out what it is about.
    pub(crate) fn requested(
        kind: LetterKind,
        recipient: Email,
        locale: Option<Locale>,
        client: &'a ClientInfo,
    ) -> Self {
        Self {
            kind,
            recipient,
            user_id: None,
            token: None,
            verification_id: None,
            new_email: None,
            locale,
            client,
        }
    }

    /// The letter with the link of an action token.
    pub(crate) fn with_link(self, token: &'a ActionToken) -> Self {
        Self { token: Some(token), ..self }
    }

    /// Creates a letter that workers send `at` this time, and that counts as caused then: until that time it is not
    /// late. It expires with its token.
    pub(crate) fn write(self, core: &Core, at: OffsetDateTime) -> Result<Letter, EntropyError> {
        let latest = at + Letter::LIFETIME;
        Ok(Letter {
            id: LetterId::generate(at, core.entropy.as_ref())?,
            kind: self.kind,
            recipient: self.recipient,
            user_id: self.user_id,
            action_token_id: self.token.map(|token| token.id),
            verification_id: self.verification_id,
            new_email: self.new_email.map(|email| email.as_str().to_owned()),
            logout: None,
            locale: self.locale,
            client: self.client.clone(),
            state: LetterState::Pending,
            attempts: 0,
            next_attempt_at: at,
            last_error: None,
            created_at: at,
            expires_at: self.token.map_or(latest, |token| token.expires_at.min(latest)),
            claim: None,
        })
    }
}

/// Creates a notice to the user; `None` if no mail is configured. It is stored by
/// [`insert_once_since`](super::OutboxRepository::insert_once_since).
pub(crate) fn notice(
    core: &Core,
    kind: LetterKind,
    user: &User,
    client: &ClientInfo,
    now: OffsetDateTime,
) -> Result<Option<Letter>, EntropyError> {
    if core.mail.is_none() {
        return Ok(None);
    }
    NewLetter::to_user(kind, user, client).write(core, now).map(Some)
}
