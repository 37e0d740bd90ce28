use super::{AuthMethod, ClientKind, ClientName, ClientSettings, ClientState, GrantType, Scope};
use crate::Core;
use crate::authn::Acr;

/// Settings that contradict each other or the configuration of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct InvalidSettings {
    /// The field, as the file and the API name it.
    pub field: &'static str,
    /// What is wrong, and what to do.
    pub reason: &'static str,
}

impl ClientSettings {
    /// Lifetime of access tokens, in minutes, unless the operator sets another.
    pub const ACCESS_MINUTES: u16 = 30;
    /// The longest lifetime of access tokens, in minutes.
    pub const MAX_ACCESS_MINUTES: u16 = 60;
    /// Lifetime of refresh tokens, in days, unless the operator sets another.
    pub const REFRESH_DAYS: u16 = 7;
    /// The longest lifetime of refresh tokens, in days.
    pub const MAX_REFRESH_DAYS: u16 = 365;
    /// The largest number of values in a list.
    pub const MAX_VALUES: usize = 50;

    /// The settings of a service that acts on its own behalf.
    pub fn of_service(name: ClientName) -> Self {
        Self {
            name,
            kind: ClientKind::Service,
            redirect_uris: Vec::new(),
            post_logout_redirect_uris: Vec::new(),
            scopes: Scope::default(),
            grant_types: vec![GrantType::ClientCredentials],
            auth_method: AuthMethod::ClientSecretBasic,
            first_party: false,
            min_acr: Acr::Aal1,
            allowed_tiers: Vec::new(),
            access_minutes: Self::ACCESS_MINUTES,
            refresh_days: Self::REFRESH_DAYS,
            backchannel_logout_uri: None,
            jwks: None,
            resources: Vec::new(),
            state: ClientState::Active,
        }
    }

    /// Checks the rules between the settings.
    pub fn validate(&self, core: &Core) -> Result<(), InvalidSettings> {
        self.check_kind()?;
        self.check_lists()?;
        let check = |is_valid: bool, field, reason| {
            if is_valid { Ok(()) } else { Err(InvalidSettings { field, reason }) }
        };
        let knows = |tier| core.settings.tiers.all().contains(tier);
        check(self.allowed_tiers.iter().all(knows), "allowed_tiers", "not one of TIERS")?;
        let fits = |number, max| (1..=max).contains(&number);
        check(fits(self.access_minutes, Self::MAX_ACCESS_MINUTES), "access_minutes", "use 1 to 60")?;
        check(fits(self.refresh_days, Self::MAX_REFRESH_DAYS), "refresh_days", "use 1 to 365")?;
        let signs = self.auth_method == AuthMethod::PrivateKeyJwt;
        check(signs == self.jwks.is_some(), "jwks", "set it exactly if auth_method is private_key_jwt")?;
        let is_key_set = self.jwks.as_ref().is_none_or(|jwks| core.assertions.is_key_set(jwks));
        check(is_key_set, "jwks", "not a JWK set of public RSA keys (2048 bits or more) or P-256 keys")
    }

    fn check_kind(&self) -> Result<(), InvalidSettings> {
        let check = |is_valid: bool, field, reason| {
            if is_valid { Ok(()) } else { Err(InvalidSettings { field, reason }) }
        };
        let allows = |grant| self.grant_types.contains(&grant);
        let is_public = self.kind == ClientKind::Public;
        let method = "`none` is for public clients, and only for them";
        check(is_public == (self.auth_method == AuthMethod::None), "auth_method", method)?;
        check(!self.grant_types.is_empty(), "grant_types", "name at least one")?;
        if self.kind == ClientKind::Service {
            let only = self.grant_types == [GrantType::ClientCredentials];
            check(only, "grant_types", "a service can have client_credentials only")?;
            return check(self.redirect_uris.is_empty(), "redirect_uris", "a service has none");
        }
        let secretive = !is_public || !allows(GrantType::ClientCredentials);
        check(secretive, "grant_types", "a public client cannot have client_credentials")?;
        let has_code = allows(GrantType::AuthorizationCode);
        let refresh = "refresh_token needs authorization_code";
        check(has_code || !allows(GrantType::RefreshToken), "grant_types", refresh)?;
        let uris = "name at least one exactly if grant_types has authorization_code";
        check(has_code != self.redirect_uris.is_empty(), "redirect_uris", uris)
    }

    fn check_lists(&self) -> Result<(), InvalidSettings> {
        let lists = [
            ("redirect_uris", self.redirect_uris.len()),
            ("post_logout_redirect_uris", self.post_logout_redirect_uris.len()),
            ("allowed_tiers", self.allowed_tiers.len()),
            ("resources", self.resources.len()),
            ("scopes", self.scopes.names().count()),
        ];
        match lists.into_iter().find(|(_, values)| *values > Self::MAX_VALUES) {
            Some((field, _)) => Err(InvalidSettings { field, reason: "at most 50 values" }),
            None => Ok(()),
        }
    }

    /// The settings as texts, by the names of the file and the API: what a difference between two settings shows.
    pub fn fields(&self) -> [(&'static str, String); 16] {
        let words = |texts: &mut dyn Iterator<Item = &str>| texts.collect::<Vec<_>>().join(" ");
        let optional = |text: Option<&str>| text.unwrap_or_default().to_owned();
        [
            ("name", self.name.as_str().to_owned()),
            ("kind", self.kind.as_str().to_owned()),
            ("redirect_uris", words(&mut self.redirect_uris.iter().map(|uri| uri.as_str()))),
            (
                "post_logout_redirect_uris",
                words(&mut self.post_logout_redirect_uris.iter().map(|uri| uri.as_str())),
            ),
            ("scopes", self.scopes.as_str().to_owned()),
            ("grant_types", words(&mut self.grant_types.iter().map(|grant| grant.as_str()))),
            ("auth_method", self.auth_method.as_str().to_owned()),
            ("first_party", self.first_party.to_string()),
            ("min_acr", self.min_acr.as_str().to_owned()),
            ("allowed_tiers", words(&mut self.allowed_tiers.iter().map(|tier| tier.as_str()))),
            ("access_minutes", self.access_minutes.to_string()),
            ("refresh_days", self.refresh_days.to_string()),
            (
                "backchannel_logout_uri",
                optional(self.backchannel_logout_uri.as_ref().map(|uri| uri.as_str())),
            ),
            ("jwks", optional(self.jwks.as_deref())),
            ("resources", words(&mut self.resources.iter().map(String::as_str))),
            ("state", self.state.as_str().to_owned()),
        ]
    }
}
