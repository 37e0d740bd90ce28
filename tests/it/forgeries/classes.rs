//! Tokens of one class that want to pass for the other.

use inwren_tests::app::forge::open;
use serde_json::json;

use super::{Forgery, Original, with};

pub(super) fn all(original: &Original) -> Vec<Forgery> {
    let Original { header, claims, .. } = original;
    let (other_header, other_claims) = open(&original.other_class);
    let other_type = with(claims, "type", other_claims["type"].clone());
    let our_type = with(&other_claims, "type", json!(claims["type"]));
    vec![
        Forgery::new("the other class", original.other_class.clone()),
        Forgery::new("the other class's claims", original.signed(header, &other_claims)),
        Forgery::new("the other class's claims with our type", original.signed(header, &our_type)),
        Forgery::new("the other class's header", original.signed(&other_header, claims)),
        Forgery::new("the other class's type", original.signed(header, &other_type)),
    ]
}
