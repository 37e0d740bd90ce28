//! What is no token of three parts, or too much of one.

use serde_json::json;

use super::{Forgery, Original, with};

pub(super) fn all(original: &Original) -> Vec<Forgery> {
    let [header, claims, signature] = original.parts();
    let good = &original.token;
    let cty = with(&original.header, "cty", json!("JWT")).to_string();
    let flattened = json!({ "payload": claims, "protected": header, "signature": signature });
    let general =
        json!({ "payload": claims, "signatures": [{ "protected": header, "signature": signature }] });
    let long = |kilobytes: usize| original.with_claim("jti", json!("x".repeat(kilobytes * 1024)));
    [
        ("nothing", String::new()),
        ("a word", "token".to_owned()),
        ("one part", header.to_owned()),
        ("four parts", format!("{good}.{signature}")),
        ("five parts", format!("{good}.{claims}.{signature}")),
        ("five parts, as if encrypted", format!("{header}.{claims}.{claims}.{claims}.{signature}")),
        ("five parts without a key", format!("{header}..{claims}.{claims}.{signature}")),
        ("empty parts", "..".to_owned()),
        ("no header", format!(".{claims}.{signature}")),
        ("no claims", format!("{header}..{signature}")),
        ("an empty part before it", format!(".{good}")),
        ("two tokens", format!("{good}.{good}")),
        ("two tokens in a list", format!("{good},{good}")),
        ("a nested token", original.signed_text(&cty, good)),
        ("a nested token that does not say so", original.signed_text(original.header.to_string(), good)),
        (
            "a nested token in JSON",
            original.signed_text(original.header.to_string(), json!(good).to_string()),
        ),
        ("nine kilobytes", long(9)),
        ("a megabyte", long(1024)),
        ("nine kilobytes of nothing", "A".repeat(9 * 1024)),
        ("nine kilobytes of dots", ".".repeat(9 * 1024)),
        ("a megabyte of signature", format!("{header}.{claims}.{}", "A".repeat(1024 * 1024))),
        ("a megabyte of dots", ".".repeat(1024 * 1024)),
        ("a token in JSON", json!({ "access_token": good }).to_string()),
        ("a flattened token in JSON", flattened.to_string()),
        ("a general token in JSON", general.to_string()),
        ("a token in quotes", format!("\"{good}\"")),
        ("the scheme twice", format!("Bearer {good}")),
    ]
    .into_iter()
    .map(|(what, token)| Forgery::new(what, token))
    .collect()
}
