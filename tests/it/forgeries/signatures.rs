//! Signatures that are missing, broken, somebody else's, or of other claims.

use inwren_tests::app::forge::encode;
use serde_json::{Value, json};

use super::{Forgery, Original, with};

pub(super) fn all(original: &Original) -> Vec<Forgery> {
    let mut all = broken(original);
    all.extend(changed(original));
    all
}

fn broken(original: &Original) -> Vec<Forgery> {
    let [header, claims, signature] = original.parts();
    let input = format!("{header}.{claims}");
    let mut flipped = signature.to_owned();
    flipped.replace_range(..1, if signature.starts_with('A') { "B" } else { "A" });
    let foreign_kid = with(&original.header, "kid", json!("theirs"));
    [
        ("no signature", format!("{input}.")),
        ("no signature and no dot", input.clone()),
        ("a signature that is cut off", format!("{input}.{}", &signature[..signature.len() - 4])),
        ("half a signature", format!("{input}.{}", &signature[..signature.len() / 2])),
        ("a signature of one byte", format!("{input}.AA")),
        ("a signature of zeros", format!("{input}.{}", encode(&[0; 256]))),
        ("a signature of ones", format!("{input}.{}", encode(&[0xff; 256]))),
        ("a signature with a zero before it", format!("{input}.AA{signature}")),
        ("a signature that is too long", format!("{input}.{signature}AAAA")),
        ("a signature with another first bit", format!("{input}.{flipped}")),
        ("the signature of the other class", {
            let (_, other) = original.other_class.rsplit_once('.').expect("a signature");
            format!("{input}.{other}")
        }),
        ("the claims as the signature", format!("{input}.{claims}")),
        ("the header and the claims exchanged", format!("{claims}.{header}.{signature}")),
        ("claims that are cut off", format!("{header}.{}.{signature}", &claims[..claims.len() - 4])),
        ("a stranger's signature", original.foreign(&original.header, &original.claims)),
        ("a stranger's signature and kid", original.foreign(&foreign_kid, &original.claims)),
    ]
    .into_iter()
    .map(|(what, token)| Forgery::new(what, token))
    .collect()
}

/// Other claims: under the old signature, and under a stranger's.
fn changed(original: &Original) -> Vec<Forgery> {
    let Original { header, claims, .. } = original;
    let [first, second, signature] = original.parts();
    let mut all = Vec::new();
    for (name, value) in others(claims) {
        let other = with(claims, name, value);
        let part = encode(other.to_string().as_bytes());
        let old = format!("{first}.{part}.{signature}");
        all.push(Forgery::new(format!("another {name} under the old signature"), old));
        let foreign = original.foreign(header, &other);
        all.push(Forgery::new(format!("another {name} under a stranger's signature"), foreign));
    }
    for (name, value) in [("kid", json!("x")), ("alg", json!("none")), ("typ", json!("JWT"))] {
        let part = encode(with(header, name, value).to_string().as_bytes());
        let old = format!("{part}.{second}.{signature}");
        all.push(Forgery::new(format!("another {name} under the old signature"), old));
    }
    let spaced = encode(serde_json::to_string_pretty(claims).expect("JSON").as_bytes());
    all.push(Forgery::new("the same claims in other bytes", format!("{first}.{spaced}.{signature}")));
    all
}

fn others(claims: &Value) -> Vec<(&'static str, Value)> {
    let others = [
        ("sub", json!("00000000-0000-7000-8000-000000000000")),
        ("sid", json!("00000000-0000-7000-8000-000000000000")),
        ("is_superuser", json!(claims["is_superuser"] != true)),
        ("tier", json!("enterprise")),
        ("email", json!("admin@example.org")),
        ("exp", json!(4_000_000_000_i64)),
        ("auth_time", json!(4_000_000_000_i64)),
        ("jti", json!("0.x")),
        ("type", json!("other")),
    ];
    others.into_iter().filter(|(name, _)| !claims[*name].is_null()).collect()
}
