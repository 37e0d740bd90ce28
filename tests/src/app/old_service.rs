//! Access tokens as the service before this one issued them: RS256 under the same key, without its name.

use serde_json::{Value, json};

use super::forge::{Algorithm, Forger};

/// The header that it wrote.
pub const HEADER: &str = r#"{"alg":"RS256","typ":"JWT"}"#;

/// The claims of an access token of that user, which was issued at that time, in seconds since 1970, for half an hour.
pub fn claims(subject: &str, issued_at: i64) -> Value {
    json!({ "sub": subject, "iat": issued_at, "exp": issued_at + 1_800, "type": "access" })
}

/// A token with these claims.
pub fn token(forger: &Forger, claims: &Value) -> String {
    forger.sign(Algorithm::Rs256, HEADER, claims.to_string())
}
