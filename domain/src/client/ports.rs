use async_trait::async_trait;
use time::OffsetDateTime;

use super::ServiceClient;
use crate::client::ServiceClientId;
use crate::kernel::StoreError;

/// Reads service clients.
#[async_trait]
pub trait ServiceClientReader: Send {
    /// The client with this id, revoked or not.
    async fn by_id(&mut self, id: ServiceClientId) -> Result<Option<ServiceClient>, StoreError>;

    /// All clients, including revoked ones. They MUST be in the order of their creation.
    async fn all(&mut self) -> Result<Vec<ServiceClient>, StoreError>;
}

/// Writes service clients.
#[async_trait]
pub trait ServiceClientRepository: Send {
    /// Adds a client. If another client has its name, revoked or not, it MUST change nothing and return `false`.
    async fn insert(&mut self, client: &ServiceClient) -> Result<bool, StoreError>;

    /// Revokes a client. If no client has this id, or it is already revoked, it MUST change nothing and return `false`.
    async fn revoke(&mut self, id: ServiceClientId, at: OffsetDateTime) -> Result<bool, StoreError>;
}
