use super::TotpSecret;

/// Computes the codes of authenticator apps.
pub trait TotpCodes: Send + Sync {
    /// The code of a time step: 6 digits, HMAC-SHA-1 with dynamic truncation (RFC 4226 section 5.3; RFC 6238 section
    /// 4).
    fn code(&self, secret: &TotpSecret, step: u64) -> u32;
}
