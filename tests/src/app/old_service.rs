//! Access tokens of the legacy service: RS256 with the same key, but without `kid`.

use serde_json::{Value, json};

use super::forge::{Algorithm, Forger};

/// The header of these tokens.
pub const HEADER: &str = r#"{"alg":"RS256","typ":"JWT"}"#;

/// The claims of an access token for this user, issued at this time (in seconds since 1970), valid for 30 minutes.
pub fn claims(subject: &str, issued_at: i64) -> Value {
    json!({ "sub": subject, "iat": issued_at, "exp": issued_at + 1_800, "type": "access" })
}

/// A token with these claims.
pub fn token(forger: &Forger, claims: &Value) -> String {
    forger.sign(Algorithm::Rs256, HEADER, claims.to_string())
}
