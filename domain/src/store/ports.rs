use async_trait::async_trait;

use crate::account::import::{UserSnapshot, UserTransfer};
use crate::account::{Inserted, Registration, UserReader, UserRepository};
use crate::audit::{AuditLog, AuditReader};
use crate::client::{ServiceClientReader, ServiceClientRepository};
use crate::credential::{CredentialReader, CredentialRepository};
use crate::kernel::StoreError;
use crate::session::{Opening, OpeningOutcome, Rotation, RotationOutcome, SessionReader, SessionRepository};

/// Where users, sessions and audit events are kept.
///
/// The rules of a unit of work, which callers and adapters share:
///
/// 1. Nothing slow happens inside a unit: no hashing, no signing, no call to elsewhere. A use case holds one handle at
///    a time.
/// 2. A write that depends on something read is conditional, or follows a lock.
/// 3. A refusal that must leave a trace is a value, which is committed first and turned into an error after.
/// 4. Ids, times and random values are arguments: an adapter makes none.
/// 5. Uniqueness comes from the index, never from look-then-insert.
/// 6. A unit that opens, re-keys or revokes sessions locks the user first.
/// 7. A write whose caller got an error is not made after that: the caller retries, or relies on nothing having changed. A
///    store that may receive a statement late MUST refuse it by a deadline. What remains unknown is only whether a write
///    was made before the error.
#[async_trait]
pub trait Store: Send + Sync {
    /// A view to read from. Each call on it MUST see all that was committed before the call.
    async fn read(&self) -> Result<Box<dyn ReadView>, StoreError>;

    /// A unit of work. Its writes MUST become visible to others together, at its commit, and not at all if it is
    /// rolled back or dropped; what was committed MUST survive the death of the process, unless the store is in memory.
    async fn begin(&self) -> Result<Box<dyn UnitOfWork>, StoreError>;

    /// Exchanges a refresh token for its successor, as [`Rotation::refusal`] says, in a unit of its own. Of many attempts
    /// with one token at once exactly one MUST be [`RotationOutcome::Rotated`].
    ///
    /// It stands here, and not in a unit, so that a store can do it in one statement.
    async fn rotate_session(&self, rotation: &Rotation) -> Result<RotationOutcome, StoreError>;

    /// Opens a session, records its event and replaces the hash where there is another one, all or nothing, in a unit of
    /// its own. It MUST be [`OpeningOutcome::Overtaken`] unless the user [fits](Opening::fits) at that moment, and MUST wait
    /// for a unit that has locked the user: no session is opened past a deactivation or a change of the password. What exceeds
    /// [`Opening::max_sessions`] MUST [give way](Opening::eviction) in the same unit, however many are opened at once.
    ///
    /// It stands here, and not in a unit, so that a store can do it in one statement.
    async fn open_session(&self, opening: &Opening) -> Result<OpeningOutcome, StoreError> {
        self.begin().await?.open_session(opening).await
    }

    /// Adds a user and records the event, all or nothing, in a unit of its own. If the address is taken, nothing MUST change;
    /// of many with one address at once exactly one MUST be [`Inserted::Inserted`].
    ///
    /// It stands here, and not in a unit, so that a store can do it in one statement.
    async fn register_user(&self, registration: &Registration) -> Result<Inserted, StoreError> {
        self.begin().await?.register_user(registration).await
    }

    /// All users as they are now, to be read in peace.
    async fn snapshot(&self) -> Result<Box<dyn UserSnapshot>, StoreError>;

    /// Whether the store answers. It MUST ask the store itself, every time.
    async fn ping(&self) -> Result<(), StoreError>;

    /// Lets go of files and connections, once what runs has ended.
    async fn close(&self);
}

/// What can be read, a call at a time. It has no way to write. Whatever implements the readers is one.
pub trait ReadView:
    UserReader + CredentialReader + SessionReader + ServiceClientReader + AuditReader
{
}

impl<T: UserReader + CredentialReader + SessionReader + ServiceClientReader + AuditReader> ReadView for T {}

impl<'a> dyn ReadView + 'a {
    /// Users.
    pub fn users(&mut self) -> &mut (dyn UserReader + 'a) {
        self
    }

    /// Users with their passwords.
    pub fn credentials(&mut self) -> &mut (dyn CredentialReader + 'a) {
        self
    }

    /// Sessions.
    pub fn sessions(&mut self) -> &mut (dyn SessionReader + 'a) {
        self
    }

    /// Service clients.
    pub fn service_clients(&mut self) -> &mut (dyn ServiceClientReader + 'a) {
        self
    }

    /// Audit events.
    pub fn audit(&mut self) -> &mut (dyn AuditReader + 'a) {
        self
    }
}

/// The writes of one transaction. Dropping it rolls back.
#[async_trait]
pub trait UnitOfWork:
    UserRepository + CredentialRepository + SessionRepository + ServiceClientRepository + AuditLog + UserTransfer
{
    /// Makes all writes durable and visible. An error MUST mean that it is not known whether they are, but that they are not
    /// made any later.
    async fn commit(self: Box<Self>) -> Result<(), StoreError>;

    /// Undoes all writes.
    async fn rollback(self: Box<Self>) -> Result<(), StoreError>;
}

impl<'a> dyn UnitOfWork + 'a {
    /// Users.
    pub fn users(&mut self) -> &mut (dyn UserRepository + 'a) {
        self
    }

    /// Passwords.
    pub fn credentials(&mut self) -> &mut (dyn CredentialRepository + 'a) {
        self
    }

    /// Sessions.
    pub fn sessions(&mut self) -> &mut (dyn SessionRepository + 'a) {
        self
    }

    /// Service clients.
    pub fn service_clients(&mut self) -> &mut (dyn ServiceClientRepository + 'a) {
        self
    }

    /// Audit events.
    pub fn audit(&mut self) -> &mut (dyn AuditLog + 'a) {
        self
    }

    /// Users by the hundred.
    pub fn transfer(&mut self) -> &mut (dyn UserTransfer + 'a) {
        self
    }

    /// Opens a session step by step, and commits it.
    pub async fn open_session(mut self: Box<Self>, opening: &Opening) -> Result<OpeningOutcome, StoreError> {
        let found = self.users().lock(opening.session.user_id).await?;
        let Some(mut user) = found.filter(|user| opening.fits(user)) else {
            self.rollback().await?;
            return Ok(OpeningOutcome::Overtaken);
        };
        if let Some(hash) = &opening.rehashed {
            self.credentials().rehash(user.id, user.credential_version, hash).await?;
        }
        user.sessions_epoch = self.sessions().make_room(opening, &user).await?;
        self.sessions().insert(&opening.session_of(&user)).await?;
        self.audit().record(&opening.event).await?;
        self.commit().await?;
        Ok(OpeningOutcome::Opened(user))
    }

    /// Adds a user step by step, and commits it.
    pub async fn register_user(
        mut self: Box<Self>,
        registration: &Registration,
    ) -> Result<Inserted, StoreError> {
        let inserted = self.users().insert(&registration.account).await?;
        match inserted {
            Inserted::Inserted => {
                self.audit().record(&registration.event).await?;
                self.commit().await?;
            }
            Inserted::EmailTaken => self.rollback().await?,
        }
        Ok(inserted)
    }
}
