//! Lists the audit events of the caller's own account.

use time::OffsetDateTime;

use super::{AuditEvent, AuditEventId, AuditEventKind, AuditFilter};
use crate::kernel::{AgeCursor, ClientInfo, Page, PageRequest, SessionId, UserId};
use crate::session::Principal;
use crate::{Core, PortFailure};

/// An audit event, as its user sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activity {
    /// Identifies the event.
    pub id: AuditEventId,
    /// When it happened.
    pub occurred_at: OffsetDateTime,
    /// What happened.
    pub kind: AuditEventKind,
    /// Who acted.
    pub actor: Actor,
    /// The session that the event is about, if any.
    pub session_id: Option<SessionId>,
    /// Where the request came from. Empty for the request of an administrator: users learn neither the address nor the
    /// browser of another person.
    pub client: ClientInfo,
}

/// Who caused an event, as far as the user may know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// The user.
    User,
    /// A superuser, or an operator on the command line.
    Administrator,
    /// The service: it detected the reuse of a token, or removed factors after the announced delay.
    Service,
}

impl Actor {
    /// The name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Administrator => "administrator",
            Self::Service => "service",
        }
    }
}

impl Activity {
    fn new(event: AuditEvent, user: UserId) -> Self {
        let actor = match event.actor_id {
            Some(actor) if actor == user => Actor::User,
            None if matches!(
                event.kind,
                AuditEventKind::RefreshTokenReused | AuditEventKind::FactorsRemoved
            ) =>
            {
                Actor::Service
            }
            Some(_) | None => Actor::Administrator,
        };
        let client = if actor == Actor::Administrator { ClientInfo::default() } else { event.client };
        let AuditEvent { id, occurred_at, kind, session_id, .. } = event;
        Self { id, occurred_at, kind, actor, session_id, client }
    }
}

/// Returns a page of the caller's events, newest first.
pub async fn page(
    core: &Core,
    principal: &Principal,
    page: PageRequest<AgeCursor<AuditEventId>>,
) -> Result<Page<Activity, AgeCursor<AuditEventId>>, PortFailure> {
    let user = principal.user.id;
    let filter = AuditFilter { subject: Some(user.into()), ..AuditFilter::default() };
    let found = core.store.read().await?.audit().page(&filter, page).await?;
    let items = found.items.into_iter().map(|event| Activity::new(event, user)).collect();
    Ok(Page { items, next: found.next })
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use uuid::Uuid;

    use super::*;
    use crate::audit::OPERATOR;

    #[test]
    fn only_administrators_stay_anonymous() {
        let [user, other] = [1, 2].map(|n| UserId::from_uuid(Uuid::from_u128(n)));
        let seen = |kind, actor_id| {
            let client = ClientInfo::new(Some(Ipv4Addr::LOCALHOST.into()), Some("browser/1.0"));
            let event = AuditEvent {
                id: AuditEventId::from_uuid(Uuid::nil()),
                occurred_at: OffsetDateTime::UNIX_EPOCH,
                kind,
                subject: user.into(),
                session_id: None,
                actor_id,
                client,
                reason: None,
            };
            let activity = Activity::new(event, user);
            (activity.actor, activity.client != ClientInfo::default())
        };
        assert_eq!(seen(AuditEventKind::LoggedIn, Some(user)), (Actor::User, true));
        assert_eq!(seen(AuditEventKind::UserUpdated, Some(other)), (Actor::Administrator, false));
        assert_eq!(seen(AuditEventKind::UserUpdated, Some(OPERATOR)), (Actor::Administrator, false));
        // Earlier releases recorded no actor for the command line.
        assert_eq!(seen(AuditEventKind::PasswordChanged, None), (Actor::Administrator, false));
        assert_eq!(seen(AuditEventKind::RefreshTokenReused, None), (Actor::Service, true));
    }
}
