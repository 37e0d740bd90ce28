use std::sync::Arc;
use std::time::Duration;

use poem_openapi::{ApiResponse, OpenApi};

use super::dto::{Health, HealthChecks, HealthStatus, Liveness, ServiceInfo};
use crate::http::shared::responses::{self, Answer, Json};
use crate::http::shared::state::AppState;
use crate::http::shared::tags::ApiTags;

pub(in crate::http) struct HealthApi(pub(in crate::http) Arc<AppState>);

/// Maximum response time of the database.
const MAX_PING: Duration = Duration::from_secs(2);
/// When to check again, in seconds.
pub(super) const RETRY_AFTER: u64 = 2;

#[derive(ApiResponse)]
pub(super) enum HealthAnswer {
    /// The service is ready for requests.
    #[oai(status = 200)]
    Ready(Json<Health>),
    /// The service is not ready for requests. `checks` shows the cause.
    #[oai(status = 503)]
    NotReady(
        Json<Health>,
        /// When to check again, in seconds.
        #[oai(header = "Retry-After")]
        u64,
    ),
}

#[OpenApi(tag = "ApiTags::Service")]
impl HealthApi {
    /// Get service information
    ///
    /// Returns the name and version of the service, and links to its documentation.
    #[oai(path = "/", method = "get", operation_id = "get_service_info")]
    async fn info(&self) -> Answer<Json<ServiceInfo>, responses::Always> {
        Ok(Json(ServiceInfo {
            name: self.0.project_name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            docs: self.0.issuer.at("/docs"),
            openapi: self.0.issuer.at("/openapi.json"),
        }))
    }

    /// Check readiness
    ///
    /// For load balancers: whether the service is ready for requests. A `degraded` component still works, so it does
    /// not change the status 200.
    #[oai(path = "/health", method = "get", operation_id = "get_health")]
    async fn health(&self) -> Answer<HealthAnswer, responses::Health> {
        let database = match tokio::time::timeout(MAX_PING, self.0.core.store.ping()).await {
            Ok(Ok(())) => HealthStatus::Ok,
            Ok(Err(error)) => {
                tracing::warn!(%error, "the database does not answer");
                HealthStatus::Unavailable
            }
            Err(_) => {
                tracing::warn!("the database does not answer in time");
                HealthStatus::Unavailable
            }
        };
        let rate_limiter =
            if self.0.limits.is_degraded() { HealthStatus::Degraded } else { HealthStatus::Ok };
        let is_ahead = self.0.core.clock.signing_time().is_err();
        let clock = if is_ahead { HealthStatus::Unavailable } else { HealthStatus::Ok };
        let status = match database {
            _ if self.0.is_draining() => HealthStatus::Stopping,
            HealthStatus::Ok => clock,
            database => database,
        };
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let health = Json(Health { status, version, checks: HealthChecks { database, rate_limiter, clock } });
        Ok(match status {
            HealthStatus::Ok => HealthAnswer::Ready(health),
            _ => HealthAnswer::NotReady(health, RETRY_AFTER),
        })
    }

    /// Check liveness
    ///
    /// For process supervisors: whether the process runs. It does not check the database or other dependencies, because
    /// a restart would not repair them.
    #[oai(path = "/health/live", method = "get", operation_id = "get_liveness")]
    async fn live(&self) -> Answer<Json<Liveness>, responses::Always> {
        Ok(Json(Liveness { status: HealthStatus::Ok }))
    }
}
