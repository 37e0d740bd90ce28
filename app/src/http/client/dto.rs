use inwren_domain::account::User;
use inwren_domain::kernel::PlainToken;
use inwren_domain::session::introspect::Introspection;
use inwren_domain::token::{FIRST_PARTY_CLIENT, TokenPair};
use poem_openapi::Object;
use time::OffsetDateTime;

use super::answers::OAuthError;
use super::form::FromForm;
use crate::http::session::TokenDto;
use crate::http::shared::body::{FormFields, object};
use crate::http::shared::issuer::Issuer;

object! {
    /// What a token is worth (RFC 7662 section 2.2). Of one that is not active nothing else is said.
    #[derive(Default)]
    #[oai(rename = "Introspection", skip_serializing_if_is_none)]
    pub(super) IntrospectionDto {
        /// Whether it is good at this moment.
        active: bool = true,
        /// `bearer`; only of access tokens.
        token_type: Option<String> = Some("bearer".to_owned()),
        /// `access` or `refresh`. A service takes access tokens only.
        r#type: Option<String> = Some("access".to_owned()),
        /// Whose it is: the id of a user, or of a service client.
        sub: Option<String> = Some("0193a0b0-7c3e-7000-8000-000000000001".to_owned()),
        /// Who issued it.
        iss: Option<String> = Some("https://auth.example.org".to_owned()),
        /// For whom.
        aud: Option<String> = Some("inwren".to_owned()),
        /// When it was issued, in seconds since 1970.
        iat: Option<i64> = Some(1_800_000_000),
        /// When it expires, in seconds since 1970.
        exp: Option<i64> = Some(1_800_001_800),
        /// Names the token.
        jti: Option<String> = Some("7f".repeat(32)),
        /// Names the session.
        sid: Option<String> = Some("0193a0b0-7c3e-7000-8000-000000000002".to_owned()),
        /// The client that it was issued to: the id of a service client, or `inwren` for a login of a user here.
        client_id: Option<String> = Some(FIRST_PARTY_CLIENT.to_owned()),
        /// How strongly the user proved who they are: `aal1`, one factor. Only of access tokens of users.
        acr: Option<String> = Some("aal1".to_owned()),
        /// The methods of that authentication (RFC 8176): `pwd`, a password. Only of access tokens of users.
        amr: Option<Vec<String>> = Some(vec!["pwd".to_owned()]),
        /// When the user last proved who they are, in seconds since 1970. Only of access tokens of users.
        auth_time: Option<i64> = Some(1_800_000_000),
        /// The login name of the user.
        username: Option<String> = Some("ann@example.org".to_owned()),
        /// The e-mail address of the user as it is now.
        email: Option<String> = Some("ann@example.org".to_owned()),
        /// The tier of the user as it is now.
        tier: Option<String> = Some("free".to_owned()),
        /// Whether the user is a superuser now.
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
                ..Self::active(issuer, claims.issued_at, claims.expires_at).of(&user)
            },
            Introspection::Client(claims) => Self {
                token_type: Some("bearer".to_owned()),
                r#type: Some("access".to_owned()),
                sub: Some(claims.client_id.to_string()),
                client_id: Some(claims.client_id.to_string()),
                jti: Some(claims.id.as_str().to_owned()),
                ..Self::active(issuer, claims.issued_at, claims.expires_at)
            },
            Introspection::Refresh(claims, user) => Self {
                r#type: Some("refresh".to_owned()),
                jti: Some(claims.id.as_str().to_owned()),
                sid: Some(claims.session_id.to_string()),
                ..Self::active(issuer, claims.issued_at, claims.expires_at).of(&user)
            },
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
            tier: Some(user.tier.as_str().to_owned()),
            is_superuser: Some(user.is_superuser),
            ..self
        }
    }
}

/// One or two tokens (RFC 6749 section 5.1).
#[derive(Object)]
#[oai(rename = "OAuthToken", example)]
pub(super) struct OAuthTokenDto {
    /// For services: a JWT, signed with RS256, that they can verify offline.
    access_token: String,
    /// For the next pair. A service client has none (RFC 6749 section 4.4.3): it asks again.
    #[oai(skip_serializing_if_is_none)]
    refresh_token: Option<String>,
    /// Always `bearer`.
    token_type: String,
    /// How long the access token is good for, in seconds.
    expires_in: u32,
}

impl OAuthTokenDto {
    /// A service client's own token.
    pub(super) fn of_client(token: &PlainToken, lifetime: time::Duration) -> Self {
        Self {
            access_token: token.expose().to_owned(),
            refresh_token: None,
            token_type: "bearer".to_owned(),
            expires_in: u32::try_from(lifetime.whole_seconds()).unwrap_or(0),
        }
    }
}

impl From<TokenPair> for OAuthTokenDto {
    fn from(pair: TokenPair) -> Self {
        TokenDto::from(pair).into()
    }
}

impl From<TokenDto> for OAuthTokenDto {
    fn from(TokenDto { access_token, refresh_token, token_type, expires_in }: TokenDto) -> Self {
        Self { access_token, refresh_token: Some(refresh_token), token_type, expires_in }
    }
}

impl poem_openapi::types::Example for OAuthTokenDto {
    fn example() -> Self {
        TokenDto::example().into()
    }
}

object! {
    /// A token, as RFC 7009 section 2.1 and RFC 7662 section 2.1 have it.
    pub(super) TokenForm {
        /// The token.
        #[oai(validator(min_length = 1))]
        pub(super) token: String = "eyJhbGciOiJSUzI1NiIsImtpZCI6Ii4uLiIsInR5cCI6InJ0K2p3dCJ9.e30.c2ln".to_owned(),
        /// What the client takes it for, `access_token` or `refresh_token`. It is not needed: tokens say what they are.
        pub(super) token_type_hint: Option<String> = Some("refresh_token".to_owned()),
    }
}

impl FromForm for TokenForm {
    fn from_form(form: &FormFields) -> Result<Self, OAuthError> {
        let token = form.get("token").ok_or_else(|| OAuthError::invalid_request("token is needed."))?;
        Ok(Self { token: token.to_owned(), token_type_hint: form.get("token_type_hint").map(str::to_owned) })
    }
}
