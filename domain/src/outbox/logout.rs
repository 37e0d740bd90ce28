//! Tells applications that a session has ended (OpenID Connect Back-Channel Logout 1.0).

use time::{Duration, OffsetDateTime};

use super::{Letter, LetterState, MailError};
use crate::audit::{AuditEvent, AuditEventKind, Trail};
use crate::client::ClientUid;
use crate::kernel::{SessionId, TokenId};
use crate::token::LogoutClaims;
use crate::{Core, PortFailure};

/// How long a logout token is valid.
const LIFETIME: Duration = Duration::minutes(2);

/// Signs a logout token and delivers it. `None` if there is nothing to say: the application is gone, or wants no logout
/// tokens any more.
pub(super) async fn send(
    core: &Core,
    letter: &Letter,
    client: ClientUid,
    session: SessionId,
) -> Result<Option<Result<(), MailError>>, PortFailure> {
    let found = core.store.read().await?.clients().by_uid(client).await?;
    let Some(client) = found.filter(|client| client.is_active()) else { return Ok(None) };
    let (Some(uri), Some(user)) = (&client.settings.backchannel_logout_uri, letter.user_id) else {
        return Ok(None);
    };
    let now = core.clock.signing_time()?.truncate_to_second();
    let token = core.issuer.issue_logout(&LogoutClaims {
        id: TokenId::for_access(0, core.entropy.as_ref())?,
        client_id: client.id.clone(),
        user_id: user,
        session_id: session,
        issued_at: now,
        expires_at: now + LIFETIME,
    })?;
    let sent = core.outbound.post_form(uri.as_str(), &[("logout_token", token.expose())]).await;
    Ok(Some(match sent {
        // Section 2.7: 200, and 204 from applications that use a framework's answer without a body.
        Ok(200 | 204) => Ok(()),
        Ok(status) => Err(MailError::Temporary(format!("the application answered with status {status}"))),
        Err(error) => Err(MailError::Temporary(error.to_string())),
    }))
}

/// The event of a logout token that is not delivered any more.
pub(super) fn event_of(
    core: &Core,
    letter: &Letter,
    at: OffsetDateTime,
) -> Result<Option<AuditEvent>, PortFailure> {
    let Some((client, session)) = letter.logout else { return Ok(None) };
    if letter.state != LetterState::Dead {
        return Ok(None);
    }
    let trail = Trail { core, at, actor: letter.user_id, client: &letter.client };
    Ok(Some(trail.event(AuditEventKind::LogoutNotDelivered, client, Some(session))?))
}
