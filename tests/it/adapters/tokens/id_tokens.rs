//! ID tokens and logout tokens. Only an ID token is accepted, and only as a hint.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use inwren_adapters::crypto::jwt::{AwsLcVerifier, SigningKey, SigningKeys, TokenFormat};
use inwren_adapters::crypto::keys::KeyPair;
use inwren_domain::kernel::PlainToken;
use inwren_domain::token::{IdClaims, IdHint, InvalidToken};
use inwren_tests::app::forge::{Algorithm, Forger};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::{
    Adapter, Class, access, adapters, application, client_id, format, id, key, logout, now, other_key, part,
    with_keys,
};

fn access_token(tokens: &dyn Adapter) -> PlainToken {
    tokens.issue_access(&application("openid")).unwrap()
}

fn id_token(tokens: &dyn Adapter) -> PlainToken {
    tokens.issue_id(&id(), &access_token(tokens)).unwrap()
}

fn expected() -> IdHint {
    let IdClaims { client_id, user_id, session_id, .. } = id();
    IdHint { client_id, user_id, session_id }
}

fn header(typ: &str) -> Value {
    json!({ "alg": "RS256", "kid": key().public().id(), "typ": typ })
}

#[test]
fn id_tokens_have_the_claims_of_the_standard() {
    let [user, session] = [7, 8].map(|number| Uuid::from_u128(number).to_string());
    for (name, tokens) in adapters() {
        let token = id_token(&*tokens);
        let digest = Sha256::digest(access_token(&*tokens).expose());
        let payload = json!({
            "iss": "https://auth.example.org", "sub": user, "aud": "web-shop", "sid": session,
            "iat": 1_800_000_000, "exp": 1_800_000_600, "auth_time": 1_799_996_400, "acr": "aal1", "amr": ["pwd"],
            "nonce": "n-0S6_WzA2Mj\"", "at_hash": URL_SAFE_NO_PAD.encode(&digest[..16]),
            "preferred_username": access().email, "email_verified": true, "updated_at": 1_799_000_000,
        });
        assert_eq!((part(&token, 0), part(&token, 1)), (header("JWT"), payload), "{name}");
        let plain = IdClaims { nonce: None, profile: Vec::new(), ..id() };
        let plain = tokens.issue_id(&plain, &access_token(&*tokens)).unwrap();
        assert_eq!(part(&plain, 1).get("nonce"), None, "{name}");
    }
}

#[test]
fn logout_tokens_have_the_claims_of_the_standard() {
    let [user, session] = [7, 8].map(|number| Uuid::from_u128(number).to_string());
    for (name, tokens) in adapters() {
        let token = tokens.issue_logout(&logout()).unwrap();
        let payload = json!({
            "iss": "https://auth.example.org", "sub": user, "aud": "web-shop", "sid": session,
            "iat": 1_800_000_000, "exp": 1_800_000_120, "jti": logout().id.as_str(),
            "events": { "http://schemas.openid.net/event/backchannel-logout": {} },
        });
        assert_eq!((part(&token, 0), part(&token, 1)), (header("logout+jwt"), payload), "{name}");
    }
}

#[test]
fn both_adapters_sign_the_same_bytes() {
    let [(_, aws_lc), (_, portable)] = adapters();
    assert_eq!(id_token(&*aws_lc).expose(), id_token(&*portable).expose());
    let logout = |tokens: &dyn Adapter| tokens.issue_logout(&logout()).unwrap().expose().to_owned();
    assert_eq!(logout(&*aws_lc), logout(&*portable));
}

#[test]
fn id_and_logout_tokens_are_no_other_tokens() {
    let offline = AwsLcVerifier::new(format(), &[key().public().clone()]).unwrap();
    for (name, tokens) in adapters() {
        let logout = tokens.issue_logout(&logout()).unwrap();
        for token in [&id_token(&*tokens), &logout] {
            for class in Class::ALL {
                let refusal = class.refusal(&*tokens, token.expose(), now());
                assert_eq!(refusal, Some(InvalidToken::Header), "{name}: as {class:?}");
            }
            assert_eq!(offline.verify(token.expose(), now()), Err(InvalidToken::Header), "{name}");
        }
        assert_eq!(tokens.verify_id_hint(logout.expose(), now()), Err(InvalidToken::Header), "{name}");
        for class in Class::ALL {
            let refusal = tokens.verify_id_hint(class.issue(&*tokens).expose(), now()).err();
            assert_eq!(refusal, Some(InvalidToken::Header), "{name}: {class:?}");
        }
        let refusal = tokens.verify_id_hint(access_token(&*tokens).expose(), now()).err();
        assert_eq!(refusal, Some(InvalidToken::Header), "{name}");
    }
}

#[test]
fn expired_hints_are_accepted_and_future_ones_refused() {
    for (name, tokens) in adapters() {
        let token = id_token(&*tokens);
        let at = |after: Duration| tokens.verify_id_hint(token.expose(), now() + after);
        for after in [Duration::ZERO, Duration::DAY, Duration::days(365), Duration::seconds(-10)] {
            assert_eq!(at(after), Ok(expected()), "{name}: {after}");
        }
        assert_eq!(at(Duration::seconds(-11)), Err(InvalidToken::Early), "{name}");
    }
}

fn ring(keys: &[(&KeyPair, OffsetDateTime)]) -> SigningKeys {
    let key = |(pair, signs_from): &(&KeyPair, OffsetDateTime)| SigningKey {
        pair: (*pair).clone(),
        signs_from: *signs_from,
    };
    SigningKeys { keys: keys.iter().map(key).collect(), token_lifetime: Duration::days(8) }
}

#[test]
fn retired_keys_verify_hints_and_revoked_ones_do_not() {
    let two = ring(&[(key(), now()), (other_key(), now() + Duration::HOUR)]);
    for (name, tokens) in with_keys(&format(), &two) {
        let token = id_token(&*tokens);
        for after in [Duration::ZERO, Duration::DAY, Duration::days(30)] {
            let hint = tokens.verify_id_hint(token.expose(), now() + after);
            assert_eq!(hint, Ok(expected()), "{name}: {after}");
        }
        tokens.replace_keys(&ring(&[(other_key(), now())])).unwrap();
        assert_eq!(tokens.verify_id_hint(token.expose(), now()), Err(InvalidToken::Header), "{name}");
    }
}

#[test]
fn forged_hints_are_refused() {
    let foreign = TokenFormat { issuer: "https://evil.example.org".to_owned(), ..format() };
    let [(_, foreign), _] = with_keys(&foreign, &SigningKeys::of_one(key().clone()));
    let foreign = id_token(&*foreign);
    for (name, tokens) in adapters() {
        let verify = |token: &str| tokens.verify_id_hint(token, now());
        assert_eq!(verify(foreign.expose()), Err(InvalidToken::Claims), "{name}");
        let payload = part(&id_token(&*tokens), 1);
        let head = format!(r#"{{"alg":"RS256","kid":"{}","typ":"JWT"}}"#, key().public().id());
        let signed =
            |header: &str, payload: &str| Forger::with(key()).sign(Algorithm::Rs256, header, payload);
        assert_eq!(verify(&signed(&head, &payload.to_string())), Ok(expected()), "{name}");
        for other in ["jwt", "at+jwt", "logout+jwt"] {
            let head = head.replace("JWT", other);
            let refusal = verify(&signed(&head, &payload.to_string()));
            assert_eq!(refusal, Err(InvalidToken::Header), "{name}: {other}");
        }
        let stranger = Forger::with(other_key()).sign(Algorithm::Rs256, &head, payload.to_string());
        assert_eq!(verify(&stranger), Err(InvalidToken::Signature), "{name}");
        for (claim, value) in [
            ("type", json!("access")),
            ("jti", json!("x")),
            ("events", json!({})),
            ("iss", json!("https://auth.example.org/")),
            ("sub", json!("web-shop")),
            ("aud", json!([client_id().as_str()])),
            ("aud", json!("web shop")),
            ("sid", Value::Null),
            ("iat", json!(-1)),
            ("iat", json!(1_800_000_600)),
            ("exp", json!("1800000600")),
        ] {
            let mut changed = payload.clone();
            changed[claim] = value.clone();
            let refusal = verify(&signed(&head, &changed.to_string()));
            assert_eq!(refusal, Err(InvalidToken::Claims), "{name}: {claim}: {value}");
        }
        let twice = payload.to_string().replacen('{', r#"{"sub":"x","#, 1);
        assert_eq!(verify(&signed(&head, &twice)), Err(InvalidToken::Claims), "{name}");
    }
}
