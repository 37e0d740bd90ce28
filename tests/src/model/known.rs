use inwren_domain::kernel::{PlainToken, SessionId, TokenDigest};
use inwren_domain::token::TokenVerifier;

use super::call::{SessionNo, TokenNo};

/// The sessions and tokens that were seen, each with its number.
#[derive(Default)]
pub(super) struct Known {
    sessions: Vec<SessionId>,
    tokens: Vec<PlainToken>,
}

impl Known {
    /// A session's number, which it gets if it has none.
    pub(super) fn session(&mut self, id: SessionId) -> SessionNo {
        number(&mut self.sessions, |known| *known == id, id)
    }

    /// A token's number, which it gets if it has none.
    pub(super) fn token(&mut self, token: PlainToken) -> TokenNo {
        number(&mut self.tokens, |known| known.expose() == token.expose(), token.clone())
    }

    /// The number of a token of which only the digest is known; none if no such token was seen.
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
