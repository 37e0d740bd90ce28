use time::OffsetDateTime;

use super::{InvalidToken, LegacyClaims};

/// Verifies access tokens that the service before this one issued, for the time in which its users move in.
///
/// It MUST accept only access tokens, of one algorithm and under keys that were there when the token was issued, and none that
/// is good for longer than a day from now or than the operator has said. It MUST refuse what is not surely an access token of
/// that service: a refresh token, a token of ours, any header field or claim that it does not know.
pub trait LegacyTokenVerifier: Send + Sync {
    /// Verifies an access token of the service before.
    fn verify_legacy(&self, token: &str, now: OffsetDateTime) -> Result<LegacyClaims, InvalidToken>;
}
