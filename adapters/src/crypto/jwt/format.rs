use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use inwren_domain::ports::InvalidToken;
use time::{Duration, OffsetDateTime};

use super::classes::TokenClass;
use super::payload::Payload;

/// What our tokens say, and nothing else does: who issues them, for whom, and how far clocks may differ.
///
/// The checks follow RFC 8725: the algorithm, the type and the key are decided here and only compared with what the
/// token says; a header or claim that ours do not have is refused, which takes in `crit`, embedded keys and key URLs.
#[derive(Clone, Debug)]
pub struct TokenFormat {
    /// `iss`.
    pub issuer: String,
    /// `aud`.
    pub audience: String,
    /// How far the clocks of two instances may differ.
    pub leeway: Duration,
}

impl TokenFormat {
    /// Reads the claims of a token whose signature has been checked, and checks that they hold for us, now.
    pub(super) fn claims<C: TokenClass>(
        &self,
        payload: &str,
        now: OffsetDateTime,
    ) -> Result<C, InvalidToken> {
        let json = URL_SAFE_NO_PAD.decode(payload).map_err(|_| InvalidToken::Claims)?;
        let payload: Payload<'_> = serde_json::from_slice(&json).map_err(|_| InvalidToken::Claims)?;
        let Payload { iat, exp, .. } = payload;
        let ours = payload.iss == self.issuer && payload.aud == self.audience;
        if !ours || payload.r#type != C::TYPE.claim() || !(0..exp).contains(&iat) {
            return Err(InvalidToken::Claims);
        }
        let now = now.unix_timestamp();
        let leeway = self.leeway.whole_seconds();
        if now >= exp.saturating_add(leeway) {
            return Err(InvalidToken::Expired);
        }
        if iat > now.saturating_add(leeway) {
            return Err(InvalidToken::Early);
        }
        C::read(payload).ok_or(InvalidToken::Claims)
    }
}
