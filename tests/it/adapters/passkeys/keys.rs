//! Public keys in COSE.

use inwren_domain::factor::{CoseAlgorithm, InvalidCeremony};
use inwren_tests::authenticator::{Authenticator, bytes, integer, map, text};
use rsa::BigUint;

use super::creation_after;

const KEY: InvalidCeremony = InvalidCeremony("the public key is invalid");
const ALGORITHM: InvalidCeremony = InvalidCeremony("the algorithm of the key was not offered");

type Parameters = Vec<(i64, Vec<u8>)>;

/// Creates a passkey with this public key. Its stored form has as many bytes as returned.
fn with(parameters: &Parameters) -> Result<(CoseAlgorithm, usize), InvalidCeremony> {
    let parameters = parameters.iter().map(|(label, value)| (integer(*label), value.clone()));
    raw(map(&parameters.collect::<Vec<_>>()))
}

fn raw(key: Vec<u8>) -> Result<(CoseAlgorithm, usize), InvalidCeremony> {
    let tamper = |authenticator: &mut Authenticator| authenticator.tamper.cose_key = Some(key);
    creation_after(tamper).map(|new| (new.algorithm, new.public_key.len()))
}

/// The generator of P-256 (SEC 2 section 2.4.2).
const X: &str = "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296";
const Y: &str = "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";
/// The first public key of RFC 8032 section 7.1.
const ED25519: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

fn number(hex: &str) -> Vec<u8> {
    BigUint::parse_bytes(hex.as_bytes(), 16).unwrap().to_bytes_be()
}

fn p256() -> Parameters {
    let (x, y) = (bytes(&number(X)), bytes(&number(Y)));
    vec![(1, integer(2)), (3, integer(-7)), (-1, integer(1)), (-2, x), (-3, y)]
}

fn ed25519() -> Parameters {
    vec![(1, integer(1)), (3, integer(-8)), (-1, integer(6)), (-2, bytes(&number(ED25519)))]
}

/// A modulus of this many bits. No one knows its factors, which does not matter here.
fn modulus(bits: usize) -> Vec<u8> {
    let one = BigUint::from(1_u8);
    ((&one << (bits - 1)) + &one).to_bytes_be()
}

fn rsa(modulus: &[u8], exponent: &[u8]) -> Parameters {
    vec![(1, integer(3)), (3, integer(-257)), (-1, bytes(modulus)), (-2, bytes(exponent))]
}

/// The key with another value of a parameter.
fn change(mut key: Parameters, label: i64, value: Vec<u8>) -> Parameters {
    key.iter_mut().find(|(known, _)| *known == label).unwrap().1 = value;
    key
}

fn valid() -> [Parameters; 3] {
    [p256(), ed25519(), rsa(&modulus(2048), &[1, 0, 1])]
}

#[test]
fn valid_keys_are_stored() {
    assert_eq!(with(&p256()), Ok((CoseAlgorithm::Es256, 65)));
    assert_eq!(with(&ed25519()), Ok((CoseAlgorithm::EdDsa, 32)));
    assert_eq!(with(&rsa(&modulus(2048), &[1, 0, 1])), Ok((CoseAlgorithm::Rs256, 270)));
    assert_eq!(with(&rsa(&modulus(4096), &[3])), Ok((CoseAlgorithm::Rs256, 524)));
    for mut key in valid() {
        key.reverse();
        assert!(with(&key).is_ok(), "the order of parameters counts");
    }
}

#[test]
fn algorithms_that_were_not_offered_are_refused() {
    // ES384, ES512, ES256K, PS256, RS1, HMAC 256, none.
    for algorithm in [-35, -36, -47, -37, -65_535, 5, 0, i64::MIN, i64::MAX] {
        for key in valid() {
            assert_eq!(with(&change(key, 3, integer(algorithm))), Err(ALGORITHM), "{algorithm}");
        }
    }
    assert_eq!(with(&change(p256(), 3, text("ES256"))), Err(ALGORITHM));
}

#[test]
fn types_and_curves_fit_the_algorithm() {
    for (index, key) in valid().into_iter().enumerate() {
        for (other, algorithm) in
            CoseAlgorithm::ALL.into_iter().enumerate().filter(|(other, _)| *other != index)
        {
            let key = change(key.clone(), 3, integer(algorithm.id().into()));
            assert_eq!(with(&key), Err(KEY), "{index} as {other}");
        }
        for kty in (0..6).filter(|kty| *kty != [2, 1, 3][index]) {
            assert_eq!(with(&change(key.clone(), 1, integer(kty))), Err(KEY), "{index}: {kty}");
        }
    }
    // P-384, X25519, Ed25519, secp256k1.
    for curve in [2, 4, 6, 8] {
        assert_eq!(with(&change(p256(), -1, integer(curve))), Err(KEY), "{curve}");
    }
    // P-256, X25519, Ed448.
    for curve in [1, 4, 7] {
        assert_eq!(with(&change(ed25519(), -1, integer(curve))), Err(KEY), "{curve}");
    }
}

#[test]
fn parameters_are_complete() {
    for key in valid() {
        for index in 0..key.len() {
            let mut without = key.clone();
            without.remove(index);
            assert!(with(&without).is_err(), "{index}");
            let twice = [&key[..], &key[index..=index]].concat();
            let refused = InvalidCeremony("the authenticator data are malformed");
            assert_eq!(with(&twice), Err(refused), "{index}");
        }
        // Other parameters must be absent (WebAuthn Level 3 section 6.5.1): such as key operations, or the
        // private key.
        for label in [4, -4, 100] {
            let more = [&key[..], &[(label, bytes(&[1; 32]))]].concat();
            assert_eq!(with(&more), Err(KEY), "{label}");
        }
    }
    assert_eq!(raw(map(&[])), Err(ALGORITHM));
}

#[test]
fn points_are_on_the_curve() {
    for label in [-2, -3] {
        for value in [&[0; 32][..], &[0xff; 32], &[1; 31], &[1; 33], &[]] {
            assert_eq!(with(&change(p256(), label, bytes(value))), Err(KEY), "{label}: {value:?}");
        }
    }
    // The bytes of the point, but split elsewhere.
    let point = [number(X), number(Y)].concat();
    let split = change(change(p256(), -2, bytes(&point[..31])), -3, bytes(&point[31..]));
    assert_eq!(with(&split), Err(KEY));
    // A compressed point.
    for sign in [0xf4, 0xf5] {
        assert_eq!(with(&change(p256(), -3, vec![sign])), Err(KEY));
    }
    // The head of a `SubjectPublicKeyInfo` (RFC 8410 section 4), which the library would read as well.
    let der = [&[0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0][..], &number(ED25519)].concat();
    for value in [&[1; 31][..], &[1; 33], &[], &der] {
        assert_eq!(with(&change(ed25519(), -2, bytes(value))), Err(KEY));
    }
}

#[test]
fn rsa_keys_have_bounds() {
    let even = |bits| {
        let mut n = modulus(bits);
        *n.last_mut().unwrap() = 0;
        n
    };
    let zero_first = [&[0][..], &modulus(2048)].concat();
    for n in [modulus(1024), modulus(2047), modulus(4097), modulus(8192), even(2048), zero_first, Vec::new()]
    {
        assert_eq!(with(&rsa(&n, &[1, 0, 1])), Err(KEY), "{} bytes", n.len());
    }
    for e in [&[][..], &[0], &[1], &[2], &[0, 3], &[1, 0, 0], &[1; 9]] {
        assert_eq!(with(&rsa(&modulus(2048), e)), Err(KEY), "{e:?}");
    }
}
