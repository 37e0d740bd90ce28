use async_trait::async_trait;
use time::OffsetDateTime;

use super::{Client, ClientId, ClientSecret, ClientSecretId, ClientUid};
use crate::kernel::{Page, PageRequest, PlainToken, StoreError, TokenDigest};

/// Reads clients.
#[async_trait]
pub trait ClientReader: Send {
    /// The client with this id, active or not.
    async fn by_id(&mut self, id: &ClientId) -> Result<Option<Client>, StoreError>;

    /// The client with this permanent id, active or not.
    async fn by_uid(&mut self, uid: ClientUid) -> Result<Option<Client>, StoreError>;

    /// The secrets of a client, valid or not. They MUST be in the order of their creation.
    async fn secrets(&mut self, client: ClientUid) -> Result<Vec<ClientSecret>, StoreError>;

    /// A page of all clients. They MUST be in the order of their ids, bytewise; the cursor is the id of the last client
    /// of the page before.
    async fn page(&mut self, page: PageRequest<ClientId>) -> Result<Page<Client, ClientId>, StoreError>;

    /// All clients in the order of their creation.
    async fn all(&mut self) -> Result<Vec<Client>, StoreError>;
}

/// Writes clients.
#[async_trait]
pub trait ClientRepository: Send {
    /// Adds a client. If another client has its id or its name, it MUST change nothing and return `false`.
    async fn insert(&mut self, client: &Client) -> Result<bool, StoreError>;

    /// Stores the settings of the client with this [`Client::uid`], and when they changed. If there is none, or another
    /// client has the name, it MUST change nothing and return `false`.
    async fn update(&mut self, client: &Client) -> Result<bool, StoreError>;

    /// Deletes a client, with its secrets, consents, codes and used assertions. If there is none with this id, it MUST
    /// return `false`.
    async fn delete(&mut self, client: ClientUid) -> Result<bool, StoreError>;

    /// Locks the client until the unit ends, and returns it as it is then.
    async fn lock(&mut self, client: ClientUid) -> Result<Option<Client>, StoreError>;

    /// Adds a secret of a client, within a unit that has locked the client or is adding it.
    async fn insert_secret(&mut self, secret: &ClientSecret) -> Result<(), StoreError>;

    /// Counts the client's secrets, within a unit that has locked the client.
    async fn count_secrets(&mut self, client: ClientUid) -> Result<usize, StoreError>;

    /// Deletes a secret of the client. If there is none with this id, it MUST return `false`.
    async fn delete_secret(&mut self, id: ClientSecretId, client: ClientUid) -> Result<bool, StoreError>;

    /// Records that the client used the assertion with this digest, until it expires. If it did before, it MUST change
    /// nothing and return `false`. Of many concurrent calls exactly one MUST return `true`.
    async fn use_assertion(
        &mut self,
        client: ClientUid,
        digest: &TokenDigest,
        expires_at: OffsetDateTime,
    ) -> Result<bool, StoreError>;

    /// Deletes at most `limit` records of assertions that expired before `before`, and returns their number. If sweeps
    /// run concurrently, exactly one MUST delete and count each record; in a store with several writers, a sweep MUST
    /// skip what another sweep is deleting, and not wait for it.
    async fn sweep_assertions(&mut self, before: OffsetDateTime, limit: u16) -> Result<u64, StoreError>;
}

/// Verifies the tokens by which clients authenticate (`private_key_jwt`; RFC 7523 section 3).
pub trait ClientAssertions: Send + Sync {
    /// Returns the client that an assertion names, as its `sub`. Nothing is verified.
    fn client_of(&self, assertion: &str) -> Option<ClientId>;

    /// Verifies an assertion. It MUST accept only `RS256`, `PS256` and `ES256`, by a key of the set whose use and
    /// algorithm permit that; `iss` and `sub` of this client; an `aud` that names the issuer or the token endpoint of
    /// this service and nothing else; a `jti`; an `exp` in the future, and at most an hour from now; an `iat` and an
    /// `nbf`, if present, that are not further in the future than clocks differ.
    fn verify(
        &self,
        assertion: &PlainToken,
        client: &ClientId,
        jwks: &str,
        now: OffsetDateTime,
    ) -> Option<VerifiedAssertion>;

    /// Whether the text is a JWK set (RFC 7517 section 5) with at least one public key that can verify assertions, and
    /// no private key.
    fn is_key_set(&self, jwks: &str) -> bool;
}

/// An assertion whose signature and claims are valid. It may have been used before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedAssertion {
    /// `jti`.
    pub id: String,
    /// `exp`.
    pub expires_at: OffsetDateTime,
}
