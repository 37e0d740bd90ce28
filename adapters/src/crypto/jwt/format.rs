use time::Duration;

/// What our tokens say, and nothing else does: who issues them, for whom, and how far clocks may differ.
///
/// The checks follow RFC 8725: the algorithm, the type and the key are decided here and only compared with what the
/// token says; a header that ours do not have is refused, which takes in `crit`, embedded keys and key URLs.
#[derive(Clone, Debug)]
pub struct TokenFormat {
    /// `iss`.
    pub issuer: String,
    /// `aud`.
    pub audience: String,
    /// How far the clocks of two instances may differ.
    pub leeway: Duration,
}
