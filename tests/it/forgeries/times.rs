//! Times that are over, have not come, or are none, properly signed.

use inwren_tests::app::LEEWAY_SECONDS;
use serde_json::{Value, json};

use super::{Forgery, Original};

pub(super) fn all(original: &Original) -> Vec<Forgery> {
    let forgery = |(name, value): (&str, Value)| {
        Forgery::new(format!("{name} {value}"), original.with_claim(name, value))
    };
    let kinds = ["exp", "iat", "nbf", "auth_time"].into_iter().flat_map(|name| {
        // Each would be good if it were read generously.
        let good = if name == "exp" { original.now + 600 } else { original.now - 1 };
        wrong_kinds(good).into_iter().map(move |value| (name, value))
    });
    moments(original).into_iter().chain(kinds).map(forgery).collect()
}

fn moments(original: &Original) -> Vec<(&'static str, Value)> {
    let now = original.now;
    vec![
        ("exp", json!(now - LEEWAY_SECONDS)),
        ("exp", json!(now - 86_400)),
        ("exp", json!(0)),
        ("exp", json!(-1)),
        ("exp", original.claims["iat"].clone()),
        ("iat", json!(now + 3_600)),
        ("iat", json!(now + 86_400)),
        ("nbf", json!(now + 86_400)),
    ]
}

fn wrong_kinds(good: i64) -> [Value; 9] {
    [
        json!(good.to_string()),
        json!(good as f64 + 0.5),
        json!(null),
        json!(true),
        json!([good]),
        json!({ "time": good }),
        json!(i64::MAX),
        json!(u64::MAX),
        json!(1e300),
    ]
}
