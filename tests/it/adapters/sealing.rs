//! Sealed secrets: the keyring of the service, and the one of the tests.

use inwren_adapters::crypto::keyring::{SecretKeys, SharedKeyring};
use inwren_domain::keyring::{Keyring, KeyringError, SecretKeyId};
use inwren_tests::fakes::FakeKeyring;

const FIRST: SecretKeyId = SecretKeyId::new(1);
const NONCE: [u8; 12] = *b"unique nonce";
const SECRET: &[u8] = b"12345678901234567890";
const PLACE: [&[u8]; 3] = [b"factors", b"row", b"user"];

/// Keyrings with the keys 1 and 2. The second seals.
fn keyrings() -> [(&'static str, Box<dyn Keyring>); 2] {
    let fake = FakeKeyring::default();
    fake.change_key();
    [("service", Box::new(service(&file()))), ("fake", Box::new(fake))]
}

fn service(file: &str) -> SharedKeyring {
    SharedKeyring::new(SecretKeys::parse(file).unwrap())
}

/// The keys of 32 zeros and of 32 bytes 0xff.
fn file() -> String {
    let first = format!("1 {} 2024-10-04T00:00:00Z", "A".repeat(43));
    format!("{first} 2024-10-05T00:00:00Z\n2 {}8 2024-10-05T00:00:00Z\n", "_".repeat(42))
}

#[test]
fn sealed_secrets_open_at_their_place() {
    for (name, keys) in keyrings() {
        for secret in [SECRET, b"", &[0; 1_000]] {
            let sealed = keys.seal("totp", &PLACE, NONCE, secret).unwrap();
            assert_eq!(sealed.key, SecretKeyId::new(2), "{name}");
            assert!(sealed.bytes.starts_with(&NONCE), "{name}");
            assert!(
                secret.is_empty() || !sealed.bytes.windows(secret.len()).any(|part| part == secret),
                "{name}"
            );
            let opened = keys.open(sealed.key, "totp", &PLACE, &sealed.bytes).unwrap();
            assert_eq!(opened.as_slice(), secret, "{name}");
        }
    }
}

#[test]
fn sealed_secrets_open_nowhere_else() {
    for (name, keys) in keyrings() {
        let sealed = keys.seal("totp", &PLACE, NONCE, SECRET).unwrap();
        let open = |key, purpose, place: &[&[u8]]| keys.open(key, purpose, place, &sealed.bytes).map(drop);
        let refused = Err(KeyringError::Sealed(sealed.key));
        assert_eq!(open(sealed.key, "totp", &PLACE), Ok(()), "{name}");
        assert_eq!(open(FIRST, "totp", &PLACE), Err(KeyringError::Sealed(FIRST)), "{name}");
        for purpose in ["", "tot", "totp2", "reset_password"] {
            assert_eq!(open(sealed.key, purpose, &PLACE), refused, "{name}: {purpose}");
        }
        let places: [&[&[u8]]; 7] = [
            &[],
            &[b"factors", b"row"],
            &[b"factors", b"row", b"user", b""],
            &[b"factors", b"user", b"row"],
            &[b"factors", b"ro", b"wuser"],
            &[b"factorsrowuser"],
            &[b"factors", b"row", b"other"],
        ];
        for place in places {
            assert_eq!(open(sealed.key, "totp", place), refused, "{name}: {place:?}");
        }
        let unknown = SecretKeyId::new(99);
        assert_eq!(open(unknown, "totp", &PLACE), Err(KeyringError::Unknown(unknown)), "{name}");
    }
}

#[test]
fn changed_sealed_secrets_are_refused() {
    for (name, keys) in keyrings() {
        let sealed = keys.seal("totp", &PLACE, NONCE, SECRET).unwrap();
        let open = |bytes: &[u8]| keys.open(sealed.key, "totp", &PLACE, bytes).map(drop);
        let refused = Err(KeyringError::Sealed(sealed.key));
        for kept in 0..sealed.bytes.len() {
            assert_eq!(open(&sealed.bytes[..kept]), refused, "{name}: {kept}");
        }
        assert_eq!(open(&[&sealed.bytes[..], &[0]].concat()), refused, "{name}");
        for bit in 0..8 * sealed.bytes.len() {
            let mut changed = sealed.bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(open(&changed), refused, "{name}: {bit}");
        }
    }
}

#[test]
fn rotated_keys_still_open() {
    let before = file().replace(" 2024-10-05T00:00:00Z\n2", "\n#2");
    let sealed = service(&before).seal("totp", &PLACE, NONCE, SECRET).unwrap();
    assert_eq!(sealed.key, FIRST);
    let after = service(&file());
    let opened = after.open(FIRST, "totp", &PLACE, &sealed.bytes).unwrap();
    assert_eq!(opened.as_slice(), SECRET);
    let resealed = after.seal("totp", &PLACE, NONCE, &opened).unwrap();
    assert_eq!(resealed.key, SecretKeyId::new(2));
    assert_ne!(resealed.bytes, sealed.bytes);
}

/// Another instance, or a later release, must open what is stored. The bytes come from another implementation
/// of HKDF and AES-256-GCM.
#[test]
fn sealed_secrets_stay_the_same_between_releases() {
    let sealed = service(&file()).seal("totp", &PLACE, NONCE, SECRET).unwrap();
    let hex: String = sealed.bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(
        hex,
        "756e69717565206e6f6e63654d39c2582b258492669415385567d435a6e31eeebeacc705c2afb1db8c1fb1b444b6e368"
    );
}
