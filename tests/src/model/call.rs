//! Calls to the service and its answers. Numbers stand for sessions and tokens.

/// The number of a session. The first session seen is 0.
pub(super) type SessionNo = usize;

/// The number of a token, access or refresh. The first token seen is 0. A token that is returned again keeps its
/// number.
pub(super) type TokenNo = usize;

/// One call of a use case. A client that acts in a session was authenticated before.
#[derive(Clone, Debug)]
pub(super) enum Call {
    /// Logs in with the password that was valid after this number of changes.
    Login { password: u32 },
    /// Exchanges a refresh token for its successor.
    Exchange { token: TokenNo },
    /// The second half of an exchange that the service recognised as reuse.
    EndReused { session: SessionNo },
    /// Presents an access token.
    Authenticate { token: TokenNo },
    /// Introspects a token.
    Introspect { token: TokenNo },
    /// Revokes a refresh token.
    Revoke { token: TokenNo },
    /// Ends the session of the client.
    LogOut { by: SessionNo },
    /// Ends any session of the client's account.
    EndOne { by: SessionNo, other: SessionNo },
    /// Ends all sessions of the account except the client's.
    EndOthers { by: SessionNo },
    /// Changes to the next password. The client loaded its user when this password was valid.
    ChangePassword { by: SessionNo, from: u32 },
    /// Deactivates the account.
    Deactivate { by: SessionNo },
}

/// The answer to a call.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answer {
    /// A pair of tokens.
    Tokens { session: SessionNo, refresh: TokenNo, access: TokenNo },
    /// The call succeeded, or the token is valid.
    Done,
    /// The service refused the call.
    No(Refusal),
}

/// The reason for a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The service rejected the credentials, without giving the reason.
    Login,
    /// The token is invalid.
    Token,
    /// The refresh token was used before.
    Reused,
    /// A password change replaced the refresh token.
    Superseded,
    /// The session has ended.
    Ended,
    /// The account is inactive.
    Inactive,
    /// Another call changed the account or session first.
    ChangedMeanwhile,
    /// The account has no such live session.
    NotFound,
}

impl Answer {
    /// Whether the answer is this refusal.
    pub(super) fn is_no(self, expected: Refusal) -> bool {
        matches!(self, Self::No(refusal) if refusal == expected)
    }

    /// Whether the answer is [`Done`](Self::Done) if `is_due`, or else this refusal.
    pub(super) fn is_done_or(self, is_due: bool, refusal: Refusal) -> bool {
        if is_due { matches!(self, Self::Done) } else { self.is_no(refusal) }
    }
}
