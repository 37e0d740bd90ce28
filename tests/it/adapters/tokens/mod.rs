//! Both token adapters against one suite, and each against the other.

mod agreement;
mod applications;
mod claims;
mod id_tokens;
mod legacy;
mod offline;
mod refusals;
mod rings;
mod wycheproof;

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use inwren_adapters::crypto::jwt::{AwsLcTokens, PortableTokens, SigningKeys, TokenFormat};
use inwren_adapters::crypto::keys::{KeyError, KeyPair};
use inwren_domain::account::Tier;
use inwren_domain::authn::Assurance;
use inwren_domain::client::{ClientId, Scope};
use inwren_domain::kernel::{PlainToken, SessionId, TokenId, UserId};
use inwren_domain::token::{
    AccessClaims, ApplicationClaims, ClaimValue, ClientClaims, IdClaims, InvalidToken, KeyDirectory,
    LogoutClaims, RefreshClaims, TokenIssuer, TokenVerifier,
};
use serde_json::Value;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// All ports of an adapter, and the replacement of its keys.
trait Adapter: TokenIssuer + TokenVerifier + KeyDirectory {
    fn replace_keys(&self, keys: &SigningKeys) -> Result<(), KeyError>;
}

impl Adapter for AwsLcTokens {
    fn replace_keys(&self, keys: &SigningKeys) -> Result<(), KeyError> {
        self.replace_keys(keys)
    }
}

impl Adapter for PortableTokens {
    fn replace_keys(&self, keys: &SigningKeys) -> Result<(), KeyError> {
        self.replace_keys(keys)
    }
}

type Named = (&'static str, Box<dyn Adapter>);

/// Both adapters with these keys.
fn with_keys(format: &TokenFormat, keys: &SigningKeys) -> [Named; 2] {
    [
        ("aws-lc", Box::new(AwsLcTokens::with_keys(format.clone(), keys).unwrap())),
        ("portable", Box::new(PortableTokens::with_keys(format.clone(), keys).unwrap())),
    ]
}

/// Both adapters with one key of 2048 bits.
fn adapters() -> [Named; 2] {
    with_keys(&format(), &SigningKeys::of_one(key().clone()))
}

/// A fixed key of 2048 bits.
fn key() -> &'static KeyPair {
    static KEY: OnceLock<KeyPair> = OnceLock::new();
    KEY.get_or_init(|| KeyPair::generate(2048).unwrap())
}

/// Another fixed key.
fn other_key() -> &'static KeyPair {
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
        assurance: Assurance::PASSWORD,
        is_for_enrolment: false,
        email: "\"Änn\\\u{1}\"@example.org".to_owned(),
        email_verified: true,
        tier: Tier::from_stored("free".to_owned()),
        is_superuser: true,
        application: None,
    }
}

fn client_id() -> ClientId {
    ClientId::parse("web-shop").unwrap()
}

/// An access token of an application with this scope.
fn application(scope: &str) -> AccessClaims {
    let application =
        ApplicationClaims { client_id: client_id(), scope: Scope::parse(scope).unwrap(), resource: None };
    let has_email = application.scope.contains(Scope::EMAIL);
    AccessClaims {
        email: if has_email { access().email } else { String::new() },
        email_verified: has_email,
        is_superuser: false,
        application: Some(application),
        ..access()
    }
}

/// An access token of an application for this resource server.
fn for_resource(resource: &str) -> AccessClaims {
    let claims = application("openid");
    let application =
        claims.application.map(|claims| ApplicationClaims { resource: Some(resource.to_owned()), ..claims });
    AccessClaims { application, ..claims }
}

fn id() -> IdClaims {
    IdClaims {
        user_id: UserId::from_uuid(Uuid::from_u128(7)),
        client_id: client_id(),
        session_id: SessionId::from_uuid(Uuid::from_u128(8)),
        issued_at: now(),
        expires_at: now() + Duration::minutes(10),
        authenticated_at: now() - Duration::hours(1),
        assurance: Assurance::PASSWORD,
        nonce: Some("n-0S6_WzA2Mj\"".to_owned()),
        profile: vec![
            ("preferred_username", ClaimValue::Text(access().email)),
            ("email_verified", ClaimValue::Flag(true)),
            ("updated_at", ClaimValue::Seconds(1_799_000_000)),
        ],
    }
}

fn logout() -> LogoutClaims {
    LogoutClaims {
        id: TokenId::from_stored("d4".repeat(32)),
        client_id: client_id(),
        user_id: UserId::from_uuid(Uuid::from_u128(7)),
        session_id: SessionId::from_uuid(Uuid::from_u128(8)),
        issued_at: now(),
        expires_at: now() + Duration::minutes(2),
    }
}

fn client() -> ClientClaims {
    ClientClaims {
        id: TokenId::from_stored("c3".repeat(32)),
        client_id: ClientId::parse("orders-api").unwrap(),
        scope: Scope::parse("stock:read stock:write").unwrap(),
        issued_at: now(),
        expires_at: now() + Duration::minutes(30),
    }
}

fn refresh() -> RefreshClaims {
    RefreshClaims {
        id: TokenId::from_stored(format!("3.{}", "b2".repeat(32))),
        user_id: UserId::from_uuid(Uuid::from_u128(7)),
        session_id: SessionId::from_uuid(Uuid::from_u128(8)),
        client_id: None,
        issued_at: now(),
        expires_at: now() + Duration::days(7),
    }
}

/// A class of tokens of this service's own API: how a test issues and verifies one.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Class {
    Access,
    Client,
    Refresh,
}

impl Class {
    const ALL: [Self; 3] = [Self::Access, Self::Client, Self::Refresh];

    /// A token of the class with the claims above.
    fn issue(self, tokens: &dyn Adapter) -> PlainToken {
        match self {
            Self::Access => tokens.issue_access(&access()).unwrap(),
            Self::Client => tokens.issue_client(&client()).unwrap(),
            Self::Refresh => tokens.issue_refresh(&refresh()).unwrap().token,
        }
    }

    /// Why the token is not valid for the class. The claims of a valid token must be those above.
    fn refusal(self, tokens: &dyn Adapter, token: &str, now: OffsetDateTime) -> Option<InvalidToken> {
        match self {
            Self::Access => tokens.verify_access(token, now).map(|claims| assert_eq!(claims, access())).err(),
            Self::Client => tokens.verify_client(token, now).map(|claims| assert_eq!(claims, client())).err(),
            Self::Refresh => {
                tokens.verify_refresh(token, now).map(|claims| assert_eq!(claims, refresh())).err()
            }
        }
    }
}

/// A part of a token, read without any verification.
fn part(token: &PlainToken, index: usize) -> Value {
    let part = token.expose().split('.').nth(index).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}
