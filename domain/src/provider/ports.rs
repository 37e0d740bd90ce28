use async_trait::async_trait;
use time::OffsetDateTime;

use super::{AuthorizationCode, AuthorizationCodeId, Consent};
use crate::client::ClientUid;
use crate::kernel::{StoreError, TokenDigest, UserId};

/// Reads authorization codes.
#[async_trait]
pub trait AuthorizationCodeReader: Send {
    /// The code with this digest. It may have been spent, or have expired.
    async fn by_digest(&mut self, digest: &TokenDigest) -> Result<Option<AuthorizationCode>, StoreError>;
}

/// Writes authorization codes. The deletion of the user or of the client MUST delete them.
#[async_trait]
pub trait AuthorizationCodeRepository: Send {
    /// Adds a code.
    async fn insert(&mut self, code: &AuthorizationCode) -> Result<(), StoreError>;

    /// Spends a code: sets its [`spent_at`](AuthorizationCode::spent_at), if it has none, has attempts left and is valid
    /// after `now`. If not, it MUST change nothing and return `false`. Of many concurrent calls exactly one MUST return
    /// `true`.
    async fn spend(&mut self, id: AuthorizationCodeId, now: OffsetDateTime) -> Result<bool, StoreError>;

    /// Counts a wrong presentation of a code that has attempts left.
    async fn count_wrong(&mut self, id: AuthorizationCodeId) -> Result<(), StoreError>;

    /// Deletes at most `limit` codes that expired before `before`, and returns their number. If sweeps run concurrently,
    /// exactly one MUST delete and count each code; in a store with several writers, a sweep MUST skip what another sweep
    /// is deleting, and not wait for it.
    async fn sweep(&mut self, before: OffsetDateTime, limit: u16) -> Result<u64, StoreError>;
}

/// Reads consents.
#[async_trait]
pub trait ConsentReader: Send {
    /// What the user allows this application.
    async fn of(&mut self, user: UserId, client: ClientUid) -> Result<Option<Consent>, StoreError>;

    /// All consents of the user. They MUST be in the order of their creation.
    async fn of_user(&mut self, user: UserId) -> Result<Vec<Consent>, StoreError>;
}

/// Writes consents, within a unit of work that has locked the user. The deletion of the user or of the client MUST
/// delete them.
#[async_trait]
pub trait ConsentRepository: Send {
    /// What the user allows this application, as the unit sees it.
    async fn current(&mut self, user: UserId, client: ClientUid) -> Result<Option<Consent>, StoreError>;

    /// Stores a consent. If the user has one for the application already, it MUST get the new scope and
    /// [`updated_at`](Consent::updated_at), and keep its [`created_at`](Consent::created_at).
    async fn put(&mut self, consent: &Consent) -> Result<(), StoreError>;

    /// Deletes a consent. If there is none, it MUST return `false`.
    async fn delete(&mut self, user: UserId, client: ClientUid) -> Result<bool, StoreError>;
}
