//! In-memory service clients.

use std::sync::Arc;

use async_trait::async_trait;
use inwren_domain::client::ServiceClientId;
use inwren_domain::client::{ServiceClient, ServiceClientReader, ServiceClientRepository};
use inwren_domain::kernel::StoreError;
use time::OffsetDateTime;

use super::state::State;
use super::unit::MemoryUnit;
use super::view::MemoryView;

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
impl ServiceClientRepository for MemoryUnit {
    async fn insert(&mut self, client: &ServiceClient) -> Result<bool, StoreError> {
        if self.state.clients().iter().any(|other| other.name == client.name) {
            return Ok(false);
        }
        self.state.put_client(client.clone());
        Ok(true)
    }

    async fn revoke(&mut self, id: ServiceClientId, at: OffsetDateTime) -> Result<bool, StoreError> {
        let live = self.state.client(id).filter(|client| client.revoked_at.is_none()).cloned();
        let Some(client) = live else { return Ok(false) };
        self.state.put_client(ServiceClient { revoked_at: Some(at), ..client });
        Ok(true)
    }
}

impl State {
    pub(super) fn client(&self, id: ServiceClientId) -> Option<&ServiceClient> {
        self.clients.get(&id).map(Arc::as_ref)
    }

    /// Returns all service clients, in the order of their creation.
    pub(super) fn clients(&self) -> Vec<ServiceClient> {
        let mut clients: Vec<ServiceClient> = self.clients.values().map(|c| c.as_ref().clone()).collect();
        clients.sort_by_key(|client| (client.created_at, client.id));
        clients
    }

    pub(super) fn put_client(&mut self, client: ServiceClient) {
        self.clients.insert(client.id, Arc::new(client));
    }
}
