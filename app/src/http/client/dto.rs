use inwren_domain::account::User;
use inwren_domain::client::Scope;
use inwren_domain::client::token::ClientToken;
use inwren_domain::kernel::PlainToken;
use inwren_domain::session::introspect::Introspection;
use inwren_domain::token::{ApplicationClaims, FIRST_PARTY_CLIENT, TokenPair};
use poem_openapi::Object;
use time::OffsetDateTime;

use crate::http::session::TokenDto;
use crate::http::shared::authentication::oauth_client::{ClientFields, JWT_BEARER};
use crate::http::shared::body::{EXAMPLE_ASSERTION, FormFields, object};
use crate::http::shared::issuer::Issuer;
use crate::http::shared::oauth::{FromForm, OAuthError};

object! {
    /// The state of a token (RFC 7662 section 2.2). For an inactive token, `active` is the only field.
    #[derive(Default)]
    #[oai(rename = "Introspection", skip_serializing_if_is_none)]
    pub(super) IntrospectionDto {
        /// Whether the token is valid now.
        active: bool = true,
        /// `bearer`. Only for access tokens.
        token_type: Option<String> = Some("bearer".to_owned()),
        /// `access` or `refresh`. Services must accept access tokens only.
        r#type: Option<String> = Some("access".to_owned()),
        /// The id of the user, or of the client that got the token for itself.
        sub: Option<String> = Some("0193a0b0-7c3e-7000-8000-000000000001".to_owned()),
        /// The issuer of the token.
        iss: Option<String> = Some("https://auth.example.org".to_owned()),
        /// The audience of the token: a resource server.
        aud: Option<String> = Some("inwren".to_owned()),
        /// When the token was issued, in seconds since 1970.
        iat: Option<i64> = Some(1_800_000_000),
        /// When the token expires, in seconds since 1970.
        exp: Option<i64> = Some(1_800_001_800),
        /// The id of the token.
        jti: Option<String> = Some("7f".repeat(32)),
        /// The id of the session.
        sid: Option<String> = Some("0193a0b0-7c3e-7000-8000-000000000002".to_owned()),
        /// The client that the token was issued to: the id of an application or service, or `inwren` for a login at the
        /// API of this service.
        client_id: Option<String> = Some(FIRST_PARTY_CLIENT.to_owned()),
        /// The scope of the token. Only for access tokens of applications and services.
        scope: Option<String> = Some("openid email".to_owned()),
        /// The assurance level of the authentication: `aal1`, one factor, `aal2`, two factors, or `phr`, a
        /// phishing-resistant factor. Only for access tokens of users.
        acr: Option<String> = Some("aal1".to_owned()),
        /// The authentication methods (RFC 8176): `pwd`, a password. Only for access tokens of users.
        amr: Option<Vec<String>> = Some(vec!["pwd".to_owned()]),
        /// When the user last authenticated, in seconds since 1970. Only for access tokens of users.
        auth_time: Option<i64> = Some(1_800_000_000),
        /// The login name of the user: the current e-mail address. For tokens of applications, this field and the next two
        /// need the scope `email`.
        username: Option<String> = Some("ann@example.org".to_owned()),
        /// The current e-mail address of the user.
        email: Option<String> = Some("ann@example.org".to_owned()),
        /// Whether the user proved to control the mailbox of the current e-mail address.
        email_verified: Option<bool> = Some(true),
        /// The current tier of the user.
        tier: Option<String> = Some("free".to_owned()),
        /// Whether the user is currently a superuser. Never for tokens of applications.
        is_superuser: Option<bool> = Some(false),
    }
}

impl IntrospectionDto {
    pub(super) fn new(found: Introspection, issuer: &Issuer) -> Self {
        match found {
            Introspection::Inactive => Self::default(),
            Introspection::Access(claims, user) => Self {
                token_type: Some("bearer".to_owned()),
                r#type: Some("access".to_owned()),
                jti: Some(claims.id.as_str().to_owned()),
                sid: Some(claims.session_id.to_string()),
                acr: Some(claims.assurance.acr.to_string()),
                amr: Some(claims.assurance.amr.names().map(str::to_owned).collect()),
                auth_time: Some(claims.authenticated_at.unix_timestamp()),
                ..Self::active(issuer, claims.issued_at, claims.expires_at)
                    .of(&user)
                    .held_by(claims.application)
            },
            Introspection::Client(claims) => Self {
                token_type: Some("bearer".to_owned()),
                r#type: Some("access".to_owned()),
                sub: Some(claims.client_id.to_string()),
                client_id: Some(claims.client_id.to_string()),
                scope: text_of(&claims.scope),
                jti: Some(claims.id.as_str().to_owned()),
                ..Self::active(issuer, claims.issued_at, claims.expires_at)
            },
            Introspection::Refresh(claims, user) => Self {
                r#type: Some("refresh".to_owned()),
                jti: Some(claims.id.as_str().to_owned()),
                sid: Some(claims.session_id.to_string()),
                ..match claims.client_id {
                    // The token itself does not say which claims the application may read.
                    Some(client_id) => Self {
                        sub: Some(user.id.to_string()),
                        client_id: Some(client_id.to_string()),
                        ..Self::active(issuer, claims.issued_at, claims.expires_at)
                    },
                    None => Self::active(issuer, claims.issued_at, claims.expires_at).of(&user),
                }
            },
        }
    }

    /// Leaves out what an application may not read, and names the application.
    fn held_by(self, application: Option<ApplicationClaims>) -> Self {
        let Some(ApplicationClaims { client_id, scope, resource }) = application else { return self };
        let has_email = scope.contains(Scope::EMAIL);
        Self {
            client_id: Some(client_id.to_string()),
            aud: resource.or(self.aud),
            username: self.username.filter(|_| has_email),
            email: self.email.filter(|_| has_email),
            email_verified: self.email_verified.filter(|_| has_email),
            is_superuser: None,
            scope: text_of(&scope),
            ..self
        }
    }

    fn active(issuer: &Issuer, issued_at: OffsetDateTime, expires_at: OffsetDateTime) -> Self {
        Self {
            active: true,
            iss: Some(issuer.name().to_owned()),
            aud: Some(issuer.audience().to_owned()),
            iat: Some(issued_at.unix_timestamp()),
            exp: Some(expires_at.unix_timestamp()),
            ..Self::default()
        }
    }

    fn of(self, user: &User) -> Self {
        Self {
            sub: Some(user.id.to_string()),
            client_id: Some(FIRST_PARTY_CLIENT.to_owned()),
            username: Some(user.email.as_str().to_owned()),
            email: Some(user.email.as_str().to_owned()),
            email_verified: Some(user.email_verified_at.is_some()),
            tier: Some(user.tier.as_str().to_owned()),
            is_superuser: Some(user.is_superuser),
            ..self
        }
    }
}

/// A token response (RFC 6749 section 5.1).
#[derive(Object)]
#[oai(rename = "OAuthToken", example)]
pub(super) struct OAuthTokenDto {
    /// The access token for your services: a JWT, signed with RS256, which they can verify locally.
    access_token: String,
    /// The refresh token. Absent for services (RFC 6749 section 4.4.3), which request a new access token instead.
    #[oai(skip_serializing_if_is_none)]
    refresh_token: Option<String>,
    /// Always `bearer`.
    token_type: String,
    /// How long the access token is valid, in seconds.
    expires_in: u32,
    /// The scope of the access token. Only for services that have one.
    #[oai(skip_serializing_if_is_none)]
    scope: Option<String>,
}

impl From<ClientToken> for OAuthTokenDto {
    fn from(token: ClientToken) -> Self {
        Self {
            access_token: token.access_token.expose().to_owned(),
            refresh_token: None,
            token_type: "bearer".to_owned(),
            expires_in: u32::try_from(token.expires_in.whole_seconds()).unwrap_or(0),
            scope: text_of(&token.scope),
        }
    }
}

/// The names of a scope, unless it is empty.
fn text_of(scope: &Scope) -> Option<String> {
    Some(scope.as_str().to_owned()).filter(|names| !names.is_empty())
}

impl From<TokenPair> for OAuthTokenDto {
    fn from(pair: TokenPair) -> Self {
        TokenDto::from(pair).into()
    }
}

impl From<TokenDto> for OAuthTokenDto {
    fn from(TokenDto { access_token, refresh_token, token_type, expires_in }: TokenDto) -> Self {
        Self { access_token, refresh_token: Some(refresh_token), token_type, expires_in, scope: None }
    }
}

impl poem_openapi::types::Example for OAuthTokenDto {
    fn example() -> Self {
        Self { scope: Some("reports:read".to_owned()), ..TokenDto::example().into() }
    }
}

object! {
    /// A token to revoke (RFC 7009 section 2.1).
    pub(super) TokenForm {
        /// The token.
        #[oai(validator(min_length = 1))]
        pub(super) token: String = "eyJhbGciOiJSUzI1NiIsImtpZCI6Ii4uLiIsInR5cCI6InJ0K2p3dCJ9.e30.c2ln".to_owned(),
        /// The type of the token, `access_token` or `refresh_token`. The service ignores it: a token contains its type.
        pub(super) token_type_hint: Option<String> = Some("refresh_token".to_owned()),
    }
}

impl FromForm for TokenForm {
    fn from_form(form: &FormFields) -> Result<Self, OAuthError> {
        let token = form
            .get("token")
            .ok_or_else(|| OAuthError::invalid_request("The parameter token is required."))?;
        Ok(Self { token: token.to_owned(), token_type_hint: form.get("token_type_hint").map(str::to_owned) })
    }
}

object! {
    /// A token to introspect (RFC 7662 section 2.1), and how the client authenticates unless it uses the header
    /// `Authorization`.
    pub(super) IntrospectionForm {
        /// The token.
        #[oai(validator(min_length = 1))]
        token: String = "eyJhbGciOiJSUzI1NiIsImtpZCI6Ii4uLiIsInR5cCI6ImF0K2p3dCJ9.e30.c2ln".to_owned(),
        /// The type of the token, `access_token` or `refresh_token`. The service ignores it: a token contains its type.
        token_type_hint: Option<String> = Some("access_token".to_owned()),
        /// The client id, for the methods `client_secret_post` and `private_key_jwt`.
        client_id: Option<String> = Some("billing".to_owned()),
        /// The client secret, for the method `client_secret_post`.
        client_secret: Option<String> = Some("the secret that `inwren clients create` printed".to_owned()),
        /// A token that the client signed, for the method `private_key_jwt`.
        client_assertion: Option<String> = Some(EXAMPLE_ASSERTION.to_owned()),
        /// Always `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`. Required with `client_assertion`.
        client_assertion_type: Option<String> = Some(JWT_BEARER.to_owned()),
    }
}

impl FromForm for IntrospectionForm {
    /// A form without a token is read too: the caller is checked first.
    fn from_form(form: &FormFields) -> Result<Self, OAuthError> {
        let text = |name| form.get(name).map(str::to_owned);
        Ok(Self {
            token: text("token").unwrap_or_default(),
            token_type_hint: text("token_type_hint"),
            client_id: text("client_id"),
            client_secret: text("client_secret"),
            client_assertion: text("client_assertion"),
            client_assertion_type: text("client_assertion_type"),
        })
    }
}

impl IntrospectionForm {
    /// Returns the token, if the form has one, and what authenticates the client.
    pub(super) fn into_parts(self) -> (Option<PlainToken>, ClientFields) {
        let fields = ClientFields {
            id: self.client_id,
            secret: self.client_secret.map(PlainToken::new),
            assertion: self.client_assertion.map(PlainToken::new),
            assertion_type: self.client_assertion_type,
        };
        (Some(self.token).filter(|token| !token.is_empty()).map(PlainToken::new), fields)
    }
}
