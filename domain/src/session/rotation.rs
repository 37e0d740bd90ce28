use time::Duration;
use time::OffsetDateTime;

use super::Session;
use crate::account::User;
use crate::authn::Assurance;
use crate::kernel::{ClientInfo, SessionId, TokenDigest, TokenId, UserId};

/// A new refresh token for a session whose owner has just authenticated.
#[derive(Clone, Debug)]
pub struct Rekey {
    /// The session.
    pub session_id: SessionId,
    /// The user that the session must belong to.
    pub user_id: UserId,
    /// The generation of the new token.
    pub generation: i64,
    /// The new token's `jti`.
    pub refresh_jti: TokenId,
    /// The new token's digest.
    pub hashed_refresh_token: TokenDigest,
    /// The current time: when the token was issued.
    pub at: OffsetDateTime,
    /// When the user authenticated.
    pub authenticated_at: OffsetDateTime,
    /// How the user authenticated.
    pub assurance: Assurance,
    /// When the new token expires.
    pub expires_at: OffsetDateTime,
    /// Where the request came from.
    pub client: ClientInfo,
}

impl Rekey {
    /// The session after the re-key.
    #[must_use]
    pub fn applied_to(&self, session: &Session) -> Session {
        Session {
            generation: self.generation,
            rekeyed_generation: self.generation,
            refresh_jti: self.refresh_jti.clone(),
            hashed_refresh_token: self.hashed_refresh_token,
            previous_hashed_refresh_token: None,
            rotated_at: self.at,
            authenticated_at: self.authenticated_at,
            assurance: self.assurance.clone(),
            last_used_at: self.at,
            expires_at: self.expires_at,
            last_client: self.client.clone(),
            ..session.clone()
        }
    }
}

/// An attempt to exchange a refresh token for its successor.
#[derive(Clone, Debug)]
pub struct Rotation {
    /// The session that the presented token names.
    pub session_id: SessionId,
    /// The user that the presented token names.
    pub user_id: UserId,
    /// The presented token's digest.
    pub presented: TokenDigest,
    /// The successor's generation.
    pub generation: i64,
    /// The successor's `jti`.
    pub refresh_jti: TokenId,
    /// The successor's digest.
    pub hashed_refresh_token: TokenDigest,
    /// When the successor expires.
    pub expires_at: OffsetDateTime,
    /// The current time.
    pub at: OffsetDateTime,
    /// How long after a rotation the previous token gets [`RotationOutcome::Raced`]. Zero disables that.
    pub reuse_grace: Duration,
    /// Earlier successors of the presented token whose responses may not have reached the client. If one of them is the
    /// live token, the attempt is a retry, and MUST be [`RotationOutcome::Raced`] regardless of the grace period.
    /// Usually empty.
    pub undelivered: Vec<TokenDigest>,
    /// Where the request came from.
    pub client: ClientInfo,
}

/// The outcome of a rotation. Only [`Rotated`](Self::Rotated) has changed anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RotationOutcome {
    /// The presented token was the live one; its successor is live now.
    Rotated(Session, User),
    /// The presented token is the one before the live one, within the grace period or
    /// [undelivered](Rotation::undelivered).
    Raced(Session, User),
    /// The presented token is the live one, but the successor would outlive the session, which ends at this time.
    Capped(OffsetDateTime),
    /// The presented token was used before.
    Reused(Session),
    /// The presented token belongs to a generation before the last re-key.
    Superseded,
    /// The session has ended, or its token has expired.
    Ended,
    /// The user may not log in.
    Inactive,
    /// The user has no such session.
    Unknown,
}

impl Rotation {
    /// Why the attempt must be refused for the current session and user; `None` if the exchange may go on. All stores
    /// share these rules of rotation.
    ///
    /// A store MUST make the exchange only if the session and the user are at that moment still those that were
    /// checked.
    pub fn refusal(&self, session: &Session, user: &User) -> Option<RotationOutcome> {
        if session.user_id != self.user_id {
            return Some(RotationOutcome::Unknown);
        }
        if !user.is_active {
            return Some(RotationOutcome::Inactive);
        }
        if !session.is_live(user, self.at) {
            return Some(RotationOutcome::Ended);
        }
        if session.hashed_refresh_token == self.presented {
            let capped = self.expires_at > session.max_expires_at;
            return capped.then_some(RotationOutcome::Capped(session.max_expires_at));
        }
        // A grace period of zero is off, even if this attempt read the clock before the winner of a race did.
        let has_grace = self.reuse_grace.is_positive() && self.at < session.rotated_at + self.reuse_grace;
        let is_retry = self.undelivered.contains(&session.hashed_refresh_token);
        if (has_grace || is_retry) && session.previous_hashed_refresh_token == Some(self.presented) {
            return Some(RotationOutcome::Raced(session.clone(), user.clone()));
        }
        if self.generation <= session.rekeyed_generation {
            return Some(RotationOutcome::Superseded);
        }
        Some(RotationOutcome::Reused(session.clone()))
    }

    /// The session after the rotation.
    #[must_use]
    pub fn applied_to(&self, session: &Session) -> Session {
        Session {
            generation: self.generation,
            refresh_jti: self.refresh_jti.clone(),
            hashed_refresh_token: self.hashed_refresh_token,
            previous_hashed_refresh_token: Some(self.presented),
            rotated_at: self.at,
            last_used_at: self.at,
            expires_at: self.expires_at,
            last_client: self.client.clone(),
            ..session.clone()
        }
    }
}
