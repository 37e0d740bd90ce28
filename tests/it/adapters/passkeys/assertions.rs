//! Assertions.

use inwren_domain::factor::{CoseAlgorithm, CredentialId, InvalidCeremony, UserHandle};
use inwren_tests::authenticator::{Authenticator, bytes, integer, map, text};

use super::{Passkey, assertion_after, create, decode, enrol, get, verify_assertion, verify_creation};

const DATA: InvalidCeremony = InvalidCeremony("the authenticator data are malformed");
const SIGNATURE: InvalidCeremony = InvalidCeremony("the signature is invalid");
/// Where the flags are.
const FLAGS: usize = 32;

/// Asserts with changed authenticator data, which are signed.
fn with_data(change: impl Fn(&mut Vec<u8>) + Send + Sync + 'static) -> Result<(), InvalidCeremony> {
    let tamper = |authenticator: &mut Authenticator| {
        authenticator.tamper.authenticator_data = Some(Box::new(change));
    };
    assertion_after(tamper).map(drop)
}

fn enrolled(algorithm: CoseAlgorithm) -> (Authenticator, Passkey) {
    let mut authenticator = Authenticator::new().with_algorithm(algorithm);
    let passkey = enrol(&mut authenticator);
    (authenticator, passkey)
}

#[test]
fn other_relying_parties_are_refused() {
    let refused = Err(InvalidCeremony("the credential belongs to another relying party"));
    assert_eq!(with_data(|data| data[..32].fill(0)), refused);
    for byte in 0..32 {
        assert_eq!(with_data(move |data| data[byte] ^= 1), refused, "{byte}");
    }
}

#[test]
fn flags_are_verified() {
    let set = |flags: u8| with_data(move |data| data[FLAGS] = flags);
    assert_eq!(set(0x1d), Ok(()));
    assert_eq!(set(0x1c), Err(InvalidCeremony("the user was not present")));
    assert_eq!(set(0x19), Err(InvalidCeremony("the authenticator did not verify the user")));
    assert_eq!(set(0x15), Err(InvalidCeremony("the key is backed up, but not eligible for it")));
    assert_eq!(set(0x0d), Ok(()));
    assert_eq!(set(0x3f), Ok(()));
    assert_eq!(set(0x5d), Err(DATA));
    assert_eq!(set(0x9d), Err(DATA));
}

#[test]
fn backup_eligibility_never_changes() {
    let refused = Err(InvalidCeremony("the backup eligibility of the passkey has changed"));
    assert_eq!(with_data(|data| data[FLAGS] = 0x05), refused);
    let mut authenticator = Authenticator::security_key();
    let passkey = enrol(&mut authenticator);
    authenticator.backup_eligible = true;
    assert_eq!(verify_assertion(&get(&mut authenticator), &passkey, true).map(drop), refused);
}

#[test]
fn backups_are_reported() {
    let (mut authenticator, passkey) = enrolled(CoseAlgorithm::Es256);
    for is_backed_up in [false, true] {
        authenticator.backed_up = is_backed_up;
        let asserted = verify_assertion(&get(&mut authenticator), &passkey, true).unwrap();
        assert_eq!(asserted.is_backed_up, is_backed_up);
        let mut other = Authenticator::new();
        other.backed_up = is_backed_up;
        let new = verify_creation(&create(&mut other), true).unwrap();
        assert_eq!((new.is_backup_eligible, new.is_backed_up), (true, is_backed_up));
    }
}

#[test]
fn new_credentials_are_refused() {
    let attested = |data: &mut Vec<u8>| {
        data[FLAGS] |= 0x40;
        let key = map(&[(integer(1), integer(1)), (integer(-2), bytes(&[0; 32]))]);
        data.extend([&[0; 16][..], &[0, 1, 9], &key].concat());
    };
    assert_eq!(with_data(attested), Err(InvalidCeremony("the assertion contains a new credential")));
}

#[test]
fn extensions_are_one_map() {
    let with = |extensions: Vec<u8>| {
        with_data(move |data| {
            data[FLAGS] |= 0x80;
            data.extend(&extensions);
        })
    };
    assert_eq!(with(map(&[(text("hmac-secret"), bytes(&[1; 48]))])), Ok(()));
    assert_eq!(with([map(&[]), vec![0]].concat()), Err(DATA));
    assert_eq!(with(vec![0x80]), Err(DATA));
    assert_eq!(with_data(|data| data.push(0)), Err(DATA));
    assert_eq!(with_data(|data| data.extend(map(&[]))), Err(DATA));
}

#[test]
fn passkeys_of_other_users_are_refused() {
    let (mut authenticator, passkey) = enrolled(CoseAlgorithm::Es256);
    let answer = get(&mut authenticator);
    let credential_id = CredentialId::new(vec![1; 32]).unwrap();
    let other = Passkey { credential_id: credential_id.clone(), ..passkey.clone() };
    let refused = Err(InvalidCeremony("the assertion has another credential id"));
    assert_eq!(verify_assertion(&answer, &other, true), refused);
    let mut renamed = answer.clone();
    renamed.credential_id = credential_id;
    assert_eq!(verify_assertion(&renamed, &passkey, true), refused);
}

#[test]
fn user_handles_are_compared() {
    let (mut authenticator, passkey) = enrolled(CoseAlgorithm::Es256);
    let mut answer = get(&mut authenticator);
    let refused = Err(InvalidCeremony("the assertion has another user handle"));
    let other = Passkey { user_handle: UserHandle::from_bytes([8; 32]), ..passkey.clone() };
    assert_eq!(verify_assertion(&answer, &other, true), refused);
    for handle in [Vec::new(), vec![7; 31], vec![7; 33], b"a@example.org".to_vec()] {
        answer.user_handle = Some(handle);
        assert_eq!(verify_assertion(&answer, &passkey, true), refused);
    }
    // Authenticators may leave it out.
    answer.user_handle = None;
    assert!(verify_assertion(&answer, &passkey, true).is_ok());
}

#[test]
fn keys_of_other_passkeys_are_refused() {
    for algorithm in [CoseAlgorithm::Es256, CoseAlgorithm::EdDsa] {
        let (mut authenticator, passkey) = enrolled(algorithm);
        let other = enrol(&mut authenticator);
        let mut answer = get(&mut authenticator);
        assert!(verify_assertion(&answer, &other, true).is_ok());
        answer.credential_id = passkey.credential_id.clone();
        assert_eq!(verify_assertion(&answer, &passkey, true), Err(SIGNATURE));
    }
}

#[test]
fn only_the_algorithm_of_the_passkey_is_accepted() {
    for algorithm in CoseAlgorithm::ALL {
        let (mut authenticator, passkey) = enrolled(algorithm);
        let answer = get(&mut authenticator);
        for other in CoseAlgorithm::ALL.into_iter().filter(|other| *other != algorithm) {
            let passkey = Passkey { algorithm: other, ..passkey.clone() };
            assert!(verify_assertion(&answer, &passkey, true).is_err(), "{algorithm:?} as {other:?}");
            let (_, mut swapped) = enrolled(other);
            swapped.credential_id = passkey.credential_id.clone();
            assert_eq!(verify_assertion(&answer, &swapped, true), Err(SIGNATURE), "{algorithm:?}, {other:?}");
        }
    }
}

#[test]
fn signatures_cover_all_of_the_answer() {
    for algorithm in CoseAlgorithm::ALL {
        let (mut authenticator, passkey) = enrolled(algorithm);
        let answer = get(&mut authenticator);
        let mut counted = answer.clone();
        counted.authenticator_data[36] += 1;
        assert_eq!(verify_assertion(&counted, &passkey, true), Err(SIGNATURE));
        let mut spaced = answer.clone();
        spaced.client_data.push(b' ');
        assert_eq!(verify_assertion(&spaced, &passkey, true), Err(SIGNATURE));
        let length = answer.signature.len();
        for signature in [Vec::new(), vec![0], vec![0; length], [&answer.signature[..], &[0]].concat()] {
            let forged = super::Assertion { signature, ..answer.clone() };
            assert_eq!(verify_assertion(&forged, &passkey, true), Err(SIGNATURE));
        }
        assert!(verify_assertion(&answer, &passkey, true).is_ok());
    }
}

#[test]
fn counters_are_reported_as_signed() {
    let mut authenticator = Authenticator::security_key();
    let passkey = enrol(&mut authenticator);
    for last in [0, 41, u32::MAX - 1, 6] {
        authenticator.set_sign_count(last);
        let asserted = verify_assertion(&get(&mut authenticator), &passkey, true).unwrap();
        assert_eq!(asserted.sign_count, last + 1);
    }
}

#[test]
fn an_answer_to_creation_options_is_no_assertion() {
    let mut authenticator = Authenticator::new();
    let created = create(&mut authenticator);
    let passkey = enrol(&mut authenticator);
    let mut answer = get(&mut authenticator);
    answer.client_data = created.client_data;
    let refused = InvalidCeremony("the client data have another type");
    assert_eq!(verify_assertion(&answer, &passkey, true), Err(refused));
}

/// The authenticator of the tests answers as browsers do (WebAuthn Level 3 section 5.1.8).
#[test]
fn answers_have_the_form_of_browsers() {
    let mut authenticator = Authenticator::new();
    let created = authenticator.create(&super::creation_options(), super::ORIGIN);
    let got = authenticator.get(&super::request_options(), super::ORIGIN);
    for answer in [&created, &got] {
        assert_eq!((&answer["type"], &answer["id"]), (&"public-key".into(), &answer["rawId"]));
        assert!(answer["clientExtensionResults"].is_object());
    }
    assert_eq!(created["id"], got["id"]);
    assert_eq!(authenticator.credential_ids(), [created["id"].as_str().unwrap()]);
    assert_eq!(decode(&got["response"]["userHandle"]), super::HANDLE);
}
