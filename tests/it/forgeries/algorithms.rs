//! Signatures by anything but RS256.

use inwren_tests::app::forge::{Algorithm, assemble, ed25519, es256, hs256};
use serde_json::json;

use super::{Forgery, Original, with};

pub(super) fn all(original: &Original) -> Vec<Forgery> {
    let mut all = none(original);
    all.extend(public_key_as_secret(original));
    all.extend(other_algorithms(original));
    all.extend(other_names(original));
    all
}

fn none(original: &Original) -> Vec<Forgery> {
    let claims = original.claims.to_string();
    let mut all = Vec::new();
    for alg in ["none", "None", "NONE", "nOnE", "", " none", "none ", "none\u{0}", "ｎｏｎｅ"] {
        let header = with(&original.header, "alg", json!(alg)).to_string();
        let unsigned = assemble(&header, &claims, |_| Vec::new());
        all.push(Forgery::new(format!("alg {alg:?} without a signature"), unsigned));
        all.push(Forgery::new(format!("alg {alg:?}, signed"), original.signed_text(&header, &claims)));
    }
    all
}

/// Whoever verifies with the algorithm that the token names takes our public key for the secret.
fn public_key_as_secret(original: &Original) -> Vec<Forgery> {
    let jwk = original.ours.jwk(&original.kid);
    let modulus = jwk["n"].as_str().expect("a modulus").to_owned();
    let secrets = [
        ("the PEM", original.public_pem.clone().into_bytes()),
        ("the PEM without its last line break", original.public_pem.trim_end().into()),
        ("the DER", original.ours.public_der().to_vec()),
        ("the JWK", jwk.to_string().into_bytes()),
        ("the modulus", modulus.into_bytes()),
        ("the kid", original.kid.clone().into_bytes()),
        ("nothing", Vec::new()),
    ];
    let claims = original.claims.to_string();
    let mut all = Vec::new();
    for (what, secret) in secrets {
        for alg in ["HS256", "RS256"] {
            let header = with(&original.header, "alg", json!(alg)).to_string();
            let token = hs256(&secret, &header, &claims);
            all.push(Forgery::new(format!("{alg}, HMAC with {what}"), token));
        }
    }
    all
}

/// Each with its true name, and with ours.
fn other_algorithms(original: &Original) -> Vec<Forgery> {
    let claims = original.claims.to_string();
    let named = |alg: &str| with(&original.header, "alg", json!(alg)).to_string();
    let mut all = Vec::new();
    for (name, algorithm) in [
        ("RS384", Algorithm::Rs384),
        ("RS512", Algorithm::Rs512),
        ("PS256", Algorithm::Ps256),
        ("PS512", Algorithm::Ps512),
    ] {
        for alg in [name, "RS256"] {
            let token = original.ours.sign(algorithm, named(alg), &claims);
            all.push(Forgery::new(format!("a true {name} that says {alg}"), token));
        }
    }
    for alg in ["ES256", "RS256"] {
        let token = es256(named(alg), &claims);
        all.push(Forgery::new(format!("a true ES256 that says {alg}"), token));
    }
    for alg in ["EdDSA", "RS256"] {
        let token = ed25519(named(alg), &claims);
        all.push(Forgery::new(format!("a true EdDSA that says {alg}"), token));
    }
    all
}

/// Properly signed with RS256, but not called so.
fn other_names(original: &Original) -> Vec<Forgery> {
    let names = [
        json!("rs256"),
        json!("Rs256"),
        json!("RS256 "),
        json!("RS256\u{0}"),
        json!("RS2560"),
        json!("RS384"),
        json!("PS256"),
        json!("ES256"),
        json!("HS256"),
        json!("RSA-OAEP"),
        json!("dir"),
        json!(null),
        json!(["RS256"]),
        json!({ "alg": "RS256" }),
        json!(1),
    ];
    let forgery = |alg| {
        let what = format!("alg {alg}");
        Forgery::new(what, original.signed(&with(&original.header, "alg", alg), &original.claims))
    };
    names.into_iter().map(forgery).collect()
}
