//! Pending registrations: accounts that will exist once their mailbox is proven.

mod code;
mod model;
mod ports;

pub(crate) use code::{derive_code, derive_link};
pub use model::{PendingRegistration, VerificationId};
pub use ports::{PendingRegistrationReader, PendingRegistrationRepository};
