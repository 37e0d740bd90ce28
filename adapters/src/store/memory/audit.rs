//! In-memory audit events.

use std::ops::Bound;
use std::sync::Arc;

use async_trait::async_trait;
use inwren_domain::audit::{
    AuditEvent, AuditEventId, AuditEventKind, AuditFilter, AuditLog, AuditReader, Subject,
};
use inwren_domain::kernel::{AgeCursor, Page, PageRequest, StoreError, UserId};
use time::OffsetDateTime;
use uuid::Uuid;

use super::state::State;
use super::unit::MemoryUnit;
use super::view::MemoryView;

/// Maximum number of stored audit events, so that a long-lived process does not grow without limit.
const MAX_AUDIT_EVENTS: usize = 100_000;

#[async_trait]
impl AuditReader for MemoryView {
    async fn page(
        &mut self,
        filter: &AuditFilter,
        page: PageRequest<AgeCursor<AuditEventId>>,
    ) -> Result<Page<AuditEvent, AgeCursor<AuditEventId>>, StoreError> {
        Ok(self.shared.snapshot().page_of_events(filter, &page))
    }

    async fn has(&mut self, user: UserId, kind: AuditEventKind) -> Result<bool, StoreError> {
        Ok(self.shared.snapshot().has_event(user, kind))
    }
}

#[async_trait]
impl AuditLog for MemoryUnit {
    async fn record(&mut self, event: &AuditEvent) -> Result<(), StoreError> {
        self.state.record(event.clone());
        Ok(())
    }

    async fn record_all(&mut self, events: &[AuditEvent]) -> Result<(), StoreError> {
        for event in events {
            self.state.record(event.clone());
        }
        Ok(())
    }

    async fn sweep(&mut self, before: OffsetDateTime, limit: u16) -> Result<u64, StoreError> {
        Ok(self.state.sweep_events(before, limit.into()) as u64)
    }
}

impl State {
    pub(super) fn record(&mut self, event: AuditEvent) {
        self.audit.insert((event.occurred_at, event.id), Arc::new(event));
        if self.audit.len() > MAX_AUDIT_EVENTS {
            self.sweep_first(1);
        }
    }

    /// Deletes at most `limit` events that occurred before `before`, oldest first.
    pub(super) fn sweep_events(&mut self, before: OffsetDateTime, limit: usize) -> usize {
        let first_kept = (before, AuditEventId::from_uuid(Uuid::nil()));
        let old = self.audit.range(..first_kept).take(limit).count();
        self.sweep_first(old);
        old
    }

    fn sweep_first(&mut self, count: usize) {
        for _ in 0..count {
            self.audit = self.audit.without_min().1;
        }
    }

    pub(super) fn has_event(&self, user: UserId, kind: AuditEventKind) -> bool {
        self.audit.values().any(|event| event.subject == Subject::User(user) && event.kind == kind)
    }

    pub(super) fn page_of_events(
        &self,
        filter: &AuditFilter,
        page: &PageRequest<AgeCursor<AuditEventId>>,
    ) -> Page<AuditEvent, AgeCursor<AuditEventId>> {
        let start =
            page.after.map_or(Bound::Unbounded, |after| Bound::Excluded((after.created_at, after.id)));
        let older = self.audit.range((Bound::Unbounded, start)).rev().map(|(_, event)| event);
        let matching = older.filter(|event| filter.matches(event));
        let one_more = matching.take(usize::from(page.limit()) + 1);
        let found = one_more.map(|event| event.as_ref().clone()).collect();
        Page::from_one_more(found, page.limit(), AgeCursor::after_event)
    }
}
