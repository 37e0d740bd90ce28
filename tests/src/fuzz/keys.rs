use inwren_adapters::crypto::keys::{KeyPair, MAX_BITS, MIN_BITS, PublicKey};

/// Parses any text as a private key, encrypted or not, and as a public key. An accepted key can be written and read
/// again.
pub(super) fn pem(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for passphrase in [None, Some("x")] {
        if let Ok(pair) = KeyPair::read(text, passphrase) {
            let written = pair.to_pem().expect("a key in PEM");
            let again = KeyPair::from_pem(&written).expect("a key");
            assert_eq!(again.public().id(), pair.public().id());
        }
    }
    if let Ok(public) = PublicKey::from_pem(text) {
        let written = public.to_pem().expect("a key in PEM");
        assert_eq!(PublicKey::from_pem(&written).expect("a key").id(), public.id());
        assert_eq!(public.id().len(), 43, "between {MIN_BITS} and {MAX_BITS} bits");
    }
}
