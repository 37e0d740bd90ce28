use inwren_domain::client::Client;
use inwren_domain::client::token::ClientToken;
use inwren_domain::provider::userinfo::UserInfo;
use inwren_domain::provider::{Consent, Tokens};
use inwren_domain::token::ClaimValue;
use time::OffsetDateTime;

use crate::http::shared::body::{EXAMPLE_TIME, object};

object! {
    /// The tokens of an application or a service (RFC 6749 section 5.1; OpenID Connect Core section 3.1.3.3).
    #[oai(rename = "TokenResponse", skip_serializing_if_is_none)]
    pub(super) TokenResponseDto {
        /// The access token for resource servers and for userinfo: a JWT, signed with RS256.
        access_token: String = "eyJhbGciOiJSUzI1NiIsImtpZCI6Ii4uLiIsInR5cCI6ImF0K2p3dCJ9.e30.c2ln".to_owned(),
        /// Always `Bearer`.
        token_type: String = "Bearer".to_owned(),
        /// How long the access token is valid, in seconds.
        expires_in: u32 = 1800,
        /// The refresh token, if the client may have one. It works once: each refresh returns its successor.
        refresh_token: Option<String> =
            Some("eyJhbGciOiJSUzI1NiIsImtpZCI6Ii4uLiIsInR5cCI6InJ0K2p3dCJ9.e30.c2ln".to_owned()),
        /// The ID token, with the scope `openid`: a JWT for the application itself, signed with RS256.
        id_token: Option<String> =
            Some("eyJhbGciOiJSUzI1NiIsImtpZCI6Ii4uLiIsInR5cCI6IkpXVCJ9.e30.c2ln".to_owned()),
        /// The scope of the access token. Absent if it is empty.
        scope: Option<String> = Some("openid email".to_owned()),
    }
}

impl From<Tokens> for TokenResponseDto {
    fn from(tokens: Tokens) -> Self {
        Self {
            access_token: tokens.access_token.expose().to_owned(),
            token_type: "Bearer".to_owned(),
            expires_in: seconds(tokens.expires_in),
            refresh_token: tokens.refresh_token.map(|token| token.expose().to_owned()),
            id_token: tokens.id_token.map(|token| token.expose().to_owned()),
            scope: Some(tokens.scope.to_string()).filter(|names| !names.is_empty()),
        }
    }
}

impl From<ClientToken> for TokenResponseDto {
    fn from(token: ClientToken) -> Self {
        Self {
            access_token: token.access_token.expose().to_owned(),
            token_type: "Bearer".to_owned(),
            expires_in: seconds(token.expires_in),
            refresh_token: None,
            id_token: None,
            scope: Some(token.scope.to_string()).filter(|names| !names.is_empty()),
        }
    }
}

fn seconds(lifetime: time::Duration) -> u32 {
    u32::try_from(lifetime.whole_seconds()).unwrap_or(0)
}

object! {
    /// The claims about a user that the scope of the access token permits (OpenID Connect Core section 5.3.2).
    #[oai(rename = "UserInfo", skip_serializing_if_is_none)]
    pub(super) UserInfoDto {
        /// The permanent id of the user.
        sub: String = "01993b1e-7a5c-7f3a-9d2e-6c1b0a4f8e21".to_owned(),
        /// The login name: the e-mail address. With the scope `profile`.
        preferred_username: Option<String> = Some("ann@example.org".to_owned()),
        /// The language of the user, if it is known. With the scope `profile`.
        locale: Option<String> = Some("en".to_owned()),
        /// When the user was last changed, in seconds since 1970. With the scope `profile`.
        updated_at: Option<i64> = Some(1_800_000_000),
        /// The service tier of the user. With the scope `profile`.
        tier: Option<String> = Some("free".to_owned()),
        /// The e-mail address. With the scope `email`.
        email: Option<String> = Some("ann@example.org".to_owned()),
        /// Whether the user proved to control the mailbox of the address. With the scope `email`.
        email_verified: Option<bool> = Some(true),
    }
}

impl From<UserInfo> for UserInfoDto {
    fn from(info: UserInfo) -> Self {
        let mut dto = Self {
            sub: info.subject.to_string(),
            preferred_username: None,
            locale: None,
            updated_at: None,
            tier: None,
            email: None,
            email_verified: None,
        };
        for claim in info.claims {
            match claim {
                ("preferred_username", ClaimValue::Text(text)) => dto.preferred_username = Some(text),
                ("locale", ClaimValue::Text(text)) => dto.locale = Some(text),
                ("updated_at", ClaimValue::Seconds(seconds)) => dto.updated_at = Some(seconds),
                ("tier", ClaimValue::Text(text)) => dto.tier = Some(text),
                ("email", ClaimValue::Text(text)) => dto.email = Some(text),
                ("email_verified", ClaimValue::Flag(flag)) => dto.email_verified = Some(flag),
                _ => {}
            }
        }
        dto
    }
}

object! {
    /// An application that a user has allowed to read claims.
    #[oai(rename = "Grant")]
    pub(super) GrantDto {
        /// The client id of the application.
        client_id: String = "grafana".to_owned(),
        /// The name of the application.
        name: String = "Grafana".to_owned(),
        /// What the user allows.
        scopes: Vec<String> = ["openid", "profile", "email"].map(str::to_owned).to_vec(),
        /// When the user first allowed it.
        created_at: OffsetDateTime = EXAMPLE_TIME,
        /// When the user last allowed it.
        updated_at: OffsetDateTime = EXAMPLE_TIME + time::Duration::days(1),
    }
}

impl From<&(Consent, Client)> for GrantDto {
    fn from((consent, client): &(Consent, Client)) -> Self {
        Self {
            client_id: client.id.to_string(),
            name: client.settings.name.to_string(),
            scopes: consent.scope.names().map(str::to_owned).collect(),
            created_at: consent.created_at,
            updated_at: consent.updated_at,
        }
    }
}

object! {
    /// The applications that a user has allowed to read claims, oldest first.
    #[oai(rename = "GrantList")]
    pub(super) GrantListDto {
        /// The applications.
        pub(super) items: Vec<GrantDto> = vec![GrantDto::example()],
    }
}
