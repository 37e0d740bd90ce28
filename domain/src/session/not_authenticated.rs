use crate::kernel::StoreError;
use crate::token::InvalidToken;

/// Why a token was refused.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NotAuthenticated {
    /// The token itself is not valid.
    #[error("the token is not valid: {0}")]
    Token(#[from] InvalidToken),
    /// The session has ended, or belongs to another user. A legacy token was revoked, or its user does not exist here.
    #[error("the session has ended")]
    SessionEnded,
    /// The user may not log in.
    #[error("the user is not active")]
    Inactive,
    /// The user must have a second factor and has none: the session may only enrol one.
    #[error("a second factor must be enrolled")]
    MayOnlyEnrol,
    /// The token is a legacy token, but its user did not come from the legacy service.
    #[error("the user did not come from the legacy service")]
    NotAdopted,
    /// The store failed, so the token is refused.
    #[error(transparent)]
    Store(#[from] StoreError),
}
