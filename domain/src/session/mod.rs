//! Sessions: start, rotation, refresh, logout, revocation, and the caller that a token names.

pub mod admin;
mod authenticate;
pub mod introspect;
mod issue;
mod legacy;
mod lock;
pub mod logout;
pub mod manage;
mod model;
mod new_device;
mod not_authenticated;
mod ports;
pub mod refresh;
mod rekeyed;
pub mod revoke;
mod rotation;
mod session_start;
pub(crate) mod start;
mod undelivered;

pub(crate) use authenticate::is_still_in;
pub use authenticate::{Principal, authenticate, authenticate_to_enrol};
pub(crate) use issue::{access_token, refresh_expiry, refresh_token};
pub(crate) use legacy::end_tokens as end_legacy_tokens;
pub(crate) use lock::{lock, lock_unchanged};
pub use model::{Revocation, RevocationReason, Session};
pub use not_authenticated::NotAuthenticated;
pub use ports::{SessionReader, SessionRepository};
pub(crate) use rekeyed::rekeyed;
pub use rotation::{Rekey, Rotation, RotationOutcome};
pub use session_start::{Eviction, REVOKED_AT_ONCE, SessionStart, SessionStartOutcome};
pub use undelivered::UndeliveredRotations;
