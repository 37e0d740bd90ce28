//! Tokens of the legacy service, with both adapters.

use std::sync::Arc;

use inwren_adapters::crypto::jwt::{AwsLcTokens, LegacyTokens, PortableTokens, SigningKey, SigningKeys};
use inwren_adapters::crypto::keys::KeyPair;
use inwren_domain::kernel::UserId;
use inwren_domain::token::{
    InvalidToken, LegacyClaims, LegacySubject, LegacyTokenVerifier, TokenIssuer as _,
};
use inwren_tests::app::forge::Forger;
use inwren_tests::app::old_service;
use serde_json::json;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::{access, format, key, now, other_key};

type Named = (&'static str, Box<dyn LegacyTokenVerifier>);

/// Time after which the second key signs instead of the first.
const TURN: Duration = Duration::hours(10);

fn adapters(keys: &SigningKeys) -> [Named; 2] {
    let until = now() + Duration::days(20);
    let aws_lc = Arc::new(AwsLcTokens::with_keys(format(), keys).unwrap());
    let portable = Arc::new(PortableTokens::with_keys(format(), keys).unwrap());
    [
        ("aws-lc", Box::new(LegacyTokens::new(aws_lc, until))),
        ("portable", Box::new(LegacyTokens::new(portable, until))),
    ]
}

fn user() -> String {
    Uuid::from_u128(7).to_string()
}

fn at(pair: &KeyPair, issued_at: OffsetDateTime) -> String {
    old_service::token(&Forger::with(pair), &old_service::claims(&user(), issued_at.unix_timestamp()))
}

#[test]
fn the_claims_are_those_that_count() {
    for (name, tokens) in adapters(&SigningKeys::of_one(key().clone())) {
        let claims = tokens.verify_legacy(&at(key(), now()), now()).unwrap();
        let expected = LegacyClaims {
            subject: LegacySubject::Id(UserId::from_uuid(Uuid::from_u128(7))),
            issued_at: Some(now()),
            expires_at: now() + Duration::minutes(30),
        };
        assert_eq!(claims, expected, "{name}");
        let mut by_address = old_service::claims("ann@example.org", now().unix_timestamp());
        by_address.as_object_mut().unwrap().remove("iat");
        let token = old_service::token(&Forger::with(key()), &by_address);
        let claims = tokens.verify_legacy(&token, now()).unwrap();
        assert!(matches!(claims.subject, LegacySubject::Email(_)) && claims.issued_at.is_none(), "{name}");
        // A fraction, as `time.time()` returns it.
        let mut fraction = old_service::claims(&user(), now().unix_timestamp());
        fraction["exp"] = json!(1_800_001_800.25);
        let token = old_service::token(&Forger::with(key()), &fraction);
        let claims = tokens.verify_legacy(&token, now()).unwrap();
        assert_eq!(claims.expires_at, now() + Duration::milliseconds(1_800_250), "{name}");
    }
}

#[test]
fn a_token_is_refused_for_what_is_wrong_with_it() {
    let now_seconds = now().unix_timestamp();
    let ours = AwsLcTokens::new(format(), key()).unwrap().issue_access(&access()).unwrap();
    let with = |name: &str, value| {
        let mut claims = old_service::claims(&user(), now_seconds);
        claims[name] = value;
        old_service::token(&Forger::with(key()), &claims)
    };
    for (name, tokens) in adapters(&SigningKeys::of_one(key().clone())) {
        for (token, refusal) in [
            (ours.expose().to_owned(), InvalidToken::Header),
            ("x".repeat(9_000), InvalidToken::TooLong),
            ("x.y".to_owned(), InvalidToken::Malformed),
            (at(other_key(), now()), InvalidToken::Signature),
            (with("type", json!("refresh")), InvalidToken::Claims),
            (with("exp", json!(now_seconds + 86_401)), InvalidToken::Claims),
            (with("exp", json!(now_seconds - 11)), InvalidToken::Expired),
            (with("iat", json!(now_seconds + 11)), InvalidToken::Early),
            (with("nbf", json!(now_seconds + 11)), InvalidToken::Early),
        ] {
            assert_eq!(tokens.verify_legacy(&token, now()), Err(refusal), "{name}: {token}");
        }
    }
}

#[test]
fn a_key_counts_from_when_it_signs_until_it_is_dropped() {
    let keys = SigningKeys {
        keys: [(key(), now() - Duration::DAY), (other_key(), now() + TURN)]
            .map(|(pair, signs_from)| SigningKey { pair: pair.clone(), signs_from })
            .into(),
        token_lifetime: Duration::days(8),
    };
    let gone = TURN + Duration::days(8);
    for (name, tokens) in adapters(&keys) {
        for (pair, issued, verified, refusal) in [
            (key(), Duration::ZERO, Duration::ZERO, None),
            // The first key of the manifest also verifies tokens issued before its start.
            (key(), -Duration::days(2), -Duration::days(2), None),
            // The legacy service keeps signing with its own key while it runs.
            (key(), TURN + Duration::HOUR, TURN + Duration::HOUR, None),
            (key(), gone, gone, Some(InvalidToken::Signature)),
            (other_key(), Duration::ZERO, Duration::ZERO, Some(InvalidToken::Signature)),
            (other_key(), TURN - Duration::MINUTE, TURN, Some(InvalidToken::Claims)),
            (other_key(), TURN, TURN, None),
        ] {
            let token = at(pair, now() + issued);
            let refused = tokens.verify_legacy(&token, now() + verified).err();
            assert_eq!(refused, refusal, "{name}: issued after {issued}, verified after {verified}");
        }
    }
}
