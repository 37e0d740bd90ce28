use poem_openapi::{Enum, Object};

/// What this service is.
#[derive(Object)]
#[oai(rename = "ServiceInfo", example)]
pub(super) struct ServiceInfo {
    /// The name that its operator gave it.
    pub(super) name: String,
    /// The version of the software.
    pub(super) version: String,
    /// Where people read about the interface.
    pub(super) docs: String,
    /// Where programs do.
    pub(super) openapi: String,
}

impl poem_openapi::types::Example for ServiceInfo {
    fn example() -> Self {
        Self {
            name: "Inwren Auth".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            docs: "/docs".to_owned(),
            openapi: "/openapi.json".to_owned(),
        }
    }
}

/// Whether the service is ready for requests.
#[derive(Object)]
#[oai(rename = "Health", example)]
pub(super) struct Health {
    /// The whole of it.
    pub(super) status: HealthStatus,
    /// The version of the software.
    pub(super) version: String,
    /// Its parts.
    pub(super) checks: HealthChecks,
}

impl poem_openapi::types::Example for Health {
    fn example() -> Self {
        Self {
            status: HealthStatus::Ok,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            checks: HealthChecks::example(),
        }
    }
}

/// What the service needs.
#[derive(Object)]
#[oai(rename = "HealthChecks", example)]
pub(super) struct HealthChecks {
    /// Where users and sessions are kept.
    pub(super) database: HealthStatus,
    /// What bounds how often who may do what.
    pub(super) rate_limiter: HealthStatus,
    /// The clock. While it is ahead of the system clock, no token is signed.
    pub(super) clock: HealthStatus,
}

impl poem_openapi::types::Example for HealthChecks {
    fn example() -> Self {
        Self { database: HealthStatus::Ok, rate_limiter: HealthStatus::Ok, clock: HealthStatus::Ok }
    }
}

/// How well something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename = "HealthStatus", rename_all = "snake_case")]
pub(super) enum HealthStatus {
    /// As it should be.
    Ok,
    /// It does its work, but less well than configured.
    Degraded,
    /// It does not do its work.
    Unavailable,
    /// It is about to stop.
    Stopping,
}

/// The process runs.
#[derive(Object)]
#[oai(rename = "Liveness", example)]
pub(super) struct Liveness {
    /// Always `ok`.
    pub(super) status: HealthStatus,
}

impl poem_openapi::types::Example for Liveness {
    fn example() -> Self {
        Self { status: HealthStatus::Ok }
    }
}
