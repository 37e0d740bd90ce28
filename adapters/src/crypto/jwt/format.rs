use time::Duration;

/// The fixed properties of our tokens: issuer, audience and clock leeway.
///
/// The checks follow RFC 8725. The verifier, not the token, chooses algorithm, type and key, and compares the token's
/// values with them. It refuses every header that our tokens do not have, including `crit`, embedded keys and key URLs.
#[derive(Clone, Debug)]
pub struct TokenFormat {
    /// `iss`.
    pub issuer: String,
    /// `aud`.
    pub audience: String,
    /// Largest difference between the clocks of two instances.
    pub leeway: Duration,
}
