//! Claims for another, of the wrong kind, missing or twice, properly signed.

use serde_json::{Value, json};

use super::{Forgery, Original, twice, with, without};

pub(super) fn all(original: &Original) -> Vec<Forgery> {
    let mut all = Vec::new();
    for (name, value) in values(original).into_iter().chain(clients(original)) {
        // A refresh token has none of the claims that only access tokens have, and is refused with one.
        all.push(Forgery::new(format!("{name} {value}"), original.with_claim(name, value)));
    }
    // Tokens from before there were these claims lack them, and are valid.
    let later = ["client_id", "email_verified"];
    for name in
        original.claims.as_object().expect("an object").keys().filter(|name| !later.contains(&name.as_str()))
    {
        let token = original.signed(&original.header, &without(&original.claims, name));
        all.push(Forgery::new(format!("no {name}"), token));
    }
    all.extend(duplicates(original));
    all.extend(rubbish(original));
    all
}

fn values(original: &Original) -> Vec<(&'static str, Value)> {
    let claims = &original.claims;
    let issuer = claims["iss"].as_str().expect("iss");
    let subject = claims["sub"].as_str().expect("sub");
    vec![
        ("iss", json!("https://evil.example")),
        ("iss", json!(format!("{issuer}/"))),
        ("iss", json!(format!("{issuer}.evil.example"))),
        ("iss", json!(issuer.to_uppercase())),
        ("iss", json!("")),
        ("iss", json!([issuer])),
        ("iss", json!(null)),
        ("aud", json!("another")),
        ("aud", json!("")),
        ("aud", json!([])),
        ("aud", json!([claims["aud"]])),
        ("aud", json!(["another", claims["aud"]])),
        ("aud", json!(null)),
        ("type", json!("")),
        ("type", json!("Access")),
        ("type", json!(null)),
        ("type", json!([claims["type"]])),
        ("sub", json!("")),
        ("sub", json!("1")),
        ("sub", json!(null)),
        ("sub", json!(1)),
        ("sub", json!([subject])),
        ("sub", json!(subject.to_uppercase())),
        ("sub", json!(subject.replace('-', ""))),
        ("sub", json!(format!("{{{subject}}}"))),
        ("sub", json!(format!("urn:uuid:{subject}"))),
        ("sub", json!(format!("{subject}' --"))),
        ("sid", json!("")),
        ("sid", json!(null)),
        ("sid", json!("../x")),
        ("sid", json!(["x"])),
        ("jti", json!(null)),
        ("jti", json!(1)),
        ("is_superuser", json!("true")),
        ("is_superuser", json!(1)),
        ("is_superuser", json!(null)),
        ("email_verified", json!("true")),
        ("email_verified", json!(1)),
        ("email_verified", json!(null)),
        ("tier", json!(null)),
        ("tier", json!(["enterprise"])),
        ("email", json!(null)),
        ("email", json!(["admin@example.org"])),
        ("acr", json!("aal9")),
        ("acr", json!("")),
        ("acr", json!(1)),
        ("acr", json!(null)),
        ("amr", json!("pwd")),
        ("amr", json!([1])),
        ("amr", json!(null)),
        ("client_id", json!("")),
        ("client_id", json!(["inwren"])),
        ("client_id", json!(null)),
    ]
}

/// Clients of other tokens. Only an access token shows by its other claims that none of them holds it; the session of a
/// refresh token decides.
fn clients(original: &Original) -> Vec<(&'static str, Value)> {
    let is_access = original.claims.get("tier").is_some();
    let clients = [original.claims["sub"].clone(), json!("another")];
    clients.into_iter().filter(|_| is_access).map(|client| ("client_id", client)).collect()
}

fn duplicates(original: &Original) -> Vec<Forgery> {
    let mut all = Vec::new();
    for (name, other) in [
        ("sub", original.claims["sub"].clone()),
        ("sub", json!("00000000-0000-7000-8000-000000000000")),
        ("sid", json!("00000000-0000-7000-8000-000000000000")),
        ("exp", json!(original.now + 86_400)),
        ("type", json!("refresh")),
        ("type", json!("access")),
        ("iss", json!("https://evil.example")),
        ("aud", json!("another")),
        ("is_superuser", json!(true)),
        ("email_verified", json!(true)),
        ("tier", json!("enterprise")),
        ("client_id", json!("inwren")),
        ("acr", json!("phr")),
        ("amr", json!(["pwd", "otp"])),
    ] {
        for claims in twice(&original.claims, name, &other) {
            let token = original.signed_text(original.header.to_string(), &claims);
            all.push(Forgery::new(format!("{name} twice: {claims}"), token));
        }
    }
    // A name that means nothing here, but may to others who read the token.
    let unknown = with(&original.claims, "unknown", json!(1));
    for claims in twice(&unknown, "unknown", &json!(2)) {
        let token = original.signed_text(original.header.to_string(), &claims);
        all.push(Forgery::new(format!("an unknown claim twice: {claims}"), token));
    }
    all
}

fn rubbish(original: &Original) -> Vec<Forgery> {
    let header = original.header.to_string();
    let deep = format!("{{\"unknown\":{}{}}}", "[".repeat(1_500), "]".repeat(1_500));
    let trailing = format!("{}{{}}", original.claims);
    ["", "null", "[]", "{}", "{", "0", "\"x\"", &deep, &trailing]
        .into_iter()
        .map(|claims| Forgery::new(format!("claims {claims:.60}"), original.signed_text(&header, claims)))
        .collect()
}
