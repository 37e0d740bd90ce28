//! Tokens that nobody may get in with, made of one that is good.

use std::sync::OnceLock;

use inwren_adapters::crypto::keys::KeyPair;
use inwren_tests::app::forge::{Algorithm, encode, open, sign, sign_hs256, unsigned};
use inwren_tests::app::{LEEWAY_SECONDS, key};
use serde_json::{Value, json};

/// A token and what is wrong with it.
pub(super) type Forgery = (String, String);

/// Everything that is wrong with a token, each alone. The second token is a good one of the other class, and `now` the
/// time by the service's clock.
pub(super) fn all(good: &str, other_class: &str, now: i64) -> Vec<Forgery> {
    let mut all = headers(good);
    all.extend(claims(good, now));
    all.extend(signatures(good));
    all.extend(shapes(good));
    all.push(("the other class".to_owned(), other_class.to_owned()));
    let (header, claims) = open(good);
    let (other_header, other_claims) = open(other_class);
    all.push(("the other class's claims".to_owned(), signed(&header, &other_claims)));
    all.push(("the other class's header".to_owned(), signed(&other_header, &claims)));
    all
}

/// The good token, signed again: the forger's tools are right, and what is refused is refused for its difference.
pub(super) fn control(good: &str) -> String {
    let (header, claims) = open(good);
    signed(&header, &claims)
}

/// A token that would be good if it were signed with our key.
pub(super) fn foreign(good: &str) -> String {
    let (header, claims) = open(good);
    sign(Algorithm::Rs256, stranger(), &header.to_string(), &claims.to_string())
}

fn stranger() -> &'static KeyPair {
    static KEY: OnceLock<KeyPair> = OnceLock::new();
    KEY.get_or_init(|| KeyPair::generate(2048).expect("a new key"))
}

fn signed(header: &Value, claims: &Value) -> String {
    sign(Algorithm::Rs256, key(), &header.to_string(), &claims.to_string())
}

fn with(object: &Value, name: &str, value: Value) -> Value {
    let mut changed = object.clone();
    changed[name] = value;
    changed
}

fn without(object: &Value, name: &str) -> Value {
    let mut changed = object.clone();
    changed.as_object_mut().expect("an object").remove(name);
    changed
}

fn headers(good: &str) -> Vec<Forgery> {
    let (header, claims) = open(good);
    let text = claims.to_string();
    let mut all = Vec::new();
    for alg in ["none", "None", "NONE", "nOnE", "", " none"] {
        let header = with(&header, "alg", json!(alg)).to_string();
        all.push((format!("alg {alg:?} without a signature"), unsigned(&header, &text)));
        all.push((format!("alg {alg:?}, signed"), sign(Algorithm::Rs256, key(), &header, &text)));
    }
    let public = key().public().to_pem().expect("a public key in PEM");
    for secret in [public.as_bytes(), public.trim_end().as_bytes(), key().public().id().as_bytes(), b""] {
        let header = with(&header, "alg", json!("HS256")).to_string();
        all.push(("HS256 with what everybody knows".to_owned(), sign_hs256(secret, &header, &text)));
    }
    for (alg, algorithm) in [("RS512", Algorithm::Rs512), ("PS256", Algorithm::Ps256)] {
        let changed = with(&header, "alg", json!(alg)).to_string();
        all.push((format!("a true {alg}"), sign(algorithm, key(), &changed, &text)));
        all.push((format!("{alg} that says RS256"), sign(algorithm, key(), &header.to_string(), &text)));
    }
    for alg in [
        json!("rs256"),
        json!("RS256 "),
        json!("ES256"),
        json!("RS384"),
        json!(null),
        json!(["RS256"]),
        json!(1),
    ] {
        all.push((format!("alg {alg}"), signed(&with(&header, "alg", alg), &claims)));
    }
    let thumbprint = key().public().id();
    for kid in [
        json!(""),
        json!("unknown"),
        json!("../../../../dev/null"),
        json!("/dev/null"),
        json!("file:///etc/passwd"),
        json!("' OR '1'='1"),
        json!(format!("{thumbprint}\u{0}")),
        json!(format!(" {thumbprint}")),
        json!(thumbprint.to_lowercase()),
        json!(null),
        json!([thumbprint]),
        json!(0),
    ] {
        all.push((format!("kid {kid}"), signed(&with(&header, "kid", kid), &claims)));
    }
    let typ = header["typ"].as_str().expect("a type");
    for typ in [
        json!("JWT"),
        json!("at+JWT"),
        json!(format!("application/{typ}")),
        json!(""),
        json!(null),
        json!([typ]),
    ] {
        all.push((format!("typ {typ}"), signed(&with(&header, "typ", typ), &claims)));
    }
    for name in ["alg", "kid", "typ"] {
        all.push((format!("no {name}"), signed(&without(&header, name), &claims)));
    }
    let jwk = json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": thumbprint });
    for (name, value) in [
        ("jwk", jwk),
        ("jku", json!("https://evil.example/jwks.json")),
        ("x5u", json!("https://evil.example/x5u")),
        ("x5c", json!(["AQAB"])),
        ("x5t", json!("AQAB")),
        ("crit", json!([])),
        ("crit", json!(["exp"])),
        ("crit", json!(["b64"])),
        ("b64", json!(false)),
        ("cty", json!("JWT")),
        ("zip", json!("DEF")),
        ("enc", json!("A128GCM")),
        ("unknown", json!(1)),
    ] {
        all.push((format!("header {name}"), signed(&with(&header, name, value), &claims)));
    }
    let twice = header.to_string().replacen('{', r#"{"alg":"none","#, 1);
    all.push(("alg twice".to_owned(), sign(Algorithm::Rs256, key(), &twice, &text)));
    for rubbish in ["", "null", "[]", "\"RS256\"", "{", "{}"] {
        all.push((format!("header {rubbish:?}"), sign(Algorithm::Rs256, key(), rubbish, &text)));
    }
    all
}

fn claims(good: &str, now: i64) -> Vec<Forgery> {
    let (header, claims) = open(good);
    let mut all = Vec::new();
    let other_type = if claims["type"] == "access" { "refresh" } else { "access" };
    for (name, value) in [
        ("iss", json!("https://evil.example")),
        ("iss", json!("")),
        ("iss", json!([claims["iss"]])),
        ("iss", json!(null)),
        ("aud", json!("another")),
        ("aud", json!([])),
        ("aud", json!([claims["aud"]])),
        ("aud", json!(null)),
        ("type", json!(other_type)),
        ("type", json!("")),
        ("type", json!(null)),
        ("exp", json!(now - LEEWAY_SECONDS)),
        ("exp", json!(now - 86_400)),
        ("exp", json!(0)),
        ("exp", json!(-1)),
        ("exp", json!((now + 600).to_string())),
        ("exp", json!(now as f64 + 600.5)),
        ("exp", json!(null)),
        ("exp", json!(i64::MAX)),
        ("exp", json!(1e300)),
        ("exp", json!(true)),
        ("exp", json!([now + 600])),
        ("iat", json!(now + LEEWAY_SECONDS + 1)),
        ("iat", json!(now + 86_400)),
        ("iat", json!(now.to_string())),
        ("iat", json!(null)),
        ("iat", json!(now as f64 + 0.5)),
        ("iat", json!(i64::MIN)),
        ("nbf", json!(now + 86_400)),
        ("nbf", json!((now - 1).to_string())),
        ("sub", json!("")),
        ("sub", json!("1")),
        ("sub", json!(null)),
        ("sub", json!(1)),
        ("sub", json!(claims["sub"].as_str().expect("sub").to_uppercase())),
        ("sid", json!("")),
        ("sid", json!(null)),
        ("sid", json!("../x")),
        ("jti", json!(null)),
        ("jti", json!(1)),
        ("unknown", json!("x")),
        ("cnf", json!({ "jkt": "x" })),
    ] {
        all.push((format!("{name} {value}"), signed(&header, &with(&claims, name, value))));
    }
    for name in claims.as_object().expect("an object").keys() {
        all.push((format!("no {name}"), signed(&header, &without(&claims, name))));
    }
    for (name, value) in
        [("sub", claims["sub"].clone()), ("exp", json!(now + 86_400)), ("type", claims["type"].clone())]
    {
        let twice = claims.to_string().replacen('{', &format!(r#"{{"{name}":{value},"#), 1);
        all.push((format!("{name} twice"), sign(Algorithm::Rs256, key(), &header.to_string(), &twice)));
    }
    for rubbish in ["", "null", "[]", "{}", "{", "\u{feff}{}"] {
        all.push((
            format!("claims {rubbish:?}"),
            sign(Algorithm::Rs256, key(), &header.to_string(), rubbish),
        ));
    }
    all
}

fn signatures(good: &str) -> Vec<Forgery> {
    let (header, claims) = open(good);
    let (input, signature) = good.rsplit_once('.').expect("a signature");
    let (first, second) = input.split_once('.').expect("two parts");
    let mut all = vec![
        ("no signature".to_owned(), format!("{input}.")),
        ("no signature and no dot".to_owned(), input.to_owned()),
        ("a signature that is cut off".to_owned(), format!("{input}.{}", &signature[..signature.len() - 4])),
        ("a signature of one byte".to_owned(), format!("{input}.AA")),
        ("a signature of zeros".to_owned(), format!("{input}.{}", encode(&[0; 256]))),
        ("a signature that is too long".to_owned(), format!("{input}.{signature}AAAA")),
        ("a stranger's signature".to_owned(), foreign(good)),
        ("the signature twice".to_owned(), format!("{input}.{signature}.{signature}")),
    ];
    for (name, value) in [
        ("sub", json!("00000000-0000-7000-8000-000000000000")),
        ("sid", json!("00000000-0000-7000-8000-000000000000")),
        ("is_superuser", json!(claims["is_superuser"] != true)),
        ("tier", json!("enterprise")),
        ("email", json!("admin@example.org")),
        ("exp", json!(4_000_000_000_i64)),
        ("auth_time", json!(4_000_000_000_i64)),
        ("jti", json!("0.x")),
    ] {
        if !claims[name].is_null() {
            let changed = encode(with(&claims, name, value).to_string().as_bytes());
            all.push((
                format!("another {name} under the old signature"),
                format!("{first}.{changed}.{signature}"),
            ));
        }
    }
    let changed = encode(with(&header, "kid", json!("x")).to_string().as_bytes());
    all.push(("another kid under the old signature".to_owned(), format!("{changed}.{second}.{signature}")));
    let spaced = encode(serde_json::to_string_pretty(&claims).expect("JSON").as_bytes());
    all.push(("the same claims in other bytes".to_owned(), format!("{first}.{spaced}.{signature}")));
    all
}

fn shapes(good: &str) -> Vec<Forgery> {
    let parts: Vec<&str> = good.split('.').collect();
    let (header, claims) = open(good);
    let nested = sign(Algorithm::Rs256, key(), &with(&header, "cty", json!("JWT")).to_string(), good);
    let long = signed(&header, &with(&claims, "jti", json!("x".repeat(9 * 1024))));
    let mut all = vec![
        ("nothing".to_owned(), String::new()),
        ("one part".to_owned(), parts[0].to_owned()),
        ("five parts".to_owned(), format!("{good}.{}.{}", parts[1], parts[2])),
        ("empty parts".to_owned(), "..".to_owned()),
        ("no header".to_owned(), format!(".{}.{}", parts[1], parts[2])),
        ("no claims".to_owned(), format!("{}..{}", parts[0], parts[2])),
        ("padding".to_owned(), format!("{good}==")),
        ("padding within".to_owned(), format!("{}=.{}.{}", parts[0], parts[1], parts[2])),
        ("a nested token".to_owned(), nested),
        ("nine kilobytes".to_owned(), long),
        ("nine kilobytes of nothing".to_owned(), "A".repeat(9 * 1024)),
        ("nine kilobytes of dots".to_owned(), ".".repeat(9 * 1024)),
        ("a token in JSON".to_owned(), json!({ "access_token": good }).to_string()),
        ("a token in quotes".to_owned(), format!("\"{good}\"")),
    ];
    for (what, space) in
        [("a space", " "), ("a tab", "\t"), ("a comma", ","), ("a dot", "."), ("a plus", "+")]
    {
        all.push((format!("{what} after it"), format!("{good}{space}")));
        all.push((format!("{what} within it"), format!("{}{space}{}", &good[..50], &good[50..])));
        all.push((format!("{what} before it"), format!("{space}{good}")));
    }
    // base64 with the other alphabet, where the token has a letter that differs.
    let other = parts[2].replace('-', "+").replace('_', "/");
    if other != parts[2] {
        all.push(("the other base64".to_owned(), format!("{}.{}.{other}", parts[0], parts[1])));
    }
    // The last letter of 342 has bits that no byte has.
    let last = parts[2].chars().last().expect("a letter");
    let alike = char::from(u8::try_from(last).expect("ASCII") + 1);
    if parts[2].len() % 4 == 2 && alike.is_ascii_alphanumeric() {
        let altered = format!("{}{alike}", &good[..good.len() - 1]);
        all.push(("the same signature spelled otherwise".to_owned(), altered));
    }
    all
}
