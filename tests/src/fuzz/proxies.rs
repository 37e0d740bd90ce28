use inwren_app::config::{Config, Operation};
use inwren_domain::ports::Quota;
use poem::http::HeaderValue;
use time::Duration;

use super::service::{Service, Slot, with};

static SERVICE: Slot = Slot::new(None);

const PROXY: &str = "10.0.0.1";
/// The headers, and how a proxy writes a client into each.
const HEADERS: [(&str, &str); 2] = [("x-forwarded-for", "203.0.113.7"), ("forwarded", "for=203.0.113.8")];

/// One call a minute for each client tells who the service takes a client for.
fn one_a_minute(config: &mut Config) {
    config.limits.enabled = true;
    config.limits.set(Operation::Revoke, Quota::per_minute(1));
    config.trusted_proxies = vec!["10.0.0.0/8".parse().expect("a network")];
}

fn is_limited(service: &Service, from: &str, headers: &[(&str, &[u8])]) -> bool {
    let call = service.app.post("/auth/revoke").from(from).over_anything();
    let call = headers.iter().fold(call, |call, (name, value)| call.header(name, value));
    let reply = service.wait(call.form(&[("token", "x")]).send());
    assert!([200, 429].contains(&reply.status), "{reply}");
    reply.status == 429
}

/// Anything that a client may write into a forwarding header: it changes nothing in who it is.
pub(super) fn forwarded(bytes: &[u8]) {
    if HeaderValue::from_bytes(bytes).is_err() {
        return;
    }
    with(&SERVICE, one_a_minute, |service| {
        service.app.clock.advance(Duration::minutes(2));
        for (name, appended) in HEADERS {
            // To whom no proxy is between, no header means anything.
            let stranger = if name == "forwarded" { "192.0.2.2" } else { "192.0.2.1" };
            assert!(!is_limited(service, stranger, &[(name, bytes)]), "{name}");
            assert!(is_limited(service, stranger, &[]), "{name} named somebody else");
            // What stands before that which the proxy wrote is the client's own word.
            let chain = [bytes, b", ", appended.as_bytes()].concat();
            assert!(!is_limited(service, PROXY, &[(name, &chain)]), "{name}");
            assert!(is_limited(service, PROXY, &[(name, appended.as_bytes())]), "{name} named somebody else");
            // Whatever a proxy lets through, somebody is asked for.
            is_limited(service, PROXY, &[(name, bytes)]);
        }
        is_limited(service, PROXY, &[("forwarded", bytes), ("x-forwarded-for", bytes)]);
    });
}
