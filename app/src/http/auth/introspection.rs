use inwren_domain::model::{FIRST_PARTY_CLIENT, User};
use inwren_domain::service::auth::introspect::Introspection;
use poem_openapi::Object;
use poem_openapi::types::Example;
use time::OffsetDateTime;

use crate::http::issuer::Issuer;

/// What a token is worth (RFC 7662 section 2.2). Of one that is not active nothing else is said.
#[derive(Default, Object)]
#[oai(rename = "Introspection", skip_serializing_if_is_none, example)]
pub(super) struct IntrospectionDto {
    /// Whether it is good at this moment.
    active: bool,
    /// `bearer`; only of access tokens.
    token_type: Option<String>,
    /// `access` or `refresh`. A service takes access tokens only.
    r#type: Option<String>,
    /// Whose it is: the id of a user, or of a service client.
    sub: Option<String>,
    /// Who issued it.
    iss: Option<String>,
    /// For whom.
    aud: Option<String>,
    /// When it was issued, in seconds since 1970.
    iat: Option<i64>,
    /// When it expires, in seconds since 1970.
    exp: Option<i64>,
    /// Names the token.
    jti: Option<String>,
    /// Names the session.
    sid: Option<String>,
    /// The client that it was issued to: the id of a service client, or `inwren` for a login of a user here.
    client_id: Option<String>,
    /// How strongly the user proved who they are: `aal1`, one factor. Only of access tokens of users.
    acr: Option<String>,
    /// The methods of that authentication (RFC 8176): `pwd`, a password. Only of access tokens of users.
    amr: Option<Vec<String>>,
    /// When the user last proved who they are, in seconds since 1970. Only of access tokens of users.
    auth_time: Option<i64>,
    /// The login name of the user.
    username: Option<String>,
    /// The e-mail address of the user as it is now.
    email: Option<String>,
    /// The tier of the user as it is now.
    tier: Option<String>,
    /// Whether the user is a superuser now.
    is_superuser: Option<bool>,
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

impl Example for IntrospectionDto {
    fn example() -> Self {
        Self {
            active: true,
            token_type: Some("bearer".to_owned()),
            r#type: Some("access".to_owned()),
            sub: Some("0193a0b0-7c3e-7000-8000-000000000001".to_owned()),
            iss: Some("https://auth.example.org".to_owned()),
            aud: Some("inwren".to_owned()),
            iat: Some(1_800_000_000),
            exp: Some(1_800_001_800),
            jti: Some("7f".repeat(32)),
            sid: Some("0193a0b0-7c3e-7000-8000-000000000002".to_owned()),
            client_id: Some(FIRST_PARTY_CLIENT.to_owned()),
            acr: Some("aal1".to_owned()),
            amr: Some(vec!["pwd".to_owned()]),
            auth_time: Some(1_800_000_000),
            username: Some("ann@example.org".to_owned()),
            email: Some("ann@example.org".to_owned()),
            tier: Some("free".to_owned()),
            is_superuser: Some(false),
        }
    }
}
