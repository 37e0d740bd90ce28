use inwren_domain::account::User;
use inwren_domain::kernel::{AgeCursor, Page, SessionId};
use inwren_domain::session::Session;
use poem_openapi::Object;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::http::body::{EXAMPLE_TIME, object, request_body};
use crate::http::cursor::CursorText;

object! {
    /// A user, as the user sees it.
    #[oai(rename = "User")]
    pub(in crate::http) UserDto {
        /// Names the user for ever.
        id: Uuid = Uuid::from_u128(0x0199_3b1e_7a5c_7f3a_9d2e_6c1b_0a4f_8e21),
        /// The login name, as it was given.
        email: String = "ann@example.org".to_owned(),
        /// The service tier.
        tier: String = "free".to_owned(),
        /// Whether the user may log in.
        is_active: bool = true,
        /// When the user registered.
        created_at: OffsetDateTime = EXAMPLE_TIME,
    }
}

impl From<&User> for UserDto {
    fn from(user: &User) -> Self {
        Self {
            id: user.id.as_uuid(),
            email: user.email.as_str().to_owned(),
            tier: user.tier.as_str().to_owned(),
            is_active: user.is_active,
            created_at: user.created_at,
        }
    }
}

request_body! {
    /// What is to change of the own account. What is left out stays.
    UpdateUserRequest {
        /// The new login name. Needs a recent login.
        #[oai(nullable, validator(min_length = 3, max_length = 254))]
        email: Option<String> = Some("ann.lee@example.org".to_owned()),
        /// The new tier, from those that users may choose themselves; superusers may choose any.
        #[oai(nullable)]
        tier: Option<String> = Some("free".to_owned()),
    }
}

request_body! {
    /// The old password, and the new one.
    ChangePasswordRequest {
        /// Proves that it is the owner who asks.
        current_password: String = "securepassword123".to_owned(),
        /// 8 to 128 characters of any kind, where each word that names the service or the user counts as one; not one of
        /// the most common passwords, and neither the e-mail address nor the part of it before the @.
        #[oai(validator(min_length = 8, max_length = 128))]
        new_password: String = "even more secure 456".to_owned(),
    }
}

object! {
    /// A login on one device.
    #[oai(rename = "Session")]
    pub(in crate::http) SessionDto {
        /// Names the session; the `sid` of its tokens.
        id: Uuid = Uuid::from_u128(0x0199_3b1e_7a5c_7f3a_9d2e_6c1b_0a4f_8e22),
        /// When the user logged in.
        created_at: OffsetDateTime = EXAMPLE_TIME,
        /// How strongly the user proved who they are: `aal1`, one factor.
        acr: String = "aal1".to_owned(),
        /// When the session was opened or last refreshed.
        last_used_at: OffsetDateTime = EXAMPLE_TIME + time::Duration::hours(1),
        /// When it ends if it is not refreshed before.
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
        /// Whether it is the session that asks.
        current: bool = true,
    }
}

/// A page of the live sessions of a user, newest first.
#[derive(Object)]
#[oai(rename = "SessionList", example)]
pub(in crate::http) struct SessionList {
    /// The sessions.
    items: Vec<SessionDto>,
    /// Where the next page begins; `null` on the last one.
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
    /// Lists a page of sessions; `current` is the one that asks, if it is among them.
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
