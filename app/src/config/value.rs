use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use inwren_domain::account::Tier;
use inwren_domain::limiter::Quota;
use ipnet::{IpNet, Ipv4Net};
use poem::http::{HeaderName, HeaderValue};

pub(super) fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

pub(super) fn number<T: std::str::FromStr + PartialOrd>(
    range: RangeInclusive<T>,
) -> impl FnOnce(&str) -> Option<T> {
    move |text| text.parse().ok().filter(|number| range.contains(number))
}

/// A number of days, or `forever`, which is the inner `None`.
#[allow(clippy::option_option, reason = "a wrong value and no end are two things here")]
pub(super) fn days_or_forever(text: &str) -> Option<Option<time::Duration>> {
    match text {
        "forever" => Some(None),
        _ => number(1..=36_500_i64)(text).map(|days| Some(time::Duration::days(days))),
    }
}

pub(super) fn word(text: &str) -> Option<String> {
    let fits =
        (1..=200).contains(&text.len()) && !text.contains(|c: char| c.is_whitespace() || c.is_control());
    fits.then(|| text.to_owned())
}

pub(super) fn title(text: &str) -> Option<String> {
    let fits = (1..=100).contains(&text.chars().count()) && !text.contains(char::is_control);
    fits.then(|| text.to_owned())
}

pub(super) fn tiers(text: &str) -> Option<Vec<Tier>> {
    let tiers: Vec<Tier> = list(text).map(Tier::parse).collect::<Result<_, _>>().ok()?;
    let distinct = tiers.iter().enumerate().all(|(index, tier)| !tiers.iter().take(index).any(|t| t == tier));
    (distinct && !tiers.is_empty()).then_some(tiers)
}

/// A quota: `5/minute`, also written `5/min`, `5/m` or `5 per minute`.
pub(super) fn quota(text: &str) -> Option<Quota> {
    let (limit, unit) = text.split_once('/').or_else(|| text.split_once(" per "))?;
    let seconds = match unit.trim().to_ascii_lowercase().trim_end_matches('s') {
        "" if unit.trim() == "s" => 1,
        "second" | "sec" => 1,
        "minute" | "min" | "m" => 60,
        "hour" | "h" => 3_600,
        "day" | "d" => 86_400,
        _ => return None,
    };
    let limit = limit.trim().parse().ok().filter(|limit| (1..=1_000_000_000).contains(limit))?;
    Some(Quota { limit, period: Duration::from_secs(seconds) })
}

/// The `http://` address of a server.
pub(super) fn http_address(text: &str) -> Option<String> {
    let address: poem::http::Uri = text.parse().ok()?;
    let is_plain = address.scheme_str() == Some("http") && address.query().is_none();
    let has_user = address.authority()?.as_str().contains('@');
    (is_plain && !has_user).then(|| text.to_owned())
}

/// The `http://` or `https://` URL of this service as clients know it, without a slash at the end.
pub(super) fn public_url(text: &str) -> Option<String> {
    let url: poem::http::Uri = text.parse().ok()?;
    let is_web = matches!(url.scheme_str(), Some("http" | "https")) && url.query().is_none();
    let has_user = url.authority()?.as_str().contains('@');
    // Two slashes would make every link of the path one to another host.
    let fits = text.len() <= 200 && !text.contains('#') && !url.path().starts_with("//");
    (is_web && !has_user && fits).then(|| text.trim_end_matches('/').to_owned())
}

/// `NAME=VALUE` pairs. Characters that are not allowed in a header are percent-encoded.
pub(super) fn headers(text: &str) -> Option<HashMap<String, String>> {
    let header = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        let value = percent_encoding::percent_decode_str(value.trim()).decode_utf8().ok()?;
        let name: HeaderName = name.trim().parse().ok()?;
        HeaderValue::from_str(&value).ok()?;
        Some((name.as_str().to_owned(), value.into_owned()))
    };
    list(text).map(header).collect()
}

/// An address to listen on, in canonical form: an IPv4-mapped address becomes IPv4.
pub(super) fn address(text: &str) -> Option<IpAddr> {
    text.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

/// An address with a port, in canonical form.
pub(super) fn socket_address(text: &str) -> Option<SocketAddr> {
    let mut address: SocketAddr = text.parse().ok()?;
    address.set_ip(address.ip().to_canonical());
    Some(address)
}

/// A list of networks. A single address is a network of one.
pub(super) fn networks(text: &str) -> Option<Vec<IpNet>> {
    if text == "none" {
        return Some(Vec::new());
    }
    list(text).map(network).collect()
}

/// A network in canonical form: without host bits, and as IPv4 if it is written as IPv4-mapped (RFC 4291 section
/// 2.5.5.2), because [`IpAddr::to_canonical`] converts client addresses to IPv4 before they are compared with networks.
/// `None` for a mapped address with a prefix below /96: `::ffff:10.0.0.0/8` is most likely meant to be `10.0.0.0/8`,
/// but is `::/8`.
fn network(text: &str) -> Option<IpNet> {
    let single = || text.parse::<IpAddr>().ok().map(IpNet::from);
    let network = text.parse().ok().or_else(single)?;
    match network {
        IpNet::V6(v6) => match v6.addr().to_ipv4_mapped() {
            Some(v4) => {
                let length = v6.prefix_len().checked_sub(96)?;
                Ipv4Net::new(v4, length).ok().map(|v4| IpNet::V4(v4.trunc()))
            }
            None => Some(network.trunc()),
        },
        IpNet::V4(_) => Some(network.trunc()),
    }
}

/// The origins that may call from a browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedOrigins {
    /// Only these origins.
    Only(Vec<String>),
    /// Any origin, without credentials.
    Any,
}

pub(super) fn origins(text: &str) -> Option<AllowedOrigins> {
    match text {
        "none" => Some(AllowedOrigins::Only(Vec::new())),
        "*" => Some(AllowedOrigins::Any),
        _ => list(text).map(origin).collect::<Option<_>>().map(AllowedOrigins::Only),
    }
}

/// An origin as browsers send it (RFC 6454 section 6.2): scheme, host and port, and nothing after them. Browsers omit
/// the default port of the scheme.
pub(super) fn origin(text: &str) -> Option<String> {
    let text = text.to_ascii_lowercase();
    let (scheme, host) = text.split_once("://")?;
    let host = host.strip_suffix('/').unwrap_or(host);
    let (host, port) = match host.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port.parse::<u16>().ok()?)),
        _ => (host, None),
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
    let fits = !scheme.is_empty()
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
        && !host.is_empty()
        && host.chars().all(plain);
    let port = port.filter(|port| !matches!((scheme, port), ("http", 80) | ("https", 443)));
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    fits.then(|| format!("{scheme}://{host}{port}"))
}

pub(super) fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

pub(super) fn seconds(text: &str) -> Option<std::time::Duration> {
    number(0..=3_600_u64)(text).map(std::time::Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotas_are_read_in_the_usual_spellings() {
        let five_a_minute = Some(Quota::per_minute(5));
        for text in ["5/minute", "5/min", "5/m", "5/minutes", "5 / minute", "5 per minute"] {
            assert_eq!(quota(text), five_a_minute, "{text}");
        }
        assert_eq!(quota("1/s").map(|quota| quota.period), Some(Duration::from_secs(1)));
        assert_eq!(quota("7/day").map(|quota| quota.period), Some(Duration::from_secs(86_400)));
        for text in ["", "5", "0/minute", "-1/minute", "5/fortnight", "x/minute", "5/"] {
            assert_eq!(quota(text), None, "{text}");
        }
    }

    #[test]
    fn a_retention_ends_or_does_not() {
        assert_eq!(days_or_forever("forever"), Some(None));
        assert_eq!(days_or_forever("90"), Some(Some(time::Duration::days(90))));
        for text in ["", "0", "-1", "36501", "Forever", "never"] {
            assert_eq!(days_or_forever(text), None, "{text}");
        }
    }

    #[test]
    fn origins_have_no_path() {
        let expected = AllowedOrigins::Only(vec![
            "https://app.example.org".to_owned(),
            "http://localhost:3000".to_owned(),
        ]);
        assert_eq!(origins("https://App.example.org/, http://localhost:3000"), Some(expected));
        assert_eq!(origins("*"), Some(AllowedOrigins::Any));
        assert_eq!(origins("none"), Some(AllowedOrigins::Only(Vec::new())));
        for text in [
            "app.example.org",
            "https://",
            "https://a.example/path",
            "https://*.example.org",
            "http://a.example:99999",
            "http://a.example:",
            "http://a.example:x",
            "http://:80",
        ] {
            assert_eq!(origins(text), None, "{text}");
        }
    }

    #[test]
    fn origins_are_compared_as_browsers_write_them() {
        for (text, sent) in [
            ("HTTP://A.Example:80", "http://a.example"),
            ("https://a.example:443/", "https://a.example"),
            ("https://a.example:0443", "https://a.example"),
            ("https://a.example:08080", "https://a.example:8080"),
            ("https://a.example:80", "https://a.example:80"),
            ("http://[::1]", "http://[::1]"),
            ("http://[::1]:80", "http://[::1]"),
            ("http://[::1]:3000", "http://[::1]:3000"),
            ("app://inwren", "app://inwren"),
        ] {
            assert_eq!(origins(text), Some(AllowedOrigins::Only(vec![sent.to_owned()])), "{text}");
        }
    }

    #[test]
    fn a_single_address_is_a_network() {
        assert_eq!(networks("10.0.0.0/8, ::1").map(|nets| nets.len()), Some(2));
        assert_eq!(networks("none"), Some(Vec::new()));
        assert_eq!(networks("proxy"), None);
    }

    #[test]
    fn mapped_networks_become_ipv4_networks() {
        for (text, network) in [
            ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
            ("::ffff:0a00:0/104", "10.0.0.0/8"),
            ("::ffff:10.1.2.3", "10.1.2.3/32"),
            ("::ffff:10.1.2.3/128", "10.1.2.3/32"),
            ("::ffff:0:0/96", "0.0.0.0/0"),
            ("::ffff:10.1.2.3/104", "10.0.0.0/8"),
            ("10.1.2.3/8", "10.0.0.0/8"),
            ("2001:db8::1/32", "2001:db8::/32"),
            ("::/0", "::/0"),
            ("::1", "::1/128"),
        ] {
            assert_eq!(networks(text), Some(vec![network.parse().unwrap()]), "{text}");
        }
        for text in
            ["::ffff:10.0.0.0/8", "::ffff:10.0.0.0/95", "::ffff:0:0/0", "::ffff:10.0.0.0/129", "10.0.0.0/33"]
        {
            assert_eq!(networks(text), None, "{text}");
        }
    }

    #[test]
    fn mapped_addresses_become_ipv4_addresses() {
        assert_eq!(address("::ffff:127.0.0.1"), address("127.0.0.1"));
        assert_eq!(socket_address("[::ffff:127.0.0.1]:9000"), socket_address("127.0.0.1:9000"));
        assert_eq!(socket_address("[::1]:9000"), "[::1]:9000".parse().ok());
        assert_eq!((address("proxy"), socket_address("127.0.0.1")), (None, None));
    }
}
