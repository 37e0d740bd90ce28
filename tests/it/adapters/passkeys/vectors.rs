//! The test vectors of WebAuthn Level 3 section 16.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use inwren_adapters::crypto::passkey::WebAuthn;
use inwren_domain::factor::{
    Assertion, Creation, CredentialId, Expected, InvalidCeremony, Passkey, PasskeyVerifier, RelyingParty,
};
use serde_json::Value;

static VECTORS: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/data/webauthn_vectors.json");
    let text = std::fs::read_to_string(file).unwrap();
    serde_json::from_str::<Value>(&text).unwrap()["vectors"].as_array().unwrap().clone()
});

fn relying_party() -> RelyingParty {
    RelyingParty { id: "example.org".to_owned(), origins: vec!["https://example.org".to_owned()] }
}

fn hex(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap();
    (0..text.len()).step_by(2).map(|start| u8::from_str_radix(&text[start..start + 2], 16).unwrap()).collect()
}

fn credential_id(vector: &Value) -> CredentialId {
    CredentialId::new(hex(&vector["credential_id"])).unwrap()
}

fn creation(vector: &Value) -> Creation {
    Creation {
        credential_id: credential_id(vector),
        client_data: hex(&vector["creation"]["client_data"]),
        attestation_object: hex(&vector["creation"]["attestation_object"]),
        transports: Vec::new(),
    }
}

fn assertion(vector: &Value) -> Assertion {
    Assertion {
        credential_id: credential_id(vector),
        client_data: hex(&vector["assertion"]["client_data"]),
        authenticator_data: hex(&vector["assertion"]["authenticator_data"]),
        signature: hex(&vector["assertion"]["signature"]),
        user_handle: None,
    }
}

/// Verifies both ceremonies of a vector.
fn verify(vector: &Value) -> Result<Passkey, InvalidCeremony> {
    let relying_party = relying_party();
    let challenge = URL_SAFE_NO_PAD.encode(hex(&vector["creation"]["challenge"]));
    let expected =
        Expected { challenge: &challenge, relying_party: &relying_party, needs_user_verification: false };
    let passkey =
        super::stored(&credential_id(vector), WebAuthn.verify_creation(&creation(vector), &expected)?);
    let challenge = URL_SAFE_NO_PAD.encode(hex(&vector["assertion"]["challenge"]));
    let expected = Expected { challenge: &challenge, ..expected };
    WebAuthn.verify_assertion(&assertion(vector), &passkey, &expected)?;
    Ok(passkey)
}

#[test]
fn vectors_of_the_standard_are_verified() {
    let mut accepted = 0;
    for vector in VECTORS.iter() {
        let refused = vector["refused"].as_str();
        assert_eq!(verify(vector).err().map(|error| error.0), refused, "{}", vector["name"]);
        accepted += usize::from(refused.is_none());
    }
    assert_eq!((VECTORS.len(), accepted), (15, 10));
}

#[test]
fn truncated_attestation_objects_are_refused() {
    let relying_party = relying_party();
    for vector in VECTORS.iter() {
        let challenge = URL_SAFE_NO_PAD.encode(hex(&vector["creation"]["challenge"]));
        let expected =
            Expected { challenge: &challenge, relying_party: &relying_party, needs_user_verification: false };
        let whole = creation(vector);
        for kept in 0..whole.attestation_object.len() {
            let attestation_object = whole.attestation_object[..kept].to_vec();
            let cut = Creation { attestation_object, ..whole.clone() };
            assert!(WebAuthn.verify_creation(&cut, &expected).is_err(), "{}: {kept}", vector["name"]);
        }
    }
}
