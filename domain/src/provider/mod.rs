//! The OpenID provider: users log in to applications on the pages of this service (OpenID Connect Core 1.0; RFC 6749;
//! RFC 9700).
//!
//! A [`request`] is checked first. [`authorize`] decides which page it needs and grants it; [`exchange`] turns the code
//! into tokens, [`refresh`] renews them, and [`userinfo`] returns what the application may know about the user.
//! [`consents`] shows and withdraws what users allowed, and [`logout`] ends the browser session.

pub mod authorize;
mod claims;
pub mod consents;
mod error;
pub mod exchange;
pub mod logout;
mod model;
mod pkce;
mod ports;
pub mod refresh;
pub mod request;
mod rules;
mod tokens;
pub mod userinfo;

pub use claims::CLAIMS;
pub(crate) use claims::{ClaimSet, claims_of};
pub use error::ErrorCode;
pub use model::{AuthorizationCode, AuthorizationCodeId, Consent};
pub use pkce::PkceChallenge;
pub use ports::{AuthorizationCodeReader, AuthorizationCodeRepository, ConsentReader, ConsentRepository};
pub use request::AuthorizationRequest;
pub use tokens::Tokens;
