//! What the core asks of the outside.
//!
//! Every sentence with MUST is an obligation of the adapter, and has a case in the conformance suite.

mod audit;
mod clock;
mod credentials;
mod entropy;
mod foreign_users;
mod hasher;
mod hooked;
mod key_directory;
mod legacy_tokens;
mod limiter;
mod maintenance;
mod opening;
mod registration;
mod service_clients;
mod sessions;
mod store;
mod store_error;
mod tokens;
mod transfer;
mod users;

pub use audit::{AuditLog, AuditReader};
pub use clock::{Clock, ClockAhead};
pub use credentials::{CredentialReader, CredentialRepository};
pub use entropy::{Entropy, EntropyError};
pub use foreign_users::{ForeignTable, ForeignUser, ForeignUsers};
pub use hasher::{AcceptedHashes, HasherError, PasswordHasher, Requester, Standing, Verification};
pub use hooked::{HookedStore, StoreHook};
pub use key_directory::{KeyDirectory, KeyState, PublishedKey};
pub use legacy_tokens::LegacyTokenVerifier;
pub use limiter::{Decision, LimitKey, LimiterMetrics, Quota, RateLimiter};
pub use maintenance::{
    Checkpoint, FormerAddress, Maintenance, Migration, MigrationError, PoolMetrics, Schema,
};
pub use opening::{Eviction, Opening, OpeningOutcome, REVOKED_AT_ONCE};
pub use registration::Registration;
pub use service_clients::{ServiceClientReader, ServiceClientRepository};
pub use sessions::{Rekey, Rotation, RotationOutcome, SessionReader, SessionRepository};
pub use store::{ReadView, Store, UnitOfWork};
pub use store_error::StoreError;
pub use tokens::{InvalidToken, SigningError, TokenIssuer, TokenVerifier};
pub use transfer::{UserSnapshot, UserTransfer};
pub use users::{Inserted, Updated, UserReader, UserRepository};
