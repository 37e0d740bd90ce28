use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use inwren_domain::account::{User, UserFilter, UserReader};
use inwren_domain::audit::{AuditEvent, AuditEventKind, AuditReader};
use inwren_domain::client::{ServiceClient, ServiceClientReader};
use inwren_domain::credential::{Account, CredentialReader};
use inwren_domain::kernel::{
    AgeCursor, Email, Page, PageRequest, ServiceClientId, SessionId, StoreError, UserId,
};
use inwren_domain::session::{Session, SessionReader};
use time::OffsetDateTime;

use super::shared::Shared;

/// Reads what is committed at each call.
pub(super) struct MemoryView {
    shared: Arc<Shared>,
}

impl MemoryView {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }
}

#[async_trait]
impl UserReader for MemoryView {
    async fn by_id(&mut self, id: UserId) -> Result<Option<User>, StoreError> {
        Ok(self.shared.snapshot().user(id).cloned())
    }

    async fn by_email(&mut self, email: &Email) -> Result<Option<User>, StoreError> {
        Ok(self.shared.snapshot().user_by_email(email).cloned())
    }

    async fn page(&mut self, filter: &UserFilter, page: PageRequest) -> Result<Page<User>, StoreError> {
        Ok(self.shared.snapshot().page(filter, &page))
    }
}

#[async_trait]
impl CredentialReader for MemoryView {
    async fn by_id(&mut self, id: UserId) -> Result<Option<Account>, StoreError> {
        Ok(self.shared.snapshot().account(id))
    }

    async fn by_email(&mut self, email: &Email) -> Result<Option<Account>, StoreError> {
        Ok(self.shared.snapshot().account_by_email(email))
    }
}

#[async_trait]
impl SessionReader for MemoryView {
    async fn with_user(&mut self, id: SessionId) -> Result<Option<(Session, User)>, StoreError> {
        let state = self.shared.snapshot();
        Ok(state.session_with_user(id).map(|(session, user)| (session.clone(), user.clone())))
    }

    async fn live_of(
        &mut self,
        user: UserId,
        now: OffsetDateTime,
        page: PageRequest<AgeCursor<SessionId>>,
    ) -> Result<Page<Session, AgeCursor<SessionId>>, StoreError> {
        Ok(self.shared.snapshot().live_sessions(user, now, page))
    }

    async fn recent_addresses(&mut self, email: &Email, limit: u16) -> Result<Vec<IpAddr>, StoreError> {
        Ok(self.shared.snapshot().recent_addresses(email, limit.into()))
    }
}

#[async_trait]
impl ServiceClientReader for MemoryView {
    async fn by_id(&mut self, id: ServiceClientId) -> Result<Option<ServiceClient>, StoreError> {
        Ok(self.shared.snapshot().client(id).cloned())
    }

    async fn all(&mut self) -> Result<Vec<ServiceClient>, StoreError> {
        Ok(self.shared.snapshot().clients())
    }
}

#[async_trait]
impl AuditReader for MemoryView {
    async fn latest(&mut self, limit: u16) -> Result<Vec<AuditEvent>, StoreError> {
        Ok(self.shared.snapshot().latest_events(limit.into()))
    }

    async fn has(&mut self, user: UserId, kind: AuditEventKind) -> Result<bool, StoreError> {
        Ok(self.shared.snapshot().has_event(user, kind))
    }
}
