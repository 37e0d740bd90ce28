use inwren_adapters::crypto::jwt::SigningKeys;
use inwren_adapters::crypto::keys::{KeyError, KeyPair};

/// The PEM of the development key. It is not a secret: it is published with the source, so that a verifier in a test
/// can have the public half in advance.
const PEM: &str = include_str!("development_key.pem");

/// The key id of the development key: its thumbprint (RFC 7638).
pub const KID: &str = "WL_NXL_E0yFY9opZAY7AyY6hcrpjwyEwJTjVXhIZGGc";

/// The development key as a ring of one key, which always signs.
pub fn signing_keys() -> Result<SigningKeys, KeyError> {
    KeyPair::read(PEM, None).map(SigningKeys::of_one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_the_one_that_is_refused_elsewhere() {
        assert_eq!(KeyPair::read(PEM, None).unwrap().public().id(), KID);
    }
}
