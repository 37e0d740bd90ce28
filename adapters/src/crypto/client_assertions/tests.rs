use std::sync::OnceLock;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
    RsaEncoding, RsaKeyPair,
};
use serde_json::json;

use super::*;

const ISSUER: &str = "https://auth.example.org";
const ENDPOINT: &str = "https://auth.example.org/oauth/token";

fn rsa() -> &'static RsaKeyPair {
    static KEY: OnceLock<RsaKeyPair> = OnceLock::new();
    KEY.get_or_init(|| RsaKeyPair::generate(KeySize::Rsa2048).unwrap())
}

fn ec() -> &'static EcdsaKeyPair {
    static KEY: OnceLock<EcdsaKeyPair> = OnceLock::new();
    KEY.get_or_init(|| EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn rsa_jwk() -> Value {
    // PKCS #1 ends with the modulus and, in five bytes, the exponent 65537.
    let der = rsa().public_key().as_ref();
    let end = der.len() - 5;
    json!({ "kty": "RSA", "n": encode(&der[end - 256..end]), "e": "AQAB" })
}

fn ec_jwk() -> Value {
    let point = ec().public_key().as_ref();
    json!({ "kty": "EC", "crv": "P-256", "x": encode(&point[1..33]), "y": encode(&point[33..]) })
}

/// The object with another value of a member; without it for `null`.
fn with(object: &Value, name: &str, value: Value) -> Value {
    let mut changed = object.clone();
    let members = changed.as_object_mut().unwrap();
    match value {
        Value::Null => members.remove(name),
        value => members.insert(name.to_owned(), value),
    };
    changed
}

fn set<const N: usize>(keys: [Value; N]) -> String {
    json!({ "keys": Vec::from(keys) }).to_string()
}

fn both() -> String {
    set([rsa_jwk(), ec_jwk()])
}

fn now() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap()
}

fn claims() -> Value {
    json!({ "iss": "shop", "sub": "shop", "aud": ISSUER, "jti": "one", "exp": 1_800_000_060 })
}

/// Signs texts unchanged, by the algorithm with this name.
fn sign_text(algorithm: &str, header: &str, claims: &str) -> String {
    let input = format!("{}.{}", encode(header.as_bytes()), encode(claims.as_bytes()));
    let random = SystemRandom::new();
    let by_rsa = |padding: &'static dyn RsaEncoding| {
        let mut signature = vec![0; rsa().public_modulus_len()];
        rsa().sign(padding, &random, input.as_bytes(), &mut signature).unwrap();
        signature
    };
    let signature = match algorithm {
        "RS256" => by_rsa(&RSA_PKCS1_SHA256),
        "PS256" => by_rsa(&RSA_PSS_SHA256),
        _ => ec().sign(&random, input.as_bytes()).unwrap().as_ref().to_vec(),
    };
    format!("{input}.{}", encode(&signature))
}

fn sign(algorithm: &str, claims: &Value) -> String {
    sign_text(algorithm, &json!({ "alg": algorithm }).to_string(), &claims.to_string())
}

fn verifier() -> ClientAssertionVerifier {
    ClientAssertionVerifier::new(vec![ISSUER.to_owned(), ENDPOINT.to_owned()])
}

fn verify(assertion: &str, jwks: &str) -> Option<VerifiedAssertion> {
    let client = ClientId::parse("shop").unwrap();
    verifier().verify(&PlainToken::new(assertion.to_owned()), &client, jwks, now())
}

fn accepts(claims: &Value) -> bool {
    verify(&sign("ES256", claims), &both()).is_some()
}

#[test]
fn the_three_algorithms_are_accepted() {
    let expected = VerifiedAssertion { id: "one".to_owned(), expires_at: now() + Duration::MINUTE };
    for algorithm in ["RS256", "PS256", "ES256"] {
        let assertion = sign(algorithm, &claims());
        assert_eq!(verify(&assertion, &both()), Some(expected.clone()), "{algorithm}");
        assert_eq!(verifier().client_of(&assertion).unwrap().as_str(), "shop", "{algorithm}");
    }
}

#[test]
fn other_algorithms_and_headers_are_refused() {
    let verify_header =
        |algorithm, header: &str| verify(&sign_text(algorithm, header, &claims().to_string()), &both());
    for header in [
        r#"{"alg":"ES256","typ":"JWT"}"#,
        r#"{"alg":"ES256","typ":"client-authentication+jwt"}"#,
        r#"{"alg":"ES256","jwk":{"kty":"oct","k":"AA"},"jku":"https://evil.example.org"}"#,
    ] {
        assert!(verify_header("ES256", header).is_some(), "{header}");
    }
    for header in [
        r#"{"alg":"none"}"#,
        r#"{"alg":"HS256"}"#,
        r#"{"alg":"ES384"}"#,
        r#"{"alg":"es256"}"#,
        r#"{"alg":"RS256"}"#,
        r#"{"alg":["ES256"]}"#,
        r#"{"alg":"RS256","alg":"ES256"}"#,
        r#"{"alg":"ES256","crit":[]}"#,
        r#"{"alg":"ES256","crit":["exp"],"exp":1}"#,
        r#"{"alg":"ES256","typ":"at+jwt"}"#,
        r#"{"alg":"ES256","typ":1}"#,
        r#"{"alg":"ES256","kid":1}"#,
        r#"{"alg":"ES256","kid":"unknown"}"#,
        "{}",
        "[]",
        "",
    ] {
        assert_eq!(verify_header("ES256", header), None, "{header}");
    }
    assert_eq!(verify_header("RS256", r#"{"alg":"PS256"}"#), None);
}

#[test]
fn changed_and_oversized_assertions_are_refused() {
    let assertion = sign("ES256", &claims());
    let (signed, signature) = assertion.rsplit_once('.').unwrap();
    let (header, payload) = signed.split_once('.').unwrap();
    let other = encode(with(&claims(), "jti", json!("two")).to_string().as_bytes());
    for changed in [
        format!("{header}.{other}.{signature}"),
        format!("{signed}.{}", "A".repeat(signature.len())),
        format!("{signed}."),
        signed.to_owned(),
        format!("{assertion}.{payload}"),
        format!("{assertion}="),
        String::new(),
        sign("ES256", &with(&claims(), "more", json!("x".repeat(8 * 1024)))),
    ] {
        assert_eq!(verify(&changed, &both()), None, "{changed}");
    }
}

#[test]
fn claims_must_name_the_client_and_this_service() {
    for (name, value) in [
        ("aud", json!(ENDPOINT)),
        ("aud", json!([ISSUER])),
        ("iat", json!(1_800_000_000)),
        ("nbf", json!(1_799_999_999.5)),
        ("exp", json!(1_800_003_610)),
        ("exp", json!(1_800_000_000.5)),
        ("unknown", json!({ "a": 1 })),
    ] {
        assert!(accepts(&with(&claims(), name, value.clone())), "{name}: {value}");
    }
    for (name, value) in [
        ("iss", json!("other")),
        ("sub", json!("other")),
        ("sub", json!(["shop"])),
        ("aud", json!("https://other.example.org")),
        ("aud", json!([ISSUER, ENDPOINT])),
        ("aud", json!([ISSUER, "https://other.example.org"])),
        ("aud", json!([])),
        ("aud", json!(1)),
        ("jti", json!("")),
        ("jti", json!(1)),
        ("exp", json!(1_800_000_000)),
        ("exp", json!(1_800_003_611)),
        ("exp", json!("1800000060")),
        ("exp", json!(1e300)),
        ("iat", json!(1_800_000_011)),
        ("nbf", json!(1_800_000_011)),
        ("nbf", json!("1800000000")),
    ] {
        assert!(!accepts(&with(&claims(), name, value.clone())), "{name}: {value}");
    }
    for name in ["iss", "sub", "aud", "jti", "exp"] {
        assert!(!accepts(&with(&claims(), name, Value::Null)), "without {name}");
    }
}

#[test]
fn duplicate_claims_are_refused() {
    let text = claims().to_string();
    for duplicate in [r#""sub":"shop""#, r#""unknown":1,"unknown":1"#, r#""aud":"https://auth.example.org""#]
    {
        let claims = text.replacen('{', &format!("{{{duplicate},"), 1);
        assert_eq!(verify(&sign_text("ES256", r#"{"alg":"ES256"}"#, &claims), &both()), None, "{duplicate}");
    }
}

#[test]
fn the_key_must_permit_the_use_and_the_algorithm() {
    let assertion = sign("RS256", &claims());
    let with = |name, value| set([with(&rsa_jwk(), name, value)]);
    for jwks in [
        with("use", json!("sig")),
        with("alg", json!("RS256")),
        with("key_ops", json!(["verify"])),
        with("kid", json!("any")),
    ] {
        assert!(verify(&assertion, &jwks).is_some(), "{jwks}");
        assert!(verifier().is_key_set(&jwks), "{jwks}");
    }
    for jwks in [
        with("use", json!("enc")),
        with("use", json!(1)),
        with("alg", json!("RS512")),
        with("key_ops", json!(["sign"])),
        with("key_ops", json!("verify")),
        with("kid", json!(1)),
        with("kty", json!("EC")),
        with("n", json!("AQAB")),
        with("e", json!("AQ")),
        with("e", json!("AAEAAQ")),
        with("d", json!("AQAB")),
        with("d", json!([])),
    ] {
        assert_eq!(verify(&assertion, &jwks), None, "{jwks}");
        assert!(!verifier().is_key_set(&jwks), "{jwks}");
    }
    assert_eq!(verify(&assertion, &with("alg", json!("PS256"))), None);
    assert!(verifier().is_key_set(&with("alg", json!("PS256"))));
}

#[test]
fn the_kid_selects_among_the_keys() {
    let named = |kid: &str| with(&ec_jwk(), "kid", json!(kid));
    let assertion = |kid: &str| {
        sign_text("ES256", &json!({ "alg": "ES256", "kid": kid }).to_string(), &claims().to_string())
    };
    let stranger = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let point = stranger.public_key().as_ref();
    let other = with(&ec_jwk(), "x", json!(encode(&point[1..33])));
    let other = with(&with(&other, "y", json!(encode(&point[33..]))), "kid", json!("other"));
    let jwks = set([other.clone(), named("ours")]);
    assert!(verify(&assertion("ours"), &jwks).is_some());
    assert_eq!(verify(&assertion("other"), &jwks), None);
    assert_eq!(verify(&assertion("unknown"), &jwks), None);
    assert!(verify(&sign("ES256", &claims()), &jwks).is_some(), "without a kid, all keys are tried");
    let many = |others: usize| {
        let mut keys = vec![other.clone(); others];
        keys.push(named("ours"));
        json!({ "keys": keys }).to_string()
    };
    assert!(verify(&sign("ES256", &claims()), &many(9)).is_some());
    assert_eq!(verify(&sign("ES256", &claims()), &many(10)), None);
    assert!(verify(&assertion("ours"), &many(10)).is_some());
}

#[test]
fn key_sets_have_public_keys_that_can_verify() {
    let is_key_set = |jwks: &str| verifier().is_key_set(jwks);
    let okp = json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(&[1; 32]) });
    assert!(is_key_set(&both()));
    assert!(is_key_set(&set([okp.clone(), ec_jwk()])), "other kinds are left out");
    let off_curve = with(&ec_jwk(), "x", json!(encode(&[1; 32])));
    for jwks in [
        set([]),
        set([okp]),
        set([off_curve]),
        set([with(&ec_jwk(), "crv", json!("P-384"))]),
        set([ec_jwk(), with(&ec_jwk(), "d", json!("AA"))]),
        set([ec_jwk(), json!({ "kty": "oct", "k": "AA" })]),
        ec_jwk().to_string(),
        r#"{"keys":[],"keys":[]}"#.to_owned(),
        r#"{"keys":1}"#.to_owned(),
        "[]".to_owned(),
        String::new(),
        format!("{}{}", both(), " ".repeat(64 * 1024)),
    ] {
        assert!(!is_key_set(&jwks), "{jwks}");
    }
}

#[test]
fn the_client_of_an_assertion_is_its_subject() {
    let client_of = |claims: &Value| verifier().client_of(&sign("ES256", claims));
    assert_eq!(client_of(&claims()), ClientId::parse("shop").ok());
    assert_eq!(client_of(&with(&claims(), "sub", Value::Null)), None);
    assert_eq!(client_of(&with(&claims(), "sub", json!("a/b"))), None);
    assert_eq!(verifier().client_of("no token"), None);
}
