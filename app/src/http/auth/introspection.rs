use inwren_domain::account::User;
use inwren_domain::session::introspect::Introspection;
use inwren_domain::token::FIRST_PARTY_CLIENT;
use time::OffsetDateTime;

use crate::http::body::object;
use crate::http::issuer::Issuer;

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
