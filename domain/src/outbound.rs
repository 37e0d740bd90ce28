//! The port for requests to addresses that an operator or a client names.

use async_trait::async_trait;

/// Sends requests to other services.
#[async_trait]
pub trait Outbound: Send + Sync {
    /// Sends a form by `POST`, and returns the status of the response.
    ///
    /// It MUST resolve the host first and connect to that very address; refuse addresses that are not public, such as
    /// loopback, private, link-local, shared, multicast and metadata addresses, unless the operator allows them; refuse
    /// `http`, except to addresses that the operator allows; follow no redirect; end within five seconds without a
    /// connection and within ten in all; and read at most 64 KiB.
    async fn post_form(&self, url: &str, fields: &[(&str, &str)]) -> Result<u16, OutboundError>;
}

/// Why a request failed. The text is for the operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct OutboundError(pub String);
