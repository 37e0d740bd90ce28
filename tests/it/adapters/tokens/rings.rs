//! Several keys, and keys that are added and removed while the adapter is in use.

use std::thread;

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use inwren_adapters::crypto::jwt::{SigningKey, SigningKeys};
use inwren_adapters::crypto::keys::{KeyError, KeyPair};
use inwren_domain::kernel::PlainToken;
use inwren_domain::token::{AccessClaims, InvalidToken, KeyState};
use time::{Duration, OffsetDateTime};

use super::{Adapter, Class, Named, access, format, key, now, other_key, part, refresh, with_keys};

/// How long a key stays valid for verification after it stopped signing.
const TOKEN_LIFETIME: Duration = Duration::days(8);
/// Time after which the second key signs instead of the first.
const TURN: Duration = Duration::minutes(10);

fn ring<const N: usize>(keys: [(&KeyPair, OffsetDateTime); N]) -> SigningKeys {
    let keys = keys.map(|(pair, signs_from)| SigningKey { pair: pair.clone(), signs_from });
    SigningKeys { keys: keys.into(), token_lifetime: TOKEN_LIFETIME }
}

/// The first key, and the second, which signs after `TURN`.
fn two_keys() -> SigningKeys {
    ring([(other_key(), now() + TURN), (key(), now() - Duration::DAY)])
}

fn adapters() -> [Named; 2] {
    with_keys(&format(), &two_keys())
}

fn access_at(tokens: &dyn Adapter, after: Duration) -> PlainToken {
    let issued_at = now() + after;
    let claims = AccessClaims { issued_at, expires_at: issued_at + Duration::minutes(30), ..access() };
    tokens.issue_access(&claims).unwrap()
}

fn kid(token: &PlainToken) -> String {
    part(token, 0)["kid"].as_str().unwrap().to_owned()
}

fn published(tokens: &dyn Adapter, after: Duration) -> Vec<(String, KeyState)> {
    tokens.published(now() + after).into_iter().map(|key| (key.id, key.state)).collect()
}

#[test]
fn whoever_has_the_same_keys_makes_the_same_hashes_and_nobody_else_does() {
    let hash = |keys: &SigningKeys, purpose: &str, text: &str| {
        let [a, b] = with_keys(&format(), keys).map(|(_, tokens)| tokens.keyed_hash(purpose, text));
        assert_eq!(a, b, "the adapters differ");
        a
    };
    let expected = hash(&two_keys(), "a purpose", "ann@example.org");
    // Only the newest key matters, at any time and with any other keys.
    let newest = SigningKeys::of_one(other_key().clone());
    assert_eq!(hash(&newest, "a purpose", "ann@example.org"), expected);
    let oldest = SigningKeys::of_one(key().clone());
    assert_ne!(hash(&oldest, "a purpose", "ann@example.org"), expected);
    assert_ne!(hash(&two_keys(), "another purpose", "ann@example.org"), expected);
    assert_ne!(hash(&two_keys(), "a purpose", "bob@example.org"), expected);
}

#[test]
fn keys_that_are_replaced_change_the_hashes_at_once() {
    for (name, tokens) in with_keys(&format(), &SigningKeys::of_one(key().clone())) {
        let before = tokens.keyed_hash("a purpose", "ann@example.org");
        tokens.replace_keys(&two_keys()).unwrap();
        assert_ne!(tokens.keyed_hash("a purpose", "ann@example.org"), before, "{name}");
    }
}

#[test]
fn the_time_of_issue_alone_decides_which_key_signs() {
    let (first, second) = (key().public().id(), other_key().public().id());
    for (name, tokens) in adapters() {
        let signer = |after| kid(&access_at(&*tokens, after));
        assert_eq!(signer(-Duration::DAY * 2), first, "{name}");
        assert_eq!(signer(TURN - Duration::SECOND), first, "{name}");
        assert_eq!(signer(TURN), second, "{name}");
        assert_eq!(signer(TURN + Duration::DAY), second, "{name}");
        // A token that was signed before the turn can be signed again after it.
        let before = with_keys(&format(), &SigningKeys::of_one(key().clone()));
        for (_, before) in before {
            let again = tokens.issue_refresh(&refresh()).unwrap().token;
            assert_eq!(again.expose(), before.issue_refresh(&refresh()).unwrap().token.expose(), "{name}");
        }
    }
}

#[test]
fn a_key_is_published_and_believed_from_before_it_signs_until_its_last_token_is_over() {
    use KeyState::{Active, Pending, Retired};
    let (first, second) = (key().public().id().to_owned(), other_key().public().id().to_owned());
    let gone = TURN + TOKEN_LIFETIME;
    for (name, tokens) in adapters() {
        let states = [
            (Duration::ZERO, vec![(first.clone(), Active), (second.clone(), Pending)]),
            (TURN, vec![(second.clone(), Active), (first.clone(), Retired)]),
            (gone - Duration::SECOND, vec![(second.clone(), Active), (first.clone(), Retired)]),
            (gone, vec![(second.clone(), Active)]),
        ];
        for (after, expected) in states {
            assert_eq!(published(&*tokens, after), expected, "{name}: after {after}");
        }

        // The adapter accepts exactly the published keys.
        let claims = AccessClaims { expires_at: now() + Duration::days(365), ..access() };
        let by_first = tokens.issue_access(&claims).unwrap();
        // Signed by an instance whose clock is ahead.
        let [(_, ahead), _] = with_keys(&format(), &SigningKeys::of_one(other_key().clone()));
        let by_second = ahead.issue_access(&claims).unwrap();
        let refused = |token: &PlainToken, after| tokens.verify_access(token.expose(), now() + after).err();
        for after in [Duration::ZERO, TURN, gone - Duration::SECOND] {
            assert_eq!(refused(&by_first, after), None, "{name}: after {after}");
            assert_eq!(refused(&by_second, after), None, "{name}: after {after}");
        }
        assert_eq!(refused(&by_first, gone), Some(InvalidToken::Header), "{name}");
        assert_eq!(refused(&by_second, gone), None, "{name}");
    }
}

#[test]
fn a_token_is_verified_with_the_key_that_it_names_and_no_other() {
    for (name, tokens) in adapters() {
        let token = access_at(&*tokens, Duration::ZERO);
        let other = access_at(&*tokens, TURN);
        let (_, rest) = token.expose().split_once('.').unwrap();
        let (header, _) = other.expose().split_once('.').unwrap();
        let swapped = format!("{header}.{rest}");
        let refusal = Class::Access.refusal(&*tokens, &swapped, now());
        assert_eq!(refusal, Some(InvalidToken::Signature), "{name}");
    }
}

#[test]
fn what_is_published_verifies_what_is_signed() {
    for (name, tokens) in adapters() {
        for after in [Duration::ZERO, TURN] {
            let token = access_at(&*tokens, after);
            let (signed, signature) = token.expose().rsplit_once('.').unwrap();
            let keys = tokens.published(now() + after);
            assert_eq!(keys[0].id, kid(&token), "{name}: the one that signs comes first");
            assert_ne!(keys[0].modulus[0], 0, "{name}");
            assert_eq!(keys[0].exponent, [1, 0, 1], "{name}");
            let components = RsaPublicKeyComponents { n: &keys[0].modulus, e: &keys[0].exponent };
            let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
            components.verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &signature).unwrap();
        }
    }
}

#[test]
fn a_removed_key_is_refused_at_once_and_published_no_more() {
    for (name, tokens) in adapters() {
        let token = access_at(&*tokens, Duration::ZERO);
        assert!(tokens.verify_access(token.expose(), now()).is_ok(), "{name}");
        tokens.replace_keys(&ring([(other_key(), now())])).unwrap();
        let refusal = tokens.verify_access(token.expose(), now()).err();
        assert_eq!(refusal, Some(InvalidToken::Header), "{name}");
        let second = other_key().public().id().to_owned();
        assert_eq!(published(&*tokens, Duration::ZERO), [(second.clone(), KeyState::Active)], "{name}");
        assert_eq!(kid(&access_at(&*tokens, Duration::ZERO)), second, "{name}");
    }
}

#[test]
fn a_token_that_was_good_is_judged_anew_each_time() {
    let two = [(key(), now()), (other_key(), now() + TURN)];
    let away = ring([(other_key(), now())]);
    for (name, tokens) in with_keys(&format(), &ring(two)) {
        let claims = AccessClaims { expires_at: now() + Duration::days(365), ..access() };
        let token = tokens.issue_access(&claims).unwrap();
        let token = token.expose();
        let refusal = |after| tokens.verify_access(token, now() + after).err();
        for _ in 0..3 {
            assert_eq!(refusal(Duration::ZERO), None, "{name}");
        }
        // Before the time of issue, and around the end of the key.
        assert_eq!(refusal(-Duration::HOUR), Some(InvalidToken::Early), "{name}");
        assert_eq!(refusal(TURN + TOKEN_LIFETIME - Duration::SECOND), None, "{name}");
        assert_eq!(refusal(TURN + TOKEN_LIFETIME), Some(InvalidToken::Header), "{name}");
        assert_eq!(tokens.verify_client(token, now()).err(), Some(InvalidToken::Claims), "{name}");
        // Changes each character of the token.
        for place in 0..token.len() {
            let mut forged = token.to_owned();
            let changed = if token.as_bytes()[place] == b'A' { "B" } else { "A" };
            forged.replace_range(place..=place, changed);
            assert!(tokens.verify_access(&forged, now()).is_err(), "{name}: {forged}");
        }
        // Removes the token's key and adds it again.
        tokens.replace_keys(&away).unwrap();
        assert_eq!(refusal(Duration::ZERO), Some(InvalidToken::Header), "{name}");
        tokens.replace_keys(&ring(two)).unwrap();
        assert_eq!(refusal(Duration::ZERO), None, "{name}");
    }
}

#[test]
fn a_change_that_cannot_be_leaves_the_keys_as_they_were() {
    for (name, tokens) in adapters() {
        let before = published(&*tokens, Duration::ZERO);
        let none = ring([]);
        assert_eq!(tokens.replace_keys(&none), Err(KeyError::NoKey), "{name}");
        assert_eq!(published(&*tokens, Duration::ZERO), before, "{name}");
        let token = access_at(&*tokens, Duration::ZERO);
        assert!(tokens.verify_access(token.expose(), now()).is_ok(), "{name}");
    }
}

#[test]
fn keys_change_under_load_and_no_good_token_is_refused() {
    let rings = [two_keys(), ring([(key(), now())]), ring([(key(), now()), (other_key(), now() + TURN * 2)])];
    for (name, tokens) in adapters() {
        let good = access_at(&*tokens, Duration::ZERO);
        let use_it = || {
            for _ in 0..25 {
                let own = access_at(&*tokens, Duration::ZERO);
                assert_eq!(own.expose(), good.expose(), "{name}");
                assert!(tokens.verify_access(own.expose(), now()).is_ok(), "{name}");
            }
        };
        thread::scope(|scope| {
            let users = [scope.spawn(use_it), scope.spawn(use_it)];
            let mut changes = rings.iter().cycle();
            while users.iter().any(|user| !user.is_finished()) {
                tokens.replace_keys(changes.next().unwrap()).unwrap();
            }
        });
    }
}
