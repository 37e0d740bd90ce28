//! Settings of second factors.

use inwren_domain::FactorSettings;
use inwren_domain::factor::{FactorPolicy, RelyingParty};
use poem::http::Uri;
use time::Duration;

use super::mail::has_mail;
use super::source::Source;
use super::value;

/// Reads the settings. The service is called `service_name` in authenticator apps and passkeys.
pub(super) fn read(
    source: &mut Source,
    service_name: Option<&str>,
    public_url: Option<&str>,
) -> Option<FactorSettings> {
    let required_for = source.parse("SECOND_FACTOR_REQUIRED_FOR", policy);
    let totp_skew_steps = source.parse("TOTP_SKEW_STEPS", value::number(0..=2_u8));
    let trusted_days = source.parse("TRUSTED_DEVICE_DAYS", value::number(0..=365_i64));
    let reset_needs_factor = source.parse("RESET_REQUIRES_FACTOR", value::boolean);
    let delay_hours = source.parse("LOST_FACTOR_DELAY_HOURS", value::number(0..=720_i64));
    let relying_party = relying_party(source, public_url?);
    if delay_hours.is_some_and(|hours| hours > 0) && !has_mail(source) {
        source.refuse(
            "LOST_FACTOR_DELAY_HOURS",
            "needs SMTP_URL, because letters announce the removal: set SMTP_URL, or 0",
        );
    }
    Some(FactorSettings {
        required_for: required_for?,
        totp_skew_steps: totp_skew_steps?,
        service_name: service_name?.to_owned(),
        relying_party,
        trusted_device_lifetime: Duration::days(trusted_days?),
        reset_needs_factor: reset_needs_factor?,
        lost_factor_delay: Duration::hours(delay_hours?),
    })
}

fn policy(text: &str) -> Option<FactorPolicy> {
    match text {
        "none" => Some(FactorPolicy::None),
        "superusers" => Some(FactorPolicy::Superusers),
        "all" => Some(FactorPolicy::All),
        _ => None,
    }
}

/// Whether some accounts must have a second factor.
pub(super) fn are_required(source: &Source) -> bool {
    let policy = source.text("SECOND_FACTOR_REQUIRED_FOR").and_then(|text| policy(text.trim()));
    policy.is_some_and(|policy| policy != FactorPolicy::None)
}

/// Refuses an audience that is the issuer if accounts must have a second factor. The tokens with which a user can only
/// enrol one have the issuer as their audience, so that no other service accepts them.
pub(super) fn check_audience(source: &mut Source, issuer: Option<&str>, audience: Option<&str>) {
    if are_required(source) && issuer.is_some() && issuer == audience {
        source.refuse(
            "TOKEN_AUDIENCE",
            "must differ from TOKEN_ISSUER if SECOND_FACTOR_REQUIRED_FOR is set: other services would accept the \
             tokens of users who have not enrolled a second factor",
        );
    }
}

/// The relying party. `None` if passkeys are not available.
fn relying_party(source: &mut Source, public_url: &str) -> Option<RelyingParty> {
    let given_id = source.parse("WEBAUTHN_RP_ID", domain);
    let given_origins = source.parse("WEBAUTHN_ORIGINS", origins);
    let host = host(public_url);
    let own_origin = origin_of(public_url);
    let Some(origins) = given_origins.or(own_origin.map(|origin| vec![origin])) else {
        if given_id.is_some() && source.text("WEBAUTHN_ORIGINS").is_none() {
            source.refuse(
                "WEBAUTHN_RP_ID",
                "needs WEBAUTHN_ORIGINS: browsers offer passkeys at https:// and http://localhost only, and PUBLIC_URL \
                 is neither",
            );
        }
        return None;
    };
    let Some(id) = given_id else {
        if host.is_none() && source.text("WEBAUTHN_ORIGINS").is_some() {
            source.refuse(
                "WEBAUTHN_ORIGINS",
                "needs WEBAUTHN_RP_ID, because the host of PUBLIC_URL is no domain",
            );
        }
        return host.map(|id| RelyingParty { id, origins });
    };
    let is_valid = match &host {
        Some(host) => is_within(host, &id),
        None => origins.iter().any(|origin| self::host(origin).is_some_and(|host| is_within(&host, &id))),
    };
    if !is_valid {
        let of = if host.is_some() { "PUBLIC_URL" } else { "one of WEBAUTHN_ORIGINS" };
        source.refuse("WEBAUTHN_RP_ID", &format!("must be the host of {of} or a parent domain of it"));
    }
    Some(RelyingParty { id, origins })
}

/// Moves the default origin to the port on which the service listens. The host stays: passkeys need a domain.
pub(super) fn follow_port(settings: &mut FactorSettings, before: &str, url: &str) {
    let Some(relying_party) = &mut settings.relying_party else { return };
    let port = url.parse::<Uri>().ok().and_then(|url| url.port_u16());
    let (Some(old), Some((scheme, _)), Some(port)) = (origin_of(before), before.split_once("://"), port)
    else {
        return;
    };
    let Some(new) = value::origin(&format!("{scheme}://{}:{port}", relying_party.id)) else { return };
    for origin in relying_party.origins.iter_mut().filter(|origin| **origin == old) {
        origin.clone_from(&new);
    }
}

/// The host of a URL, if it is a domain.
fn host(url: &str) -> Option<String> {
    domain(url.parse::<Uri>().ok()?.host()?)
}

/// The origin of a URL, if passkeys can be used there.
fn origin_of(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split('/').next()?;
    value::origin(&format!("{scheme}://{authority}")).filter(|origin| is_secure(origin))
}

fn origins(text: &str) -> Option<Vec<String>> {
    let origins: Vec<String> = value::list(text)
        .map(|text| value::origin(text).filter(|origin| is_secure(origin)))
        .collect::<Option<_>>()?;
    (!origins.is_empty()).then_some(origins)
}

/// Whether browsers offer passkeys to pages of this origin: in a secure context with a domain only.
fn is_secure(origin: &str) -> bool {
    let host = host(origin);
    match origin.split_once("://") {
        Some(("https", _)) => host.is_some(),
        Some(("http", _)) => host.as_deref() == Some("localhost"),
        _ => false,
    }
}

/// A domain name in ASCII, in lower case; not an IP address.
fn domain(text: &str) -> Option<String> {
    let text = text.to_ascii_lowercase();
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // A last label that is a number makes the host an IPv4 address (WHATWG URL section 3.5).
    let is_address =
        text.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    (text.len() <= 253 && text.split('.').all(is_label) && !is_address).then_some(text)
}

/// Whether a host is this domain, or below it. A top-level domain has no relying party below it.
fn is_within(host: &str, id: &str) -> bool {
    let is_below = || host.strip_suffix(id).is_some_and(|rest| rest.ends_with('.'));
    host == id || (id.contains('.') && is_below())
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use time::OffsetDateTime;

    use super::*;
    use crate::config::Config;

    fn with(variables: &[(&str, &str)]) -> Result<Config, String> {
        let variable = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        Config::read(&HashMap::new(), variable, None, OffsetDateTime::UNIX_EPOCH)
            .map_err(|error| error.to_string())
    }

    fn party(variables: &[(&str, &str)]) -> Option<(String, Vec<String>)> {
        let party = with(variables).unwrap().rules.factors.relying_party;
        party.map(|party| (party.id, party.origins))
    }

    fn only(id: &str, origin: &str) -> Option<(String, Vec<String>)> {
        Some((id.to_owned(), vec![origin.to_owned()]))
    }

    #[test]
    fn defaults_require_no_factor() {
        let factors = with(&[]).unwrap().rules.factors;
        assert_eq!(factors.required_for, FactorPolicy::None);
        assert_eq!((factors.totp_skew_steps, factors.service_name.as_str()), (1, "Inwren Auth"));
        assert!(factors.reset_needs_factor);
        assert!(factors.trusted_device_lifetime.is_zero() && factors.lost_factor_delay.is_zero());
    }

    #[test]
    fn relying_party_follows_the_public_url() {
        assert_eq!(party(&[]), only("localhost", "http://localhost:8000"));
        let url = [("PUBLIC_URL", "https://Auth.Example.org:443/auth")];
        assert_eq!(party(&url), only("auth.example.org", "https://auth.example.org"));
        for url in ["https://192.0.2.1", "http://[::1]:8000", "http://auth.example.org"] {
            assert_eq!(party(&[("PUBLIC_URL", url)]), None, "{url}");
        }
    }

    #[test]
    fn default_origin_follows_the_port() {
        let config = with(&[("PORT", "0")]).unwrap();
        let origins = |config: Config| config.rules.factors.relying_party.map(|party| party.origins);
        let expected = Some(vec!["http://localhost:4711".to_owned()]);
        assert_eq!(origins(config.listening_on(4711)), expected);
        let mut ephemeral = config;
        ephemeral.reached_at("http://127.0.0.1:4711");
        assert_eq!(origins(ephemeral), expected);
        let set = with(&[("PORT", "0"), ("WEBAUTHN_ORIGINS", "http://localhost:3000")]).unwrap();
        assert_eq!(origins(set.listening_on(4711)), Some(vec!["http://localhost:3000".to_owned()]));
    }

    #[test]
    fn relying_party_is_a_parent_of_the_host() {
        let url = ("PUBLIC_URL", "https://auth.example.org");
        let parent = party(&[url, ("WEBAUTHN_RP_ID", "Example.org")]);
        assert_eq!(parent, only("example.org", "https://auth.example.org"));
        for wrong in
            ["org", "ample.org", "www.auth.example.org", "example.com", "192.0.2.1", "a..b", "https://x.org"]
        {
            let refused = with(&[url, ("WEBAUTHN_RP_ID", wrong)]).unwrap_err();
            assert!(refused.contains("WEBAUTHN_RP_ID"), "{wrong}: {refused}");
        }
    }

    #[test]
    fn origins_are_secure_and_exact() {
        let url = ("PUBLIC_URL", "https://auth.example.org");
        let origins = "https://App.example.org/, http://localhost:3000";
        let party = party(&[url, ("WEBAUTHN_ORIGINS", origins)]).unwrap();
        assert_eq!(party.1, ["https://app.example.org", "http://localhost:3000"]);
        for wrong in [
            "http://app.example.org",
            "https://192.0.2.1",
            "https://a.example/path",
            "*",
            "app.example.org",
            ",",
        ] {
            let refused = with(&[url, ("WEBAUTHN_ORIGINS", wrong)]).unwrap_err();
            assert!(refused.contains("WEBAUTHN_ORIGINS"), "{wrong}: {refused}");
        }
    }

    #[test]
    fn address_needs_both_settings() {
        let url = ("PUBLIC_URL", "http://192.0.2.1:8000");
        let (id, origins) =
            (("WEBAUTHN_RP_ID", "example.org"), ("WEBAUTHN_ORIGINS", "https://app.example.org"));
        assert_eq!(party(&[url, id, origins]), only("example.org", "https://app.example.org"));
        assert!(with(&[url, id]).unwrap_err().contains("needs WEBAUTHN_ORIGINS"));
        assert!(with(&[url, origins]).unwrap_err().contains("needs WEBAUTHN_RP_ID"));
        assert!(with(&[url, ("WEBAUTHN_RP_ID", "example.com"), origins]).is_err());
    }

    #[test]
    fn invalid_values_are_reported_together() {
        let wrong = [
            ("SECOND_FACTOR_REQUIRED_FOR", "admins"),
            ("TOTP_SKEW_STEPS", "3"),
            ("TRUSTED_DEVICE_DAYS", "366"),
            ("RESET_REQUIRES_FACTOR", "maybe"),
            ("LOST_FACTOR_DELAY_HOURS", "721"),
            ("WEBAUTHN_RP_ID", "-"),
        ];
        let refused = with(&wrong).unwrap_err();
        for (name, _) in wrong {
            assert!(refused.contains(name), "{refused}");
        }
    }

    #[test]
    fn production_needs_mail_and_keys() {
        let base = [
            ("ENVIRONMENT", "production"),
            ("PUBLIC_URL", "https://auth.example.org"),
            ("CORS_ALLOWED_ORIGINS", "none"),
        ];
        let in_production = |variables: &[(&str, &str)]| with(&[&base, variables].concat());
        assert!(!in_production(&[]).unwrap().secret_keys.is_required);
        let all = ("SECOND_FACTOR_REQUIRED_FOR", "all");
        assert!(in_production(&[all]).unwrap().secret_keys.is_required);
        assert!(in_production(&[("LOST_FACTOR_DELAY_HOURS", "72")]).unwrap_err().contains("SMTP_URL"));
        let same = in_production(&[all, ("TOKEN_AUDIENCE", "https://auth.example.org")]);
        assert!(same.unwrap_err().contains("TOKEN_AUDIENCE"));
    }
}
