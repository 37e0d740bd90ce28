//! The cookie of a browser session.

use time::Duration;
use uuid::Uuid;

use crate::Core;
use crate::kernel::{EntropyError, PlainToken, SessionId, random_secret};
use crate::token::IssuedToken;

/// How long a browser session lasts that is not used.
pub(super) const IDLE: Duration = Duration::hours(24);
/// How long a browser session lasts, however often it is used.
pub(super) const MAX_LIFETIME: Duration = Duration::days(30);

/// Creates the cookie of a session: its id, and 256 random bits.
pub(super) fn new_cookie(core: &Core, session: SessionId) -> Result<IssuedToken, EntropyError> {
    let secret = random_secret(core.entropy.as_ref())?;
    let token = PlainToken::new(format!("{}.{}", session.as_uuid().simple(), secret.expose()));
    Ok(IssuedToken { digest: core.verifier.digest(&token), token })
}

/// Returns the session that a cookie names. Nothing is verified.
pub(super) fn cookie_of(cookie: &str) -> Option<SessionId> {
    let (id, _) = cookie.split_once('.').filter(|_| cookie.len() <= 100)?;
    Uuid::try_parse(id).ok().map(SessionId::from_uuid)
}
