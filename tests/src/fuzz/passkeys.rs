use std::sync::{Mutex, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use inwren_adapters::crypto::passkey::WebAuthn;
use inwren_domain::factor::{
    Asserted, Assertion, Creation, CredentialId, Expected, InvalidCeremony, NewCredential, Passkey,
    PasskeyVerifier as _, RelyingParty, UserHandle,
};
use serde_json::{Value, json};

use crate::authenticator::{Authenticator, Tamper};

const RP_ID: &str = "example.org";
const ORIGIN: &str = "https://example.org";
/// A challenge of 32 bytes.
const CHALLENGE: &str = "Y2hhbGxlbmdlIGNoYWxsZW5nZSBjaGFsbGVuZ2UgY2g";
/// The credential id in the seeds.
const CREDENTIAL: &[u8; 16] = b"passkey of seeds";
const HANDLE: [u8; 32] = [7; 32];

/// Parses any bytes as the attestation object of a new passkey. An accepted one is complete, belongs to the relying
/// party, and has consistent flags.
pub(super) fn attestation(bytes: &[u8]) {
    let Ok(new) = create(bytes, RP_ID) else { return };
    assert!(new.is_backup_eligible || !new.is_backed_up, "{new:?}");
    assert!(!new.public_key.is_empty() && bytes.len() <= 8 * 1024, "{new:?}");
    assert_eq!(create(bytes, RP_ID).as_ref(), Ok(&new));
    assert!(create(bytes, "example.com").is_err());
    assert!(create(&bytes[..bytes.len() - 1], RP_ID).is_err(), "it is complete with one byte less");
    assert!(create(&[bytes, &[0]].concat(), RP_ID).is_err(), "it is complete with one byte more");
}

fn create(attestation_object: &[u8], rp_id: &str) -> Result<NewCredential, InvalidCeremony> {
    let client_data =
        json!({ "type": "webauthn.create", "challenge": CHALLENGE, "origin": ORIGIN, "crossOrigin": false });
    let creation = Creation {
        credential_id: CredentialId::new(CREDENTIAL.to_vec()).expect("an id"),
        client_data: client_data.to_string().into_bytes(),
        attestation_object: attestation_object.to_vec(),
        transports: Vec::new(),
    };
    expecting(rp_id, |expected| WebAuthn.verify_creation(&creation, expected))
}

/// Signs any bytes as authenticator data. Accepted data have the form of WebAuthn Level 3 section 6.1, and the result
/// repeats them.
pub(super) fn authenticator_data(bytes: &[u8]) {
    let replaced = bytes.to_vec();
    let change = move |data: &mut Vec<u8>| data.clone_from(&replaced);
    let asserted = answer_with(Tamper { authenticator_data: Some(Box::new(change)), ..Tamper::default() });
    let Some((hash, [flags, a, b, c, d, rest @ ..])) = bytes.split_at_checked(32) else {
        assert!(asserted.is_err());
        return;
    };
    let has = |flag: u8| flags & flag != 0;
    let (present, eligible, attested, extended) = (has(0x01), has(0x08), has(0x40), has(0x80));
    let is_ours = hash == digest(&SHA256, RP_ID.as_bytes()).as_ref() && present && eligible && !attested;
    match asserted {
        Ok(asserted) => {
            assert!(is_ours && extended != rest.is_empty(), "{asserted:?}");
            let expected = Asserted {
                sign_count: u32::from_be_bytes([*a, *b, *c, *d]),
                is_backed_up: has(0x10),
                verified_user: has(0x04),
            };
            assert_eq!(asserted, expected);
        }
        Err(why) => assert!(!is_ours || extended || !rest.is_empty(), "{why}"),
    }
}

/// Signs any bytes as client data. Accepted client data name the ceremony, the challenge and the origin.
pub(super) fn client_data(bytes: &[u8]) {
    let read = WebAuthn.challenge(bytes);
    let parsed: Result<Value, _> = serde_json::from_slice(bytes);
    if let Some(challenge) = &read {
        assert_eq!(parsed.as_ref().expect("JSON")["challenge"], challenge.as_str());
    }
    let replaced = bytes.to_vec();
    let change = move |data: &mut Vec<u8>| data.clone_from(&replaced);
    let asserted = answer_with(Tamper { client_data_json: Some(Box::new(change)), ..Tamper::default() });
    if asserted.is_ok() {
        let data = parsed.expect("JSON");
        assert_eq!(read.as_deref(), Some(CHALLENGE));
        assert_eq!((&data["type"], &data["origin"]), (&json!("webauthn.get"), &json!(ORIGIN)));
        assert!(data.get("topOrigin").is_none());
        assert!(data.get("crossOrigin").is_none_or(|is_embedded| is_embedded == false));
    }
}

/// Uses the passkey of all runs with an authenticator that tampers with its answer before it signs it.
fn answer_with(tamper: Tamper) -> Result<Asserted, InvalidCeremony> {
    static DEVICE: Mutex<Option<(Authenticator, Passkey)>> = Mutex::new(None);
    let mut device = DEVICE.lock().unwrap_or_else(PoisonError::into_inner);
    let (authenticator, passkey) = device.get_or_insert_with(enrolled);
    authenticator.tamper = tamper;
    let options = json!({ "challenge": CHALLENGE, "rpId": RP_ID, "allowCredentials": [] });
    let answer = authenticator.get(&options, ORIGIN);
    let response = &answer["response"];
    let assertion = Assertion {
        credential_id: passkey.credential_id.clone(),
        client_data: decode(&response["clientDataJSON"]),
        authenticator_data: decode(&response["authenticatorData"]),
        signature: decode(&response["signature"]),
        user_handle: Some(decode(&response["userHandle"])),
    };
    expecting(RP_ID, |expected| WebAuthn.verify_assertion(&assertion, passkey, expected))
}

/// An authenticator with a passkey that is eligible for backup.
fn enrolled() -> (Authenticator, Passkey) {
    let mut authenticator = Authenticator::new();
    let options = json!({
        "rp": { "id": RP_ID, "name": "Example" },
        "user": { "id": URL_SAFE_NO_PAD.encode(HANDLE), "name": "a@example.org", "displayName": "A" },
        "challenge": CHALLENGE,
        "pubKeyCredParams": [{ "type": "public-key", "alg": authenticator.algorithm.id() }],
    });
    let answer = authenticator.create(&options, ORIGIN);
    let creation = Creation {
        credential_id: CredentialId::new(decode(&answer["rawId"])).expect("an id"),
        client_data: decode(&answer["response"]["clientDataJSON"]),
        attestation_object: decode(&answer["response"]["attestationObject"]),
        transports: Vec::new(),
    };
    let new = expecting(RP_ID, |expected| WebAuthn.verify_creation(&creation, expected));
    let new = new.expect("a passkey");
    let passkey = Passkey {
        credential_id: creation.credential_id,
        public_key: new.public_key,
        algorithm: new.algorithm,
        sign_count: new.sign_count,
        is_backup_eligible: new.is_backup_eligible,
        is_backed_up: new.is_backed_up,
        verifies_user: new.verified_user,
        user_handle: UserHandle::from_bytes(HANDLE),
        transports: Vec::new(),
    };
    (authenticator, passkey)
}

/// Runs a verification with the challenge and the origin of all ceremonies.
fn expecting<T>(rp_id: &str, verify: impl FnOnce(&Expected<'_>) -> T) -> T {
    let relying_party = RelyingParty { id: rp_id.to_owned(), origins: vec![ORIGIN.to_owned()] };
    let expected =
        Expected { challenge: CHALLENGE, relying_party: &relying_party, needs_user_verification: false };
    verify(&expected)
}

fn decode(value: &Value) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(value.as_str().expect("a text")).expect("base64url")
}
