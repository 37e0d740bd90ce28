use super::{Inserted, StoreError, UnitOfWork};
use crate::model::{AuditEvent, User};

/// A user who is new.
#[derive(Clone, Debug)]
pub struct Registration {
    /// The user.
    pub user: User,
    /// What is told of it.
    pub event: AuditEvent,
}

impl Registration {
    /// Adds the user in a unit of work, and commits it.
    pub async fn within(&self, mut unit: Box<dyn UnitOfWork>) -> Result<Inserted, StoreError> {
        let inserted = unit.users().insert(&self.user).await?;
        match inserted {
            Inserted::Inserted => {
                unit.audit().record(&self.event).await?;
                unit.commit().await?;
            }
            Inserted::EmailTaken => unit.rollback().await?,
        }
        Ok(inserted)
    }
}
