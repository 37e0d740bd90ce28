//! What the service is asked and what it answers, with a number for each session and token instead of itself.

/// The number of a session: the first that was seen is 0.
pub(super) type SessionNo = usize;

/// The number of a token, access or refresh: the first that was seen is 0, and a token that comes again keeps its number.
pub(super) type TokenNo = usize;

/// One call of a use case. Whoever acts in a session was authenticated before.
#[derive(Clone, Debug)]
pub(super) enum Call {
    /// With the password that was in force after so many changes.
    Login { password: u32 },
    /// Presents a refresh token for its successor.
    Exchange { token: TokenNo },
    /// The second half of an exchange that was found to be reuse.
    EndReused { session: SessionNo },
    /// Shows an access token.
    Authenticate { token: TokenNo },
    /// Asks what a token is worth.
    Introspect { token: TokenNo },
    /// Hands a refresh token in.
    Revoke { token: TokenNo },
    /// Ends the own session.
    LogOut { by: SessionNo },
    /// Ends a session of the own account.
    EndOne { by: SessionNo, other: SessionNo },
    /// Ends all sessions of the account but the own.
    EndOthers { by: SessionNo },
    /// Goes over to the next password. The own user was looked at when it was this one.
    ChangePassword { by: SessionNo, from: u32 },
    /// Closes the account.
    Deactivate { by: SessionNo },
}

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answer {
    /// A pair of tokens.
    Tokens { session: SessionNo, refresh: TokenNo, access: TokenNo },
    /// It was done, or the token is good.
    Done,
    /// It was not done.
    No(Refusal),
}

/// Why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The login was refused; nobody is told why.
    Login,
    /// The token is good for nothing.
    Token,
    /// The refresh token was used up before.
    Reused,
    /// The refresh token was replaced on purpose.
    Superseded,
    /// The session is over.
    Ended,
    /// The account is closed.
    Inactive,
    /// Somebody was quicker.
    ChangedMeanwhile,
    /// There is no such live session.
    NotFound,
}

impl Answer {
    /// Whether it is this refusal.
    pub(super) fn is_no(self, expected: Refusal) -> bool {
        matches!(self, Self::No(refusal) if refusal == expected)
    }

    /// Whether it is a yes where a yes is due, and else this refusal.
    pub(super) fn is_done_or(self, is_due: bool, refusal: Refusal) -> bool {
        if is_due { matches!(self, Self::Done) } else { self.is_no(refusal) }
    }
}
