use crate::Core;
use crate::model::{AccessClaims, Session, User};
use crate::ports::{InvalidToken, StoreError};

/// Somebody who has shown a valid access token of a live session: the user and the session as they are now, not as
/// the token remembers them. Only [`authenticate`] makes one, and nobody outside the use cases changes it.
#[derive(Clone, Debug)]
pub struct Principal {
    pub(in crate::service) user: User,
    pub(in crate::service) session: Session,
    pub(in crate::service) claims: AccessClaims,
}

impl Principal {
    /// The user.
    pub fn user(&self) -> &User {
        &self.user
    }

    /// The session that the token belongs to.
    pub fn session(&self) -> &Session {
        &self.session
    }
}

/// Why somebody is not let in.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NotAuthenticated {
    /// The token itself is not valid.
    #[error("the token is not valid: {0}")]
    Token(#[from] InvalidToken),
    /// The session has ended, or is of somebody else.
    #[error("the session has ended")]
    SessionEnded,
    /// The user may not log in.
    #[error("the user is not active")]
    Inactive,
    /// It could not be found out, so nobody is let in.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Finds out whose access token this is. The store is not asked before the signature has been checked, and then once.
pub async fn authenticate(core: &Core, token: &str) -> Result<Principal, NotAuthenticated> {
    let now = core.clock.now();
    let claims = core.verifier.verify_access(token, now)?;
    let found = core.store.read().await?.sessions().with_user(claims.session_id).await?;
    let (session, user) = found.ok_or(NotAuthenticated::SessionEnded)?;
    if user.id != claims.user_id || !session.is_live(now) {
        return Err(NotAuthenticated::SessionEnded);
    }
    if !user.is_active {
        return Err(NotAuthenticated::Inactive);
    }
    Ok(Principal { user, session, claims })
}
