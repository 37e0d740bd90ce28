//! In-memory audit events.

use std::sync::Arc;

use async_trait::async_trait;
use inwren_domain::audit::{AuditEvent, AuditEventKind, AuditLog, AuditReader, Subject};
use inwren_domain::kernel::{StoreError, UserId};
use time::OffsetDateTime;

use super::state::State;
use super::unit::MemoryUnit;
use super::view::MemoryView;

/// Maximum number of stored audit events, so that a long-lived process does not grow without limit.
const MAX_AUDIT_EVENTS: usize = 100_000;

#[async_trait]
impl AuditReader for MemoryView {
    async fn latest(&mut self, limit: u16) -> Result<Vec<AuditEvent>, StoreError> {
        Ok(self.shared.snapshot().latest_events(limit.into()))
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
        self.audit.push_back(Arc::new(event));
        if self.audit.len() > MAX_AUDIT_EVENTS {
            self.audit.pop_front();
        }
    }

    /// Deletes at most `limit` events that occurred before `before`, oldest first.
    pub(super) fn sweep_events(&mut self, before: OffsetDateTime, limit: usize) -> usize {
        let old = self.audit.iter().filter(|event| event.occurred_at < before);
        let mut old: Vec<_> = old.map(|event| (event.occurred_at, event.id)).collect();
        old.sort_unstable();
        old.truncate(limit);
        self.audit.retain(|event| old.binary_search(&(event.occurred_at, event.id)).is_err());
        old.len()
    }

    pub(super) fn has_event(&self, user: UserId, kind: AuditEventKind) -> bool {
        self.audit.iter().any(|event| event.subject == Subject::User(user) && event.kind == kind)
    }

    pub(super) fn latest_events(&self, limit: usize) -> Vec<AuditEvent> {
        self.audit.iter().rev().take(limit).map(|event| event.as_ref().clone()).collect()
    }
}
