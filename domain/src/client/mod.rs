//! Service clients: how an operator manages them, and how they obtain a token.

pub mod client_credentials;
pub mod manage;
mod ports;
mod service_client;

pub use ports::{ServiceClientReader, ServiceClientRepository};
pub use service_client::{InvalidServiceClientName, ServiceClient, ServiceClientId, ServiceClientName};
