use async_trait::async_trait;
use time::OffsetDateTime;

use super::{PendingRegistration, VerificationId};
use crate::kernel::{Email, StoreError, TokenDigest};

/// Reads pending registrations.
#[async_trait]
pub trait PendingRegistrationReader: Send {
    /// The registration with this id. It may have expired.
    async fn by_id(&mut self, id: VerificationId) -> Result<Option<PendingRegistration>, StoreError>;

    /// The newest registration with this address, in its normalised form. It may have expired.
    async fn newest_of(&mut self, email: &Email) -> Result<Option<PendingRegistration>, StoreError>;
}

/// Writes pending registrations, within a unit of work.
#[async_trait]
pub trait PendingRegistrationRepository: Send {
    /// Adds a registration, and deletes the oldest ones of its address beyond
    /// [`PER_ADDRESS`](PendingRegistration::PER_ADDRESS). Concurrent calls may exceed the limit by their number.
    async fn insert(&mut self, registration: &PendingRegistration) -> Result<(), StoreError>;

    /// Counts an attempt at the current code, and returns the registration. `None` if the registration does not exist, no
    /// attempt is left, or the code or the registration is not valid after `now`: it MUST change nothing then. However
    /// many calls are concurrent, no more than the attempts that are left MUST succeed.
    async fn count_attempt(
        &mut self,
        id: VerificationId,
        now: OffsetDateTime,
    ) -> Result<Option<PendingRegistration>, StoreError>;

    /// Replaces the code: sets the round, the attempts and the expiry of the code. If the registration does not exist or
    /// is in another round than `round - 1`, it MUST change nothing and return `false`.
    async fn renew_code(
        &mut self,
        id: VerificationId,
        round: i64,
        attempts: i16,
        expires_at: OffsetDateTime,
    ) -> Result<bool, StoreError>;

    /// Spends a registration: deletes it, if the digest of its token is this one and it is valid after `now`. If not, it
    /// MUST change nothing and return `false`. Of many concurrent calls exactly one MUST return `true`.
    async fn spend(
        &mut self,
        id: VerificationId,
        digest: &TokenDigest,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError>;

    /// Deletes all registrations with this address, in its normalised form, and returns their number.
    async fn delete_all(&mut self, email: &Email) -> Result<u64, StoreError>;

    /// Deletes at most `limit` registrations that expired before `before`, and returns their number. If sweeps run
    /// concurrently, exactly one MUST delete and count each registration; in a store with several writers, a sweep MUST
    /// skip what another sweep is deleting, and not wait for it.
    async fn sweep(&mut self, before: OffsetDateTime, limit: u16) -> Result<u64, StoreError>;
}
