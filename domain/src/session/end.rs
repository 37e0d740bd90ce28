//! Ends sessions, and announces it to the applications that hold them.
//!
//! Every use case that ends sessions calls these functions, so that no application misses it. The deletion of a user
//! deletes the sessions, and queues their logout tokens itself.

use time::OffsetDateTime;

use super::{RevocationReason, SessionKind};
use crate::client::ClientUid;
use crate::kernel::{SessionId, StoreError, UserId};
use crate::outbox::LogoutsOf;
use crate::store::UnitOfWork;

/// Ends a live session of the user, within a unit that has locked the user. The sessions that began in it end too, if
/// it is a browser's. Returns `false` if there is none with this id.
pub(crate) async fn end(
    unit: &mut dyn UnitOfWork,
    id: SessionId,
    user: UserId,
    reason: RevocationReason,
    at: OffsetDateTime,
) -> Result<bool, StoreError> {
    match unit.sessions().revoke(id, user, reason, at).await? {
        None => return Ok(false),
        Some(SessionKind::Api) => {}
        Some(SessionKind::Application(_)) => {
            unit.outbox().queue_logouts(LogoutsOf::Session(id), user, at).await?;
        }
        Some(SessionKind::Browser) => {
            unit.outbox().queue_logouts(LogoutsOf::Browser(id), user, at).await?;
            unit.sessions().revoke_of_browser(id, user, reason, at).await?;
        }
    }
    Ok(true)
}

/// Ends all sessions of the user, or all except one, as
/// [`SessionRepository::revoke_all`](super::SessionRepository::revoke_all) does.
pub(crate) async fn end_all(
    unit: &mut dyn UnitOfWork,
    user: UserId,
    except: Option<SessionId>,
    reason: RevocationReason,
    at: OffsetDateTime,
) -> Result<u64, StoreError> {
    unit.outbox().queue_logouts(LogoutsOf::User { except }, user, at).await?;
    unit.sessions().revoke_all(user, except, reason, at).await
}

/// Ends the sessions of an application of the user, and returns their number.
pub(crate) async fn end_of_client(
    unit: &mut dyn UnitOfWork,
    client: ClientUid,
    user: UserId,
    reason: RevocationReason,
    at: OffsetDateTime,
) -> Result<u64, StoreError> {
    unit.outbox().queue_logouts(LogoutsOf::Client(client), user, at).await?;
    unit.sessions().revoke_of_client(client, user, reason, at).await
}
