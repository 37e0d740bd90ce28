//! Entities and value objects.

mod email;
mod event;
mod ids;
mod page;
mod password;
mod session;
mod tier;
mod token;
mod user;

pub use email::{Email, InvalidEmail};
pub use event::{AuditEvent, AuditEventKind};
pub use ids::{AuditEventId, SessionId, UserId};
pub use page::{Cursor, Page, PageRequest};
pub use password::{Password, PasswordHash};
pub use session::{ClientInfo, Revocation, RevocationReason, Session};
pub use tier::{InvalidTier, InvalidTierCatalog, Tier, TierCatalog};
pub use token::{AccessClaims, IssuedToken, PlainToken, RefreshClaims, TokenDigest, TokenId, TokenPair};
pub use user::{User, UserChange, UserFilter};
