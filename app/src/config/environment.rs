//! The environment: development or production.

/// The kind of deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Environment {
    /// The service generates missing keys.
    Development,
    /// The service generates nothing that is missing.
    Production,
}
