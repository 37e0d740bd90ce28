//! Project Wycheproof's vectors for RSA signatures with PKCS #1 v1.5 and SHA-256, the algorithm of RS256.
//!
//! The vectors have keys of their own, without the private halves, and sign messages that are not tokens. So the test
//! transfers each vector to a token of ours: it opens the block in the signature with the vector's key, replaces the
//! digest in it by that of the token, and closes the block with our key. The fault of the vector is then the only fault
//! of the token, and each adapter verifies the complete token.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use inwren_adapters::crypto::jwt::SigningKeys;
use inwren_adapters::crypto::keys::KeyPair;
use inwren_domain::kernel::TokenId;
use inwren_domain::token::{AccessClaims, InvalidToken};
use rsa::hazmat::rsa_decrypt_and_check;
use rsa::pkcs8::DecodePrivateKey as _;
use rsa::rand_core::OsRng;
use rsa::traits::PublicKeyParts as _;
use rsa::{BigUint, RsaPrivateKey};
use sha2::{Digest as _, Sha256};
use wycheproof::TestResult;
use wycheproof::rsa_pkcs1_verify::{Test, TestGroup, TestName, TestSet};

use super::{Class, access, adapters, format, now, with_keys};

#[test]
fn signatures_with_2048_bits() {
    try_all(
        TestName::Rsa2048Sha256,
        2048,
        Tally { accepted: 9, refused: 250, our_digest: 213, as_they_are: 13 },
    );
}

#[test]
fn signatures_with_3072_bits() {
    try_all(
        TestName::Rsa3072Sha256,
        3072,
        Tally { accepted: 8, refused: 251, our_digest: 213, as_they_are: 13 },
    );
}

#[test]
fn signatures_with_4096_bits() {
    try_all(
        TestName::Rsa4096Sha256,
        4096,
        Tally { accepted: 7, refused: 251, our_digest: 212, as_they_are: 13 },
    );
}

/// How many vectors there were of each kind.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    accepted: usize,
    refused: usize,
    /// Accepted or refused vectors whose block contains the token's digest.
    our_digest: usize,
    /// Accepted or refused vectors without a block: the test tries their bytes unchanged.
    as_they_are: usize,
}

fn try_all(name: TestName, bits: usize, expected: Tally) {
    let pair = KeyPair::generate(bits).unwrap();
    let key = RsaPrivateKey::from_pkcs8_pem(&pair.to_pem().unwrap()).unwrap();
    let adapters = with_keys(&format(), &SigningKeys::of_one(pair));
    let token = Class::Access.issue(&*adapters[0].1);
    let (signed, _) = token.expose().rsplit_once('.').unwrap();

    let mut tally = Tally::default();
    for group in &TestSet::load(name).unwrap().test_groups {
        for test in &group.tests {
            let signature = carry_over(group, test, signed, &key, &mut tally);
            // A lenient verifier may accept a block without the NULL; no signature of ours has such a block.
            let reason = match test.result {
                TestResult::Valid => None,
                TestResult::Acceptable | TestResult::Invalid => Some(InvalidToken::Signature),
            };
            let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
            for (name, tokens) in &adapters {
                let refusal = Class::Access.refusal(&**tokens, &token, now());
                assert_eq!(refusal, reason, "{name}: {} {}", test.tc_id, test.comment);
            }
            *(if reason.is_none() { &mut tally.accepted } else { &mut tally.refused }) += 1;
        }
    }
    assert_eq!(tally, expected);
}

/// The vector's signature, transferred to our key and our message. A signature that contains no block, or a block that
/// our key could not sign, is returned unchanged.
fn carry_over(
    group: &TestGroup,
    test: &Test,
    signed: &str,
    key: &RsaPrivateKey,
    tally: &mut Tally,
) -> Vec<u8> {
    let number = BigUint::from_bytes_be;
    let (n, e, signature) = (number(&group.key.n), number(&group.key.e), number(&test.sig));
    let mut block = padded(&signature.modpow(&e, &n), key.size());
    if test.sig.len() != key.size() || signature >= n || block[0] != 0 {
        tally.as_they_are += 1;
        return test.sig.to_vec();
    }
    let theirs = Sha256::digest(&test.msg);
    if let Some(place) = block.windows(theirs.len()).position(|window| window == theirs.as_slice()) {
        tally.our_digest += 1;
        block[place..place + theirs.len()].copy_from_slice(&Sha256::digest(signed));
    }
    padded(&close(key, &number(&block)), key.size())
}

/// The RSA private operation: the public key turns the result back into `block`.
fn close(key: &RsaPrivateKey, block: &BigUint) -> BigUint {
    rsa_decrypt_and_check(key, None::<&mut OsRng>, block).unwrap()
}

/// The number with as many bytes as signatures of the key have.
fn padded(number: &BigUint, length: usize) -> Vec<u8> {
    let bytes = number.to_bytes_be();
    let mut padded = vec![0; length - bytes.len()];
    padded.extend(bytes);
    padded
}

/// Numbers that some vectors use as signatures, here with our modulus: a transfer to our key would change them.
#[test]
fn numbers_that_are_no_signatures() {
    let adapters = adapters();
    let tokens = &adapters[0].1;
    let n = BigUint::from_bytes_be(&tokens.published(now())[0].modulus);
    let length = n.bits() / 8;
    let [zero, one] = [0_u32, 1].map(BigUint::from);
    let largest = (&one << (length * 8)) - &one;

    let token = Class::Access.issue(&**tokens);
    let (signed, _) = token.expose().rsplit_once('.').unwrap();
    let numbers = [zero, one.clone(), &n - &one, n.clone(), &n + &one, largest.clone()];
    let mut tried = numbers.map(|number| (signed.to_owned(), number)).to_vec();
    // The modulus added to a valid signature: the sum fits into the bytes for some signatures only.
    let unreduced = (0..).find_map(|id: u32| {
        let claims = AccessClaims { id: TokenId::from_stored(id.to_string()), ..access() };
        let token = tokens.issue_access(&claims).unwrap();
        let (signed, signature) = token.expose().rsplit_once('.').unwrap();
        let number = BigUint::from_bytes_be(&URL_SAFE_NO_PAD.decode(signature).unwrap()) + &n;
        (number <= largest).then(|| (signed.to_owned(), number))
    });
    tried.extend(unreduced);
    assert_eq!(tried.len(), 7);
    for (signed, number) in tried {
        let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(padded(&number, length)));
        for (name, tokens) in &adapters {
            let refusal = Class::Access.refusal(&**tokens, &token, now());
            assert_eq!(refusal, Some(InvalidToken::Signature), "{name}: {number}");
        }
    }
}
