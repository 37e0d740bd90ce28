use time::OffsetDateTime;

use super::{InvalidToken, LegacyClaims};

/// Verifies access tokens that the legacy service issued, while its users migrate.
///
/// It MUST accept only access tokens, of one algorithm and under keys that existed when the token was issued, and none
/// that is valid for longer than a day from now or than the operator allows. It MUST refuse everything that is not
/// certainly an access token of that service: a refresh token, a token of this service, any unknown header field or
/// claim.
pub trait LegacyTokenVerifier: Send + Sync {
    /// Verifies an access token of the legacy service.
    fn verify_legacy(&self, token: &str, now: OffsetDateTime) -> Result<LegacyClaims, InvalidToken>;
}
