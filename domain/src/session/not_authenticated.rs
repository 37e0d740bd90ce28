use crate::kernel::StoreError;
use crate::token::InvalidToken;

/// Why a token is refused.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NotAuthenticated {
    /// The token itself is not valid.
    #[error("the token is not valid: {0}")]
    Token(#[from] InvalidToken),
    /// The session has ended, or is of another user. A token of the service before has been ended, or its user is not here.
    #[error("the session has ended")]
    SessionEnded,
    /// The user may not log in.
    #[error("the user is not active")]
    Inactive,
    /// The token is of the service before, and its user registered here.
    #[error("the user did not come from the service before")]
    NotAdopted,
    /// The store did not answer, so the token is refused.
    #[error(transparent)]
    Store(#[from] StoreError),
}
