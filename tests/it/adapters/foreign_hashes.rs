//! The hasher with legacy hashes made by passlib, argon2-cffi and bcrypt.

use std::sync::Arc;

use inwren_adapters::crypto::argon2::{Argon2Hasher, Argon2Parameters, HasherLimits};
use inwren_domain::credential::{
    AcceptedHashes, ClientTrust, HasherError, Password, PasswordHash, PasswordHasher, Requester, Verification,
};
use inwren_domain::kernel::ClientNetwork;
use inwren_tests::fakes::SeededEntropy;
use inwren_tests::foreign_hashes::{self, LegacyHash};

const OURS: &str = "$argon2id$v=19$m=8,t=1,p=1$";

fn hasher() -> Argon2Hasher {
    let parameters = Argon2Parameters { memory_kib: 8, iterations: 1, parallelism: 1 };
    let limits = HasherLimits::for_machine(2, parameters);
    Argon2Hasher::start(parameters, limits, Arc::new(SeededEntropy::new(1))).unwrap()
}

fn stranger() -> Requester {
    Requester { network: ClientNetwork::default(), trust: ClientTrust::Unrecognised }
}

async fn verify(hasher: &Argon2Hasher, password: &str, hash: &PasswordHash) -> Verification {
    hasher.verify(Password::new(password), Some(hash.clone()), stranger()).await.unwrap()
}

async fn check(hasher: &Argon2Hasher, password: &str, hash: &PasswordHash) -> bool {
    hasher.check(Password::new(password), hash.clone(), stranger()).await.unwrap()
}

/// Whether the hash has the algorithm, parameters and length of a new hash.
fn is_as_ours(hash: &LegacyHash) -> bool {
    hash.text.starts_with(OURS) && hash.text.rsplit('$').next().is_some_and(|sum| sum.len() == 43)
}

#[tokio::test]
async fn every_hash_of_another_service_is_matched_by_its_password_and_renewed() {
    let hasher = hasher();
    let all = foreign_hashes::all();
    for foreign in &all {
        let LegacyHash { made_by, password, .. } = foreign;
        let hash = foreign.hash();
        let tail: String = password.chars().skip(1).collect();
        for wrong in ["", "another", &tail, &password.to_uppercase(), &format!("x{password}")] {
            let verified = verify(&hasher, wrong, &hash).await;
            assert_eq!(verified, Verification::Mismatch, "{made_by}: {wrong}");
            assert!(!check(&hasher, wrong, &hash).await, "{made_by}: {wrong}");
        }
        assert!(check(&hasher, password, &hash).await, "{made_by}: {password}");
        let normalized = Password::new(password).expose_typed_bytes().is_none();
        match verify(&hasher, password, &hash).await {
            Verification::Match { rehashed } if foreign.is_cut_off() => {
                assert_eq!(rehashed, None, "{made_by}")
            }
            Verification::Match { rehashed: Some(renewed) } => {
                assert!(renewed.expose().starts_with(OURS), "{made_by}: {renewed:?}");
                let again = verify(&hasher, password, &renewed).await;
                assert_eq!(again, Verification::Match { rehashed: None }, "{made_by}");
                assert_eq!(verify(&hasher, "another", &renewed).await, Verification::Mismatch, "{made_by}");
            }
            verified => {
                let kept = Verification::Match { rehashed: None };
                assert!(verified == kept && is_as_ours(foreign) && normalized, "{made_by}: {verified:?}");
            }
        }
    }
    assert!(all.len() >= 40, "{}", all.len());
}

#[tokio::test]
async fn a_password_that_is_not_normalised_is_matched_as_it_was_typed_and_normalised_from_then_on() {
    let hasher = hasher();
    for foreign in foreign_hashes::all() {
        let normalized = Password::new(&foreign.password);
        if normalized.expose_typed_bytes().is_none() {
            continue;
        }
        let normalized = std::str::from_utf8(normalized.expose_bytes()).unwrap();
        let (made_by, hash) = (&foreign.made_by, foreign.hash());
        // A password typed in normalised form has other bytes, and the legacy service would have refused it, too.
        assert_eq!(verify(&hasher, normalized, &hash).await, Verification::Mismatch, "{made_by}");
        let verified = verify(&hasher, &foreign.password, &hash).await;
        let Verification::Match { rehashed: Some(renewed) } = verified else { panic!("{made_by}") };
        for typed in [normalized, &foreign.password] {
            let verified = verify(&hasher, typed, &renewed).await;
            assert_eq!(verified, Verification::Match { rehashed: None }, "{made_by}");
        }
    }
}

#[tokio::test]
async fn a_slip_that_bcrypt_cannot_see_does_not_become_the_password() {
    let hasher = hasher();
    let long = foreign_hashes::all().into_iter().filter(|hash| hash.password.len() > 72);
    let mut seen = 0;
    for foreign in long {
        let (password, hash) = (&foreign.password, foreign.hash());
        // Another last character added, the last character missing, and only the first 72 bytes.
        for other in [&password[..password.len() - 1], &format!("{password}x"), &password[..72]] {
            let expected = match foreign.is_bcrypt() {
                true => Verification::Match { rehashed: None },
                false => Verification::Mismatch,
            };
            assert_eq!(verify(&hasher, other, &hash).await, expected, "{foreign:?}: {other}");
        }
        // The right password is not rehashed either: the hasher cannot distinguish it from the others.
        if foreign.is_bcrypt() {
            let verified = verify(&hasher, password, &hash).await;
            assert_eq!(verified, Verification::Match { rehashed: None }, "{foreign:?}");
            assert_eq!(verify(&hasher, &password[..70], &hash).await, Verification::Mismatch, "{foreign:?}");
            seen += 1;
        }
    }
    assert!(seen >= 4, "{seen}");
}

#[tokio::test]
async fn a_nul_at_the_end_that_pbkdf2_ignores_does_not_become_part_of_the_password() {
    let hasher = hasher();
    let pbkdf2 = |hash: &LegacyHash| hash.text.contains("pbkdf2") && hash.password.len() < 64;
    let mut seen = 0;
    for foreign in foreign_hashes::all().into_iter().filter(pbkdf2) {
        let with_nul = format!("{}\0", foreign.password);
        let verified = verify(&hasher, &with_nul, &foreign.hash()).await;
        assert_eq!(verified, Verification::Match { rehashed: None }, "{foreign:?}");
        seen += 1;
    }
    assert!(seen >= 4, "{seen}");
}

#[tokio::test]
async fn a_nul_is_in_no_password_that_bcrypt_hashed() {
    let hasher = hasher();
    for foreign in foreign_hashes::all().into_iter().filter(LegacyHash::is_bcrypt) {
        let LegacyHash { password, .. } = &foreign;
        for other in [format!("{password}\0"), format!("{password}\0{password}"), "\0".to_owned()] {
            assert_eq!(verify(&hasher, &other, &foreign.hash()).await, Verification::Mismatch, "{foreign:?}");
        }
    }
}

#[tokio::test]
async fn what_cannot_be_checked_costs_what_nobody_does() {
    let hasher = hasher();
    let salt_and_sum = "c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc";
    for text in [
        "".to_owned(),
        "!".to_owned(),
        "plain".to_owned(),
        "$2b$20$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUV012345678".to_owned(),
        "$2x$05$eg90EB5lVthCn3vWpPZs9OklZQEoK15Q5vF.6SEUtc7PRQbczB4HW".to_owned(),
        "$pbkdf2-sha256$99000000$C6E0hnCuFQIAYGwNYQyB0A$cINZF3jv9M0OWGvhwF5hEfrafVvluwpwuFPUCZ0iU3E"
            .to_owned(),
        "$pbkdf2-sha512$25000$C6E0hnCuFQIAYGwNYQyB0A$AAAA".to_owned(),
        format!("$argon2id$v=19$m=65536,t=3,p=4,keyid=AAAA${salt_and_sum}"),
        format!("$argon2id$v=19$m=65536,t=3,p=4,data=AAAA${salt_and_sum}"),
        format!("$argon2i$v=19$m=4194305,t=3,p=4${salt_and_sum}"),
        format!("$argon2i$v=19$m=64,t=65,p=4${salt_and_sum}"),
        // More memory than the budget of 128 MiB.
        format!("$argon2id$v=19$m=131080,t=1,p=1${salt_and_sum}"),
        format!("$argon2id$v=19$m=4194304,t=64,p=1${salt_and_sum}"),
    ] {
        let hash = PasswordHash::from_phc(text);
        assert!(!hasher.can_verify(&hash), "{}", hash.expose());
        let computed = hasher.metrics().computed;
        let verified = hasher.verify(Password::new("x"), Some(hash.clone()), stranger()).await;
        let checked = hasher.check(Password::new("x"), hash.clone(), stranger()).await;
        for refused in [verified.map(drop), checked.map(drop)] {
            assert!(matches!(refused, Err(HasherError::Unusable(_))), "{}: {refused:?}", hash.expose());
        }
        assert_eq!(hasher.metrics().computed, computed + 2, "{}", hash.expose());
    }
}
