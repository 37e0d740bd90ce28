//! Headers that ours never have, properly signed.

use serde_json::{Value, json};

use super::{Forgery, Original, twice, with, without};

pub(super) fn all(original: &Original) -> Vec<Forgery> {
    let mut all = types(original);
    all.extend(unknown(original));
    all.extend(duplicates(original));
    all.extend(rubbish(original));
    all
}

fn types(original: &Original) -> Vec<Forgery> {
    let typ = original.header["typ"].as_str().expect("a type");
    let other = |other: Value| {
        let what = format!("typ {other}");
        Forgery::new(what, original.signed(&with(&original.header, "typ", other), &original.claims))
    };
    let types = [
        json!("JWT"),
        json!("at+JWT"),
        json!(typ.to_uppercase()),
        json!(format!("application/{typ}")),
        json!(format!("{typ} ")),
        json!("id_token+jwt"),
        json!("logout+jwt"),
        json!(""),
        json!(null),
        json!([typ]),
    ];
    types.into_iter().map(other).collect()
}

fn unknown(original: &Original) -> Vec<Forgery> {
    let mut all = Vec::new();
    for (name, value) in [
        ("crit", json!([])),
        ("crit", json!(["exp"])),
        ("crit", json!(["b64"])),
        ("crit", json!(["typ"])),
        ("crit", json!(["https://evil.example/unknown"])),
        ("crit", json!(null)),
        ("b64", json!(false)),
        ("b64", json!(true)),
        ("cty", json!("JWT")),
        ("zip", json!("DEF")),
        ("enc", json!("A128GCM")),
        ("epk", json!({ "kty": "EC" })),
        ("p2c", json!(2_000_000_000)),
        ("nonce", json!("x")),
        ("url", json!("https://evil.example")),
        ("unknown", json!(1)),
    ] {
        let what = format!("header {name} {value}");
        all.push(Forgery::new(what, original.signed(&with(&original.header, name, value), &original.claims)));
    }
    // The extension is named as critical and is there, so that a reader that knows it would follow it (RFC 7797).
    let unencoded = with(&with(&original.header, "b64", json!(false)), "crit", json!(["b64"]));
    all.push(Forgery::new("header b64, said to be critical", original.signed(&unencoded, &original.claims)));
    for name in ["alg", "kid", "typ"] {
        let what = format!("no {name}");
        all.push(Forgery::new(what, original.signed(&without(&original.header, name), &original.claims)));
    }
    all
}

fn duplicates(original: &Original) -> Vec<Forgery> {
    let mut all = Vec::new();
    for (name, other) in [
        ("alg", json!("none")),
        ("alg", original.header["alg"].clone()),
        ("kid", json!("unknown")),
        ("typ", json!("JWT")),
    ] {
        for header in twice(&original.header, name, &other) {
            let token = original.signed_text(&header, original.claims.to_string());
            all.push(Forgery::new(format!("{name} twice: {header}"), token));
        }
    }
    all
}

fn rubbish(original: &Original) -> Vec<Forgery> {
    let claims = original.claims.to_string();
    let deep = format!("{}{}", "[".repeat(2_000), "]".repeat(2_000));
    let trailing = format!("{}{{}}", original.header);
    ["", "null", "[]", "\"RS256\"", "{", "{}", "0", &deep, &trailing]
        .into_iter()
        .map(|header| Forgery::new(format!("header {header:.60}"), original.signed_text(header, &claims)))
        .collect()
}
