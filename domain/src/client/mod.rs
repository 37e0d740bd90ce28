//! Clients: applications that users log in to, and services that act on their own behalf; how an operator manages them,
//! how they authenticate, and the access tokens that they get for themselves.

pub mod apply;
pub mod authenticate;
pub mod manage;
mod model;
mod ports;
mod redirect_uri;
mod scope;
mod settings;
pub mod token;

pub use model::{
    AuthMethod, Client, ClientId, ClientKind, ClientName, ClientSecret, ClientSecretId, ClientSettings,
    ClientState, ClientUid, FIRST_PARTY_CLIENT, GrantType, InvalidClientId, InvalidClientName,
};
pub use ports::{ClientAssertions, ClientReader, ClientRepository, VerifiedAssertion};
pub use redirect_uri::{InvalidRedirectUri, RedirectUri};
pub use scope::{InvalidScope, Scope};
pub use settings::InvalidSettings;
