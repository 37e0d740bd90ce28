use inwren_domain::client::{Client, ClientId, ClientSecret, ClientSettings};
use inwren_domain::kernel::{Page, PlainToken};
use poem_openapi::Object;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::client_settings::{ClientTexts, settings};
use crate::http::shared::body::{EXAMPLE_TIME, object, request_body};
use crate::http::shared::cursor::{ClientCursor, CursorText};
use crate::http::shared::problem::Problem;
use crate::http::shared::refusals::invalid_field;

const EXAMPLE_REDIRECT_URI: &str = "https://grafana.example/login/generic_oauth";
const EXAMPLE_LOGOUT_URI: &str = "https://grafana.example/logout";
const EXAMPLE_CLIENT_SECRET: &str = "secret-token:inwren_Zb8xTeEYz1nmPmgR5BVXMJcZkFbDW0pXOO5VuChSJ2E";
const EXAMPLE_SECRET_ID: Uuid = Uuid::from_u128(0x0199_3b1e_7a5c_7f3a_9d2e_6c1b_0a4f_8e28);

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

object! {
    /// An OAuth 2.0 client: an application that users log in to, or a service.
    #[oai(rename = "OAuthClient")]
    pub(super) ClientDto {
        /// The `client_id`.
        id: String = "grafana".to_owned(),
        /// The display name, which users see.
        name: String = "Grafana".to_owned(),
        /// What the client is: `public`, `confidential` or `service`.
        kind: String = "confidential".to_owned(),
        /// Where the service may send authorization responses.
        redirect_uris: Vec<String> = texts(&[EXAMPLE_REDIRECT_URI]),
        /// Where the service may send the browser after a logout.
        post_logout_redirect_uris: Vec<String> = texts(&["https://grafana.example/"]),
        /// The scopes that the client may request.
        scopes: Vec<String> = texts(&["openid", "profile", "email"]),
        /// The grant types that the client may use.
        grant_types: Vec<String> = texts(&["authorization_code", "refresh_token"]),
        /// How the client authenticates at the token endpoint.
        auth_method: String = "client_secret_basic".to_owned(),
        /// Whether the client belongs to the operator of this service, so that it needs no consent.
        first_party: bool = false,
        /// The assurance level that users need: `aal1`, `aal2` or `phr`.
        min_acr: String = "aal1".to_owned(),
        /// The tiers whose users may log in; empty for all.
        allowed_tiers: Vec<String> = texts(&["premium"]),
        /// How long its access tokens are valid, in minutes.
        access_minutes: u16 = ClientSettings::ACCESS_MINUTES,
        /// How long its refresh tokens are valid if they are not used, in days.
        refresh_days: u16 = ClientSettings::REFRESH_DAYS,
        /// Where the service announces ended sessions (OpenID Connect Back-Channel Logout 1.0).
        #[oai(nullable)]
        backchannel_logout_uri: Option<String> = Some(EXAMPLE_LOGOUT_URI.to_owned()),
        /// The public keys of the client for `private_key_jwt`: a JWK set, as JSON text.
        #[oai(nullable)]
        jwks: Option<String> = None,
        /// The resource servers for which the client may request access tokens (RFC 8707).
        resources: Vec<String> = texts(&["https://reports.example.org"]),
        /// Whether the client may be used: `active` or `disabled`.
        state: String = "active".to_owned(),
        /// When the client was created.
        created_at: OffsetDateTime = EXAMPLE_TIME,
        /// When the settings last changed.
        updated_at: OffsetDateTime = EXAMPLE_TIME + time::Duration::days(1),
    }
}

impl From<&Client> for ClientDto {
    fn from(client: &Client) -> Self {
        let present = |text: String| Some(text).filter(|text| !text.is_empty());
        let texts = ClientTexts::from(client);
        Self {
            id: client.id.to_string(),
            name: texts.name,
            kind: texts.kind,
            redirect_uris: texts.redirect_uris,
            post_logout_redirect_uris: texts.post_logout_redirect_uris,
            scopes: texts.scopes.unwrap_or_default(),
            grant_types: texts.grant_types.unwrap_or_default(),
            auth_method: texts.auth_method.unwrap_or_default(),
            first_party: texts.first_party,
            min_acr: texts.min_acr,
            allowed_tiers: texts.allowed_tiers,
            access_minutes: texts.access_minutes,
            refresh_days: texts.refresh_days,
            backchannel_logout_uri: present(texts.backchannel_logout_uri),
            jwks: present(texts.jwks),
            resources: texts.resources,
            state: texts.state,
            created_at: client.created_at,
            updated_at: client.updated_at,
        }
    }
}

object! {
    /// A secret of a client. The secret itself is not stored.
    #[oai(rename = "ClientSecret")]
    pub(super) SecretDto {
        /// Identifies the secret. The id is not secret.
        id: Uuid = EXAMPLE_SECRET_ID,
        /// When it was created.
        created_at: OffsetDateTime = EXAMPLE_TIME,
        /// When it expires; `null` for never.
        #[oai(nullable)]
        expires_at: Option<OffsetDateTime> = Some(EXAMPLE_TIME + time::Duration::days(90)),
    }
}

impl From<&ClientSecret> for SecretDto {
    fn from(secret: &ClientSecret) -> Self {
        Self { id: secret.id.as_uuid(), created_at: secret.created_at, expires_at: secret.expires_at }
    }
}

object! {
    /// An OAuth 2.0 client, with its secrets.
    #[oai(rename = "OAuthClientDetails")]
    pub(super) ClientDetailsDto {
        /// The client.
        #[oai(flatten)]
        client: ClientDto = ClientDto::example(),
        /// The secrets, oldest first.
        secrets: Vec<SecretDto> = vec![SecretDto::example()],
    }
}

impl ClientDetailsDto {
    pub(super) fn new(client: &Client, secrets: &[ClientSecret]) -> Self {
        Self { client: client.into(), secrets: secrets.iter().map(SecretDto::from).collect() }
    }
}

object! {
    /// A new OAuth 2.0 client.
    #[oai(rename = "NewOAuthClient")]
    pub(super) NewClientDto {
        /// The client.
        #[oai(flatten)]
        client: ClientDto = ClientDto::example(),
        /// The secret, which is returned only here. Absent if the client authenticates without one.
        #[oai(skip_serializing_if_is_none)]
        client_secret: Option<String> = Some(EXAMPLE_CLIENT_SECRET.to_owned()),
    }
}

impl NewClientDto {
    pub(super) fn new(client: &Client, secret: Option<&PlainToken>) -> Self {
        let client_secret = secret.map(|secret| secret.expose().to_owned());
        Self { client: client.into(), client_secret }
    }
}

object! {
    /// A new secret of a client.
    #[oai(rename = "NewClientSecret")]
    pub(super) NewSecretDto {
        /// What is known of the secret later.
        #[oai(flatten)]
        stored: SecretDto = SecretDto::example(),
        /// The secret, which is returned only here.
        client_secret: String = EXAMPLE_CLIENT_SECRET.to_owned(),
    }
}

impl NewSecretDto {
    pub(super) fn new(stored: &ClientSecret, secret: &PlainToken) -> Self {
        Self { stored: stored.into(), client_secret: secret.expose().to_owned() }
    }
}

/// A page of clients, in the byte order of their ids.
#[derive(Object)]
#[oai(rename = "OAuthClientPage", example)]
pub(super) struct ClientPage {
    /// The clients.
    items: Vec<ClientDto>,
    /// The cursor of the next page; `null` on the last page.
    #[oai(nullable)]
    pub(super) next_cursor: Option<String>,
}

impl poem_openapi::types::Example for ClientPage {
    fn example() -> Self {
        let client = ClientDto::example();
        let next = ClientCursor(ClientId::from_stored(client.id.clone()));
        Self { items: vec![client], next_cursor: Some(next.encode()) }
    }
}

impl From<Page<Client, ClientId>> for ClientPage {
    fn from(page: Page<Client, ClientId>) -> Self {
        Self {
            items: page.items.iter().map(ClientDto::from).collect(),
            next_cursor: page.next.map(|next| ClientCursor(next).encode()),
        }
    }
}

/// Declares a request with settings of a client: its own fields, and the settings that may be absent.
macro_rules! settings_request {
    ($(#[$about:meta])* $name:ident { $($own:tt)* }) => {
        request_body! {
            $(#[$about])*
            $name {
                $($own)*
                /// Where the service may send authorization responses: `https`, `http` on a loopback address, or for
                /// public clients a private scheme with a dot. They are compared as strings.
                #[oai(nullable)]
                redirect_uris: Option<Vec<String>> = Some(texts(&[EXAMPLE_REDIRECT_URI])),
                /// Where the service may send the browser after a logout.
                #[oai(nullable)]
                post_logout_redirect_uris: Option<Vec<String>> = Some(texts(&["https://grafana.example/"])),
                /// The scopes that the client may request: `openid`, `profile`, `email`, `offline_access` and your own.
                #[oai(nullable)]
                scopes: Option<Vec<String>> = Some(texts(&["openid", "profile", "email"])),
                /// The grant types: `authorization_code`, `refresh_token` and `client_credentials`.
                #[oai(nullable)]
                grant_types: Option<Vec<String>> = Some(texts(&["authorization_code", "refresh_token"])),
                /// How the client authenticates at the token endpoint. `none` is for public clients, and only for them.
                #[oai(
                    nullable,
                    validator(pattern = "^(client_secret_basic|client_secret_post|private_key_jwt|none)$")
                )]
                auth_method: Option<String> = Some("client_secret_basic".to_owned()),
                /// Whether the client belongs to the operator of this service, so that it needs no consent.
                #[oai(nullable)]
                first_party: Option<bool> = Some(false),
                /// The assurance level that users need: `aal1`, one factor, `aal2`, two factors, or `phr`, a
                /// phishing-resistant factor.
                #[oai(nullable, validator(pattern = "^(aal1|aal2|phr)$"))]
                min_acr: Option<String> = Some("aal1".to_owned()),
                /// The tiers whose users may log in; empty for all.
                #[oai(nullable)]
                allowed_tiers: Option<Vec<String>> = Some(texts(&["premium"])),
                /// How long its access tokens are valid, in minutes.
                #[oai(nullable, validator(minimum(value = "1"), maximum(value = "60")))]
                access_minutes: Option<u16> = Some(ClientSettings::ACCESS_MINUTES),
                /// How long its refresh tokens are valid if they are not used, in days.
                #[oai(nullable, validator(minimum(value = "1"), maximum(value = "365")))]
                refresh_days: Option<u16> = Some(ClientSettings::REFRESH_DAYS),
                /// Where the service announces ended sessions (OpenID Connect Back-Channel Logout 1.0). An empty text
                /// stands for nowhere.
                #[oai(nullable)]
                backchannel_logout_uri: Option<String> = Some(EXAMPLE_LOGOUT_URI.to_owned()),
                /// The public keys of the client for `private_key_jwt`: a JWK set, as JSON text. An empty text stands
                /// for none.
                #[oai(nullable)]
                jwks: Option<String> = Some(String::new()),
                /// The resource servers for which the client may request access tokens (RFC 8707): absolute URIs.
                #[oai(nullable)]
                resources: Option<Vec<String>> = Some(texts(&["https://reports.example.org"])),
                /// Whether the client may be used. A disabled one gets no tokens, and its tokens are refused.
                #[oai(nullable, validator(pattern = "^(active|disabled)$"))]
                state: Option<String> = Some("active".to_owned()),
            }
        }

        impl $name {
            /// Returns the settings with the fields of the request in place of those of `base`.
            fn over(self, base: ClientTexts) -> ClientTexts {
                ClientTexts {
                    redirect_uris: self.redirect_uris.unwrap_or(base.redirect_uris),
                    post_logout_redirect_uris: self
                        .post_logout_redirect_uris
                        .unwrap_or(base.post_logout_redirect_uris),
                    scopes: self.scopes.or(base.scopes),
                    grant_types: self.grant_types.or(base.grant_types),
                    auth_method: self.auth_method.or(base.auth_method),
                    first_party: self.first_party.unwrap_or(base.first_party),
                    min_acr: self.min_acr.unwrap_or(base.min_acr),
                    allowed_tiers: self.allowed_tiers.unwrap_or(base.allowed_tiers),
                    access_minutes: self.access_minutes.unwrap_or(base.access_minutes),
                    refresh_days: self.refresh_days.unwrap_or(base.refresh_days),
                    backchannel_logout_uri: self
                        .backchannel_logout_uri
                        .unwrap_or(base.backchannel_logout_uri),
                    jwks: self.jwks.unwrap_or(base.jwks),
                    resources: self.resources.unwrap_or(base.resources),
                    state: self.state.unwrap_or(base.state),
                    ..base
                }
            }
        }
    };
}

settings_request! {
    /// A new client. Omitted settings have the defaults of the `kind`.
    CreateClientRequest {
        /// The `client_id`: letters, digits and `-`, `.`, `_`, `~`. The default is a random one.
        #[oai(nullable, validator(max_length = 64, pattern = "^[A-Za-z0-9._~-]{1,64}$"))]
        id: Option<String> = Some("grafana".to_owned()),
        /// The display name, which users see. It is unique.
        #[oai(validator(min_length = 1, max_length = 100))]
        name: String = "Grafana".to_owned(),
        /// What the client is: `confidential`, an application that can keep a secret, `public`, one that cannot, or
        /// `service`, which acts on its own behalf.
        #[oai(validator(pattern = "^(public|confidential|service)$"))]
        kind: String = "confidential".to_owned(),
    }
}

impl CreateClientRequest {
    /// Reads the id, if the request has one, and the settings.
    pub(super) fn parts(mut self) -> Result<(Option<ClientId>, ClientSettings), Problem> {
        let id = self.id.take().map(|id| ClientId::parse(&id)).transpose();
        let id = id.map_err(|invalid| invalid_field("id", &invalid.to_string()))?;
        let base = ClientTexts::of_kind(&self.name, &self.kind);
        Ok((id, settings(self.over(base))?))
    }
}

settings_request! {
    /// Changes to a client. Omitted fields keep their values.
    UpdateClientRequest {
        /// The display name, which users see. It is unique.
        #[oai(nullable, validator(min_length = 1, max_length = 100))]
        name: Option<String> = Some("Grafana".to_owned()),
        /// What the client is: `public`, `confidential` or `service`.
        #[oai(nullable, validator(pattern = "^(public|confidential|service)$"))]
        kind: Option<String> = Some("confidential".to_owned()),
    }
}

impl UpdateClientRequest {
    /// Returns the settings of the client with the changes.
    pub(super) fn apply(mut self, client: &Client) -> Result<ClientSettings, Problem> {
        let mut base = ClientTexts::from(client);
        base.name = self.name.take().unwrap_or(base.name);
        base.kind = self.kind.take().unwrap_or(base.kind);
        Ok(settings(self.over(base))?)
    }
}

request_body! {
    /// A further secret of a client.
    CreateClientSecretRequest {
        /// When the secret expires (RFC 3339). The default is never.
        #[oai(nullable)]
        expires_at: Option<OffsetDateTime> = Some(EXAMPLE_TIME + time::Duration::days(90)),
    }
}
