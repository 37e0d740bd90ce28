use crate::ports::{InvalidToken, StoreError};

/// Why somebody is not let in.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NotAuthenticated {
    /// The token itself is not valid.
    #[error("the token is not valid: {0}")]
    Token(#[from] InvalidToken),
    /// The session has ended, or is of somebody else. Of a token of the service before: it has been ended, or nobody here has
    /// it.
    #[error("the session has ended")]
    SessionEnded,
    /// The user may not log in.
    #[error("the user is not active")]
    Inactive,
    /// The token is of the service before, and its user registered here.
    #[error("the user did not come from the service before")]
    NotAdopted,
    /// It could not be found out, so nobody is let in.
    #[error(transparent)]
    Store(#[from] StoreError),
}
