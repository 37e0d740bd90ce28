//! Entities and value objects.

mod account;
mod assurance;
mod client;
mod email;
mod event;
mod hash_scheme;
mod ids;
mod legacy_token;
mod page;
mod password;
mod service_client;
mod session;
mod tier;
mod token;
mod user;

pub use account::Account;
pub use assurance::{Acr, Amr, Assurance};
pub use client::{AddressBlock, ClientInfo, ClientNetwork};
pub use email::{Email, InvalidEmail};
pub use event::{AuditEvent, AuditEventKind, Subject};
pub use hash_scheme::HashScheme;
pub use ids::{AuditEventId, ServiceClientId, SessionId, UserId};
pub use legacy_token::{LegacyClaims, LegacySubject};
pub use page::{AgeCursor, Page, PageRequest, UserCursor};
pub use password::{Password, PasswordHash};
pub use service_client::{InvalidServiceClientName, ServiceClient, ServiceClientName};
pub use session::{Revocation, RevocationReason, Session};
pub use tier::{InvalidTier, InvalidTierCatalog, Tier, TierCatalog};
pub(crate) use token::random_secret;
pub use token::{
    AccessClaims, ClientClaims, FIRST_PARTY_CLIENT, IssuedToken, PlainToken, RefreshClaims, TokenDigest,
    TokenId, TokenPair,
};
pub use user::{User, UserChange, UserFilter};
