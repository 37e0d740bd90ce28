//! Authentication of requests: bearer tokens, and the credentials of service clients.

mod authorization;
pub(in crate::http) mod bearer;
pub(in crate::http) mod service_client;
