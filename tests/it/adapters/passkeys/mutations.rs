//! Truncated and mutated answers.

use inwren_domain::factor::CoseAlgorithm;
use inwren_tests::authenticator::Authenticator;

use super::{Assertion, Creation, create, enrol, get, verify_assertion, verify_creation};

/// Mutations of each kind of answer.
const MUTATIONS: usize = 20_000;

/// A generator that always yields the same numbers: splitmix64.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).unwrap()
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    /// Changes, inserts, removes or repeats some bytes.
    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        let place = self.below(bytes.len());
        match self.below(6) {
            0 if !bytes.is_empty() => bytes[place] ^= 1 << self.below(8),
            1 if !bytes.is_empty() => bytes[place] = self.byte(),
            2 => bytes.insert(place, self.byte()),
            3 => bytes.truncate(place),
            4 if !bytes.is_empty() => drop(bytes.remove(place)),
            _ => {
                let end = (place + self.below(16)).min(bytes.len());
                let part = bytes[place..end].to_vec();
                let target = self.below(bytes.len());
                bytes.splice(target..target, part).for_each(drop);
            }
        }
    }
}

fn parts(answer: &mut Assertion) -> [&mut Vec<u8>; 3] {
    [&mut answer.client_data, &mut answer.authenticator_data, &mut answer.signature]
}

#[test]
fn truncated_assertions_are_refused() {
    for algorithm in CoseAlgorithm::ALL {
        let mut authenticator = Authenticator::new().with_algorithm(algorithm);
        let passkey = enrol(&mut authenticator);
        let answer = get(&mut authenticator);
        for part in 0..3 {
            let length = parts(&mut answer.clone())[part].len();
            for kept in 0..length {
                let mut cut = answer.clone();
                parts(&mut cut)[part].truncate(kept);
                assert!(verify_assertion(&cut, &passkey, true).is_err(), "{part}: {kept} of {length}");
            }
        }
    }
}

#[test]
fn truncated_creations_are_refused() {
    for algorithm in CoseAlgorithm::ALL {
        let answer = create(&mut Authenticator::new().with_algorithm(algorithm));
        for kept in 0..answer.client_data.len() {
            let client_data = answer.client_data[..kept].to_vec();
            assert!(verify_creation(&Creation { client_data, ..answer.clone() }, true).is_err(), "{kept}");
        }
        for kept in 0..answer.attestation_object.len() {
            let attestation_object = answer.attestation_object[..kept].to_vec();
            assert!(
                verify_creation(&Creation { attestation_object, ..answer.clone() }, true).is_err(),
                "{kept}"
            );
        }
    }
}

#[test]
fn mutated_assertions_are_refused() {
    let mut numbers = Numbers(1);
    let valid = CoseAlgorithm::ALL.map(|algorithm| {
        let mut authenticator = Authenticator::new().with_algorithm(algorithm);
        let passkey = enrol(&mut authenticator);
        (get(&mut authenticator), passkey)
    });
    for round in 0..MUTATIONS {
        let (answer, passkey) = &valid[round % valid.len()];
        let mut mutated = answer.clone();
        for _ in 0..=numbers.below(3) {
            let part = numbers.below(3);
            numbers.mutate(parts(&mut mutated)[part]);
        }
        let is_accepted = verify_assertion(&mutated, passkey, true).is_ok();
        assert!(!is_accepted || mutated == *answer, "{round}: {mutated:02x?}");
    }
}

/// Without an attestation, no signature protects a creation: what is accepted must still be a key that can be
/// used.
#[test]
fn mutated_creations_yield_valid_keys_or_none() {
    let mut numbers = Numbers(2);
    let valid =
        CoseAlgorithm::ALL.map(|algorithm| create(&mut Authenticator::new().with_algorithm(algorithm)));
    let mut accepted = 0;
    for round in 0..MUTATIONS {
        let mut mutated = valid[round % valid.len()].clone();
        for _ in 0..=numbers.below(3) {
            numbers.mutate(&mut mutated.attestation_object);
        }
        let Ok(new) = verify_creation(&mutated, true) else { continue };
        accepted += 1;
        let lengths = match new.algorithm {
            CoseAlgorithm::Es256 => 65..=65,
            CoseAlgorithm::EdDsa => 32..=32,
            CoseAlgorithm::Rs256 => 269..=526,
        };
        assert!(lengths.contains(&new.public_key.len()), "{round}: {mutated:02x?}");
        assert!(new.verified_user && (new.is_backup_eligible || !new.is_backed_up), "{round}");
        let id = mutated.credential_id.as_bytes();
        assert!(mutated.attestation_object.windows(id.len()).any(|window| window == id), "{round}");
    }
    assert!(accepted < MUTATIONS / 2, "{accepted} of {MUTATIONS} were accepted");
}

#[test]
fn mutated_client_data_keep_their_members() {
    let mut numbers = Numbers(3);
    let answer = create(&mut Authenticator::new());
    for round in 0..MUTATIONS {
        let mut mutated = answer.clone();
        numbers.mutate(&mut mutated.client_data);
        if verify_creation(&mutated, true).is_err() {
            continue;
        }
        let read = |json: &[u8]| serde_json::from_slice::<serde_json::Value>(json).unwrap();
        let (before, after) = (read(&answer.client_data), read(&mutated.client_data));
        for member in ["type", "challenge", "origin"] {
            assert_eq!(before[member], after[member], "{round}");
        }
        assert!(matches!(after.get("crossOrigin"), None | Some(serde_json::Value::Bool(false))), "{round}");
    }
}
