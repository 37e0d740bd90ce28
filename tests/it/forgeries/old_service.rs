//! Tokens that look as if the service before this one had issued them for access, each of them wrong in one way.

use inwren_tests::app::forge::{self, Algorithm, Forger, encode};
use inwren_tests::app::old_service::{HEADER, claims};
use serde_json::{Value, json};

use super::{Forgery, stranger, twice, with, without};

/// All of them, for a good user of this id, by the service's own key and clock, while such tokens are good until then.
pub(crate) fn all(
    ours: &Forger,
    public_pem: &str,
    kid: &str,
    user: &str,
    now: i64,
    until: i64,
) -> Vec<Forgery> {
    let good = claims(user, now);
    let signed = |what: String, header: &str, claims: &str| {
        Forgery::new(format!("old service: {what}"), ours.sign(Algorithm::Rs256, header, claims))
    };
    let mut all = Vec::new();
    for header in headers(ours, kid) {
        all.push(signed(format!("header {header}"), &header, &good.to_string()));
    }
    for claims in wrong_claims(&good, user, now, until) {
        all.push(signed(format!("claims {claims}"), HEADER, &claims));
    }
    for algorithm in [Algorithm::Rs384, Algorithm::Rs512, Algorithm::Ps256, Algorithm::Ps512] {
        let what = format!("old service: signed with {algorithm:?}");
        all.push(Forgery::new(what, ours.sign(algorithm, HEADER, good.to_string())));
    }
    let by = |what: &str, token: String| Forgery::new(format!("old service: {what}"), token);
    let token = ours.sign(Algorithm::Rs256, HEADER, good.to_string());
    let (head, signature) = token.rsplit_once('.').expect("three parts");
    let (header, payload) = head.split_once('.').expect("two parts");
    let hmac_header = HEADER.replace("RS256", "HS256");
    all.extend([
        by("a stranger's key", stranger().sign(Algorithm::Rs256, HEADER, good.to_string())),
        by("HMAC with the public key", forge::hs256(public_pem.as_bytes(), HEADER, good.to_string())),
        by("HMAC that says so", forge::hs256(public_pem.as_bytes(), hmac_header, good.to_string())),
        by("no signature", format!("{head}.")),
        by("no third part", head.to_owned()),
        by("a part more", format!("{token}.")),
        by("a signature cut off", format!("{head}.{}", &signature[..signature.len() - 2])),
        by(
            "other claims",
            format!("{header}.{}.{signature}", encode(with(&good, "jti", json!(1)).to_string().as_bytes())),
        ),
        by("padding", format!("{header}.{payload}.{signature}==")),
        by("a blank", format!("{header}.{payload} .{signature}")),
    ]);
    all
}

fn headers(ours: &Forger, kid: &str) -> Vec<String> {
    let good: Value = serde_json::from_str(HEADER).expect("JSON");
    let jwk = ours.jwk(kid);
    let mut headers: Vec<String> = [
        ("alg", json!("none")),
        ("alg", json!("HS256")),
        ("alg", json!("rs256")),
        ("alg", json!("RS512")),
        ("typ", json!("at+jwt")),
        ("typ", json!("rt+jwt")),
        ("typ", json!("jwt")),
        ("typ", json!(null)),
        ("kid", json!(kid)),
        ("kid", json!("")),
        ("kid", json!("../../dev/null")),
        ("jwk", jwk),
        ("jku", json!("https://evil.example/jwks.json")),
        ("x5u", json!("https://evil.example/cert.pem")),
        ("x5c", json!(["AAAA"])),
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("b64", json!(false)),
        ("zip", json!("DEF")),
        ("cty", json!("JWT")),
    ]
    .into_iter()
    .map(|(name, value)| with(&good, name, value).to_string())
    .collect();
    headers.extend(twice(&good, "alg", &json!("none")));
    headers.extend(["alg", "typ"].map(|name| without(&good, name).to_string()));
    headers.extend([r#"{"alg": "RS256", "typ": "JWT"}"#.to_owned(), format!("{HEADER} "), "{}".to_owned()]);
    headers
}

fn wrong_claims(good: &Value, user: &str, now: i64, until: i64) -> Vec<String> {
    const DAY: i64 = 86_400;
    let no_time = without(good, "iat");
    let nameless = without(&no_time, "type");
    let changed: Vec<Value> = [
        // What is for something else.
        ("type", json!("refresh")),
        ("type", json!("Access")),
        ("type", json!("reset")),
        ("type", json!(null)),
        ("type", json!(["access"])),
        ("token_type", json!("refresh")),
        ("token_type", json!("bearer")),
        ("scope", json!("refresh_token")),
        ("purpose", json!("reset")),
        ("sid", json!(user)),
        ("client_id", json!(user)),
        ("auth_time", json!(now)),
        // Whose it is.
        ("sub", json!("")),
        ("sub", json!(null)),
        ("sub", json!(1)),
        ("sub", json!("1")),
        ("sub", json!([user])),
        ("sub", json!(format!("{user} "))),
        ("sub", json!(format!("urn:uuid:{user}"))),
        ("sub", json!(format!("{{{user}}}"))),
        ("sub", json!("@")),
        // Until when, and from when on.
        ("exp", json!(null)),
        ("exp", json!("9999999999")),
        ("exp", json!((now + 1_800).to_string())),
        ("exp", json!([now + 1_800])),
        ("exp", json!(true)),
        ("exp", json!(0)),
        ("exp", json!(-1)),
        ("exp", json!(now - 60)),
        ("exp", json!(now)),
        ("exp", json!(now + DAY + 1)),
        ("exp", json!(until + 1)),
        ("exp", json!(i64::MAX)),
        ("exp", json!(u64::MAX)),
        ("exp", json!(1e300)),
        ("iat", json!(null)),
        ("iat", json!(now.to_string())),
        ("iat", json!(now + 900)),
        ("iat", json!(-1)),
        ("iat", json!(now - DAY)),
        ("nbf", json!(now + 900)),
        ("nbf", json!(null)),
        ("nbf", json!("0")),
    ]
    .into_iter()
    .map(|(name, value)| with(good, name, value))
    .chain([
        without(good, "sub"),
        without(good, "exp"),
        nameless,
        with(&no_time, "exp", json!(now + DAY + 60)),
        json!([user, now + 1_800]),
        json!("access"),
        json!(null),
        json!({}),
    ])
    .collect();
    let mut all: Vec<String> = changed.iter().map(Value::to_string).collect();
    all.extend(twice(good, "sub", &json!(user)));
    all.extend(twice(good, "exp", &json!(now + 3_600)));
    all.extend(twice(good, "type", &json!("refresh")));
    all.extend([format!("{good}{{}}"), format!("\u{feff}{good}"), String::new()]);
    all
}
