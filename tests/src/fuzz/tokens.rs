use std::sync::OnceLock;

use inwren_adapters::crypto::jwt::{AwsLcTokens, PortableTokens, TokenFormat};
use inwren_domain::token::{
    AccessClaims, ClientClaims, IdHint, InvalidToken, RefreshClaims, TokenIssuer as _, TokenVerifier,
};
use time::{Duration, OffsetDateTime};

use crate::app::forge::{self, Algorithm, Forger};
use crate::app::{AUDIENCE, ISSUER, key};
use crate::fixtures::now;

struct Both {
    aws_lc: AwsLcTokens,
    portable: PortableTokens,
    forger: Forger,
}

fn both() -> &'static Both {
    static BOTH: OnceLock<Both> = OnceLock::new();
    BOTH.get_or_init(|| {
        let format = TokenFormat {
            issuer: ISSUER.to_owned(),
            audience: AUDIENCE.to_owned(),
            leeway: Duration::seconds(10),
        };
        let aws_lc = AwsLcTokens::new(format.clone(), key()).expect("a key");
        let portable = PortableTokens::new(format, key()).expect("a key");
        Both { aws_lc, portable, forger: Forger::with(key()) }
    })
}

fn access_header() -> String {
    format!(r#"{{"alg":"RS256","kid":"{}","typ":"at+jwt"}}"#, key().public().id())
}

fn refresh_header() -> String {
    access_header().replace("at+jwt", "rt+jwt")
}

fn id_header() -> String {
    access_header().replace("at+jwt", "JWT")
}

type Verified<C> = Result<C, InvalidToken>;

/// The result of each verifier.
struct Results {
    access: Verified<AccessClaims>,
    client: Verified<ClientClaims>,
    refresh: Verified<RefreshClaims>,
    hint: Verified<IdHint>,
}

impl Results {
    fn accepted(&self) -> [bool; 4] {
        [self.access.is_ok(), self.client.is_ok(), self.refresh.is_ok(), self.hint.is_ok()]
    }
}

fn verify(tokens: &dyn TokenVerifier, token: &str) -> Results {
    Results {
        access: tokens.verify_access(token, now()),
        client: tokens.verify_client(token, now()),
        refresh: tokens.verify_refresh(token, now()),
        hint: tokens.verify_id_hint(token, now()),
    }
}

/// Verifies any text as a token. The verifiers reject all texts, because a random signature is never valid.
pub(super) fn token(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for tokens in [&both().aws_lc as &dyn TokenVerifier, &both().portable] {
        assert_eq!(verify(tokens, text).accepted(), [false; 4], "{text}");
    }
}

/// Verifies any header with valid claims and a valid signature. The verifier accepts only the header that the service
/// writes.
pub(super) fn header(bytes: &[u8]) {
    let issued = now().unix_timestamp();
    let claims = format!(
        r#"{{"iat":{issued},"exp":{},"iss":"{ISSUER}","sub":"0199a3f2-6f0e-7b9a-a1c2-000000000001","aud":"{AUDIENCE}","jti":"x","type":"access","client_id":"0199a3f2-6f0e-7b9a-a1c2-000000000001"}}"#,
        issued + 60
    );
    let good = both().forger.sign(Algorithm::Rs256, access_header(), &claims);
    assert!(both().aws_lc.verify_client(&good, now()).is_ok(), "the claims are not good");
    let token = both().forger.sign(Algorithm::Rs256, bytes, &claims);
    let is_ours = bytes == access_header().as_bytes();
    assert_eq!(verify(&both().aws_lc, &token).accepted(), [false, is_ours, false, false]);
}

/// Verifies any claims with a valid header and a valid signature. Accepted claims belong to one class of tokens, are
/// valid now, and can be issued again unchanged.
pub(super) fn claims(bytes: &[u8]) {
    let Both { aws_lc, forger, .. } = both();
    let verified = |header: String| verify(aws_lc, &forger.sign(Algorithm::Rs256, header, bytes));
    let access = verified(access_header());
    assert!(access.refresh.is_err() && access.hint.is_err());
    assert!(access.access.is_err() || access.client.is_err());
    if let Ok(claims) = access.access {
        expect_to_hold(claims.issued_at, claims.expires_at);
        let again = aws_lc.issue_access(&claims).expect("a token");
        assert_eq!(aws_lc.verify_access(again.expose(), now()).as_ref(), Ok(&claims));
        expect_same_claims(again.expose(), bytes);
    }
    if let Ok(claims) = access.client {
        expect_to_hold(claims.issued_at, claims.expires_at);
        let again = aws_lc.issue_client(&claims).expect("a token");
        assert_eq!(aws_lc.verify_client(again.expose(), now()).as_ref(), Ok(&claims));
        expect_same_claims(again.expose(), bytes);
    }
    let refresh = verified(refresh_header());
    assert!(refresh.access.is_err() && refresh.client.is_err() && refresh.hint.is_err());
    if let Ok(claims) = refresh.refresh {
        expect_to_hold(claims.issued_at, claims.expires_at);
        assert!(claims.id.generation().is_some());
        let again = aws_lc.issue_refresh(&claims).expect("a token");
        assert_eq!(aws_lc.verify_refresh(again.token.expose(), now()).as_ref(), Ok(&claims));
        expect_same_claims(again.token.expose(), bytes);
    }
    let id = verified(id_header());
    assert!(id.access.is_err() && id.client.is_err() && id.refresh.is_err());
    if let Ok(hint) = id.hint {
        expect_same_hint(&hint, bytes);
    }
}

/// Checks that a hint is for the user, the application and the session of the claims.
fn expect_same_hint(hint: &IdHint, bytes: &[u8]) {
    let given: serde_json::Value = serde_json::from_slice(bytes).expect("JSON");
    assert_eq!(given["sub"], hint.user_id.to_string());
    assert_eq!(given["aud"], hint.client_id.as_str());
    assert_eq!(given["sid"], hint.session_id.to_string());
    assert!(given["iat"].as_i64().is_some_and(|issued| issued <= now().unix_timestamp() + 10));
}

fn expect_to_hold(issued_at: OffsetDateTime, expires_at: OffsetDateTime) {
    let leeway = Duration::seconds(10);
    assert!(issued_at < expires_at && issued_at <= now() + leeway && now() < expires_at + leeway);
}

/// Checks that the parsed claims equal the input. The parser ignores unknown claims, and tokens of earlier releases
/// lack some claims.
fn expect_same_claims(token: &str, bytes: &[u8]) {
    let given: serde_json::Value = serde_json::from_slice(bytes).expect("JSON");
    for (name, value) in forge::open(token).1.as_object().expect("claims") {
        match given.get(name) {
            Some(given) => assert_eq!(given, value, "{name}"),
            None => {
                assert!(["client_id", "acr", "amr", "email_verified"].contains(&name.as_str()), "{name}");
            }
        }
    }
}
