//! The settings of a client as texts, which files, the API and the command line have in common.

use std::fmt::Display;

use inwren_domain::account::Tier;
use inwren_domain::authn::Acr;
use inwren_domain::client::{
    AuthMethod, Client, ClientKind, ClientName, ClientSettings, ClientState, GrantType, RedirectUri, Scope,
};
use serde::Serialize;

/// The settings of a client by the names of the file and the API. `None` stands for the default of the kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClientTexts {
    /// The display name.
    pub name: String,
    /// `public`, `confidential` or `service`.
    pub kind: String,
    /// Where the service may send authorization responses.
    pub redirect_uris: Vec<String>,
    /// Where the service may send the browser after a logout.
    pub post_logout_redirect_uris: Vec<String>,
    /// The scopes that the client may request.
    pub scopes: Option<Vec<String>>,
    /// The grant types that the client may use.
    pub grant_types: Option<Vec<String>>,
    /// How the client authenticates.
    pub auth_method: Option<String>,
    /// Whether the client needs no consent.
    pub first_party: bool,
    /// The assurance that users need.
    pub min_acr: String,
    /// The tiers whose users may log in; empty for all.
    pub allowed_tiers: Vec<String>,
    /// Lifetime of access tokens, in minutes.
    pub access_minutes: u16,
    /// Lifetime of unused refresh tokens, in days.
    pub refresh_days: u16,
    /// Where the service announces ended sessions; empty for nowhere.
    pub backchannel_logout_uri: String,
    /// The public keys of the client, a JWK set; empty for none.
    pub jwks: String,
    /// The resource servers for which the client may request access tokens.
    pub resources: Vec<String>,
    /// `active` or `disabled`.
    pub state: String,
}

/// A field with an invalid value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct FieldError {
    /// The field, as the file and the API name it.
    pub field: &'static str,
    /// What is wrong, with the value.
    pub reason: String,
}

impl ClientTexts {
    /// The defaults of a client of this kind.
    pub fn of_kind(name: &str, kind: &str) -> Self {
        Self {
            name: name.to_owned(),
            kind: kind.to_owned(),
            redirect_uris: Vec::new(),
            post_logout_redirect_uris: Vec::new(),
            scopes: None,
            grant_types: None,
            auth_method: None,
            first_party: false,
            min_acr: Acr::Aal1.as_str().to_owned(),
            allowed_tiers: Vec::new(),
            access_minutes: ClientSettings::ACCESS_MINUTES,
            refresh_days: ClientSettings::REFRESH_DAYS,
            backchannel_logout_uri: String::new(),
            jwks: String::new(),
            resources: Vec::new(),
            state: ClientState::Active.as_str().to_owned(),
        }
    }
}

impl From<&Client> for ClientTexts {
    fn from(client: &Client) -> Self {
        let settings = &client.settings;
        let uris = |uris: &[RedirectUri]| uris.iter().map(RedirectUri::to_string).collect();
        Self {
            name: settings.name.to_string(),
            kind: settings.kind.as_str().to_owned(),
            redirect_uris: uris(&settings.redirect_uris),
            post_logout_redirect_uris: uris(&settings.post_logout_redirect_uris),
            scopes: Some(settings.scopes.names().map(str::to_owned).collect()),
            grant_types: Some(settings.grant_types.iter().map(|grant| grant.as_str().to_owned()).collect()),
            auth_method: Some(settings.auth_method.as_str().to_owned()),
            first_party: settings.first_party,
            min_acr: settings.min_acr.as_str().to_owned(),
            allowed_tiers: settings.allowed_tiers.iter().map(Tier::to_string).collect(),
            access_minutes: settings.access_minutes,
            refresh_days: settings.refresh_days,
            backchannel_logout_uri: settings
                .backchannel_logout_uri
                .as_ref()
                .map(RedirectUri::to_string)
                .unwrap_or_default(),
            jwks: settings.jwks.clone().unwrap_or_default(),
            resources: settings.resources.clone(),
            state: settings.state.as_str().to_owned(),
        }
    }
}

/// Parses the texts. [`ClientSettings::validate`] checks the rules between the settings.
pub fn settings(texts: ClientTexts) -> Result<ClientSettings, FieldError> {
    let kind =
        named("kind", &texts.kind, ClientKind::from_name, ClientKind::ALL.iter().map(|one| one.as_str()))?;
    let scopes = texts.scopes.unwrap_or_else(|| owned(default_scopes(kind).iter().copied()));
    let grant_types = texts
        .grant_types
        .unwrap_or_else(|| owned(default_grant_types(kind).iter().map(|grant| grant.as_str())));
    let auth_method = texts.auth_method.unwrap_or_else(|| default_auth_method(kind).as_str().to_owned());
    Ok(ClientSettings {
        name: ClientName::parse(&texts.name).map_err(|invalid| wrong("name", &texts.name, invalid))?,
        kind,
        redirect_uris: each(&texts.redirect_uris, |text| redirect_uri("redirect_uris", text, kind))?,
        post_logout_redirect_uris: each(&texts.post_logout_redirect_uris, |text| {
            redirect_uri("post_logout_redirect_uris", text, kind)
        })?,
        scopes: scope(&scopes)?,
        grant_types: each(&grant_types, |text| {
            named("grant_types", text, GrantType::from_name, GrantType::ALL.iter().map(|one| one.as_str()))
        })?,
        auth_method: named(
            "auth_method",
            &auth_method,
            AuthMethod::from_name,
            AuthMethod::ALL.iter().map(|one| one.as_str()),
        )?,
        first_party: texts.first_party,
        min_acr: named("min_acr", &texts.min_acr, Acr::from_name, Acr::ALL.iter().map(|one| one.as_str()))?,
        allowed_tiers: each(&texts.allowed_tiers, |text| {
            Tier::parse(text).map_err(|invalid| wrong("allowed_tiers", text, invalid))
        })?,
        access_minutes: texts.access_minutes,
        refresh_days: texts.refresh_days,
        // Only the service calls it, so a private scheme cannot be used.
        backchannel_logout_uri: present(texts.backchannel_logout_uri)
            .map(|text| request_uri("backchannel_logout_uri", &text))
            .transpose()?,
        jwks: present(texts.jwks),
        resources: each(&texts.resources, resource)?,
        state: named(
            "state",
            &texts.state,
            ClientState::from_name,
            ClientState::ALL.iter().map(|one| one.as_str()),
        )?,
    })
}

fn default_scopes(kind: ClientKind) -> &'static [&'static str] {
    match kind {
        ClientKind::Service => &[],
        ClientKind::Public | ClientKind::Confidential => &[Scope::OPENID, Scope::PROFILE, Scope::EMAIL],
    }
}

fn default_grant_types(kind: ClientKind) -> &'static [GrantType] {
    match kind {
        ClientKind::Service => &[GrantType::ClientCredentials],
        ClientKind::Public | ClientKind::Confidential => {
            &[GrantType::AuthorizationCode, GrantType::RefreshToken]
        }
    }
}

fn default_auth_method(kind: ClientKind) -> AuthMethod {
    match kind {
        ClientKind::Public => AuthMethod::None,
        ClientKind::Confidential | ClientKind::Service => AuthMethod::ClientSecretBasic,
    }
}

fn owned(names: impl Iterator<Item = &'static str>) -> Vec<String> {
    names.map(str::to_owned).collect()
}

/// An empty text stands for no value.
fn present(text: String) -> Option<String> {
    Some(text).filter(|text| !text.trim().is_empty())
}

/// Parses the values of a list. Repeated values are removed.
fn each<T: PartialEq>(
    texts: &[String],
    parse: impl Fn(&str) -> Result<T, FieldError>,
) -> Result<Vec<T>, FieldError> {
    let mut values = Vec::new();
    for text in texts {
        let value = parse(text)?;
        if !values.contains(&value) {
            values.push(value);
        }
    }
    Ok(values)
}

fn named<T>(
    field: &'static str,
    text: &str,
    parse: impl Fn(&str) -> Option<T>,
    names: impl Iterator<Item = &'static str>,
) -> Result<T, FieldError> {
    parse(text).ok_or_else(|| wrong(field, text, format!("use {}", names.collect::<Vec<_>>().join(", "))))
}

fn redirect_uri(field: &'static str, text: &str, kind: ClientKind) -> Result<RedirectUri, FieldError> {
    RedirectUri::parse(text, kind == ClientKind::Public).map_err(|invalid| wrong(field, text, invalid))
}

fn request_uri(field: &'static str, text: &str) -> Result<RedirectUri, FieldError> {
    RedirectUri::parse_for_requests(text).map_err(|invalid| wrong(field, text, invalid))
}

fn scope(names: &[String]) -> Result<Scope, FieldError> {
    for name in names {
        let is_name = !name.contains(' ') && Scope::parse(name).is_ok_and(|scope| !scope.is_empty());
        if !is_name {
            let reason = "a scope has printable ASCII characters, and no space, `\"` or `\\`";
            return Err(wrong("scopes", name, reason));
        }
    }
    Scope::parse(&names.join(" ")).map_err(|_| FieldError {
        field: "scopes",
        reason: "the names are longer than 1000 characters together".to_owned(),
    })
}

/// Parses a resource server: an absolute URI without a fragment (RFC 8707 section 2).
fn resource(text: &str) -> Result<String, FieldError> {
    let is_absolute = text.split_once(':').is_some_and(|(scheme, rest)| {
        let is_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
        let starts = scheme.starts_with(|first: char| first.is_ascii_alphabetic());
        starts && scheme.bytes().all(is_scheme) && !rest.is_empty()
    });
    let is_printable = text.bytes().all(|byte| byte.is_ascii_graphic());
    if is_absolute && is_printable && text.len() <= 1_000 && !text.contains('#') {
        Ok(text.to_owned())
    } else {
        Err(wrong("resources", text, "use an absolute URI without a fragment, of at most 1000 characters"))
    }
}

fn wrong(field: &'static str, text: &str, reason: impl Display) -> FieldError {
    FieldError { field, reason: format!("{text:?}: {reason}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_defaults() {
        let application = settings(ClientTexts::of_kind("Web", "confidential")).unwrap();
        assert_eq!(application.scopes.as_str(), "openid profile email");
        assert_eq!(application.grant_types, [GrantType::AuthorizationCode, GrantType::RefreshToken]);
        assert_eq!(application.auth_method, AuthMethod::ClientSecretBasic);
        let public = settings(ClientTexts::of_kind("App", "public")).unwrap();
        assert_eq!(public.auth_method, AuthMethod::None);
        let service = settings(ClientTexts::of_kind("billing", "service")).unwrap();
        assert_eq!(service, ClientSettings::of_service(ClientName::parse("billing").unwrap()));
    }

    #[test]
    fn errors_name_field_and_value() {
        let valid = || ClientTexts::of_kind("App", "public");
        let list = |text: &str| vec![text.to_owned()];
        for (texts, field, part) in [
            (ClientTexts { name: "\n".to_owned(), ..valid() }, "name", "1 to 100 characters"),
            (ClientTexts { kind: "native".to_owned(), ..valid() }, "kind", "\"native\": use public"),
            (
                ClientTexts { redirect_uris: list("https://a.example/#b"), ..valid() },
                "redirect_uris",
                "fragment",
            ),
            (ClientTexts { scopes: Some(list("a b")), ..valid() }, "scopes", "\"a b\""),
            (ClientTexts { scopes: Some(list("")), ..valid() }, "scopes", "\"\""),
            (ClientTexts { grant_types: Some(list("implicit")), ..valid() }, "grant_types", "refresh_token"),
            (
                ClientTexts { auth_method: Some("tls".to_owned()), ..valid() },
                "auth_method",
                "private_key_jwt",
            ),
            (ClientTexts { min_acr: "aal3".to_owned(), ..valid() }, "min_acr", "phr"),
            (ClientTexts { allowed_tiers: list("A"), ..valid() }, "allowed_tiers", "lower-case"),
            (
                ClientTexts { backchannel_logout_uri: "https://a.example/#b".to_owned(), ..valid() },
                "backchannel_logout_uri",
                "fragment",
            ),
            (ClientTexts { resources: list("orders"), ..valid() }, "resources", "absolute URI"),
            (ClientTexts { state: "off".to_owned(), ..valid() }, "state", "disabled"),
        ] {
            let error = settings(texts).unwrap_err();
            assert!(error.field == field && error.reason.contains(part), "{error}");
        }
    }

    #[test]
    fn repeated_values_are_removed() {
        let uri = "https://a.example/cb".to_owned();
        let texts =
            ClientTexts { redirect_uris: vec![uri.clone(), uri], ..ClientTexts::of_kind("App", "public") };
        assert_eq!(settings(texts).unwrap().redirect_uris.len(), 1);
    }
}
