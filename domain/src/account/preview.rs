//! Shows what a link would do, without doing it.

use time::OffsetDateTime;

use super::verify_email::{Found, find};
use crate::action_token::{self, Parsed, Purpose};
use crate::kernel::{ClientInfo, Email};
use crate::{Core, PortFailure};

/// What a valid link would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// The address that the action is about: see [`ActionToken::email`](crate::action_token::ActionToken::email).
    pub email: Email,
    /// Whether the link creates a user. Only verification links do.
    pub creates_user: bool,
    /// The client that requested the action.
    pub client: ClientInfo,
    /// When it was requested.
    pub requested_at: OffsetDateTime,
    /// When the link expires.
    pub expires_at: OffsetDateTime,
}

/// Returns what the link with this token would do; `None` if it would do nothing. It changes nothing.
pub async fn execute(core: &Core, purpose: Purpose, token: &str) -> Result<Option<Preview>, PortFailure> {
    let now = core.clock.now();
    let Some(parsed) = Parsed::parse(token) else { return Ok(None) };
    let found = match purpose {
        Purpose::VerifyEmail => find(core, &parsed, now).await?,
        _ => action_token::find(core, &parsed, purpose, now).await?.map(|token| Found::User(Box::new(token))),
    };
    Ok(found.map(|found| match found {
        Found::User(token) => Preview {
            email: token.email,
            creates_user: false,
            client: token.client,
            requested_at: token.created_at,
            expires_at: token.expires_at,
        },
        Found::Pending(pending) => Preview {
            email: pending.email,
            creates_user: true,
            client: pending.client,
            requested_at: pending.created_at,
            expires_at: pending.expires_at,
        },
    }))
}
