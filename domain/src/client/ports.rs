use async_trait::async_trait;
use time::OffsetDateTime;

use super::ServiceClient;
use crate::kernel::{ServiceClientId, StoreError};

/// Reads service clients.
#[async_trait]
pub trait ServiceClientReader: Send {
    /// The client with this id, revoked or not.
    async fn by_id(&mut self, id: ServiceClientId) -> Result<Option<ServiceClient>, StoreError>;

    /// All clients, revoked ones too. They MUST come in the order in which they were made.
    async fn all(&mut self) -> Result<Vec<ServiceClient>, StoreError>;
}

/// Writes service clients.
#[async_trait]
pub trait ServiceClientRepository: Send {
    /// Adds a client. It MUST change nothing and answer `false` if another one has its name, revoked or not.
    async fn insert(&mut self, client: &ServiceClient) -> Result<bool, StoreError>;

    /// Takes a client's access away. It MUST change nothing and answer `false` if there is none with this id or it was
    /// revoked before.
    async fn revoke(&mut self, id: ServiceClientId, at: OffsetDateTime) -> Result<bool, StoreError>;
}
