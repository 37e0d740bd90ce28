//! The verifier of passkeys against the software authenticator, which tampers with one thing at a time.

mod assertions;
mod client_data;
mod creations;
mod keys;
mod mutations;
mod vectors;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use inwren_adapters::crypto::passkey::WebAuthn;
use inwren_domain::factor::{
    Asserted, Assertion, CoseAlgorithm, Creation, CredentialId, Expected, InvalidCeremony, NewCredential,
    Passkey, PasskeyVerifier, RelyingParty, UserHandle,
};
use inwren_tests::authenticator::Authenticator;
use serde_json::{Value, json};

const ORIGIN: &str = "https://example.org";
const HANDLE: [u8; 32] = [7; 32];
/// Challenges of 32 bytes.
const CREATE: &str = "Y3JlYXRpb24gY3JlYXRpb24gY3JlYXRpb24gY3JlYXQ";
const GET: &str = "YXNzZXJ0aW9uIGFzc2VydGlvbiBhc3NlcnRpb24gYXM";

fn relying_party() -> RelyingParty {
    let origins = vec![ORIGIN.to_owned(), "https://login.example.org:8443".to_owned()];
    RelyingParty { id: "example.org".to_owned(), origins }
}

/// Creation options that offer all algorithms.
fn creation_options() -> Value {
    let offers = CoseAlgorithm::ALL.map(|algorithm| json!({"type": "public-key", "alg": algorithm.id()}));
    json!({
        "rp": {"id": "example.org", "name": "Example"},
        "user": {"id": URL_SAFE_NO_PAD.encode(HANDLE), "name": "a@example.org", "displayName": "A"},
        "challenge": CREATE,
        "pubKeyCredParams": offers,
    })
}

fn request_options() -> Value {
    json!({"challenge": GET, "rpId": "example.org", "allowCredentials": []})
}

fn decode(value: &Value) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(value.as_str().unwrap()).unwrap()
}

fn credential_id(answer: &Value) -> CredentialId {
    CredentialId::new(decode(&answer["rawId"])).unwrap()
}

/// Creates a passkey.
fn create(authenticator: &mut Authenticator) -> Creation {
    let answer = authenticator.create(&creation_options(), ORIGIN);
    Creation {
        credential_id: credential_id(&answer),
        client_data: decode(&answer["response"]["clientDataJSON"]),
        attestation_object: decode(&answer["response"]["attestationObject"]),
        transports: vec!["internal".to_owned()],
    }
}

/// Uses the newest passkey.
fn get(authenticator: &mut Authenticator) -> Assertion {
    let answer = authenticator.get(&request_options(), ORIGIN);
    Assertion {
        credential_id: credential_id(&answer),
        client_data: decode(&answer["response"]["clientDataJSON"]),
        authenticator_data: decode(&answer["response"]["authenticatorData"]),
        signature: decode(&answer["response"]["signature"]),
        user_handle: Some(decode(&answer["response"]["userHandle"])),
    }
}

fn verify_creation(
    answer: &Creation,
    needs_user_verification: bool,
) -> Result<NewCredential, InvalidCeremony> {
    let relying_party = &relying_party();
    let expected = Expected { challenge: CREATE, relying_party, needs_user_verification };
    WebAuthn.verify_creation(answer, &expected)
}

fn verify_assertion(
    answer: &Assertion,
    passkey: &Passkey,
    needs_user_verification: bool,
) -> Result<Asserted, InvalidCeremony> {
    let relying_party = &relying_party();
    let expected = Expected { challenge: GET, relying_party, needs_user_verification };
    WebAuthn.verify_assertion(answer, passkey, &expected)
}

/// The passkey to store for a new credential.
fn stored(id: &CredentialId, new: NewCredential) -> Passkey {
    Passkey {
        credential_id: id.clone(),
        public_key: new.public_key,
        algorithm: new.algorithm,
        sign_count: new.sign_count,
        is_backup_eligible: new.is_backup_eligible,
        is_backed_up: new.is_backed_up,
        verifies_user: new.verified_user,
        user_handle: UserHandle::from_bytes(HANDLE),
        transports: Vec::new(),
    }
}

/// Creates and stores a passkey.
fn enrol(authenticator: &mut Authenticator) -> Passkey {
    let answer = create(authenticator);
    stored(&answer.credential_id, verify_creation(&answer, false).unwrap())
}

/// The result of a creation with an authenticator that was changed.
fn creation_after(change: impl FnOnce(&mut Authenticator)) -> Result<NewCredential, InvalidCeremony> {
    let mut authenticator = Authenticator::new();
    change(&mut authenticator);
    verify_creation(&create(&mut authenticator), true)
}

/// The result of an assertion with an authenticator that was changed after the creation.
fn assertion_after(change: impl FnOnce(&mut Authenticator)) -> Result<Asserted, InvalidCeremony> {
    let mut authenticator = Authenticator::new();
    let passkey = enrol(&mut authenticator);
    change(&mut authenticator);
    verify_assertion(&get(&mut authenticator), &passkey, true)
}

#[test]
fn valid_ceremonies_report_the_authenticator() {
    for algorithm in CoseAlgorithm::ALL {
        for authenticator in [Authenticator::new(), Authenticator::security_key()] {
            let mut authenticator = authenticator.with_algorithm(algorithm);
            let answer = create(&mut authenticator);
            let new = verify_creation(&answer, true).unwrap();
            let flags = (new.verified_user, new.is_backup_eligible, new.is_backed_up);
            let is_synced = authenticator.backup_eligible;
            assert_eq!((new.algorithm, new.sign_count, flags), (algorithm, 0, (true, is_synced, is_synced)));
            let passkey = stored(&answer.credential_id, new);
            for use_number in 1..3 {
                let asserted = verify_assertion(&get(&mut authenticator), &passkey, true).unwrap();
                let sign_count = if is_synced { 0 } else { use_number };
                let expected = Asserted { sign_count, is_backed_up: is_synced, verified_user: true };
                assert_eq!(asserted, expected);
            }
        }
    }
}

#[test]
fn user_verification_is_checked_when_demanded() {
    let mut authenticator = Authenticator::security_key().without_user_verification();
    let created = create(&mut authenticator);
    let refused = InvalidCeremony("the authenticator did not verify the user");
    assert_eq!(verify_creation(&created, true), Err(refused));
    let new = verify_creation(&created, false).unwrap();
    assert!(!new.verified_user);
    let passkey = stored(&created.credential_id, new);
    let asserted = get(&mut authenticator);
    assert_eq!(verify_assertion(&asserted, &passkey, true), Err(refused));
    assert!(!verify_assertion(&asserted, &passkey, false).unwrap().verified_user);
}
