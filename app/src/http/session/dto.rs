use inwren_domain::kernel::{AgeCursor, Page, SessionId};
use inwren_domain::session::Session;
use inwren_domain::token::TokenPair;
use poem_openapi::Object;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::http::shared::body::{EXAMPLE_TIME, object, request_body};
use crate::http::shared::cursor::CursorText;

request_body! {
    /// A refresh token to exchange for a new pair of tokens.
    RefreshRequest {
        /// The current refresh token of the session. A successful request replaces it.
        refresh_token: String = "eyJhbGciOiJSUzI1NiIsImtpZCI6Ii4uLiIsInR5cCI6InJ0K2p3dCJ9.e30.c2ln".to_owned(),
    }
}

object! {
    /// A pair of tokens (RFC 6749 section 5.1).
    #[oai(rename = "Token")]
    pub(in crate::http) TokenDto {
        /// The access token for your services: a JWT, signed with RS256, which they can verify locally.
        pub(in crate::http) access_token: String = "eyJhbGciOiJSUzI1NiIsImtpZCI6Ii4uLiIsInR5cCI6ImF0K2p3dCJ9.e30.c2ln".to_owned(),
        /// The refresh token. It works once: each refresh returns its successor.
        pub(in crate::http) refresh_token: String = "eyJhbGciOiJSUzI1NiIsImtpZCI6Ii4uLiIsInR5cCI6InJ0K2p3dCJ9.e30.c2ln".to_owned(),
        /// Always `bearer`.
        pub(in crate::http) token_type: String = "bearer".to_owned(),
        /// How long the access token is valid, in seconds.
        pub(in crate::http) expires_in: u32 = 1800,
    }
}

impl From<TokenPair> for TokenDto {
    fn from(pair: TokenPair) -> Self {
        Self {
            access_token: pair.access_token.expose().to_owned(),
            refresh_token: pair.refresh_token.expose().to_owned(),
            token_type: "bearer".to_owned(),
            expires_in: u32::try_from(pair.expires_in.whole_seconds()).unwrap_or(0),
        }
    }
}

object! {
    /// A session: one login on one device.
    #[oai(rename = "Session")]
    pub(in crate::http) SessionDto {
        /// The id of the session, which is the `sid` of its tokens.
        id: Uuid = Uuid::from_u128(0x0199_3b1e_7a5c_7f3a_9d2e_6c1b_0a4f_8e22),
        /// When the user logged in.
        created_at: OffsetDateTime = EXAMPLE_TIME,
        /// The assurance level of the last authentication: `aal1`, one factor, `aal2`, two factors, or `phr`, a
        /// phishing-resistant factor.
        acr: String = "aal1".to_owned(),
        /// When the session started or was last refreshed.
        last_used_at: OffsetDateTime = EXAMPLE_TIME + time::Duration::hours(1),
        /// When the session expires unless it is refreshed.
        expires_at: OffsetDateTime = EXAMPLE_TIME + time::Duration::days(7),
        /// The client's IP address at login.
        #[oai(nullable)]
        ip_address: Option<String> = Some("203.0.113.9".to_owned()),
        /// The client's `User-Agent` at login.
        #[oai(nullable)]
        user_agent: Option<String> = Some("Mozilla/5.0".to_owned()),
        /// The client's IP address at `last_used_at`.
        #[oai(nullable)]
        last_ip_address: Option<String> = Some("198.51.100.23".to_owned()),
        /// The client's `User-Agent` at `last_used_at`.
        #[oai(nullable)]
        last_user_agent: Option<String> = Some("Mozilla/5.0".to_owned()),
        /// Whether this is the session of the request.
        current: bool = true,
    }
}

/// A page of the active sessions of a user, newest first.
#[derive(Object)]
#[oai(rename = "SessionList", example)]
pub(in crate::http) struct SessionList {
    /// The sessions.
    items: Vec<SessionDto>,
    /// The cursor of the next page; `null` on the last page.
    #[oai(nullable)]
    pub(in crate::http) next_cursor: Option<String>,
}

impl poem_openapi::types::Example for SessionList {
    fn example() -> Self {
        let session = SessionDto::example();
        let next = AgeCursor { created_at: session.created_at, id: SessionId::from_uuid(session.id) };
        Self { items: vec![session], next_cursor: Some(next.encode()) }
    }
}

impl SessionList {
    /// Lists a page of sessions. `current` is the session of the request, if the page contains it.
    pub(in crate::http) fn new(
        page: &Page<Session, AgeCursor<SessionId>>,
        current: Option<SessionId>,
    ) -> Self {
        let dto = |session: &Session| SessionDto {
            id: session.id.as_uuid(),
            created_at: session.created_at,
            acr: session.assurance.acr.to_string(),
            last_used_at: session.last_used_at,
            expires_at: session.expires_at,
            ip_address: session.client.ip_address.map(|address| address.to_string()),
            user_agent: session.client.user_agent.clone(),
            last_ip_address: session.last_client.ip_address.map(|address| address.to_string()),
            last_user_agent: session.last_client.user_agent.clone(),
            current: Some(session.id) == current,
        };
        Self { items: page.items.iter().map(dto).collect(), next_cursor: page.next.map(|next| next.encode()) }
    }
}
