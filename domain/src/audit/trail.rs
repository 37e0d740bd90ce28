use time::OffsetDateTime;

use super::{AuditEvent, AuditEventKind, Subject};
use crate::Core;
use crate::audit::AuditEventId;
use crate::kernel::{ClientInfo, EntropyError, SessionId, UserId};

/// What the events of one request share.
pub(crate) struct Trail<'a> {
    pub(crate) core: &'a Core,
    pub(crate) at: OffsetDateTime,
    pub(crate) actor: Option<UserId>,
    pub(crate) client: &'a ClientInfo,
}

impl Trail<'_> {
    /// Creates an event of this request.
    pub(crate) fn event(
        &self,
        kind: AuditEventKind,
        subject: impl Into<Subject>,
        session_id: Option<SessionId>,
    ) -> Result<AuditEvent, EntropyError> {
        Ok(AuditEvent {
            id: AuditEventId::generate(self.at, self.core.entropy.as_ref())?,
            occurred_at: self.at,
            kind,
            subject: subject.into(),
            session_id,
            actor_id: self.actor,
            client: self.client.clone(),
            reason: None,
        })
    }
}
