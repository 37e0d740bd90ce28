use std::collections::HashSet;
use std::sync::OnceLock;

use inwren_adapters::crypto::client_assertions::ClientAssertionVerifier;
use inwren_app::clients_file;
use inwren_domain::client::{
    ClientAssertions as _, ClientId, ClientKind, ClientName, RedirectUri, Scope, VerifiedAssertion,
};
use inwren_domain::kernel::PlainToken;
use serde_json::{Value, json};
use time::Duration;

use crate::app::forge::{Algorithm, Forger};
use crate::app::{ISSUER, key};
use crate::fixtures::now;

const CLIENT: &str = "web-shop";
/// The `kid` of the client's only key.
const KID: &str = "one";
const HEADER: &str = r#"{"alg":"RS256"}"#;
/// The members of private and symmetric keys (RFC 7518 section 6).
const SECRETS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// A client that signs assertions, and the service that verifies them.
struct Signer {
    forger: Forger,
    verifier: ClientAssertionVerifier,
    client: ClientId,
    jwk: Value,
    jwks: String,
}

fn signer() -> &'static Signer {
    static SIGNER: OnceLock<Signer> = OnceLock::new();
    SIGNER.get_or_init(|| {
        let forger = Forger::with(key());
        let jwk = forger.jwk(KID);
        Signer {
            forger,
            verifier: ClientAssertionVerifier::new(vec![ISSUER.to_owned()]),
            client: ClientId::parse(CLIENT).expect("an id"),
            jwks: json!({ "keys": [jwk] }).to_string(),
            jwk,
        }
    })
}

impl Signer {
    fn sign(&self, header: impl AsRef<[u8]>, claims: impl AsRef<[u8]>) -> String {
        self.forger.sign(Algorithm::Rs256, header, claims)
    }

    fn verify(&self, assertion: &str, jwks: &str) -> Option<VerifiedAssertion> {
        self.verifier.verify(&PlainToken::new(assertion.to_owned()), &self.client, jwks, now())
    }
}

fn good_claims() -> String {
    let expires_at = now().unix_timestamp() + 60;
    json!({ "iss": CLIENT, "sub": CLIENT, "aud": ISSUER, "jti": "one", "exp": expires_at }).to_string()
}

/// Verifies any text as an assertion of a client, and any bytes as the claims and as the header of a signed one. An
/// accepted assertion names the client and this service, and expires soon.
pub(super) fn client_assertion(bytes: &[u8]) {
    let signer = signer();
    if let Ok(text) = std::str::from_utf8(bytes) {
        assert_eq!(signer.verify(text, &signer.jwks), None, "{text}");
        let named = signer.verifier.client_of(text);
        assert!(named.is_none_or(|named| ClientId::parse(named.as_str()).is_ok()), "{text}");
    }
    let token = signer.sign(HEADER, bytes);
    if let Some(verified) = signer.verify(&token, &signer.jwks) {
        expect_valid_claims(&verified, bytes);
        assert_eq!(signer.verifier.client_of(&token).as_ref(), Some(&signer.client));
    }
    if signer.verify(&signer.sign(bytes, good_claims()), &signer.jwks).is_some() {
        let header: Value = serde_json::from_slice(bytes).expect("JSON");
        assert_eq!(header["alg"], "RS256");
        assert!(header.get("kid").is_none_or(|kid| kid == KID), "{header}");
        assert!(header.get("crit").is_none(), "{header}");
    }
}

fn expect_valid_claims(verified: &VerifiedAssertion, bytes: &[u8]) {
    let claims: Value = serde_json::from_slice(bytes).expect("JSON");
    assert_eq!((&claims["iss"], &claims["sub"]), (&json!(CLIENT), &json!(CLIENT)));
    assert!(claims["aud"] == ISSUER || claims["aud"] == json!([ISSUER]), "{claims}");
    assert_eq!(claims["jti"], verified.id.as_str());
    assert!(!verified.id.is_empty());
    let lifetime = verified.expires_at - now();
    assert!(lifetime > Duration::ZERO && lifetime <= Duration::seconds(3_610), "{claims}");
    // The clocks may differ by ten seconds, and a number may have lost a fraction.
    let latest = (now().unix_timestamp() + 11) as f64;
    for name in ["iat", "nbf"] {
        assert!(claims[name].as_f64().is_none_or(|begin| begin <= latest), "{claims}");
    }
}

/// Reads any text as the JWK set of a client. An accepted set has public keys only, and verifies what its keys signed.
pub(super) fn jwk_set(bytes: &[u8]) {
    static ASSERTION: OnceLock<String> = OnceLock::new();
    let signer = signer();
    assert!(signer.verifier.is_key_set(&signer.jwks), "the set of the client is invalid");
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let assertion = ASSERTION.get_or_init(|| signer.sign(HEADER, good_claims()));
    let is_verified = signer.verify(assertion, text).is_some();
    if !signer.verifier.is_key_set(text) {
        assert!(!is_verified, "{text}");
        return;
    }
    let set: Value = serde_json::from_str(text).expect("JSON");
    let keys = set["keys"].as_array().expect("keys");
    let is_secret = |key: &Value| SECRETS.iter().any(|name| key.get(name).is_some());
    assert!(!keys.iter().any(is_secret), "{text}");
    let is_usable = |key: &Value| ["RSA", "EC"].iter().any(|kind| key["kty"] == *kind);
    assert!(keys.iter().any(is_usable), "{text}");
    let is_own = |key: &Value| key["n"] == signer.jwk["n"] && key["e"] == signer.jwk["e"];
    assert!(!is_verified || keys.iter().any(is_own), "verified by another key: {text}");
}

/// Parses any text as the file of clients. Errors name a line of the file. Ids and names are unique, and each value
/// parses again to the same value.
pub(super) fn clients_file(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let lines = text.split('\n').count();
    let listed = match clients_file::parse(text) {
        Ok(listed) => listed,
        Err(error) => {
            assert!(error.line.is_none_or(|line| (1..=lines).contains(&line)), "{error}");
            assert!(!error.reason.is_empty(), "{error:?}");
            return;
        }
    };
    let (mut ids, mut names) = (HashSet::new(), HashSet::new());
    for clients_file::Listed { line, id, settings } in &listed {
        assert!((1..=lines).contains(line), "{line}");
        assert!(ids.insert(id.as_str()) && names.insert(settings.name.as_str()), "{id} is listed twice");
        assert_eq!(ClientId::parse(id.as_str()).as_ref(), Ok(id));
        assert_eq!(ClientName::parse(settings.name.as_str()).as_ref(), Ok(&settings.name));
        assert_eq!(Scope::parse(settings.scopes.as_str()).as_ref(), Ok(&settings.scopes));
        let is_public = settings.kind == ClientKind::Public;
        for uri in settings.redirect_uris.iter().chain(&settings.post_logout_redirect_uris) {
            assert_eq!(RedirectUri::parse(uri.as_str(), is_public).as_ref(), Ok(uri));
        }
        if let Some(uri) = &settings.backchannel_logout_uri {
            assert!(uri.origin().is_some(), "{uri}");
        }
    }
}
