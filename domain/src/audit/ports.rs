use async_trait::async_trait;
use time::OffsetDateTime;

use super::{AuditEvent, AuditEventId, AuditEventKind, AuditFilter};
use crate::kernel::{AgeCursor, Page, PageRequest, StoreError, UserId};

/// Reads audit events.
#[async_trait]
pub trait AuditReader: Send {
    /// A page of the events that match the filter. They MUST come newest first, by `(occurred_at, id)`. Each event that
    /// exists while a caller reads all pages MUST come exactly once. The cost of a page MUST NOT grow with the number of
    /// pages before it. Nor MUST it grow with events that do not match, except those about the same subject.
    async fn page(
        &mut self,
        filter: &AuditFilter,
        page: PageRequest<AgeCursor<AuditEventId>>,
    ) -> Result<Page<AuditEvent, AgeCursor<AuditEventId>>, StoreError>;

    /// Whether an event of this kind exists for this user. The cost MUST NOT grow with the events of other users.
    async fn has(&mut self, user: UserId, kind: AuditEventKind) -> Result<bool, StoreError>;
}

/// Writes audit events.
#[async_trait]
pub trait AuditLog: Send {
    /// Adds an event. It MUST exist if and only if the unit of work commits.
    async fn record(&mut self, event: &AuditEvent) -> Result<(), StoreError>;

    /// Adds many events, each as [`record`](Self::record) does.
    async fn record_all(&mut self, events: &[AuditEvent]) -> Result<(), StoreError>;

    /// Deletes at most `limit` events that occurred before `before`, and returns their number. It MUST delete the
    /// oldest first, and MUST keep events that occurred at `before` or later. If sweeps run concurrently, exactly one
    /// MUST delete and count each event; in a store with several writers, a sweep MUST skip what another sweep is
    /// deleting, and not wait for it.
    async fn sweep(&mut self, before: OffsetDateTime, limit: u16) -> Result<u64, StoreError>;
}
