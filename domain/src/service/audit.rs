use time::OffsetDateTime;

use crate::Core;
use crate::model::{AuditEvent, AuditEventId, AuditEventKind, ClientInfo, SessionId, Subject, UserId};
use crate::ports::EntropyError;

/// What the events of one request have in common.
pub(super) struct Trail<'a> {
    pub(super) core: &'a Core,
    pub(super) at: OffsetDateTime,
    pub(super) actor: Option<UserId>,
    pub(super) client: &'a ClientInfo,
}

impl Trail<'_> {
    /// An event of this request.
    pub(super) fn event(
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
        })
    }
}
