//! Values that every feature uses: ids, time, randomness, secrets, addresses, pages.

pub(crate) mod base32;
pub(crate) mod base64url;
mod client_info;
mod clock;
mod device;
mod email;
mod entropy;
mod ids;
mod locale;
mod page;
mod secret;
mod store_error;

pub use client_info::{AddressBlock, ClientInfo, ClientNetwork};
pub use clock::{Clock, ClockAhead};
pub use device::Device;
pub(crate) use email::normalize_prefix;
pub use email::{Email, InvalidEmail};
pub use entropy::{Entropy, EntropyError};
pub use ids::{SessionId, UserId};
pub(crate) use ids::{id, uuid_v7};
pub use locale::Locale;
pub use page::{AgeCursor, Page, PageRequest, UserCursor};
pub use secret::{PlainToken, TokenDigest, TokenId};
pub(crate) use secret::{equal, random_secret};
pub use store_error::StoreError;
