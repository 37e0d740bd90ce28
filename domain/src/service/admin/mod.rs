//! What superusers do with users.
//!
//! Every use case takes an [`Admin`], which only [`Admin::authorise`] makes of a [`Principal`], which only authentication
//! makes: a forgotten check does not compile.

pub mod delete;
pub mod list;
pub mod sessions;
pub mod update;

use crate::model::UserId;
use crate::ports::{StoreError, UnitOfWork};
use crate::service::auth::Principal;

/// Witness that somebody may administer.
#[derive(Clone, Copy, Debug)]
pub struct Admin {
    id: UserId,
}

/// Somebody is known, but may not do this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotPermitted;

/// There is no such user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotFound;

impl Admin {
    /// Decides by the user as stored, not by what the token remembers (OWASP ASVS 5.0, 8.3.2).
    pub fn authorise(principal: &Principal) -> Result<Self, NotPermitted> {
        if principal.user.is_superuser { Ok(Self { id: principal.user.id }) } else { Err(NotPermitted) }
    }

    /// Who it is.
    pub fn id(self) -> UserId {
        self.id
    }

    /// Locks the active superusers, and gives them if the witness is still among them: what an administrator writes
    /// holds only if nobody took the right away meanwhile.
    async fn confirm(self, unit: &mut dyn UnitOfWork) -> Result<Option<Vec<UserId>>, StoreError> {
        let superusers = unit.users().lock_active_superusers().await?;
        Ok(superusers.contains(&self.id).then_some(superusers))
    }
}
