use poem_openapi::Enum;

use crate::http::shared::body::object;

object! {
    /// The service and its documentation.
    pub(super) ServiceInfo {
        /// The name of the service, as its operator configured it.
        pub(super) name: String = "Inwren Auth".to_owned(),
        /// The version of the software.
        pub(super) version: String = env!("CARGO_PKG_VERSION").to_owned(),
        /// The path of the interactive documentation.
        pub(super) docs: String = "/docs".to_owned(),
        /// The path of the OpenAPI document.
        pub(super) openapi: String = "/openapi.json".to_owned(),
    }
}

object! {
    /// The readiness of the service and its components.
    pub(super) Health {
        /// The overall status.
        pub(super) status: HealthStatus = HealthStatus::Ok,
        /// The version of the software.
        pub(super) version: String = env!("CARGO_PKG_VERSION").to_owned(),
        /// The status of each component.
        pub(super) checks: HealthChecks = HealthChecks::example(),
    }
}

object! {
    /// The status of each component.
    pub(super) HealthChecks {
        /// The database.
        pub(super) database: HealthStatus = HealthStatus::Ok,
        /// The rate limiter.
        pub(super) rate_limiter: HealthStatus = HealthStatus::Ok,
        /// The clock of the service. While it is ahead of the system clock, the service signs no tokens.
        pub(super) clock: HealthStatus = HealthStatus::Ok,
    }
}

/// The status of a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename = "HealthStatus", rename_all = "snake_case")]
pub(super) enum HealthStatus {
    /// It works as configured.
    Ok,
    /// It works, but with a fallback that is weaker than configured.
    Degraded,
    /// It does not work.
    Unavailable,
    /// It is shutting down.
    Stopping,
}

object! {
    /// The liveness of the process.
    pub(super) Liveness {
        /// Always `ok`.
        pub(super) status: HealthStatus = HealthStatus::Ok,
    }
}
