use async_trait::async_trait;
use time::OffsetDateTime;

use super::{AuditEvent, AuditEventKind};
use crate::kernel::{StoreError, UserId};

/// Reads audit events.
#[async_trait]
pub trait AuditReader: Send {
    /// The latest events, newest first.
    async fn latest(&mut self, limit: u16) -> Result<Vec<AuditEvent>, StoreError>;

    /// Whether there is an event of this kind about this user. Its cost MUST NOT grow with the events of other users.
    async fn has(&mut self, user: UserId, kind: AuditEventKind) -> Result<bool, StoreError>;
}

/// Writes audit events.
#[async_trait]
pub trait AuditLog: Send {
    /// Adds an event. It MUST be there if and only if the unit commits.
    async fn record(&mut self, event: &AuditEvent) -> Result<(), StoreError>;

    /// Adds many events, each as [`record`](Self::record) does.
    async fn record_all(&mut self, events: &[AuditEvent]) -> Result<(), StoreError>;

    /// Deletes at most `limit` events that occurred before `before`, and tells how many. It MUST take the oldest first, and
    /// MUST leave those that occurred at `before` or later. Of sweeps at once each event MUST be deleted and counted by
    /// one; where a store has several writers, a sweep MUST pass over what another one is deleting and not wait for it.
    async fn sweep(&mut self, before: OffsetDateTime, limit: u16) -> Result<u64, StoreError>;
}
