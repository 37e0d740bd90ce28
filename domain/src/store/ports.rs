use async_trait::async_trait;

use crate::account::import::{UserSnapshot, UserTransfer};
use crate::account::{Inserted, Registration, UserReader, UserRepository};
use crate::action_token::{ActionTokenReader, ActionTokenRepository};
use crate::audit::{AuditLog, AuditReader};
use crate::challenge::{ChallengeReader, ChallengeRepository};
use crate::client::{ClientReader, ClientRepository};
use crate::credential::{CredentialReader, CredentialRepository};
use crate::factor::{FactorReader, FactorRepository};
use crate::kernel::StoreError;
use crate::outbox::{Letter, OutboxReader, OutboxRepository};
use crate::pending_registration::{PendingRegistrationReader, PendingRegistrationRepository};
use crate::provider::{
    AuthorizationCodeReader, AuthorizationCodeRepository, ConsentReader, ConsentRepository,
};
use crate::session::{
    Rotation, RotationOutcome, SessionReader, SessionRepository, SessionStart, SessionStartOutcome,
};
use crate::trusted_device::{TrustedDeviceReader, TrustedDeviceRepository};

/// Stores users, sessions and audit events.
///
/// The rules of a unit of work, which bind callers and adapters:
///
/// 1. Nothing slow happens inside a unit: no hashing, no signing, no remote call. A use case holds one handle at a
///    time.
/// 2. A write that depends on a read is conditional, or follows a lock.
/// 3. A refusal that must leave a trace is a value: it is committed first and then turned into an error.
/// 4. Ids, times and random values are arguments: an adapter generates none.
/// 5. Uniqueness comes from the index, never from look-then-insert.
/// 6. A unit that starts, re-keys or revokes sessions locks the user first.
/// 7. A write whose caller got an error is not made later: the caller retries, or relies on nothing having changed. A
///    store that may receive a statement late MUST refuse it by a deadline. It remains unknown only whether a write was
///    made before the error.
#[async_trait]
pub trait Store: Send + Sync {
    /// Opens a view to read from. Each call on it MUST see all that was committed before the call.
    async fn read(&self) -> Result<Box<dyn ReadView>, StoreError>;

    /// Begins a unit of work. Its writes MUST become visible to others together, at its commit, and not at all if it is
    /// rolled back or dropped. Committed data MUST survive a crash of the process, unless the store is in memory.
    async fn begin(&self) -> Result<Box<dyn UnitOfWork>, StoreError>;

    /// Exchanges a refresh token for its successor by the rules of [`Rotation::refusal`], in its own unit of work. Of
    /// many concurrent attempts with one token exactly one MUST be [`RotationOutcome::Rotated`].
    ///
    /// It is a method of the store, and not of a unit, so that a store can use a single statement.
    async fn rotate_session(&self, rotation: &Rotation) -> Result<RotationOutcome, StoreError>;

    /// Starts a session, records its event and replaces the hash if there is a new one: all or nothing, in its own unit
    /// of work. It MUST be [`SessionStartOutcome::ChangedMeanwhile`] unless the user [fits](SessionStart::fits) at that
    /// moment, and MUST wait for a unit that has locked the user: no session starts past a deactivation or a password
    /// change. Sessions that exceed [`SessionStart::max_sessions`] MUST be [evicted](SessionStart::eviction) in the
    /// same unit, however many start concurrently.
    ///
    /// It is a method of the store, and not of a unit, so that a store can use a single statement.
    async fn open_session(&self, start: &SessionStart) -> Result<SessionStartOutcome, StoreError> {
        self.begin().await?.open_session(start).await
    }

    /// Adds a user and records the event: all or nothing, in its own unit of work. If the address is taken, it MUST
    /// change nothing; of many concurrent calls with one address exactly one MUST be [`Inserted::Inserted`].
    ///
    /// It is a method of the store, and not of a unit, so that a store can use a single statement.
    async fn register_user(&self, registration: &Registration) -> Result<Inserted, StoreError> {
        self.begin().await?.register_user(registration).await
    }

    /// Takes a snapshot of all users, which later writes do not change.
    async fn snapshot(&self) -> Result<Box<dyn UserSnapshot>, StoreError>;

    /// Checks that the store responds. It MUST query the store itself, every time.
    async fn ping(&self) -> Result<(), StoreError>;

    /// Closes files and connections when running operations have ended.
    async fn close(&self);
}

/// A read-only view of the store, for one call at a time. Every type that implements the readers is one.
pub trait ReadView:
    UserReader
    + CredentialReader
    + SessionReader
    + ClientReader
    + AuditReader
    + ActionTokenReader
    + PendingRegistrationReader
    + OutboxReader
    + FactorReader
    + ChallengeReader
    + TrustedDeviceReader
    + AuthorizationCodeReader
    + ConsentReader
{
}

impl<T> ReadView for T where
    T: UserReader
        + CredentialReader
        + SessionReader
        + ClientReader
        + AuditReader
        + ActionTokenReader
        + PendingRegistrationReader
        + OutboxReader
        + FactorReader
        + ChallengeReader
        + TrustedDeviceReader
        + AuthorizationCodeReader
        + ConsentReader
{
}

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

    /// Clients.
    pub fn clients(&mut self) -> &mut (dyn ClientReader + 'a) {
        self
    }

    /// Audit events.
    pub fn audit(&mut self) -> &mut (dyn AuditReader + 'a) {
        self
    }

    /// Action tokens.
    pub fn action_tokens(&mut self) -> &mut (dyn ActionTokenReader + 'a) {
        self
    }

    /// Pending registrations.
    pub fn pending_registrations(&mut self) -> &mut (dyn PendingRegistrationReader + 'a) {
        self
    }

    /// Letters.
    pub fn outbox(&mut self) -> &mut (dyn OutboxReader + 'a) {
        self
    }

    /// Second factors.
    pub fn factors(&mut self) -> &mut (dyn FactorReader + 'a) {
        self
    }

    /// Challenges.
    pub fn challenges(&mut self) -> &mut (dyn ChallengeReader + 'a) {
        self
    }

    /// Trusted devices.
    pub fn trusted_devices(&mut self) -> &mut (dyn TrustedDeviceReader + 'a) {
        self
    }

    /// Authorization codes.
    pub fn authorization_codes(&mut self) -> &mut (dyn AuthorizationCodeReader + 'a) {
        self
    }

    /// Consents.
    pub fn consents(&mut self) -> &mut (dyn ConsentReader + 'a) {
        self
    }
}

/// The writes of one transaction. Dropping it rolls back.
#[async_trait]
pub trait UnitOfWork:
    UserRepository
    + CredentialRepository
    + SessionRepository
    + ClientRepository
    + AuditLog
    + ActionTokenRepository
    + PendingRegistrationRepository
    + OutboxRepository
    + FactorRepository
    + ChallengeRepository
    + TrustedDeviceRepository
    + AuthorizationCodeRepository
    + ConsentRepository
    + UserTransfer
{
    /// Makes all writes durable and visible. An error MUST mean that it is unknown whether they were made, but that
    /// they are not made later.
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

    /// Clients.
    pub fn clients(&mut self) -> &mut (dyn ClientRepository + 'a) {
        self
    }

    /// Audit events.
    pub fn audit(&mut self) -> &mut (dyn AuditLog + 'a) {
        self
    }

    /// Action tokens.
    pub fn action_tokens(&mut self) -> &mut (dyn ActionTokenRepository + 'a) {
        self
    }

    /// Pending registrations.
    pub fn pending_registrations(&mut self) -> &mut (dyn PendingRegistrationRepository + 'a) {
        self
    }

    /// Letters.
    pub fn outbox(&mut self) -> &mut (dyn OutboxRepository + 'a) {
        self
    }

    /// Second factors.
    pub fn factors(&mut self) -> &mut (dyn FactorRepository + 'a) {
        self
    }

    /// Challenges.
    pub fn challenges(&mut self) -> &mut (dyn ChallengeRepository + 'a) {
        self
    }

    /// Trusted devices.
    pub fn trusted_devices(&mut self) -> &mut (dyn TrustedDeviceRepository + 'a) {
        self
    }

    /// Authorization codes.
    pub fn authorization_codes(&mut self) -> &mut (dyn AuthorizationCodeRepository + 'a) {
        self
    }

    /// Consents.
    pub fn consents(&mut self) -> &mut (dyn ConsentRepository + 'a) {
        self
    }

    /// Users in bulk.
    pub fn transfer(&mut self) -> &mut (dyn UserTransfer + 'a) {
        self
    }

    /// Starts a session step by step, and commits it.
    pub async fn open_session(
        mut self: Box<Self>,
        start: &SessionStart,
    ) -> Result<SessionStartOutcome, StoreError> {
        let found = self.users().lock(start.session.user_id).await?;
        let Some(mut user) = found.filter(|user| start.fits(user)) else {
            self.rollback().await?;
            return Ok(SessionStartOutcome::ChangedMeanwhile);
        };
        if let Some(hash) = &start.rehashed {
            self.credentials().rehash(user.id, user.credential_version, hash).await?;
        }
        user.sessions_epoch = self.sessions().make_room(start, &user).await?;
        self.sessions().insert(&start.session_of(&user)).await?;
        self.audit().record(&start.event).await?;
        if let Some(notice) = &start.notice {
            self.outbox().insert_once_since(notice, notice.created_at - Letter::NOTICE_INTERVAL).await?;
        }
        self.commit().await?;
        Ok(SessionStartOutcome::Opened(user))
    }

    /// Adds a user step by step, and commits it.
    pub async fn register_user(
        mut self: Box<Self>,
        registration: &Registration,
    ) -> Result<Inserted, StoreError> {
        let user = &registration.account.user;
        let mut inserted = self.users().insert(&registration.account).await?;
        if inserted == Inserted::Inserted
            && registration.respects_reservations
            && self.action_tokens().is_reserved(&user.email, user.id, user.created_at).await?
        {
            inserted = Inserted::EmailTaken;
        }
        match inserted {
            Inserted::Inserted => {
                self.audit().record(&registration.event).await?;
                if let Some((token, letter)) = &registration.verification {
                    self.action_tokens().insert(token).await?;
                    self.outbox().insert(letter).await?;
                }
                self.commit().await?;
            }
            Inserted::EmailTaken => self.rollback().await?,
        }
        Ok(inserted)
    }
}
