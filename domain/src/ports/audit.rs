use async_trait::async_trait;

use super::StoreError;
use crate::model::AuditEvent;

/// Reads audit events.
#[async_trait]
pub trait AuditReader: Send {
    /// The latest events, newest first.
    async fn latest(&mut self, limit: u16) -> Result<Vec<AuditEvent>, StoreError>;
}

/// Writes audit events.
#[async_trait]
pub trait AuditLog: Send {
    /// Adds an event. It MUST be there if and only if the unit commits.
    async fn record(&mut self, event: &AuditEvent) -> Result<(), StoreError>;
}
