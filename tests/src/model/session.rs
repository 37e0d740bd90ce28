//! A session of the model: a list of all its tokens.

use time::{Duration, OffsetDateTime};

use super::call::TokenNo;
use super::rules::{ACCESS, REFRESH, SESSION};

#[derive(Clone, Debug)]
pub(super) struct Session {
    /// Whether the session was ended before its expiry.
    pub(super) is_ended: bool,
    ends_at: OffsetDateTime,
    /// In the order of issue. The last token is live.
    pub(super) refresh: Vec<Token>,
    /// The number of refresh tokens issued before the last password change.
    pub(super) superseded: usize,
    pub(super) access: Vec<Token>,
    /// The number of access tokens issued before the last password change.
    superseded_access: usize,
}

#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) no: TokenNo,
    pub(super) issued_at: OffsetDateTime,
    pub(super) expires_at: OffsetDateTime,
}

impl Session {
    pub(super) fn opened(now: OffsetDateTime) -> Self {
        let ends_at = now.truncate_to_second() + SESSION;
        Self {
            is_ended: false,
            ends_at,
            refresh: Vec::new(),
            superseded: 0,
            access: Vec::new(),
            superseded_access: 0,
        }
    }

    pub(super) fn issue(&mut self, refresh: TokenNo, access: TokenNo, now: OffsetDateTime) {
        self.refresh.push(Token::issued(refresh, now, REFRESH, self.ends_at));
        self.issue_access(access, now);
    }

    pub(super) fn issue_access(&mut self, access: TokenNo, now: OffsetDateTime) {
        self.access.push(Token::issued(access, now, ACCESS, self.ends_at));
    }

    /// A password change ends all tokens from before it.
    pub(super) fn supersede(&mut self) {
        (self.superseded, self.superseded_access) = (self.refresh.len(), self.access.len());
    }

    /// The access tokens since the last password change.
    pub(super) fn current_access(&self) -> &[Token] {
        &self.access[self.superseded_access..]
    }

    pub(super) fn is_live(&self, now: OffsetDateTime) -> bool {
        let has_token = self.refresh.last().is_some_and(|live| now < live.expires_at);
        !self.is_ended && now < self.ends_at && has_token
    }

    pub(super) fn tokens(&self) -> impl Iterator<Item = &Token> {
        self.refresh.iter().chain(&self.access)
    }
}

impl Token {
    fn issued(no: TokenNo, now: OffsetDateTime, lifetime: Duration, session_end: OffsetDateTime) -> Self {
        Self { no, issued_at: now, expires_at: session_end.min(now.truncate_to_second() + lifetime) }
    }

    /// Tokens state their times in whole seconds.
    pub(super) fn is_good(&self, now: OffsetDateTime) -> bool {
        self.issued_at.truncate_to_second() <= now && now < self.expires_at
    }
}
