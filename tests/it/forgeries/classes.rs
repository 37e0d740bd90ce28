//! Tokens of one class that want to pass for another.

use inwren_tests::app::forge::open;
use serde_json::{Value, json};

use super::{Forgery, Original, with};

pub(super) fn all(original: &Original) -> Vec<Forgery> {
    let Original { header, claims, .. } = original;
    let (other_header, other_claims) = open(&original.other_class);
    let other_type = with(claims, "type", other_claims["type"].clone());
    let our_type = with(&other_claims, "type", json!(claims["type"]));
    let [id_header, logout_header] = ["JWT", "logout+jwt"].map(|typ| with(header, "typ", json!(typ)));
    let (id_claims, logout_claims) = (id_claims(original), logout_claims(original));
    let [id_as_ours, logout_as_ours] =
        [&id_claims, &logout_claims].map(|others| with(others, "type", json!(claims["type"])));
    vec![
        Forgery::new("an ID token", original.signed(&id_header, &id_claims)),
        Forgery::new("an ID token's claims", original.signed(header, &id_claims)),
        Forgery::new("an ID token's claims with our type", original.signed(header, &id_as_ours)),
        Forgery::new("an ID token's header", original.signed(&id_header, claims)),
        Forgery::new("a logout token", original.signed(&logout_header, &logout_claims)),
        Forgery::new("a logout token's claims", original.signed(header, &logout_claims)),
        Forgery::new("a logout token's claims with our type", original.signed(header, &logout_as_ours)),
        Forgery::new("a logout token's header", original.signed(&logout_header, claims)),
        Forgery::new("the other class", original.other_class.clone()),
        Forgery::new("the other class's claims", original.signed(header, &other_claims)),
        Forgery::new("the other class's claims with our type", original.signed(header, &our_type)),
        Forgery::new("the other class's header", original.signed(&other_header, claims)),
        Forgery::new("the other class's type", original.signed(header, &other_type)),
    ]
}

/// The claims of an ID token of the same session.
fn id_claims(original: &Original) -> Value {
    let claims = &original.claims;
    json!({
        "iss": claims["iss"], "sub": claims["sub"], "aud": "web-shop", "sid": claims["sid"],
        "iat": original.now, "exp": original.now + 600, "auth_time": original.now, "nonce": "x",
        "acr": "aal1", "amr": ["pwd"], "at_hash": "AAAAAAAAAAAAAAAAAAAAAA", "tier": "free",
        "email": "ann@example.org", "email_verified": true,
    })
}

/// The claims of a logout token of the same session.
fn logout_claims(original: &Original) -> Value {
    let claims = &original.claims;
    json!({
        "iss": claims["iss"], "sub": claims["sub"], "aud": "web-shop", "sid": claims["sid"],
        "iat": original.now, "exp": original.now + 120, "jti": claims["jti"],
        "events": { "http://schemas.openid.net/event/backchannel-logout": {} },
    })
}
