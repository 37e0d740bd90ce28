//! Both token adapters against one suite, and each against the other.

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use inwren_adapters::crypto::jwt::{AwsLcTokens, MAX_TOKEN_BYTES, PortableTokens, TokenFormat};
use inwren_adapters::crypto::keys::KeyPair;
use inwren_domain::model::{AccessClaims, PlainToken, RefreshClaims, SessionId, Tier, TokenId, UserId};
use inwren_domain::ports::{InvalidToken, TokenIssuer, TokenVerifier};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// A port's two halves in one.
trait Tokens: TokenIssuer + TokenVerifier {}
impl<T: TokenIssuer + TokenVerifier> Tokens for T {}

fn key() -> &'static KeyPair {
    static KEY: OnceLock<KeyPair> = OnceLock::new();
    KEY.get_or_init(|| KeyPair::generate(2048).unwrap())
}

fn format() -> TokenFormat {
    TokenFormat {
        issuer: "https://auth.example.org".to_owned(),
        audience: "inwren".to_owned(),
        leeway: Duration::seconds(10),
    }
}

fn adapters() -> [(&'static str, Box<dyn Tokens>); 2] {
    [
        ("aws-lc", Box::new(AwsLcTokens::new(format(), key()).unwrap())),
        ("portable", Box::new(PortableTokens::new(format(), key()).unwrap())),
    ]
}

fn now() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap()
}

fn access() -> AccessClaims {
    AccessClaims {
        id: TokenId::from_stored("a1".repeat(32)),
        user_id: UserId::from_uuid(Uuid::from_u128(7)),
        session_id: SessionId::from_uuid(Uuid::from_u128(8)),
        issued_at: now(),
        expires_at: now() + Duration::minutes(30),
        authenticated_at: now() - Duration::hours(1),
        email: "Änn@example.org".to_owned(),
        tier: Tier::from_stored("free".to_owned()),
        is_superuser: true,
    }
}

fn refresh() -> RefreshClaims {
    RefreshClaims {
        id: TokenId::from_stored(format!("3.{}", "b2".repeat(32))),
        user_id: UserId::from_uuid(Uuid::from_u128(7)),
        session_id: SessionId::from_uuid(Uuid::from_u128(8)),
        issued_at: now(),
        expires_at: now() + Duration::days(7),
    }
}

fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[test]
fn a_token_says_what_was_claimed() {
    for (name, tokens) in adapters() {
        let token = tokens.issue_access(&access()).unwrap();
        assert_eq!(tokens.verify_access(token.expose(), now()), Ok(access()), "{name}");
        let header = json!({"alg": "RS256", "kid": key().public().id(), "typ": "at+jwt"});
        assert_eq!(part(token.expose(), 0), header, "{name}");
        let payload = json!({
            "iss": "https://auth.example.org", "aud": "inwren", "type": "access",
            "sub": Uuid::from_u128(7).to_string(), "sid": Uuid::from_u128(8).to_string(),
            "jti": "a1".repeat(32), "iat": 1_800_000_000, "exp": 1_800_001_800, "auth_time": 1_799_996_400,
            "email": "Änn@example.org", "tier": "free", "is_superuser": true,
        });
        assert_eq!(part(token.expose(), 1), payload, "{name}");

        let token = tokens.issue_refresh(&refresh()).unwrap().token;
        assert_eq!(tokens.verify_refresh(token.expose(), now()), Ok(refresh()), "{name}");
        assert_eq!(part(token.expose(), 0)["typ"], "rt+jwt", "{name}");
    }
}

#[test]
fn each_adapter_verifies_what_the_other_signed_byte_for_byte() {
    let [(_, aws), (_, portable)] = adapters();
    let (a, b) = (aws.issue_refresh(&refresh()).unwrap(), portable.issue_refresh(&refresh()).unwrap());
    assert_eq!(a.token.expose(), b.token.expose());
    assert_eq!(a.digest, b.digest);
    assert_eq!(a.digest, portable.digest(&a.token));
    assert_eq!(
        aws.issue_access(&access()).unwrap().expose(),
        portable.issue_access(&access()).unwrap().expose()
    );
    assert_eq!(aws.issue_refresh(&refresh()).unwrap().token.expose(), a.token.expose());
}

#[test]
fn the_classes_do_not_stand_in_for_each_other() {
    for (name, tokens) in adapters() {
        let access = tokens.issue_access(&access()).unwrap();
        let refresh = tokens.issue_refresh(&refresh()).unwrap().token;
        assert_eq!(tokens.verify_refresh(access.expose(), now()).err(), Some(InvalidToken::Header), "{name}");
        assert_eq!(tokens.verify_access(refresh.expose(), now()).err(), Some(InvalidToken::Header), "{name}");
    }
}

#[test]
fn times_hold_within_the_leeway_and_no_further() {
    for (name, tokens) in adapters() {
        let token = tokens.issue_access(&access()).unwrap();
        let at = |seconds| tokens.verify_access(token.expose(), now() + Duration::seconds(seconds)).err();
        assert_eq!(at(1_800 + 9), None, "{name}");
        assert_eq!(at(1_800 + 10), Some(InvalidToken::Expired), "{name}");
        assert_eq!(at(-10), None, "{name}");
        assert_eq!(at(-11), Some(InvalidToken::Early), "{name}");
    }
}

#[test]
fn a_foreign_key_issuer_or_audience_is_refused() {
    let other = KeyPair::generate(2048).unwrap();
    let foreign = AwsLcTokens::new(format(), &other).unwrap().issue_access(&access()).unwrap();
    let issuer = TokenFormat { issuer: "https://evil.example.org".to_owned(), ..format() };
    let issuer = AwsLcTokens::new(issuer, key()).unwrap().issue_access(&access()).unwrap();
    let audience = TokenFormat { audience: "somebody-else".to_owned(), ..format() };
    let audience = AwsLcTokens::new(audience, key()).unwrap().issue_access(&access()).unwrap();
    for (name, tokens) in adapters() {
        let refused = |token: &PlainToken| tokens.verify_access(token.expose(), now()).err();
        assert_eq!(refused(&foreign), Some(InvalidToken::Header), "{name}");
        assert_eq!(refused(&issuer), Some(InvalidToken::Claims), "{name}");
        assert_eq!(refused(&audience), Some(InvalidToken::Claims), "{name}");
    }
}

#[test]
fn a_changed_token_is_refused() {
    for (name, tokens) in adapters() {
        let token = tokens.issue_access(&access()).unwrap();
        let token = token.expose();
        let parts: Vec<&str> = token.split('.').collect();
        let (header, payload, signature) = (parts[0], parts[1], parts[2]);
        let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let kid = key().public().id();
        let changed = [
            String::new(),
            ".".to_owned(),
            "..".to_owned(),
            format!("{header}.{payload}."),
            format!("{header}.{payload}"),
            format!("{token}."),
            format!("{token}.e30"),
            format!(".{payload}.{signature}"),
            format!("{header}..{signature}"),
            format!(" {token}"),
            format!("{token}\n"),
            format!("{token}="),
            format!("{header}=.{payload}.{signature}"),
            format!("{header}.{payload}.{}", &signature[..signature.len() - 1]),
            format!("{header}.{payload}.{}", "A".repeat(signature.len())),
            format!("{}.{payload}.{signature}", encode(r#"{"alg":"none","typ":"at+jwt"}"#)),
            format!("{}.{payload}.", encode(&format!(r#"{{"alg":"none","kid":"{kid}","typ":"at+jwt"}}"#))),
            format!(
                "{}.{payload}.{signature}",
                encode(&format!(r#"{{"alg":"HS256","kid":"{kid}","typ":"at+jwt"}}"#))
            ),
            format!(
                "{}.{payload}.{signature}",
                encode(&format!(r#"{{"alg":"RS256","kid":"{kid}","typ":"JWT"}}"#))
            ),
            format!(
                "{}.{payload}.{signature}",
                encode(&format!(r#"{{"alg":"RS256","kid":"{kid}","typ":"at+jwt","crit":[]}}"#))
            ),
            format!(
                "{}.{payload}.{signature}",
                encode(&format!(r#"{{"alg":"RS256","alg":"RS256","kid":"{kid}","typ":"at+jwt"}}"#))
            ),
            format!("{header}.{}.{signature}", encode(r#"{"sub":"me"}"#)),
            "x".repeat(MAX_TOKEN_BYTES + 1),
        ];
        for token in changed {
            assert!(tokens.verify_access(&token, now()).is_err(), "{name}: {token}");
        }
    }
}
