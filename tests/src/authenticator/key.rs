use std::sync::OnceLock;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use inwren_domain::factor::CoseAlgorithm;
use rsa::RsaPublicKey;
use rsa::pkcs1::DecodeRsaPublicKey;
use rsa::traits::PublicKeyParts;

use super::encoding::{bytes, integer, map};

/// The private key of a passkey.
pub(super) enum Key {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
    Rs256(&'static RsaKeyPair),
}

impl Key {
    /// Generates a key. All RSA keys of a process are the same one: they take long.
    pub(super) fn generate(algorithm: CoseAlgorithm) -> Self {
        static RSA: OnceLock<RsaKeyPair> = OnceLock::new();
        match algorithm {
            CoseAlgorithm::Es256 => {
                Self::Es256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect("a key"))
            }
            CoseAlgorithm::EdDsa => Self::EdDsa(Ed25519KeyPair::generate().expect("a key")),
            CoseAlgorithm::Rs256 => {
                Self::Rs256(RSA.get_or_init(|| RsaKeyPair::generate(KeySize::Rsa2048).expect("a key")))
            }
        }
    }

    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Es256(key) => key.sign(&random, message).expect("a signature").as_ref().to_vec(),
            Self::EdDsa(key) => key.sign(message).as_ref().to_vec(),
            Self::Rs256(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).expect("a signature");
                signature
            }
        }
    }

    /// The public key in COSE (RFC 9052 section 7).
    pub(super) fn to_cose(&self) -> Vec<u8> {
        let (algorithm, kty, parameters) = match self {
            Self::Es256(key) => {
                // The uncompressed point: a byte and two coordinates.
                let point = key.public_key().as_ref();
                let (x, y) = (bytes(&point[1..33]), bytes(&point[33..]));
                (CoseAlgorithm::Es256, 2, vec![(integer(-1), integer(1)), (integer(-2), x), (integer(-3), y)])
            }
            Self::EdDsa(key) => {
                let x = bytes(key.public_key().as_ref());
                (CoseAlgorithm::EdDsa, 1, vec![(integer(-1), integer(6)), (integer(-2), x)])
            }
            Self::Rs256(key) => {
                let key = RsaPublicKey::from_pkcs1_der(key.public_key().as_ref()).expect("a key");
                let (n, e) = (bytes(&key.n().to_bytes_be()), bytes(&key.e().to_bytes_be()));
                (CoseAlgorithm::Rs256, 3, vec![(integer(-1), n), (integer(-2), e)])
            }
        };
        let common = [(integer(1), integer(kty)), (integer(3), integer(algorithm.id().into()))];
        map(&common.into_iter().chain(parameters).collect::<Vec<_>>())
    }

    /// The public key as a `SubjectPublicKeyInfo` (RFC 5280 section 4.1.2.7).
    pub(super) fn to_der(&self) -> Vec<u8> {
        let der = match self {
            Self::Es256(key) => key.public_key().as_der(),
            Self::EdDsa(key) => key.public_key().as_der(),
            Self::Rs256(key) => key.public_key().as_der(),
        };
        der.expect("a public key").as_ref().to_vec()
    }
}

/// Random bytes.
pub(super) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).expect("random bytes");
    bytes
}
