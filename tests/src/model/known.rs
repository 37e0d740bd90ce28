use inwren_domain::kernel::{PlainToken, SessionId, TokenDigest};
use inwren_domain::token::TokenVerifier;

use super::call::{SessionNo, TokenNo};

/// The sessions and tokens seen so far. The index is the number.
#[derive(Default)]
pub(super) struct Known {
    sessions: Vec<SessionId>,
    tokens: Vec<PlainToken>,
}

impl Known {
    /// The number of a session. A new session gets the next number.
    pub(super) fn session(&mut self, id: SessionId) -> SessionNo {
        number(&mut self.sessions, |known| *known == id, id)
    }

    /// The number of a token. A new token gets the next number.
    pub(super) fn token(&mut self, token: PlainToken) -> TokenNo {
        number(&mut self.tokens, |known| known.expose() == token.expose(), token.clone())
    }

    /// The number of the token with this digest; `None` if no such token was seen.
    pub(super) fn digested(&self, verifier: &dyn TokenVerifier, digest: TokenDigest) -> Option<TokenNo> {
        self.tokens.iter().position(|known| verifier.digest(known) == digest)
    }

    pub(super) fn id_of(&self, session: SessionNo) -> SessionId {
        self.sessions[session]
    }

    pub(super) fn text_of(&self, token: TokenNo) -> PlainToken {
        self.tokens[token].clone()
    }

    /// How many tokens have a number.
    pub(super) fn tokens(&self) -> usize {
        self.tokens.len()
    }
}

fn number<T>(known: &mut Vec<T>, is_it: impl Fn(&T) -> bool, new: T) -> usize {
    known.iter().position(is_it).unwrap_or_else(|| {
        known.push(new);
        known.len() - 1
    })
}
