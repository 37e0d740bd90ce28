use poem_openapi::Enum;

use crate::http::shared::body::object;

object! {
    /// What this service is.
    pub(super) ServiceInfo {
        /// The name that its operator gave it.
        pub(super) name: String = "Inwren Auth".to_owned(),
        /// The version of the software.
        pub(super) version: String = env!("CARGO_PKG_VERSION").to_owned(),
        /// Where people read about the interface.
        pub(super) docs: String = "/docs".to_owned(),
        /// Where programs do.
        pub(super) openapi: String = "/openapi.json".to_owned(),
    }
}

object! {
    /// Whether the service is ready for requests.
    pub(super) Health {
        /// The whole of it.
        pub(super) status: HealthStatus = HealthStatus::Ok,
        /// The version of the software.
        pub(super) version: String = env!("CARGO_PKG_VERSION").to_owned(),
        /// Its parts.
        pub(super) checks: HealthChecks = HealthChecks::example(),
    }
}

object! {
    /// What the service needs.
    pub(super) HealthChecks {
        /// Where users and sessions are kept.
        pub(super) database: HealthStatus = HealthStatus::Ok,
        /// What bounds how often who may do what.
        pub(super) rate_limiter: HealthStatus = HealthStatus::Ok,
        /// The clock. While it is ahead of the system clock, no token is signed.
        pub(super) clock: HealthStatus = HealthStatus::Ok,
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

object! {
    /// The process runs.
    pub(super) Liveness {
        /// Always `ok`.
        pub(super) status: HealthStatus = HealthStatus::Ok,
    }
}
